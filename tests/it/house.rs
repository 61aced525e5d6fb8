//! The house rules that no compiler checks: who may import whom, what stays pure, how long a file may grow.
//!
//! Each rule is a function from the sources to its complaints, so that the rules are fed bad samples as well: a check
//! that could not fail would be worth nothing. Reads the repository as text and never runs the product.

mod paths;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use self::paths::{crate_paths, module_of, words};
use self::source::{Source, collect, rust_files};

/// The rooms by rank: a room may import every lower rank and never a higher one. Of two rooms of one rank one may import
/// the other, but not each the other.
const ROOMS: &[(&str, u8)] = &[
    ("clock", 0),
    ("ids", 0),
    ("rng", 0),
    ("chance", 0),
    ("secret", 0),
    ("reader", 0),
    ("provider", 1),
    ("message", 1),
    ("outbox", 2),
    ("transport", 2),
    ("portal", 2),
    ("schedule", 2),
    ("scenario", 2),
    ("delivery", 3),
    ("config", 4),
    ("app", 5),
    ("http", 6),
    ("load", 6),
    ("grade", 6),
    ("report", 6),
    ("cli", 6),
    ("stage", 7),
    ("play", 8),
    ("embed", 8),
    ("commands", 9),
    ("main", 10),
];

/// Imports between rooms of one rank that would turn the drawing round.
const FORBIDDEN_NEIGHBOURS: &[(&str, &str)] = &[("provider", "message")];

/// Files and directories that decide and never do.
const PURE: &[&str] = &[
    "src/provider/",
    "src/message/",
    "src/delivery/engine.rs",
    "src/delivery/lane.rs",
    "src/scenario/draw.rs",
    "src/scenario/script.rs",
    "src/scenario/judge.rs",
    "src/schedule/timetable.rs",
    "src/transport/http1/body.rs",
    "src/transport/http1/head.rs",
];

/// What a pure file never names. Sockets are listed one by one, because an address is a value and may be named.
const IMPURE_WORDS: &[&str] = &[
    "async",
    "await",
    "tokio",
    "reqwest",
    "hyper",
    "lettre",
    "sled",
    "HashMap",
    "HashSet",
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
];

/// Parts of `std` that a pure file never names.
const IMPURE_PATHS: &[&str] = &["std::fs", "std::net", "std::env", "std::thread", "std::process"];

/// Pure rooms that judge addresses, and may therefore name the value types of `std::net`.
const READS_ADDRESSES: &str = "src/message/";

/// The adapters, and the only product files that may name each.
const ADAPTERS: &[(&str, &[&str])] = &[
    ("SledOutbox", &["src/app/run.rs", "src/outbox/"]),
    ("HttpTransport", &["src/app/run.rs", "src/transport/", "src/commands/send.rs"]),
];

/// Lines of product code that a file may hold.
const LIMIT: usize = 400;

/// Lines of product code that no entry of [`LONG`] may promise.
const HARD_LIMIT: usize = 500;

/// How far an entry may lie above its file before it must be lowered.
const SLACK: usize = 25;

/// Files longer than [`LIMIT`], each with its ceiling. Entries are lowered and removed, not raised and not added.
const LONG: &[(&str, usize)] = &[];

/// Files longer than [`HARD_LIMIT`] when the rule was written, each with its ceiling: to be split, never joined.
const OVERDUE: &[(&str, usize)] = &[];

#[test]
fn imports_point_left() {
    holds(imports_that_point_right(&product()));
}

#[test]
fn pure_rooms_are_pure() {
    holds(impure(&product()));
}

#[test]
fn files_stay_short() {
    holds(too_long(&product(), LONG, OVERDUE));
}

#[test]
fn no_file_is_orphaned() {
    let mut files = product();
    files.extend(rust_files(root(), &["tests/it"]));
    holds(orphans(&files));
}

#[test]
fn every_file_says_what_it_is() {
    holds(unintroduced(&rust_files(root(), &["src", "tests", "examples", "benches"])));
}

#[test]
fn only_the_composition_root_names_adapters() {
    holds(adapters_named_elsewhere(&product()));
}

