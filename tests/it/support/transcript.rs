//! What a child process wrote on one of its streams, line by line, and waiting for a line.
//!
//! A thread reads the stream to its end whatever the test does, so that the child never blocks on a full pipe.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const UNPOISONED: &str = "no thread panics while it holds this lock";

/// The lines so far, shared with the thread that reads them.
#[derive(Clone)]
pub(crate) struct Transcript(Arc<(Mutex<Page>, Condvar)>);

#[derive(Default)]
struct Page {
    lines: Vec<String>,
    ended: bool,
}

impl Transcript {
    /// Reads `stream` until it ends.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Transcript {
        let transcript = Transcript(Arc::default());
        let writer = transcript.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                // A stream that fails has ended for us.
                let Ok(line) = line else { break };
                writer.change(|page| page.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            writer.change(|page| page.ended = true);
        });
        transcript
    }

    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        self.0.0.lock().expect(UNPOISONED).lines.join("\n")
    }

    /// The first line for which `wanted` gives something; `None` at the deadline or when the stream ended without one.
    pub(crate) fn await_line<T>(&self, deadline: Duration, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (page, changed) = &*self.0;
        let find = |page: &Page| page.lines.iter().find_map(|line| wanted(line));
        let lock = page.lock().expect(UNPOISONED);
        let waited = changed.wait_timeout_while(lock, deadline, |page| !page.ended && find(page).is_none());
        find(&waited.expect(UNPOISONED).0)
    }

    /// What `wanted` gives for all lines, once there are `count` of those; `None` at the deadline or when the stream ended
    /// with fewer.
    pub(crate) fn await_lines<T>(
        &self,
        deadline: Duration,
        count: usize,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (page, changed) = &*self.0;
        let find = |page: &Page| page.lines.iter().filter_map(|line| wanted(line)).collect::<Vec<T>>();
        let lock = page.lock().expect(UNPOISONED);
        let waited = changed.wait_timeout_while(lock, deadline, |page| !page.ended && find(page).len() < count);
        Some(find(&waited.expect(UNPOISONED).0)).filter(|found| found.len() >= count)
    }

    /// Whether the stream ends within `patience`.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        let (page, changed) = &*self.0;
        let waited = changed.wait_timeout_while(page.lock().expect(UNPOISONED), patience, |page| !page.ended);
        waited.expect(UNPOISONED).0.ended
    }

    fn change(&self, change: impl FnOnce(&mut Page)) {
        change(&mut self.0.0.lock().expect(UNPOISONED));
        self.0.1.notify_all();
    }
}
