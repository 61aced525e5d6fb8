//! The commands as a user's hands and scripts meet them: what is written where, and how each ends.
//!
//! stdout is data and nothing else, stderr is talk. 0 is yes, 1 no, 2 bad usage or a bad file, 3 could not run.

mod listen;
mod offline;
mod remote;
mod send;
mod serve;
mod tail;

use std::net::{SocketAddr, TcpListener};

/// An address where nobody listens: a listener that is gone again gave its port.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port")
}
