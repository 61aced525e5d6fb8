//! The body of an answer: where it ends, and what of what came belongs to it (RFC 9112, sections 6 and 7).
//!
//! Pure; driven by [`super::line`]. It bounds what stands around the data of a chunk; how much data is of use is for the
//! caller to say.

use std::io;

use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

use super::TooMuch;
use super::head::invalid;

/// The line before a chunk, extensions included, and the trailer behind the last one may be so long.
const AROUND_CHUNK: usize = 16 * 1024;

/// So many fields may stand in a trailer.
const TRAILERS: usize = 100;

/// Where a body ends, and how far it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes more.
    Length(u64),
    /// After the last chunk.
    Chunks(Chunk),
    /// Where the connection does.
    ToTheEnd,
}

/// What comes next in a body of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// A chunk's length.
    Size,
    /// So many bytes of its data.
    Data(u64),
    /// The end of its last line.
    LineEnd,
    /// What stands behind the last one.
    Trailer,
    /// Nothing.
    Nothing,
}

/// What is left to do after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// More must come.
    On,
    /// That was all.
    Ended,
    /// The taker has enough: the rest is not read.
    Enough,
}

impl Framing {
    /// No body at all.
    pub(super) fn none() -> Self {
        Framing::Length(0)
    }

    /// A body of so many bytes.
    pub(super) fn of(length: u64) -> Self {
        Framing::Length(length)
    }

    /// A body in chunks.
    pub(super) fn chunked() -> Self {
        Framing::Chunks(Chunk::Size)
    }

    /// Reads on in `bytes`: how many of them are done with. What is data is handed to `take`, which says whether more is
    /// of use.
    ///
    /// # Errors
    /// The chunks are not what RFC 9112 says; [`TooMuch`] where what stands around one has no end.
    pub(super) fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> io::Result<(usize, Goes)> {
        let mut done = 0;
        loop {
            let rest = &bytes[done..];
            let (count, goes) = match self {
                Framing::Length(0) | Framing::Chunks(Chunk::Nothing) => return Ok((done, Goes::Ended)),
                _ if rest.is_empty() => return Ok((done, Goes::On)),
                Framing::ToTheEnd => (rest.len(), take(rest)),
                Framing::Length(left) => data(left, rest, &mut take),
                Framing::Chunks(chunk) => match chunk.read(rest, &mut take)? {
                    Some(read) => read,
                    None if rest.len() > AROUND_CHUNK => return Err(io::Error::other(TooMuch)),
                    None => return Ok((done, Goes::On)),
                },
            };
            done += count;
            if !goes {
                return Ok((done, Goes::Enough));
            }
        }
    }

    /// Whether it is whole when the connection ends here.
    pub(super) fn may_end(&self) -> bool {
        *self == Framing::ToTheEnd
    }
}

impl Chunk {
    /// How many bytes the next part has, and whether more is of use; nothing where it has not come whole.
    fn read(&mut self, rest: &[u8], take: &mut impl FnMut(&[u8]) -> bool) -> io::Result<Option<(usize, bool)>> {
        // A part that ends with its line is looked at once that has come: nobody makes us look at each of its bytes.
        let line = rest.contains(&b'\n');
        let count = match self {
            Chunk::Data(left) => {
                let (count, goes) = data(left, rest, take);
                if *left == 0 {
                    *self = Chunk::LineEnd;
                }
                return Ok(Some((count, goes)));
            }
            Chunk::LineEnd => {
                let whole = rest.len() >= 2;
                if !b"\r\n".starts_with(&rest[..rest.len().min(2)]) {
                    return Err(invalid());
                }
                if whole {
                    *self = Chunk::Size;
                }
                whole.then_some(2)
            }
            // The parser takes a length without digits for 0.
            Chunk::Size if !rest[0].is_ascii_hexdigit() => return Err(invalid()),
            Chunk::Size if line => match parse_chunk_size(rest).map_err(|_| invalid())? {
                Status::Complete((count, size)) => {
                    *self = if size == 0 { Chunk::Trailer } else { Chunk::Data(size) };
                    Some(count)
                }
                Status::Partial => None,
            },
            Chunk::Trailer if line => match parse_headers(rest, &mut [EMPTY_HEADER; TRAILERS]) {
                // The parser takes a line feed alone for the end of a line.
                Ok(Status::Complete((count, _)))
                    if rest[..count] == *b"\r\n" || rest[..count].ends_with(b"\r\n\r\n") =>
                {
                    *self = Chunk::Nothing;
                    Some(count)
                }
                Ok(Status::Partial) => None,
                Ok(Status::Complete(_)) | Err(_) => return Err(invalid()),
            },
            Chunk::Size | Chunk::Trailer | Chunk::Nothing => None,
        };
        Ok(count.map(|count| (count, true)))
    }
}

