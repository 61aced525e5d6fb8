//! Who may use this server: the holder of its token, a browser that has shown it once, or, without one, local callers.
//!
//! Asked by the control API's guard and by the dashboard's. A browser that has shown the token gets a session: a value
//! that was derived from it and from nothing that anybody else knows, so that the token itself is never kept in a browser.
//! Sessions live in memory: they end with the process, after [`LASTS`], or when their holder leaves.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};

use crate::clock::Stopwatch;
use crate::rng::Seed;
use crate::secret::Secret;

/// How long a session lasts, in real time.
pub const LASTS: Duration = Duration::from_secs(12 * 3_600);

/// So many sessions at once; the oldest one ends for another.
const SESSIONS: usize = 64;

/// So many wrong tokens are answered at the login within [`FORGOTTEN_AFTER`]. After that not even the right one is, so that
/// guessing is slow: it is sent again by a person, who reads why. Programs show theirs with each request, and are not
/// slowed.
const WRONG: usize = 10;

/// So long a wrong token counts, in real time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// The cookie that holds a session. Cookies are not kept apart by port, so another server of this machine sees it: it is
/// worth nothing there.
const COOKIE: &str = "understudy_session";

/// Who may use this server.
#[derive(Debug)]
pub struct Access {
    token: Option<Secret>,
    sessions: Mutex<Sessions>,
    /// When wrong tokens came, the first one first: [`WRONG`] at most.
    wrong: Mutex<VecDeque<Stopwatch>>,
}

/// Why no session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not the token.
    Wrong,
    /// Too many wrong ones came lately; after this time another is looked at.
    TooMany(Duration),
}

#[derive(Debug)]
struct Sessions {
    /// Fresh for each process: a session of an earlier one is none.
    salt: [u8; 32],
    given: u64,
    open: VecDeque<(blake3::Hash, Stopwatch)>,
}

impl Access {
    /// With a token, only its holder may; without one, local callers may.
    pub fn new(token: Option<Secret>) -> Self {
        let mut salt = [0; 32];
        for (n, part) in salt.chunks_mut(4).enumerate() {
            // A seed holds 32 bits of the operating system's randomness.
            Seed::fresh().draw(&[b"session", &n.to_le_bytes()]).fill(part);
        }
        let sessions = Mutex::new(Sessions { salt, given: 0, open: VecDeque::new() });
        Access { token, sessions, wrong: Mutex::default() }
    }

    /// Whether a token is wanted at all.
    pub fn is_guarded(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this is the token. Digests are compared, so that the time it takes says nothing about it.
    pub fn holds(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|token| digest(given) == digest(token.expose()))
    }

    /// Whether a request shows the token as a bearer's.
    pub fn shows_token(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        given.is_some_and(|given| self.holds(given))
    }

    /// Whether a request comes from a browser with an open session.
    pub fn has_session(&self, headers: &HeaderMap) -> bool {
        let Some(value) = cookie(headers, COOKIE) else { return false };
        let asked = digest(value);
        let mut sessions = self.sessions();
        sessions.open.retain(|(_, since)| since.elapsed() < LASTS);
        sessions.open.iter().any(|(known, _)| *known == asked)
    }

    /// Opens a session for whoever shows the token: the cookie to set.
    ///
    /// # Errors
    /// A wrong token, or any while too many wrong ones came lately.
    pub fn open(&self, token: &str) -> Result<String, Refused> {
        let known = self.known(token)?;
        let mut sessions = self.sessions();
        sessions.given += 1;
        let key = blake3::derive_key("understudy dashboard session, version 1", known.expose().as_bytes());
        let mut value = blake3::Hasher::new_keyed(&key);
        value.update(&sessions.salt).update(&sessions.given.to_le_bytes());
        let value = value.finalize().to_hex();
        if sessions.open.len() >= SESSIONS {
            sessions.open.pop_front();
        }
        sessions.open.push_back((digest(&value), Stopwatch::start()));
        Ok(set(&value, LASTS))
    }

    /// The token, for whoever shows it.
    fn known(&self, token: &str) -> Result<&Secret, Refused> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|since| since.elapsed() < FORGOTTEN_AFTER);
        if let Some(first) = wrong.front().filter(|_| wrong.len() >= WRONG) {
            return Err(Refused::TooMany(FORGOTTEN_AFTER.saturating_sub(first.elapsed())));
        }
        self.token.as_ref().filter(|_| self.holds(token)).ok_or_else(|| {
            wrong.push_back(Stopwatch::start());
            Refused::Wrong
        })
    }

    /// Ends the session of a request: the cookie that takes it out of the browser.
    pub fn close(&self, headers: &HeaderMap) -> String {
        if let Some(value) = cookie(headers, COOKIE) {
            let asked = digest(value);
            self.sessions().open.retain(|(known, _)| *known != asked);
        }
        set("", Duration::ZERO)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request that changes something was sent by a page of this very server. A browser says so in `Origin`, and
/// where that is missing in `Sec-Fetch-Site`; one that says neither is refused: every browser of the last years sends
/// `Origin` with a form, and programs have the API.
pub fn is_own_form(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("origin"), text("sec-fetch-site")) {
        (Some(origin), _) => is_own_origin(origin, text("host").unwrap_or_default()),
        (None, site) => site == Some("same-origin"),
    }
}

