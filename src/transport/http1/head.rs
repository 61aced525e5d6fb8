//! The head of an answer, and what it says of the body and of the connection (RFC 9112).
//!
//! Pure; called by [`super::line`] whenever more of a head has come. It decides nothing that the head does not say.

use std::io;
use std::mem::MaybeUninit;

use httparse::{Error, Header, ParserConfig, Response, Status};

use super::TooMuch;
use super::body::Framing;

/// So many headers may stand in one head, as with hyper.
const HEADERS: usize = 100;

/// A final head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Where the body ends.
    pub(super) framing: Framing,
    /// Whether the peer keeps the connection, and takes another request on it as it took this one: not one of HTTP/1.0.
    pub(super) keeps: bool,
}

/// What `bytes` begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// A head that has not come whole.
    Piece,
    /// An interim answer of so many bytes, of which nothing is of use.
    Interim(usize),
    /// The final head, of so many bytes.
    Final(usize, Head),
}

/// Reads a head. The headers of a final one are handed to `take` in their order.
///
/// # Errors
/// It is no HTTP/1 head, or says of its body what cannot be; [`TooMuch`] where it has too many headers.
pub(super) fn read(bytes: &[u8], take: impl FnOnce(u16, &[Header<'_>])) -> io::Result<Begins> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS];
    let mut response = Response::new(&mut []);
    let read = ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut room);
    let length = match read {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Begins::Piece),
        Err(Error::TooManyHeaders) => return Err(io::Error::other(TooMuch)),
        Err(_) => return Err(invalid()),
    };
    let (Some(status), Some(minor)) = (response.code, response.version) else { return Err(invalid()) };
    // Whoever switches protocols says no more that we understand.
    if (100..200).contains(&status) && status != 101 {
        return Ok(Begins::Interim(length));
    }
    let headers = &*response.headers;
    let framing = framing(status, minor, headers)?;
    let keeps = minor == 1 && status != 101 && !tokens(headers, "connection").any(|t| t.eq_ignore_ascii_case(b"close"));
    take(status, headers);
    Ok(Begins::Final(length, Head { status, framing, keeps }))
}

/// Where the body ends (RFC 9112, section 6.3).
fn framing(status: u16, minor: u8, headers: &[Header<'_>]) -> io::Result<Framing> {
    if matches!(status, 101 | 204 | 304) {
        return Ok(Framing::none());
    }
    if let Some(coding) = tokens(headers, "transfer-encoding").last() {
        // Of HTTP/1.0 it is a mistake, and whose it is cannot be told.
        return match minor {
            0 => Err(invalid()),
            _ if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::chunked()),
            _ => Ok(Framing::ToTheEnd),
        };
    }
    let mut lengths = tokens(headers, "content-length").map(length);
    let Some(first) = lengths.next() else { return Ok(Framing::ToTheEnd) };
    match first {
        Some(length) if lengths.all(|other| other == first) => Ok(Framing::of(length)),
        _ => Err(invalid()),
    }
}

