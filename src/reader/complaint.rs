//! What is wrong with a document, where, and what would be right; and how that is shown.
//!
//! Built by [`super::Reading`]; shown by the commands and, for a reload, by the log. Never holds a secret: messages
//! name keys and variables, and quote values only of keys that are no secrets.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The bytes of the document that it is about; `None` when it came from a flag or the environment.
    pub span: Option<Range<usize>>,
}

/// How complaints are drawn for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With the lines they are about, without colour.
    Plain,
    /// With the lines they are about, in colour.
    Colour,
}

/// Everything that is wrong with one document, in the order of the places; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints {
    file: String,
    text: String,
    list: Vec<Complaint>,
}

impl Complaints {
    /// The complaints about the document `file`, sorted by place, equal ones folded. `text` is the document with its
    /// secrets blanked and no byte moved.
    pub(super) fn new(file: &str, text: String, mut list: Vec<Complaint>) -> Self {
        // What has no place in the document comes first: it is about how the program was called.
        list.sort_by_key(|c| c.span.as_ref().map(|span| (span.start, span.end)));
        let mut seen: Vec<Complaint> = Vec::with_capacity(list.len());
        for complaint in list {
            if !seen.contains(&complaint) {
                seen.push(complaint);
            }
        }
        Complaints { file: file.to_owned(), text, list: seen }
    }

    /// The document's name as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// All of them, in order.
    pub fn list(&self) -> &[Complaint] {
        &self.list
    }

    /// Line and column of a complaint, both from 1, columns in characters.
    pub fn place(&self, complaint: &Complaint) -> Option<(usize, usize)> {
        Some(place(&self.text, complaint.span.as_ref()?.start))
    }

    /// One line per complaint: `webhooks.toml:12:3: unknown key "retrys"; did you mean "retry"?`
    pub fn lines(&self) -> String {
        let mut out = String::new();
        for complaint in &self.list {
            out.push_str(&self.file);
            if let Some((line, column)) = self.place(complaint) {
                out.push_str(&format!(":{line}:{column}"));
            }
            out.push_str(": ");
            out.push_str(&complaint.message);
            if let Some(help) = &complaint.help {
                out.push_str("; ");
                out.push_str(help);
            }
            out.push('\n');
        }
        out
    }

    /// Each complaint with the lines of the document that it is about.
    pub fn drawn(&self, style: Style) -> String {
        let theme = match style {
            Style::Plain => GraphicalTheme::unicode_nocolor(),
            Style::Colour => GraphicalTheme::unicode(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false)
            .with_context_lines(1)
            .with_primary_span_start()
            .without_syntax_highlighting();
        let source = NamedSource::new(&self.file, self.text.clone());
        let mut out = String::new();
        for complaint in &self.list {
            let drawn = Drawn { complaint, source: &source, length: self.text.len() };
            if handler.render_report(&mut out, &drawn).is_err() {
                // Only a failing writer can bring us here, and a String never fails: the plain line still says it.
                out.push_str(&complaint.message);
            }
            out.push('\n');
        }
        out
    }
}

/// Line and column of a byte of `text`, both from 1, columns in characters.
pub(super) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lines().trim_end())
    }
}

impl std::error::Error for Complaints {}

/// A complaint as miette draws it.
#[derive(Debug)]
struct Drawn<'a> {
    complaint: &'a Complaint,
    source: &'a NamedSource<String>,
    length: usize,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.complaint.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.complaint.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.complaint.span.as_ref().map(|_| self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.complaint.span.clone()?;
        let start = span.start.min(self.length);
        let end = span.end.clamp(start, self.length);
        Some(Box::new(std::iter::once(LabeledSpan::new(None, start, end - start))))
    }
}
