//! Schedules whose messages are due at other times than they were sent, and how fast they are at most.

use std::time::Duration;

use domain::Timestamp;

use super::{Line, Schedule};
use crate::pacer::{Speed, Timeline};

impl Schedule {
    /// With gaps between messages that are no longer than this, in nanoseconds; longer ones shrink to it.
    #[must_use]
    pub fn with_gaps_of_at_most(mut self, max_gap_ns: u64) -> Self {
        let (mut before, mut moved) = (0, 0);
        for line in &mut self.lines {
            let gap = line.offset_ns - before;
            before = line.offset_ns;
            moved += gap.min(max_gap_ns);
            line.offset_ns = moved;
        }
        self
    }

    /// In the same order, but so many a second, whenever they were due before; the first `sought` of them all at once.
    #[must_use]
    pub fn at_rate(mut self, messages_per_second: u32, sought: usize) -> Self {
        let rate = u64::from(messages_per_second.max(1));
        let sought = sought.min(self.lines.len());
        let (at_once, counted) = self.lines.split_at_mut(sought);
        at_once.iter_mut().for_each(|line| line.offset_ns = 0);
        for (index, line) in (u64::from(sought > 0)..).zip(counted) {
            let (seconds, rest) = (index / rate, index % rate);
            line.offset_ns = seconds * 1_000_000_000 + rest * 1_000_000_000 / rate;
        }
        self
    }

    /// The most messages that are due within a second of time at this speed, and when that second begins: of what is sought, from
    /// the minute on.
    #[must_use]
    pub fn peak_per_second(&self, speed: Speed) -> Option<(usize, Duration)> {
        const SECOND: Duration = Duration::from_secs(1);
        let timeline = Timeline::new(Timestamp(0), speed);
        let due = |line: &Line| timeline.due_after(line.offset_ns);
        let paced = || self.lines.iter().filter(|line| !line.is_sought);
        let (mut first, mut behind_first) = (paced().peekable(), 0);
        let counted = paced().enumerate().filter_map(|(last, line)| {
            while first.next_if(|first| due(first) + SECOND <= due(line)).is_some() {
                behind_first += 1;
            }
            Some((last + 1 - behind_first, due(first.peek()?)))
        });
        counted.reduce(|most, other| if other.0 > most.0 { other } else { most })
    }
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;
    use crate::{Format, ScheduleBuilder};

    fn schedule(messages: &[(u64, &str)]) -> Schedule {
        let mut builder = ScheduleBuilder::default();
        for (offset_ns, message) in messages {
            builder.push(&Name::new("md").unwrap(), Format::Json, *offset_ns, message.as_bytes()).unwrap();
        }
        builder.build()
    }

    fn offsets(schedule: &Schedule) -> Vec<u64> {
        (0..schedule.len()).map(|index| schedule.offset_ns(index)).collect()
    }

    #[test]
    fn long_gaps_shrink_and_short_ones_stay() {
        let schedule = schedule(&[(5, "a"), (6, "b"), (100, "c"), (100, "d"), (111, "e")]);
        assert_eq!(offsets(&schedule.with_gaps_of_at_most(10)), [5, 6, 16, 16, 26]);
    }

    #[test]
    fn a_rate_spaces_evenly_and_adds_up() {
        let rated = schedule(&[(5, "a"); 7]).at_rate(3, 0);
        let second = 1_000_000_000;
        assert_eq!(
            offsets(&rated),
            [0, second / 3, 2 * second / 3, second, second + second / 3, second + 2 * second / 3, 2 * second]
        );
        let rated = schedule(&[(0, "a"), (0, "a"), (5, "a"), (5, "a")]).at_rate(2, 2);
        assert_eq!(offsets(&rated), [0, 0, second / 2, second], "what is sought goes at once");
    }

    #[test]
    fn the_busiest_second_is_found_at_any_speed() {
        let ms = 1_000_000;
        let schedule =
            schedule(&[(0, "a"), (900 * ms, "b"), (1_100 * ms, "c"), (1_899 * ms, "d"), (5_000 * ms, "e")]);
        assert_eq!(schedule.peak_per_second(Speed::Factor(1.0)), Some((3, Duration::from_millis(900))));
        assert_eq!(schedule.peak_per_second(Speed::Factor(10.0)), Some((5, Duration::ZERO)));
        assert_eq!(ScheduleBuilder::default().build().peak_per_second(Speed::Max), None);
    }

    #[test]
    fn what_is_sought_is_not_of_the_busiest_second() {
        let mut builder = ScheduleBuilder::default();
        let second = 1_000_000_000;
        for (offset_ns, is_sought) in
            [(0, true), (0, true), (0, true), (0, false), (second, false), (second, true)]
        {
            builder.push(&Name::new("md").unwrap(), Format::Json, offset_ns, b"a").unwrap();
            builder.last_is_sought(is_sought);
        }
        let schedule = builder.build();
        assert_eq!(schedule.paced(), 2);
        assert_eq!(schedule.peak_per_second(Speed::Factor(1.0)), Some((1, Duration::ZERO)));
        let afresh = schedule.afresh("-r2").unwrap();
        assert_eq!(afresh.paced(), 2);
    }
}
