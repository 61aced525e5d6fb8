//! A stimulus on its way: the journey before it, what it has become so far, and how it is refused.
//!
//! Used by `transition.rs` alone, which says what each stimulus does; here is what they have in common: finding
//! steps, emitting, keeping deadlines. Checks look at `before` and come first, so that a refusal changes nothing.

use super::{Action, Event, Flow, Phase, RequiredStep, State, StepState, Trigger};
use crate::clock::Timestamp;
use crate::provider::{self, Context, Deadline, DeadlineKind, Journey, Rejected, Transition};
use crate::rng::{Draw, Seed};

/// One stimulus on its way: the journey before it, and what it has become so far.
pub(super) struct Move<'a> {
    pub(super) journey: &'a Journey,
    pub(super) before: &'a State,
    pub(super) flow: &'a Flow,
    stimulus: &'static str,
    pub(super) now: Timestamp,
    pub(super) seed: Seed,
    pub(super) draw: &'a mut Draw,
    pub(super) state: State,
    deadlines: Vec<Deadline>,
    pub(super) events: Vec<Event>,
}

impl<'a> Move<'a> {
    pub(super) fn new(journey: &'a Journey, stimulus: &'static str, cx: &'a mut Context<'_>) -> Self {
        let (provider::State::Idwise(before), provider::Flow::Idwise(flow)) = (&journey.state, cx.flow) else {
            // INVARIANT: `provider::transition` comes here with nothing else.
            unreachable!("a journey and a flow of IDWise");
        };
        Move {
            journey,
            before,
            flow,
            stimulus,
            now: cx.now,
            seed: cx.seed,
            draw: cx.draw,
            state: before.clone(),
            deadlines: journey.deadlines.clone(),
            events: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Transition {
        self.keep_renewal_timer();
        let before = self.journey;
        let journey = Journey {
            id: before.id,
            number: before.number,
            reference_no: before.reference_no.clone(),
            flow: before.flow.clone(),
            environment: before.environment,
            version: before.version + 1,
            sequence: before.sequence,
            created_at: before.created_at,
            deadlines: self.deadlines,
            state: provider::State::Idwise(self.state),
        };
        Transition { journey, events: self.events.into_iter().map(provider::Event::Idwise).collect() }
    }

    /// Marks steps as required and gives each with its reason. Refuses none, strangers and doubles.
    pub(super) fn require(&mut self, steps: &[RequiredStep], reason: &str) -> Result<Vec<(String, String)>, Rejected> {
        if steps.is_empty() {
            return Err(self.refuse("no_steps", &format!("name at least one step of {}", self.all_steps())));
        }
        let mut found = Vec::new();
        for (n, asked) in steps.iter().enumerate() {
            if steps[..n].iter().any(|earlier| earlier.step == asked.step) {
                return Err(self.refuse("duplicate_step", &format!("step {:?} is named twice", asked.step)));
            }
            found.push((self.find_step(&asked.step)?, asked));
        }
        let mut required = Vec::new();
        for (at, asked) in found {
            let reason = asked.reason_code.clone().unwrap_or_else(|| reason.to_owned());
            self.state.steps[at].state = StepState::Required(reason.clone());
            required.push((asked.step.clone(), reason));
        }
        Ok(required)
    }

    pub(super) fn find_step(&self, id: &str) -> Result<usize, Rejected> {
        let at = self.before.steps.iter().position(|step| step.definition.id == id);
        at.ok_or_else(|| {
            let why = format!("the journey has no step {id:?}; its steps are {}", self.all_steps());
            self.refuse("unknown_step", &why)
        })
    }

    fn all_steps(&self) -> String {
        let ids: Vec<&str> = self.before.steps.iter().map(|step| step.definition.id.as_str()).collect();
        ids.join(", ")
    }

    pub(super) fn updated(&mut self, action: Action) {
        self.events.push(Event::UpdatedJourney { decisions: self.state.decisions(), action });
    }

    pub(super) fn verification_update_required(&mut self, trigger: Trigger, required: Vec<(String, String)>) {
        let decisions = self.state.decisions();
        self.events.push(Event::VerificationUpdateRequired { decisions, trigger, required });
    }

    /// INVARIANT: a journey has a renewal timer exactly while it is finished, has passed, and its flow renews. The
    /// timer runs from the moment it passed; what leaves the decision standing leaves the timer alone.
    fn keep_renewal_timer(&mut self) {
        let runs = self.state.phase == Phase::Finished && self.state.decisions().is_pass();
        match &self.flow.renewal {
            Some(renewal) if runs => {
                if !self.deadlines.iter().any(|deadline| deadline.kind == DeadlineKind::RenewalDue) {
                    self.set_deadline(DeadlineKind::RenewalDue, self.now + renewal.after);
                }
            }
            _ => self.clear_deadline(DeadlineKind::RenewalDue),
        }
    }

    pub(super) fn set_deadline(&mut self, kind: DeadlineKind, due: Timestamp) {
        self.clear_deadline(kind);
        self.deadlines.push(Deadline { kind, due });
        self.deadlines.sort_by_key(|deadline| deadline.kind);
    }

    pub(super) fn clear_deadline(&mut self, kind: DeadlineKind) {
        self.deadlines.retain(|deadline| deadline.kind != kind);
    }

    pub(super) fn clear_deadlines(&mut self) {
        self.deadlines.clear();
    }

    pub(super) fn illegal(&self, why: &str) -> Rejected {
        self.refuse("illegal_stimulus", why)
    }

    /// A refusal that says what was asked, why not, where the journey stands, and what is legal there.
    pub(super) fn refuse(&self, code: &'static str, why: &str) -> Rejected {
        let mut legal = self.before.legal();
        if !self.flow.aml_monitoring {
            legal.retain(|word| *word != "aml_monitor_update");
        }
        let now = if legal.is_empty() { "nothing".to_owned() } else { legal.join(", ") };
        let message = format!("{}: {why}; the journey is {}; legal now: {now}", self.stimulus, self.before.describe());
        Rejected { code, message, legal }
    }
}
