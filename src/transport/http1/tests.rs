//! What we read of an answer beside what hyper reads of the same bytes. Tests only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::Goes;
use super::head::{self, Begins};

/// What a peer says once it was asked, in pieces, before it closes.
struct Says {
    asked: bool,
    bytes: Vec<u8>,
    done: usize,
    piece: usize,
}

impl AsyncRead for Says {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let count = (self.bytes.len() - self.done).min(self.piece).min(buf.remaining());
        buf.put_slice(&self.bytes[self.done..][..count]);
        self.done += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Says {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A status and its headers, the body as far as it came, and whether that was all of it.
type Read = Option<(u16, Vec<(String, Vec<u8>)>, Vec<u8>, bool)>;

fn ours(bytes: &[u8], piece: usize) -> Read {
    let (mut taken, mut came) = (0, 0);
    let (mut read, mut framing) = (None, None);
    loop {
        let Some(body) = &mut framing else {
            let began = head::read(&bytes[taken..came], |status, headers| {
                let headers = headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()));
                read = Some((status, headers.collect(), Vec::new(), false));
            });
            match began.ok()? {
                Begins::Interim(length) => taken += length,
                Begins::Final(length, head) => (taken, framing) = (taken + length, Some(head.framing)),
                Begins::Piece if came == bytes.len() => return None,
                Begins::Piece => came = bytes.len().min(came + piece),
            }
            continue;
        };
        let (_, _, data, whole) = read.as_mut()?;
        let went = body.read(&bytes[taken..came], |some| {
            data.extend_from_slice(some);
            true
        });
        match went {
            Ok((count, Goes::On)) if came < bytes.len() => {
                (taken, came) = (taken + count, bytes.len().min(came + piece))
            }
            went => {
                *whole = went.is_ok_and(|(_, goes)| goes == Goes::Ended) || body.may_end();
                return read;
            }
        }
    }
}

async fn hypers(bytes: &[u8], piece: usize) -> Read {
    let says = Says { asked: false, bytes: bytes.to_vec(), done: 0, piece };
    let (mut sender, mut connection) = http1::handshake(TokioIo::new(says)).await.ok()?;
    let exchange = async {
        let response = sender.send_request(Request::post("/").body(Empty::<Bytes>::new()).ok()?).await.ok()?;
        let (head, mut body) = response.into_parts();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let (mut data, mut whole) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => data.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..])),
                Err(_) => {
                    whole = false;
                    break;
                }
            }
        }
        Some((head.status.as_u16(), headers.collect(), data, whole))
    };
    let mut exchange = Box::pin(exchange);
    std::future::poll_fn(|cx| {
        // What it hands over is waited for beside it.
        for _ in 0..1_000 {
            if let Poll::Ready(read) = exchange.as_mut().poll(cx) {
                return Poll::Ready(read);
            }
            let _ = Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop()));
        }
        panic!("it neither ends nor goes on");
    })
    .await
}

/// Headers of one name stand together with hyper; in the order in which they came with us.
fn sorted(read: Read) -> Read {
    read.map(|(status, mut headers, data, whole)| {
        headers.sort();
        (status, headers, data, whole)
    })
}

fn status_line() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("HTTP/1.1 200 OK"),
        1 => proptest::sample::select(vec![
            "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified", "HTTP/1.1 503 No", "HTTP/1.1 200",
            "HTTP/1.1 205 Reset Content", "HTTP/1.1 999 Odd", "HTTP/1.1 99 Odd", "HTTP/2.0 200 OK", "HTTP/1.1  200 OK",
            "http/1.1 200 OK", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "\r\nHTTP/1.1 200 OK",
            "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 404 No", "ICY 200 OK", "HTTP/1.1 200 \u{e9}",
        ]),
    ]
}

fn header() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "content-length: 5",
        "content-length: 5",
        "Content-Length: 0",
        "content-length: 5, 5",
        "content-length: +5",
        "content-length: x",
        "content-length:",
        "content-length: 18446744073709551616",
        "transfer-encoding: chunked",
        "transfer-encoding: chunked",
        "Transfer-Encoding: gzip, Chunked",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: identity",
        "transfer-encoding:",
        "connection: close",
        "x-a: b",
        "x-a:  c  ",
        "x-a: \u{e9}",
        "x b: c",
        "x-b : c",
        " folded",
        "x-c: a\tb",
        "x-d: a\u{1}b",
        ": empty",
        "no colon",
    ])
}

/// No line feed alone behind the last chunk: hyper passes over what is no trailer, and we do not.
fn piece_of_body() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "hello",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n",
        "5;a=b\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "a\r\n0123456789\r\n",
        "0\r\n\r\n",
        "0\r\n\r\n",
        "0\r\nx: y\r\n\r\n",
        "0\r\nbad\r\n\r\n",
        "\r\n",
        "5\nhello\n",
        "g\r\n",
        "ffffffffffffffff\r\nx",
        "10000000000000000\r\nx",
        "-1\r\n",
        "5\r\nhello!\r\n",
        "0005\r\nhello\r\n",
        "5\t\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "0\r\n",
        "5;a=\"b\r\nhello\r\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_read_as_hyper_reads_it(
        first in status_line(),
        headers in proptest::collection::vec(header(), 0..4),
        body in proptest::collection::vec(piece_of_body(), 0..5),
        cut in proptest::option::weighted(0.3, 0.0..1.0_f64),
        piece in 1..60_usize,
    ) {
        let mut bytes = format!("{}\r\n\r\n{}", [&[first], &headers[..]].concat().join("\r\n"), body.concat()).into_bytes();
        if let Some(cut) = cut {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let theirs = runtime.block_on(hypers(&bytes, piece));
        prop_assert_eq!(sorted(ours(&bytes, piece)), sorted(theirs), "{:?}", String::from_utf8_lossy(&bytes));
    }
}
