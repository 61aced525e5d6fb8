//! Reading a document against its declaration.
//!
//! One [`Reading`] per document: [`Reading::document`] gives the typed [`Section`] and collects complaints, the
//! builders add theirs, [`Reading::finish`] gives either the result or all complaints. Opens no file and asks the
//! environment only through the function that it was given.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, Complaints, place};
use super::nearest::{listed, nearest};
use super::section::{Extra, Item, Origin, Section};
use super::spec::{Key, Kind, Need, Rest, Table};

/// A document: its name as the user gave it, and its text.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file's name, for messages.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Values from flags of the command line, which win over everything.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<Override>);

#[derive(Clone, Debug)]
struct Override {
    flag: &'static str,
    path: &'static str,
    text: String,
}

impl Overrides {
    /// None.
    pub fn none() -> Self {
        Overrides::default()
    }

    /// Adds `flag` (`--listen`) with its value for the key at `path` (`server.listen`), as a user types it.
    #[must_use]
    pub fn with(mut self, flag: &'static str, path: &'static str, text: impl Into<String>) -> Self {
        self.0.push(Override { flag, path, text: text.into() });
        self
    }
}

/// One document being read.
pub struct Reading<'a> {
    source: Source<'a>,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    layers: Option<&'a Overrides>,
    root: Option<&'static Table>,
    /// Where the values at hand come from; spans mean something only in the document.
    pub(super) origin: Origin,
    /// Where the document holds secrets: complaints draw its lines with these blanked.
    pub(super) secrets: Vec<Range<usize>>,
    complaints: Vec<Complaint>,
}

/// What every variable that overrides a key begins with.
pub const ENV_PREFIX: &str = "UNDERSTUDY_";

impl<'a> Reading<'a> {
    /// For `source`; `env` answers for the variables that `env:NAME` names.
    pub fn new(source: Source<'a>, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Reading {
            source,
            env,
            layers: None,
            root: None,
            origin: Origin::File,
            secrets: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// Lets flags and `UNDERSTUDY_*` variables override the document: `UNDERSTUDY_SERVER_LISTEN` is `server.listen`.
    #[must_use]
    pub fn layered(mut self, overrides: &'a Overrides) -> Self {
        self.layers = Some(overrides);
        self
    }

    /// The document as `table` declares it; `None` when it is not even TOML.
    pub fn document(&mut self, table: &'static Table) -> Option<Section> {
        let text = self.source.text;
        self.root = Some(table);
        match DeTable::parse(text) {
            Ok(root) => Some(self.table(table, root.get_ref(), Some(0..0), Some(""))),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let help = syntax_help(error.message(), text.split_at_checked(span.start).unwrap_or_default());
                self.complain(Some(span), format!("this is not TOML: {}", error.message()), help);
                self.secrets = likely_secrets(text);
                None
            }
        }
    }

    /// Adds a complaint about a place of the document.
    pub fn complain(&mut self, span: Option<Range<usize>>, message: impl Into<String>, help: Option<String>) {
        let message = match &self.origin {
            Origin::Flag(_) | Origin::Env(_) => format!("{}: {}", self.origin, message.into()),
            Origin::File | Origin::Default => message.into(),
        };
        let span = if self.origin == Origin::File { span } else { None };
        self.complaints.push(Complaint { message, help, span });
    }

    /// Adds a complaint about the value of `key`, wherever it came from.
    pub fn complain_of(&mut self, section: &Section, key: &str, message: impl Into<String>, help: Option<String>) {
        let origin = section.item(key).map_or(Origin::File, |item| item.origin.clone());
        let message = match origin {
            Origin::Flag(_) | Origin::Env(_) => format!("{origin}: {}", message.into()),
            Origin::File | Origin::Default => message.into(),
        };
        let span = if matches!(origin, Origin::Flag(_) | Origin::Env(_)) { None } else { section.place(key) };
        self.complaints.push(Complaint { message, help, span });
    }

    /// Drops what was complained of so far: the document turned out to be of a kind that was not declared.
    pub fn forget(&mut self) {
        self.complaints.clear();
    }

    /// The document's name.
    pub fn file(&self) -> &str {
        self.source.name
    }

