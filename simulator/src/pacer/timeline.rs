//! What a schedule's offsets are on the clock: when each message is due, also where somebody stopped on the way.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use domain::Timestamp;

/// How many legs are kept. Of a timeline that changes course more often the oldest become one: when their messages were due is
/// written down as they go, and nobody asks here any more.
const LEGS_MAX: usize = 4_096;

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
    pub const FACTORS: std::ops::RangeInclusive<f64> = 0.1..=10_000.0;
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
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The wall clock at the schedule's start.
    pub started_at: Timestamp,
    /// In the order in which they were begun; the first one has no `after`.
    legs: Vec<Leg>,
}

/// A part of the way that is gone at one speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leg {
    /// It concerns what has a greater offset than this.
    pub(super) after_ns: Option<u64>,
    /// This offset is due...
    pub(super) offset_ns: u64,
    /// ...this long after the start.
    pub(super) elapsed: Duration,
    pub(super) speed: Speed,
}

impl Timeline {
    /// All the way at one speed.
    #[must_use]
    pub fn new(started_at: Timestamp, speed: Speed) -> Self {
        let whole = Leg { after_ns: None, offset_ns: 0, elapsed: Duration::ZERO, speed };
        Self { started_at, legs: vec![whole] }
    }

    /// How long after the start a message with this offset is due.
    #[must_use]
    pub fn due_after(&self, offset_ns: u64) -> Duration {
        let leg = self.leg(offset_ns);
        let further = offset_ns.saturating_sub(leg.offset_ns);
        match leg.speed {
            Speed::Max => leg.elapsed,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "exact for a hundred days, and the cast saturates"
            )]
            Speed::Factor(factor) => {
                leg.elapsed.saturating_add(Duration::from_nanos((further as f64 / factor) as u64))
            }
        }
    }

    /// The wall clock when a message with this offset is due. At top speed that is the start, for all.
    #[must_use]
    pub fn due_at(&self, offset_ns: u64) -> Timestamp {
        let micros = self.due_after(offset_ns).as_micros();
        self.started_at.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// How fast a message with this offset is come to.
    #[must_use]
    pub fn speed_at(&self, offset_ns: u64) -> Speed {
        self.leg(offset_ns).speed
    }

    /// How fast it is gone on.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.last().speed
    }

    /// The offset that is due this long after the start; `None` at top speed, where all are.
    pub(super) fn offset_ns(&self, elapsed: Duration) -> Option<u64> {
        let leg = self.last();
        match leg.speed {
            Speed::Max => None,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "exact for a hundred days, and the cast saturates"
            )]
            Speed::Factor(factor) => {
                let further = elapsed.saturating_sub(leg.elapsed).as_nanos() as f64 * factor;
                Some(leg.offset_ns.saturating_add(further as u64))
            }
        }
    }

    /// The offset beyond which the leg lies that it is on; `None` where that is the first.
    pub(super) fn last_after_ns(&self) -> Option<u64> {
        self.last().after_ns
    }

    /// Goes on by another leg. Nothing lies on one that begins where the next one does.
    pub(super) fn turn_to(&mut self, leg: Leg) {
        match leg.after_ns {
            None => self.legs.clear(),
            Some(_) if self.last().after_ns == leg.after_ns => drop(self.legs.pop()),
            Some(_) if self.legs.len() == LEGS_MAX => self.forget(),
            Some(_) => {}
        }
        self.legs.push(leg);
    }

    /// Makes one of the two oldest legs: it goes evenly from where the first one begins to where the second one ends, so that
    /// what lies on it was due between the two, in its order.
    #[expect(clippy::cast_precision_loss, reason = "exact for a hundred days")]
    fn forget(&mut self) {
        let Leg { after_ns, elapsed, .. } = self.legs[2];
        self.legs.remove(1);
        let first = &mut self.legs[0];
        let way = after_ns.unwrap_or_default().saturating_sub(first.offset_ns);
        let took = elapsed.saturating_sub(first.elapsed);
        first.speed = match took.is_zero() {
            true => Speed::Max,
            false => Speed::Factor(way as f64 / took.as_nanos() as f64),
        };
    }

    fn last(&self) -> &Leg {
        self.legs.last().expect("there is always a leg")
    }

    fn leg(&self, offset_ns: u64) -> &Leg {
        let concerns = |leg: &Leg| leg.after_ns.is_none_or(|after_ns| after_ns < offset_ns);
        if concerns(self.last()) {
            return self.last();
        }
        let later = self.legs.partition_point(concerns);
        &self.legs[later.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn speed_divides_offsets() {
        let timeline = |speed| Timeline::new(Timestamp(1_000), speed);
        let due = |speed: Speed, offset_ns| timeline(speed).due_after(offset_ns);
        assert_eq!(due(Speed::Factor(60.0), 60 * MS), Duration::from_millis(1));
        assert_eq!(due(Speed::Factor(0.5), 60 * MS), Duration::from_millis(120));
        assert_eq!(due(Speed::Max, u64::MAX), Duration::ZERO);
        assert_eq!(timeline(Speed::Factor(2.0)).due_at(4 * MS), Timestamp(3_000));
    }

    #[test]
    fn a_later_leg_leaves_what_was_due_before_it_as_it_was() {
        let mut timeline = Timeline::new(Timestamp(0), Speed::Factor(1.0));
        let elapsed = Duration::from_millis(50);
        timeline.turn_to(Leg {
            after_ns: Some(10 * MS),
            offset_ns: 10 * MS,
            elapsed,
            speed: Speed::Factor(2.0),
        });
        let due = [10 * MS, 10 * MS + 2, 20 * MS].map(|offset_ns| timeline.due_after(offset_ns));
        assert_eq!(
            due,
            [Duration::from_millis(10), elapsed + Duration::from_nanos(1), Duration::from_millis(55)]
        );
        assert_eq!(timeline.offset_ns(Duration::from_millis(55)), Some(20 * MS));
        assert_eq!((timeline.speed_at(MS), timeline.speed()), (Speed::Factor(1.0), Speed::Factor(2.0)));
    }

    /// A leg that begins at this offset, so long after the start.
    fn leg(offset_ns: u64, elapsed_ns: u64) -> Leg {
        let elapsed = Duration::from_nanos(elapsed_ns);
        Leg { after_ns: Some(offset_ns), offset_ns, elapsed, speed: Speed::Factor(1.0) }
    }

    #[test]
    fn what_changes_course_for_ever_forgets_how_it_began_and_keeps_its_order() {
        let mut timeline = Timeline::new(Timestamp(0), Speed::Factor(1.0));
        let changes = 3 * LEGS_MAX as u64;
        // It stands still for as long as it has gone, a hundred nanoseconds each time.
        for change in 1..=changes {
            timeline.turn_to(leg(change * 100, change * 200));
        }
        assert_eq!(timeline.legs.len(), LEGS_MAX);
        let due = |offset_ns| timeline.due_after(offset_ns).as_nanos();
        let in_truth = |offset_ns: u64| {
            let change = (offset_ns - 1) / 100;
            u128::from(change * 200 + offset_ns - change * 100)
        };
        let kept = (changes - LEGS_MAX as u64 + 2) * 100;
        for offset_ns in [kept + 1, kept + 150, changes * 100, changes * 100 + 77] {
            assert_eq!(due(offset_ns), in_truth(offset_ns), "{offset_ns}");
        }
        let mut before = 0;
        for offset_ns in (1..=kept).step_by(7) {
            let off = due(offset_ns).abs_diff(in_truth(offset_ns));
            assert!(before <= due(offset_ns) && off <= 100, "{offset_ns} is off by {off}");
            before = due(offset_ns);
        }
    }

    #[test]
    fn what_stands_takes_any_number_of_orders_for_one_leg() {
        let mut timeline = Timeline::new(Timestamp(0), Speed::Factor(1.0));
        for elapsed_ns in 1_000..1_000 + 2 * LEGS_MAX as u64 {
            timeline.turn_to(leg(500, elapsed_ns));
        }
        assert_eq!((timeline.legs.len(), timeline.due_after(400)), (2, Duration::from_nanos(400)));
        assert_eq!(timeline.due_after(501), Duration::from_nanos(1_000 + 2 * LEGS_MAX as u64));
    }

    #[test]
    fn a_speed_is_a_factor_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        for (text, factor) in [("0.1", 0.1), ("0.5", 0.5), ("10000", 10_000.0)] {
            assert_eq!(text.parse(), Ok(Speed::Factor(factor)));
        }
        for wrong in ["", "0", "0.09", "10001", "-1", "NaN", "inf", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
        let error = "20000".parse::<Speed>().unwrap_err().to_string();
        assert_eq!(error, "`20000` is not a speed: a factor from 0.1 to 10000, or `max`");
    }
}