#[test]
fn no_file_names_a_developers_machine() {
    let files = repository_files();
    assert!(files.iter().any(|path| path == "Cargo.toml"), "the list of the repository's files is not credible");
    // A file that was deleted and not yet committed is still listed; it has no text to judge.
    let read = |path: &String| std::fs::read(root().join(path)).ok();
    let texts = files.iter().filter_map(|path| Some((path, read(path)?)));
    holds(texts.flat_map(|(path, bytes)| machine_paths(path, &String::from_utf8_lossy(&bytes))).collect());
}

/// Each rule, fed samples that break it and samples that don't.
#[test]
fn every_rule_can_fail_and_can_hold() {
    type Rule = fn(&[Source]) -> Vec<String>;
    let lengths: Rule = |files| too_long(files, &[("src/long.rs", 450)], &[]);
    let machines: Rule = |files| files.iter().flat_map(|file| machine_paths(&file.path, &file.text)).collect();
    let machine = format!("a = \"{}here\"", machine_needles()[0]);
    let remote = format!("https://example.com{}here", machine_needles()[0]);
    let (long, longer) = ("x\n".repeat(440), "x\n".repeat(460));
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(100), "x\n".repeat(900));
    let rows: &[(Rule, &str, &str, usize)] = &[
        (imports_that_point_right, "src/clock.rs", "use crate::app::App;", 1),
        (imports_that_point_right, "src/outbox/mod.rs", "fn f() { crate::delivery::go() }", 1),
        (imports_that_point_right, "src/config/mod.rs", "use crate::{ids::A, http::{b, c}, cli};", 2),
        (imports_that_point_right, "src/provider/idwise/wire.rs", "use crate::message::Message;", 1),
        (imports_that_point_right, "src/provider/mod.rs", "use super::app::App;", 1),
        (imports_that_point_right, "src/clock.rs", "use understudy::app::App;", 1),
        (imports_that_point_right, "src/attic.rs", "", 1),
        (imports_that_point_right, "src/clock.rs", "use crate::attic::Old;", 1),
        (imports_that_point_right, "src/message/mod.rs", "use crate::provider::Event; // crate::app::App", 0),
        (imports_that_point_right, "src/delivery/shell.rs", "use crate::clock; use super::lane::Lane;", 0),
        (imports_that_point_right, "src/outbox/sled/write.rs", "use super::super::{Commit, record::Row};", 0),
        (imports_that_point_right, "src/commands/serve.rs", "use crate::app::{run, App};", 0),
        (imports_that_point_right, "src/lib.rs", "pub use crate::app::App;", 0),
        (impure, "src/provider/mod.rs", "async fn f() {}", 1),
        (impure, "src/message/retry.rs", "f().await", 1),
        (impure, "src/delivery/engine.rs", "use std::collections::{BTreeMap, HashMap};", 1),
        (impure, "src/delivery/lane.rs", "use std::{fs, time::Instant};", 2),
        (impure, "src/provider/mod.rs", "use std::net::IpAddr;", 1),
        (impure, "src/message/reach.rs", "use std::net::TcpStream;", 1),
        (impure, "src/message/reach.rs", "use std::net::{IpAddr, Ipv4Addr};", 0),
        (impure, "src/delivery/engine.rs", "// tokio\nlet awaited = \"HashMap\"; let instant = 1;", 0),
        (impure, "src/delivery/shell.rs", "async fn f() { tokio::x().await }", 0),
        (impure, "src/message/mod.rs", "#[cfg(test)]\nmod tests { use std::fs; }", 0),
        (lengths, "src/short.rs", &long, 2),
        (lengths, "src/long.rs", &longer, 1),
        (lengths, "src/long.rs", "x\n", 1),
        (lengths, "src/long.rs", &long, 0),
        (orphans, "src/lost.rs", "", 1),
        (orphans, "tests/it/lost.rs", "", 1),
        (orphans, "src/lib.rs", "mod found;", 0),
        (unintroduced, "src/x.rs", "use a;\n//! too late", 1),
        (unintroduced, "src/x.rs", "//!\n", 1),
        (unintroduced, "src/x.rs", "//! what it is\n", 0),
        (adapters_named_elsewhere, "src/http/api/mod.rs", "use crate::outbox::SledOutbox;", 1),
        (adapters_named_elsewhere, "src/commands/send.rs", "SledOutbox::open(); HttpTransport::new()", 1),
        (adapters_named_elsewhere, "src/app/run.rs", "SledOutbox::open(); HttpTransport::new()", 0),
        (machines, "README.md", &machine, 1),
        (machines, "README.md", &remote, 0),
    ];
    for (rule, path, text, complaints) in rows {
        let found = rule(&[Source::new(path, text)]);
        // The length rule also complains of a listed file that is gone.
        assert_eq!(found.len(), *complaints, "{path}: {:.60}\n{}", text, found.join("\n"));
    }
    assert_eq!(too_long(&[Source::new("src/x.rs", &tested)], &[], &[]), [""; 0], "tests do not count");
    let hard = too_long(&[Source::new("src/x.rs", &"x\n".repeat(505))], &[("src/x.rs", 510)], &[]);
    assert_eq!(hard.len(), 1, "{hard:?}");
    let mutual = [("src/http/mod.rs", "use crate::report::R;"), ("src/report/mod.rs", "use crate::http::H;")];
    let mutual = mutual.map(|(path, text)| Source::new(path, text));
    assert_eq!(imports_that_point_right(&mutual).len(), 1, "{:?}", imports_that_point_right(&mutual));
    let pair = [Source::new("src/a/mod.rs", "pub(crate) mod b;"), Source::new("src/a/b.rs", "")];
    assert_eq!(orphans(&pair).len(), 1, "only the parent is lost: {:?}", orphans(&pair));
}

