//! Receivers that misbehave on request: `?status=500&fail=30%&delay=2s` after an inbox's path, or the same as flags
//! of `listen`.
//!
//! Pure: a [`Misbehaviour`] and the number of a request give a [`Reaction`], by chance that is drawn from the seed.
//! The inbox carries it out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use crate::chance::{SpanDraw, parse_span};
use crate::message::Auth;
use crate::rng::Draw;
use crate::secret::Secret;

/// The longest that an answer may be held up: longer waits are cut to this, so that no request stays for ever.
pub const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// How a receiver misbehaves. The default is not at all: 200, at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Misbehaviour {
    /// The status of what fails: of every answer, unless `fail` or `fail_first` say which.
    pub status: Option<u16>,
    /// The share of requests that fail, 0 to 1.
    pub fail: f64,
    /// So many requests fail for each event id before one succeeds.
    pub fail_first: u32,
    /// How long each answer is held up.
    pub delay: Option<SpanDraw>,
    /// The share of requests that are never answered, 0 to 1.
    pub hang: f64,
    /// `retry-after` of what fails, in whole seconds.
    pub retry_after: Option<Duration>,
    /// What requests have to prove; those that do not are answered 401.
    pub auth: Auth,
}

impl Default for Misbehaviour {
    fn default() -> Self {
        Misbehaviour {
            status: None,
            fail: 0.0,
            fail_first: 0,
            delay: None,
            hang: 0.0,
            retry_after: None,
            auth: Auth::None,
        }
    }
}

/// Why a wish could not be read. The message names the key and what it takes, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} takes {takes}")]
pub struct MisbehaviourError {
    key: &'static str,
    takes: &'static str,
}

/// What one request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The status to answer with; `None` for no answer at all.
    pub status: Option<u16>,
    /// How long to hold the answer up.
    pub delay: Duration,
    /// `retry-after`, in seconds.
    pub retry_after: Option<u64>,
}

impl Misbehaviour {
    /// Reads the keys `status`, `fail`, `fail_first`, `delay`, `hang`, `retry_after` and `auth` of a URL's query over
    /// `self`. Other keys are left to whoever put them there.
    ///
    /// # Errors
    /// [`MisbehaviourError`] names the first key whose value cannot be read.
    pub fn with_query(&self, query: &str) -> Result<Self, MisbehaviourError> {
        let mut wish = self.clone();
        for (key, value) in url::form_urlencoded::parse(&keep_plus(query)) {
            wish.set(&key, &value)?;
        }
        Ok(wish)
    }

