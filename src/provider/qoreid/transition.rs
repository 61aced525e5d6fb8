//! The machine: what each stimulus does to a verification in each phase.
//!
//! ```text
//!                        submit, source up, or source down and no handling
//!   Draft ── identity ───────────────────────────────────────────────> Complete / Failed   (no event)
//!     |          └ submit, source down ──> Queued ── source_restored ──> Complete          (completed)
//!     |
//!     ├─ address, employment, guarantor, property
//!     |      submit ──> InProgress ── finish ──> Complete                        (started; completed)
//!     |                     └────── cancel ───> Cancelled                        (completed)
//!     └─ workflow
//!            submit ──> InProgress ── finish_step, the last ──> Complete         (started; step ..., completed)
//!                         |  ^  | start_step, finish_step                        (step started; step completed)
//!                         |  └──┘
//!                         └──── cancel ───> Cancelled                            (completed)
//! ```
//!
//! In Draft an identity also takes `source_down` and `source_restored`. What is not drawn is refused, and nothing has
//! changed then. The machine follows docs.qoreid.com/docs/overview; that cancelling is told as a completion, and that the
//! steps of a workflow are told as events of the workflow only, is this stand-in's choice.

use super::{Downtime, Event, Flow, Kind, Phase, Product, State, Status, StepPhase, Stimulus, Submission, persona};
use crate::chance::Weights;
use crate::clock::Timestamp;
use crate::provider::words::Word as _;
use crate::provider::{self, Context, Deadline, DeadlineKind, Journey, Rejected, Transition};

/// Decides what `stimulus` does to `journey`, which stands at `before` in `flow`.
///
/// # Errors
/// [`Rejected`] when the phase does not allow it, or its arguments do not fit the journey.
pub fn transition(
    journey: &Journey,
    before: &State,
    flow: &Flow,
    stimulus: &Stimulus,
    cx: &mut Context<'_>,
) -> Result<Transition, Rejected> {
    let mut next = Move {
        journey,
        before,
        flow,
        stimulus: stimulus.name(),
        state: before.clone(),
        due: journey.deadlines.iter().find(|d| d.kind == DeadlineKind::Processing).map(|d| d.due),
        events: Vec::new(),
        cx,
    };
    match (before.phase, before.product, stimulus) {
        (Phase::Draft, _, Stimulus::Submit { product, reference, submission }) => {
            next.check_submission(*product, reference.as_deref())?;
            next.submit(submission.as_deref());
        }
        (Phase::Draft, Product::Identity, Stimulus::SourceDown { lookup }) => match lookup {
            Some(lookup) => drop(next.state.down.insert(*lookup)),
            None => next.state.down = super::Lookup::ALL.iter().copied().collect(),
        },
        (Phase::Draft, Product::Identity, Stimulus::SourceRestored) => next.state.down.clear(),
        (Phase::Queued, _, Stimulus::SourceRestored) => {
            next.state.down.clear();
            next.check_identity();
            next.tell(Kind::Completed);
        }
        (Phase::InProgress, Product::Workflow, Stimulus::StartStep { step }) => next.start_step(step)?,
        (Phase::InProgress, Product::Workflow, Stimulus::FinishStep { step, status }) => {
            next.finish_step(step, status.as_ref())?;
        }
        (Phase::InProgress, Product::Workflow, Stimulus::Proceed) => next.proceed()?,
        (Phase::InProgress, Product::Workflow, Stimulus::Finish { .. }) => {
            return Err(next.refuse("illegal_stimulus", "a workflow ends with its last step"));
        }
        (Phase::InProgress, product, Stimulus::Finish { status }) => {
            let status = next.verdict(product, status.as_ref())?;
            next.end(Phase::Complete, status);
        }
        (Phase::InProgress, _, Stimulus::Cancel) => next.end(Phase::Cancelled, Status::Cancelled),
        _ => return Err(next.refuse("illegal_stimulus", "this is not possible now")),
    }
    Ok(next.done())
}

