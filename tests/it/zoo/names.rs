//! Names that do not resolve, never answer, or change their mind between two attempts.
//!
//! ```text
//!   test ── unshare ──> this binary again, in a network of its own ──┬── a name server on port 53
//!                                                                    └── the server under test, and its receivers
//! ```
//!
//! Only there may a test say what names mean. Where the machine allows no such namespace the test stands down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;

use super::served::{check_deadline, config, sparse};
use super::traffic::Healthy;
use super::vitals::at_rest;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::starved::Starved;
use crate::support::steps::{all_items, ok};
use crate::support::tools::stand_down;

/// Says to this binary that it runs in a namespace of its own.
const INSIDE: &str = "ZOO_OF_NAMES";

/// What the script below ends with where it may not do what it has to.
const NOT_PERMITTED: i32 = 77;

/// Makes the loopback device work and this directory's files those that say how names are resolved; then runs its arguments.
const PREPARE: &str = r#"
ip link set lo up && mount --bind "$0/resolv.conf" /etc/resolv.conf || exit 77
[ ! -e /etc/nsswitch.conf ] || mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf || exit 77
exec "$@"
"#;

/// So many names never answer, each with more attempts at once than lookups may run in all.
const SILENT: usize = 6;

#[test]
fn a10_names_that_fail_or_lie_cost_their_own_webhook_only() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in [("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: files dns\n")] {
        std::fs::write(dir.path().join(name), text).expect("the test's directory is writable");
    }
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("command -v unshare ip >/dev/null && exec unshare -rmn \"$@\" || exit {NOT_PERMITTED}"),
        "sh",
    ]);
    command.args(["sh", "-c", PREPARE]).arg(dir.path()).arg(std::env::current_exe().expect("a test is a file"));
    command.args(["--exact", "--ignored", "--nocapture", "zoo::names::inside"]).env(INSIDE, "1");
    let ended = Program::start(command).end();
    // unshare itself says 1 where the kernel refuses; a test that fails says 101.
    if ended.code == NOT_PERMITTED || ended.code == 1 {
        stand_down(&format!("a network namespace of its own ({})", ended.stderr.trim()));
        return;
    }
    let ended = ended.with_code(0);
    assert!(ended.stdout.contains("1 passed"), "it was really run: {ended:?}");
}

/// What the name server says of a name.
#[derive(Clone, Copy)]
enum Says {
    Addresses(&'static [Ipv4Addr]),
    /// These the first time, and those from then on.
    Rebinds(Ipv4Addr, Ipv4Addr),
    Code(u8),
    Garbage,
    Nothing,
}

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Each name before `.zoo`, what is said of it, and the state and the errors of the tries at it.
const NAMES: &[(&str, Says, &str, &[Option<&str>])] = &[
    ("healthy", Says::Addresses(&[HOME]), "delivered", &[None]),
    ("mixed", Says::Addresses(&[METADATA, HOME]), "delivered", &[None]),
    ("metadata", Says::Addresses(&[METADATA]), "exhausted", &[Some("blocked"); 2]),
    ("rebinding", Says::Rebinds(HOME, METADATA), "exhausted", &[Some("status"), Some("blocked")]),
    ("empty", Says::Addresses(&[]), "exhausted", &[Some("dns"); 2]),
    ("missing", Says::Code(3), "exhausted", &[Some("dns"); 2]),
    ("failing", Says::Code(2), "exhausted", &[Some("dns"); 2]),
    ("garbage", Says::Garbage, "exhausted", &[Some("dns"); 2]),
    ("silent", Says::Nothing, "exhausted", &[Some("timeout"); 2]),
];

#[test]
#[ignore = "runs in a namespace of its own, which the test beside it makes"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:53").expect("the namespace is ours");
    thread::spawn(move || answer_names(&socket));

