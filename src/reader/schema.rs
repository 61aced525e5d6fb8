//! A declaration as JSON Schema (draft 2020-12), for editors.

use serde_json::{Map, Value as Json, json};
use toml::de::DeValue;

use super::spec::{Key, Kind, Need, Rest, Table};

/// The schema of a document that `table` declares.
pub fn schema(title: &str, table: &Table) -> Json {
    let mut root = object(table);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!(title));
    Json::Object(root)
}

fn object(table: &Table) -> Map<String, Json> {
    let properties: Map<String, Json> = table.all().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = table.all().filter(|k| k.need == Need::Required).map(|k| k.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(table.doc));
    object.insert("properties".to_owned(), Json::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(table.rest == Rest::Kept));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn property(key: &Key) -> Json {
    let mut property = kind(&key.kind);
    if let Some(members) = property.as_object_mut() {
        members.insert("description".to_owned(), json!(key.doc));
        // A table's default is only that of its keys, which state theirs.
        if let Some(default) = key.default.filter(|default| *default != "{}").and_then(plain) {
            members.insert("default".to_owned(), default);
        }
    }
    property
}

fn kind(of: &Kind) -> Json {
    match of {
        Kind::Text | Kind::Url | Kind::Secret => json!({"type": "string"}),
        Kind::Word { now, .. } => json!({"enum": now}),
        Kind::Whole { min, max: i64::MAX } => json!({"type": "integer", "minimum": min}),
        Kind::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Span { .. } => json!({"type": "string", "examples": ["90s", "5m", "1h 30m", "30d"]}),
        Kind::SpanDraw => {
            json!({"type": "string", "examples": ["5s", "uniform(2s, 1m)", "exp(5s)", "lognormal(5s, 0.7, max 5m)"]})
        }
        Kind::Share => json!({"anyOf": [
            {"type": "string", "pattern": "^[0-9.]+ *%$"},
            {"type": "number", "minimum": 0, "maximum": 1},
        ]}),
        // TOML has instants of its own, which editors show as texts of this format.
        Kind::Instant => json!({"type": "string", "format": "date-time"}),
        Kind::Size => json!({"anyOf": [
            {"type": "string", "pattern": "^[0-9]+ *(B|kB|KiB|MB|MiB)$"},
            {"type": "integer", "minimum": 0},
        ]}),
        Kind::Rate => json!({"type": "string", "pattern": "^(off|[0-9.]+ */ *[smh])$"}),
        Kind::Weights(words) => {
            let weight = json!({"type": "number", "minimum": 0});
            let weights: Map<String, Json> = words.iter().map(|w| ((*w).to_owned(), weight.clone())).collect();
            json!({"anyOf": [
                {"enum": words},
                {"type": "object", "properties": weights, "additionalProperties": false, "minProperties": 1},
            ]})
        }
        Kind::List(of, usize::MAX) => json!({"type": "array", "items": kind(of)}),
        Kind::List(of, most) => json!({"type": "array", "items": kind(of), "maxItems": most}),
        Kind::OneOrMore(of) => json!({"anyOf": [kind(of), {"type": "array", "items": kind(of)}]}),
        Kind::Map(of) => json!({"type": "object", "additionalProperties": kind(of)}),
        Kind::Table(table) => Json::Object(object(table)),
        Kind::Tables(table) => json!({"type": "array", "items": Json::Object(object(table))}),
        Kind::Any => json!({}),
    }
}

fn plain(toml: &str) -> Option<Json> {
    fn json_of(value: &DeValue<'_>) -> Option<Json> {
        Some(match value {
            DeValue::String(text) => json!(text),
            DeValue::Boolean(on) => json!(on),
            DeValue::Integer(n) => json!(i64::from_str_radix(n.as_str(), n.radix()).ok()?),
            DeValue::Float(f) => json!(f.as_str().parse::<f64>().ok()?),
            DeValue::Datetime(at) => json!(at.to_string()),
            DeValue::Array(items) => items.iter().map(|v| json_of(v.get_ref())).collect::<Option<Json>>()?,
            DeValue::Table(pairs) => Json::Object(
                pairs
                    .iter()
                    .map(|(k, v)| Some((k.get_ref().to_string(), json_of(v.get_ref())?)))
                    .collect::<Option<Map<_, _>>>()?,
            ),
        })
    }
    json_of(DeValue::parse(toml).ok()?.get_ref())
}
