//! How far each job of the schedule is, and which is next.
//!
//! A job that goes to a share of all journeys keeps a mark: the tick it was at last, and, in the middle of one, the last
//! journey that it reached. The mark is a note in the outbox, written with what the job did, so that a tick happens to a
//! journey once, whatever ends the process. The renewals job keeps none: what it owes are the journeys' own due dates.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::outbox::{Horizon, Note};
use crate::provider::DeadlineKind;
use crate::schedule::{Job, Work};

/// The beginning of the marks' names.
pub(super) const MARKS: &str = "schedule/";

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The last tick that was begun, or the instant up to which there is nothing to catch up.
    pub(super) tick: Timestamp,
    /// The number of the last journey that it went to, while it is not over.
    pub(super) through: Option<u64>,
}

impl Mark {
    /// As it is kept.
    pub(super) fn note(self, job: &str) -> Note {
        let value = serde_json::to_vec(&self).map(Bytes::from).ok();
        Note { name: format!("{MARKS}{job}"), value }
    }
}

/// A tick that is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Due {
    /// Renewals whose due date is not later than this begin.
    Renewals(Timestamp),
    /// A job goes to its share of the journeys.
    Share {
        job: Arc<Job>,
        tick: Timestamp,
        /// The journeys up to this number have had it.
        through: u64,
    },
}

/// The jobs, and how far they are.
#[derive(Debug)]
pub(super) struct Agenda {
    jobs: Mutex<Vec<(Arc<Job>, Mark)>>,
    changed: watch::Sender<u64>,
}

impl Agenda {
    /// An agenda over the marks that were kept. A job without one begins with its first tick after `now`.
    pub(super) fn new(jobs: Vec<Job>, kept: &[(String, Bytes)], now: Timestamp) -> Self {
        let agenda = Agenda { jobs: Mutex::default(), changed: watch::Sender::new(0) };
        agenda.replace(jobs, kept, now);
        agenda
    }

    /// Takes other jobs over. One of the same name goes on from its mark.
    pub(super) fn replace(&self, jobs: Vec<Job>, kept: &[(String, Bytes)], now: Timestamp) {
        let mut present = self.lock();
        let marked = |job: &Job| {
            let known = present.iter().find(|(old, _)| old.name == job.name).map(|(_, mark)| *mark);
            let note = kept.iter().find(|(name, _)| name.strip_prefix(MARKS) == Some(&job.name));
            // A mark that cannot be read is one of another version: what it would have caught up is left out.
            let kept = note.and_then(|(_, value)| serde_json::from_slice(value).ok());
            known.or(kept).unwrap_or(Mark { tick: now, through: None })
        };
        let jobs: Vec<(Arc<Job>, Mark)> =
            jobs.into_iter().map(|job| (marked(&job), job)).map(|(mark, job)| (Arc::new(job), mark)).collect();
        *present = jobs;
        drop(present);
        self.tell();
    }

    /// The journeys' deadlines that fire by themselves: a renewals job takes the renewals over.
    pub(super) fn own_deadlines(&self) -> &'static [DeadlineKind] {
        const ALL: [DeadlineKind; 3] = DeadlineKind::ALL;
        const BUT_RENEWALS: [DeadlineKind; 2] = [DeadlineKind::Processing, DeadlineKind::RenewalDeadline];
        let renewals = self.lock().iter().any(|(job, _)| job.work == Work::Renewals);
        if renewals { &BUT_RENEWALS } else { &ALL }
    }

    /// When something of the schedule is due next.
    pub(super) fn next(&self, horizon: &Horizon) -> Option<Timestamp> {
        self.lock().iter().filter_map(|(job, mark)| next(job, *mark, horizon)).min()
    }

    /// What is due at `now`, the earliest first.
    pub(super) fn due(&self, horizon: &Horizon, now: Timestamp) -> Option<Due> {
        let jobs = self.lock();
        let at = jobs.iter().filter_map(|(job, mark)| Some((next(job, *mark, horizon)?, job, mark)));
        let (tick, job, mark) = at.min_by_key(|(at, ..)| *at).filter(|(at, ..)| *at <= now)?;
        Some(match job.work {
            Work::Renewals => Due::Renewals(tick),
            _ => Due::Share { job: job.clone(), tick, through: mark.through.unwrap_or(0) },
        })
    }

    /// A job is this far.
    pub(super) fn reached(&self, name: &str, mark: Mark) {
        if let Some((_, kept)) = self.lock().iter_mut().find(|(job, _)| job.name == name) {
            *kept = mark;
        }
        self.tell();
    }

    /// The marks as they are to be kept.
    pub(super) fn marks(&self) -> Vec<Note> {
        let jobs = self.lock();
        jobs.iter().filter(|(job, _)| job.work != Work::Renewals).map(|(job, mark)| mark.note(&job.name)).collect()
    }

    /// Changes whenever a job got further, or another list of jobs was taken over.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<Job>, Mark)>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a job is due next. The renewals job is due when there is somebody for it.