/// The members of all headers with this name.
fn tokens<'a>(headers: &'a [Header<'_>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.flat_map(|header| header.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Digits alone: neither a sign nor nothing.
fn length(token: &[u8]) -> Option<u64> {
    let digits = token.iter().all(u8::is_ascii_digit).then_some(token)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

pub(super) fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(text: &str) -> Result<Begins, io::ErrorKind> {
        read(text.as_bytes(), |_, _| ()).map_err(|error| error.kind())
    }

    /// The framing of an answer with these headers, and whether its connection is kept.
    fn of(first: &str, headers: &[&str]) -> Result<(Framing, bool), io::ErrorKind> {
        let head = [&[first], headers, &["", ""]].concat().join("\r\n");
        match begins(&head)? {
            Begins::Final(length, head) if length == head_length(&head, first, headers) => {
                Ok((head.framing, head.keeps))
            }
            other => panic!("{other:?}"),
        }
    }

    fn head_length(_: &Head, first: &str, headers: &[&str]) -> usize {
        first.len() + headers.iter().map(|header| header.len() + 2).sum::<usize>() + 4
    }

    #[test]
    fn the_end_of_a_body_is_told_by_its_head() {
        let ok = "HTTP/1.1 200 OK";
        let bad = Err(io::ErrorKind::InvalidData);
        let kept = |framing| Ok((framing, true));
        assert_eq!(of(ok, &["Content-Length: 12"]), kept(Framing::of(12)));
        assert_eq!(of(ok, &["content-length: 12", "content-length: 12, 12"]), kept(Framing::of(12)));
        assert_eq!(of(ok, &["content-length: 0"]), kept(Framing::none()));
        assert_eq!(of(ok, &["content-length: 12", "content-length: 13"]), bad);
        for value in ["", "+1", "-1", "1 2", "0x1", "12,", "99999999999999999999"] {
            assert_eq!(of(ok, &[&format!("content-length: {value}")]), bad, "{value:?}");
        }
        assert_eq!(of(ok, &["Transfer-Encoding: gzip, Chunked"]), kept(Framing::chunked()));
        assert_eq!(of(ok, &["transfer-encoding: gzip", "transfer-encoding: chunked"]), kept(Framing::chunked()));
        assert_eq!(of(ok, &["transfer-encoding: chunked, gzip"]), kept(Framing::ToTheEnd));
        assert_eq!(of(ok, &["content-length: 3", "transfer-encoding: chunked"]), kept(Framing::chunked()));
        assert_eq!(of("HTTP/1.0 200 OK", &["transfer-encoding: chunked"]), bad);
        assert_eq!(of(ok, &[]), kept(Framing::ToTheEnd));
        for bare in ["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"] {
            assert_eq!(of(bare, &["content-length: 9"]), kept(Framing::none()));
        }
        assert_eq!(of("HTTP/1.1 101 Switching Protocols", &["upgrade: x"]), Ok((Framing::none(), false)));
    }

    #[test]
    fn a_connection_is_kept_by_http_1_1_unless_it_says_otherwise() {
        let keeps = |first, headers: &[&str]| of(first, headers).expect("a head").1;
        assert!(keeps("HTTP/1.1 200 OK", &["connection: keep-alive, x-hop"]));
        assert!(keeps("HTTP/1.1 200 OK", &["x-connection: close"]));
        for close in ["close", "Close", "x-hop ,\tclose"] {
            assert!(!keeps("HTTP/1.1 200 OK", &[&format!("Connection: {close}")]), "{close}");
        }
        assert!(!keeps("HTTP/1.0 200 OK", &["connection: keep-alive"]));
    }

    #[test]
    fn heads_are_read_when_they_are_whole_and_interim_ones_are_passed_over() {
        let whole = "HTTP/1.1 200 OK\r\nx: y\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(begins(&whole[..cut]), Ok(Begins::Piece), "{cut}");
        }
        assert!(matches!(begins(&format!("{whole}more")), Ok(Begins::Final(25, _))));
        assert_eq!(begins("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP"), Ok(Begins::Interim(37)));
        for garbage in ["SSH-2.0\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n x\r\n\r\n"]
        {
            assert_eq!(begins(garbage), Err(io::ErrorKind::InvalidData), "{garbage:?}");
        }
        let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(matches!(begins(&many(HEADERS)), Ok(Begins::Final(..))));
        assert_eq!(begins(&many(HEADERS + 1)), Err(io::ErrorKind::Other));
    }

    #[test]
    fn headers_are_handed_over_in_their_order_and_only_those_of_the_final_head() {
        let mut seen = Vec::new();
        let mut note = |text: &str| {
            read(text.as_bytes(), |status, headers| {
                seen.push((status, headers.iter().map(|header| header.name.to_owned()).collect::<Vec<_>>()));
            })
        };
        note("HTTP/1.1 100 Continue\r\na: b\r\n\r\n").expect("a head");
        note("HTTP/1.1 200 OK\r\nB: 1\r\na: 2\r\nB: 3\r\n\r\n").expect("a head");
        note("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").expect_err("no length");
        assert_eq!(seen, [(200, ["B", "a", "B"].map(str::to_owned).to_vec())]);
    }
}
