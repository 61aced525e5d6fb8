//! What is different between two configurations: for the log, the API and its stream when a changed file is taken over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Config;
use crate::message::Auth;
use crate::portal::changes::{Change, How, KeyChange};
use crate::reader::Shown;
use crate::secret::{BLANK, Redactor, Secret};

/// What stands in place of a secret that is another one now.
const OTHER: &str = "*** (changed)";

/// A longer value is cut: a list of a hundred steps says nothing in a line.
const LONGEST: usize = 200;

/// The lists of tables whose members have names of their own: the table, its word, the key that names.
const LISTS: [(&str, &str, &str); 3] =
    [("[[webhook]]", "webhook", "name"), ("[[flow]]", "flow", "id"), ("[[schedule]]", "schedule", "name")];

/// What of the tables a running server takes over; the rest takes effect at the next start.
const TAKEN_OVER: [(&str, &[&str]); 3] = [
    (
        "delivery",
        &["retry", "jitter", "timeout", "success", "max_in_flight", "rate_limit", "order", "response_body_max"],
    ),
    ("idwise", &["finished_journey_on_review"]),
    ("qoreid", &["processing", "status", "status_case", "network_downtime_handling", "down"]),
];

/// A thing by what it is and its name, with its keys and how they are shown.
type Things = BTreeMap<(String, String), BTreeMap<String, String>>;

/// What `after` says that `before` did not, and the other way round: by kind and name, keys in order. Shows no secret.
pub fn changes(before: &Config, after: &Config) -> Vec<Change> {
    let secrets: Vec<Secret> = before.secrets().into_iter().chain(after.secrets()).collect();
    let redactor = Redactor::new(secrets.iter().map(Secret::expose));
    let (mut old, mut new) = (things(&before.resolved), things(&after.resolved));
    mark(&mut old, &mut new, &secrets_of(before), &secrets_of(after));
    let names: BTreeSet<&(String, String)> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for thing in names {
        let whole =
            |how| Change { what: thing.0.clone(), name: thing.1.clone(), how, keys: Vec::new(), needs_restart: false };
        match (old.get(thing), new.get(thing)) {
            (None, Some(_)) if !thing.1.is_empty() => changes.push(whole(How::Added)),
            (Some(_), None) if !thing.1.is_empty() => changes.push(whole(How::Removed)),
            (old, new) => {
                let none = BTreeMap::new();
                let keys = keys(old.unwrap_or(&none), new.unwrap_or(&none), &redactor);
                let (later, now): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| needs_restart(thing, &key.key));
                for (keys, needs_restart) in [(now, false), (later, true)] {
                    if !keys.is_empty() {
                        changes.push(Change { keys, needs_restart, ..whole(How::Changed) });
                    }
                }
            }
        }
    }
    changes
}

fn needs_restart((what, name): &(String, String), key: &str) -> bool {
    let taken_over = TAKEN_OVER.iter().find(|(table, _)| table == what).map_or(&[][..], |(_, keys)| keys);
    name.is_empty() && !taken_over.contains(&key)
}

/// The keys that differ, with what each said and says.
fn keys(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, redactor: &Redactor) -> Vec<KeyChange> {
    let said = |value: Option<&String>| value.map(|text| cut(&redactor.text(text)));
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    all.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| KeyChange { key: key.clone(), from: said(old.get(key)), to: said(new.get(key)) })
        .collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is shown of a configuration, by thing.
fn things(resolved: &[Shown]) -> Things {
    let mut names: BTreeMap<(&str, usize), &str> = BTreeMap::new();
    for shown in resolved {
        let names_it = LISTS.iter().any(|(table, _, key)| shown.table == *table && shown.key == *key);
        if let Some(name) = shown.value.as_str().filter(|_| names_it) {
            names.insert((&shown.table, shown.index), name);
        }
    }
    let mut things = Things::new();
    for shown in resolved {
        let list = LISTS.iter().find(|(table, ..)| shown.table == *table);
        let what = match list {
            Some((_, word, _)) => (*word).to_owned(),
            None if shown.table.is_empty() => "config".to_owned(),
            None => shown.table.trim_matches(['[', ']']).to_owned(),
        };
        let name = names.get(&(shown.table.as_str(), shown.index)).map(|name| (*name).to_owned());
        let thing = things.entry((what, name.unwrap_or_default())).or_default();
        flatten(&shown.key, &shown.value, thing);
    }
    things
}

