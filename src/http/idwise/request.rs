//! What is read of a request: a part of the path, and a JSON object as a body. Both refuse as the provider does.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// A body that is no submission may have so many bytes.
const BODY_MAX: usize = 256 * 1024;

/// Parts of the path, percent-decoded.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Path(path.0)).map_err(|error| Refusal::missing(error.body_text()))
    }
}

/// A JSON object, whatever its content type says. Members that are not known are ignored, as the provider asks of others.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        read(&whole(request, BODY_MAX).await?).map(Body)
    }
}

/// All of a body, at most `max` bytes.
pub(super) async fn whole(request: Request, max: usize) -> Result<axum::body::Bytes, Refusal> {
    let failed = |error: axum::Error| match std::error::Error::source(&error) {
        Some(cause) if cause.is::<http_body_util::LengthLimitError>() => {
            Refusal::too_large(format!("the body is larger than {max} bytes"))
        }
        _ => Refusal::bad_request("the body did not come whole"),
    };
    axum::body::to_bytes(request.into_body(), max).await.map_err(failed)
}

/// Reads an object.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let members: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| {
        Refusal::bad_request(format!("the body is no JSON object (line {}, column {})", error.line(), error.column()))
    })?;
    T::deserialize(Value::Object(members)).map_err(|error| Refusal::bad_request(format!("the body: {error}")))
}
