//! Ids, minted from the seed: the same run gives the same ids.
//!
//! Event ids are UUIDs (version 4 in form) and constant over attempts, webhooks and restarts; journey ids are 24
//! hexadecimal characters, as the provider's are. Deliveries and mails are numbered by the outbox: `d17`, `m3`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rng::Seed;

/// Why a text is no id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}")]
pub struct IdError {
    text: String,
    kind: &'static str,
}

/// A journey's id: 12 bytes, written as 24 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JourneyId(pub [u8; 12]);

impl JourneyId {
    /// The id of the provider's test request: 24 zeros.
    pub const ZERO: JourneyId = JourneyId([0; 12]);

    /// The id of journey `number`, which is below 2^48, of the run with `seed`. Whoever keeps journeys by number finds
    /// one by its id without an index: see [`JourneyId::number`].
    pub fn mint(seed: Seed, number: u64) -> Self {
        let mut id = JourneyId::drawn(seed, b"journey", &number.to_le_bytes());
        let hidden = number ^ id.veil();
        id.0[6..].copy_from_slice(&hidden.to_be_bytes()[2..]);
        id
    }

    /// The number of the journey, if [`JourneyId::mint`] made this id, with whatever seed. An id that came from elsewhere
    /// has a number too, that of nothing or of another journey: the journey that is found by it tells, by its own id.
    pub fn number(self) -> u64 {
        six(self.0.last_chunk()) ^ self.veil()
    }

    /// What hides the number: ids that follow each other look as unlike as any.
    fn veil(self) -> u64 {
        const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = six(self.0.first_chunk()).wrapping_mul(PRIME);
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(PRIME);
        mixed >> 16
    }

    /// The id of the `visit`-th spot check of this journey: a journey of its own in the provider's eyes.
    pub fn spot_check(self, seed: Seed, visit: u64) -> Self {
        let mut place = self.0.to_vec();
        place.extend_from_slice(&visit.to_le_bytes());
        JourneyId::drawn(seed, b"spot-check", &place)
    }

    fn drawn(seed: Seed, kind: &[u8], place: &[u8]) -> Self {
        JourneyId(seed.bytes(&[kind, place]))
    }

    /// Gives its text, in one piece and without a formatter: it stands in every body.
    fn with_text<T>(self, of: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        of(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Six bytes as a number.
fn six(bytes: Option<&[u8; 6]>) -> u64 {
    bytes.into_iter().flatten().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl fmt::Display for JourneyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for JourneyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for JourneyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError { text: text.to_owned(), kind: "a journey id (24 hexadecimal characters)" };
        let mut id = [0; 12];
        if text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(JourneyId(id))
    }
}

/// An event's id, the receiver's key for telling duplicates: constant over attempts, webhooks and restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// The id of the `sequence`-th event of `journey`.
    pub fn mint(seed: Seed, journey: JourneyId, sequence: u64) -> Self {
        EventId::drawn(seed, &[b"event", &journey.0, &sequence.to_le_bytes()])
    }

    /// The id of the `n`-th event that was sent by hand, outside any journey.
    pub fn by_hand(seed: Seed, n: u64) -> Self {
        EventId::drawn(seed, &[b"by-hand", &n.to_le_bytes()])
    }

    /// Gives its text, as [`JourneyId::with_text`] does.
    fn with_text<T>(self, of: impl FnOnce(&str) -> T) -> T {
        of(uuid::Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }

    fn drawn(seed: Seed, place: &[&[u8]]) -> Self {
        EventId(uuid::Builder::from_random_bytes(seed.bytes(place)).into_uuid().into_bytes())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for EventId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let parsed =
            uuid::Uuid::try_parse(text).map_err(|_| IdError { text: text.to_owned(), kind: "an event id (a UUID)" })?;
        Ok(EventId(parsed.into_bytes()))
    }
}

macro_rules! serial {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            fn with_text<T>(self, of: impl FnOnce(&str) -> T) -> T {
                of(&self.to_string())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    // A number's own parser would take a sign as well.
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map($name)
                    .ok_or_else(|| IdError { text: text.to_owned(), kind: $kind })
            }
        }
    };
}

