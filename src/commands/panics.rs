//! What is said of a panic: which thread, where, and its text with every known secret blanked.
//!
//! Set up once by [`super::run`], for the whole process; an embedded provider leaves its program's own hook alone. It goes
//! to the log, as a line or as JSON like all else, and to stderr where nothing is logged: a panic is a bug, and never
//! silent. What a panic says was made of values that nobody looked over, so it is said by nobody else: reports of a
//! task's end tell that it panicked and no more.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;

use crate::secret::Blanks;

/// In place of a text that may hold a secret: it was made at run time, and no secret is known that could be blanked.
const WITHHELD: &str = "(a text that may hold a secret)";

/// From here on every panic of this process is told here, and nowhere else.
pub fn report(blanks: Blanks) {
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location().filter(|place| place.file().contains("/sled-0")) {
            // It gives up on a disk that fails, or on what it reads: no bug of ours, caught where it is called, and said there
            // in words.
            tracing::warn!(place = place.to_string(), "the store's tree gave up");
            return;
        }
        let text = told(panic.payload(), &blanks);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        // As `RUST_BACKTRACE` says; it holds names of functions only.
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(place, thread, text, backtrace, "panicked: this is a bug of understudy");
        } else {
            // There is nobody left to tell that stderr is closed.
            let _ = writeln!(std::io::stderr(), "thread {thread:?} panicked at {place}: {text}");
        }
    }));
}

/// A literal holds no secret. Everything else was made of values.
fn told(payload: &(dyn Any + Send), blanks: &Blanks) -> String {
    match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(literal), _) => (*literal).to_owned(),
        (None, Some(text)) => blanks.text(text).unwrap_or_else(|| WITHHELD.to_owned()),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Redactor;

    #[test]
    fn x1_a_text_that_was_made_is_told_once_secrets_are_known_and_without_them() {
        let blanks = Blanks::default();
        let made = || -> Box<dyn Any + Send> { Box::new("no header value: s3cret-word".to_owned()) };
        assert_eq!(told(&"a literal", &blanks), "a literal");
        assert_eq!(told(&*made(), &blanks), WITHHELD);
        blanks.set(Redactor::default());
        assert!(told(&*made(), &blanks).contains("s3cret"), "it is none that is known");
        blanks.clone().set(Redactor::new(["s3cret-word"]));
        assert_eq!(told(&*made(), &blanks), "no header value: ***");
        assert_eq!(told(&7, &blanks), "");
    }
}
