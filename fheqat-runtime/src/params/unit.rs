//! Units as types.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// log2 of a probability: 2^-1200 would underflow, and sums with it would round it away. Of what never happens it is minus infinity,
/// which JSON has as `null`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Log2Probability(pub f64);

/// Seconds of one core.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Seconds(pub f64);

/// A size in memory or on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bytes(pub u64);

/// M: how many equal steps of the torus a wire's reader uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slots(pub u32);

/// How many of its most significant bits are kept of a number of the torus of 64 bits: 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TorusBits(pub u32);

/// A distance on the torus, in turns.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct TorusDistance(pub f64);

impl Log2Probability {
    /// The probability itself; zero where it is too small for an `f64`.
    #[must_use]
    pub fn probability(self) -> f64 {
        self.0.exp2()
    }

    /// The sum of probabilities: at least the probability that any of the events happens.
    #[must_use]
    pub fn sum(events: impl IntoIterator<Item = Self>) -> Self {
        let events: Vec<f64> = events.into_iter().map(|event| event.0).collect();
        let largest = events.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return Self(largest);
        }
        Self(largest + events.iter().map(|event| (event - largest).exp2()).sum::<f64>().log2())
    }

    /// An equal share for each of `events` events.
    #[must_use]
    pub fn share(self, events: usize) -> Self {
        Self(self.0 - (events.max(1) as f64).log2())
    }
}

impl TorusBits {
    /// Nothing is dropped.
    pub const ALL: Self = Self(64);

    /// Whether so many can be kept.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) const fn is_possible(self) -> bool {
        self.0 >= 1 && self.0 <= Self::ALL.0
    }
}

impl Slots {
    /// Whether a wire can have so many.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) const fn is_possible(self) -> bool {
        self.0 > 0
    }

    /// Half a slot: the noise that a value survives.
    #[must_use]
    pub fn half(self) -> TorusDistance {
        TorusDistance(0.5 / f64::from(self.0))
    }
}

impl<'de> Deserialize<'de> for Log2Probability {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            Ok(Self(Option::deserialize(from)?.unwrap_or(f64::NEG_INFINITY)))
        } else {
            f64::deserialize(from).map(Self)
        }
    }
}

impl fmt::Display for Log2Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2^{:.1}", self.0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..10_000 => write!(f, "{bytes} B"),
            bytes @ 10_000..10_000_000 => write!(f, "{:.1} kB", bytes as f64 / 1e3),
            bytes => write!(f, "{:.1} MB", bytes as f64 / 1e6),
        }
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TorusDistance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2^{:.2}", self.0.log2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_probabilities_of_what_never_happens() {
        for log2 in [-128.5, f64::NEG_INFINITY] {
            let json = serde_json::to_string(&Log2Probability(log2)).unwrap();
            assert_eq!(serde_json::from_str::<Log2Probability>(&json).unwrap(), Log2Probability(log2));
        }
    }

    #[test]
    fn sums_do_not_underflow() {
        let sum = Log2Probability::sum([Log2Probability(-1200.0); 8]);
        assert!((sum.0 + 1197.0).abs() < 1e-9);
        assert!(Log2Probability::sum([]) <= Log2Probability(f64::MIN));
    }
}
