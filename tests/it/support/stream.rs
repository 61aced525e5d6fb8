//! Server-sent events as a test reads them: one connection, one event at a time, each within the deadline.
//!
//! Reads nothing that the test does not ask for, so that a slow reader can be played as well.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::http::{Headers, header, read_head};
use super::server::{DEADLINE, Server};

/// An event as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// What it is about.
    pub(crate) kind: String,
    /// Its running number; none where it has none.
    pub(crate) id: Option<u64>,
    /// What it says.
    pub(crate) data: Value,
}

/// An open stream.
pub(crate) struct Stream {
    from: BufReader<TcpStream>,
    /// The answer's first line.
    pub(crate) status: u16,
    /// The answer's headers.
    pub(crate) headers: Headers,
    /// What is left of the chunk that is being read.
    chunk: usize,
}

impl Stream {
    /// Asks for `/api/v1/stream` with this query, `""` or `"?kind=..."`, and waits until it is open.
    pub(crate) fn open(server: &Server, query: &str) -> Stream {
        let mut stream = Stream::ask(server, query, "");
        assert_eq!(stream.status, 200);
        assert_eq!(stream.line().as_deref(), Some("retry: 1000"), "it is open");
        assert_eq!(stream.line().as_deref(), Some(""));
        stream
    }

    /// Asks for it with more headers, whatever comes of it.
    pub(crate) fn ask(server: &Server, query: &str, more: &str) -> Stream {
        let mut to = TcpStream::connect(server.address()).expect("the server takes connections");
        to.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero is taken");
        let host = server.address();
        write!(to, "GET /api/v1/stream{query} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n").expect("written");
        let mut from = BufReader::new(to);
        let (first, headers) = read_head(&mut from).expect("an answer").expect("a head");
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Stream { from, status, headers, chunk: 0 }
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The next event; `None` when the stream has ended as it should.
    pub(crate) fn next(&mut self) -> Option<Told> {
        let (mut kind, mut id, mut data) = (String::new(), None, None);
        loop {
            let line = self.line()?;
            match line.split_once(':').map(|(field, value)| (field, value.trim_start())) {
                Some(("event", value)) => kind = value.to_owned(),
                Some(("id", value)) => id = value.parse().ok(),
                Some(("data", value)) => data = Some(serde_json::from_str(value).expect("one line of JSON")),
                // A comment keeps the connection open and says nothing.
                Some(_) => {}
                None => {
                    if let Some(data) = data.take() {
                        return Some(Told { kind, id, data });
                    }
                }
            }
        }
    }

    /// The next event of a kind.
    #[track_caller]
    pub(crate) fn await_kind(&mut self, kind: &str) -> Value {
        loop {
            let told = self.next().unwrap_or_else(|| panic!("the stream ended before any {kind}"));
            if told.kind == kind {
                return told.data;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            if self.chunk == 0 && !self.next_chunk() {
                assert!(line.is_empty(), "it ended inside a line");
                return None;
            }
            let mut byte = [0];
            self.from.read_exact(&mut byte).expect("the rest of a chunk comes");
            self.chunk -= 1;
            if self.chunk == 0 {
                let mut end = [0; 2];
                self.from.read_exact(&mut end).expect("a chunk has an end");
            }
            match byte[0] {
                b'\n' => return Some(String::from_utf8(line).expect("UTF-8")),
                other => line.push(other),
            }
        }
    }

    fn next_chunk(&mut self) -> bool {
        let mut size = String::new();
        self.from.read_line(&mut size).expect("a chunk comes in time");
        self.chunk = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        self.chunk > 0
    }
}
