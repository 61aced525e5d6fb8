//! The customers and the operator: what they ask of the provider, and what they note of its answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Europe::Zurich;
use tokio::task::JoinSet;
use understudy::app::App;
use understudy::app::apply::{Answer, AppError, Keyed, Manner, NewJourney};
use understudy::clock::{ClockMode, Timestamp, real_sleep};
use understudy::ids::JourneyId;
use understudy::message::{Delivery, DeliveryState, Message};
use understudy::outbox::{DeliveryQuery, JourneyQuery, OutboxError};
use understudy::provider::{self, Journey, ProviderKind, Stimulus};
use understudy::rng::{Draw, Seed};

use super::network::{Mood, Post};
use super::plan::{FLOW, Renewals, pick};
use super::punctual;
use super::witness::{Answered, Call, Key, Shown, Witness};

/// In simulated time: only what waits for ever takes so long.
const HANGS: Duration = Duration::from_secs(86_400);

/// At most so many journeys in a run.
const JOURNEYS: usize = 7;

/// Stimuli by their words.
const STIMULI: [(&str, &str); 16] = [
    ("submit_step", r#"{"do":"submit_step","step":"1"}"#),
    ("submit_step", r#"{"do":"submit_step","step":"2"}"#),
    ("submit_step", r#"{"do":"submit_step","step":"1"}"#),
    ("submit_step", r#"{"do":"submit_step","step":"2"}"#),
    ("finish_processing", r#"{"do":"finish_processing","decision":"Complete"}"#),
    ("finish_processing", r#"{"do":"finish_processing","decision":"Refer"}"#),
    ("review", r#"{"do":"review","decision":"Approved"}"#),
    ("review", r#"{"do":"review","decision":"Rejected"}"#),
    ("request_resubmission", r#"{"do":"request_resubmission","steps":[{"step":"1"}]}"#),
    ("request_resubmission", r#"{"do":"request_resubmission","steps":[{"step":"2"},{"step":"1"}]}"#),
    ("aml_monitor_update", r#"{"do":"aml_monitor_update","change":"added"}"#),
    ("aml_monitor_update", r#"{"do":"aml_monitor_update","change":"changed"}"#),
    ("amend_aml", r#"{"do":"amend_aml"}"#),
    ("finish_spot_check", r#"{"do":"finish_spot_check","decision":"Complete"}"#),
    ("complete", r#"{"do":"complete"}"#),
    ("delete", r#"{"do":"delete"}"#),
];

pub(super) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, future).await.unwrap_or_else(|_| panic!("D8: {what} hangs"))
}

fn stimulus(json: &str) -> Stimulus {
    let map = serde_json::from_str(json).expect("an object");
    provider::parse_stimulus(ProviderKind::Idwise, &map).expect("a stimulus")
}

/// Everybody outside, in one life of the process.
pub(super) struct Client {
    witness: Arc<Witness>,
    app: Arc<App>,
    draw: Draw,
    acts: u64,
}

impl Client {
    pub(super) fn new(witness: Arc<Witness>, app: Arc<App>, place: u64) -> Client {
        Client { witness, app, draw: Seed(place).draw(&[b"client"]), acts: 0 }
    }

    /// After a restart callers look up what became of what they never heard of.
    pub(super) async fn find_what_is_there(&mut self) {
        let found = self.app.outbox.journeys(&JourneyQuery::default(), None, 1_000).expect("a page").items;
        {
            let mut seen = self.witness.seen();
            for journey in found.iter().rev() {
                match seen.starts.get(&journey.reference_no) {
                    Some(Some(id)) if *id == journey.id => {}
                    Some(None) => {
                        seen.starts.insert(journey.reference_no.clone(), Some(journey.id));
                        seen.journeys.push(journey.id);
                    }
                    _ => seen.wrong("D7", format!("nobody started {}", journey.reference_no)),
                }
            }
        }
        self.observe();
        if self.draw.chance(0.5) {
            self.repeat_a_key().await;
        }
    }

    pub(super) async fn act(&mut self) {
        self.acts += 1;
        if self.witness.seen().starts.len() < 3 {
            self.start().await;
        }
        match self.draw.below(32) {
            0..=8 => self.stimulate().await,
            28 => self.call_with_a_key().await,
            29..=30 => self.stimulate().await,
            9 => self.start().await,
            10 => self.conflict().await,
            11 => self.go_away().await,
            12 => self.call_with_a_key().await,
            13 => self.repeat_a_key().await,
            14 => self.resend().await,
            15 => self.cancel().await,
            16 => self.configure().await,
            17 => self.pause().await,
            18..=19 => self.change_the_weather(),
            20 => self.change_the_flows().await,
            21..=23 | 31 => real_sleep(Duration::from_millis(self.draw.below(20_000))).await,
            24 => {
                // Time runs, and does not wait for anybody.
                let to = self.app.now() + Duration::from_millis(self.draw.below(600_000));
                let _ = self.app.clock.set(to);
            }
            _ => self.advance().await,
        }
        self.observe();
    }

    async fn advance(&mut self) {
        let plan = &self.witness.plan;
        let most = if self.draw.chance(0.2) { plan.leap } else { Duration::from_secs(5_000) };
        let from = self.app.now();
        let to = from + Duration::from_secs(self.draw.below(most.as_secs()));
        let offset = |at: Timestamp| at.to_chrono().with_timezone(&Zurich).format("%z").to_string();
        let crosses = plan.renewals == Renewals::Daily && offset(from) != offset(to);
        {
            let mut seen = self.witness.seen();
            seen.corners.clock_leapt += 1;
            seen.corners.daily_job_crossed_a_change_of_clocks += u64::from(crosses);
            seen.note(|_| format!("the clock is advanced to {to}"));
        }
        self.advance_to(to).await;
    }

    async fn advance_to(&self, to: Timestamp) {
        match tokio::time::timeout(HANGS, self.app.advance(to)).await {
            Ok(advanced) => advanced.expect("forward"),
            Err(_) => {
                let (horizon, ledger) = (self.app.outbox.horizon(), self.app.outbox.ledger());
                self.witness.seen().wrong("D8", format!("the clock does not come to {to}: {horizon:?} {ledger:?}"));
            }
        }
    }

    /// A journey, and something to do to it that is more often legal than not.
    fn any_stimulus(&mut self) -> Option<(JourneyId, &'static str)> {
        let journeys = self.witness.seen().journeys.clone();
        if journeys.is_empty() {
            return None;
        }
        let id = pick(&mut self.draw, &journeys);
        let legal = if self.draw.chance(0.7) {
            let journey = self.app.outbox.journey(id).expect("a read")?;
            provider::view(&journey).legal
        } else {
            Vec::new()
        };
        let fits = |(word, _): &&(&str, &str)| legal.is_empty() || legal.iter().any(|legal| legal == word);
        let fitting: Vec<&'static str> = STIMULI.iter().filter(fits).map(|(_, json)| *json).collect();
        let json = pick(&mut self.draw, &fitting);
        // Few are deleted, or nothing would be left to happen.
        let json = if json.contains("delete") && self.draw.chance(0.8) { STIMULI[0].1 } else { json };
        Some((id, json))
    }

    /// Up to three at once, perhaps to one journey.
    async fn stimulate(&mut self) {
        let mut calls = JoinSet::new();
        for _ in 0..=self.draw.below(3) {
            let Some((id, json)) = self.any_stimulus() else { break };
            calls.spawn(call(self.witness.clone(), self.app.clone(), id, json, None));
        }
        while let Some(done) = in_time("a call", calls.join_next()).await {
            done.expect("it does not panic");
        }
    }

    /// J2: the same step, submitted twice at once.
    async fn conflict(&mut self) {
        let Some((id, _)) = self.any_stimulus() else { return };
        let json = STIMULI[self.draw.below(2) as usize].1;
        let (a, b) = tokio::join!(
            call(self.witness.clone(), self.app.clone(), id, json, None),
            call(self.witness.clone(), self.app.clone(), id, json, None)
        );
        let mut seen = self.witness.seen();
        if a && b {
            seen.wrong("J2", format!("both of {json} to {id} were accepted"));
        }
        seen.corners.conflicting_stimuli += u64::from(a != b);
    }

    /// The caller goes away after the first step of it.
    async fn go_away(&mut self) {
        let Some((id, json)) = self.any_stimulus() else { return };
        tokio::select! {
            biased;
            _ = call(self.witness.clone(), self.app.clone(), id, json, None) => {}
            () = std::future::ready(()) => self.witness.seen().corners.caller_went_away += 1,
        }
    }

    async fn start(&mut self) {
        let reference_no = {
            let mut seen = self.witness.seen();
            if seen.starts.len() >= JOURNEYS {
                return;
            }
            let reference = format!("KYC-{}", seen.starts.len() + 1);
            seen.starts.insert(reference.clone(), None);
            reference
        };
        let new = NewJourney {
            flow: FLOW.into(),
            reference_no: reference_no.clone(),
            environment: None,
            opening: None,
            planned: None,
        };
        let done = in_time("a start", self.app.start_journey(new, None)).await;
        let mut seen = self.witness.seen();
        match done {
            Ok(Answer::Done(applied)) => {
                seen.note(|_| format!("{reference_no} is {}", applied.journey.id));
                seen.starts.insert(reference_no, Some(applied.journey.id));
                seen.journeys.push(applied.journey.id);
            }
            Err(AppError::UnknownFlow { .. }) => drop(seen.starts.remove(&reference_no)),
            Err(AppError::Outbox(OutboxError::Broken(_))) => {}
            other => seen.wrong("D5", format!("a start came to {other:?}")),
        }
    }

    async fn call_with_a_key(&mut self) {
        let Some((id, json)) = self.any_stimulus() else { return };
        let place = {
            let mut seen = self.witness.seen();
            let (key, life) = (format!("{id}/k{}", seen.keys.len()), seen.life());
            seen.keys.push(Key { key, journey: id, json: json.to_owned(), answer: None, life });
            seen.keys.len() - 1
        };
        call(self.witness.clone(), self.app.clone(), id, json, Some((place, 1))).await;
    }

    /// D6: the same key again, with the same request or with another.
    async fn repeat_a_key(&mut self) {
        let keys = self.witness.seen().keys.clone();
        if keys.is_empty() {
            return;
        }
        // Rather one whose call nobody heard the end of.
        let open: Vec<usize> = (0..keys.len()).filter(|place| keys[*place].answer.is_none()).collect();
        let place = match self.draw.chance(0.6) && !open.is_empty() {
            true => pick(&mut self.draw, &open),
            false => self.draw.below(keys.len() as u64) as usize,
        };
        let key = &keys[place];
        let json = STIMULI.iter().map(|(_, json)| *json).find(|json| *json == key.json).expect("it is one of them");
        // Whether a key whose call nobody heard the end of is taken, only a repetition tells.
        let request = if key.answer.is_some() && self.draw.chance(0.4) { 2 } else { 1 };
        call(self.witness.clone(), self.app.clone(), key.journey, json, Some((place, request))).await;
    }

    async fn resend(&mut self) {
        let Some(delivery) = self.any_delivery(|_| true) else { return };
        let pair = (delivery.webhook.clone(), delivery.event_id);
        *self.witness.seen().resends.entry(pair).or_default() += 1;
        let done = in_time("resend", self.app.resend(&delivery)).await;
        let mut seen = self.witness.seen();
        seen.note(|_| format!("resend of {}: {done:?}", delivery.id));
        match done {
            Ok(id) => {
                seen.resent.push((delivery.id, id));
                match delivery.state {
                    DeliveryState::Exhausted => seen.corners.resend_of_an_exhausted_delivery += 1,
                    DeliveryState::Delivered => seen.corners.resend_of_a_delivered_one += 1,
                    _ => {}
                }
            }
            Err(OutboxError::NotPossible(_) | OutboxError::Broken(_)) => {}
            Err(error) => seen.wrong("D4", format!("a resend came to {error}")),
        }
    }

    /// Of those that wait: the others would only refuse.
    async fn cancel(&mut self) {
        let Some(delivery) = self.any_delivery(|d| d.state == DeliveryState::Waiting) else { return };
        let done = in_time("cancel", self.app.cancel(&delivery)).await;
        let mut seen = self.witness.seen();
        seen.note(|_| format!("cancel of {}: {done:?}", delivery.id));
        match done {
            Ok(()) => seen.corners.cancelled += 1,
            Err(OutboxError::NotPossible(_) | OutboxError::Broken(_)) => {}
            Err(error) => seen.wrong("D4", format!("a cancel came to {error}")),
        }
    }

    fn any_delivery(&mut self, wanted: impl Fn(&Delivery) -> bool) -> Option<Delivery> {
        let mut all = deliveries(&self.app);
        all.retain(wanted);
        (!all.is_empty()).then(|| pick(&mut self.draw, &all))
    }

    /// Switches an endpoint off or on, takes it away or brings it back, or changes its mind about order.
    async fn configure(&mut self) {
        let plan = self.witness.plan.clone();
        let mut endpoints = self.witness.seen().endpoints();
        let wanted = pick(&mut self.draw, &plan.endpoints);
        let at = endpoints.iter().position(|endpoint| endpoint.name == wanted.name);
        let owed = self.app.outbox.lanes().iter().any(|lane| *lane.webhook == *wanted.name);
        let mut kind = |seen: &mut super::witness::Seen| match (at, self.draw.below(3)) {
            (None, _) => endpoints.push(wanted.clone()),
            (Some(at), 0) if plan.takes_away => {
                endpoints.remove(at);
                seen.corners.endpoint_taken_away += 1;
                let (life, now) = (seen.life(), seen.now());
                seen.removed.entry(wanted.name.clone()).or_default().push((life, now));
            }
            (Some(at), 1) => {
                endpoints[at].enabled ^= true;
                seen.corners.endpoint_switched_off += u64::from(!endpoints[at].enabled);
            }
            (Some(at), _) => endpoints[at].ordered ^= true,
        };
        kind(&mut self.witness.seen());
        self.witness.seen().corners.configuration_changed_under_backlog += u64::from(owed);
        self.set_endpoints(endpoints).await;
    }

    /// Whoever an event is owed to follows from its instant: no other event has the instant of a change.
    async fn set_endpoints(&mut self, endpoints: Vec<understudy::message::Endpoint>) {
        if self.app.clock.mode() == ClockMode::Manual {
            let _ = self.app.clock.set(self.app.now() + Duration::from_millis(1));
        }
        {
            let mut seen = self.witness.seen();
            let now = seen.now();
            let names: Vec<_> = endpoints.iter().map(|e| (e.name.clone(), e.enabled, e.ordered)).collect();
            seen.note(|_| format!("the endpoints are {names:?}"));
            if let Some(life) = seen.lives.last_mut() {
                life.configurations.push((now, endpoints.clone()));
            }
        }
        in_time("set_endpoints", self.app.set_endpoints(endpoints)).await;
    }

    async fn pause(&mut self) {
        let endpoints = self.witness.seen().endpoints();
        let Some(endpoint) = (!endpoints.is_empty()).then(|| pick(&mut self.draw, &endpoints)) else { return };
        let pauses = !self.app.endpoints.is_paused(&endpoint.name);
        let owed = self.app.outbox.lanes().iter().any(|lane| *lane.webhook == *endpoint.name);
        let done = in_time("pause", self.app.pause_webhook(&endpoint.name, pauses)).await;
        let mut seen = self.witness.seen();
        seen.note(|_| format!("{} is paused: {pauses}, {done:?}", endpoint.name));
        seen.corners.paused_with_a_backlog += u64::from(pauses && owed);
        seen.corners.resumed += u64::from(!pauses);
    }

    fn change_the_weather(&mut self) {
        let mut seen = self.witness.seen();
        for endpoint in &self.witness.plan.endpoints {
            if self.draw.chance(0.4) {
                let mood = Mood::draw(&mut self.draw);
                seen.weather.endpoints.insert(endpoint.name.clone(), mood);
            }
        }
        if self.draw.chance(0.5) {
            seen.weather.post = Post::draw(&mut self.draw);
        }
        let weather = seen.weather.clone();
        seen.note(|_| format!("{weather:?}"));
    }

    /// Deadlines of journeys whose flow is not configured wait for it.
    async fn change_the_flows(&mut self) {
        self.app.set_flows(Vec::new());
        let due = Duration::from_secs(self.draw.below(4_000));
        let to = self.app.now() + due;
        let waits = self.app.next_deadline(self.app.own_deadlines()).is_some_and(|due| due <= to);
        self.witness.seen().corners.flow_missing_for_a_deadline += u64::from(waits);
        self.witness.seen().note(|_| "no flow is configured".to_owned());
        self.advance_to(to).await;
        self.app.set_flows(vec![self.witness.plan.flow()]);
    }

    /// The faults stop, every endpoint is there and switched on: everything must settle.
    pub(super) async fn heal(&mut self) {
        {
            let mut seen = self.witness.seen();
            seen.weather = Default::default();
            seen.note(|_| "the faults stop".to_owned());
        }
        let endpoints = self.witness.plan.endpoints.clone();
        self.set_endpoints(endpoints.clone()).await;
        for endpoint in endpoints.iter().filter(|endpoint| self.app.endpoints.is_paused(&endpoint.name)) {
            in_time("resume", self.app.pause_webhook(&endpoint.name, false)).await.expect("it is there");
        }
        punctual::settles(&self.witness, &self.app).await;
        for _ in 0..3 {
            let to = self.app.now() + Duration::from_secs(9 * 3_600);
            self.advance_to(to).await;
            in_time("quiet", self.app.quiet()).await;
            self.observe();
        }
        if !self.app.at_rest() {
            let horizon = self.app.outbox.horizon();
            self.witness.seen().wrong("D3", format!("the faults are over, and still: {horizon:?}"));
        }
    }

    /// Looks at the lists, and compares them with what was seen before.
    pub(super) fn observe(&mut self) {
        let counts = self.app.outbox.ledger().deliveries;
        let sum = counts.waiting + counts.in_flight + counts.delivered + counts.exhausted + counts.cancelled;
        let mut seen = self.witness.seen();
        if counts.accepted != sum {
            seen.wrong("D3", format!("{counts:?} does not add up"));
        }
        for id in seen.journeys.clone() {
            let noted = seen.listed.get(&id).map_or(0, Vec::len) as u64;
            let page = self.app.outbox.events(Some(id), Some(noted + 1), 1_000).expect("a page");
            for (n, record) in page.items.into_iter().enumerate() {
                let message = record.message;
                if message.sequence != noted + 1 + n as u64 {
                    seen.wrong("J1", format!("event {} of {id} follows event {}", message.sequence, noted + n as u64));
                }
                seen.note(|_| format!("{id} has {} {}", message.event_id, message.event_type));
                seen.listed.entry(id).or_default().push(message);
            }
        }
        if self.acts.is_multiple_of(4) {
            self.compare_deliveries(&mut seen);
        }
    }

    fn compare_deliveries(&self, seen: &mut super::witness::Seen) {
        for delivery in deliveries(&self.app) {
            let pair = (delivery.webhook, delivery.event_id);
            let tries = seen.tried.get(&pair).map_or(0, Vec::len);
            let resends = seen.resends.get(&pair).copied().unwrap_or_default();
            let (state, attempts, resend_of) = (delivery.state, delivery.attempts, delivery.resend_of);
            let now = Shown { state, attempts, resend_of, tries, resends };
            let before = seen.shown.insert(delivery.id, now.clone());
            let Some(before) = before.filter(|before| before.state.is_terminal()) else { continue };
            if (before.state, before.attempts, before.resend_of) != (state, attempts, resend_of) {
                seen.wrong("D4", format!("{} was {before:?} and is {now:?}", delivery.id));
            }
            if resends == 0 && tries != before.tries {
                seen.wrong("A8", format!("{} was {:?} and was tried again", delivery.id, before.state));
            }
        }
    }
}

/// Sends a stimulus and notes the answer; whether it was accepted.
async fn call(
    witness: Arc<Witness>,
    app: Arc<App>,
    id: JourneyId,
    json: &'static str,
    key: Option<(usize, u8)>,
) -> bool {
    let stimulus = stimulus(json);
    let (place, keyed) = {
        let mut seen = witness.seen();
        seen.note(|_| format!("{json} to {id}, key {key:?}"));
        let (life, at) = (seen.life(), seen.now());
        let word = stimulus.name();
        seen.calls.push(Call { journey: id, stimulus: word, life, at, answered: Answered::Unknown });
        let keyed = key.map(|(place, request)| Keyed {
            key: seen.keys[place].key.clone(),
            request: [request; 32],
            answer: rendered,
        });
        (seen.calls.len() - 1, keyed)
    };
    let manner = Manner { keyed, ..Manner::default() };
    let done = in_time("a call", app.apply(id, &stimulus, manner)).await;
    let mut seen = witness.seen();
    seen.note(|_| match &done {
        Ok(Answer::Done(applied)) => format!("{json} to {id}: {} events", applied.events.len()),
        Ok(Answer::Repeated(_)) => format!("{json} to {id}: answered before"),
        Err(error) => format!("{json} to {id}: {error}"),
    });
    let known = key.and_then(|(place, _)| seen.keys[place].answer.clone());
    let other = key.is_some_and(|(_, request)| request == 2);
    let life = seen.life();
    match done {
        Ok(Answer::Done(applied)) => {
            seen.calls[place].answered = Answered::Yes;
            if known.is_some() {
                seen.wrong("D6", format!("{json} to {id} was done twice under one key"));
            }
            if let Some((key, _)) = key {
                seen.keys[key].answer = Some(rendered(&applied.journey, &applied.events));
            }
            for event in applied.events {
                if seen.acked.insert(event.event_id, event.clone()).is_some() {
                    seen.wrong("A1", format!("{} was given twice", event.event_id));
                }
            }
            return true;
        }
        Ok(Answer::Repeated(answer)) => {
            // The call was answered; what it did, another call had done.
            seen.calls[place].answered = Answered::No;
            let Some((key, _)) = key else {
                seen.wrong("D6", format!("{json} to {id} had no key and is a repetition"));
                return false;
            };
            if other || known.as_ref().is_some_and(|known| *known != answer) {
                seen.wrong("D6", format!("{json} to {id} was answered {answer:?}, before {known:?}"));
            }
            seen.corners.key_repeated += 1;
            seen.corners.key_repeated_after_a_crash += u64::from(known.is_none() && seen.keys[key].life < life);
            seen.keys[key].answer = Some(answer);
        }
        Err(AppError::Outbox(OutboxError::KeyReused { .. })) if other => {
            seen.calls[place].answered = Answered::No;
            seen.corners.key_conflict += 1;
        }
        Err(AppError::Outbox(OutboxError::Broken(_))) => {}
        Err(AppError::Rejected(_) | AppError::UnknownFlow { .. } | AppError::Outbox(OutboxError::Conflict)) => {
            seen.calls[place].answered = Answered::No;
            seen.corners.stimulus_refused += 1;
            if known.is_some() {
                seen.wrong("D6", format!("{json} to {id} was answered before, and is refused now"));
            }
        }
        Err(error) => seen.wrong("D1", format!("{json} to {id}: {error}")),
    }
    false
}

fn rendered(journey: &Journey, events: &[Message]) -> bytes::Bytes {
    let ids: Vec<String> = events.iter().map(|event| event.event_id.to_string()).collect();
    format!("{} {}", journey.sequence, ids.join(" ")).into()
}

/// All of them, oldest first.
pub(super) fn deliveries(app: &App) -> Vec<Delivery> {
    let page = app.outbox.deliveries(&DeliveryQuery::default(), None, 100_000).expect("a page");
    page.items.into_iter().rev().collect()
}