    // Each connection is used once, so that each attempt has to resolve its name.
    let once =
        |status: u16| Answer::Full(status, BTreeMap::from([("Connection".to_owned(), "close".to_owned())]), Vec::new());
    let sink = Sink::start(move |request: &Received| once(if request.path == "/rebinding" { 500 } else { 200 }));
    let healthy = Healthy::start_closing();
    let at = |name: &str, path: &str| format!("http://{name}.zoo:{}/{path}", sink.address().port());
    let mut hooks: String = NAMES.iter().map(|(name, ..)| sparse(name, &at(name, name), "")).collect();
    for n in 0..SILENT {
        hooks.push_str(&sparse(&format!("quiet-{n}"), &at(&format!("silent-{n}"), ""), ""));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("http://healthy.zoo:{}/", healthy.port());
    let server = Server::start(dir.path(), &config(&url, &hooks));
    let starved = Starved::watch(server.pid());
    // The first one alone: only then is it certain which lookup is the first of a name.
    healthy.lateness(&server, "sandbox", 1);
    at_rest(&server);
    for (name, _, state, errors) in NAMES {
        let listed = all_items(&server, &format!("/api/v1/deliveries?webhook={name}"));
        let id = listed[0]["id"].as_str().expect("a delivery has an id");
        let shown = ok(&server, &format!("/api/v1/deliveries/{id}"));
        let tries = shown["tries"].as_array().expect("a list of tries");
        let told: Vec<Option<&str>> = tries.iter().map(|one| one["error"].as_str()).collect();
        assert_eq!((&shown["state"], told.as_slice()), (&(*state).into(), *errors), "{name}: {shown}");
        // The deadline holds for the lookup, too.
        tries.iter().for_each(|one| _ = check_deadline(name, one, &starved));
    }
    let asked: BTreeSet<String> = sink.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/healthy", "/mixed", "/rebinding"].map(str::to_owned).into(), "nobody else was reached");

    let before = healthy.lateness(&server, "live", 15);
    let beside = healthy.lateness(&server, "sandbox", 20);
    at_rest(&server);
    let after = healthy.lateness(&server, "live", 15);
    beside.check_against([&before, &after]);
}

/// Answers each question by [`NAMES`] until the process ends; who is not in it says nothing.
fn answer_names(socket: &UdpSocket) {
    let mut seen = BTreeMap::<String, u32>::new();
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        let Some((name, question)) = question(&packet[..length]) else { continue };
        let a_record = question[question.len() - 4..] == [0, 1, 0, 1];
        let says = NAMES.iter().find(|(known, ..)| name == format!("{known}.zoo")).map_or(Says::Nothing, |row| row.1);
        let (code, addresses) = match says {
            Says::Nothing => continue,
            Says::Garbage => {
                // The sender of a question that cannot be answered has gone away, or asks again.
                let _ = socket.send_to(&[0xff; 7], from);
                continue;
            }
            Says::Code(code) => (code, Vec::new()),
            Says::Addresses(addresses) => (0, addresses.to_vec()),
            Says::Rebinds(first, then) => {
                let count = seen.entry(name).or_default();
                *count += u32::from(a_record);
                (0, vec![if *count <= 1 { first } else { then }])
            }
        };
        // Only A records are known; for any other the name is there and has none.
        let addresses = if a_record { addresses } else { Vec::new() };
        let count = u8::try_from(addresses.len()).expect("few addresses");
        let mut answer = vec![packet[0], packet[1], 0x84, code, 0, 1, 0, count, 0, 0, 0, 0];
        answer.extend_from_slice(question);
        for address in addresses {
            // The name is that of the question; type A, class IN, not to be kept, four bytes.
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            answer.extend_from_slice(&address.octets());
        }
        let _ = socket.send_to(&answer, from);
    }
}

/// The name that a packet asks for, and its question as it stands there, with type and class.
fn question(packet: &[u8]) -> Option<(String, &[u8])> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), packet.get(12..at + 4)?));
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
}
