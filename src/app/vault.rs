//! Where the secrets of webhooks live that were made through the API: one file beside the store that nobody else may read.
//!
//! The store itself holds none. The file is replaced as a whole, never written into, so that a crash leaves the old one or
//! the new one. Without a path, as the memory outbox has none, they are gone with the process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::secret::Secret;

const FILE: &str = "webhook-secrets.json";

/// The secrets of one webhook, by their place in its definition: `/auth/password`.
pub(super) type Secrets = BTreeMap<String, Secret>;

/// The places of a definition that hold secrets; every value of `/headers` is one too.
const PLACES: [&str; 3] = ["/auth/password", "/auth/token", "/auth/secret"];

#[derive(Debug)]
pub(super) struct Vault {
    path: Option<PathBuf>,
    kept: Mutex<BTreeMap<String, Secrets>>,
}

impl Vault {
    /// Opens the file in `dir`, where there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(dir: Option<&Path>) -> io::Result<Vault> {
        let path = dir.map(|dir| dir.join(FILE));
        let kept = match path.as_ref().map(fs::read) {
            Some(Ok(bytes)) => {
                let texts: BTreeMap<String, BTreeMap<String, String>> =
                    serde_json::from_slice(&bytes).map_err(|error| placed(path.as_deref(), error.into()))?;
                let secrets = |texts: BTreeMap<String, String>| {
                    texts.into_iter().map(|(place, text)| (place, Secret::new(text))).collect()
                };
                texts.into_iter().map(|(name, texts)| (name, secrets(texts))).collect()
            }
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(placed(path.as_deref(), error)),
            _ => BTreeMap::new(),
        };
        Ok(Vault { path, kept: Mutex::new(kept) })
    }

    /// What is kept of a webhook.
    pub(super) fn of(&self, name: &str) -> Secrets {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// Keeps the secrets of a webhook in place of those that it had; durable at return. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be written; the old one stands then.
    pub(super) fn keep(&self, name: &str, secrets: Secrets) -> io::Result<()> {
        let mut kept = self.lock();
        let mut next = kept.clone();
        match secrets.is_empty() {
            true => next.remove(name),
            false => next.insert(name.to_owned(), secrets),
        };
        if next == *kept {
            return Ok(());
        }
        if let Some(path) = &self.path {
            write(path, &next)?;
        }
        *kept = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Secrets>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error that says which file it is about.
fn placed(path: Option<&Path>, error: io::Error) -> io::Error {
    let path = path.unwrap_or(Path::new(FILE)).display();
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn write(path: &Path, secrets: &BTreeMap<String, Secrets>) -> io::Result<()> {
    let exposed: BTreeMap<&str, BTreeMap<&str, &str>> = secrets
        .iter()
        .map(|(name, of)| (name.as_str(), of.iter().map(|(place, s)| (place.as_str(), s.expose())).collect()))
        .collect();
    let text = serde_json::to_vec_pretty(&exposed)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".secrets").tempfile_in(dir)?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

/// Takes the secrets out of a definition: where each was, `null` is left.
pub(super) fn take(definition: &mut Value) -> Secrets {
    let headers = definition["headers"].as_object().map(|headers| headers.keys().cloned().collect::<Vec<_>>());
    let headers = headers.unwrap_or_default().into_iter().map(|name| format!("/headers/{}", escaped(&name)));
    let places: Vec<String> = PLACES.iter().map(|place| (*place).to_owned()).chain(headers).collect();
    let mut secrets = Secrets::new();
    for place in places {
        if let Some(Value::String(text)) = definition.pointer_mut(&place).map(Value::take) {
            secrets.insert(place, Secret::new(text));
        }
    }
    secrets
}

/// Puts secrets back to where [`take`] found them.
pub(super) fn put_back(definition: &mut Value, secrets: &Secrets) {
    for (place, secret) in secrets {
        if let Some(slot) = definition.pointer_mut(place) {
            *slot = Value::String(secret.expose().to_owned());
        }
    }
}

/// A name as a JSON pointer (RFC 6901) spells it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_leave_a_definition_and_come_back() {
        let whole = json!({
            "name": "a", "auth": { "type": "basic", "username": "me", "password": "pass-word" },
            "headers": { "X-Api/Key~1": "key-word", "X-Other": "other-word" },
        });
        let mut bare = whole.clone();
        let secrets = take(&mut bare);
        assert_eq!(secrets.len(), 3);
        let text = bare.to_string();
        assert!(!text.contains("-word") && text.contains("\"me\""), "{text}");
        put_back(&mut bare, &secrets);
        assert_eq!(bare, whole);
    }

    #[test]
    fn the_file_is_for_its_owner_alone_and_outlives_the_process() {
        let dir = tempfile::tempdir().expect("a directory");
        let secrets = |text: &str| Secrets::from([("/auth/token".to_owned(), Secret::new(text))]);
        let vault = Vault::open(Some(dir.path())).expect("none yet");
        vault.keep("a", secrets("one")).expect("kept");
        vault.keep("b", secrets("two")).expect("kept");
        vault.keep("a", Secrets::new()).expect("dropped");
        let mode = fs::metadata(dir.path().join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let vault = Vault::open(Some(dir.path())).expect("a vault");
        assert_eq!((vault.of("a"), vault.of("b")), (Secrets::new(), secrets("two")));
        fs::write(dir.path().join(FILE), b"{").expect("bent");
        Vault::open(Some(dir.path())).expect_err("bent");
    }
}
