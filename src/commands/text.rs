//! Text for people: cleaned of control characters, aligned in tables and records. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::output::Paint;

/// A column of a table: its heading, and where its value stands in an item.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    pointer: &'static str,
    side: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Column {
    /// A column of text. `pointer` is a JSON pointer, `/id`.
    pub const fn text(heading: &'static str, pointer: &'static str) -> Self {
        Column { heading, pointer, side: Side::Left }
    }

    /// A column of numbers.
    pub const fn number(heading: &'static str, pointer: &'static str) -> Self {
        Column { heading, pointer, side: Side::Right }
    }
}

/// Items as aligned lines below their headings, without frames, two spaces between columns.
pub fn table(columns: &[Column], items: &[Value], paint: Paint) -> String {
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|column| column.heading.to_owned()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|column| cell(item.pointer(column.pointer))).collect()));
    let widths: Vec<usize> =
        (0..columns.len()).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for ((value, column), width) in row.iter().zip(columns).zip(&widths) {
            let gap = " ".repeat(width - value.chars().count());
            let style = if n == 0 { Style::new().bold() } else { style_of(value) };
            let painted = paint.paint(style, value);
            match column.side {
                Side::Left => line.extend([painted.as_str(), gap.as_str(), "  "]),
                Side::Right => line.extend([gap.as_str(), painted.as_str(), "  "]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Labelled lines of one thing; an empty value leaves its line out, further lines are indented below the first.
pub fn record(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        for (n, line) in value.lines().enumerate() {
            let label = if n == 0 { *label } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{label:width$}  {line}");
        }
    }
    text
}

/// A JSON value as a cell: text cleaned, nothing as `-`.
pub fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => clean(text).into_owned(),
        Some(other) => clean(&other.to_string()).into_owned(),
    }
}

/// A member of an object as cleaned text; empty when it is absent or null.
pub fn member(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::Null => String::new(),
        Value::String(text) => clean(text).into_owned(),
        other => clean(&other.to_string()).into_owned(),
    }
}

/// How states are painted.
pub fn style_of(word: &str) -> Style {
    match word {
        "delivered" | "sent" | "passed" => AnsiColor::Green.on_default(),
        "exhausted" | "failed" => AnsiColor::Red.on_default(),
        "waiting" | "in_flight" | "processing" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// One line of text that cannot steer a terminal: control characters, and those that reorder or hide text, are
/// written as escapes.
pub fn clean(text: &str) -> Cow<'_, str> {
    cleaned(text, steers)
}

/// As [`clean`], for text of many lines: line feeds and tabs stay.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    cleaned(text, |c| steers(c) && !matches!(c, '\n' | '\t'))
}

fn cleaned(text: &str, refused: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&refused) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if refused(c) { clean.extend(c.escape_debug()) } else { clean.push(c) }
    }
    Cow::Owned(clean)
}

fn steers(c: char) -> bool {
    // C0, DEL and C1; then the invisible and the bidirectional controls of Unicode.
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{61c}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_written_as_an_escape() {
        for (text, line, lines) in [
            ("plain ü 漢 🦀", "plain ü 漢 🦀", "plain ü 漢 🦀"),
            ("a\nb\tc", r"a\nb\tc", "a\nb\tc"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}2J", r"\u{9b}2J", r"\u{9b}2J"),
            ("over\rwritten", r"over\rwritten", r"over\rwritten"),
            ("evil\u{202e}gpj.exe", r"evil\u{202e}gpj.exe", r"evil\u{202e}gpj.exe"),
        ] {
            assert_eq!(clean(text), line, "{text:?}");
            assert_eq!(clean_lines(text), lines, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_steers_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(char::is_control));
            let lines = clean_lines(&text);
            prop_assert!(lines.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }
    }

    #[test]
    fn records_leave_out_what_is_empty_and_indent_what_goes_on() {
        let text = record(&[("id", "d1".to_owned()), ("journey", String::new()), ("steps", "1 x\n2 y".to_owned())]);
        insta::assert_snapshot!(text, @r"
        id       d1
        steps    1 x
                 2 y
        ");
    }

    #[test]
    fn painted_tables_stay_aligned() {
        let columns = [Column::text("STATE", "/s"), Column::text("TO", "/t")];
        let items = [json!({"s": "exhausted", "t": "a"}), json!({"s": "x"})];
        let plain = table(&columns, &items, Paint::Plain);
        let painted = table(&columns, &items, Paint::Colour);
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), plain);
        insta::assert_snapshot!(plain, @r"
        STATE      TO
        exhausted  a
        x          -
        ");
    }
}
