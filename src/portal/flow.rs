//! `[[flow]]`: what journeys go through.

use crate::chance::Weights;
use crate::portal::words;
use crate::provider::idwise::{Flow, Renewal, RenewalCriteria, StepDefinition};
use crate::provider::words::Word as _;
use crate::provider::{self, qoreid};
use crate::reader::{Reading, Section};

/// All flows of the document, over those in `known`: an id may be given only once.
///
/// `finished_journey_on_review` is the provider's switch of that name, which holds for every flow. `workflows` is what
/// QoreID's workflows take after; absent when IDWise is played.
pub fn flows(
    reading: &mut Reading<'_>,
    root: &Section,
    known: &[provider::Flow],
    finished_journey_on_review: bool,
    workflows: Option<&qoreid::Flow>,
) -> Vec<provider::Flow> {
    let mut flows: Vec<provider::Flow> = Vec::new();
    for section in root.tables("flow") {
        let Some(id) = section.text("id") else { continue };
        if flows.iter().chain(known).any(|flow| flow.id() == id) {
            let help = Some("give each flow an id of its own".to_owned());
            reading.complain_of(section, "id", format!("there is another flow {id:?}"), help);
        }
        flows.extend(match workflows {
            Some(like) => workflow(reading, section, like).map(provider::Flow::Qoreid),
            None => flow(reading, section, finished_journey_on_review).map(provider::Flow::Idwise),
        });
    }
    flows
}

fn flow(reading: &mut Reading<'_>, section: &Section, finished_journey_on_review: bool) -> Option<Flow> {
    let id = section.text("id")?.to_owned();
    if id.trim().is_empty() {
        reading.complain_of(section, "id", "a flow's \"id\" cannot be empty", None);
    }
    if section.text("kind") == Some("workflow") {
        let help = Some("remove the key, or write provider = \"qoreid\"".to_owned());
        reading.complain_of(section, "kind", "idwise has no workflows", help);
    }
    let steps = steps(reading, section);
    let renewal = section.table("renewal").and_then(|table| renewal(reading, table, section));
    let pairs = section.weights("decision")?;
    let decision = pairs.iter().filter_map(|(word, weight)| Some((words::system_decision(word)?, *weight))).collect();
    Some(Flow {
        id,
        steps,
        processing: section.span_draw("processing")?,
        decision: Weights::new(decision)?,
        aml_monitoring: section.switch("aml_monitoring")?,
        renewal,
        finished_journey_on_review,
    })
}

/// The products of QoreID, which are flows without being configured.
pub fn products(like: &qoreid::Flow) -> Vec<provider::Flow> {
    let product = |product: &qoreid::Product| {
        provider::Flow::Qoreid(qoreid::Flow { id: product.as_str().to_owned(), product: *product, ..like.clone() })
    };
    qoreid::Product::ALL.iter().filter(|product| **product != qoreid::Product::Workflow).map(product).collect()
}

fn workflow(reading: &mut Reading<'_>, section: &Section, like: &qoreid::Flow) -> Option<qoreid::Flow> {
    let id = section.text("id")?.to_owned();
    if section.text("kind") != Some("workflow") {
        let help = Some("add kind = \"workflow\"; a product such as \"address\" needs no [[flow]]".to_owned());
        reading.complain_of(section, "id", format!("flow {id:?} of qoreid is no workflow"), help);
    }
    for key in ["decision", "aml_monitoring", "renewal"].into_iter().filter(|key| section.given(key)) {
        reading.complain_of(section, key, format!("a workflow has no {key:?}"), Some("remove the key".to_owned()));
    }
    let mut steps: Vec<qoreid::StepDefinition> = Vec::new();
    for step in section.tables("steps") {
        let (Some(id), Some(word)) = (step.text("id"), step.text("type")) else { continue };
        match word.parse::<qoreid::Product>() {
            Ok(product) => {
                let title = step.text("title").unwrap_or(word).to_owned();
                steps.push(qoreid::StepDefinition { id: id.to_owned(), product, title });
            }
            Err(_) => {
                let help = Some("write identity, address, employment, guarantor or property".to_owned());
                reading.complain_of(step, "type", format!("{word:?} is not a product of qoreid"), help);
            }
        }
    }
    check_ids(reading, section);
    let processing = section.span_draw("processing").filter(|_| section.given("processing"));
    Some(qoreid::Flow {
        id,
        product: qoreid::Product::Workflow,
        steps,
        processing: processing.unwrap_or_else(|| like.processing.clone()),
        ..like.clone()
    })
}