fn imports_that_point_right(files: &[Source]) -> Vec<String> {
    let rank = |room: &str| ROOMS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank);
    let mut complaints = Vec::new();
    let mut between_neighbours = BTreeMap::new();
    for file in files.iter().filter(|file| file.path != "src/lib.rs") {
        let room = module_of(&file.path).into_iter().next().unwrap_or_else(|| "main".to_owned());
        let Some(own) = rank(&room) else {
            complaints.push(format!("{}: the room `{room}` has no rank in ROOMS", file.path));
            continue;
        };
        for (line, target) in crate_paths(file) {
            let place = format!("{}:{line}", file.path);
            match rank(&target) {
                // A lower-case name without a rank is a room that nobody ranked; others are re-exports of the library.
                None if target.starts_with(char::is_lowercase) => {
                    complaints.push(format!("{place}: `{target}` has no rank in ROOMS"));
                }
                Some(theirs) if theirs > own || FORBIDDEN_NEIGHBOURS.contains(&(room.as_str(), target.as_str())) => {
                    complaints.push(format!("{place}: `{room}` imports `{target}`, which stands to its right"));
                }
                Some(theirs) if theirs == own && target != room => {
                    between_neighbours.insert((room.clone(), target), place);
                }
                _ => {}
            }
        }
    }
    for ((room, target), place) in &between_neighbours {
        if room < target && between_neighbours.contains_key(&(target.clone(), room.clone())) {
            complaints.push(format!("{place}: `{room}` and `{target}` import each other"));
        }
    }
    complaints
}

fn impure(files: &[Source]) -> Vec<String> {
    let pure = |file: &&Source| !file.is_test_file() && PURE.iter().any(|pure| file.path.starts_with(pure));
    let mut complaints = Vec::new();
    for file in files.iter().filter(pure) {
        let code = file.product_code();
        for (line, word) in words(code).filter(|(_, word)| IMPURE_WORDS.contains(word)) {
            complaints.push(format!("{}:{line}: a pure file names `{word}`", file.path));
        }
        for (line, path) in paths::std_paths(code) {
            let address = path == "std::net" && file.path.starts_with(READS_ADDRESSES);
            if IMPURE_PATHS.contains(&path.as_str()) && !address {
                complaints.push(format!("{}:{line}: a pure file names `{path}`", file.path));
            }
        }
    }
    complaints
}

