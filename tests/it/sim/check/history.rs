//! J1, D5, D7, S1, S2: each journey's events are a path of the drawn machine, each comes from somewhere, and what the
//! clock owes a journey happens once, and not before its time.
//!
//! The machine is told once more here, by what the bodies say, from the provider's pages.

use std::collections::BTreeSet;

use chrono_tz::Europe::Zurich;
use serde_json::Value;
use understudy::clock::Timestamp;
use understudy::ids::{EventId, JourneyId};
use understudy::message::Message;

use super::Lists;
use crate::sim::plan::{Plan, Renewals};
use crate::sim::witness::{Answered, Call, Seen};

const STEPS: [&str; 2] = ["1", "2"];

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Open,
    Processing { since: Timestamp },
    Finished,
    Resubmission,
    RenewalDue { deadline: Timestamp },
    Lapsed,
}

/// A journey as its events tell it.
#[derive(Clone, Debug)]
struct Path {
    phase: Phase,
    system: String,
    manual: Option<String>,
    missing: BTreeSet<String>,
    /// When its renewal falls due.
    renewal: Option<Timestamp>,
    /// Renewals that began.
    renewed: u64,
}

/// One stimulus's events.
struct Group<'a> {
    at: Timestamp,
    kinds: Vec<&'a str>,
    bodies: Vec<Value>,
    ids: Vec<EventId>,
}

/// Where the events of a stimulus come from, if nobody called.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Timer {
    None,
    Processing,
    Renewal,
    Deadline,
    Monitoring,
}

pub(super) fn check(seen: &mut Seen, plan: &Plan, lists: &Lists, end: Timestamp) {
    for (id, (events, state)) in &lists.journeys {
        let mut path = Path {
            phase: Phase::Open,
            system: "Incomplete".into(),
            manual: None,
            missing: STEPS.map(str::to_owned).into(),
            renewal: None,
            renewed: 0,
        };
        let mut unknown: Vec<Call> = calls(seen, *id, &Answered::Unknown);
        let mut monitored: Option<Timestamp> = None;
        for group in groups(events) {
            let timer = match path.follow(&group, plan) {
                Ok(timer) => timer,
                Err(why) => {
                    seen.wrong("J1", format!("{id}: {:?} at {}: {why}; it was {path:?}", group.kinds, group.at));
                    break;
                }
            };
            let acked = group.ids.iter().filter(|id| seen.acked.contains_key(id)).count();
            if acked == group.ids.len() || answered_later(seen, &group) {
                continue;
            }
            if acked > 0 {
                seen.wrong("D5", format!("{id}: an answer named {acked} events of {:?}", group.kinds));
            }
            if explained(seen, plan, timer, &group, &mut monitored) {
                continue;
            }
            let fits = |call: &Call| call.at <= group.at && yields(call.stimulus).contains(&group.kinds[0]);
            match unknown.iter().position(fits) {
                Some(place) => drop(unknown.remove(place)),
                None => seen.wrong("D5, D7", format!("{id}: {:?} at {} come from nowhere", group.kinds, group.at)),
            }
        }
        at_the_end(seen, plan, *id, &path, state, end);
    }
}

/// The calls to a journey that came to this.
fn calls(seen: &Seen, id: JourneyId, answered: &Answered) -> Vec<Call> {
    seen.calls.iter().filter(|call| call.journey == id && call.answered == *answered).cloned().collect()
}

/// Whether the answer under a key, given again after a crash, names these events.
fn answered_later(seen: &Seen, group: &Group<'_>) -> bool {
    let named = |id: &EventId| {
        let id = id.to_string();
        seen.keys.iter().any(|key| {
            key.answer.as_ref().is_some_and(|answer| std::str::from_utf8(answer).is_ok_and(|text| text.contains(&id)))
        })
    };
    group.ids.iter().all(named)
}

/// What a stimulus's first event may be.
fn yields(stimulus: &str) -> &'static [&'static str] {
    match stimulus {
        "submit_step" => &["Finished Step"],
        "finish_processing" | "complete" => &["Finished Journey"],
        "review" | "request_resubmission" | "amend_aml" => &["Updated Journey"],
        "aml_monitor_update" => &["AML Monitor Update"],
        "finish_spot_check" => &["Finished Spot Check"],
        _ => &[],
    }
}