fn next(job: &Job, mark: Mark, horizon: &Horizon) -> Option<Timestamp> {
    if job.work == Work::Renewals {
        let due = horizon.deadlines.iter().find(|(kind, _)| *kind == DeadlineKind::RenewalDue)?.1;
        return job.timetable.at_or_after(due);
    }
    match mark.through {
        Some(_) => Some(mark.tick),
        None => job.timetable.next_after(mark.tick),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Timetable;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn job(name: &str, cron: &str, work: Work) -> Job {
        Job { name: name.into(), timetable: Timetable::parse(cron, "UTC").expect("a timetable"), work }
    }

    fn noise(name: &str) -> Job {
        job(name, "0 */10 * * * *", Work::AmlMonitorUpdate { share: 0.5 })
    }

    #[test]
    fn renewals_are_due_at_the_timetables_first_time_after_the_due_date() {
        let agenda = Agenda::new(vec![job("renewals", "0 0 2 * * *", Work::Renewals)], &[], at("2026-11-20T08:00:00Z"));
        let nobody = Horizon::default();
        assert_eq!(agenda.next(&nobody), None);
        let due = |due: &str| Horizon { deadlines: vec![(DeadlineKind::RenewalDue, at(due))], ..Horizon::default() };
        assert_eq!(agenda.next(&due("2027-11-20T08:00:00Z")), Some(at("2027-11-21T02:00:00Z")));
        assert_eq!(agenda.next(&due("2027-11-20T02:00:00Z")), Some(at("2027-11-20T02:00:00Z")));
        // Overslept by a week: the tick of then, not of today.
        let long_due = due("2027-11-20T08:00:00Z");
        assert_eq!(agenda.due(&long_due, at("2027-11-28T00:00:00Z")), Some(Due::Renewals(at("2027-11-21T02:00:00Z"))));
        assert_eq!(agenda.own_deadlines(), [DeadlineKind::Processing, DeadlineKind::RenewalDeadline]);
    }

    #[test]
    fn a_job_goes_on_from_its_mark_and_a_new_one_begins_with_its_next_tick() {
        let start = at("2026-11-20T08:05:00Z");
        let kept = Mark { tick: at("2026-11-20T07:00:00Z"), through: None }.note("old");
        let kept =
            vec![(kept.name, kept.value.expect("a mark")), ("schedule/odd".to_owned(), Bytes::from_static(b"?"))];
        let agenda = Agenda::new(vec![noise("new"), noise("old"), noise("odd")], &kept, start);
        let horizon = Horizon::default();
        let first = agenda.due(&horizon, start).expect("one was missed");
        let tick = at("2026-11-20T07:10:00Z");
        assert_eq!(first, Due::Share { job: Arc::new(noise("old")), tick, through: 0 });
        agenda.reached("old", Mark { tick, through: Some(7) });
        assert_eq!(agenda.due(&horizon, start), Some(Due::Share { job: Arc::new(noise("old")), tick, through: 7 }));
        agenda.reached("old", Mark { tick: start, through: None });
        assert_eq!(agenda.due(&horizon, start), None, "what was missed counts as one");
        assert_eq!(agenda.next(&horizon), Some(at("2026-11-20T08:10:00Z")));

        agenda.replace(vec![noise("old")], &[], at("2026-11-20T09:00:00Z"));
        assert!(agenda.due(&horizon, at("2026-11-20T08:10:00Z")).is_some(), "a reload keeps the mark");
    }
}
