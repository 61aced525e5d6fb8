//! Scenarios that are in order; those that are not stand in `tests/broken`.

use super::*;
use crate::chance::Weights;
use crate::provider::Stimulus;
use crate::provider::idwise::{self, SystemDecision};

const FLOW: &str =
    "[[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\" }, { id = \"2\", type = \"Selfie\" }]\n";

fn parse(text: &str) -> Result<Scenario, Complaints> {
    let (delivery, email) = (DeliverySettings::default(), EmailSettings::default());
    let vocabulary = Vocabulary {
        dialect: Dialect::current(crate::provider::ProviderKind::Idwise),
        environment: Environment::Sandbox,
        flows: &[],
        delivery: &delivery,
        email: &email,
        finished_journey_on_review: false,
        qoreid: &crate::provider::qoreid::Flow::of(crate::provider::qoreid::Product::Workflow),
        env: &|_| None,
    };
    Scenario::parse("x.journey.toml", text, &vocabulary)
}

fn valid(text: &str) -> Scenario {
    parse(text).unwrap_or_else(|complaints| panic!("{complaints}"))
}

#[test]
fn the_documented_example_is_read_whole() {
    let scenario = valid(&format!(
        r#"
format = 1
name = "asked again"
seed = 20261120
clock = {{ mode = "leap", start = 2026-11-20T08:00:00Z }}

[population]
journeys = 20_000
arrive = [{{ for = "2m", rate = [5, 50] }}, {{ for = "10m", rate = 50 }}]

[data]
reference_no = {{ sequence = "KYC-{{n}}" }}
remark = {{ edge = "text" }}
tier = 3

[journey]
flow = "onboarding"
steps = [
  {{ do = "start" }},
  {{ id = "docs", do = "submit_step", step = "1", after = "uniform(40s, 6m)" }},
  {{ do = "finish_processing", after = "lognormal(90s, 0.7, max 30m)", decision = {{ Complete = 80, Refer = 20 }} }},
  {{ when = "Refer", do = "request_resubmission", steps = [{{ step = "1", reason_code = "RESUBMIT_BAD_QUALITY" }}] }},
  {{ do = "wait", until = 2027-01-01T00:00:00+01:00 }},
  {{ do = "advance", by = "31d" }},
]
meanwhile = [
  {{ when = "passed", do = "aml_monitor_update", change = "added", at = "uniform(30d, 360d)", share = "3%" }},
]

[expect]
status = [200, "4xx"]
within = "2s"
attempts = 1
events = ["Finished Step"]
mails = 0
state = "delivered"
final = "Approved"

[require]
checks = ["lost == 0"]

{FLOW}
[delivery]
timeout = "3s"
[[webhook]]
name = "a"
url = "http://127.0.0.1:9/a"
retry = ["1s"]
"#
    ));
    assert_eq!((scenario.seed, scenario.pace), (Some(Seed(20_261_120)), Pace::Leap));
    assert_eq!(scenario.start.map(Timestamp::to_rfc3339_seconds).as_deref(), Some("2026-11-20T08:00:00Z"));
    let population = scenario.population.as_ref().expect("given");
    assert_eq!((population.journeys, population.spacing, population.arrive.len()), (20_000, Spacing::Poisson, 2));
    assert_eq!((population.arrive[0].from, population.arrive[0].to), (5.0, 50.0));
    assert_eq!(scenario.data["reference_no"], DataValue::Sequence("KYC-{n}".to_owned()));
    assert_eq!(scenario.data["remark"], DataValue::EdgeText);
    assert_eq!(scenario.data["tier"], DataValue::Literal(serde_json::json!(3)));
    let ids: Vec<&str> = scenario.steps.iter().chain(&scenario.meanwhile).map(|line| line.id.as_str()).collect();
    assert_eq!(ids, ["#1", "docs", "#3", "#4", "#5", "#6", "#m1"]);
    assert_eq!(scenario.steps[1].place, Place { line: 20, column: 3 });
    let LineKind::Stimulus(Stimulus::Idwise(idwise::Stimulus::FinishProcessing { decision })) = &scenario.steps[2].kind
    else {
        panic!("{:?}", scenario.steps[2]);
    };
    let weights = Weights::new(vec![(SystemDecision::Complete, 80.0), (SystemDecision::Refer, 20.0)]);
    assert_eq!(*decision, weights);
    assert!(
        matches!(&scenario.steps[4].kind, LineKind::Wait(Wait::Until(at)) if at.to_rfc3339_seconds() == "2026-12-31T23:00:00Z")
    );
    assert!(matches!(&scenario.steps[5].kind, LineKind::Wait(Wait::For(_))));
    assert_eq!((scenario.meanwhile[0].share, scenario.meanwhile[0].when.as_deref()), (0.03, Some("passed")));
    assert!(scenario.expect.status.iter().any(|rule| rule.holds(404)) && !scenario.expect.status[1].holds(500));
    assert_eq!(scenario.expect.state, Some(DeliveryState::Delivered));
    assert_eq!(scenario.webhooks[0].policy.timeout, Duration::from_secs(3));
    assert_eq!(scenario.webhooks[0].policy.retry.gaps, [Duration::from_secs(1)]);
    assert_eq!(scenario.delivery.reach, DeliverySettings::default().reach);
}

#[test]
fn the_template_plays_as_it_is() {
    let text = new_text("a \"first\" try");
    let scenario = valid(&format!("{text}\n{FLOW}"));
    assert_eq!(scenario.name, "a \"first\" try");
    assert_eq!(scenario.steps.len(), 5);
    assert_eq!(scenario.webhooks, []);
}

#[test]
fn check_says_what_is_played() {
    let (delivery, email) = (DeliverySettings::default(), EmailSettings::default());
    let flows = valid(&format!("{}\n{FLOW}", new_text("x"))).flows;
    let vocabulary = Vocabulary {
        dialect: Dialect::current(crate::provider::ProviderKind::Idwise),
        environment: Environment::Sandbox,
        flows: &flows,
        delivery: &delivery,
        email: &email,
        finished_journey_on_review: false,
        qoreid: &crate::provider::qoreid::Flow::of(crate::provider::qoreid::Product::Workflow),
        env: &|_| None,
    };
    let said = check("x.journey.toml", &new_text("x"), &vocabulary).expect("valid");
    assert_eq!(said, "x.journey.toml is in order: \"x\", 5 lines, flow \"onboarding\"\n");
}

#[test]
fn the_schema_knows_what_a_line_can_do() {
    let schema = schema();
    for list in ["steps", "meanwhile"] {
        let line = &schema["properties"]["journey"]["properties"][list]["items"];
        let words = line["properties"]["do"]["enum"].as_array().expect("a list");
        assert!(words.contains(&serde_json::json!("submit_step")) && words.contains(&serde_json::json!("wait")));
        assert!(line["properties"]["reason_code"].is_object() && line["properties"]["after"].is_object());
        assert_eq!(line["additionalProperties"], false);
    }
    assert_eq!(schema["required"], serde_json::json!(["format", "name", "journey"]));
}
