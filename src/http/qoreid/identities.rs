//! `POST /v1/ng/identities/{product}/{number}`: a look-up, answered at once (docs.qoreid.com/docs/nin-with-phone-number).
//!
//! A mismatch is an answer, not an error. Where the source is down the call fails, or is queued and answered by a webhook.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::form::Form;
use super::{Desk, Refusal, answer, schema, state_of, submit};
use crate::provider::Environment;
use crate::provider::qoreid::wire::{Subject, body};
use crate::provider::qoreid::{Applicant, Json, Lookup, Phase, Product, Submission};

/// Looks up a number that stands in the body.
#[utoipa::path(
    post, path = "/v1/ng/identities/{product}", operation_id = "look_up_account",
    request_body = schema::AccountLookUp,
    params(("product" = String, Path, description = "`nuban`", pattern = "^nuban$")),
    responses((status = 200, description = "what was found", body = schema::Identity), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn without_number(
    State(desk): State<Arc<Desk>>,
    Path(product): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    look_up(&desk, &headers, &product, None, &body).await
}

/// Looks up a number that stands in the path.
#[utoipa::path(
    post, path = "/v1/ng/identities/{product}/{number}", operation_id = "look_up", request_body = schema::LookUp,
    params(
        ("product" = String, Path, description = "which register", pattern = "^(nin|nin-phone|bvn-basic|virtual-nin)$"),
        ("number" = String, Path, description = "whose", pattern = "^[0-9A-Za-z]{1,100}$"),
    ),
    responses((status = 200, description = "what was found", body = schema::Identity), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn with_number(
    State(desk): State<Arc<Desk>>,
    Path((product, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    look_up(&desk, &headers, &product, Some(number), &body).await
}

/// Looks a Ghana card up; the path is known from customers' code.
#[utoipa::path(
    post, path = "/v1/gh/identities/ghana-id/{number}", operation_id = "look_up_ghana_card", request_body = schema::LookUp,
    params(("number" = String, Path, description = "whose", pattern = "^[0-9A-Za-z]{1,100}$")),
    responses((status = 200, description = "what was found", body = schema::Identity), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn ghana_card(
    State(desk): State<Arc<Desk>>,
    Path(number): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let environment = desk.admit(&headers)?;
    found(&desk, environment, Lookup::GhanaId, Some(number), Form::read(&body)?).await
}

/// Looks a company up; the path is known from customers' code.
#[utoipa::path(
    post, path = "/v2/ng/identities/cac-basic", operation_id = "look_up_company", request_body = schema::CompanyLookUp,
    responses((status = 200, description = "what was found", body = schema::Identity), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn company(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let environment = desk.admit(&headers)?;
    found(&desk, environment, Lookup::CacBasic, None, Form::read(&body)?).await
}

async fn look_up(
    desk: &Desk,
    headers: &HeaderMap,
    product: &str,
    number: Option<String>,
    bytes: &[u8],
) -> Result<Response, Refusal> {
    let environment = desk.admit(headers)?;
    // Elsewhere than below this path.
    let elsewhere = [Lookup::GhanaId, Lookup::CacBasic];
    let fits = |lookup: &Lookup| !elsewhere.contains(lookup) && (*lookup == Lookup::Nuban) == number.is_none();
    let lookup = product
        .parse()
        .ok()
        .filter(fits)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("Cannot POST /v1/ng/identities/{product}")))?;
    found(desk, environment, lookup, number, Form::read(bytes)?).await
}

async fn found(
    desk: &Desk,
    environment: Environment,
    lookup: Lookup,
    number: Option<String>,
    mut form: Form,
) -> Result<Response, Refusal> {
    let applicant = if lookup == Lookup::CacBasic { Applicant::default() } else { form.person() };
    let number = number.unwrap_or_else(|| {
        if lookup == Lookup::CacBasic {
            return form.needed("regNumber");
        }
        form.needed("bankCode");
        form.needed("accountNumber")
    });
    if number.chars().count() > 100 {
        form.complain("idNumber must be shorter than or equal to 100 characters");
    }
    // The sample names no reference, so one is made that does not carry the whole number.
    let tail: String = number.chars().skip(number.chars().count().saturating_sub(4)).collect();
    let reference = form.text("customerReference").unwrap_or_else(|| format!("{lookup}-{tail}"));
    form.finish()?;
    let submission = Submission { applicant, lookup, id_number: Some(number), ..Submission::default() };
    let journey = submit(desk, environment, Product::Identity, reference, submission).await?;
    let state = state_of(&journey)?;
    match state.phase {
        Phase::Failed => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "The source is not available")),
        _ => Ok(answer(StatusCode::OK, &Json::Object(body::identity(state, Subject::of(&journey))))),
    }
}