/// Complains of steps without an id of their own, and of no steps.
fn check_ids(reading: &mut Reading<'_>, section: &Section) {
    let mut ids: Vec<&str> = Vec::new();
    for step in section.tables("steps") {
        let Some(id) = step.text("id") else { continue };
        if id.trim().is_empty() {
            reading.complain_of(step, "id", "a step's \"id\" cannot be empty", None);
        }
        if ids.contains(&id) {
            let help = Some("give each step of a flow an id of its own".to_owned());
            reading.complain_of(step, "id", format!("there is another step {id:?} in this flow"), help);
        }
        ids.push(id);
    }
    if section.item("steps").is_some() && section.list("steps").is_empty() {
        let help = Some("write steps = [{ id = \"1\", type = \"Document\" }]".to_owned());
        reading.complain_of(section, "steps", "a flow needs at least one step", help);
    }
}

fn steps(reading: &mut Reading<'_>, section: &Section) -> Vec<StepDefinition> {
    check_ids(reading, section);
    let mut steps: Vec<StepDefinition> = Vec::new();
    for step in section.tables("steps") {
        let Some(id) = step.text("id") else { continue };
        if let Some(word) = step.text("type").filter(|word| words::step_kind(word).is_none()) {
            let message = format!("{word:?} is a product of qoreid, not something that a user submits");
            reading.complain_of(step, "type", message, Some("write Document or Selfie".to_owned()));
        }
        if let Some(kind) = step.text("type").and_then(words::step_kind) {
            let title = step.text("title").unwrap_or(kind.as_str()).to_owned();
            steps.push(StepDefinition { id: id.to_owned(), kind, title });
        }
    }
    steps
}

fn renewal(reading: &mut Reading<'_>, table: &Section, flow: &Section) -> Option<Renewal> {
    let ids: Vec<String> = table.list("step").iter().filter_map(|item| item.text().map(str::to_owned)).collect();
    // A list of steps that was complained of says nothing about which steps there are.
    for id in ids.iter().filter(|_| flow.item("steps").is_some()) {
        check_step(reading, table, "step", id, flow.tables("steps").filter_map(|step| step.text("id")));
    }
    if ids.is_empty() && table.item("step").is_some() {
        reading.complain_of(table, "step", "a renewal needs at least one step", None);
    }
    let criteria = table.text("criteria").and_then(words::criteria).unwrap_or(RenewalCriteria::DocumentExpired);
    let after = table.duration("after")?;
    if after.is_zero() {
        reading.complain_of(table, "after", "a renewal cannot fall due at once: \"after\" must be above 0", None);
    }
    Some(Renewal { steps: ids, criteria, after, grace: table.duration("grace")? })
}

/// Complains unless `id` is one of a flow's steps.
pub fn check_step<'s>(
    reading: &mut Reading<'_>,
    section: &Section,
    key: &str,
    id: &str,
    steps: impl Iterator<Item = &'s str>,
) {
    let steps: Vec<&str> = steps.collect();
    if !steps.contains(&id) {
        let help = Some(format!("its steps are {}", crate::reader::nearest::listed(steps).replace(" or ", " and ")));
        reading.complain_of(section, key, format!("the flow has no step {id:?}"), help);
    }
}
