//! A submission's files and texts, as a form or as JSON. Files are measured, hashed and dropped while they come in.
//!
//! Never stored, never logged: what is left of a file is its length and its BLAKE3 digest, which go back to the sender and
//! nowhere else.

use std::collections::BTreeMap;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::refusal::Refusal;
use super::request;

/// A file may have so many bytes.
const FILE_MAX: usize = 10 * 1024 * 1024;

/// A submission may have so many: two files in base64, and the texts.
pub(super) const BODY_MAX: usize = 2 * FILE_MAX.div_ceil(3) * 4 + 256 * 1024;

/// A text of a form may have so many.
const TEXT_MAX: usize = 4 * 1024;

/// A form may have so many parts.
const PARTS_MAX: usize = 32;

/// The fields that are files.
const FILES: [&str; 2] = ["image", "image2"];

/// What is left of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct File {
    /// `image` or `image2`.
    field: &'static str,
    /// Its length in bytes.
    bytes: usize,
    /// Its digest in hexadecimal.
    blake3: String,
}

/// A submission.
#[derive(Debug, Default)]
pub(super) struct Submission {
    texts: BTreeMap<String, String>,
    pub(super) files: Vec<File>,
}

impl Submission {
    /// Reads a form (preferred by the provider) or JSON with base64.
    pub(super) async fn read(request: Request) -> Result<Submission, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "multipart/form-data" => {
                let form = Multipart::from_request(request, &()).await;
                of_form(form.map_err(|error| Refusal::bad_request(error.body_text()))?).await
            }
            "application/json" => of_json(&request::whole(request, BODY_MAX).await?),
            _ => {
                let message = "send multipart/form-data, or application/json with files in base64";
                Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
            }
        }
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &str) -> Result<&str, Refusal> {
        let text = self.texts.get(key).map(String::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::bad_request(format!("{key:?} is missing")))
    }

    /// Refuses a submission without its first file.
    pub(super) fn require_image(&self) -> Result<(), Refusal> {
        let there = self.files.iter().any(|file| file.field == "image");
        if there { Ok(()) } else { Err(Refusal::bad_request("the file \"image\" is missing")) }
    }

    fn add(&mut self, file: File) -> Result<(), Refusal> {
        // A form's input that nobody chose a file for comes as an empty file.
        if file.bytes == 0 && file.field != FILES[0] {
            return Ok(());
        }
        if file.bytes == 0 {
            return Err(Refusal::bad_request(format!("the file {:?} is empty", file.field)));
        }
        if self.files.iter().any(|known| known.field == file.field) {
            return Err(Refusal::bad_request(format!("the file {:?} is there twice", file.field)));
        }
        self.files.push(file);
        Ok(())
    }
}

async fn of_form(mut form: Multipart) -> Result<Submission, Refusal> {
    let mut submission = Submission::default();
    let mut parts = 0;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        parts += 1;
        if parts > PARTS_MAX {
            return Err(Refusal::bad_request(format!("the form has more than {PARTS_MAX} parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        match FILES.into_iter().find(|file| *file == name) {
            Some(file) => submission.add(drain(field, file).await?)?,
            None => {
                let text = text(field).await?;
                submission.texts.insert(name, text);
            }
        }
    }
    Ok(submission)
}

/// Measures and hashes a file chunk by chunk; none is kept.
async fn drain(mut field: Field<'_>, name: &'static str) -> Result<File, Refusal> {
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes += chunk.len();
        if bytes > FILE_MAX {
            return Err(too_large(name));
        }
        hasher.update(&chunk);
    }
    Ok(File { field: name, bytes, blake3: hasher.finalize().to_hex().to_string() })
}

async fn text(mut field: Field<'_>) -> Result<String, Refusal> {
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        text.extend_from_slice(&chunk);
        if text.len() > TEXT_MAX {
            return Err(Refusal::bad_request(format!("a text of the form is longer than {TEXT_MAX} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| Refusal::bad_request("a text of the form is not UTF-8"))
}

fn of_json(body: &[u8]) -> Result<Submission, Refusal> {
    let members: Map<String, Value> = request::read(body)?;
    let mut submission = Submission::default();
    for (key, value) in members {
        let file = FILES.into_iter().find(|file| *file == key);
        match (file, value) {
            (_, Value::Null) => {}
            (Some(name), Value::String(encoded)) => submission.add(decoded(name, &encoded)?)?,
            (Some(name), _) => return Err(Refusal::bad_request(format!("{name:?} must be a string in base64"))),
            (None, Value::String(text)) => {
                submission.texts.insert(key, text);
            }
            // Other members may be anything; an id that is no text is found to be missing.
            (None, _) => {}
        }
    }
    Ok(submission)
}

fn decoded(name: &'static str, encoded: &str) -> Result<File, Refusal> {
    let bytes = STANDARD.decode(encoded).map_err(|_| Refusal::bad_request(format!("{name:?} is not base64")))?;
    if bytes.len() > FILE_MAX {
        return Err(too_large(name));
    }
    Ok(File { field: name, bytes: bytes.len(), blake3: blake3::hash(&bytes).to_hex().to_string() })
}

fn too_large(name: &str) -> Refusal {
    Refusal::too_large(format!("the file {name:?} is larger than {FILE_MAX} bytes"))
}

fn broken(error: MultipartError) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large("the submission is too large"),
        _ => Refusal::bad_request(format!("the form: {}", error.body_text())),
    }
}
