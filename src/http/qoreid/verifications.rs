//! Addresses, employments, guarantors and properties: submitted, and read back by id.
//!
//! Members are those of docs.qoreid.com/docs/tier-iii-address, employment-verification and guarantor-verification. A page
//! about properties, and one about reading back, was not found: both are made after the others.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::form::Form;
use super::{Desk, Refusal, answer, schema, state_of, submit};
use crate::app::AppError;
use crate::outbox::JourneyQuery;
use crate::provider::Journey;
use crate::provider::qoreid::wire::{Subject, body};
use crate::provider::qoreid::{Json, Product, Submission};

/// Has an address visited.
#[utoipa::path(
    post, path = "/v1/addresses", operation_id = "submit_address", request_body = schema::Place,
    responses((status = 201, description = "submitted", body = schema::Verification), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn address(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    take(&desk, &headers, Product::Address, &body, located).await
}

/// Has an address visited; what the page adds about the building is let be.
#[utoipa::path(
    post, path = "/v1/addresses/pro", operation_id = "submit_address_pro", request_body = schema::Place,
    responses((status = 201, description = "submitted", body = schema::Verification), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn address_pro(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    take(&desk, &headers, Product::Address, &body, located).await
}

/// Has a property visited.
#[utoipa::path(
    post, path = "/v1/properties", operation_id = "submit_property", request_body = schema::Place,
    responses((status = 201, description = "submitted", body = schema::Verification), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn property(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    take(&desk, &headers, Product::Property, &body, located).await
}

/// Has an employer asked.
#[utoipa::path(
    post, path = "/v1/employments", operation_id = "submit_employment", request_body = schema::Employment,
    responses((status = 201, description = "submitted", body = schema::Verification), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn employment(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let read = |form: &mut Form| Submission {
        employer_name: Some(form.needed("employerName")),
        employer_email: Some(form.needed("employerEmail")),
        employer_phone: Some(form.needed("employerPhone")),
        job_title: form.text("jobTitle"),
        start_date: form.text("startDate"),
        end_date: form.text("endDate"),
        currently_employed: form.truth("currentlyEmployed"),
        ..Submission::default()
    };
    take(&desk, &headers, Product::Employment, &body, read).await
}

/// Has a guarantor asked.
#[utoipa::path(
    post, path = "/v1/guarantors", operation_id = "submit_guarantor", request_body = schema::Guarantor,
    responses((status = 201, description = "submitted", body = schema::Verification), Refusal),
    security(("qoreid_token" = [])),
)]
pub(super) async fn guarantor(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let read = |form: &mut Form| Submission {
        firstname: Some(form.needed("firstname")),
        lastname: Some(form.needed("lastname")),
        phone: Some(form.needed("phone")),
        email: Some(form.needed("email")),
        acceptable_id_type: form.texts("acceptableIdType"),
        verify_address: form.truth("verifyAddress"),
        street: form.text("street"),
        lga_name: form.text("lgaName"),
        landmark: form.text("landmark"),
        ..Submission::default()
    };
    take(&desk, &headers, Product::Guarantor, &body, read).await
}

fn located(form: &mut Form) -> Submission {
    Submission {
        street: Some(form.needed("street")),
        lga_name: Some(form.needed("lgaName")),
        state_name: Some(form.needed("stateName")),
        city: Some(form.needed("city")),
        landmark: form.text("landmark"),
        ..Submission::default()
    }
}

async fn take(
    desk: &Desk,
    headers: &HeaderMap,
    product: Product,
    bytes: &[u8],
    read: impl FnOnce(&mut Form) -> Submission,
) -> Result<Response, Refusal> {
    let environment = desk.admit(headers)?;
    let mut form = Form::read(bytes)?;
    let reference = form.needed("customerReference");
    let submission = Submission { applicant: form.applicant(), ..read(&mut form) };
    form.finish()?;
    let journey = submit(desk, environment, product, reference, submission).await?;
    let members = body::last_mile(state_of(&journey)?, Subject::of(&journey));
    Ok(answer(StatusCode::CREATED, &Json::Object(members)))
}

macro_rules! read_back {
    ($($(#[$doc:meta])* $name:ident: $product:ident),+) => {$(
        $(#[$doc])*
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            Path(id): Path<String>,
            headers: HeaderMap,
        ) -> Result<Response, Refusal> {
            show(&desk, &headers, Product::$product, &id)
        }
    )+};
}

read_back!(
    /// A verification as it is now.
    #[utoipa::path(
        get, path = "/v1/addresses/{id}", operation_id = "show_address",
        params(("id" = u64, Path, description = "as it was submitted under")),
        responses((status = 200, description = "as it is now", body = schema::Verification), Refusal),
        security(("qoreid_token" = [])),
    )]
    show_address: Address,
    /// A verification as it is now.
    #[utoipa::path(
        get, path = "/v1/employments/{id}", operation_id = "show_employment",
        params(("id" = u64, Path, description = "as it was submitted under")),
        responses((status = 200, description = "as it is now", body = schema::Verification), Refusal),
        security(("qoreid_token" = [])),
    )]
    show_employment: Employment,
    /// A verification as it is now.
    #[utoipa::path(
        get, path = "/v1/guarantors/{id}", operation_id = "show_guarantor",
        params(("id" = u64, Path, description = "as it was submitted under")),
        responses((status = 200, description = "as it is now", body = schema::Verification), Refusal),
        security(("qoreid_token" = [])),
    )]
    show_guarantor: Guarantor,
    /// A verification as it is now.
    #[utoipa::path(
        get, path = "/v1/properties/{id}", operation_id = "show_property",
        params(("id" = u64, Path, description = "as it was submitted under")),
        responses((status = 200, description = "as it is now", body = schema::Verification), Refusal),
        security(("qoreid_token" = [])),
    )]
    show_property: Property
);

/// A verification of the caller's environment, by the id that it was submitted under.
fn show(desk: &Desk, headers: &HeaderMap, product: Product, id: &str) -> Result<Response, Refusal> {
    let environment = desk.admit(headers)?;
    let missing = || Refusal::new(StatusCode::NOT_FOUND, format!("{product} {id} not found"));
    let number: u64 = id.parse().map_err(|_| missing())?;
    // Pages run by number, so the one that begins at this number begins with the journey, if there is one.
    let page = desk.app.outbox.journeys(&JourneyQuery::default(), Some(number), 1).map_err(AppError::from)?;
    let own = |journey: &Journey| journey.number == number && journey.environment == environment;
    let journey = page.items.into_iter().next().filter(own).ok_or_else(missing)?;
    let state = state_of(&journey)?;
    if state.product != product {
        return Err(missing());
    }
    Ok(answer(StatusCode::OK, &Json::Object(body::last_mile(state, Subject::of(&journey)))))
}
