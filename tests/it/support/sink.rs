//! A scripted HTTP receiver: it records each request to the byte and answers as it was told.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use understudy::clock::Stopwatch;

use super::arrivals::Arrivals;
use super::http::{Headers, header, read_body, read_head};
use super::listener::Listener;

/// The pause of a sink that drips.
const BETWEEN_DRIPS: Duration = Duration::from_millis(40);

/// One request as it came off the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Its place among all requests of this sink, from 0, by the time its last byte was read.
    pub(crate) order: usize,
    /// Since the sink's start.
    pub(crate) at: Duration,
    /// `POST` and so on.
    pub(crate) method: String,
    /// The request target with its query.
    pub(crate) path: String,
    /// All of them, repeated names too.
    pub(crate) headers: Headers,
    /// The exact bytes of the body.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// What the sink does with a request, after recording it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with this status and an empty body, and keeps the connection.
    Status(u16),
    /// Answers with this status once so long is over, or nothing when the client goes away before: a slow receiver.
    After(Duration, u16),
    /// Answers with status, headers and body, and keeps the connection.
    Full(u16, BTreeMap<String, String>, Vec<u8>),
    /// Writes these bytes as they are, whatever they mean, and closes.
    Raw(Vec<u8>),
    /// Writes the first bytes at once and the others one by one, slowly, until they end or the client goes away.
    Drip(Vec<u8>, Vec<u8>),
    /// Writes the first bytes once, and the others again and again until the client goes away.
    Forever(Vec<u8>, Vec<u8>),
    /// Writes these bytes and breaks the connection with a reset.
    Reset(Vec<u8>),
    /// Closes without an answer.
    HangUp,
    /// Never answers: holds the connection until the client or the sink ends.
    Hang,
}

/// A receiver on a port of its own. Dropping it closes every connection.
pub(crate) struct Sink {
    listener: Listener,
    requests: Arc<Arrivals<Received>>,
}

impl Sink {
    /// Answers each request by `script`, which runs on the thread of the request's connection.
    pub(crate) fn start(script: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Sink {
        let requests = Arc::new(Arrivals::new());
        let recorded = Arc::clone(&requests);
        let running = Stopwatch::start();
        // A client that goes away mid-request is part of many tests; whoever waits for the request will tell.
        let serve = move |stream| drop(converse(stream, &running, &recorded, &script));
        Sink { listener: Listener::start(serve), requests }
    }

    /// Answers the n-th request with the n-th status, and those after the last with the last. Panics on no status.
    pub(crate) fn statuses(statuses: &[u16]) -> Sink {
        let last = *statuses.last().expect("a sink answers with at least one status");
        let statuses = statuses.to_vec();
        Sink::start(move |request| Answer::Status(statuses.get(request.order).copied().unwrap_or(last)))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The URL of `path` at this sink.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.all()
    }

    /// Waits for at least `count` requests; `Err` holds those that there were at the deadline.
    pub(crate) fn await_count(&self, count: usize, deadline: Duration) -> Result<Vec<Received>, Vec<Received>> {
        self.requests.await_count(count, deadline)
    }
}

fn converse(
    stream: TcpStream,
    running: &Stopwatch,
    requests: &Arrivals<Received>,
    script: &impl Fn(&Received) -> Answer,
) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some((first, headers)) = read_head(&mut reader)? {
        if header(&headers, "expect").is_some() {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = read_body(&mut reader, &headers)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let closing = header(&headers, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let at = running.elapsed();
        let request = requests.push(|order| Received { order, at, method, path, headers, body });
        match script(&request) {
            Answer::Status(status) => write_answer(&mut writer, status, &BTreeMap::new(), b"")?,
            Answer::After(span, status) => {
                if gone_within(&writer, span)? {
                    return Ok(());
                }
                write_answer(&mut writer, status, &BTreeMap::new(), b"")?;
            }
            Answer::Full(status, headers, body) => write_answer(&mut writer, status, &headers, &body)?,
            Answer::Raw(bytes) => return writer.write_all(&bytes).and_then(|()| close(&writer)),
            Answer::Drip(first, rest) => {
                writer.write_all(&first)?;
                for byte in rest {
                    if gone_within(&writer, BETWEEN_DRIPS)? {
                        return Ok(());
                    }
                    writer.write_all(&[byte])?;
                }
                return close(&writer);
            }
            Answer::Forever(first, again) => {
                writer.write_all(&first)?;
                loop {
                    writer.write_all(&again)?;
                }
            }
            Answer::Reset(bytes) => {
                // With nothing to linger for, the last descriptor's end is a reset.
                SockRef::from(&writer).set_linger(Some(Duration::ZERO))?;
                return writer.write_all(&bytes);
            }
            Answer::HangUp => return close(&writer),
            Answer::Hang => return reader.read_to_end(&mut Vec::new()).map(drop),
        }
        if closing {
            return close(&writer);
        }
    }
    Ok(())
}

/// Waits for the client to go away, for so long at most. A client that waits for its answer says nothing.
fn gone_within(stream: &TcpStream, span: Duration) -> io::Result<bool> {
    if span.is_zero() {
        return Ok(false);
    }
    stream.set_read_timeout(Some(span))?;
    let heard = stream.peek(&mut [0]);
    stream.set_read_timeout(None)?;
    match heard {
        Ok(bytes) => Ok(bytes == 0),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_answer(to: &mut TcpStream, status: u16, headers: &BTreeMap<String, String>, body: &[u8]) -> io::Result<()> {
    // The reason phrase may be empty, and no client may read it.
    let mut answer = format!("HTTP/1.1 {status} \r\n");
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    if !matches!(status, 100..=199 | 204 | 304) {
        answer.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    answer.push_str("\r\n");
    to.write_all(&[answer.as_bytes(), body].concat())
}

/// The listener keeps a descriptor while the connection is served, so dropping ours would not close it yet.
fn close(stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Both)
}
