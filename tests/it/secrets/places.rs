//! The places where a running server says something: all that its description names, all that its pages link to, its
//! numbers, and what the commands print about it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::canaries::Canaries;
use crate::support::program::{Ended, Program, understudy};
use crate::support::server::Server;

/// More pages than there are; a crawl that comes so far goes round in circles.
const PAGES: usize = 400;

/// A server, who asks it, and what must not be seen.
pub(super) struct Visitor<'a> {
    pub(super) server: &'a Server,
    pub(super) canaries: &'a mut Canaries,
    /// For the control API.
    pub(super) bearer: String,
    /// For the provider's own API: the value of `authorization`.
    pub(super) customer: String,
    /// What stands for each word in braces of a described path, by the path's beginning.
    pub(super) ids: BTreeMap<&'static str, String>,
}

impl Visitor<'_> {
    /// One request to the API, whose answer may be of any status but the server's own failure.
    #[track_caller]
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let own = path.starts_with("/api/v1/");
        let credentials = if own { &self.bearer } else { &self.customer };
        let headers = [("Authorization", credentials.as_str()), ("Content-Type", "application/json")];
        let answer = self.server.ask(method, path, &headers, body.as_bytes()).expect("answered");
        let place = format!("{method} {path}");
        assert!(answer.status < 500, "{place}: {}", answer.text());
        self.canaries.check(&place, format!("{:?}", answer.headers).as_bytes());
        let text = answer.text();
        match serde_json::from_str::<Value>(&text) {
            Ok(json) => {
                self.canaries.check_json(&place, &text);
                json
            }
            Err(_) => {
                self.canaries.check_markup(&place, &text);
                Value::Null
            }
        }
    }

    /// Every operation that the server describes, those that only read before and after those that change something.
    /// Gives how many there are.
    pub(super) fn api(&self) -> usize {
        let described = self.ask("GET", "/openapi.json", "");
        let mut asked = 0;
        for method in ["get", "post", "put", "patch", "get", "delete"] {
            for (path, operations) in described["paths"].as_object().expect("paths") {
                // An answer that does not end is read by whoever opens it.
                if operations.get(method).is_none() || path == "/api/v1/stream" {
                    continue;
                }
                let known = self.ids.iter().rev().find(|(beginning, _)| path.starts_with(**beginning));
                let path = filled(path, known.map_or("1", |(_, id)| id));
                self.ask(&method.to_uppercase(), &path, if method == "get" { "" } else { "{}" });
                asked += 1;
            }
        }
        asked
    }

    /// Shows the token at the dashboard's door; what is issued for it is a secret, too. Gives its cookie.
    pub(super) fn enter(&mut self, token: &str) -> String {
        let origin = format!("http://{}", self.server.address());
        let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let wrong = self.server.ask("POST", "/login", &headers, b"token=wrong").expect("answered");
        assert_eq!(wrong.status, 401);
        self.canaries.check_markup("a wrong login", &wrong.text());
        let entered = self.server.ask("POST", "/login", &headers, form.as_bytes()).expect("answered");
        assert_eq!(entered.status, 303, "{}", entered.text());
        let cookie = entered.header("set-cookie").expect("a session").split(';').next().expect("a pair").to_owned();
        let session = cookie.split_once('=').expect("a value").1;
        self.canaries.extend([("SESSION", session)]);
        cookie
    }

    /// Every page that another one links to, beginning with the first. Gives their paths.
    pub(super) fn pages(&self, cookie: &str) -> BTreeSet<String> {
        let mut known = BTreeSet::from(["/".to_owned()]);
        let mut ahead = VecDeque::from(["/".to_owned()]);
        while let Some(path) = ahead.pop_front() {
            let page = self.server.ask("GET", &path, &[("Cookie", cookie)], b"").expect("answered");
            // A path that forms are sent to says so to whoever only looks.
            assert!(page.status < 500, "{path}: {}", page.text());
            self.canaries.check(&path, format!("{:?}", page.headers).as_bytes());
            let text = page.text();
            self.canaries.check_markup(&path, &text);
            if page.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
                self.canaries.check_json(&path, &text);
                continue;
            }
            for link in text.split(['"', '\'']).filter(|link| link.starts_with('/') && !link.starts_with("//")) {
                let link = link.split('#').next().unwrap_or_default().replace("&amp;", "&");
                // The API is asked by its description.
                let page = !link.starts_with("/api/") && !link.contains(char::is_whitespace);
                if page && known.insert(link.clone()) {
                    assert!(known.len() < PAGES, "{known:?}");
                    ahead.push_back(link);
                }
            }
        }
        known
    }

    /// Health and numbers.
    pub(super) fn numbers(&self) {
        for path in ["/metrics", "/healthz", "/readyz"] {
            let headers = [("Authorization", self.bearer.as_str())];
            let answer = self.server.ask("GET", path, &headers, b"").expect("answered");
            assert_eq!(answer.status, 200, "{path}");
            self.canaries.check(path, format!("{:?}\n{}", answer.headers, answer.text()).as_bytes());
        }
    }

    /// What a command prints, with the server's configuration and its environment, however it ends. Logs all it can.
    #[track_caller]
    pub(super) fn says(&self, dir: &Path, words: &[&str]) -> Ended {
        let ended = Program::start(self.command(dir, words)).end();
        self.canaries.check(&words.join(" "), format!("{}\n{}", ended.stdout, ended.stderr).as_bytes());
        assert!(matches!(ended.code, 0 | 1), "{words:?}: {ended:?}");
        ended
    }

    /// A command in the server's place.
    pub(super) fn command(&self, dir: &Path, words: &[&str]) -> Command {
        let mut command = understudy(dir);
        command.args(words).env("UNDERSTUDY_SERVER", format!("http://{}", self.server.address()));
        command.env("UNDERSTUDY_TOKEN", self.canaries.get("TOKEN")).env("UNDERSTUDY_LOG_LEVEL", "trace");
        environment(self.canaries, &mut command);
        command
    }
}

/// Each secret as `S_NAME`.
pub(super) fn environment(canaries: &Canaries, command: &mut Command) {
    command.envs(canaries.all().map(|(name, secret)| (format!("S_{name}"), secret.to_owned())));
}

fn filled(path: &str, with: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        filled.push_str(with);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled + rest
}
