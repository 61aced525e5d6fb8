//! The machine: what each stimulus does to a journey in each phase.
//!
//! ```text
//!      start, cancel,                               review, amend_aml, whitelist_aml,
//!      submit_step                                  aml_monitor_update, finish_spot_check
//!        +---+                                             +---+
//!        |   v                 complete                    |   v
//!       Open S1 ----------------------------------------> Finished S3-S6
//!        |                                                 ^   |   |
//!        | submit_step,           finish_processing,       |   |   | request_resubmission,
//!        | the last one           complete                 |   |   | if no person decided
//!        v                                                 |   |   v
//!       Processing S2 -------------------------------------+   |  ResubmissionRequested S7
//!        ^   ^   ^                                             |   |
//!        |   |   |     submit_step, the last one               |   |
//!        |   |   +---------------------------------------------|---+
//!        |   |                                                 | renewal_due, if it passed
//!        |   |         submit_step, the last one               v
//!        |   +----------------------------------------------- RenewalDue S8
//!        |                                                     | renewal_deadline
//!        |             submit_step, the last one               v
//!        +--------------------------------------------------- RenewalLapsed S9
//!
//!       any of them -- delete --> Deleted S0
//! ```
//!
//! In S7, S8 and S9 a `submit_step` that leaves others missing stays there; in S8 `aml_monitor_update` and
//! `whitelist_aml` do too. What is not drawn is refused, and nothing has changed then. The machine follows
//! docs.idwise.com/docs/webhooks-overview.

use std::time::Duration;

use super::movement::Move;
use super::{
    Action, AmlChange, DeadlineAt, Event, ManualDecision, Phase, RenewalCriteria, RequiredStep, StepKind, StepState,
    Stimulus, SystemDecision, Trigger, magic,
};
use crate::chance::Weights;
use crate::provider::{Context, DeadlineKind, Journey, Rejected, Transition};

/// The reason code of a resubmission that names none: the one the provider's pages show
/// (docs.idwise.com/docs/manual-review-process-in-idwise-studio).
const RESUBMIT_REASON: &str = "RESUBMIT_BAD_QUALITY";

/// The grace period of a renewal that neither stimulus nor flow gives one; the provider names no default.
const DEFAULT_GRACE: Duration = Duration::from_secs(30 * 86_400);

/// Decides what `stimulus` does to `journey`.
///
/// # Errors
/// [`Rejected`] when the journey's phase does not allow it, or its arguments do not fit the journey.
pub fn transition(journey: &Journey, stimulus: &Stimulus, cx: &mut Context<'_>) -> Result<Transition, Rejected> {
    let mut next = Move::new(journey, stimulus.name(), cx);
    match (next.before.phase, stimulus) {
        (Phase::Open, Stimulus::Start) if next.before.is_untouched() => {}
        (Phase::Open, Stimulus::Cancel) => {}
        (Phase::Open, Stimulus::SubmitStep { step }) => next.submit(step)?,
        (Phase::Open | Phase::Processing, Stimulus::Complete) => next.complete(),
        (Phase::Processing, Stimulus::FinishProcessing { decision }) => next.decide(decision.as_ref()),
        (Phase::Finished, Stimulus::Review { decision, reason_code, .. }) => next.review(decision, reason_code)?,
        (Phase::Finished, Stimulus::RequestResubmission { steps }) => next.request_resubmission(steps)?,
        (Phase::Finished, Stimulus::AmendAml { decision }) => next.amend_aml(decision.as_ref()),
        (Phase::Finished | Phase::RenewalDue, Stimulus::AmlMonitorUpdate { change, decision }) => {
            next.aml_monitor_update(*change, decision.as_ref())?;
        }
        (Phase::Finished | Phase::RenewalDue, Stimulus::WhitelistAml) => next.whitelist_aml(),
        (Phase::Finished, Stimulus::RenewalDue { steps, deadline }) => next.renewal_due(steps, *deadline)?,
        (Phase::Finished, Stimulus::FinishSpotCheck { decision }) => next.finish_spot_check(decision)?,
        (Phase::ResubmissionRequested | Phase::RenewalDue | Phase::RenewalLapsed, Stimulus::SubmitStep { step }) => {
            next.resubmit(step)?
        }
        (Phase::RenewalDue, Stimulus::RenewalDeadline) => next.lapse(),
        (phase, Stimulus::Delete) if phase != Phase::Deleted => next.delete(),
        _ => return Err(next.illegal("this is not possible now")),
    }
    Ok(next.finish())
}