/// Hands over as much as there is of `left` bytes.
fn data(left: &mut u64, rest: &[u8], take: &mut impl FnMut(&[u8]) -> bool) -> (usize, bool) {
    let count = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
    *left -= count as u64;
    (count, take(&rest[..count]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `bytes` that come in pieces of `piece`: the data, how many bytes were done with, and how it went.
    fn read(framing: Framing, bytes: &[u8], piece: usize, enough: usize) -> (Vec<u8>, usize, Result<Goes, String>) {
        let (mut framing, mut data, mut done, mut came) = (framing, Vec::new(), 0, 0);
        loop {
            let read = framing.read(&bytes[done..came], |some| {
                data.extend_from_slice(some);
                data.len() < enough
            });
            match read {
                Ok((count, Goes::On)) => done += count,
                Ok((count, goes)) => return (data, done + count, Ok(goes)),
                Err(error) => return (data, 0, Err(error.to_string())),
            }
            if came == bytes.len() {
                return (data, done, Ok(Goes::On));
            }
            came = bytes.len().min(came + piece);
        }
    }

    /// The same, however it is cut.
    fn all(framing: Framing, bytes: &[u8]) -> (Vec<u8>, usize, Result<Goes, String>) {
        let whole = read(framing, bytes, usize::MAX, usize::MAX);
        for piece in 1..bytes.len().min(40) {
            assert_eq!(read(framing, bytes, piece, usize::MAX), whole, "in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn a_body_of_a_length_ends_there() {
        let some = |data: &[u8], done, goes| (data.to_vec(), done, Ok(goes));
        assert_eq!(all(Framing::of(5), b"helloHTTP"), some(b"hello", 5, Goes::Ended));
        assert_eq!(all(Framing::of(9), b"hello"), some(b"hello", 5, Goes::On));
        assert_eq!(all(Framing::none(), b"hello"), some(b"", 0, Goes::Ended));
        assert_eq!(all(Framing::of(u64::MAX), b"hello"), some(b"hello", 5, Goes::On));
        assert_eq!(all(Framing::ToTheEnd, b"hello"), some(b"hello", 5, Goes::On));
        assert!(Framing::ToTheEnd.may_end() && !Framing::of(1).may_end() && !Framing::chunked().may_end());
    }

    #[test]
    fn a_body_of_chunks_ends_behind_its_trailer() {
        let ended = |data: &[u8], done| (data.to_vec(), done, Ok(Goes::Ended));
        assert_eq!(all(Framing::chunked(), b"5\r\nhello\r\n0\r\n\r\nHTTP"), ended(b"hello", 15));
        assert_eq!(all(Framing::chunked(), b"3;a=\"b\" \r\nhel\r\nA\r\n0123456789\r\n000\r\n\r\n").0, b"hel0123456789");
        let trailer = b"1\r\nx\r\n0\r\nexpires: never\r\nb: c\r\n\r\n!";
        assert_eq!(all(Framing::chunked(), trailer), ended(b"x", trailer.len() - 1));
        for (open, data) in
            [(&b"5\r\nhel"[..], &b"hel"[..]), (b"1\r\nx\r\n0\r\n", b"x"), (b"1\r\nx\r", b"x"), (b"1", b"")]
        {
            let (read, _, goes) = all(Framing::chunked(), open);
            assert_eq!((&read[..], goes), (data, Ok(Goes::On)), "{open:?}");
        }
    }

    #[test]
    fn broken_chunks_are_refused_after_what_they_brought() {
        for (broken, data) in [
            ("zz\r\n", ""),
            ("\r\n", ""),
            ("-1\r\n", ""),
            ("10000000000000000\r\n", ""),
            ("2\nok\r\n", ""),
            ("2\r\nokk\r\n", "ok"),
            ("2\r\nok\n0\r\n", "ok"),
            ("0\r\n broken\r\n\r\n", ""),
            ("0\r\n\n", ""),
            ("0\r\na: b\r\n\n", ""),
        ] {
            let (read, _, goes) = all(Framing::chunked(), broken.as_bytes());
            assert_eq!((String::from_utf8_lossy(&read).as_ref(), goes.is_err()), (data, true), "{broken:?}");
        }
    }

    #[test]
    fn what_stands_around_a_chunk_has_an_end() {
        let most = AROUND_CHUNK - 4;
        for (begin, filler, end) in [("1;", "e", "\r\nx\r\n0\r\n\r\n"), ("0\r\na: ", "e", "\r\n\r\n")] {
            let of = |count: usize| format!("{begin}{}{end}", filler.repeat(count));
            assert_eq!(read(Framing::chunked(), of(most - begin.len()).as_bytes(), 1_000, 9).2, Ok(Goes::Ended));
            let (_, _, goes) = read(Framing::chunked(), of(4 * AROUND_CHUNK).as_bytes(), 1_000, 9);
            assert_eq!(goes, Err(TooMuch.to_string()));
        }
        assert_eq!(read(Framing::chunked(), &[b'0'; 40_000], 1_000, 9).2, Err(TooMuch.to_string()));
    }

    #[test]
    fn whoever_has_enough_is_handed_no_more() {
        for (framing, bytes) in [
            (Framing::of(100), "0123456789"),
            (Framing::ToTheEnd, "0123456789"),
            (Framing::chunked(), "3\r\n012\r\n3\r\n345\r\n3\r\n678\r\n"),
        ] {
            let (data, _, goes) = read(framing, bytes.as_bytes(), 2, 4);
            assert_eq!(goes, Ok(Goes::Enough), "{framing:?}");
            assert!((4..=6).contains(&data.len()), "{framing:?}: {data:?}");
        }
    }
}
