//! The AML record of a journey as the provider's API shows it, drawn from the seed: as many matches as the journey has on
//! record, of persons that do not exist.
//!
//! Called by the provider's API. Pure: the same journey gives the same matches, and a match keeps its `resource_id` when
//! it is whitelisted.

use serde::Serialize;
use utoipa::ToSchema;

use super::result::person::Person;
use super::state::MATCHES_SHOWN;
use super::{Flow, State};
use crate::provider::Journey;
use crate::rng::Seed;

/// Invented lists; no authority keeps one of these names.
const DATASETS: [&str; 4] =
    ["Example Sanctions List", "Sample PEP Register", "Demo Watchlist", "Adverse Media Test Set"];

/// docs.idwise.com/reference/get-aml-history: one match.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Match {
    /// Constant for a match.
    pub resource_id: String,
    /// The version of the record it was found in.
    aml_record_version: u32,
    /// What monitoring found last; `null` for a match of the first search.
    ongoing_monitor_update_type: Option<String>,
    /// Whether a reviewer silenced it.
    is_whitelisted: bool,
    /// `Potential Match`, or `False Positive` once whitelisted.
    match_status: String,
    /// 0 to 1.
    score: f64,
    name: String,
    countries: Vec<String>,
    #[serde(rename = "datesOfBirth")]
    dates_of_birth: Vec<String>,
    datasets: Vec<String>,
    aliases: Vec<String>,
    addresses: Vec<String>,
    sex: String,
    details: String,
}

/// docs.idwise.com/docs/get-aml-result: the `aml` object of a journey's result and of a check.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Aml {
    /// `Not Ready Yet`, `Skipped`, `Disabled` or `Applicable`.
    applicability: &'static str,
    /// Those on record.
    pub matches: Vec<Match>,
    /// Whether the journey's flow monitors.
    ongoing_monitoring_enabled: bool,
    /// Rises by one with each update that monitoring finds.
    version: u32,
}

/// What is shown of a journey's AML record.
pub fn aml(seed: Seed, journey: &Journey, state: &State, flow: &Flow, decided: bool) -> Aml {
    let applicability = match (decided, flow.aml_monitoring, state.system) {
        (_, false, _) => "Disabled",
        (false, ..) => "Not Ready Yet",
        (true, _, super::SystemDecision::Incomplete) => "Skipped",
        (true, ..) => "Applicable",
    };
    let matches = if applicability == "Applicable" { matches(seed, journey, state, None) } else { Vec::new() };
    Aml { applicability, matches, ongoing_monitoring_enabled: flow.aml_monitoring, version: state.aml.version }
}

/// The matches of a version of the record; those of the present one for `None`. Of an older version those are shown that
/// had been found by then.
pub fn matches(seed: Seed, journey: &Journey, state: &State, version: Option<u32>) -> Vec<Match> {
    let silent = state.aml.whitelisted.min(MATCHES_SHOWN);
    let loud = state.aml.matches.min(MATCHES_SHOWN - silent);
    let all = (0..silent + loud).map(|n| one(seed, journey, state, n, n < silent));
    all.filter(|found| version.is_none_or(|version| found.aml_record_version <= version)).collect()
}

fn one(seed: Seed, journey: &Journey, state: &State, n: u32, is_whitelisted: bool) -> Match {
    let mut draw = seed.draw(&[b"aml-match", &journey.id.0, &n.to_le_bytes()]);
    let mut id = [0; 8];
    draw.fill(&mut id);
    let subject = Person::of(seed, journey, false);
    let other = Person::drawn(&mut draw, journey.created_at, false);
    let dataset = DATASETS[draw.below(DATASETS.len() as u64) as usize];
    let version = state.aml.version_of(n);
    Match {
        resource_id: format!("aml-{}", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        aml_record_version: version,
        ongoing_monitor_update_type: (version > 0).then(|| "Added".to_owned()),
        is_whitelisted,
        match_status: if is_whitelisted { "False Positive" } else { "Potential Match" }.to_owned(),
        score: (70 + draw.below(30)) as f64 / 100.0,
        name: subject.full_name(),
        countries: vec![other.country.1.to_owned()],
        dates_of_birth: vec![other.birth_date.clone()],
        datasets: vec![dataset.to_owned()],
        aliases: vec![other.full_name()],
        addresses: Vec::new(),
        sex: subject.sex.to_owned(),
        details: format!("an invented entry of the {dataset}"),
    }
}