impl Move<'_> {
    /// S1: the user submits a step; the last one starts processing.
    fn submit(&mut self, id: &str) -> Result<(), Rejected> {
        self.take_step(id)?;
        if self.state.missing_steps().is_empty() {
            self.events.push(Event::FinishedUserSteps { system: self.state.system });
            self.start_processing();
        }
        Ok(())
    }

    /// S7 to S9: the user submits a step again; the last one starts processing. There is no `Finished User Steps`
    /// then: the pages tie it to the onboarding journey.
    fn resubmit(&mut self, id: &str) -> Result<(), Rejected> {
        self.take_step(id)?;
        self.updated(Action::StepUpdate);
        if self.state.missing_steps().is_empty() {
            if self.state.phase == Phase::ResubmissionRequested {
                self.state.manual = None;
            }
            self.clear_deadline(DeadlineKind::RenewalDeadline);
            self.state.renewal_deadline = None;
            self.start_processing();
        }
        Ok(())
    }

    /// Marks a step as submitted, if it is one that is asked for.
    fn take_step(&mut self, id: &str) -> Result<(), Rejected> {
        let at = self.find_step(id)?;
        let missing = self.before.missing_steps();
        if !missing.contains(&id) {
            let given = match self.before.steps[at].state {
                StepState::Submitted | StepState::Processed => "is submitted already",
                StepState::NotSubmitted | StepState::Required(_) => "is not asked for now",
            };
            return Err(self.illegal(&format!("step {id:?} {given}; still to submit: {}", missing.join(", "))));
        }
        let step = &mut self.state.steps[at];
        step.state = StepState::Submitted;
        self.events.push(Event::FinishedStep { step_id: step.definition.id.clone(), step_kind: step.definition.kind });
        Ok(())
    }

    fn start_processing(&mut self) {
        self.state.phase = Phase::Processing;
        self.state.rounds = self.state.rounds.saturating_add(1);
        // A place of its own: the span must not depend on what else this stimulus draws.
        let place: [&[u8]; 3] = [b"processing", &self.journey.number.to_le_bytes(), &self.state.rounds.to_le_bytes()];
        let drawn = self.flow.processing.draw_once(|| self.seed.draw(&place));
        let span = magic::processing(&self.journey.reference_no, drawn);
        self.set_deadline(DeadlineKind::Processing, self.now + span);
    }

    /// S2: processing ends and the system decides; a manual decision is overtaken by that.
    fn decide(&mut self, decision: Option<&Weights<SystemDecision>>) {
        self.state.system = match (decision, magic::decision(&self.journey.reference_no)) {
            (None, Some(forced)) => forced,
            _ => decision.unwrap_or(&self.flow.decision).draw(self.draw),
        };
        self.state.manual = None;
        self.state.phase = Phase::Finished;
        self.clear_deadline(DeadlineKind::Processing);
        self.process_steps();
        self.events.push(Event::FinishedJourney { system: self.state.system });
    }

    /// Each step that was submitted since the last decision has been processed, a document once per side
    /// (docs.idwise.com/docs/webhook-specifications).
    fn process_steps(&mut self) {
        let system = self.state.system;
        for step in self.state.steps.iter_mut().filter(|step| step.state == StepState::Submitted) {
            step.state = StepState::Processed;
            let sides = match step.definition.kind {
                StepKind::Document => 2,
                StepKind::Selfie => 1,
            };
            self.events.extend((0..sides).map(|_| Event::StepProcessed { system }));
        }
    }

    /// S1, S2: the customer ends the journey with what is there.
    fn complete(&mut self) {
        if self.state.phase == Phase::Open {
            // This was the first round: a later one is then known to follow a decision.
            self.state.rounds = self.state.rounds.saturating_add(1);
        }
        self.decide(None);
    }

    /// S3 to S6: a reviewer approves or rejects, or changes their mind.
    fn review(&mut self, decision: &Weights<ManualDecision>, reason_code: &Option<String>) -> Result<(), Rejected> {
        let asks_again =
            |(value, weight): &(ManualDecision, f64)| *value == ManualDecision::ResubmissionRequested && *weight > 0.0;
        if decision.pairs().iter().any(asks_again) {
            let why = "a review approves or rejects; to ask for steps again use `request_resubmission`";
            return Err(self.refuse("invalid_decision", why));
        }
        let decision = decision.draw(self.draw);
        self.state.manual = Some(decision);
        self.updated(Action::ManualReview { decision, reason_code: reason_code.clone(), steps: Vec::new() });
        self.events.push(Event::ManuallyReviewed { decisions: self.state.decisions() });
        if self.flow.finished_journey_on_review {
            self.events.push(Event::FinishedJourney { system: self.state.system });
        }
        Ok(())
    }

    /// S3, S4: a reviewer asks for steps again. The order of the two events is this stand-in's choice.
    fn request_resubmission(&mut self, steps: &[RequiredStep]) -> Result<(), Rejected> {
        if let Some(manual) = self.before.manual {
            let why =
                format!("a reviewer has decided {manual} already, and only an undecided journey can be asked again");
            return Err(self.illegal(&why));
        }
        let required = self.require(steps, RESUBMIT_REASON)?;
        self.state.manual = Some(ManualDecision::ResubmissionRequested);
        self.state.phase = Phase::ResubmissionRequested;
        self.updated(Action::ManualReview {
            decision: ManualDecision::ResubmissionRequested,
            reason_code: required.first().map(|(_, reason)| reason.clone()),
            steps: required.iter().cloned().map(|(step, reason)| (step, Some(reason))).collect(),
        });
        self.verification_update_required(Trigger::ManualReview, required);
        Ok(())
    }

    /// S3 to S6: compliance amends the AML record (docs.idwise.com/docs/updated-journey-webhook).
    fn amend_aml(&mut self, decision: Option<&Weights<SystemDecision>>) {
        if let Some(weights) = decision {
            self.state.system = weights.draw(self.draw);
        }
        self.updated(Action::AmlAmend);
    }

    /// S3 to S6, S8: monitoring finds a change (docs.idwise.com/docs/aml-monitor-update-webhook). A change of a
    /// whitelisted match is silent (docs.idwise.com/reference/update-aml-whitelist-status). Which event comes first
    /// is this stand-in's choice.
    fn aml_monitor_update(
        &mut self,
        change: AmlChange,
        decision: Option<&Weights<SystemDecision>>,
    ) -> Result<(), Rejected> {
        if !self.flow.aml_monitoring {
            let why = format!("flow {:?} does not monitor AML records; set its aml_monitoring = true", self.flow.id);
            return Err(self.refuse("aml_monitoring_off", &why));
        }
        let aml = &mut self.state.aml;
        // With no match on record and none whitelisted, the change is of one that onboarding found.
        let notifies = change == AmlChange::Added || aml.matches > 0 || aml.whitelisted == 0;
        match change {
            AmlChange::Added => aml.add(),
            AmlChange::Removed => aml.remove(!notifies),
            AmlChange::Changed => {}
        }
        if !notifies {
            return Ok(());
        }
        aml.version = aml.version.saturating_add(1);
        let version = aml.version;
        let previous = self.state.system;
        let cleared = change == AmlChange::Removed && aml.matches == 0 && previous == SystemDecision::Refer;
        self.state.system = match decision {
            Some(weights) => weights.draw(self.draw),
            None if change == AmlChange::Added => SystemDecision::Refer,
            None if cleared => SystemDecision::Complete,
            None => previous,
        };
        self.events.push(Event::AmlMonitorUpdate { system: self.state.system, previous, version });
        self.updated(Action::AmlOgmUpdate);
        Ok(())
    }

    /// S3 to S6, S8: the present matches fall silent. Where none is on record, one that onboarding found does.
    fn whitelist_aml(&mut self) {
        let aml = &mut self.state.aml;
        aml.whitelisted = aml.whitelisted.saturating_add(aml.matches).max(1);
        aml.matches = 0;
    }

    /// S3, S5: steps fall due for renewal (docs.idwise.com/docs/kyc-renewal). Several steps of one day share one
    /// event.
    fn renewal_due(&mut self, steps: &[RequiredStep], deadline: Option<DeadlineAt>) -> Result<(), Rejected> {
        if !self.before.decisions().is_pass() {
            let word = self.before.decisions().last_word();
            let why = format!("a renewal is raised only for Complete or Approved, never for {word}");
            return Err(self.illegal(&why));
        }
        let renewal = self.flow.renewal.as_ref();
        let planned = |id: &String| RequiredStep { step: id.clone(), reason_code: None };
        let planned: Vec<RequiredStep> = renewal.iter().flat_map(|r| r.steps.iter().map(planned)).collect();
        let criteria = renewal.map_or(RenewalCriteria::DocumentExpired, |r| r.criteria);
        let required = self.require(if steps.is_empty() { &planned } else { steps }, criteria.as_str())?;
        let deadline = match deadline {
            Some(DeadlineAt::At(at)) => at,
            Some(DeadlineAt::In(span)) => self.now + span,
            None => self.now + renewal.map_or(DEFAULT_GRACE, |r| r.grace),
        };
        if deadline <= self.now {
            let why = format!("the deadline {deadline} is not after now, {}", self.now);
            return Err(self.refuse("bad_deadline", &why));
        }
        self.state.phase = Phase::RenewalDue;
        self.state.renewal_deadline = Some(deadline);
        self.set_deadline(DeadlineKind::RenewalDeadline, deadline);
        self.verification_update_required(Trigger::KycRenewal, required);
        Ok(())
    }

    /// S8: the grace period ends (docs.idwise.com/docs/kyc-renewal-deadline-exceeded-webhook).
    fn lapse(&mut self) {
        let steps = self.before.missing_steps().into_iter().map(str::to_owned).collect();
        let deadline = self.state.renewal_deadline.unwrap_or(self.now);
        self.state.phase = Phase::RenewalLapsed;
        self.state.system = SystemDecision::Incomplete;
        self.state.manual = None;
        self.clear_deadline(DeadlineKind::RenewalDeadline);
        self.events.push(Event::RenewalDeadlineExceeded { steps, deadline });
    }

    /// S3, S5: a selfie spot check, a journey of its own, is done (docs.idwise.com/docs/finished-spot-check-webhook).
    fn finish_spot_check(&mut self, decision: &Weights<SystemDecision>) -> Result<(), Rejected> {
        if !self.before.decisions().is_pass() {
            let word = self.before.decisions().last_word();
            let why = format!("a spot check compares with a Complete or Approved journey, not with {word}");
            return Err(self.illegal(&why));
        }
        self.state.spot_checks = self.state.spot_checks.saturating_add(1);
        let check = self.journey.id.spot_check(self.seed, u64::from(self.state.spot_checks));
        self.events.push(Event::FinishedSpotCheck { system: decision.draw(self.draw), check });
        Ok(())
    }

    fn delete(&mut self) {
        self.state.phase = Phase::Deleted;
        self.clear_deadlines();
    }
}