/// A value by its keys, `auth.type`; of a list the whole.
fn flatten(key: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(&format!("{key}.{name}"), value, into))
        }
        Value::String(text) => drop(into.insert(key.to_owned(), text.clone())),
        other => drop(into.insert(key.to_owned(), other.to_string())),
    }
}

type Secrets = BTreeMap<(String, String, String), Secret>;

/// Every secret by thing and key.
fn secrets_of(config: &Config) -> Secrets {
    let mut secrets = Secrets::new();
    let mut put = |what: &str, name: &str, key: String, secret: &Secret| {
        secrets.insert((what.to_owned(), name.to_owned(), key), secret.clone());
    };
    config.server.token.iter().for_each(|token| put("server", "", "token".to_owned(), token));
    if let Some((_, password)) = config.email.smtp.as_ref().and_then(|smtp| smtp.credentials.as_ref()) {
        put("email", "", "smtp".to_owned(), password);
    }
    for (environment, key) in &config.idwise.keys {
        put("idwise", "", format!("{}.api_secret", environment.as_str()), &key.secret);
    }
    for (environment, key) in &config.qoreid.keys {
        let table = if environment.as_str() == "live" { "live" } else { "test" };
        put("qoreid", "", format!("{table}.secret"), &key.secret);
    }
    for webhook in &config.webhooks {
        let of_auth = match &webhook.auth {
            Auth::None => None,
            Auth::Basic { password, .. } => Some(("auth.password", password)),
            Auth::Bearer { token } => Some(("auth.token", token)),
            Auth::Hmac { secret } => Some(("auth.secret", secret)),
        };
        of_auth.iter().for_each(|(key, secret)| put("webhook", &webhook.name, (*key).to_owned(), secret));
        for (name, value) in &webhook.headers {
            put("webhook", &webhook.name, format!("headers.{name}"), value);
        }
    }
    secrets
}

