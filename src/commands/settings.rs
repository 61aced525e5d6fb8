//! What commands need of the configuration: the one place of `commands` that opens it.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::{Context, Out};
use crate::config::{Config, SHIPPED};
use crate::portal::Webhook;
use crate::provider::Dialect;
use crate::reader::{Complaints, Overrides, Source, nearest};
use crate::scenario::Vocabulary;
use crate::secret::Secret;

/// Where the configured server listens, and its token.
#[derive(Clone, Debug)]
pub struct Server {
    /// Host and port.
    pub listen: String,
    /// What it wants to be shown.
    pub token: Option<Secret>,
}

/// A document as it was found.
#[derive(Clone, Debug)]
pub struct Document {
    /// What messages call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Document {
    /// For the reader.
    pub fn source(&self) -> Source<'_> {
        Source { name: &self.name, text: &self.text }
    }
}

/// Where `serve` listens unless its flag says otherwise; whoever looks for that server obeys it as well.
const LISTEN: &str = "UNDERSTUDY_LISTEN";

/// The environment, as the configuration asks it.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration's text; the one that this program ships with when none was named and none is there.
///
/// # Errors
/// A file that was named and is not there, or that cannot be read.
pub fn document(cx: &Context) -> Result<Document, Failure> {
    match read(cx.config_path()) {
        Err(_) if cx.config.is_none() && !cx.config_path().exists() => {
            Ok(Document { name: "the built-in webhooks.toml".to_owned(), text: SHIPPED.to_owned() })
        }
        read => read,
    }
}

/// Reads a file as text.
///
/// # Errors
/// Why it cannot be.
pub fn read(path: &Path) -> Result<Document, Failure> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Document { name, text }),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound => Failure::bad_usage(format!("there is no file {name}")),
            io::ErrorKind::InvalidData => Failure::bad_usage(format!("{name} is not text in UTF-8")),
            _ => Failure::bad_usage(format!("cannot read {name}: {error}")),
        }),
    }
}

/// What is said in place of the configuration for every command: `--data-dir`, and where the server listens.
pub fn overrides(cx: &Context) -> Overrides {
    let mut overrides = Overrides::none();
    if let Some(dir) = &cx.data_dir {
        overrides = overrides.with("--data-dir", "outbox.path", dir.display().to_string());
    }
    if let Some(listen) = env(LISTEN) {
        overrides = overrides.with(LISTEN, "server.listen", listen);
    }
    overrides
}

/// The configuration under `overrides`, which begin with those of [`overrides`] as a rule.
///
/// # Errors
/// A file that cannot be read, or everything that is wrong with it.
pub fn load(cx: &Context, overrides: &Overrides) -> Result<Config, Failure> {
    let document = document(cx)?;
    Config::load(document.source(), overrides, &env).map_err(|complaints| complained(&cx.out, &complaints))
}

/// The configured server. A configuration that is wrong elsewhere, where a webhook's secret is not in this shell's
/// environment say, still tells where its server is.
///
/// # Errors
/// As [`load`], where even that cannot be told.
pub fn server(cx: &Context) -> Result<Server, Failure> {
    match load(cx, &overrides(cx)) {
        Ok(config) => Ok(Server { listen: config.server.listen.to_string(), token: config.server.token }),
        Err(failure) => document(cx).ok().and_then(|document| server_alone(&document.text, &env)).ok_or(failure),
    }
}

