//! What the control API answers when it does not do what was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

/// A refusal, RFC 9457. Some have further members for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// `about:blank`
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// For programs.
    pub code: String,
    /// For people.
    pub detail: String,
}

/// Every status that a refusal of the control API may have, for the description of a route.
impl utoipa::IntoResponses for crate::http::problem::Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let rows = [
            ("400", "the request is not what it should be"),
            ("401", "the token is missing or wrong"),
            ("403", "from a page of another origin, or under a foreign name"),
            ("404", "there is no such thing"),
            ("409", "it is not possible now"),
            ("413", "it is too large"),
            ("503", "the store failed"),
        ];
        let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
        let response =
            |text| ResponseBuilder::new().description(text).content("application/problem+json", content()).build();
        rows.into_iter().map(|(status, text)| (status.to_owned(), RefOr::T(response(text)))).collect()
    }
}