/// One stimulus on its way: the verification before it, and what it has become so far.
struct Move<'a, 'c, 'd> {
    journey: &'a Journey,
    before: &'a State,
    flow: &'a Flow,
    stimulus: &'static str,
    state: State,
    /// When processing ends by itself.
    due: Option<Timestamp>,
    events: Vec<Event>,
    cx: &'c mut Context<'d>,
}

impl Move<'_, '_, '_> {
    fn check_submission(&self, product: Option<Product>, reference: Option<&str>) -> Result<(), Rejected> {
        let own = self.before.product;
        if let Some(other) = product.filter(|product| *product != own) {
            return Err(self.refuse("wrong_product", &format!("the journey is of product {own}, not {other}")));
        }
        match reference.filter(|reference| *reference != self.journey.reference_no) {
            Some(other) => {
                let own = &self.journey.reference_no;
                Err(self.refuse("wrong_reference", &format!("the journey's reference is {own:?}, not {other:?}")))
            }
            None => Ok(()),
        }
    }

    /// Draft: the customer submits. A look-up is answered at once; the others begin.
    fn submit(&mut self, submission: Option<&Submission>) {
        self.state.submitted = submission.map(Submission::to_text).unwrap_or_default();
        self.state.requested_at = Some(self.cx.now);
        match self.before.product {
            Product::Identity => {
                let down = self.state.down.contains(&self.state.submission().lookup);
                match self.flow.downtime {
                    Downtime::Queues if down => self.state.phase = Phase::Queued,
                    Downtime::Fails if down => {
                        self.state.phase = Phase::Failed;
                        self.state.completed_at = Some(self.cx.now);
                    }
                    Downtime::Queues | Downtime::Fails => self.check_identity(),
                }
            }
            Product::Workflow => {
                self.state.phase = Phase::InProgress;
                self.due = Some(self.cx.now);
                self.tell(Kind::Started);
            }
            _ => {
                self.state.phase = Phase::InProgress;
                self.due = Some(self.processed_at(0));
                self.tell(Kind::Started);
            }
        }
    }

    /// The register is asked.
    fn check_identity(&mut self) {
        let forced = Status::forced_by(&self.journey.reference_no).map(|status| status.as_of(Product::Identity));
        let status = persona::look_up(&self.state.submission(), forced).verdict();
        self.state.status = Some(status);
        self.state.phase = Phase::Complete;
        self.state.completed_at = Some(self.cx.now);
    }

    fn start_step(&mut self, id: &str) -> Result<(), Rejected> {
        let at = self.find_step(id)?;
        if self.before.running().is_some() || self.before.next_step() != Some(at) {
            return Err(self.refuse("illegal_stimulus", &format!("step {id:?} cannot begin now")));
        }
        self.begin(at);
        Ok(())
    }

    fn begin(&mut self, at: usize) {
        self.state.steps[at].phase = StepPhase::InProgress;
        self.due = Some(self.processed_at(at + 1));
        self.tell(Kind::StepStarted(at));
    }

    fn finish_step(&mut self, id: &str, status: Option<&Weights<Status>>) -> Result<(), Rejected> {
        let at = self.find_step(id)?;
        if self.before.running() != Some(at) {
            return Err(self.refuse("illegal_stimulus", &format!("step {id:?} is not under way")));
        }
        let status = self.step_verdict(at, status)?;
        self.complete_step(at, status);
        Ok(())
    }

    /// An identity step is what the register says; a status of the stimulus has the last word.
    fn step_verdict(&mut self, at: usize, status: Option<&Weights<Status>>) -> Result<Status, Rejected> {
        let product = self.before.steps[at].definition.product;
        let forced = Status::forced_by(&self.journey.reference_no).map(|status| status.as_of(product));
        if product == Product::Identity && status.is_none() {
            return Ok(persona::look_up(&self.before.submission(), forced).verdict());
        }
        self.verdict(product, status)
    }

    /// A step ends, and with the last one the workflow, which is verified if all of its steps are. A step that failed does
    /// not end the workflow early.
    fn complete_step(&mut self, at: usize, status: Status) {
        self.state.steps[at].phase = StepPhase::Complete(status);
        self.due = Some(self.cx.now);
        self.tell(Kind::StepCompleted(at));
        if self.state.next_step().is_none() {
            let verified = |step: &super::Step| step.phase == StepPhase::Complete(Status::Verified);
            let all = self.state.steps.iter().all(verified);
            self.end(Phase::Complete, if all { Status::Verified } else { Status::Unverified });
        }
    }

    /// A workflow whose steps nobody scripts goes on by itself.
    fn proceed(&mut self) -> Result<(), Rejected> {
        match (self.before.running(), self.before.next_step()) {
            (Some(at), _) => {
                let status = self.step_verdict(at, None)?;
                self.complete_step(at, status);
            }
            (None, Some(at)) => self.begin(at),
            (None, None) => self.end(Phase::Complete, Status::Verified),
        }
        Ok(())
    }

    /// How a verification of `product` ends: as the stimulus says, else as the reference asks, else by the flow's weights.
    fn verdict(&mut self, product: Product, status: Option<&Weights<Status>>) -> Result<Status, Rejected> {
        let known = Status::of(product);
        if let Some(weights) = status {
            if let Some((stranger, _)) = weights.pairs().iter().find(|(status, _)| !known.contains(status)) {
                let known: Vec<&str> = known.iter().map(|status| status.as_str()).collect();
                let why = format!("{product} does not end in {stranger}, but in {}", known.join(", "));
                return Err(self.refuse("wrong_status", &why));
            }
            return Ok(weights.draw(self.cx.draw));
        }
        let forced = Status::forced_by(&self.journey.reference_no);
        Ok(forced.unwrap_or_else(|| self.flow.status.draw(self.cx.draw)).as_of(product))
    }

    fn end(&mut self, phase: Phase, status: Status) {
        self.state.phase = phase;
        self.state.status = Some(status);
        self.state.completed_at = Some(self.cx.now);
        self.due = None;
        self.tell(Kind::Completed);
    }

    fn processed_at(&self, visit: usize) -> Timestamp {
        // A place of its own: the span must not depend on what else this stimulus draws.
        let place: [&[u8]; 3] = [b"processing", &self.journey.number.to_le_bytes(), &(visit as u64).to_le_bytes()];
        self.cx.now + self.flow.processing.draw_once(|| self.cx.seed.draw(&place))
    }

    fn tell(&mut self, kind: Kind) {
        self.events.push(Event { kind, state: Box::new(self.state.clone()) });
    }

    fn find_step(&self, id: &str) -> Result<usize, Rejected> {
        let steps = &self.before.steps;
        steps.iter().position(|step| step.definition.id == id).ok_or_else(|| {
            let all: Vec<&str> = steps.iter().map(|step| step.definition.id.as_str()).collect();
            self.refuse("unknown_step", &format!("the journey has no step {id:?}; its steps are {}", all.join(", ")))
        })
    }

    fn done(self) -> Transition {
        let mut journey = self.journey.clone();
        journey.version += 1;
        journey.deadlines = self.due.map(|due| Deadline { kind: DeadlineKind::Processing, due }).into_iter().collect();
        journey.state = provider::State::Qoreid(self.state);
        Transition { journey, events: self.events.into_iter().map(provider::Event::Qoreid).collect() }
    }

    /// A refusal that says what was asked, why not, where the journey stands, and what is legal there.
    fn refuse(&self, code: &'static str, why: &str) -> Rejected {
        let legal = self.before.legal();
        let now = if legal.is_empty() { "nothing".to_owned() } else { legal.join(", ") };
        let message = format!("{}: {why}; the journey is {}; legal now: {now}", self.stimulus, self.before.describe());
        Rejected { code, message, legal }
    }
}