/// Secrets are shown blank, whatever they are: one that is another now is made to differ, without being shown.
fn mark(old: &mut Things, new: &mut Things, before: &Secrets, after: &Secrets) {
    for (place, secret) in after {
        if before.get(place).is_none_or(|known| known == secret) {
            continue;
        }
        let (what, name, key) = place;
        let thing = (what.clone(), name.clone());
        // Header names are shown as they were written.
        let shown =
            |keys: &BTreeMap<String, String>| keys.keys().find(|shown| shown.eq_ignore_ascii_case(key)).cloned();
        let Some(key) = new.get(&thing).and_then(shown) else { continue };
        old.entry(thing.clone()).or_default().insert(key.clone(), BLANK.to_owned());
        new.entry(thing).or_default().insert(key, OTHER.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Overrides, Source};

    fn load(text: &str) -> Config {
        let env = |name: &str| (name == "OTHER").then(|| "t0p-secret-2".to_owned());
        Config::load(Source { name: "t", text }, &Overrides::none(), &env).unwrap_or_else(|c| panic!("{}", c.lines()))
    }

    /// A line for each change and each of its keys.
    fn said(before: &str, after: &str) -> Vec<String> {
        let all = changes(&load(before), &load(after));
        assert!(!format!("{all:?}").contains("t0p-secret"), "{all:?}");
        let mut lines = Vec::new();
        for change in all {
            let restart = if change.needs_restart { " (restart)" } else { "" };
            lines.push(format!("{} {} {}{restart}", change.what, change.name, change.how.as_str()));
            let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            lines.extend(
                change.keys.into_iter().map(|key| format!("  {}: {} -> {}", key.key, text(key.from), text(key.to))),
            );
        }
        lines
    }

    const DEMO: &str = "[[webhook]]\nname = \"demo\"\nurl = \"http://a.example/\"\n";

    #[test]
    fn what_is_added_removed_and_changed_is_said_key_by_key() {
        let check = |before: &str, after: &str, expected: &[&str]| assert_eq!(said(before, after), expected, "{after}");
        check(DEMO, DEMO, &[]);
        check("", DEMO, &["webhook demo added"]);
        check(DEMO, "", &["webhook demo removed"]);
        check(
            DEMO,
            &DEMO.replace("a.example/\"", "b.example/\"\ntimeout = \"3s\""),
            &["webhook demo changed", "  timeout: - -> 3s", "  url: http://a.example/ -> http://b.example/"],
        );
        // The same webhooks in another order are the same.
        let other = DEMO.replace("demo", "other");
        check(&format!("{DEMO}{other}"), &format!("{other}{DEMO}"), &[]);
        let flow = "[[flow]]\nid = \"kyc\"\nsteps = [{ id = \"1\", type = \"Document\" }]\n";
        check(
            flow,
            &flow.replace("Document", "Selfie").replace("kyc\"", "kyc\"\nprocessing = \"9s\""),
            &[
                "flow kyc changed",
                "  processing: 5s -> 9s",
                "  steps: [{\"id\":\"1\",\"type\":\"Document\"}] -> [{\"id\":\"1\",\"type\":\"Selfie\"}]",
            ],
        );
        let job = "[[schedule]]\nname = \"renewals\"\ncron = \"0 0 2 * * *\"\ndo = \"renewals\"\n";
        check(job, &job.replace(" 2 ", " 3 "), &["schedule renewals changed", "  cron: 0 0 2 * * * -> 0 0 3 * * *"]);
        check(
            "",
            "[delivery]\ntimeout = \"3s\"\nsource_ip = \"127.0.0.1\"\n",
            &["delivery  changed", "  timeout: 10s -> 3s", "delivery  changed (restart)", "  source_ip:  -> 127.0.0.1"],
        );
        check(
            "seed = 1\n",
            "seed = 2\n[server]\nlisten = \"127.0.0.1:1\"\n",
            &[
                "config  changed (restart)",
                "  seed: 1 -> 2",
                "server  changed (restart)",
                "  listen: 127.0.0.1:4740 -> 127.0.0.1:1",
            ],
        );
    }

    #[test]
    fn secrets_are_said_to_have_changed_and_never_shown() {
        let with = |auth: &str, more: &str| format!("{DEMO}auth = {auth}\n{more}");
        let basic = with("{ type = \"basic\", username = \"me\", password = \"t0p-secret-1\" }", "");
        let check = |before: &str, after: &str, expected: &[&str]| assert_eq!(said(before, after), expected, "{after}");
        check(&basic, &basic, &[]);
        check(
            &basic,
            &basic.replace("secret-1", "secret-2"),
            &["webhook demo changed", "  auth.password: *** -> *** (changed)"],
        );
        let header = |value: &str| format!("{DEMO}headers = {{ \"X-Key\" = \"{value}\" }}\n");
        check(
            &header("t0p-secret-1"),
            &header("t0p-secret-2"),
            &["webhook demo changed", "  headers.X-Key: *** -> *** (changed)"],
        );
        let token = |value: &str| format!("[server]\ntoken = \"{value}\"\n");
        check(
            &token("t0p-secret-1"),
            &token("t0p-secret-2"),
            &["server  changed (restart)", "  token: *** -> *** (changed)"],
        );
        let smtp = |value: &str| format!("[email]\nsmtp = \"smtps://user:{value}@mail.example\"\n");
        let said = said(&smtp("t0p-secret-1"), &smtp("t0p-secret-2"));
        assert_eq!(said, ["email  changed (restart)", "  smtp: *** -> *** (changed)"]);
        let key = |value: &str| format!("[idwise.sandbox]\napi_key = \"k\"\napi_secret = \"{value}\"\n");
        check(
            &key("t0p-secret-1"),
            &key("t0p-secret-2"),
            &["idwise  changed (restart)", "  sandbox.api_secret: *** -> *** (changed)"],
        );
        // A secret that stands in another value as well is blanked there too.
        let url =
            with("{ type = \"bearer\", token = \"t0p-secret-1\" }", "").replace("a.example/", "a.example/t0p-secret-1");
        check(
            DEMO,
            &url,
            &[
                "webhook demo changed",
                "  auth.token: - -> ***",
                "  auth.type: none -> bearer",
                "  url: http://a.example/ -> http://a.example/***",
            ],
        );
    }
}
