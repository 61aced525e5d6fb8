//! What a scenario does next: pure. The player asks, carries out and reports back; every span and choice is drawn here.
//!
//! ```text
//!   steps      one after the other: line, its `after`, line, its `after`, ...
//!   meanwhile  each by itself: `at` from the journey's start, for the journeys that its `share` draws
//! ```
//!
//! `when` is looked at when a line falls due. A line whose `when` does not match is skipped and takes no time: the next
//! one's `after` counts from the last line that was played. Ties go by (due, journey, line).

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::rng::{Draw, Seed};
use crate::scenario::file::{Line, LineKind, Wait};

/// Which line of which journey, in the order in which ties are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cue {
    /// When it falls due.
    pub due: Timestamp,
    /// The journey's number in the run, from 1.
    pub journey: u64,
    /// The line.
    pub place: Place,
}

/// A line's place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The n-th of `steps`, from 0.
    Step(usize),
    /// The n-th of `meanwhile`, from 0.
    Meanwhile(usize),
}

impl Place {
    /// As people count: `step 1`, `meanwhile 2`.
    pub fn name(self) -> String {
        match self {
            Place::Step(n) => format!("step {}", n + 1),
            Place::Meanwhile(n) => format!("meanwhile {}", n + 1),
        }
    }
}

/// What became of a cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// It was carried out.
    Yes,
    /// Its `when` did not match, or it was not possible.
    Skipped,
}

/// The lines of a scenario, for a number of journeys.
#[derive(Debug)]
pub struct Script<'a> {
    seed: Seed,
    steps: &'a [Line],
    meanwhile: &'a [Line],
    cues: BTreeSet<Cue>,
    /// The journeys that have lines left, by number.
    journeys: BTreeMap<u64, Progress>,
}

/// How far a journey is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// The instant of the last line that was played, from which the next `after` counts.
    last: Timestamp,
    /// The step that is played next.
    next: usize,
    /// Its lines that are scheduled, or being played.
    cues: usize,
}

impl<'a> Script<'a> {
    /// A script for journeys 1 to `journeys`, all of which begin at `start`.
    pub fn new(seed: Seed, steps: &'a [Line], meanwhile: &'a [Line], journeys: u64, start: Timestamp) -> Self {
        let mut script = Script::empty(seed, steps, meanwhile);
        (1..=journeys).for_each(|journey| script.join(journey, start));
        script
    }

    /// A script without journeys, which join it as they come.
    pub fn empty(seed: Seed, steps: &'a [Line], meanwhile: &'a [Line]) -> Self {
        Script { seed, steps, meanwhile, cues: BTreeSet::new(), journeys: BTreeMap::new() }
    }

    /// A journey begins at `start`. Its number must be new.
    pub fn join(&mut self, journey: u64, start: Timestamp) {
        self.journeys.insert(journey, Progress { last: start, next: 0, cues: 0 });
        for (n, line) in self.meanwhile.iter().enumerate() {
            let place = Place::Meanwhile(n);
            if self.draw(journey, place, b"share").chance(line.share) {
                let span = line.at.as_ref().map(|at| at.draw_once(|| self.draw(journey, place, b"at")));
                self.schedule(Cue { due: start + span.unwrap_or_default(), journey, place });
            }
        }
        self.schedule_step(journey, 0, start);
    }

    /// Whether a journey has lines left.
    pub fn has(&self, journey: u64) -> bool {
        self.journeys.contains_key(&journey)
    }

