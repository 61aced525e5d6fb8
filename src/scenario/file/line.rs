//! The lines of a scenario: `{ do = "submit_step", step = "1", after = "30s" }`.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{Line, LineKind, Place, Wait};
use crate::chance::SpanDraw;
use crate::clock::Timestamp;
use crate::portal::flow::check_step;
use crate::provider::idwise::Stimulus as Idwise;
use crate::provider::{Flow, ProviderKind, Stimulus};
use crate::reader::nearest::listed;
use crate::reader::{Extra, Reading, Section, nearest};
use crate::scenario::vocabulary::{stimuli, stimulus};

/// What a line can do besides the provider's stimuli: let time pass.
const WAITS: [(&str, &[&str]); 2] = [("wait", &["for", "until"]), ("advance", &["by"])];

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Steps,
    Meanwhile,
}

/// The lines of `[journey]`: steps and meanwhile.
pub(super) fn lines(
    reading: &mut Reading<'_>,
    journey: &Section,
    provider: ProviderKind,
    flow: Option<&Flow>,
) -> (Vec<Line>, Vec<Line>) {
    let mut ids: Vec<String> = Vec::new();
    let mut read = |key: &str, list: List| {
        let sections = journey.tables(key).enumerate();
        sections
            .filter_map(|(n, section)| line(reading, section, (list, n + 1), &mut ids, (provider, flow)))
            .collect::<Vec<Line>>()
    };
    let (steps, meanwhile) = (read("steps", List::Steps), read("meanwhile", List::Meanwhile));
    if journey.item("steps").is_some() && journey.list("steps").is_empty() {
        let help = Some("begin with { do = \"start\" }".to_owned());
        reading.complain_of(journey, "steps", "a journey needs at least one line", help);
    }
    (steps, meanwhile)
}

fn line(
    reading: &mut Reading<'_>,
    section: &Section,
    (list, number): (List, usize),
    ids: &mut Vec<String>,
    (provider, flow): (ProviderKind, Option<&Flow>),
) -> Option<Line> {
    let id = id(reading, section, list, number, ids);
    match list {
        List::Steps if section.given("at") => {
            let help =
                Some("write after = ... for the time since the line before, or move the line to meanwhile".to_owned());
            reading.complain_of(section, "at", "\"at\" is for lines of meanwhile", help);
        }
        List::Meanwhile if section.given("after") => {
            let help = Some("write at = ... for the time since the journey's start".to_owned());
            reading.complain_of(section, "after", "\"after\" is for lines of steps", help);
        }
        List::Meanwhile if !section.given("at") => {
            let help = Some("add at = ..., the time since the journey's start".to_owned());
            reading.complain(section.span.clone(), "a line of meanwhile has no \"at\"", help);
        }
        _ => {}
    }
    let kind = kind(reading, section, provider)?;
    if let (LineKind::Stimulus(stimulus), Some(flow)) = (&kind, flow) {
        check_steps(reading, section, stimulus, flow);
    }
    let (line, column) = reading.place(section.span.as_ref()?.start);
    Some(Line {
        id,
        kind,
        after: section.span_draw("after").unwrap_or(SpanDraw::Fixed(Duration::ZERO)),
        at: section.span_draw("at"),
        when: section.text("when").map(str::to_owned),
        share: section.number("share")?,
        place: Place { line, column },
    })
}

fn id(reading: &mut Reading<'_>, section: &Section, list: List, number: usize, ids: &mut Vec<String>) -> String {
    let Some(id) = section.text("id") else {
        // A position can never be taken for an id that someone wrote.
        let mark = if list == List::Meanwhile { "m" } else { "" };
        return format!("#{mark}{number}");
    };
    if id.is_empty() || id.starts_with('#') {
        reading.complain_of(section, "id", "a line's \"id\" cannot be empty or begin with #", None);
    }
    if ids.iter().any(|other| other == id) {
        let help = Some("give each line an id of its own".to_owned());
        reading.complain_of(section, "id", format!("there is another line {id:?}"), help);
    }
    ids.push(id.to_owned());
    id.to_owned()
}

fn kind(reading: &mut Reading<'_>, section: &Section, provider: ProviderKind) -> Option<LineKind> {
    let word = section.text("do")?;
    let known = stimuli(provider).iter().chain(&WAITS);
    let Some((_, arguments)) = known.clone().find(|(name, _)| *name == word) else {
        unknown(reading, section, provider, word);
        return None;
    };
    let mut sound = true;
    for extra in &section.extra {
        if !arguments.contains(&extra.name.as_str()) {
            stranger(reading, word, arguments, extra);
            sound = false;
        }
    }
    if !sound {
        return None;
    }
    if WAITS.iter().any(|(name, _)| *name == word) {
        return wait(reading, section, word).map(LineKind::Wait);
    }
    let mut map: Map<String, Json> = section.extra.iter().map(|e| (e.name.clone(), e.json.clone())).collect();
    map.insert("do".to_owned(), Json::String(word.to_owned()));
    match stimulus(provider, &map) {
        Ok(stimulus) => Some(LineKind::Stimulus(stimulus)),
        Err(why) => {
            // The message names the argument that is to blame; one that is missing is blamed on the line.
            let blamed = section.extra.iter().find(|extra| why.contains(&format!("{:?}", extra.name)));
            let place = blamed.map_or_else(|| section.place("do"), |extra| Some(extra.span.clone()));
            reading.complain(place, why, None);
            None
        }
    }
}