/// `[server]` read without the rest; `None` where the text is not TOML, or its `listen` is no address.
fn server_alone(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<Server> {
    let document: toml::Table = text.parse().ok()?;
    let given = |key: &str| document.get("server").and_then(|server| server.get(key)).cloned();
    let said = env(LISTEN).or_else(|| env("UNDERSTUDY_SERVER_LISTEN"));
    let listen = match said.map(toml::Value::String).or_else(|| given("listen")) {
        None => "127.0.0.1:4740".to_owned(),
        Some(listen) => listen.as_str()?.to_owned(),
    };
    let address = listen.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    address.as_deref().unwrap_or(&listen).parse::<std::net::SocketAddr>().ok()?;
    let token = env("UNDERSTUDY_SERVER_TOKEN").or_else(|| Some(given("token")?.as_str()?.to_owned()));
    let token = token.and_then(|token| match token.strip_prefix("env:") {
        Some(name) => env(name),
        None => Some(token),
    });
    Some(Server { listen, token: token.map(Secret::new) })
}

/// A configured webhook by its name.
///
/// # Errors
/// That there is none, what is near, and what else the caller would take.
pub fn webhook<'c>(config: &'c Config, name: &str, or: Option<&str>) -> Result<&'c Webhook, Failure> {
    let found = config.webhooks.iter().find(|webhook| webhook.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
        let help = match (nearest(name, names.iter().copied()), names.as_slice(), or) {
            (Some(near), ..) => format!("did you mean {near:?}?"),
            (None, [], None) => "none is configured".to_owned(),
            (None, [], Some(or)) => format!("none is configured; {or}"),
            (None, names, None) => format!("configured are {}", names.join(", ")),
            (None, names, Some(or)) => format!("configured are {}; or {or}", names.join(", ")),
        };
        Failure::bad_usage(format!("there is no webhook {name:?}")).help(help)
    })
}

/// An event type as the provider spells it in a dialect; case does not matter.
///
/// # Errors
/// That there is no such type, and what is near.
pub fn event_type(dialect: Dialect, given: &str) -> Result<&'static str, Failure> {
    let known = dialect.event_types();
    let found = known.iter().copied().find(|kind| kind.eq_ignore_ascii_case(given.trim()));
    found.ok_or_else(|| {
        let help = match nearest(given, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known are {}", known.join(", ")),
        };
        Failure::bad_usage(format!("{given:?} is not an event type")).help(help)
    })
}

/// What scenarios may name under `config`, and what they inherit from it.
pub fn vocabulary(config: &Config) -> Vocabulary<'_> {
    Vocabulary {
        dialect: config.dialect,
        environment: config.environment,
        flows: &config.flows,
        delivery: &config.delivery,
        email: &config.email,
        finished_journey_on_review: config.idwise.finished_journey_on_review,
        qoreid: &config.qoreid.like,
        env: &env,
    }
}

/// Complaints about a file, as they end a command.
pub fn complained(out: &Out, complaints: &Complaints) -> Failure {
    let count = complaints.list().len();
    let what = if count == 1 { "an error".to_owned() } else { format!("{count} errors") };
    let details: Vec<Value> = complaints
        .list()
        .iter()
        .map(|complaint| {
            let (line, column) = complaints.place(complaint).unzip();
            json!({ "line": line, "column": column, "message": complaint.message, "help": complaint.help })
        })
        .collect();
    Failure::new(Exit::BadUsage, format!("{} has {what}", complaints.file()))
        .drawn(complaints.drawn(out.complaint_style()))
        .details(json!({ "file": complaints.file(), "complaints": details }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_in_a_file_that_is_wrong_elsewhere() {
        let env = |name: &str| (name == "TOKEN").then(|| "from-the-environment".to_owned());
        let check = |text: &str, expected: Option<(&str, Option<&str>)>| {
            let found = server_alone(text, &env);
            let found = found.as_ref().map(|s| (s.listen.as_str(), s.token.as_ref().map(Secret::expose)));
            assert_eq!(found, expected, "{text}");
        };
        check("colour = 1", Some(("127.0.0.1:4740", None)));
        check("[server]\nlisten = \"0.0.0.0:80\"\ntoken = \"plain\"", Some(("0.0.0.0:80", Some("plain"))));
        check("[server]\ntoken = \"env:TOKEN\"", Some(("127.0.0.1:4740", Some("from-the-environment"))));
        check("[server]\ntoken = \"env:NONE\"", Some(("127.0.0.1:4740", None)));
        check("[server]\nlisten = 7", None);
        check("[server]\nlisten = \"here\"", None);
        check("[server", None);
    }

    #[test]
    fn the_fallback_knows_the_real_default() {
        let none: &dyn Fn(&str) -> Option<String> = &|_| None;
        let config = Config::load(Source { name: "t", text: "" }, &Overrides::none(), none).expect("defaults");
        let alone = server_alone("", none).expect("a server");
        assert_eq!(alone.listen, config.server.listen.to_string());
    }
}
