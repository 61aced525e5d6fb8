//! `Retry-After`: what receivers answer with, and what our own inbox is told to answer with.
//!
//! Both providers document their gaps and nothing besides, so no header of an answer moves an attempt. Where a
//! misbehaving receiver is wished for, the text is read, and comes out as whole seconds within the longest span.

use std::time::Duration;

use understudy::chance::{LONGEST_SPAN, parse_span, show_span};
use understudy::clock::Timestamp;
use understudy::http::misbehave::{LONGEST_DELAY, Misbehaviour, blank_auth};
use understudy::message::{Auth, Outcome, ResponseSeen, RetryPolicy, Success, Verdict};
use understudy::rng::{Seed, jitter_bounds};

pub(crate) fn hold(data: &[u8]) {
    let Some((&n, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    answered(u32::from(n % 8), &text);
    wished(&text);
    if let Ok(span) = parse_span(&text) {
        assert!(span <= LONGEST_SPAN);
        assert_eq!(parse_span(&show_span(span)), Ok(span), "{text:?} is shown as {}", show_span(span));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        assert_eq!(at.to_string().parse(), Ok(at), "{text:?} is shown as {at}");
    }
}

/// An answer with the header means what the same answer without it does, and the next attempt is within its gap.
fn answered(n: u32, value: &str) {
    let now = "2026-11-20T08:00:00Z".parse::<Timestamp>().expect("an instant");
    let policy = RetryPolicy { gaps: [5, 10, 15].map(|m| Duration::from_secs(60 * m)).to_vec(), jitter: 0.25 };
    for status in [429, 503, 301] {
        let headers = vec![("retry-after".to_owned(), value.to_owned())];
        let response = ResponseSeen { status, headers, ..ResponseSeen::default() };
        let plain = Outcome { status: Some(status), ..Outcome::default() };
        let asking = Outcome { response: Some(response), ..plain.clone() };
        let verdict = |outcome| policy.verdict(n, outcome, Success::Any2xx, now, || Seed(3).draw(&[b"fuzzed"]));
        assert_eq!(verdict(&asking), verdict(&plain), "{status}, attempt {n}, Retry-After: {value:?}");
        if let Verdict::RetryAt(at) = verdict(&asking) {
            let (low, high) = jitter_bounds(policy.gaps[n.saturating_sub(1) as usize], policy.jitter);
            assert!(at >= now + low && at <= now + high, "attempt {n} is followed at {at}");
        }
    }
}

fn wished(text: &str) {
    let mut wish = Misbehaviour::default();
    if wish.set("retry_after", text).is_ok() {
        let span = wish.retry_after.expect("it was set");
        assert!(span <= LONGEST_SPAN, "{text:?} is {span:?}");
        wish.fail_first = 1;
        let reaction = wish.react(1, &mut Seed(3).draw(&[b"fuzzed"]));
        assert_eq!(reaction.retry_after, Some(span.as_secs()), "in whole seconds, cut off");
        assert_eq!(wish.react(2, &mut Seed(3).draw(&[b"fuzzed"])).retry_after, None, "success asks for no patience");
    }
    let Ok(wish) = Misbehaviour::default().with_query(text) else { return };
    assert!((0.0..=1.0).contains(&wish.fail) && (0.0..=1.0).contains(&wish.hang), "{wish:?}");
    let reaction = wish.react(1, &mut Seed(3).draw(&[b"fuzzed"]));
    assert!(reaction.status.is_none_or(|status| (200..600).contains(&status)), "{reaction:?}");
    assert!(reaction.delay <= LONGEST_DELAY && reaction.retry_after.is_none_or(|s| s <= LONGEST_SPAN.as_secs()));
    let shown = blank_auth(text);
    assert_eq!(
        Misbehaviour { auth: Auth::None, ..wish.clone() },
        Misbehaviour {
            auth: Auth::None,
            ..Misbehaviour::default()
                .with_query(&shown.replace("auth=***", "auth=none"))
                .expect("the rest is as it was")
        }
    );
    let secret = match &wish.auth {
        Auth::Basic { password, .. } => password.expose(),
        Auth::Bearer { token } => token.expose(),
        Auth::None | Auth::Hmac { .. } => "",
    };
    // A short one may stand in the rest by chance; a longer one does where somebody put it there.
    let elsewhere = text.split('&').filter(|pair| !pair.starts_with("auth=")).any(|pair| pair.contains(secret));
    assert!(secret.len() < 8 || elsewhere || !shown.contains(secret), "X1: {shown:?}");
}