/// Whether the clock did it.
fn explained(seen: &mut Seen, plan: &Plan, timer: Timer, group: &Group<'_>, monitored: &mut Option<Timestamp>) -> bool {
    match timer {
        Timer::None => return false,
        Timer::Processing => seen.corners.processing_ended_by_its_timer += 1,
        Timer::Renewal => seen.corners.renewal_began += 1,
        Timer::Deadline => seen.corners.renewal_lapsed += 1,
        Timer::Monitoring => {
            // Every six hours at most once, however often the process died in between.
            const ROUND: i64 = 6 * 3_600_000_000;
            let round = |at: Timestamp| at.as_micros().div_euclid(ROUND);
            if !plan.monitoring || monitored.is_some_and(|before| round(before) == round(group.at)) {
                return false;
            }
            *monitored = Some(group.at);
        }
    }
    true
}

fn at_the_end(seen: &mut Seen, plan: &Plan, id: JourneyId, path: &Path, state: &str, end: Timestamp) {
    if state == "deleted" {
        return;
    }
    let told = match &path.phase {
        Phase::Open => "open",
        Phase::Processing { .. } => "processing",
        Phase::Resubmission => "resubmission_requested",
        Phase::RenewalDue { .. } => "renewal_due",
        Phase::Lapsed => "renewal_lapsed",
        Phase::Finished => match (path.manual.as_deref(), &*path.system) {
            (Some("Approved"), _) => "approved",
            (Some(_), _) => "rejected",
            (None, "Complete") => "passed",
            (None, "Refer") => "referred",
            (None, _) => "incomplete",
        },
    };
    if told != state {
        seen.wrong("D5", format!("{id} is {state}, and its events say {told}"));
    }
    match path.phase {
        Phase::Processing { since } if since + plan.processing <= end => {
            seen.wrong("S1", format!("{id} is processed since {since}, and nothing came of it by {end}"));
        }
        Phase::RenewalDue { deadline } if deadline <= end => {
            seen.wrong("S1", format!("the renewal of {id} had to be over by {deadline}, and it is {end}"));
        }
        _ => {}
    }
    if let Some(due) = path.renewal
        && first_tick(plan, due) <= end
    {
        seen.wrong("S1", format!("the renewal of {id} was due at {due}, and it is {end}"));
    }
}

/// When a renewal that falls due at `due` begins: at once, or when it is 02:30 in Zurich for the first time. A night
/// without 02:30 has its 02:30 at three o'clock, and one with two counts the first.
fn first_tick(plan: &Plan, due: Timestamp) -> Timestamp {
    use chrono::{Days, LocalResult, TimeZone as _};
    if plan.renewals != Renewals::Daily {
        return due;
    }
    let mut day = due.to_chrono().with_timezone(&Zurich).date_naive();
    loop {
        let at = match Zurich.from_local_datetime(&day.and_hms_opt(2, 30, 0).expect("a time of day")) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
            LocalResult::None => {
                Zurich.from_local_datetime(&day.and_hms_opt(3, 0, 0).expect("a time of day")).unwrap().to_utc()
            }
        };
        if Timestamp::from_chrono(at) >= due {
            return Timestamp::from_chrono(at);
        }
        day = day.checked_add_days(Days::new(1)).expect("the calendar goes on");
    }
}

/// A journey's events, stimulus by stimulus: each ends where the next could begin.
fn groups(events: &[Message]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for event in events {
        let body: Value = serde_json::from_slice(&event.body).expect("bodies are JSON");
        let body = body["body"].clone();
        let kind = event.event_type.as_ref();
        let follows = |group: &&mut Group<'_>| {
            let last = group.kinds.last().copied().unwrap_or_default();
            group.at == event.created_at && belongs(&group.kinds, last, kind, &body)
        };
        match groups.last_mut().filter(follows) {
            Some(group) => {
                group.kinds.push(kind);
                group.bodies.push(body);
                group.ids.push(event.event_id);
            }
            None => groups.push(Group {
                at: event.created_at,
                kinds: vec![kind],
                bodies: vec![body],
                ids: vec![event.event_id],
            }),
        }
    }
    groups
}

/// Whether an event follows from the same stimulus as the one before it.
fn belongs(kinds: &[&str], last: &str, kind: &str, body: &Value) -> bool {
    match (last, kind) {
        ("Finished Step", "Finished User Steps") => true,
        ("Finished Step", "Updated Journey") => body["action"] == "Step Update",
        ("AML Monitor Update", "Updated Journey") => true,
        ("Updated Journey", "Manually Reviewed") => kinds.len() == 1,
        ("Updated Journey", "Verification Update Required") => kinds.len() == 1 && body["trigger"] == "Manual Review",
        _ => false,
    }
}