    /// Line and column, both from 1, of a byte of the document.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        place(self.source.text, byte)
    }

    /// The result, if nothing was complained of.
    ///
    /// # Errors
    /// All complaints, in the order of their places.
    pub fn finish<T>(mut self, built: Option<T>) -> Result<T, Complaints> {
        match built {
            Some(built) if self.complaints.is_empty() => Ok(built),
            _ => {
                if self.complaints.is_empty() {
                    // INVARIANT: a builder gives up only after a complaint; should one not, the user still hears.
                    self.complain(None, "the document is incomplete", None);
                }
                let text = blanked(self.source.text, &self.secrets);
                Err(Complaints::new(self.source.name, text, self.complaints))
            }
        }
    }

    /// `value` with its place, as `kind`; `None` after a complaint.
    pub(super) fn item(
        &mut self,
        kind: &'static Kind,
        key: &str,
        value: &DeValue<'_>,
        span: Range<usize>,
        path: Option<&str>,
    ) -> Option<Item> {
        let place = (self.origin == Origin::File).then_some(span);
        let (value, shown) = self.value(kind, key, value, place.clone(), path)?;
        Some(Item { value, shown, span: place, origin: self.origin.clone() })
    }

    /// A table; `path` is where it stands in the document, `None` within lists, which nothing overrides.
    pub(super) fn table(
        &mut self,
        table: &'static Table,
        read: &DeTable<'_>,
        span: Option<Range<usize>>,
        path: Option<&str>,
    ) -> Section {
        let mut section = Section { span, ..Section::default() };
        for (key, value) in read {
            if table.key(key.get_ref()).is_none() {
                self.undeclared(table, key.get_ref(), key.span(), value, &mut section);
            }
        }
        for key in table.all() {
            let below =
                path.map(|path| if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) });
            let mut item = self.overriding(key, below.as_deref());
            if let (None, Some(value)) = (&item, read.get(key.name)) {
                item = self.item(&key.kind, key.name, value.get_ref(), value.span(), below.as_deref());
                if item.is_none() {
                    section.faulty.insert(key.name);
                }
            }
            let item = item.or_else(|| {
                self.absent(key, table, read, &section);
                self.default_of(key, below.as_deref())
            });
            if let Some(item) = item {
                section.items.insert(key.name, item);
            }
        }
        section
    }

    fn undeclared(
        &mut self,
        table: &'static Table,
        key: &str,
        key_span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        section: &mut Section,
    ) {
        if table.rest == Rest::Kept {
            let json = self.json(key, value.get_ref(), value.span());
            section.extra.push(Extra { name: key.to_owned(), key_span, span: value.span(), json });
            return;
        }
        let elsewhere = self.root.and_then(|root| home_of(key, root, table));
        // Perhaps a secret whose key is misspelled: then its value is not drawn.
        let is_secret = |known: &Key| matches!(known.kind, Kind::Secret | Kind::Map(Kind::Secret));
        let meant = nearest(key, table.all().map(|known| known.name));
        if elsewhere.is_none()
            && table.all().any(|known| is_secret(known) && meant.is_none_or(|meant| meant == known.name))
        {
            self.secrets.push(value.span());
        }
        let help = match meant {
            _ if elsewhere.is_some() => elsewhere.unwrap_or_default(),
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("{} has {}", table.name, listed(table.all().map(|k| k.name)).replace(" or ", " and ")),
        };
        let within = if table.name == "the file" { String::new() } else { format!(" in {}", table.name) };
        self.complain(Some(key_span), format!("unknown key {key:?}{within}"), Some(help));
    }

    fn absent(&mut self, key: &Key, table: &Table, read: &DeTable<'_>, section: &Section) {
        if key.need == Need::Required && !read.contains_key(key.name) {
            let message = format!("{} has no {:?}", table.name, key.name);
            self.complain(section.span.clone(), message, Some(format!("add {}: {}", key.name, key.doc)));
        }
    }

    /// The default, read like everything else, so that no second form of it can differ.
    fn default_of(&mut self, key: &'static Key, path: Option<&str>) -> Option<Item> {
        let text = key.default?;
        let value = DeValue::parse(text).ok()?;
        let before = std::mem::replace(&mut self.origin, Origin::Default);
        let item = self.item(&key.kind, key.name, value.get_ref(), value.span(), path);
        self.origin = before;
        item
    }

    /// The value that a flag or variable gives to the key at `path`.
    fn overriding(&mut self, key: &'static Key, path: Option<&str>) -> Option<Item> {
        let (layers, path) = (self.layers?, path?);
        if matches!(key.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Map(_) | Kind::Any | Kind::Weights(_)) {
            return None;
        }
        let flag = layers.0.iter().rev().find(|o| o.path == path).map(|o| (Origin::Flag(o.flag), o.text.clone()));
        let (origin, text) = flag.or_else(|| {
            let name = format!("{ENV_PREFIX}{}", path.replace('.', "_").to_uppercase());
            (self.env)(&name).map(|text| (Origin::Env(name), text))
        })?;
        let before = std::mem::replace(&mut self.origin, origin);
        let item = self.item(&key.kind, key.name, &typed(&key.kind, &text), 0..0, Some(path));
        self.origin = before;
        item
    }
}

