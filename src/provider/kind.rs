//! Which provider is played, and the vocabulary it brings.
//!
//! The configuration, the API and the scenario reader ask here by the provider's word, so that none of them
//! names a provider's module.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::words;
use super::{DeadlineKind, Dialect, Policy, State, Stimulus, idwise, qoreid};

/// A provider that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// IDWise.
    Idwise,
    /// QoreID.
    Qoreid,
}

impl ProviderKind {
    /// The provider's word in `provider = "idwise"`.
    pub fn as_str(self) -> &'static str {
        match self {
            ProviderKind::Idwise => "idwise",
            ProviderKind::Qoreid => "qoreid",
        }
    }
}

impl From<&State> for ProviderKind {
    /// Whose machine a journey stands in.
    fn from(state: &State) -> Self {
        match state {
            State::Idwise(_) => ProviderKind::Idwise,
            State::Qoreid(_) => ProviderKind::Qoreid,
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "idwise" => Ok(ProviderKind::Idwise),
            "qoreid" => Ok(ProviderKind::Qoreid),
            other => Err(format!("{other:?} is not a provider{}", words::suggest(other, &["idwise", "qoreid"]))),
        }
    }
}

/// Reads a stimulus of the provider: `do` and the arguments that go with it, and no other key.
///
/// # Errors
/// What is wrong, the nearest valid word, and what is accepted.
pub fn parse_stimulus(kind: ProviderKind, map: &Map<String, Value>) -> Result<Stimulus, String> {
    match kind {
        ProviderKind::Idwise => idwise::Stimulus::from_json(map).map(Stimulus::Idwise),
        ProviderKind::Qoreid => qoreid::Stimulus::from_json(map).map(Stimulus::Qoreid),
    }
}

/// The stimuli's words with the names of their arguments.
pub fn stimuli(kind: ProviderKind) -> &'static [(&'static str, &'static [&'static str])] {
    match kind {
        ProviderKind::Idwise => idwise::STIMULI,
        ProviderKind::Qoreid => qoreid::STIMULI,
    }
}

/// The words that a script's `when` may have: see [`matches`](super::matches).
pub fn when_words(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::Idwise => &idwise::WHEN,
        ProviderKind::Qoreid => &qoreid::WHEN,
    }
}

/// The stimuli with which a script speaks for a deadline: where one is still to come, the deadline is not set.
pub fn speak_for(kind: ProviderKind, deadline: DeadlineKind) -> &'static [&'static str] {
    match (kind, deadline) {
        (ProviderKind::Idwise, DeadlineKind::Processing) => &["finish_processing"],
        (ProviderKind::Idwise, DeadlineKind::RenewalDue) => &["renewal_due"],
        (ProviderKind::Idwise, DeadlineKind::RenewalDeadline) => &["renewal_deadline"],
        (ProviderKind::Qoreid, DeadlineKind::Processing) => &["finish", "start_step", "finish_step", "cancel"],
        (ProviderKind::Qoreid, _) => &[],
    }
}

/// How the provider documented in an era that it delivers.
pub fn policy(dialect: Dialect) -> Policy {
    match dialect {
        Dialect::Idwise(era) => idwise::policy::policy(era),
        Dialect::Qoreid(_) => qoreid::policy::policy(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_read_by_their_words() {
        assert_eq!("idwise".parse(), Ok(ProviderKind::Idwise));
        assert_eq!(ProviderKind::Idwise.to_string(), "idwise");
        let error = |text: &str| text.parse::<ProviderKind>().expect_err(text);
        assert_eq!("qoreid".parse(), Ok(ProviderKind::Qoreid));
        insta::assert_snapshot!(error("IDWise"), @r#""IDWise" is not a provider: did you mean "idwise"? accepted: idwise, qoreid"#);
    }

    #[test]
    fn a_stimulus_is_read_in_its_providers_vocabulary() {
        let map = serde_json::json!({"do": "delete"});
        let read = parse_stimulus(ProviderKind::Idwise, map.as_object().expect("a map"));
        assert_eq!(read, Ok(Stimulus::Idwise(idwise::Stimulus::Delete)));
    }
}
