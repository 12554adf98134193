//! The two clocks of a fault: messages are due by the schedule's, and whoever receives them waits by his own.
//!
//! A plan tells lengths by the receiver's clock. In a schedule that is gone through four times as fast as it was written, each of
//! them takes four times as long. Here, and nowhere else, one length becomes the other; when a place in the schedule is due says
//! its timeline.

use serde::{Deserialize, Serialize};

use crate::pacer::Speed;
use crate::strand::signed;

/// How many times as fast as it was written a schedule is to be gone through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

/// It is a number within the bounds of a speed, so it is equal to itself.
impl Eq for Factor {}

impl Factor {
    /// As it was written.
    pub const ONE: Self = Self(1.0);

    /// The same, for what was written down without one.
    pub(super) fn one() -> Self {
        Self::ONE
    }

    /// Of a speed. At top speed nothing waits for anything, and lengths mean nothing; they are then those of 1.
    #[must_use]
    pub fn of(speed: Speed) -> Self {
        match speed {
            Speed::Factor(factor) => Self(factor),
            Speed::Max => Self::ONE,
        }
    }

    /// How long the schedule takes for so many nanoseconds of the receiver's clock.
    #[must_use]
    pub fn scheduled_ns(self, real_ns: u64) -> u64 {
        self.scheduled_signed_ns(signed(real_ns)).unsigned_abs()
    }

    /// The same of what may lie in the past.
    #[must_use]
    pub fn scheduled_signed_ns(self, real_ns: i64) -> i64 {
        times(real_ns, self.0)
    }

    /// How long so many nanoseconds of the schedule take its receiver.
    #[must_use]
    pub fn real_ns(self, scheduled_ns: u64) -> u64 {
        self.real_signed_ns(signed(scheduled_ns)).unsigned_abs()
    }

    /// The same of what may lie in the past: how long so many nanoseconds of the schedule take by the receiver's clock.
    #[must_use]
    pub fn real_signed_ns(self, scheduled_ns: i64) -> i64 {
        times(scheduled_ns, self.0.recip())
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "exact for a hundred days, and the cast saturates"
)]
fn times(ns: i64, factor: f64) -> i64 {
    (ns as f64 * factor).round() as i64
}

impl From<Factor> for f64 {
    fn from(Factor(factor): Factor) -> Self {
        factor
    }
}

impl TryFrom<f64> for Factor {
    type Error = String;
    fn try_from(factor: f64) -> Result<Self, String> {
        let is_one = Speed::FACTORS.contains(&factor);
        is_one.then_some(Self(factor)).ok_or_else(|| format!("{factor} is no factor of a speed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_the_receivers_clock_is_as_many_of_the_schedule_as_it_goes_faster() {
        let four = Factor::of(Speed::Factor(4.0));
        assert_eq!(four.scheduled_ns(1_000_000_000), 4_000_000_000);
        assert_eq!(four.scheduled_signed_ns(-1_000_000_000), -4_000_000_000);
        assert_eq!(four.real_signed_ns(-4_000_000_000), -1_000_000_000);
        assert_eq!(four.real_ns(4_000_000_000), 1_000_000_000);
        let days_ns = 100 * 86_400 * 1_000_000_000 + 1;
        assert_eq!(Factor::of(Speed::Max).scheduled_ns(days_ns), days_ns, "as it was written");
    }

    #[test]
    fn what_is_no_speed_is_not_read() {
        assert_eq!(serde_json::from_str::<Factor>("2.5").unwrap(), Factor(2.5));
        for text in ["0", "-1", "1e9"] {
            assert!(serde_json::from_str::<Factor>(text).is_err(), "{text}");
        }
    }
}
