//! Whole journeys over the control API, as fast as answers come: the producers of G1 and G2.
//!
//! ```text
//! play 127.0.0.1:4740 256 5      so many producers, for so many seconds
//! ```
//!
//! Each producer has a connection, and sends one stimulus after the answer to the one before: a journey is started, and its
//! two steps are submitted. Heads are written and read by hand, on one thread: it shares two processors with the server that
//! is measured, and whatever it takes is missing there. Prints how many stimuli were taken; the first that is not ends it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use understudy::clock::real_sleep;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let read = match words.as_slice() {
        [address, producers, seconds] => (|| Some((address, producers.parse().ok()?, seconds.parse().ok()?)))(),
        _ => None,
    };
    let Some((address, producers, seconds)) = read else {
        let _ = writeln!(io::stderr(), "play ADDRESS:PORT PRODUCERS SECONDS");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let span = Duration::from_secs(seconds);
    match runtime.and_then(|runtime| runtime.block_on(play(address, producers, span))) {
        Ok(taken) => {
            let _ = writeln!(io::stdout(), "{{\"requests\":{taken}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "play: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All producers, for so long: how many stimuli were taken.
async fn play(address: &str, producers: usize, span: Duration) -> io::Result<u64> {
    let over = Arc::new(AtomicBool::new(false));
    let mut playing = JoinSet::new();
    for number in 0..producers {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (head, answer) = (Vec::new(), Vec::with_capacity(8 << 10));
        playing.spawn(Producer { stream, head, answer, over: over.clone() }.play(number));
    }
    let mut taken = 0;
    let bell = real_sleep(span);
    tokio::pin!(bell);
    loop {
        let ended = tokio::select! {
            () = &mut bell, if !over.load(Ordering::Relaxed) => {
                over.store(true, Ordering::Relaxed);
                continue;
            }
            ended = playing.join_next() => ended,
        };
        let Some(ended) = ended else { return Ok(taken) };
        taken += ended.map_err(io::Error::other)??;
    }
}

struct Producer {
    stream: TcpStream,
    head: Vec<u8>,
    /// All that was read of the last answer.
    answer: Vec<u8>,
    /// No more are to be sent.
    over: Arc<AtomicBool>,
}

impl Producer {
    async fn play(mut self, number: usize) -> io::Result<u64> {
        let mut taken = 0;
        for journey in 1_u64.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let start = format!(r#"{{"flow":"onboarding","reference_no":"r-{number}-{journey}"}}"#);
            let stimuli =
                format!("/api/v1/journeys/{}/stimuli", id(self.post("/api/v1/journeys", &start, 201).await?)?);
            taken += 1;
            for step in ["1", "2"] {
                if self.over.load(Ordering::Relaxed) {
                    return Ok(taken);
                }
                let submit = format!(r#"{{"do":"submit_step","step":"{step}"}}"#);
                self.post(&stimuli, &submit, 200).await?;
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// The body of the answer, which must have this status.
    async fn post(&mut self, path: &str, body: &str, status: u16) -> io::Result<&[u8]> {
        self.head.clear();
        write!(
            self.head,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len(),
        )?;
        self.stream.write_all(&self.head).await?;
        self.answer.clear();
        let body = loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(body) = whole(&self.answer)? {
                break body;
            }
        };
        if !self.answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) {
            return Err(io::Error::other(format!("{path}: {}", String::from_utf8_lossy(&self.answer))));
        }
        Ok(&self.answer[body..])
    }
}

/// Where the body of `answer` begins, once all of it is there.
fn whole(answer: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let lines = String::from_utf8_lossy(&answer[..head]);
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = length.ok_or_else(|| io::Error::other(format!("an answer without a length: {lines}")))?;
    Ok((answer.len() >= head + 4 + length).then_some(head + 4))
}

/// The id of the journey that `body` shows.
fn id(body: &[u8]) -> io::Result<&str> {
    let text = std::str::from_utf8(body).map_err(io::Error::other)?;
    let id = text.split_once(r#""id":""#).and_then(|(_, rest)| rest.get(..24));
    id.ok_or_else(|| io::Error::other(format!("no journey in {text}")))
}