    /// When the next line falls due; `None` when all are done.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.cues.first().map(|cue| cue.due)
    }

    /// Takes the next line that is due at `now`. Report it with [`Script::done`].
    pub fn pop(&mut self, now: Timestamp) -> Option<(Cue, &'a Line)> {
        let cue = *self.cues.first().filter(|cue| cue.due <= now)?;
        self.cues.remove(&cue);
        Some((cue, self.line(cue.place)))
    }

    /// Reports what became of a line, and schedules the one after it.
    pub fn done(&mut self, cue: Cue, played: Played, now: Timestamp) {
        let Some(progress) = self.journeys.get_mut(&cue.journey) else { return };
        progress.cues -= 1;
        if let Place::Step(n) = cue.place {
            if played == Played::Yes {
                progress.last = now;
            }
            self.schedule_step(cue.journey, n + 1, now);
        }
        if self.journeys.get(&cue.journey).is_some_and(|progress| progress.cues == 0) {
            self.journeys.remove(&cue.journey);
        }
    }

    /// Ends a journey's part early: none of its lines is played any more.
    pub fn give_up(&mut self, journey: u64) {
        self.cues.retain(|cue| cue.journey != journey);
        self.journeys.remove(&journey);
    }

    /// The chance of a line, for the choices that its stimulus leaves open.
    pub fn choice(&self, cue: Cue) -> Draw {
        self.draw(cue.journey, cue.place, b"choice")
    }

    /// Whether a line that does `stimulus` is still to come in this journey after `cue`.
    pub fn still_to_come(&self, cue: Cue, stimulus: &str) -> bool {
        let from = match cue.place {
            Place::Step(n) => n + 1,
            // What a meanwhile line leads to is spoken for by the steps that are left.
            Place::Meanwhile(_) => self.journeys.get(&cue.journey).map_or(self.steps.len(), |progress| progress.next),
        };
        self.steps.get(from..).unwrap_or_default().iter().any(|line| match &line.kind {
            LineKind::Stimulus(s) => s.name() == stimulus,
            LineKind::Wait(_) => false,
        })
    }

    fn schedule_step(&mut self, journey: u64, n: usize, now: Timestamp) {
        let Some(progress) = self.journeys.get_mut(&journey) else { return };
        progress.next = n;
        let base = progress.last;
        let Some(line) = self.steps.get(n) else { return };
        let place = Place::Step(n);
        let after = line.after.draw_once(|| self.draw(journey, place, b"after"));
        let due = match &line.kind {
            LineKind::Wait(Wait::For(span)) => base + after + span.draw_once(|| self.draw(journey, place, b"wait")),
            LineKind::Wait(Wait::Until(at)) => (base + after).max(*at),
            LineKind::Stimulus(_) => base + after,
        };
        self.schedule(Cue { due: due.max(now), journey, place });
    }

    fn schedule(&mut self, cue: Cue) {
        if let Some(progress) = self.journeys.get_mut(&cue.journey) {
            progress.cues += 1;
        }
        self.cues.insert(cue);
    }

    fn line(&self, place: Place) -> &'a Line {
        match place {
            Place::Step(n) => &self.steps[n],
            Place::Meanwhile(n) => &self.meanwhile[n],
        }
    }

    /// A draw is a function of seed, journey, line and purpose: by the line's own id where the
    /// file gives one, so that adding a line above it changes nothing.
    fn draw(&self, journey: u64, place: Place, purpose: &[u8]) -> Draw {
        self.seed.draw(&[b"line", &journey.to_le_bytes(), self.line(place).id.as_bytes(), purpose])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::chance::SpanDraw;
    use crate::provider::Stimulus;
    use crate::provider::idwise::Stimulus as Idwise;
    use crate::scenario::file;

    const START: Timestamp = Timestamp::from_micros(0);

    fn line(id: &str, kind: LineKind, after: &str) -> Line {
        Line {
            id: id.into(),
            kind,
            after: after.parse().expect("a span"),
            at: None,
            when: None,
            share: 1.0,
            place: file::Place { line: 1, column: 1 },
        }
    }

    fn does(id: &str, after: &str) -> Line {
        line(id, LineKind::Stimulus(Stimulus::Idwise(Idwise::Cancel)), after)
    }

    fn meanwhile(id: &str, at: &str, share: f64) -> Line {
        Line { at: Some(at.parse().expect("a span")), share, ..does(id, "0s") }
    }

    fn seconds(n: u64) -> Timestamp {
        START + Duration::from_secs(n)
    }

    /// Plays everything; `plays` says what becomes of each line.
    fn run(script: &mut Script<'_>, plays: impl Fn(&str) -> Played) -> Vec<(u64, u64, String)> {
        let mut told = Vec::new();
        while let Some(now) = script.next_due() {
            while let Some((cue, line)) = script.pop(now) {
                told.push((now.since(START).as_secs(), cue.journey, line.id.clone()));
                script.done(cue, plays(&line.id), now);
            }
        }
        told
    }

    fn told(rows: &[(u64, u64, &str)]) -> Vec<(u64, u64, String)> {
        rows.iter().map(|(at, journey, id)| (*at, *journey, (*id).to_owned())).collect()
    }

    #[test]
    fn lines_follow_each_other_and_ties_go_by_journey_and_line() {
        let steps = [does("a", "0s"), does("b", "10s"), does("c", "0s")];
        let aside = [meanwhile("m", "10s", 1.0)];
        let mut script = Script::new(Seed(1), &steps, &aside, 2, START);
        let seen = run(&mut script, |_| Played::Yes);
        let expected = [
            (0, 1, "a"),
            (0, 2, "a"),
            (10, 1, "b"),
            (10, 1, "c"),
            (10, 1, "m"),
            (10, 2, "b"),
            (10, 2, "c"),
            (10, 2, "m"),
        ];
        assert_eq!(seen, told(&expected));
    }

    #[test]
    fn a_skipped_line_takes_no_time() {
        let steps = [does("a", "5s"), does("skipped", "100s"), does("c", "10s"), does("d", "200s")];
        let mut script = Script::new(Seed(1), &steps, &[], 1, START);
        let seen = run(&mut script, |id| if id == "skipped" { Played::Skipped } else { Played::Yes });
        // It was looked at when it fell due, so the next one cannot be earlier than that; the one after counts from there.
        assert_eq!(seen, told(&[(5, 1, "a"), (105, 1, "skipped"), (105, 1, "c"), (305, 1, "d")]));
    }

    #[test]
    fn waits_last_for_a_span_or_until_an_instant() {
        let hour = SpanDraw::Fixed(Duration::from_secs(3_600));
        let past = Wait::Until(START);
        let steps = [
            line("for", LineKind::Wait(Wait::For(hour)), "0s"),
            line("until", LineKind::Wait(Wait::Until(seconds(10_000))), "0s"),
            line("past", LineKind::Wait(past), "1s"),
        ];
        let mut script = Script::new(Seed(1), &steps, &[], 1, START);
        let seen = run(&mut script, |_| Played::Yes);
        assert_eq!(seen, told(&[(3_600, 1, "for"), (10_000, 1, "until"), (10_001, 1, "past")]));
    }

    #[test]
    fn a_share_is_drawn_per_journey_and_the_same_each_time() {
        let aside = [meanwhile("m", "uniform(1s, 9s)", 0.3)];
        let all = |seed| run(&mut Script::new(Seed(seed), &[], &aside, 1_000, START), |_| Played::Yes);
        let (once, again) = (all(7), all(7));
        assert_eq!(once, again);
        assert!((200..400).contains(&once.len()), "{} of 1000", once.len());
        assert_ne!(once, all(8));
        assert!(once.windows(2).all(|w| w[0].0 <= w[1].0), "in due order");
    }

    #[test]
    fn a_draw_goes_by_the_lines_own_id() {
        let alone = [does("named", "uniform(1s, 1h)")];
        let behind = [does("#1", "0s"), does("named", "uniform(1s, 1h)")];
        let due = |steps: &[Line]| run(&mut Script::new(Seed(7), steps, &[], 1, START), |_| Played::Yes).pop();
        assert_eq!(due(&alone), due(&behind), "a line above it changes nothing");
    }

    #[test]
    fn later_lines_speak_for_what_would_happen_by_itself() {
        let finish = LineKind::Stimulus(Stimulus::Idwise(Idwise::FinishProcessing { decision: None }));
        let steps = [does("a", "0s"), line("f", finish, "1s"), does("b", "1s")];
        let mut script = Script::new(Seed(1), &steps, &[], 1, START);
        let (cue, _) = script.pop(START).expect("due");
        assert!(script.still_to_come(cue, "finish_processing"));
        assert!(!script.still_to_come(Cue { place: Place::Step(1), ..cue }, "finish_processing"));
        script.give_up(1);
        assert_eq!(script.next_due(), None);
    }
}
