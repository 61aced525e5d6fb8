//! Rust sources as the house checks read them: the text, and the same text without comments and literals.
//!
//! Called by the checks of `house.rs`. Never parses Rust: it only knows enough of its lexer not to take a word in
//! a comment or a string for code.

use std::fs;
use std::path::Path;

/// One file of the repository.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Path from the repository's root, with `/` between its parts.
    pub(super) path: String,
    /// The text as it stands on the disk.
    pub(super) text: String,
    /// [`Source::text`] with comments and the insides of literals blanked; line numbers are the same.
    pub(super) code: String,
}

impl Source {
    /// A file made up on the spot, or read by [`rust_files`].
    pub(super) fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), code: without_comments_and_literals(text) }
    }

    /// The code before the first `#[cfg(test)]` that opens a module's body; all of it where there is none.
    pub(super) fn product_code(&self) -> &str {
        &self.code[..self.tests_start()]
    }

    /// Whether the file is compiled for tests only, by this project's naming: `x/tests.rs` and `x/tests/*.rs`.
    pub(super) fn is_test_file(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }

    fn tests_start(&self) -> usize {
        const MARK: &str = "#[cfg(test)]";
        let mut from = 0;
        while let Some(found) = self.code[from..].find(MARK).map(|at| at + from) {
            let after = self.code[found + MARK.len()..].trim_start();
            let item = after.split_inclusive(['{', ';']).next().unwrap_or("");
            if item.starts_with("mod ") && item.ends_with('{') {
                return found;
            }
            from = found + MARK.len();
        }
        self.code.len()
    }
}

/// Every `.rs` file below the given directories of `root`, sorted by path; a directory that does not exist is empty.
pub(super) fn rust_files(root: &Path, directories: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for directory in directories {
        collect(root, directory, &mut paths);
    }
    paths.retain(|path| path.ends_with(".rs"));
    paths.sort();
    let read = |path: &String| fs::read_to_string(root.join(path)).expect("sources are readable UTF-8");
    paths.iter().map(|path| Source::new(path, &read(path))).collect()
}

/// Every file below `directory` of `root`, as paths from `root`; build and version control directories are left out.
pub(super) fn collect(root: &Path, directory: &str, into: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(directory)) else { return };
    for entry in entries.map(|entry| entry.expect("a directory that opens can be listed")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        let kind = entry.file_type().expect("a listed file has a type");
        if kind.is_dir() && !matches!(name.as_str(), "target" | ".git" | ".understudy") {
            collect(root, &path, into);
        } else if kind.is_file() {
            into.push(path);
        }
    }
}

/// `text` with every comment and every inside of a string or char literal replaced by spaces; newlines stay.
pub(super) fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        match skipped {
            Some(length) => {
                code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[length..];
            }
            None => {
                code.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    code
}

/// The length of the comment that `rest` opens with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(at)
}

/// The length of the string literal, plain or raw, that `rest` opens with.
fn string(rest: &str) -> Option<usize> {
    // An `r` that ends a longer word can't be taken for a raw string's: no word may touch a quote in this edition.
    if let Some(raw) = rest.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let closing = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            let end = body.find(&closing).map_or(body.len(), |at| at + closing.len());
            return Some(1 + hashes + 1 + end);
        }
    }
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of the char literal that `rest` opens with; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        return body[2..].find('\'').map(|at| at + 4);
    }
    body[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8() + 2)
}

#[test]
fn comments_and_literals_are_blanked_and_nothing_else_is() {
    for (text, code) in [
        ("a // tokio\nb", "a         \nb"),
        ("a /* x /* y */ z */ b", "a                   b"),
        ("f(\"// no\", x)", "f(       , x)"),
        ("f(\"\\\"\", x)", "f(    , x)"),
        ("r#\"a\"b\"# + c", "         + c"),
        ("b\"x\" + r", "b    + r"),
        ("br\"\\\" + for", "b     + for"),
        ("'\"' + '\\'' + '\\u{41}'", "    +      +         "),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
    ] {
        assert_eq!(without_comments_and_literals(text), code, "{text}");
    }
}

#[test]
fn product_code_ends_where_the_test_module_begins() {
    for (text, product) in [
        ("a\n#[cfg(test)]\nmod tests { b }\n", "a\n"),
        ("#[cfg(test)]\nmod tests;\nuse a;\n", "#[cfg(test)]\nmod tests;\nuse a;\n"),
        ("#[cfg(test)]\nfn f() {}\nb\n", "#[cfg(test)]\nfn f() {}\nb\n"),
    ] {
        assert_eq!(Source::new("src/x.rs", text).product_code(), product, "{text}");
    }
}
