//! `webhooks.toml`: any text is a configuration that says the same when it is written again, or is refused with places.

use std::time::Duration;

use understudy::chance::LONGEST_SPAN;
use understudy::config::{self, Config};
use understudy::message::Auth;
use understudy::portal::DeliveryPolicy;
use understudy::portal::email::check_address;
use understudy::reader::{Complaints, Overrides, Source};
use understudy::transport::request::is_reserved;

use super::complaints;

pub(crate) fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match load(text) {
        Ok(config) => accepted(text, &config),
        Err(refused) => complaints::hold(text, &refused),
    }
}

fn load(text: &str) -> Result<Config, Complaints> {
    Config::load(Source { name: "webhooks.toml", text }, &Overrides::none(), &complaints::env)
}

fn accepted(text: &str, config: &Config) {
    assert_eq!(load(text).as_ref(), Ok(config), "read twice");
    let again = complaints::rewritten(text).expect("what was read is TOML");
    let again = load(&again).unwrap_or_else(|refused| panic!("written again as\n{again}\n{refused}"));
    assert_eq!(again, *config, "written again");

    let shown = format!("{}{}{config:?}", config::show(config), config::show_json(config));
    assert!(text.contains(complaints::CANARY) || !shown.contains(complaints::CANARY), "X1: {shown}");

    in_range(&config.delivery.policy);
    assert_eq!(check_address(&config.email.from), Ok(()));
    for webhook in &config.webhooks {
        in_range(&webhook.policy);
        for contact in &webhook.error_emails {
            assert_eq!(check_address(contact), Ok(()), "{}", webhook.name);
        }
        for (name, _) in &webhook.headers {
            assert!(!is_reserved(name, &webhook.auth), "{}: {name} with {:?}", webhook.name, webhook.auth);
        }
        if let Auth::Basic { username, .. } = &webhook.auth {
            assert!(!username.contains(':'), "{}", webhook.name);
        }
        let base = "http://127.0.0.1:4740/".parse().expect("a URL");
        let url = webhook.endpoint(&base).url;
        assert!(matches!(url.scheme(), "http" | "https") && url.host().is_some(), "{url}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    }
    let mut names: Vec<&str> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "names are unique: {names:?}");
}

/// As the shipped file documents it.
fn in_range(policy: &DeliveryPolicy) {
    assert!(policy.retry.gaps.len() <= 20 && policy.retry.gaps.iter().all(|gap| *gap <= LONGEST_SPAN), "{policy:?}");
    assert!((0.0..=1.0).contains(&policy.retry.jitter), "{policy:?}");
    assert!((Duration::from_millis(100)..=Duration::from_secs(120)).contains(&policy.timeout), "{policy:?}");
    assert!((1..=1024).contains(&policy.max_in_flight), "{policy:?}");
    assert!(policy.rate_limit.is_none_or(|limit| limit.per_second > 0.0 && limit.per_second.is_finite()), "{policy:?}");
}
