//! What a source file names, read from its text: modules of the crate, parts of `std`, words.
//!
//! Called by the checks of `house.rs`, on code whose comments and literals are blanked. Macros are not expanded, so a
//! path that a macro puts together is not seen.

use super::source::Source;

/// The module that a file of `src` is: `src/a/b.rs` is `["a", "b"]`, `src/a/mod.rs` is `["a"]`, the roots are empty.
pub(super) fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.trim_end_matches("/mod");
    if inner == "lib" || inner == "main" { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
}

/// The files that may declare the module in `path`, and the module's name.
pub(super) fn declared_in(path: &str) -> (Vec<String>, String) {
    let inner = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let (parent, name) = inner.rsplit_once('/').unwrap_or(("", inner));
    let parents = ["/mod.rs", "/lib.rs", "/main.rs", ".rs"].map(|end| format!("{parent}{end}"));
    (parents.to_vec(), name.to_owned())
}

/// Whether `code` holds `mod name;`.
pub(super) fn declares(code: &str, name: &str) -> bool {
    code.match_indices("mod ").any(|(at, key)| {
        let rest = code[at + key.len()..].trim_start();
        rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(';'))
    })
}

/// The words (identifiers and keywords) of `code`, each with its line.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(number, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.filter(|word| !word.is_empty()).map(move |word| (number + 1, word))
    })
}

/// The first segments that `file` names below the crate's root, each with its line.
///
/// Read are `crate::`, `understudy::`, and chains of `super::` that are long enough to reach the root.
pub(super) fn crate_paths(file: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for prefix in ["crate::", "understudy::"] {
        found.extend(segments_after(&file.code, prefix));
    }
    let depth = module_of(&file.path).len();
    if depth > 0 {
        let climb = "super::".repeat(depth);
        // Inside a test module the same chain ends one floor lower, so only what reaches down again is read.
        let reached = segments_after(file.product_code(), &climb);
        found.extend(reached.into_iter().filter(|(_, name)| name != "super"));
    }
    found.retain(|(_, name)| !matches!(name.as_str(), "self" | "super"));
    found
}

/// The parts of `std` that `code` names, as `std::part`, each with its line.
pub(super) fn std_paths(code: &str) -> Vec<(usize, String)> {
    let found = segments_after(code, "std::").into_iter();
    found.map(|(line, name)| (line, format!("std::{name}"))).collect()
}

/// The segment, or the first segments of each member of the group, behind every `prefix` that starts a path.
fn segments_after(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = code[at + prefix.len()..].trim_start();
        found.extend(first_segments(rest).into_iter().map(|name| (line, name)));
    }
    found
}

/// The first identifier of `rest`, or those of the members where `rest` opens a group.
fn first_segments(rest: &str) -> Vec<String> {
    let identifier =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest)] };
    let (mut depth, mut starts) = (0_usize, vec![0]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().map(|start| identifier(&group[start..])).filter(|name| !name.is_empty()).collect()
}

#[test]
fn groups_are_read_member_by_member() {
    for (code, names) in [
        ("use crate::a::b;", vec!["a"]),
        ("use crate::{a::{b, c}, d,\n e::f as g,};", vec!["a", "d", "e"]),
        ("x(crate::a::F, crate::B)", vec!["a", "B"]),
        ("use subcrate::a; pub(crate) fn f() {}", vec![]),
    ] {
        let read: Vec<String> = segments_after(code, "crate::").into_iter().map(|(_, name)| name).collect();
        assert_eq!(read, names, "{code}");
    }
}

#[test]
fn files_and_modules_belong_together() {
    for (path, module, parent, name) in [
        ("src/a.rs", "a", "src/lib.rs", "a"),
        ("src/a/mod.rs", "a", "src/lib.rs", "a"),
        ("src/a/b.rs", "a::b", "src/a/mod.rs", "b"),
        ("src/a/b/c.rs", "a::b::c", "src/a/b.rs", "c"),
    ] {
        assert_eq!(module_of(path).join("::"), module, "{path}");
        let (parents, declared) = declared_in(path);
        assert!(parents.iter().any(|one| one == parent), "{path}: {parents:?}");
        assert_eq!(declared, name, "{path}");
    }
}
