//! A receiver that plays a script of raw bytes, one script per connection, and keeps what it was sent. Tests only.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::clock::real_sleep;

/// One thing that the peer does on a connection.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads one request to the end of its body.
    Read,
    /// Writes these bytes at once.
    Write(Vec<u8>),
    /// Writes these bytes one by one, slowly.
    Drip(Vec<u8>),
    /// Writes these bytes again and again.
    Forever(Vec<u8>),
    /// Does nothing and keeps the connection.
    Hang,
    /// Breaks the connection with a reset.
    Reset,
}

/// Writes text.
pub(super) fn write(text: &str) -> Act {
    Act::Write(text.as_bytes().to_vec())
}

/// A peer on a port of its own; it is gone when dropped.
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Connection `i` gets script `i`, and the last script again where there is none left.
    pub(super) async fn start(scripts: Vec<Vec<Act>>) -> Peer {
        Peer::launch(scripts, None).await
    }

    /// The same behind TLS.
    pub(super) async fn start_tls(scripts: Vec<Vec<Act>>, tls: TlsAcceptor) -> Peer {
        Peer::launch(scripts, Some(tls)).await
    }

    async fn launch(scripts: Vec<Vec<Act>>, tls: Option<TlsAcceptor>) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, scripts, tls, Arc::clone(&seen)));
        Peer { addr, seen, _tasks: tasks }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What came on each connection, in the order in which they were accepted.
    pub(super) fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

async fn serve(
    listener: TcpListener,
    scripts: Vec<Vec<Act>>,
    tls: Option<TlsAcceptor>,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        let script = scripts.get(number).or(scripts.last()).cloned().unwrap_or_default();
        seen.lock().expect("not poisoned").push(Vec::new());
        let record = Record { seen: Arc::clone(&seen), number };
        number += 1;
        let tls = tls.clone();
        connections.spawn(async move {
            if script.iter().any(|act| matches!(act, Act::Reset)) {
                stream.set_zero_linger().expect("a socket");
            }
            match tls {
                None => play(stream, script, record).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => play(stream, script, record).await,
                    Err(_) => None,
                },
            };
        });
    }
}

struct Record {
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    number: usize,
}

impl Record {
    fn push(&self, bytes: &[u8]) {
        self.seen.lock().expect("not poisoned")[self.number].extend_from_slice(bytes);
    }
}

/// Ends early where the other side has gone.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Vec<Act>, record: Record) -> Option<()> {
    for act in script {
        match act {
            Act::Read => read_request(&mut stream, &record).await?,
            Act::Write(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.flush().await.ok()?;
            }
            Act::Drip(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await.ok()?;
                    real_sleep(Duration::from_millis(25)).await;
                }
            }
            Act::Forever(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
            Act::Hang => std::future::pending().await,
            Act::Reset => return Some(()),
        }
    }
    stream.shutdown().await.ok()
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, record: &Record) -> Option<()> {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        record.push(&chunk[..count]);
        request.extend_from_slice(&chunk[..count]);
        if is_whole(&request) {
            return Some(());
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length
}