/// Where a key that stands in the wrong table belongs, if another table of the document has it.
fn home_of(key: &str, root: &'static Table, here: &Table) -> Option<String> {
    if root.key(key).is_some() && root.name != here.name {
        return Some("it belongs at the top of the file, before the first table".to_owned());
    }
    root.all().find_map(|candidate| match candidate.kind {
        Kind::Table(table) if table.name != here.name && table.key(key).is_some() => {
            Some(format!("it belongs in {}", table.name))
        }
        _ => None,
    })
}

/// What to look for, in the words of someone who does not know TOML's grammar.
fn syntax_help(message: &str, (before, behind): (&str, &str)) -> Option<String> {
    let rest = behind.lines().next().unwrap_or_default().trim_start();
    let help = if before.trim_end_matches([' ', '\t']).ends_with('=') && (rest.is_empty() || rest.starts_with('#')) {
        "nothing stands behind the =: add the value, or put a # before the line"
    } else if message.contains("duplicate key") {
        "a key can stand only once in its table: remove one of the two"
    } else if message.contains("string") {
        "a text begins and ends with a quote, on one line"
    } else if message.contains("array") || message.contains("inline table") {
        "every bracket that is opened must be closed, with commas between the entries"
    } else {
        "a line is key = value, with texts in quotes"
    };
    Some(help.to_owned())
}

/// What a user typed for a key, as the document would have it: texts need no quotes, lists no brackets.
fn typed<'t>(kind: &Kind, text: &'t str) -> DeValue<'t> {
    match kind {
        Kind::Whole { .. } | Kind::Number { .. } | Kind::Switch | Kind::Share | Kind::Size => {
            DeValue::parse(text).map_or_else(|_| DeValue::String(text.into()), Spanned::into_inner)
        }
        Kind::List(..) | Kind::OneOrMore(_) => match DeValue::parse(text).map(Spanned::into_inner) {
            Ok(list @ DeValue::Array(_)) => list,
            _ => DeValue::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(|t| Spanned::new(0..0, DeValue::String(t.into())))
                    .collect(),
            ),
        },
        _ => DeValue::String(text.into()),
    }
}

/// `text` with stars in place of the characters of `secrets`; no byte moves and no character, so that places stay right.
fn blanked(text: &str, secrets: &[Range<usize>]) -> String {
    let hidden = |at: usize| secrets.iter().any(|span| span.contains(&at));
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if hidden(at) && !matches!(c, '"' | '\'' | '\n' | '\r') {
            out.push(match c.len_utf8() {
                1 => '*',
                2 => '·',
                3 => '•',
                _ => '🞄',
            });
        } else {
            out.push(c);
        }
    }
    out
}

/// Where a text that is no TOML probably holds secrets: from such a key's `=` to the end of its line.
fn likely_secrets(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let named =
            ["password", "token", "secret", "headers", "smtp", "url"].iter().filter_map(|key| line.find(key)).min();
        if let Some(equals) = named.and_then(|at| line[at..].find('=').map(|eq| at + eq)) {
            spans.push(start + equals + 1..start + line.len());
        }
        start += line.len();
    }
    spans
}
