//! Resolved values with their origins, as `config show` prints them. Secrets were blanked when they were read.

use serde_json::{Map, Value as Json, json};

use super::section::{Item, Origin, Section, Value};
use super::spec::{Kind, Table};

/// One resolved value.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The table that it stands in: empty, `[server]`, `[[webhook]]`.
    pub table: String,
    /// Which of several tables of that name, from 0.
    pub index: usize,
    /// Its key.
    pub key: String,
    /// The value, with secrets blanked.
    pub value: Json,
    /// Where it came from.
    pub origin: Origin,
}

/// All values of a document in the order of its declaration, one level of tables deep.
pub fn shown(table: &'static Table, section: &Section) -> Vec<Shown> {
    let mut list = Vec::new();
    let is_table = |kind: &Kind| matches!(kind, Kind::Table(_) | Kind::Tables(_));
    let mut scalars = |within: &str, index: usize, table: &'static Table, section: &Section, deep: bool| {
        for key in table.all() {
            if let Some(item) = section.item(key.name).filter(|_| deep || !is_table(&key.kind)) {
                let (table, key, origin) = (within.to_owned(), key.name.to_owned(), item.origin.clone());
                list.push(Shown { table, index, key, value: display(item), origin });
            }
        }
    };
    scalars("", 0, table, section, false);
    for key in table.all() {
        match key.kind {
            Kind::Table(inner) => {
                if let Some(section) = section.table(key.name) {
                    scalars(&format!("[{}]", key.name), 0, inner, section, true);
                }
            }
            Kind::Tables(inner) => {
                for (index, section) in section.tables(key.name).enumerate() {
                    scalars(&format!("[[{}]]", key.name), index, inner, section, true);
                }
            }
            _ => {}
        }
    }
    list
}

/// As lines of TOML, each with its origin.
pub fn text(list: &[Shown]) -> String {
    let mut out = String::new();
    let mut at = ("", 0);
    for shown in list {
        if (shown.table.as_str(), shown.index) != at {
            at = (&shown.table, shown.index);
            out.push_str(&format!("\n{}\n", shown.table));
        }
        out.push_str(&format!("{} = {}  # from {}\n", shown.key, toml(&shown.value), shown.origin));
    }
    out
}

/// As JSON: `[{"table", "key", "value", "origin"}]`.
pub fn json(list: &[Shown]) -> Json {
    list.iter()
        .map(|s| json!({"table": s.table, "index": s.index, "key": s.key, "value": s.value, "origin": s.origin.to_string()}))
        .collect()
}

fn display(item: &Item) -> Json {
    match &item.value {
        Value::Table(section) => {
            let members: Map<String, Json> =
                section.items.iter().map(|(key, item)| ((*key).to_owned(), display(item))).collect();
            Json::Object(members)
        }
        Value::List(items) if items.iter().any(|item| item.table().is_some()) => items.iter().map(display).collect(),
        _ => item.shown.clone(),
    }
}

/// A JSON value in TOML's inline form.
fn toml(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members: Vec<String> = members.iter().map(|(k, v)| format!("{} = {}", bare(k), toml(v))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        // JSON's escapes are a part of TOML's.
        other => other.to_string(),
    }
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { key.to_owned() } else { json!(key).to_string() }
}
