//! `[delivery]`: the policy that webhooks share and may override.

use std::net::IpAddr;
use std::time::Duration;

use crate::message::{RateLimit, Reach, RetryPolicy, Success};
use crate::provider::{Dialect, ProviderKind, policy};
use crate::reader::{Item, Reading, Section};

/// How one webhook is delivered to.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPolicy {
    /// When to try again.
    pub retry: RetryPolicy,
    /// One deadline for an attempt, in real time.
    pub timeout: Duration,
    /// What counts as delivered.
    pub success: Success,
    /// At most so many attempts at once.
    pub max_in_flight: usize,
    /// At most so many starts per second.
    pub rate_limit: Option<RateLimit>,
    /// One journey's events in order.
    pub ordered: bool,
    /// So many bytes of an answer's body are kept.
    pub response_body_max: usize,
}

impl DeliveryPolicy {
    /// As a provider documented in an era that it delivers; see [`policy`].
    pub fn documented(dialect: Dialect) -> Self {
        let documented = policy(dialect);
        DeliveryPolicy {
            retry: RetryPolicy { gaps: documented.retry, jitter: 0.0 },
            timeout: documented.timeout,
            success: if documented.any_2xx { Success::Any2xx } else { Success::Only200 },
            max_in_flight: 32,
            rate_limit: None,
            ordered: false,
            response_body_max: 64 << 10,
        }
    }
}

impl Default for DeliveryPolicy {
    /// The documented policy of today's IDWise.
    fn default() -> Self {
        DeliveryPolicy::documented(Dialect::current(ProviderKind::Idwise))
    }
}

/// The keys of a policy that a table gives; the others are as elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyOverrides {
    retry: Option<Vec<Duration>>,
    jitter: Option<f64>,
    timeout: Option<Duration>,
    success: Option<Success>,
    max_in_flight: Option<usize>,
    rate_limit: Option<Option<RateLimit>>,
    ordered: Option<bool>,
    response_body_max: Option<usize>,
}

impl PolicyOverrides {
    /// What `section` gives. The defaults are the provider's and this room's, not the declaration's.
    pub fn read(section: &Section) -> Self {
        let given = |key: &str| section.given(key);
        let retry = || section.list("retry").iter().filter_map(Item::duration).collect();
        PolicyOverrides {
            retry: given("retry").then(retry),
            jitter: section.number("jitter").filter(|_| given("jitter")),
            timeout: section.duration("timeout").filter(|_| given("timeout")),
            success: section
                .text("success")
                .filter(|_| given("success"))
                .map(|t| if t == "2xx" { Success::Any2xx } else { Success::Only200 }),
            max_in_flight: section.count("max_in_flight").filter(|_| given("max_in_flight")),
            rate_limit: section
                .rate("rate_limit")
                .filter(|_| given("rate_limit"))
                .map(|rate| rate.map(|per_second| RateLimit { per_second })),
            ordered: section.text("order").filter(|_| given("order")).map(|order| order == "journey"),
            response_body_max: section.count("response_body_max").filter(|_| given("response_body_max")),
        }
    }

    /// These keys, and those of `base` that are not among them.
    #[must_use]
    pub fn or(self, base: &PolicyOverrides) -> Self {
        PolicyOverrides {
            retry: self.retry.or_else(|| base.retry.clone()),
            jitter: self.jitter.or(base.jitter),
            timeout: self.timeout.or(base.timeout),
            success: self.success.or(base.success),
            max_in_flight: self.max_in_flight.or(base.max_in_flight),
            rate_limit: self.rate_limit.or(base.rate_limit),
            ordered: self.ordered.or(base.ordered),
            response_body_max: self.response_body_max.or(base.response_body_max),
        }
    }

    /// `base`, with these keys in place of its own.
    pub fn over(&self, base: &DeliveryPolicy) -> DeliveryPolicy {
        DeliveryPolicy {
            retry: RetryPolicy {
                gaps: self.retry.clone().unwrap_or_else(|| base.retry.gaps.clone()),
                jitter: self.jitter.unwrap_or(base.retry.jitter),
            },
            timeout: self.timeout.unwrap_or(base.timeout),
            success: self.success.unwrap_or(base.success),
            max_in_flight: self.max_in_flight.unwrap_or(base.max_in_flight),
            rate_limit: self.rate_limit.unwrap_or(base.rate_limit),
            ordered: self.ordered.unwrap_or(base.ordered),
            response_body_max: self.response_body_max.unwrap_or(base.response_body_max),
        }
    }
}

/// `[delivery]`, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliverySettings {
    /// Which addresses deliveries may go to.
    pub reach: Vec<Reach>,
    /// The local address that attempts come from; `None` leaves it to the system.
    pub source_ip: Option<IpAddr>,
    /// The policy of webhooks that speak the server's dialect and override nothing.
    pub policy: DeliveryPolicy,
    /// What was set by hand; the rest of a policy is as documented in the dialect that a webhook speaks.
    pub set: PolicyOverrides,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        DeliverySettings::of(Dialect::current(ProviderKind::Idwise))
    }
}

impl DeliverySettings {
    /// As a provider documented in an era that it delivers, to everywhere.
    pub fn of(dialect: Dialect) -> Self {
        DeliverySettings {
            reach: vec![Reach::Loopback, Reach::Private, Reach::Public],
            source_ip: None,
            policy: DeliveryPolicy::documented(dialect),
            set: PolicyOverrides::default(),
        }
    }

    /// The policy of webhooks that speak `dialect` and override nothing.
    pub fn policy_in(&self, dialect: Dialect) -> DeliveryPolicy {
        self.set.over(&DeliveryPolicy::documented(dialect))
    }

    /// What `section` gives, over `base`, for a server that speaks `dialect`.
    pub fn read(reading: &mut Reading<'_>, section: &Section, base: &DeliverySettings, dialect: Dialect) -> Self {
        let reach = match section.item("reach") {
            Some(_) => section.list("reach").iter().filter_map(|item| item.text()?.parse().ok()).collect(),
            None => base.reach.clone(),
        };
        let source_ip = match section.text("source_ip") {
            None => base.source_ip,
            Some("") => None,
            Some(text) => match text.parse() {
                Ok(address) => Some(address),
                Err(_) => {
                    let help =
                        Some("write it like \"192.0.2.7\", without a port; \"\" leaves it to the system".to_owned());
                    reading.complain_of(
                        section,
                        "source_ip",
                        format!("\"source_ip\" is not an address: {text:?}"),
                        help,
                    );
                    None
                }
            },
        };
        let set = PolicyOverrides::read(section).or(&base.set);
        DeliverySettings { reach, source_ip, policy: set.over(&DeliveryPolicy::documented(dialect)), set }
    }
}
