//! `POST /v1/sessions`: a session for the SDK, by HTTP Basic (docs.qoreid.com/docs/sdk-session-tokens).
//!
//! Sessions are not verifications: nothing follows from one here. A repeated `Idempotency-Key` gets the first answer; the
//! last ones are remembered in memory, and a restart forgets them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::form::Form;
use super::{Desk, Refusal, answer};
use crate::provider::Environment;
use crate::provider::qoreid::Json;

/// So many keyed answers are remembered: a retry comes within minutes, and the list is bounded.
const REMEMBERED: usize = 1_000;

/// A session lasts so long at most, and when nobody says how long: "minutes-long".
const LONGEST: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Minted {
    environment: Environment,
    key: String,
    request: blake3::Hash,
    answer: Json,
}

/// What was minted under a key, oldest first, and how many sessions there were.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<(VecDeque<Minted>, u64)>);

/// Mints a session for the SDK. docs.qoreid.com/docs/sdk-session-tokens
#[utoipa::path(
    post, path = "/v1/sessions", operation_id = "mint_session", request_body = super::schema::AnySession,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repetition gets the first answer")),
    responses((status = 201, description = "a session", body = super::schema::Minted), Refusal),
    security(("qoreid_pair" = [])),
)]
pub(super) async fn mint(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let environment = desk.admit_basic(&headers)?;
    let lasts = check(&body)?;
    let key = headers.get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let request = blake3::hash(&body);
    let mut sessions = desk.sessions.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = |minted: &&Minted| minted.environment == environment && Some(&minted.key) == key.as_ref();
    if let Some(minted) = sessions.0.iter().find(known) {
        return match minted.request == request {
            true => Ok(answer(StatusCode::CREATED, &minted.answer)),
            false => Err(Refusal::new(StatusCode::CONFLICT, "Idempotency-Key was used for another request")),
        };
    }
    sessions.1 += 1;
    let now = desk.app.now();
    let place: [&[u8]; 3] = [b"qoreid-session", &now.as_micros().to_le_bytes(), &sessions.1.to_le_bytes()];
    let mut draw = desk.app.seed.draw(&place);
    let mut hex = |parts: usize| (0..parts).map(|_| format!("{:016x}", draw.u64())).collect::<String>();
    let minted = Json::Object(vec![
        ("sessionId", format!("sess_{}", hex(2)).into()),
        ("sdkSessionToken", hex(4).into()),
        ("expiresAt", (now + lasts).to_rfc3339().into()),
    ]);
    if let Some(key) = key {
        if sessions.0.len() == REMEMBERED {
            sessions.0.pop_front();
        }
        sessions.0.push_back(Minted { environment, key, request, answer: minted.clone() });
    }
    Ok(answer(StatusCode::CREATED, &minted))
}

/// Whether the request is one, and how long its session lasts.
fn check(body: &[u8]) -> Result<Duration, Refusal> {
    let mut form = Form::read(body)?;
    form.needed("reference");
    let workflow = match form.text("type").as_deref() {
        None | Some("collection") => false,
        Some("workflow") => true,
        Some(_) => {
            form.complain("type must be one of the following values: collection, workflow");
            false
        }
    };
    match (form.has("productCode"), form.has("workflowId")) {
        (true, true) => form.complain("productCode and workflowId exclude each other"),
        (false, false) => form.complain("productCode or workflowId should not be empty"),
        (product, _) if product == workflow => {
            form.complain("a collection has a productCode, and a workflow a workflowId");
        }
        _ => {}
    }
    if form.has("productCode") {
        form.needed("productCode");
    }
    form.text("subjectRef");
    form.count("workflowId");
    form.count("maxAttempts");
    let seconds = form.count("ttlSeconds");
    form.finish()?;
    Ok(seconds.map_or(LONGEST, Duration::from_secs).min(LONGEST))
}