    /// Sets one key, spelled as in a query.
    ///
    /// # Errors
    /// [`MisbehaviourError`] where the key is known and the value cannot be read.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), MisbehaviourError> {
        let error = |key, takes| MisbehaviourError { key, takes };
        match key {
            "status" => self.status = Some(status(value).ok_or(error("status", "a status from 200 to 599"))?),
            "fail" => self.fail = share(value).ok_or(error("fail", "a share such as 30% or 0.3"))?,
            "hang" => self.hang = share(value).ok_or(error("hang", "a share such as 5% or 0.05"))?,
            "fail_first" => self.fail_first = value.parse().map_err(|_| error("fail_first", "a whole number"))?,
            "delay" => {
                self.delay = Some(value.parse().map_err(|_| error("delay", "a span such as 2s or uniform(1s, 3s)"))?);
            }
            "retry_after" => {
                self.retry_after = Some(parse_span(value).map_err(|_| error("retry_after", "a span such as 3s"))?);
            }
            "auth" => {
                self.auth = auth(value).ok_or(error("auth", "none, basic:USER:PASSWORD or bearer:TOKEN"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the request meets that is the `tries`-th, from 1, with its event id.
    pub fn react(&self, tries: u32, draw: &mut Draw) -> Reaction {
        // All is drawn whatever comes of it, so that one wish more does not shift the chances of the others.
        let hangs = draw.chance(self.hang);
        let unlucky = draw.chance(self.fail);
        let delay = self.delay.as_ref().map_or(Duration::ZERO, |delay| delay.draw(draw)).min(LONGEST_DELAY);
        let always = self.status.is_some() && self.fail == 0.0 && self.fail_first == 0;
        let fails = always || unlucky || tries <= self.fail_first;
        let status = if fails { self.status.unwrap_or(500) } else { 200 };
        let retry_after = self.retry_after.filter(|_| fails).map(|span| span.as_secs());
        Reaction { status: (!hangs).then_some(status), delay, retry_after }
    }

    /// Whether a request with this `authorization` header proves what it has to; `None` when it has to prove nothing.
    pub fn admits(&self, authorization: Option<&str>) -> Option<bool> {
        let given = authorization.unwrap_or_default();
        let (scheme, credentials) = given.split_once(' ').unwrap_or((given, ""));
        match &self.auth {
            // A wish names no signature.
            Auth::None | Auth::Hmac { .. } => None,
            Auth::Basic { username, password } => {
                let expected = STANDARD.encode(format!("{username}:{}", password.expose()));
                Some(scheme.eq_ignore_ascii_case("basic") && credentials.trim() == expected)
            }
            Auth::Bearer { token } => {
                Some(scheme.eq_ignore_ascii_case("bearer") && credentials.trim() == token.expose())
            }
        }
    }
}

/// `fail=30%` is what people write; a lone percent sign stays as it is. A plus sign stands for itself too: it is
/// common in passwords, and nothing here needs it for a blank.
fn keep_plus(query: &str) -> Vec<u8> {
    query.replace('+', "%2B").into_bytes()
}

/// `query` with the credentials of its `auth` key blanked, for showing.
pub fn blank_auth(query: &str) -> String {
    let blank = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if percent_decode_str(key).decode_utf8_lossy() == "auth" => {
            format!("auth={}", crate::secret::BLANK)
        }
        _ => pair.to_owned(),
    };
    query.split('&').map(blank).collect::<Vec<_>>().join("&")
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..600).contains(status))
}

fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

fn auth(text: &str) -> Option<Auth> {
    let (scheme, credentials) = text.split_once(':').unwrap_or((text, ""));
    match scheme {
        "none" => Some(Auth::None),
        "basic" => {
            let (username, password) = credentials.split_once(':')?;
            Some(Auth::Basic { username: username.to_owned(), password: Secret::new(password) })
        }
        "bearer" if !credentials.is_empty() => Some(Auth::Bearer { token: Secret::new(credentials) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn wish(query: &str) -> Misbehaviour {
        Misbehaviour::default().with_query(query).expect(query)
    }

    fn reactions(query: &str, tries: std::ops::RangeInclusive<u32>) -> Vec<Option<u16>> {
        let wish = wish(query);
        tries.map(|n| wish.react(n, &mut Seed(0).draw(&[&n.to_le_bytes()])).status).collect()
    }

    #[test]
    fn a_query_is_a_wish() {
        assert_eq!(wish(""), Misbehaviour::default());
        assert_eq!(wish("a=b&colour=%20"), Misbehaviour::default());
        let all =
            wish("status=503&fail_first=2&fail=30%&delay=uniform(1s,3s)&hang=5%25&retry_after=3s&auth=basic:u:p:q");
        assert_eq!((all.status, all.fail_first, all.fail, all.hang), (Some(503), 2, 0.3, 0.05));
        assert_eq!(all.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(all.auth, Auth::Basic { username: "u".into(), password: Secret::new("p:q") });
        assert_eq!(wish("auth=bearer:a+b%2Bc").auth, Auth::Bearer { token: Secret::new("a+b+c") });
        assert_eq!(all.with_query("status=500").expect("read").fail_first, 2, "a query adds to what is there");
    }

    #[test]
    fn what_is_no_wish_says_what_would_be() {
        for (query, message) in [
            ("status=99", "status takes a status from 200 to 599"),
            ("fail=130%", "fail takes a share such as 30% or 0.3"),
            ("hang=NaN", "hang takes a share such as 5% or 0.05"),
            ("fail_first=-1", "fail_first takes a whole number"),
            ("delay=soon", "delay takes a span such as 2s or uniform(1s, 3s)"),
            ("retry_after=3", "retry_after takes a span such as 3s"),
            ("auth=basic:hunter2", "auth takes none, basic:USER:PASSWORD or bearer:TOKEN"),
        ] {
            let error = Misbehaviour::default().with_query(query).expect_err(query);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn each_wish_does_what_it_says() {
        assert_eq!(reactions("", 1..=3), [Some(200); 3]);
        assert_eq!(reactions("status=418", 1..=3), [Some(418); 3]);
        assert_eq!(reactions("fail_first=2", 1..=4), [Some(500), Some(500), Some(200), Some(200)]);
        assert_eq!(reactions("fail_first=1&status=429", 1..=2), [Some(429), Some(200)]);
        assert_eq!(reactions("hang=1", 1..=2), [None, None]);
        assert_eq!(reactions("fail=1&status=503", 1..=2), [Some(503); 2]);

        let drawn = reactions("fail=30%&hang=10%", 1..=2_000);
        let count = |status| drawn.iter().filter(|drawn| **drawn == status).count();
        assert!((150..250).contains(&count(None)) && (450..630).contains(&count(Some(500))), "{}", count(None));
        assert_eq!(drawn, reactions("fail=30%&hang=10%", 1..=2_000), "the same seed gives the same");
    }

    #[test]
    fn delays_and_retry_after_go_with_the_answer() {
        let react = |query, tries| wish(query).react(tries, &mut Seed(0).draw(&[]));
        assert_eq!(react("delay=2s", 1).delay, Duration::from_secs(2));
        assert_eq!(react("delay=30d", 1).delay, LONGEST_DELAY);
        assert_eq!(react("fail_first=1&retry_after=90s", 1).retry_after, Some(90));
        assert_eq!(react("fail_first=1&retry_after=90s", 2).retry_after, None);
    }

    #[test]
    fn credentials_are_checked_and_never_shown() {
        let basic = wish("auth=basic:user:pass");
        let bearer = wish("auth=bearer:token");
        for (wish, given, admitted) in [
            (&basic, Some("Basic dXNlcjpwYXNz"), Some(true)),
            (&basic, Some("basic dXNlcjpwYXNz"), Some(true)),
            (&basic, Some("Basic dXNlcjpwYXNzIQ=="), Some(false)),
            (&basic, None, Some(false)),
            (&bearer, Some("Bearer token"), Some(true)),
            (&bearer, Some("Bearer "), Some(false)),
            (&bearer, Some("token"), Some(false)),
            (&Misbehaviour::default(), Some("Bearer token"), None),
        ] {
            assert_eq!(wish.admits(given), admitted, "{given:?}");
        }
        assert!(!format!("{basic:?}").contains("pass\""));
        assert_eq!(blank_auth("a=b&auth=basic:user:pass&c&au%74h=x"), "a=b&auth=***&c&auth=***");
    }
}
