//! The open loop: when each message is due, on one absolute schedule, and what is due now.
//!
//! A message is due at the start plus its offset divided by the speed, whatever became of those before it: a
//! send that takes long makes later messages late and their batch larger, and is caught up with. Time is an
//! argument; who sleeps is another.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use domain::Timestamp;

/// How fast a schedule is gone through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// This many times as fast as it was written: 1 is as it was, 0.5 takes twice as long.
    Factor(f64),
    /// Everything is due at once.
    Max,
}

impl Speed {
    /// The smallest and the largest factor.
    pub const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;
}

/// A text that is no speed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a speed: a factor from {low} to {high}, or `max`", low = Speed::FACTORS.start(), high = Speed::FACTORS.end())]
pub struct SpeedError(String);

impl FromStr for Speed {
    type Err = SpeedError;
    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let factor = text.parse().ok().filter(|factor| Self::FACTORS.contains(factor));
        factor.map(Self::Factor).ok_or_else(|| SpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(factor) => write!(f, "{factor}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// A schedule's place in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeline {
    /// The wall clock at the schedule's start.
    pub started_at: Timestamp,
    /// How fast it is gone through.
    pub speed: Speed,
}

impl Timeline {
    /// How long after the start a message with this offset is due.
    #[must_use]
    pub fn due_after(&self, offset_ns: u64) -> Duration {
        match self.speed {
            Speed::Max => Duration::ZERO,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "exact for a hundred days, and the cast saturates"
            )]
            Speed::Factor(factor) => Duration::from_nanos((offset_ns as f64 / factor) as u64),
        }
    }

    /// The wall clock when a message with this offset is due. At top speed that is the start, for all.
    #[must_use]
    pub fn due_at(&self, offset_ns: u64) -> Timestamp {
        let micros = self.due_after(offset_ns).as_micros();
        self.started_at.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// How much goes into one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Messages.
    pub messages_max: usize,
    /// Bytes, line feeds included; a larger message goes alone.
    pub bytes_max: usize,
}

/// What is to be sent, as a pacer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// See [`crate::Schedule::offset_ns`].
    pub offset_ns: u64,
    /// Its length in bytes.
    pub bytes: usize,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Send these, in one request.
    Send(Range<usize>),
    /// Nothing is due until this long after the start.
    Wait(Duration),
    /// There is nothing left.
    Done,
}

/// Goes through a list of items, each when it is due.
#[derive(Debug)]
pub struct Pacer {
    timeline: Timeline,
    limits: BatchLimits,
    next: usize,
}

impl Pacer {
    /// At the first item.
    #[must_use]
    pub fn new(timeline: Timeline, limits: BatchLimits) -> Self {
        Self { timeline, limits, next: 0 }
    }

    /// What to do when `elapsed` has passed since the start: all that is due goes together, as far as the limits
    /// allow. `items` are in the order of their offsets and the same on every call.
    pub fn turn(&mut self, elapsed: Duration, count: usize, item: impl Fn(usize) -> Item) -> Turn {
        if self.next >= count {
            return Turn::Done;
        }
        let first = self.next;
        let mut bytes = 0;
        while self.next < count && self.next - first < self.limits.messages_max.max(1) {
            let Item { offset_ns, bytes: length } = item(self.next);
            bytes += length + 1;
            let fits = self.next == first || bytes <= self.limits.bytes_max;
            if !fits || self.timeline.due_after(offset_ns) > elapsed {
                break;
            }
            self.next += 1;
        }
        if self.next == first {
            return Turn::Wait(self.timeline.due_after(item(first).offset_ns));
        }
        Turn::Send(first..self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { messages_max: 500, bytes_max: 1_000_000 };
    const MS: u64 = 1_000_000;

    fn timeline(speed: Speed) -> Timeline {
        Timeline { started_at: Timestamp(1_000), speed }
    }

    /// Sends `count` items, `every` apart, on a clock that only waiting and sending move; returns each item's
    /// lateness and the batches' sizes.
    fn run(
        count: usize,
        every: Duration,
        send_takes: impl Fn(usize) -> Duration,
    ) -> (Vec<Duration>, Vec<usize>) {
        let every_ns = u64::try_from(every.as_nanos()).unwrap();
        let item = |index| Item { offset_ns: every_ns * index as u64, bytes: 100 };
        let mut pacer = Pacer::new(timeline(Speed::Factor(1.0)), LIMITS);
        let (mut clock, mut late, mut batches) = (Duration::ZERO, Vec::new(), Vec::new());
        loop {
            match pacer.turn(clock, count, item) {
                Turn::Wait(until) => {
                    assert!(until > clock, "waiting makes time pass");
                    clock = until;
                }
                Turn::Send(range) => {
                    late.extend(
                        range.clone().map(|index| clock - Duration::from_nanos(every_ns * index as u64)),
                    );
                    clock += send_takes(batches.len());
                    batches.push(range.len());
                }
                Turn::Done => return (late, batches),
            }
        }
    }

    #[test]
    fn sends_that_take_less_than_the_interval_are_never_late() {
        let (late, batches) = run(1_000, Duration::from_millis(10), |_| Duration::from_millis(9));
        assert!(late.iter().all(Duration::is_zero), "nine of ten milliseconds sum up to nothing");
        assert!(batches.iter().all(|&size| size == 1));
    }

    #[test]
    fn one_slow_send_is_caught_up_with_and_its_lateness_is_told() {
        let stall = |batch| if batch == 3 { Duration::from_millis(100) } else { Duration::ZERO };
        let (late, batches) = run(40, Duration::from_millis(10), stall);
        assert_eq!(batches[4], 10, "all that came due in the meantime goes together");
        assert_eq!(
            late[4],
            Duration::from_millis(90),
            "counted from when it was due, not from when it could go"
        );
        assert_eq!(late[13], Duration::ZERO);
        assert!(late[14..].iter().all(Duration::is_zero), "the schedule did not move");
    }

    #[test]
    fn speed_divides_offsets() {
        let due = |speed: Speed, offset_ns| timeline(speed).due_after(offset_ns);
        assert_eq!(due(Speed::Factor(60.0), 60 * MS), Duration::from_millis(1));
        assert_eq!(due(Speed::Factor(0.5), 60 * MS), Duration::from_millis(120));
        assert_eq!(due(Speed::Max, u64::MAX), Duration::ZERO);
        assert_eq!(timeline(Speed::Factor(2.0)).due_at(4 * MS), Timestamp(3_000));
    }

    #[test]
    fn a_batch_keeps_to_its_limits() {
        let limits = BatchLimits { messages_max: 3, bytes_max: 25 };
        let sizes = [10, 10, 1, 1, 1, 1, 99, 5];
        let mut pacer = Pacer::new(timeline(Speed::Max), limits);
        let mut batches = Vec::new();
        while let Turn::Send(range) =
            pacer.turn(Duration::ZERO, sizes.len(), |index| Item { offset_ns: 0, bytes: sizes[index] })
        {
            batches.push(range);
        }
        assert_eq!(batches, [0..3, 3..6, 6..7, 7..8]);
    }

    #[test]
    fn a_speed_is_a_factor_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("0.5".parse(), Ok(Speed::Factor(0.5)));
        for wrong in ["", "0", "-1", "NaN", "inf", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