fn unknown(reading: &mut Reading<'_>, section: &Section, provider: ProviderKind, word: &str) {
    let other = match provider {
        ProviderKind::Idwise => ProviderKind::Qoreid,
        ProviderKind::Qoreid => ProviderKind::Idwise,
    };
    if stimuli(other).iter().any(|(name, _)| *name == word) {
        let help = Some(format!("this scenario plays {provider}; to play the other: provider = \"{other}\""));
        reading.complain_of(section, "do", format!("{word:?} is a stimulus of {other}"), help);
        return;
    }
    let words: Vec<&str> = stimuli(provider).iter().chain(&WAITS).map(|(name, _)| *name).collect();
    let help = match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("a line can do {}", listed(words)),
    };
    reading.complain_of(section, "do", format!("{word:?} is not a stimulus"), Some(help));
}

fn stranger(reading: &mut Reading<'_>, word: &str, arguments: &[&str], extra: &Extra) {
    let common = ["id", "after", "when", "share", "at"];
    let help = match nearest(&extra.name, arguments.iter().copied().chain(common)) {
        Some(near) => format!("did you mean {near:?}?"),
        None if arguments.is_empty() => "it has no arguments".to_owned(),
        None => format!("it has {}", listed(arguments.iter().copied()).replace(" or ", " and ")),
    };
    let message = format!("{word:?} has no argument {:?}", extra.name);
    reading.complain(Some(extra.key_span.clone()), message, Some(help));
}

fn wait(reading: &mut Reading<'_>, section: &Section, word: &str) -> Option<Wait> {
    let form = match word {
        "wait" => "write { do = \"wait\", for = \"5m\" } or { do = \"wait\", until = 2026-11-20T08:00:00Z }",
        _ => "write { do = \"advance\", by = \"31d\" }",
    };
    let [extra] = &section.extra[..] else {
        let which = if section.extra.is_empty() { "how long" } else { "only one of \"for\" and \"until\"" };
        reading.complain_of(section, "do", format!("{word:?} must say {which}"), Some(form.to_owned()));
        return None;
    };
    let text = extra.json.as_str().unwrap_or_default();
    let (read, why) = if extra.name == "until" {
        (text.parse::<Timestamp>().map(Wait::Until).ok(), "it is not an instant with its offset from UTC".to_owned())
    } else {
        match text.parse::<SpanDraw>() {
            Ok(span) => (Some(Wait::For(span)), String::new()),
            Err(_) if !extra.json.is_string() => (None, "it is not a duration in quotes".to_owned()),
            Err(why) => (None, why.to_string()),
        }
    };
    // An instant without its offset was complained of when it was read, and stands here as null.
    if read.is_none() && !extra.json.is_null() {
        reading.complain(Some(extra.span.clone()), format!("{:?} is wrong: {why}", extra.name), Some(form.to_owned()));
    }
    read
}

/// Completes the schema of a line with what a line can do, and with the arguments of it.
pub(super) fn complete_schema(items: &mut Json) {
    let (first, second) = (stimuli(ProviderKind::Idwise), stimuli(ProviderKind::Qoreid));
    let vocabulary = || first.iter().chain(second).chain(&WAITS);
    let mut words: Vec<&str> = vocabulary().map(|(name, _)| *name).collect();
    words.sort_unstable();
    words.dedup();
    let arguments = vocabulary().flat_map(|(_, arguments)| arguments.iter());
    let Some(properties) = items["properties"].as_object_mut() else { return };
    for argument in arguments {
        properties.entry(*argument).or_insert_with(|| json!({ "description": "an argument of what is done" }));
    }
    properties.insert("do".to_owned(), json!({ "enum": words, "description": "what happens" }));
    // With every argument named there is nothing else that a line could hold.
    items["additionalProperties"] = json!(false);
}

fn check_steps(reading: &mut Reading<'_>, section: &Section, stimulus: &Stimulus, flow: &Flow) {
    let known: Vec<&str> = match flow {
        Flow::Idwise(flow) => flow.steps.iter().map(|step| step.id.as_str()).collect(),
        Flow::Qoreid(flow) => flow.steps.iter().map(|step| step.id.as_str()).collect(),
    };
    let named: Vec<&str> = match stimulus {
        Stimulus::Idwise(Idwise::SubmitStep { step }) => vec![step],
        Stimulus::Idwise(Idwise::RequestResubmission { steps } | Idwise::RenewalDue { steps, .. }) => {
            steps.iter().map(|required| required.step.as_str()).collect()
        }
        Stimulus::Idwise(_) => Vec::new(),
        Stimulus::Qoreid(stimulus) => stimulus.step().into_iter().collect(),
    };
    // The argument's own place is nearer to the mistake than the line's.
    let argument = section.extra.iter().find(|extra| extra.name == "step" || extra.name == "steps");
    let place = Section { span: argument.map(|extra| extra.span.clone()), ..Section::default() };
    for id in named {
        check_step(reading, &place, "step", id, known.iter().copied());
    }
}
