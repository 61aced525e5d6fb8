//! `serve`: how it starts, is refused, takes over a saved file, and ends.

use std::fs;
use std::process::Command;

use crate::support::program::{Program, path, run};
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::{Answer, Received, Sink};
use crate::support::steps::{ledger, manual, ok, one_event, webhook};

#[test]
fn it_says_where_it_listens_and_what_it_plays() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    assert_eq!(server.stdout(), format!("listening on http://{}", server.address()), "data, for scripts");
    let greeting = server.await_stderr("playing idwise");
    for wanted in ["sandbox", "0 webhooks", "manual", "seed 20261121"] {
        assert!(greeting.contains(wanted), "{wanted} in {greeting}");
    }
    assert_eq!(server.terminate().code(), Some(0), "SIGTERM is its usual end");
}

#[test]
fn a_second_server_on_the_same_store_is_refused_and_the_first_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = manual("");
    let server = Server::start(dir.path(), &config);
    let second = Program::start(Server::command(dir.path(), &config)).end().with_code(3);
    assert!(
        second.stderr.contains("used by another process") && second.stderr.contains("--data-dir"),
        "{}",
        second.stderr
    );
    assert_eq!(second.stdout, "");
    one_event(&server, "FIRST-1");
}

#[test]
fn a_port_that_is_taken_is_refused_with_a_way_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let words = ["--data-dir", "data", "serve", "--listen", &address.to_string()];
    let refused = run(dir.path(), &words).with_code(3);
    assert!(refused.stderr.contains(&address.to_string()) && refused.stderr.contains("--listen"), "{}", refused.stderr);
}

#[test]
fn q2_a_stop_ends_within_the_grace_although_a_receiver_hangs_and_keeps_what_is_owed() {
    let hanging = Sink::start(|_: &Received| Answer::Hang);
    let dir = tempfile::tempdir().expect("a directory");
    let config =
        manual(&format!("[server]\ngrace = \"100ms\"\n{}", webhook("hang", &hanging.url("/"), "timeout = \"120s\"")));
    let server = Server::start(dir.path(), &config);
    one_event(&server, "OWED-1");
    assert!(hanging.await_count(1, DEADLINE).is_ok(), "an attempt is under way");
    assert_eq!(server.terminate().code(), Some(0));

    let healthy = Sink::statuses(&[200]);
    let server = Server::start(dir.path(), &config.replace(&hanging.url("/"), &healthy.url("/")));
    assert!(healthy.await_count(1, DEADLINE).is_ok(), "what was under way is owed, and comes");
    assert_eq!(healthy.requests()[0].body, hanging.requests()[0].body, "A2: with the same bytes");
    ledger(&server);
}

#[test]
fn a_second_signal_aborts_the_drain() {
    let hanging = Sink::start(|_: &Received| Answer::Hang);
    let dir = tempfile::tempdir().expect("a directory");
    let config =
        manual(&format!("[server]\ngrace = \"1h\"\n{}", webhook("hang", &hanging.url("/"), "timeout = \"120s\"")));
    let server = Server::start(dir.path(), &config);
    one_event(&server, "ABORT-1");
    assert!(hanging.await_count(1, DEADLINE).is_ok(), "an attempt is under way");
    server.signal("TERM");
    server.await_stderr("stop again to abort");
    assert_eq!(server.terminate().code(), Some(143));
}

#[test]
fn a_changed_file_is_taken_over_whole_or_not_at_all() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("one", &sink.url("/one"), "")));
    let file = dir.path().join("webhooks.toml");
    let write = |text: &str| {
        fs::write(&file, text).expect("writable");
        server.signal("HUP");
    };
    write(&manual(&webhook("two", &sink.url("/two"), "tiemout = \"1s\"")));
    server.await_stderr("nothing was taken over");
    server.await_stderr("tiemout");
    one_event(&server, "RELOAD-1");
    write(&manual(&webhook("two", &sink.url("/two"), "")));
    server.await_stderr("the configuration was taken over");
    one_event(&server, "RELOAD-2");
    assert!(sink.await_count(2, DEADLINE).is_ok(), "{}", server.stderr());
    let paths: Vec<String> = sink.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/one", "/two"]);
    assert_eq!(ok(&server, "/api/v1/journeys")["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_scenario_can_be_played_on_a_running_server() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let story = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/plain.journey.toml");
    let config = format!("[clock]\nmode = \"scaled\"\nrate = 100000.0\n{}", webhook("sink", &sink.url("/"), ""));
    let flow = "[[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\" }, { id = \"2\", type = \"Selfie\" }]\nprocessing = \"5s\"\ndecision = \"Complete\"\n";
    let server = Server::start_with(dir.path(), &format!("{config}{flow}"), &["--journey", story]);
    server.await_stderr("the scenario is over");
    assert!(sink.await_count(4, DEADLINE).is_ok(), "{}", server.stderr());
    assert_eq!(ok(&server, "/api/v1/journeys/ref:PLAIN-1")["final_decision"], "Complete");
    let missing =
        run(dir.path(), &["--data-dir", "other", "serve", "--listen", "127.0.0.1:0", "--journey", "nothing.toml"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[test]
fn output_that_nobody_reads_any_more_is_no_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let binary = path().display().to_string();
    let mut shell = Command::new("sh");
    shell.current_dir(dir.path()).args(["-c", &format!("'{binary}' config schema 2>err | head -n 1")]);
    let piped = String::from_utf8(shell.output().expect("a shell").stdout).expect("UTF-8");
    assert_eq!(piped.lines().count(), 1);
    assert_eq!(fs::read_to_string(dir.path().join("err")).expect("written"), "", "no complaint and no panic");
}
