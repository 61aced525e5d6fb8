//! What commands write: data to stdout, talk to stderr; as text for people, or JSON for programs.
//!
//! Everything shown as text passes [`clean`], so that nothing that came from outside can steer a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::exit::Failure;
use super::text::{Column, clean, table};
use crate::cli::{Color, Output};

/// Where a command writes, and in which form.
pub struct Out {
    format: Output,
    paint: Paint,
    data: Mutex<Box<dyn Write + Send>>,
    talk: Mutex<Box<dyn Write + Send>>,
    talk_paint: Paint,
}

/// Whether text is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With colours.
    Colour,
    /// Without.
    Plain,
}

impl Paint {
    /// For a stream: `auto` asks whether it is a terminal, and `NO_COLOR` and its kin.
    fn of(color: Color, stream: &(impl anstream::stream::RawStream + IsTerminal)) -> Self {
        let colour = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        };
        if colour { Paint::Colour } else { Paint::Plain }
    }

    /// `text` in `style`.
    pub fn paint(self, style: Style, text: &str) -> String {
        match self {
            Paint::Colour => format!("{style}{text}{style:#}"),
            Paint::Plain => text.to_owned(),
        }
    }
}

impl Out {
    /// Over the process's own stdout and stderr.
    pub fn std(format: Output, color: Color) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Out {
            format,
            paint: Paint::of(color, &stdout),
            talk_paint: Paint::of(color, &stderr),
            data: Mutex::new(Box::new(stdout)),
            talk: Mutex::new(Box::new(stderr)),
        }
    }

    /// Over other writers, without colour.
    pub fn to(format: Output, data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        let (paint, talk_paint) = (Paint::Plain, Paint::Plain);
        Out { format, paint, talk_paint, data: Mutex::new(data), talk: Mutex::new(talk) }
    }

    /// The form that was asked for.
    pub fn format(&self) -> Output {
        self.format
    }

    /// Whether stdout takes colour.
    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// How complaints about a file are drawn on stderr.
    pub fn complaint_style(&self) -> crate::reader::Style {
        match self.talk_paint {
            Paint::Colour => crate::reader::Style::Colour,
            Paint::Plain => crate::reader::Style::Plain,
        }
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// A [`Failure`] that is silent when the reader has gone.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut data = lock(&self.data);
        data.write_all(bytes)?;
        data.flush()?;
        Ok(())
    }

    /// Writes a line of text to stdout. The caller has cleaned what came from outside.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes one value to stdout: on one line for `ndjson`, indented otherwise.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn json(&self, value: &Value) -> Result<(), Failure> {
        match self.format {
            Output::Ndjson => self.line(&value.to_string()),
            Output::Text | Output::Json => self.line(&format!("{value:#}")),
        }
    }

    /// Shows one thing: `text` for people, `value` for programs.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn show(&self, value: &Value, text: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
        match self.format {
            Output::Text => self.bytes(text(self.paint).as_bytes()),
            Output::Json | Output::Ndjson => self.json(value),
        }
    }

    /// Shows a page `{"items", "next"}`: a table, the page itself, or an item per line. For people, where the list
    /// goes on is talk.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn page(&self, page: &Value, columns: &[Column]) -> Result<(), Failure> {
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        match self.format {
            Output::Json => return self.json(page),
            Output::Ndjson => return items.iter().try_for_each(|item| self.json(item)),
            Output::Text if items.is_empty() => self.talk("none found"),
            Output::Text => self.bytes(table(columns, items, self.paint).as_bytes())?,
        }
        if let Some(next) = page["next"].as_str() {
            self.talk(&format!("there are more: --cursor {}", clean(next)));
        }
        Ok(())
    }

    /// Whether somebody looks on who is not a program: progress may be drawn.
    pub fn shows_progress(&self) -> bool {
        self.format == Output::Text
    }

    /// Says a line on stderr. Nobody can be told when that fails.
    pub fn talk(&self, text: &str) {
        let _ = writeln!(lock(&self.talk), "{text}");
    }

    /// Says what went wrong: on stderr for people, and on stdout where programs read.
    pub fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        if self.format != Output::Text {
            // A reader that has gone misses nothing: the exit code says it too.
            let _ = self.json(&failure.to_json());
        }
        if let Some(drawn) = &failure.drawn {
            self.talk(drawn.trim_end());
            return;
        }
        let word = |colour: AnsiColor, text| self.talk_paint.paint(colour.on_default().bold(), text);
        self.talk(&format!("{} {}", word(AnsiColor::Red, "error:"), clean(&failure.message)));
        if let Some(help) = &failure.help {
            self.talk(&format!("{} {}", word(AnsiColor::Cyan, "help:"), clean(help)));
        }
    }
}

/// A panic while writing leaves at worst half a line: others may go on.
fn lock<'a>(writer: &'a Mutex<Box<dyn Write + Send>>) -> MutexGuard<'a, Box<dyn Write + Send>> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    /// What was written, for tests to look at.
    #[derive(Clone, Default)]
    pub(in crate::commands) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(in crate::commands) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output whose two streams can be looked at.
    pub(in crate::commands) fn captured(format: Output) -> (Out, Written, Written) {
        let (data, talk) = (Written::default(), Written::default());
        (Out::to(format, Box::new(data.clone()), Box::new(talk.clone())), data, talk)
    }

    const COLUMNS: [Column; 2] = [Column::text("ID", "/id"), Column::number("TRIES", "/n")];

    fn page() -> Value {
        json!({ "items": [{ "id": "a\u{1b}[2J", "n": 12 }, { "id": "bbb", "n": 3 }], "next": "7" })
    }

    #[test]
    fn a_page_is_a_table_a_document_or_lines() {
        let check = |format| {
            let (out, data, talk) = captured(format);
            out.page(&page(), &COLUMNS).expect("written");
            format!("{}---\n{}", data.text(), talk.text())
        };
        insta::assert_snapshot!(check(Output::Text), @r"
        ID          TRIES
        a\u{1b}[2J     12
        bbb             3
        ---
        there are more: --cursor 7
        ");
        insta::assert_snapshot!(check(Output::Ndjson), @r#"
        {"id":"a\u001b[2J","n":12}
        {"id":"bbb","n":3}
        ---
        "#);
        assert_eq!(check(Output::Json), format!("{:#}\n---\n", page()));
    }

    #[test]
    fn failures_are_talk_and_data_only_for_programs() {
        let check = |format| {
            let (out, data, talk) = captured(format);
            out.failure(&Failure::no("refused\u{7}").help("try later"));
            format!("{}---\n{}", data.text(), talk.text())
        };
        insta::assert_snapshot!(check(Output::Text), @r"
        ---
        error: refused\u{7}
        help: try later
        ");
        insta::assert_snapshot!(check(Output::Ndjson), @r#"
        {"error":{"help":"try later","message":"refused\u0007"},"exit_code":1,"exit_reason":"no"}
        ---
        error: refused\u{7}
        help: try later
        "#);
    }

    #[test]
    fn a_silent_failure_says_nothing() {
        let (out, data, talk) = captured(Output::Json);
        out.failure(&Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert_eq!((data.text(), talk.text()), (String::new(), String::new()));
    }

    #[test]
    fn colour_is_given_only_where_it_is_wanted() {
        let red = AnsiColor::Red.on_default();
        assert_eq!(Paint::Plain.paint(red, "x"), "x");
        assert_eq!(Paint::Colour.paint(red, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Paint::of(Color::Never, &io::stdout()), Paint::Plain);
        assert_eq!(Paint::of(Color::Always, &io::stdout()), Paint::Colour);
    }
}
