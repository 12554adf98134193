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
    /// Whether it was ended before its time.
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

    /// Accepted messages a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64().max(1e-9)
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
            past: Past { flights: Arc::default(), log: Arc::new(Log::of(0)) },
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