fn too_long(files: &[Source], long: &[(&str, usize)], overdue: &[(&str, usize)]) -> Vec<String> {
    let lines = |file: &Source| file.product_code().lines().count();
    let listed = |path: &str| long.iter().chain(overdue).find(|(name, _)| *name == path).map(|(_, most)| *most);
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_file()) {
        let (count, path) = (lines(file), &file.path);
        match listed(path) {
            None if count > LIMIT => complaints.push(format!("{path}: {count} lines, more than {LIMIT}: split it")),
            Some(most) if count > most => complaints.push(format!("{path}: grew to {count} lines, from {most}")),
            Some(_) if count <= LIMIT => complaints.push(format!("{path}: {count} lines: strike it from the list")),
            Some(most) if count + SLACK < most => complaints.push(format!("{path}: lower its entry to {count}")),
            _ => {}
        }
    }
    for (path, most) in long.iter().filter(|(_, most)| *most > HARD_LIMIT) {
        complaints.push(format!("{path}: an entry of {most} lines is above {HARD_LIMIT}"));
    }
    for (path, _) in long.iter().chain(overdue).filter(|(path, _)| !files.iter().any(|file| file.path == *path)) {
        complaints.push(format!("{path}: listed as long, but there is no such file"));
    }
    complaints
}

fn orphans(files: &[Source]) -> Vec<String> {
    // Libraries of their own, which tests build.
    let shims = ["tests/it/crash/shim/faults.rs", "tests/it/crash/shim/forgetful.rs"];
    let roots = [&["src/lib.rs", "src/main.rs", "tests/it/main.rs"][..], &shims].concat();
    let directory = |path: &str| Path::new(path).parent().map(Path::to_owned);
    let declared = |file: &Source| {
        let (parents, name) = paths::declared_in(&file.path);
        let beside = |shim: &str| shims.contains(&shim) && directory(shim) == directory(&file.path);
        let mut parents = files.iter().filter(|parent| parents.contains(&parent.path) || beside(&parent.path));
        parents.any(|parent| paths::declares(&parent.code, &name))
    };
    let lost = files.iter().filter(|file| !roots.contains(&file.path.as_str()) && !declared(file));
    lost.map(|file| format!("{}: no `mod` declares it, so nothing compiles it", file.path)).collect()
}

fn unintroduced(files: &[Source]) -> Vec<String> {
    let says = |file: &Source| file.text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some();
    let silent = files.iter().filter(|file| !says(file));
    silent.map(|file| format!("{}: the first line is no `//!` that says what the file is", file.path)).collect()
}

fn adapters_named_elsewhere(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_file()) {
        for (line, word) in words(file.product_code()) {
            let homes = ADAPTERS.iter().find(|(name, _)| *name == word).map(|(_, homes)| homes);
            if homes.is_some_and(|homes| !homes.iter().any(|home| file.path.starts_with(home))) {
                complaints.push(format!("{}:{line}: names `{word}`; ask for the trait instead", file.path));
            }
        }
    }
    complaints
}

/// Directories that exist on one machine only. Put together here, so that this file does not contain what it forbids.
fn machine_needles() -> [String; 3] {
    ["work", "farm", "root"].map(|name| format!("/{name}/"))
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for needle in machine_needles() {
            // Behind a letter, a dot or a brace it is the middle of a longer path or of an URL.
            let absolute = |at: usize| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '*' | '}' | ')'))
            };
            if line.match_indices(&needle).any(|(at, _)| absolute(at)) {
                complaints.push(format!("{path}:{}: an absolute path below {needle}", number + 1));
            }
        }
    }
    complaints
}

/// What git tracks or would track; without git, what lies in the directory.
fn repository_files() -> Vec<String> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(listing).current_dir(root()).output();
    if let Some(listed) = listed.ok().filter(|listed| listed.status.success() && !listed.stdout.is_empty()) {
        let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
        return names.split_terminator('\0').map(str::to_owned).collect();
    }
    let mut files = Vec::new();
    collect(root(), "", &mut files);
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn product() -> Vec<Source> {
    let files = rust_files(root(), &["src"]);
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "the list of sources is not credible");
    files
}

fn holds(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
