//! Chance, drawn from a given seed and a place in the run, never from a global generator.
//!
//! A draw is a pure function of the seed and the parts that name its place: the same parts give the same numbers
//! on every machine and in every order of asking. blake3's extendable output is the generator; `libm` does the
//! logarithms, so that not even the platform's mathematics library has a say.

use std::fmt;
use std::time::Duration;

/// The seed of a run, from which every id, draw and jitter follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed from the operating system's randomness, for a run that named none. Print it.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system for randomness")]
    pub fn fresh() -> Self {
        // A seed is printed, read aloud and typed again: 32 bits are enough to differ, and short enough to type.
        Seed(u64::from(uuid::Uuid::new_v4().as_fields().0))
    }

    /// The draws at the place that `parts` name.
    pub fn draw(self, parts: &[&[u8]]) -> Draw {
        Draw(Numbers::Unasked(self.place(parts)))
    }

    /// The first bytes of these draws, up to 32: what an id needs, without a stream to go on with.
    pub fn bytes<const N: usize>(self, parts: &[&[u8]]) -> [u8; N] {
        const { assert!(N <= blake3::OUT_LEN, "a hash has so many bytes") };
        let hash = blake3::hash(&self.place(parts));
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    fn place(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut place = Vec::with_capacity(20 + parts.iter().map(|part| 8 + part.len()).sum::<usize>());
        place.extend_from_slice(b"understudy/1");
        place.extend_from_slice(&self.0.to_le_bytes());
        for part in parts {
            // Length first, so that ["ab", "c"] and ["a", "bc"] are two places.
            place.extend_from_slice(&(part.len() as u64).to_le_bytes());
            place.extend_from_slice(part);
        }
        place
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stream of random numbers at one place of a run.
pub struct Draw(Numbers);

/// Most draws are handed out and never asked: they cost no more than their place.
enum Numbers {
    Unasked(Vec<u8>),
    Drawn(Box<blake3::OutputReader>),
}

impl Draw {
    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        if let Numbers::Unasked(place) = &self.0 {
            self.0 = Numbers::Drawn(Box::new(blake3::Hasher::new().update(place).finalize_xof()));
        }
        if let Numbers::Drawn(reader) = &mut self.0 {
            reader.fill(bytes);
        }
    }

    /// Any 64-bit number.
    pub fn u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what the mantissa holds.
        (self.u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number in `[0, bound)`; 0 for a bound of 0. The bias is below 2^-64 x bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of the standard normal distribution (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }

    /// `true` with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// An index drawn by weight; `None` when no weight is above zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
        let total: f64 = weights.clone().filter(|w| *w > 0.0).sum();
        let mut left = self.unit() * total;
        let mut last = None;
        for (index, weight) in weights.enumerate().filter(|(_, w)| *w > 0.0) {
            last = Some(index);
            if left < weight {
                return last;
            }
            left -= weight;
        }
        last
    }

    /// `span`, shifted by up to `share` of itself either way.
    pub fn jitter(&mut self, span: Duration, share: f64) -> Duration {
        if share <= 0.0 { span } else { shifted(span, share * (2.0 * self.unit() - 1.0)) }
    }
}

/// The shortest and the longest that [`Draw::jitter`] makes of `span`, to the bit: rounding keeps the order.
pub fn jitter_bounds(span: Duration, share: f64) -> (Duration, Duration) {
    if share <= 0.0 { (span, span) } else { (shifted(span, -share), shifted(span, share)) }
}

fn shifted(span: Duration, by: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * (1.0 + by).max(0.0)).unwrap_or(span)
}

impl fmt::Debug for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draw")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_a_function_of_seed_and_place() {
        // Pinned: these numbers are a promise to everyone who wrote down a seed.
        assert_eq!(Seed(7).draw(&[b"a", b"b"]).u64(), Seed(7).draw(&[b"a", b"b"]).u64());
        assert_ne!(Seed(7).draw(&[b"a", b"b"]).u64(), Seed(7).draw(&[b"ab", b""]).u64());
        assert_ne!(Seed(7).draw(&[b"a"]).u64(), Seed(8).draw(&[b"a"]).u64());
        insta::assert_snapshot!(Seed(0).draw(&[b"pinned"]).u64(), @"6383436429817224939");
        assert_eq!(Seed(0).bytes(&[b"pinned"]), 6_383_436_429_817_224_939_u64.to_le_bytes());
        let mut whole = [0; 32];
        Seed(7).draw(&[b"a", b"b"]).fill(&mut whole);
        assert_eq!(Seed(7).bytes(&[b"a", b"b"]), whole, "to the last of them");
    }

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut draw = Seed(1).draw(&[b"moments"]);
        let n = 20_000;
        let mean = |f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || draw.unit()) - 0.5).abs() < 0.01);
        assert!(mean(&mut || draw.normal()).abs() < 0.03);
        assert!((mean(&mut || f64::from(u8::from(draw.chance(0.2)))) - 0.2).abs() < 0.01);
        let heavy = (0..n).filter(|_| draw.weighted([1.0, 0.0, 3.0].into_iter()) == Some(2)).count();
        assert!((heavy as f64 / f64::from(n) - 0.75).abs() < 0.01);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let mut draw = Seed(1).draw(&[b"jitter"]);
        let span = Duration::from_secs(300);
        assert_eq!(draw.jitter(span, 0.0), span);
        for _ in 0..1_000 {
            let shifted = draw.jitter(span, 0.1);
            assert!(shifted >= Duration::from_secs(270) && shifted <= Duration::from_secs(330));
        }
    }
}