impl Path {
    /// Goes along; what of the clock's may have led here.
    fn follow(&mut self, group: &Group<'_>, plan: &Plan) -> Result<Timer, String> {
        let (first, at) = (&group.bodies[0], group.at);
        let text = |key: &str| first[key].as_str().map(str::to_owned);
        let mut timer = Timer::None;
        match (&self.phase, group.kinds.as_slice()) {
            (Phase::Open, ["Finished Step"]) => {
                self.take(first)?;
                if self.missing.is_empty() {
                    return Err("the last step is no end of the user's steps".into());
                }
            }
            (Phase::Open, ["Finished Step", "Finished User Steps"]) => {
                self.take(first)?;
                if !self.missing.is_empty() {
                    return Err(format!("steps are missing: {:?}", self.missing));
                }
                self.phase = Phase::Processing { since: at };
            }
            (Phase::Resubmission | Phase::RenewalDue { .. } | Phase::Lapsed, ["Finished Step", "Updated Journey"]) => {
                self.take(first)?;
                if self.missing.is_empty() {
                    if self.phase == Phase::Resubmission {
                        self.manual = None;
                    }
                    self.phase = Phase::Processing { since: at };
                }
            }
            (Phase::Open | Phase::Processing { .. }, ["Finished Journey"]) => {
                if let Phase::Processing { since } = self.phase
                    && at >= since + plan.processing
                {
                    timer = Timer::Processing;
                }
                (self.system, self.manual) = (text("systemDecision").ok_or("no decision")?, None);
                self.phase = Phase::Finished;
                self.missing.clear();
            }
            (Phase::Finished, ["Updated Journey", "Manually Reviewed"]) => self.manual = text("manualDecision"),
            (Phase::Finished, ["Updated Journey", "Verification Update Required"]) => {
                if self.manual.is_some() {
                    return Err("a person had decided already".into());
                }
                self.manual = text("manualDecision");
                self.require(&group.bodies[1]);
                self.phase = Phase::Resubmission;
            }
            (Phase::Finished, ["Updated Journey"]) if first["action"] == "AML Amend" => {}
            (Phase::Finished | Phase::RenewalDue { .. }, ["AML Monitor Update", "Updated Journey"]) => {
                self.system = text("systemDecision").ok_or("no decision")?;
                timer = Timer::Monitoring;
            }
            (Phase::Finished, ["Finished Spot Check"]) if self.passed() => {}
            (Phase::Finished, ["Verification Update Required"]) if first["trigger"] == "KYC Renewal" => {
                let due = self.renewal.take().ok_or("S1: no renewal was due")?;
                let tick = first_tick(plan, due);
                if at < tick {
                    return Err(format!("S2: the renewal was due at {due} and had to begin at {tick}"));
                }
                self.require(first);
                self.renewed += 1;
                self.phase = Phase::RenewalDue { deadline: at + plan.grace };
                timer = Timer::Renewal;
            }
            (Phase::RenewalDue { deadline }, ["KYC Renewal Deadline Exceeded"]) => {
                if at < *deadline {
                    return Err(format!("S2: the deadline was {deadline}"));
                }
                (self.phase, self.system, self.manual) = (Phase::Lapsed, "Incomplete".into(), None);
                timer = Timer::Deadline;
            }
            _ => return Err("no such step is drawn".into()),
        }
        if plan.renewals != Renewals::Never && self.phase == Phase::Finished && self.passed() {
            self.renewal.get_or_insert(at + plan.renew_after);
        } else {
            self.renewal = None;
        }
        Ok(timer)
    }

    fn passed(&self) -> bool {
        self.manual.as_deref().unwrap_or(&self.system) == if self.manual.is_some() { "Approved" } else { "Complete" }
    }

    fn take(&mut self, body: &Value) -> Result<(), String> {
        let step = body["stepId"].as_str().unwrap_or_default();
        if self.missing.remove(step) {
            Ok(())
        } else {
            Err(format!("step {step:?} was not asked for: {:?}", self.missing))
        }
    }

    fn require(&mut self, body: &Value) {
        let steps = body["requiredSteps"].as_array().into_iter().flatten();
        self.missing = steps.filter_map(|step| Some(step["stepId"].as_str()?.to_owned())).collect();
    }
}
