//! The open loop: when each message is due, on one absolute schedule, and what is due now.
//!
//! A message is due at the start plus its offset divided by the speed, whatever became of those before it: a
//! send that takes long makes later messages late and their batch larger, and is caught up with. Time is an
//! argument; who sleeps is another.

use std::ops::Range;

pub use playhead::Playhead;
pub use timeline::{Speed, SpeedError, Timeline};

mod playhead;
mod timeline;

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
    /// Nothing is due before what has this offset, in nanoseconds.
    Wait(u64),
    /// There is nothing left.
    Done,
}

/// Goes through a list of items, each when it is due.
#[derive(Debug)]
pub struct Pacer {
    limits: BatchLimits,
    next: usize,
}

impl Pacer {
    /// At the first item.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, next: 0 }
    }

    /// Whether all of so many items have been let go.
    #[must_use]
    pub fn is_done(&self, count: usize) -> bool {
        self.next >= count
    }

    /// What to do now: all that is due goes together, as far as the limits allow. `items` are in the order of their
    /// offsets and the same on every call; what has an offset `is_due` or not.
    pub fn turn(&mut self, count: usize, item: impl Fn(usize) -> Item, is_due: impl Fn(u64) -> bool) -> Turn {
        if self.next >= count {
            return Turn::Done;
        }
        let first = self.next;
        let mut bytes = 0;
        while self.next < count && self.next - first < self.limits.messages_max.max(1) {
            let Item { offset_ns, bytes: length } = item(self.next);
            bytes += length + 1;
            let fits = self.next == first || bytes <= self.limits.bytes_max;
            if !fits || !is_due(offset_ns) {
                break;
            }
            self.next += 1;
        }
        if self.next == first {
            return Turn::Wait(item(first).offset_ns);
        }
        Turn::Send(first..self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;

    use super::*;

    const LIMITS: BatchLimits = BatchLimits { messages_max: 500, bytes_max: 1_000_000 };
    /// Sends `count` items, `every` apart, on a clock that only waiting and sending move; returns each item's
    /// lateness and the batches' sizes.
    fn run(
        count: usize,
        every: Duration,
        send_takes: impl Fn(usize) -> Duration,
    ) -> (Vec<Duration>, Vec<usize>) {
        let every_ns = u64::try_from(every.as_nanos()).unwrap();
        let item = |index| Item { offset_ns: every_ns * index as u64, bytes: 100 };
        let timeline = Timeline::new(Timestamp(0), Speed::Factor(1.0));
        let mut pacer = Pacer::new(LIMITS);
        let (mut clock, mut late, mut batches) = (Duration::ZERO, Vec::new(), Vec::new());
        loop {
            match pacer.turn(count, item, |offset_ns| timeline.due_after(offset_ns) <= clock) {
                Turn::Wait(offset_ns) => {
                    let until = timeline.due_after(offset_ns);
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
    fn a_batch_keeps_to_its_limits() {
        let limits = BatchLimits { messages_max: 3, bytes_max: 25 };
        let sizes = [10, 10, 1, 1, 1, 1, 99, 5];
        let mut pacer = Pacer::new(limits);
        let mut batches = Vec::new();
        while let Turn::Send(range) =
            pacer.turn(sizes.len(), |index| Item { offset_ns: 0, bytes: sizes[index] }, |_| true)
        {
            batches.push(range);
        }
        assert_eq!(batches, [0..3, 3..6, 6..7, 7..8]);
    }
}
