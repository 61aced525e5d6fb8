//! Server-sent events out of the bytes of an answer: as the standard has them, as far as this server uses it. For `tail`,
//! and for bars. Pure.

/// An event that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Came {
    /// Its kind.
    pub(in crate::commands) kind: String,
    /// Its data.
    pub(in crate::commands) data: String,
}

/// A line that is longer is no line of ours: whoever sends it could fill the memory.
const LONGEST: usize = 64 << 20;

/// Reads events from pieces, wherever those were cut.
#[derive(Debug, Default)]
pub(in crate::commands) struct Reader {
    line: Vec<u8>,
    kind: String,
    data: Option<String>,
}

impl Reader {
    /// The events that are whole with this piece; `None` when a line grows beyond all bounds.
    pub(in crate::commands) fn read(&mut self, piece: &[u8]) -> Option<Vec<Came>> {
        let mut came = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.last() == Some(&b'\n') {
                let line = std::mem::take(&mut self.line);
                came.extend(self.take(&String::from_utf8_lossy(&line)));
            } else if self.line.len() > LONGEST {
                return None;
            }
        }
        Some(came)
    }

    fn take(&mut self, line: &str) -> Option<Came> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            return self.data.take().map(|data| Came { kind, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => data.extend(["\n", value]),
            },
            // A comment, the number, the span to come back after: nothing that is shown.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_their_bytes_are_cut() {
        let text = "retry: 1000\n\n: still here\n\nevent: attempt\nid: 7\ndata: {\"a\":\"ü\"}\n\n\
                    event: missed\r\ndata: 1\r\ndata:2\r\n\r\nevent: cut";
        let expected = [("attempt", "{\"a\":\"ü\"}"), ("missed", "1\n2")];
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let came: Vec<Came> =
                text.as_bytes().chunks(size).flat_map(|piece| reader.read(piece).expect("short lines")).collect();
            let came: Vec<(&str, &str)> = came.iter().map(|one| (one.kind.as_str(), one.data.as_str())).collect();
            assert_eq!(came, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut reader = Reader::default();
        let piece = vec![b'x'; 1 << 20];
        let read = (0..70).map_while(|_| reader.read(&piece)).count();
        assert_eq!(read, LONGEST >> 20);
    }
}