serial!(
    /// A delivery's number in its outbox, from 1 in order of acceptance, written `d17`.
    DeliveryId,
    "d",
    "a delivery id (such as d17)"
);
serial!(
    /// A mail's number in its outbox, from 1, written `m3`.
    MailId,
    "m",
    "a mail id (such as m3)"
);

/// In JSON and TOML an id is its text; in the store it is its bytes.
macro_rules! serde_as_text_or_bytes {
    ($name:ident, $raw:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    self.with_text(|text| serializer.serialize_str(text))
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <$raw>::deserialize(deserializer).map($name)
                }
            }
        }
    };
}

serde_as_text_or_bytes!(JourneyId, [u8; 12]);
serde_as_text_or_bytes!(EventId, [u8; 16]);
serde_as_text_or_bytes!(DeliveryId, u64);
serde_as_text_or_bytes!(MailId, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_seed_and_read_back() {
        let journey = JourneyId::mint(Seed(0), 1);
        assert_eq!(journey, JourneyId::mint(Seed(0), 1));
        assert_ne!(journey, JourneyId::mint(Seed(0), 2));
        assert_ne!(journey, JourneyId::mint(Seed(1), 1));
        assert_eq!(journey.to_string().parse(), Ok(journey));
        let event = EventId::mint(Seed(0), journey, 1);
        assert_eq!(event.to_string().parse(), Ok(event));
        assert_eq!(event.to_string().as_bytes()[14], b'4', "version 4 in form");
        assert_ne!(journey.spot_check(Seed(0), 1), journey.spot_check(Seed(0), 2));
        assert_eq!("d17".parse(), Ok(DeliveryId(17)));
        insta::assert_snapshot!(format!("{journey} {event}"), @"e4cd63fd3682c20065bb89ed 538f4445-658f-49ea-8183-069f7d4c1e54");
    }

    #[test]
    fn a_journeys_id_tells_its_number_whatever_the_seed() {
        for number in (0..2_000).chain([1 << 20, (1 << 40) + 12_345, (1 << 48) - 1]) {
            for seed in [Seed(0), Seed(7), Seed(u64::MAX)] {
                assert_eq!(JourneyId::mint(seed, number).number(), number, "of {seed}");
            }
        }
        let ids: std::collections::BTreeSet<_> = (0..2_000).map(|number| JourneyId::mint(Seed(0), number)).collect();
        assert_eq!(ids.len(), 2_000);
        // Neither half of one says anything of the next.
        let ends: std::collections::BTreeSet<_> = ids.iter().map(|id| (id.0[0] & 15, id.0[11] & 15)).collect();
        assert_eq!(ends.len(), 256);
    }

    #[test]
    fn what_is_no_id_is_named() {
        for text in ["", "xyz", "62e6", "zze6b4b9b2c5b7a1f0d4e8c1", "ööööööööööööööö", "D1", "d-1"] {
            assert!(text.parse::<JourneyId>().is_err());
            assert!(text.parse::<EventId>().is_err());
            let error = text.parse::<DeliveryId>().expect_err(text);
            assert!(error.to_string().contains("delivery id"));
        }
    }

    #[test]
    fn json_carries_text_and_the_store_bytes() {
        let journey = JourneyId::mint(Seed(5), 9);
        let json = serde_json::to_string(&journey).expect("json");
        assert_eq!(json, format!("\"{journey}\""));
        assert_eq!(serde_json::from_str::<JourneyId>(&json).expect("back"), journey);
        let stored = postcard::to_stdvec(&journey).expect("stored");
        assert_eq!(stored.len(), 12);
        assert_eq!(postcard::from_bytes::<JourneyId>(&stored).expect("back"), journey);
    }
}
