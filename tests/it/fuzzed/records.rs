//! The disk format: any bytes are refused, or say what they say when they are written again.
//!
//! The first byte says which reader gets the rest: one of the tree's values, the archive, or the keys. A checksum would
//! keep nearly everything out, so it is made right first; then it is bent, and nothing may get in.

use understudy::outbox::reread::{self, Kind};

pub(crate) fn hold(data: &[u8]) {
    let Some((&reader, rest)) = data.split_first() else { return };
    match usize::from(reader) % (Kind::ALL.len() + 2) {
        0 => archive(rest),
        1 => key(rest),
        n => value(Kind::ALL[n - 2], rest),
    }
}

fn value(kind: Kind, body: &[u8]) {
    let key = b"fuzzed";
    let stored = reread::sealed(key, body);
    let Ok(written) = reread::value(kind, key, &stored) else { return };
    assert_eq!(reread::value(kind, key, &written).as_ref(), Ok(&written), "{kind:?}: written again, it says otherwise");
    // A number may be stored in more bytes than it needs; a value is never followed by anything.
    assert!(written.len() <= stored.len(), "{kind:?}: {stored:02x?} became {written:02x?}");
    assert!(reread::value(kind, key, &reread::sealed(key, &[body, &[0]].concat())).is_err(), "{kind:?}: a byte more");
    assert!(reread::value(kind, b"other", &stored).is_err(), "{kind:?}: a value belongs to its key");
    let bit = body.iter().fold(body.len(), |sum, byte| sum.wrapping_mul(31) ^ usize::from(*byte)) % (stored.len() * 8);
    let mut bent = stored.clone();
    bent[bit / 8] ^= 1 << (bit % 8);
    assert!(reread::value(kind, key, &bent).is_err(), "{kind:?}: bit {bit} was flipped");
    assert!(reread::value(kind, key, &stored[..bit / 8]).is_err(), "{kind:?}: cut off at {}", bit / 8);
}

/// Frames one after the other, as they are, and one whose body is all of it.
fn archive(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((written, length)) = reread::frame(rest) {
        assert!(length >= 8 && length <= rest.len(), "a frame of {length} bytes in {}", rest.len());
        frame_holds(&written, length);
        rest = &rest[length..];
    }
    let stored = reread::framed(bytes);
    if let Some((written, length)) = reread::frame(&stored) {
        assert_eq!(length, stored.len());
        frame_holds(&written, length);
        assert!(reread::frame(&reread::framed(&[bytes, &[0]].concat())).is_none(), "a frame with a byte more");
        assert!(reread::frame(&stored[..stored.len() - 1]).is_none(), "a frame that is cut off");
    }
}

fn frame_holds(written: &[u8], length: usize) {
    assert_eq!(reread::frame(written), Some((written.to_vec(), written.len())), "written again, it says otherwise");
    assert!(written.len() <= length, "it grew from {length} to {} bytes", written.len());
}

/// A key has one form: two that mean the same row would be two rows.
fn key(bytes: &[u8]) {
    if let Some(written) = reread::key(bytes) {
        assert_eq!(written, bytes, "a key that is read is the key that is written");
    }
}
