//! Sealed segments that were looked into lately, kept open: a page of a list asks the same few again and again.
//!
//! Called by the archive's readers only. Never holds more than a few descriptors, and waits a moment for one when the
//! process has none left: that a server has many callers is no damage to its store.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::segment::{self, Index};
use crate::clock::Stopwatch;

/// So many stay open, two descriptors each.
const OPEN: usize = 8;

/// How long a reader waits for a descriptor before it gives up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same of the threads that write, which nobody else waits for.
pub(in crate::outbox) const WRITERS_PATIENCE: Duration = Duration::from_secs(10);

const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// "Too many open files", of the system and of this process.
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

/// A sealed segment and its index.
#[derive(Debug)]
pub(super) struct Sealed {
    number: u32,
    pub(super) file: File,
    /// `None` when it is missing: retention is just dropping the segment.
    pub(super) index: Option<Index>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The one that was asked for last comes first.
    latest: Mutex<VecDeque<Arc<Sealed>>>,
}

impl Opened {
    fn latest(&self) -> MutexGuard<'_, VecDeque<Arc<Sealed>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Segment `number` of the archive in `dir`; `None` when retention dropped it.
    pub(super) fn get(&self, dir: &Path, number: u32) -> io::Result<Option<Arc<Sealed>>> {
        {
            let mut latest = self.latest();
            if let Some(at) = latest.iter().position(|sealed| sealed.number == number) {
                let found = latest.remove(at);
                found.iter().for_each(|sealed| latest.push_front(sealed.clone()));
                return Ok(found);
            }
        }
        let Some(sealed) = self.open(dir, number)? else { return Ok(None) };
        let sealed = Arc::new(sealed);
        let mut latest = self.latest();
        latest.truncate(OPEN - 1);
        latest.push_front(sealed.clone());
        Ok(Some(sealed))
    }

    fn open(&self, dir: &Path, number: u32) -> io::Result<Option<Sealed>> {
        let opened = patiently(PATIENCE, || {
            let file = File::open(segment::path(dir, number));
            let opened = file.and_then(|file| Ok(Sealed { number, file, index: Index::open(dir, number)? }));
            // Those that rest here are the first to give theirs up.
            opened.inspect_err(|error| {
                if is_no_descriptor(error) {
                    self.latest().clear()
                }
            })
        });
        match opened {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets go of the segments before `first`, which are about to be deleted.
    pub(super) fn forget_before(&self, first: u32) {
        self.latest().retain(|sealed| sealed.number >= first);
    }
}

/// Opens, again and again for so long, while the process has no descriptor left: others give theirs back soon.
pub(in crate::outbox) fn patiently<T>(within: Duration, mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let waiting = Stopwatch::start();
    loop {
        match open() {
            Err(error) if is_no_descriptor(&error) && waiting.elapsed() < within => std::thread::sleep(AGAIN_AFTER),
            other => return other,
        }
    }
}

/// Whether it says that the process, or the system, has no descriptor left.
pub(in crate::outbox) fn is_no_descriptor(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::archive::segment::Summary;

    fn numbers(opened: &Opened) -> Vec<u32> {
        opened.latest().iter().map(|sealed| sealed.number).collect()
    }

    #[test]
    fn the_few_that_were_asked_for_last_stay_open() {
        let dir = tempfile::tempdir().expect("a directory");
        let most = OPEN as u32 + 4;
        for number in 1..=most {
            segment::create(dir.path(), number).expect("a segment");
            segment::write_index(dir.path(), number, &Summary::empty(), &mut []).expect("an index");
        }
        let opened = Opened::default();
        let get = |number| opened.get(dir.path(), number).expect("a disk").expect("it is there");
        for number in 1..=most {
            assert_eq!(get(number).number, number);
        }
        assert_eq!(numbers(&opened), (5..=most).rev().collect::<Vec<_>>());
        let (first, again) = (get(7), get(7));
        assert!(Arc::ptr_eq(&first, &again), "it is not opened twice");
        assert_eq!(numbers(&opened), [7, 12, 11, 10, 9, 8, 6, 5]);
        assert!(opened.get(dir.path(), most + 1).expect("no failure").is_none());
        opened.forget_before(8);
        assert_eq!(numbers(&opened), [12, 11, 10, 9, 8]);
        opened.forget_before(99);
        assert_eq!(numbers(&opened), [0; 0]);
    }

    #[test]
    fn a_descriptor_is_waited_for_and_other_troubles_are_told_at_once() {
        let fails = |code: i32, times: u32, within: Duration| {
            let mut tries = 0;
            let came = patiently(within, || {
                tries += 1;
                if tries <= times { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
            });
            (came.map_err(|error| error.raw_os_error()), tries)
        };
        for code in NO_DESCRIPTOR {
            assert_eq!(fails(code, 3, Duration::from_secs(60)), (Ok(()), 4));
            let (came, tries) = fails(code, u32::MAX, AGAIN_AFTER * 4);
            assert_eq!(came, Err(Some(code)));
            assert!(tries > 1);
        }
        assert_eq!(fails(5, 3, Duration::from_secs(60)), (Err(Some(5)), 1));
    }
}