/// Whether nothing says that a request that only reads was sent by a page of another origin.
pub fn is_no_foreign_read(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin").is_none_or(|origin| is_own_origin(origin, text("host").unwrap_or_default()));
    origin && text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Whether an `Origin` is that of the server that is asked as `host`.
pub fn is_own_origin(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn digest(text: &str) -> blake3::Hash {
    blake3::hash(text.as_bytes())
}

fn set(value: &str, lasts: Duration) -> String {
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", lasts.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().expect("a name"), v.parse().expect("a value"))).collect()
    }

    fn access() -> Access {
        Access::new(Some(Secret::new("correct-horse")))
    }

    #[test]
    fn a_token_is_wanted_whole() {
        let access = access();
        for (value, lets_in) in [
            ("Bearer correct-horse", true),
            ("bearer correct-horse", true),
            ("Bearer correct-hors", false),
            ("Basic correct-horse", false),
            ("", false),
        ] {
            assert_eq!(access.shows_token(&headers(&[("authorization", value)])), lets_in, "{value}");
        }
        assert!(!access.shows_token(&HeaderMap::new()));
        assert!(!Access::new(None).holds(""), "no token is no open door");
    }

    #[test]
    fn a_session_is_no_token_and_ends() {
        let access = access();
        assert_eq!(access.open("wrong-horse"), Err(Refused::Wrong));
        let set = access.open("correct-horse").expect("a session");
        assert!(!set.contains("correct-horse"), "{set}");
        assert!(set.contains("; HttpOnly; SameSite=Strict; Max-Age=43200"), "{set}");
        let pair = set.split(';').next().expect("a pair");
        let with = |text: &str| headers(&[("cookie", text)]);
        let own = with(&format!("theme=dark; {pair}"));
        assert!(access.has_session(&own));
        let second = access.open("correct-horse").expect("a session");
        assert_ne!(second, set, "no two sessions are alike");
        assert!(!self::access().has_session(&own), "another process knows nothing of it");
        for wrong in ["", "understudy_session=", "understudy_session=correct-horse", &pair[..pair.len() - 1]] {
            assert!(!access.has_session(&with(wrong)), "{wrong}");
        }
        assert!(access.close(&own).contains("Max-Age=0"));
        assert!(!access.has_session(&own));
    }

    #[test]
    fn guesses_are_bounded() {
        let access = access();
        for n in 0..WRONG {
            assert!(access.open("correct-horse").is_ok(), "{n} wrong ones lock nobody out");
            assert_eq!(access.open("wrong-horse"), Err(Refused::Wrong));
        }
        for guess in ["wrong-horse", "correct-horse"] {
            let Err(Refused::TooMany(left)) = access.open(guess) else { panic!("{guess} was looked at") };
            assert!(left <= FORGOTTEN_AFTER && left > FORGOTTEN_AFTER / 2, "{left:?}");
        }
        assert!(access.holds("correct-horse"), "programs go on");
        // As if a minute had passed for the first one.
        access.wrong.lock().unwrap().pop_front();
        assert!(access.open("correct-horse").is_ok());
    }

    #[test]
    fn sessions_are_bounded() {
        let access = access();
        let all: Vec<String> = (0..=SESSIONS).filter_map(|_| access.open("correct-horse").ok()).collect();
        let is_open = |set: &String| access.has_session(&headers(&[("cookie", set.split(';').next().unwrap())]));
        assert!(!is_open(&all[0]) && all[1..].iter().all(is_open));
    }

    #[test]
    fn forms_of_other_pages_are_told() {
        let (host, own) = (("host", "127.0.0.1:4740"), ("origin", "http://127.0.0.1:4740"));
        for (pairs, form, read) in [
            (vec![host, own], true, true),
            (vec![host, own, ("sec-fetch-site", "same-origin")], true, true),
            (vec![host, ("sec-fetch-site", "same-origin")], true, true),
            (vec![host], false, true),
            (vec![host, ("sec-fetch-site", "none")], false, true),
            (vec![host, ("sec-fetch-site", "same-site")], false, false),
            (vec![host, ("sec-fetch-site", "cross-site")], false, false),
            (vec![host, ("origin", "null")], false, false),
            (vec![host, ("origin", "http://127.0.0.1:4741")], false, false),
            (vec![host, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], false, false),
        ] {
            let headers = headers(&pairs);
            assert_eq!((is_own_form(&headers), is_no_foreign_read(&headers)), (form, read), "{pairs:?}");
        }
    }
}
