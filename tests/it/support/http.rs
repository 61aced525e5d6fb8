//! HTTP/1.1 as the tests speak and hear it: one message at a time from a blocking stream.
//!
//! [`request`] is the client of the tests; [`read_head`] and [`read_body`] also serve [`super::sink`]. No redirects,
//! no pooling, no decoding: what was on the wire is what the test sees.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the client waits for the next byte before it gives up.
const SILENCE: Duration = Duration::from_secs(30);

/// Names as sent and values without surrounding space, in order.
pub(crate) type Headers = Vec<(String, String)>;

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// All of them, repeated names too.
    pub(crate) headers: Headers,
    /// The body's bytes, with a chunked coding undone.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON. Panics, showing the body, if it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

/// Sends one request on a connection of its own and reads the answer.
///
/// An `Err` says that no whole answer came: the server may or may not have done what was asked.
pub(crate) fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&to, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    read_response(&mut BufReader::new(stream))
}

/// Announces a body of `length` bytes, sends none of it, and reads the first answer: 100, or a refusal. Panics when there is
/// none.
pub(crate) fn announce(to: SocketAddr, path: &str, length: usize) -> Response {
    let mut stream = TcpStream::connect_timeout(&to, SILENCE).expect("the server takes connections");
    stream.set_read_timeout(Some(SILENCE)).expect("a timeout above zero is taken");
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {to}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("written");
    read_response(&mut BufReader::new(stream)).expect("an answer")
}

fn read_response(from: &mut impl BufRead) -> io::Result<Response> {
    let (first, headers) = read_head(from)?.ok_or(ErrorKind::UnexpectedEof)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status: u16 = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, first))?;
    let empty = matches!(status, 100..=199 | 204 | 304);
    let framed = header(&headers, "content-length").is_some() || header(&headers, "transfer-encoding").is_some();
    let mut body = Vec::new();
    if !empty && framed {
        body = read_body(from, &headers)?;
    } else if !empty {
        from.read_to_end(&mut body)?;
    }
    Ok(Response { status, headers, body })
}

/// The first line and the headers of the next message; `None` where the stream ends before it begins.
pub(crate) fn read_head(from: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some((first.trim_end().to_owned(), headers)));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::new(ErrorKind::InvalidData, line))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// The body that `headers` announce, nothing where they announce none.
pub(crate) fn read_body(from: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    if header(headers, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return read_chunks(from);
    }
    let length = header(headers, "content-length").unwrap_or("0");
    let length = length.parse().map_err(|_| io::Error::new(ErrorKind::InvalidData, length.to_owned()))?;
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(body)
}

/// The first of `headers` with this name, in any case.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::Error::new(ErrorKind::InvalidData, line.clone()))?;
        if from.take(size).read_to_end(&mut body)? as u64 != size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if size == 0 {
            // Trailers, if any, and the empty line that ends them.
            while from.read_line(&mut line)? > 2 {}
            return Ok(body);
        }
        from.read_line(&mut line)?;
    }
}
