//! How a drive went, put together from what its lanes know.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::{EventId, Timestamp};
use hdrhistogram::Histogram;

use super::counters::Counters;
use super::{Log, Past, Progress, REFUSED_SHOWN_MAX};
use crate::ledger::Deliveries;
use crate::pacer::{Speed, Timeline};
use crate::sender::Problem;

/// From where on a drive is late, in microseconds: what came of it is no longer what was to come.
pub const LATE_MICROS: u32 = 100_000;

/// How a drive went.
#[derive(Debug, Clone)]
pub struct DriveReport {
    /// When it began, how fast it went and where it stood still: what says when each message was due.
    pub timeline: Timeline,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// Messages in all.
    pub messages: u64,
    /// Messages that went out at least once.
    pub sent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// How many of these were due at once, since a minute behind them was sought.
    pub sought: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// Requests without an answer: whether their messages were taken the first time is not known.
    pub unanswered: u64,
    /// Messages without a final answer when patience ended, and those that were to follow on their lanes.
    pub undelivered: u64,
    /// The last thing that stood in a lane's way, where one gave up.
    pub gave_up: Option<String>,
    /// What stood in the way at the end, where nothing had been taken since it was met.
    pub obstacle: Option<String>,
    /// The first refused messages by their place in the schedule.
    pub refused_first: BTreeMap<usize, Problem>,
    /// What became of each message.
    pub deliveries: Deliveries,
    /// Bytes of all requests, each counted once.
    pub bytes: u64,
    /// Whether it was ended before its time: before all was answered.
    pub is_stopped: bool,
    /// Games that were told to be abandoned.
    pub abandoned: u64,
    /// Which these are.
    pub abandoned_events: Vec<EventId>,
    /// Whether messages went out with the times they were written with.
    pub is_raw: bool,
    /// From due to sent for the first time, in microseconds; of what came due while its provider was made silent, from the end
    /// of that. Empty at top speed: nothing is due then.
    pub lateness_micros: Histogram<u64>,
    /// How much of that was the drive's own doing, of each message in the order of the schedule: counted from the answer to what
    /// went before on its connection, where that came later. [`crate::ledger::NEVER`] where it does not count.
    pub late_micros: Vec<i64>,
    /// The rest: how long each waited for that answer; 0 where it was there. [`crate::ledger::NEVER`] where it does not count.
    pub waited_micros: Vec<i64>,
    /// The time that each message said it was made at, where that was rewritten; [`crate::ledger::NEVER`] of others.
    pub(super) made_micros: Vec<i64>,
    /// What [`super::keep_alive`] goes on from.
    pub past: Past,
}

impl DriveReport {
    /// Of a drive that had nothing to send.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::new(0)
    }

    /// Whether every message was accepted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.accepted == self.messages
    }

    /// How late the last was of the best 99 in 100 moments at which something was due, in microseconds, whatever it was late for: where
    /// that is more than [`LATE_MICROS`], messages did not go at the rate that was asked for. What is due at one moment
    /// with something else is sent as fast as that goes, and counts with it. `None` where nothing was due, as at top speed.
    #[must_use]
    pub fn late_p99_micros(&self) -> Option<u64> {
        let mut moment = None;
        let lateness = self.late_micros.iter().zip(&self.waited_micros).zip(&self.deliveries.due_micros);
        let first_of_each = lateness.filter_map(|((late, waited), due)| {
            // What never went out, or was meant to be late, is not late.
            let (Ok(late), Ok(waited)) = (u64::try_from(*late), u64::try_from(*waited)) else { return None };
            (moment.replace(*due) != Some(*due)).then_some(late + waited)
        });
        let mut micros: Vec<u64> = first_of_each.collect();
        let place = (micros.len() * 99).div_ceil(100).checked_sub(1)?;
        Some(*micros.select_nth_unstable(place).1)
    }

    /// How late that was, where messages did not go at the rate that was asked for.
    #[must_use]
    pub fn late(&self) -> Option<Duration> {
        let late = self.late_p99_micros().filter(|micros| *micros > u64::from(LATE_MICROS));
        late.map(Duration::from_micros)
    }

    /// Accepted messages a second: of what was sought, from the minute on.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.accepted.saturating_sub(self.sought) as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A histogram of microseconds with three digits, up to an hour; what is longer counts as an hour.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are within what a histogram allows")
}

impl DriveReport {
    pub(super) fn new(messages: u64) -> Self {
        Self {
            timeline: Timeline::new(Timestamp(0), Speed::Max),
            elapsed: Duration::ZERO,
            messages,
            sent: 0,
            accepted: 0,
            sought: 0,
            refused: 0,
            sent_again: 0,
            unanswered: 0,
            undelivered: 0,
            gave_up: None,
            obstacle: None,
            refused_first: BTreeMap::new(),
            deliveries: Deliveries::none(Timestamp(0)),
            bytes: 0,
            is_stopped: false,
            abandoned: 0,
            abandoned_events: Vec::new(),
            is_raw: false,
            lateness_micros: histogram(),
            late_micros: Vec::new(),
            waited_micros: Vec::new(),
            made_micros: Vec::new(),
            past: Past { flights: Arc::default(), log: Arc::new(Log::of_nothing()) },
        }
    }

    /// What was counted, also by lanes that did not come to their end.
    pub(super) fn count(&mut self, counters: &Counters) {
        let Progress { sent, accepted, refused, sent_again, obstacle, .. } =
            counters.progress(self.elapsed, self.messages);
        self.obstacle = obstacle;
        (self.sent, self.accepted, self.refused, self.sent_again) = (sent, accepted, refused, sent_again);
        let lateness = counters.lateness_micros.lock().unwrap_or_else(PoisonError::into_inner);
        self.lateness_micros.clone_from(&lateness);
    }

    /// What a lane alone knows.
    pub(super) fn add(&mut self, lane: Self) {
        self.unanswered += lane.unanswered;
        self.bytes += lane.bytes;
        self.undelivered += lane.undelivered;
        self.gave_up = lane.gave_up.or(self.gave_up.take());
        self.refused_first.extend(lane.refused_first);
        while self.refused_first.len() > REFUSED_SHOWN_MAX {
            self.refused_first.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::NEVER;

    /// Of messages by when they were due, and how late they went for want of an answer and of the drive's own doing.
    fn late(messages: impl IntoIterator<Item = (i64, i64, i64)>) -> Option<u64> {
        let mut report = DriveReport::of_nothing();
        for (due, waited, own) in messages {
            report.deliveries.due_micros.push(due);
            report.waited_micros.push(waited);
            report.late_micros.push(own);
        }
        assert_eq!(report.late().is_some(), report.late_p99_micros() > Some(100_000));
        report.late_p99_micros()
    }

    #[test]
    fn a_drive_is_as_late_as_all_but_one_in_a_hundred_of_its_moments() {
        assert_eq!(late([]), None);
        assert_eq!(late((0..10).map(|due| (due, NEVER, NEVER))), None, "nothing is due at top speed");
        assert_eq!(
            late((0..100).map(|due| (due, due * 2_000, 7))),
            Some(98 * 2_000 + 7),
            "answers are waited for"
        );
        let one_held_up = (0..100).map(|due| (due, if due == 50 { 5_000_000 } else { 0 }, 10));
        assert_eq!(late(one_held_up), Some(10));
        let at_once = (0..1_000).map(|place| (0, place * 1_000, 0));
        assert_eq!(late(at_once), Some(0), "what is due at once cannot all go at once");
        assert_eq!(late((0..1_000).map(|due| (due / 10, 100_001, 0))), Some(100_001));
    }
}
