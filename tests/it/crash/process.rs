//! What else happens to a process: told to stop twice, beside another one on the same store, short of descriptors.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::audit::{Terms, audit_living};
use super::refusal;
use super::sum::Sum;
use super::workload::Load;
use super::world::World;
use crate::support::program::with_descriptors;
use crate::support::server::{DEADLINE, Server};

/// How long the load may take to get going.
const GOING_WITHIN: Duration = Duration::from_secs(60);

/// Half of a head: whoever sent it holds a descriptor.
const HALF: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n";

fn go_on(world: &World, server: &Server, more: usize) {
    let arrivals = world.sink.requests().len() + more;
    assert!(world.sink.await_count(arrivals, GOING_WITHIN).is_ok(), "the load goes on\n{}", server.stderr());
}

#[test]
fn q2_a_second_sigterm_aborts_and_loses_nothing() {
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let mut sum = Sum::of("aborted drains");
    let mut server = Server::start(dir.path(), &world.config("server = { grace = \"60s\" }"));
    let load = Load::on(server.address(), &world.memory);
    go_on(&world, &server, 40);
    world.hanging.store(true, Ordering::SeqCst);
    go_on(&world, &server, 4);
    server.signal("TERM");
    server.await_stderr("stopping");
    server.signal("TERM");
    let ended = server.ended_within(DEADLINE).expect("a second SIGTERM ends it");
    load.stop();
    assert_eq!(ended.code, 143, "{}", ended.stderr);
    world.hanging.store(false, Ordering::SeqCst);
    sum.round();
    let server = Server::start(dir.path(), &world.config(""));
    sum.add("aborted", audit_living(&server, &world, Terms::after(1)));
    sum.say();
}

#[test]
fn d9_a_second_server_on_a_store_is_refused_and_the_first_goes_on() {
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let mut sum = Sum::of("second servers");
    let server = Server::start(dir.path(), &world.config(""));
    let load = Load::on(server.address(), &world.memory);
    for _ in 0..2 {
        go_on(&world, &server, 30);
        let second = Server::launch(Server::command(dir.path(), &world.config("")));
        let ended = second.err().expect("a store has one server");
        assert!(ended.stderr.contains("used by another process"), "{}", ended.stderr);
        sum.round();
        sum.refused("second", refusal::judge(&ended, &dir.path().join("data").display().to_string()));
    }
    go_on(&world, &server, 30);
    load.stop();
    sum.add("first", audit_living(&server, &world, Terms::after(0)));
    assert_eq!(server.terminate().code(), Some(0));
    sum.say();
}

#[test]
fn q1_a_server_short_of_descriptors_loses_nothing() {
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let mut sum = Sum::of("lives with 128 descriptors");
    let command = with_descriptors(128, &Server::command(dir.path(), &world.config("")));
    let mut server = Server::launch(command).expect("128 are enough to come up");
    let mut held = Vec::new();
    for _ in 0..3 {
        let load = Load::on(server.address(), &world.memory);
        for _ in 0..80 {
            let mut stream = TcpStream::connect(server.address()).expect("the queue takes it");
            // One that was let go already has made room, which is the point.
            let _sent = stream.write_all(HALF);
            held.push(stream);
        }
        go_on(&world, &server, 60);
        load.stop();
    }
    assert!(server.ended_within(Duration::ZERO).is_none(), "{}", server.stderr());
    server.kill();
    drop(held);
    sum.round();
    let server = Server::start(dir.path(), &world.config(""));
    sum.add("killed", audit_living(&server, &world, Terms::after(1)));
    sum.say();
}
