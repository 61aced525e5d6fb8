//! The predecessor's payloads: `type` in place of `event`, and completions only.
//!
//! Members are those of docs.verifyme.ng/webhooks/verified-address and of customers' code; what no verification here
//! finds out is left out. `lattitude` is the documented spelling.

use super::Subject;
use super::body::{Members, neighbor};
use crate::clock::Timestamp;
use crate::provider::qoreid::{Event, Json, Kind, Product, State, Status, Submission};

/// The members of `data`; `None` for what VerifyMe never sent.
pub(super) fn data(event: &Event, subject: Subject<'_>) -> Option<Members> {
    let state = &*event.state;
    if event.kind != Kind::Completed || !state.product.is_last_mile() {
        return None;
    }
    let submission = state.submission();
    let mut members = vec![
        ("id", subject.id.into()),
        ("applicant", applicant(&submission)),
        ("createdAt", instant(state.requested_at)),
        ("completedAt", instant(state.completed_at)),
    ];
    members.extend(particulars(state, &submission));
    members.extend([("status", status(state)), ("reference", format!("VMN_{}", subject.id).into())]);
    members.push(("customerReference", subject.reference.into()));
    Some(members)
}

fn particulars(state: &State, s: &Submission) -> Members {
    let text = |value: &Option<String>| Json::text_or_null(value.as_deref());
    match state.product {
        Product::Employment => vec![
            ("employerName", text(&s.employer_name)),
            ("employerPhone", text(&s.employer_phone)),
            ("employerEmail", text(&s.employer_email)),
            ("startDate", text(&s.start_date)),
            ("endDate", text(&s.end_date)),
            ("title", text(&s.job_title)),
        ],
        Product::Guarantor => vec![
            ("firstname", text(&s.firstname)),
            ("lastname", text(&s.lastname)),
            ("phone", text(&s.phone)),
            ("email", text(&s.email)),
            ("acceptableIdType", Json::List(s.acceptable_id_type.iter().map(|kind| kind.as_str().into()).collect())),
            ("verifyAddress", s.verify_address.unwrap_or_default().into()),
        ],
        _ => vec![
            ("lattitude", "6.52626".into()),
            ("longitude", "3.35714".into()),
            ("photos", Json::List(Vec::new())),
            ("neighbor", neighbor(state)),
            ("city", text(&s.city)),
            ("street", text(&s.street)),
            ("lga", text(&s.lga_name)),
            ("state", text(&s.state_name)),
            ("country", "Nigeria".into()),
        ],
    }
}

/// VerifyMe knew `VERIFIED` and `UNVERIFIED`; why not stands at `subStatus` (docs.verifyme.ng/product-statuses-1).
fn status(state: &State) -> Json {
    let write = |word: &str| Json::from(state.casing.write(state.product, word));
    let ended = state.status.unwrap_or(Status::Unverified);
    let status = if ended == Status::Verified { Status::Verified } else { Status::Unverified };
    Json::Object(vec![
        ("status", write(status.as_str())),
        ("subStatus", write(ended.sub_status())),
        ("state", write("COMPLETE")),
    ])
}

fn applicant(s: &Submission) -> Json {
    let text = |value: &Option<String>| Json::text_or_null(value.as_deref());
    let a = &s.applicant;
    Json::Object(vec![
        ("firstname", text(&a.firstname)),
        ("lastname", text(&a.lastname)),
        ("phone", text(&a.phone)),
        ("idType", text(&a.id_type)),
        ("idNumber", text(&a.id_number)),
        ("middlename", text(&a.middlename)),
        ("gender", text(&a.gender)),
        ("birthdate", text(&a.dob)),
    ])
}

/// As JavaScript's `Date.toString()` writes it.
fn instant(at: Option<Timestamp>) -> Json {
    let form = "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)";
    at.map_or(Json::Null, |at| at.to_chrono().format(form).to_string().into())
}
