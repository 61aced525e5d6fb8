//! The terminal under `tail`: lines scroll above one line at the foot, and keys come one by one.
//!
//! What was shown stays in the terminal's own history, as `tail -f` leaves it. The terminal is as it was when this goes.

use std::io::{self, IsTerminal as _, Write as _, stdout};

use ratatui::crossterm::cursor::{Hide, MoveToColumn, Show};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::crossterm::terminal::{self, Clear, ClearType};
use ratatui::crossterm::{execute, queue};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::shown::foot;
use crate::commands::Context;
use crate::commands::output::Paint;

/// Keys that are pressed faster than they are obeyed wait here; a person cannot fill it.
const KEYS: usize = 64;

/// See the module.
pub(super) struct Screen {
    keys: mpsc::Receiver<KeyEvent>,
    /// Blocks on the terminal; ends with the process.
    _reading: JoinSet<()>,
    paint: Paint,
}

impl Screen {
    /// Where somebody sits before it; `None` for programs, pipes and files.
    pub(super) fn open(cx: &Context) -> io::Result<Option<Screen>> {
        if !cx.out.shows_progress() || !stdout().is_terminal() || !io::stdin().is_terminal() {
            return Ok(None);
        }
        terminal::enable_raw_mode()?;
        execute!(stdout(), Hide)?;
        let (told, keys) = mpsc::channel(KEYS);
        let mut reading = JoinSet::new();
        reading.spawn_blocking(move || {
            while let Ok(event) = event::read() {
                let Event::Key(key) = event else { continue };
                if key.kind != KeyEventKind::Release && told.blocking_send(key).is_err() {
                    return;
                }
            }
        });
        Ok(Some(Screen { keys, _reading: reading, paint: cx.out.paint() }))
    }

    /// The next key. Never completes once the terminal is gone.
    pub(super) async fn key(&mut self) -> KeyEvent {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// Shows a line above the foot, and the foot below it.
    pub(super) fn line(&mut self, line: &str, at_foot: &str) -> io::Result<()> {
        let mut out = stdout().lock();
        queue!(out, MoveToColumn(0), Clear(ClearType::FromCursorDown))?;
        write!(out, "{line}\r\n")?;
        self.draw(&mut out, at_foot)
    }

    /// Shows the foot anew.
    pub(super) fn foot(&mut self, at_foot: &str) -> io::Result<()> {
        let mut out = stdout().lock();
        queue!(out, MoveToColumn(0), Clear(ClearType::FromCursorDown))?;
        self.draw(&mut out, at_foot)
    }

    fn draw(&self, out: &mut impl io::Write, at_foot: &str) -> io::Result<()> {
        // One line, whatever the width: a second one would not be taken away again.
        let width = terminal::size().map_or(80, |(columns, _)| usize::from(columns)).saturating_sub(1);
        let fits: String = at_foot.chars().take(width).collect();
        write!(out, "{}", self.paint.paint(foot(), &fits))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(stdout(), MoveToColumn(0), Clear(ClearType::FromCursorDown), Show);
        let _ = terminal::disable_raw_mode();
    }
}
