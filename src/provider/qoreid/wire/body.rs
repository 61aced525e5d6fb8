//! The members of `data`, by product: of today's webhooks and, where they are the same, of the API's answers.
//!
//! Samples are from docs.qoreid.com/docs/webhook-payload-structure and the products' own pages. Employment, guarantor and
//! property have no published webhook: their members are those of the submit answers. Organisation, state and area
//! numbers are those of the samples.

use super::Subject;
use crate::clock::Timestamp;
use crate::provider::qoreid::{
    Applicant, Event, Json, Kind, Phase, Product, State, Status, StepPhase, Submission, persona,
};

/// Members, in order.
pub type Members = Vec<(&'static str, Json)>;

const ORGANISATION: u64 = 86_923;

/// The members of an event's `data`.
pub fn data(event: &Event, subject: Subject<'_>) -> Members {
    let state = &*event.state;
    match (state.product, &event.kind) {
        (Product::Identity, _) => identity(state, subject),
        (Product::Address, Kind::Completed) => address_completed(state, subject),
        (Product::Workflow, kind) => workflow(state, subject, kind),
        _ => last_mile(state, subject),
    }
}

/// `{status, state}`, with `subStatus` for the last mile (docs.qoreid.com/reference/address-verification-status).
pub fn status(state: &State, product: Product) -> Json {
    let write = |word: &str| Json::from(state.casing.write(product, word));
    let (status, sub, phase) = match (state.status, state.phase) {
        (Some(status), Phase::Complete | Phase::Cancelled) => (status.as_str(), status.sub_status(), "COMPLETE"),
        (_, Phase::Queued) => ("PENDING", "PENDING", "PENDING"),
        _ => ("IN_PROGRESS", "IN PROGRESS", "IN_PROGRESS"),
    };
    let mut members = vec![("status", write(status))];
    if product.is_last_mile() {
        members.push(("subStatus", write(sub)));
    }
    members.push(("state", write(phase)));
    Json::Object(members)
}

/// The answer of a look-up, which is also the `data` of its webhook: there is no `customerReference` in the sample.
pub fn identity(state: &State, subject: Subject<'_>) -> Members {
    let submission = state.submission();
    let mut members = vec![("id", subject.id.into()), ("applicant", short_applicant(&submission.applicant))];
    members.push(("status", status(state, Product::Identity)));
    if state.phase == Phase::Complete {
        let forced = Status::forced_by(subject.reference).map(|status| status.as_of(Product::Identity));
        let (summary, record) = looked_up(&submission, forced);
        members.push(("summary", Json::Object(vec![(submission.lookup.check(), summary)])));
        members.extend(record);
    } else {
        members.push(("summary", Json::Null));
    }
    members
}

/// The result under `summary`, and the record that goes with it unless nobody matched.
fn looked_up(submission: &Submission, forced: Option<Status>) -> (Json, Option<(&'static str, Json)>) {
    let found = persona::look_up(submission, forced);
    let fields = found.fields.iter().map(|(name, same)| (*name, Json::from(*same))).collect();
    let summary = Json::Object(vec![("status", found.status.into()), ("fieldMatches", Json::Object(fields))]);
    let number = submission.id_number.as_deref().unwrap_or_default();
    let record = found.persona.map(|p| (submission.lookup.record(), p.record(submission.lookup, number)));
    (summary, record)
}

/// Of a product that people look after, as the submit answers have it.
pub fn last_mile(state: &State, subject: Subject<'_>) -> Members {
    let product = state.product;
    let submission = state.submission();
    let word = match state.status {
        Some(status) if state.phase != Phase::InProgress => status.as_str(),
        _ => "IN_PROGRESS",
    };
    let summary = Json::Object(vec![(product.check(submission.lookup), state.casing.write(product, word).into())]);
    vec![
        ("id", subject.id.into()),
        ("customerReference", subject.reference.into()),
        ("applicant", applicant(&submission.applicant, state, subject)),
        ("summary", summary),
        ("status", status(state, product)),
        (product.as_str(), particulars(product, state, &submission, subject)),
    ]
}

/// An address that was looked at; the verdict stands at `address.status` and at `status` as well.
fn address_completed(state: &State, subject: Subject<'_>) -> Members {
    let submission = state.submission();
    let mut members = asset("address", state, subject);
    members.extend([
        ("identityVerificationId", Json::Null),
        ("stateId", 25.into()),
        ("stateName", Json::text_or_null(submission.state_name.as_deref())),
        ("lgaId", 514.into()),
        ("lgaName", Json::text_or_null(submission.lga_name.as_deref())),
        ("applicationId", subject.id.into()),
        ("neighbor", neighbor(state)),
        ("status", status(state, Product::Address)),
        ("reportURL", format!("https://reports.understudy.invalid/addresses/{}.pdf", subject.id).into()),
    ]);
    vec![
        ("id", subject.id.into()),
        ("summary", Json::Null),
        ("customerReference", subject.reference.into()),
        ("status", status(state, Product::Address)),
        ("address", Json::Object(members)),
    ]
}

/// The neighbour who was asked; nobody where there was no visit.
pub(super) fn neighbor(state: &State) -> Json {
    let comment = match state.status {
        Some(Status::Verified) => "The address exists and the applicant lives there",
        Some(Status::WrongAddress) => "The address exists, the applicant is not known there",
        _ => return Json::Null,
    };
    let name = "A neighbour".into();
    Json::Object(vec![
        ("isAvailable", true.into()),
        ("name", name),
        ("comment", comment.into()),
        ("phone", "08000000002".into()),
    ])
}

/// The object named after the product.
fn particulars(product: Product, state: &State, s: &Submission, subject: Subject<'_>) -> Json {
    let text = |value: &Option<String>| Json::text_or_null(value.as_deref());
    let mut members = asset(product.as_str(), state, subject);
    match product {
        Product::Employment => members.push((
            "employmentDetails",
            Json::Object(vec![
                ("currentlyEmployed", s.currently_employed.map_or(Json::Null, Json::from)),
                ("endDate", text(&s.end_date)),
                ("jobTitle", text(&s.job_title)),
                ("startDate", text(&s.start_date)),
                ("employerName", text(&s.employer_name)),
                ("employerEmail", text(&s.employer_email)),
                ("employerPhone", text(&s.employer_phone)),
            ]),
        )),
        Product::Guarantor => members.extend([
            ("firstname", text(&s.firstname)),
            ("lastname", text(&s.lastname)),
            ("phone", text(&s.phone)),
            ("email", text(&s.email)),
            ("acceptableIdType", Json::List(s.acceptable_id_type.iter().map(|kind| kind.as_str().into()).collect())),
            ("verifyAddress", s.verify_address.unwrap_or_default().into()),
        ]),
        _ => members.extend([
            ("stateId", 25.into()),
            ("stateName", text(&s.state_name)),
            ("lgaId", 514.into()),
            ("lgaName", text(&s.lga_name)),
            ("location", location(s)),
        ]),
    }
    Json::Object(members)
}

fn location(s: &Submission) -> Json {
    let text = |value: &Option<String>| Json::text_or_null(value.as_deref());
    Json::Object(vec![
        ("city", text(&s.city)),
        ("street", text(&s.street)),
        ("initialLatitude", Json::Real(6.52626)),
        ("initialLongitude", Json::Real(3.35714)),
        ("landmark", text(&s.landmark)),
        ("latitude", Json::Real(6.52626)),
        ("longitude", Json::Real(3.35714)),
        ("lgaName", text(&s.lga_name)),
    ])
}

/// What the objects named after a product have in common.
fn asset(code: &'static str, state: &State, subject: Subject<'_>) -> Members {
    vec![
        ("id", subject.id.into()),
        ("verificationTypeCode", code.into()),
        ("organisationId", ORGANISATION.into()),
        ("userId", Json::Null),
        ("approvedAt", instant(state.completed_at)),
        ("requestedAt", instant(state.requested_at)),
        ("requestSource", "api".into()),
        ("archived", false.into()),
        ("apiReference", Json::Null),
    ]
}

/// Of a workflow: what its finished steps found accumulates. Which step an event is about stands at `step`, since the
/// event types alone do not tell two steps apart; that member is this stand-in's own.
fn workflow(state: &State, subject: Subject<'_>, kind: &Kind) -> Members {
    let submission = state.submission();
    let mut members = vec![
        ("id", subject.id.into()),
        ("customerReference", subject.reference.into()),
        ("sessionId", format!("sess_{}", subject.journey).into()),
        ("applicant", short_applicant(&submission.applicant)),
        ("status", status(state, Product::Workflow)),
    ];
    let (mut summary, mut records): (Members, Members) = (Vec::new(), Vec::new());
    for step in &state.steps {
        let StepPhase::Complete(ended) = step.phase else { continue };
        let product = step.definition.product;
        let (check, result, record) = match product {
            Product::Identity => {
                // The step has ended: what it ended in is what the register is made to say.
                let (result, record) = looked_up(&submission, Some(ended));
                (submission.lookup.check(), result, record)
            }
            _ => {
                let alone = State { product, phase: Phase::Complete, status: Some(ended), ..state.clone() };
                let result = Json::Object(vec![("status", state.casing.write(product, ended.as_str()).into())]);
                let record = Json::Object(vec![("status", status(&alone, product))]);
                (product.check(submission.lookup), result, Some((product.as_str(), record)))
            }
        };
        // Two steps of one product share a name; the later one is what stands.
        summary.retain(|(name, _)| *name != check);
        summary.push((check, result));
        if let Some((name, record)) = record {
            records.retain(|(known, _)| *known != name);
            records.push((name, record));
        }
    }
    members.push(("summary", Json::Object(summary)));
    if let Kind::StepStarted(at) | Kind::StepCompleted(at) = kind {
        let definition = &state.steps[*at].definition;
        let step = vec![("id", definition.id.as_str().into()), ("product", definition.product.as_str().into())];
        members.push(("step", Json::Object(step)));
    }
    members.extend(records);
    members
}

/// As the identity sample has it: what was submitted, and nothing else.
fn short_applicant(applicant: &Applicant) -> Json {
    let given = [
        ("firstname", &applicant.firstname),
        ("lastname", &applicant.lastname),
        ("middlename", &applicant.middlename),
        ("phone", &applicant.phone),
        ("dob", &applicant.dob),
        ("email", &applicant.email),
    ];
    Json::Object(given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?.into()))).collect())
}

/// As the address sample has it. A guarantor's applicant has its gender as a list, in that sample.
fn applicant(applicant: &Applicant, state: &State, subject: Subject<'_>) -> Json {
    let text = |value: &Option<String>| Json::text_or_null(value.as_deref());
    let gender = match (state.product, &applicant.gender) {
        (Product::Guarantor, Some(gender)) => Json::List(vec![gender.as_str().into()]),
        (_, gender) => text(gender),
    };
    Json::Object(vec![
        ("createdAt", instant(state.requested_at)),
        ("updatedAt", instant(state.requested_at)),
        ("id", subject.id.into()),
        ("firstname", text(&applicant.firstname)),
        ("middlename", text(&applicant.middlename)),
        ("lastname", text(&applicant.lastname)),
        ("gender", gender),
        ("phone", text(&applicant.phone)),
        ("dob", text(&applicant.dob)),
    ])
}

/// `2023-08-04T15:57:53.000Z`
fn instant(at: Option<Timestamp>) -> Json {
    at.map_or(Json::Null, |at| at.to_rfc3339_millis().into())
}
