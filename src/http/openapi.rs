//! `/openapi.json`: the control API and the provider's own API in one description, made from the handlers themselves.
//!
//! The receiver under `/inbox` is not in it: it answers whatever its caller wishes for.

use axum::http::header;
use axum::{Router, routing::get};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::api;
use super::api::schema::stimulus;
use super::inbox::Inbox;
use crate::provider::ProviderKind;

/// Where a description keeps its shapes.
const SHAPES: &str = "#/components/schemas/";

/// The whole description; `provider` is that of the own API of the provider that is played.
pub fn document(played: ProviderKind, provider: OpenApi) -> Value {
    let mut control = api::openapi();
    control.merge(Inbox::openapi());
    let mut control = json!(control);
    control["components"]["schemas"]["Stimulus"] = stimulus(played);
    control["info"] = json!({
        "title": "understudy",
        "description": "The control API, and the API of the provider that is played.",
        "version": env!("CARGO_PKG_VERSION"),
    });
    secure(&mut control, "token", &json!({ "type": "http", "scheme": "bearer", "description": "[server] token" }));
    let mut provider = json!(provider);
    match played {
        ProviderKind::Idwise => {
            let pair = "API key and secret of an environment";
            secure(&mut provider, "idwise", &json!({ "type": "http", "scheme": "basic", "description": pair }));
        }
        // Its operations say themselves which of the two they want.
        ProviderKind::Qoreid => {
            provider["components"]["securitySchemes"] = json!({
                "qoreid_token": { "type": "http", "scheme": "bearer", "description": "from POST /token" },
                "qoreid_pair": { "type": "http", "scheme": "basic", "description": "clientId and secret" },
            });
        }
    }
    own_shapes(&mut provider, played.as_str());
    merge(&mut control, provider);
    control
}

/// Serves `document`. Open to everybody, as health is: it says nothing of this server's journeys.
pub fn router(document: &Value) -> Router {
    let text = document.to_string();
    Router::new().route("/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], text)))
}

/// Says of every operation that it wants these credentials, or none where the server is open.
fn secure(description: &mut Value, name: &str, scheme: &Value) {
    description["components"]["securitySchemes"][name] = scheme.clone();
    for operation in operations(description) {
        operation.1["security"] = json!([{ name: [] }, {}]);
    }
}

/// Puts a provider's word before the names of its shapes and operations: two APIs may each have a `Journey`.
fn own_shapes(description: &mut Value, word: &str) {
    if let Some(Value::Object(schemas)) = description["components"].get_mut("schemas") {
        *schemas = std::mem::take(schemas).into_iter().map(|(name, shape)| (format!("{word}.{name}"), shape)).collect();
    }
    rename_references(description, word);
    for (path, operation) in operations(description) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        // The same handler may be there under several prefixes.
        let place = path.trim_matches('/').split('/').next().unwrap_or_default();
        operation["operationId"] = json!(format!("{word}.{place}.{id}"));
        operation["tags"] = json!([word]);
    }
}

fn rename_references(value: &mut Value, word: &str) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(key, member)| match (key.as_str(), &*member) {
            ("$ref", Value::String(target)) => {
                if let Some(name) = target.strip_prefix(SHAPES) {
                    *member = json!(format!("{SHAPES}{word}.{name}"));
                }
            }
            _ => rename_references(member, word),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| rename_references(item, word)),
        _ => {}
    }
}

/// Every operation with its path.
fn operations(description: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = description["paths"].as_object_mut().into_iter().flat_map(Map::iter_mut);
    paths.flat_map(|(path, item)| {
        let operations = item.as_object_mut().into_iter().flat_map(Map::iter_mut);
        operations.filter(|(key, _)| *key != "parameters").map(move |(_, operation)| (path, operation))
    })
}

/// Adds the members of objects to objects; what is no object gives way to what is there.
fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        for (key, value) in from {
            match into.get_mut(&key) {
                Some(known) => merge(known, value),
                None => {
                    into.insert(key, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::{idwise, qoreid};

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        check(document(ProviderKind::Idwise, idwise::openapi()));
        check(document(ProviderKind::Qoreid, qoreid::openapi()));
    }

    fn check(mut document: Value) {
        let text = document.to_string();
        let mut found = 0;
        for at in text.match_indices(SHAPES) {
            let name = text[at.0 + SHAPES.len()..].split('"').next().expect("a name");
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
            found += 1;
        }
        assert!(found > 80, "{found}");
        let mut names = BTreeSet::new();
        for (path, operation) in operations(&mut document) {
            assert!(names.insert(operation["operationId"].to_string()), "{path}: {operation}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{path}");
        }
        assert!(names.len() > 30, "{}", names.len());
    }
}
