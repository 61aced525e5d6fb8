//! Which scenarios can be played on this server, and how those go that were.
//!
//! The server that owns the plays sets the repertoire, takes what is wanted, and notes what happens; pages only look, and
//! ask. All of it is in memory and bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::scenario::Scenario;
use crate::scenario::judge::{Holds, Judged};

/// So many plays are remembered.
const RUNS: usize = 50;

/// So many things that happened in a play are remembered.
const NOTES: usize = 500;

/// So many plays may be wanted that nobody has begun: a person presses one button at a time.
const WANTED: usize = 8;

/// A scenario that could be played.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file's name.
    pub file: String,
    /// What it is about.
    pub about: String,
    /// The file's text, where it may be shown: one of the user's own may hold secrets.
    pub text: Option<&'static str>,
    /// The scenario; or why it cannot be played here.
    pub scenario: Result<Arc<Scenario>, String>,
}

/// A play that is wanted, and where to note how it goes.
#[derive(Debug)]
pub struct Wanted {
    /// What to play.
    pub scenario: Arc<Scenario>,
    /// Where to note it.
    pub run: Run,
}

/// How far a play is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It is being played.
    Playing,
    /// It is over, judged by what its file expects.
    Over(Vec<Judged>),
    /// It broke off.
    Broken(String),
}

/// One play of a scenario. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Run(Arc<Mutex<Told>>);

/// What is told of a play.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) n: u64,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) began: Timestamp,
    pub(super) progress: Progress,
    pub(super) journeys: Vec<(JourneyId, String)>,
    pub(super) notes: Vec<(Timestamp, String)>,
}

impl Run {
    /// A journey was started in it.
    pub fn journey(&self, id: JourneyId, reference_no: &str) {
        let mut told = self.lock();
        if told.journeys.len() < NOTES && !told.journeys.iter().any(|(known, _)| *known == id) {
            told.journeys.push((id, reference_no.to_owned()));
        }
    }

    /// Something happened in it.
    pub fn note(&self, at: Timestamp, text: impl Into<String>) {
        let mut told = self.lock();
        if told.notes.len() < NOTES {
            told.notes.push((at, text.into()));
        }
    }

    /// It is over, or broke off.
    pub fn end(&self, progress: Progress) {
        self.lock().progress = progress;
    }

    pub(super) fn told(&self) -> Told {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether it went as its file expects; `None` while it is being played, and where nothing could be judged.
    pub(super) fn verdict(&self) -> Option<bool> {
        match &self.progress {
            Progress::Playing => None,
            Progress::Broken(_) => Some(false),
            Progress::Over(judged) => Some(!judged.iter().any(|one| one.verdict == Holds::Fail)),
        }
    }
}

/// What a server plays, and has played; nothing, until something is offered. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Repertoire(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    pieces: Arc<[Piece]>,
    wanted: Option<mpsc::Sender<Wanted>>,
    runs: VecDeque<Run>,
    begun: u64,
}

impl Repertoire {
    /// Offers these scenarios; what is wanted of them comes through the receiver, and whoever holds it plays them. Before
    /// the server listens, so that nobody sees it without.
    pub fn offer(&self, pieces: Vec<Piece>) -> mpsc::Receiver<Wanted> {
        let (sender, receiver) = mpsc::channel(WANTED);
        let mut kept = self.lock();
        kept.pieces = pieces.into();
        kept.wanted = Some(sender);
        receiver
    }

    pub(super) fn pieces(&self) -> Arc<[Piece]> {
        self.lock().pieces.clone()
    }

    /// A play begins.
    pub(super) fn begin(&self, scenario: &Scenario, at: Timestamp) -> Run {
        let mut kept = self.lock();
        kept.begun += 1;
        let run = Run(Arc::new(Mutex::new(Told {
            n: kept.begun,
            name: scenario.name.clone(),
            file: scenario.file.clone(),
            began: at,
            progress: Progress::Playing,
            journeys: Vec::new(),
            notes: Vec::new(),
        })));
        if kept.runs.len() >= RUNS {
            kept.runs.pop_front();
        }
        kept.runs.push_back(run.clone());
        run
    }

    /// Asks for a play of the piece with this file; its number.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(super) fn want(&self, file: &str, at: Timestamp) -> Result<u64, String> {
        let (pieces, wanted) = {
            let kept = self.lock();
            (kept.pieces.clone(), kept.wanted.clone())
        };
        let piece = pieces.iter().find(|piece| piece.file == file);
        let piece = piece.ok_or_else(|| format!("there is no scenario {file:?} here"))?;
        let scenario = piece.scenario.clone()?;
        let wanted = wanted.ok_or("this server plays no scenarios")?;
        let room = wanted.try_reserve().map_err(|_| "too many plays are wanted at once: try again in a moment")?;
        let run = self.begin(&scenario, at);
        let n = run.told().n;
        room.send(Wanted { scenario, run });
        Ok(n)
    }

    /// What was played, the newest first.
    pub(super) fn runs(&self) -> Vec<Told> {
        let runs: Vec<Run> = self.lock().runs.iter().rev().cloned().collect();
        runs.iter().map(Run::told).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
