//! What became of each message, written down by all lanes at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;

use super::lane::Lateness;
use super::moments::Moments;
use crate::ledger::{Deliveries, NEVER};
use crate::pacer::Timeline;
use crate::schedule::Schedule;

/// One entry per line of a schedule; each line is one lane's.
#[derive(Debug)]
pub(crate) struct Log {
    /// When it was due, as far as that was known when it went.
    due_micros: Vec<AtomicI64>,
    /// The time that it said it was made at, where that was rewritten.
    made_micros: Vec<AtomicI64>,
    sent_micros: Vec<AtomicI64>,
    late_micros: Vec<AtomicI64>,
    waited_micros: Vec<AtomicI64>,
    answered_micros: Vec<AtomicI64>,
    status: Vec<AtomicU16>,
    /// How many requests with a line had no answer: of few there is one.
    unanswered: Mutex<BTreeMap<u32, u32>>,
    /// One beyond the last line of each channel that its lane has come to.
    come_to: Vec<AtomicU64>,
    moments: Moments,
}

impl Log {
    /// Of a schedule of which nothing has been sent.
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let come_to = schedule.channels().iter().map(|_| AtomicU64::new(0)).collect();
        Self { come_to, moments: Moments::of(schedule), ..Self::of_lines(schedule.len()) }
    }

    /// Of a drive that had nothing to send.
    pub(super) fn of_nothing() -> Self {
        Self::of_lines(0)
    }

    fn of_lines(lines: usize) -> Self {
        let never = || (0..lines).map(|_| AtomicI64::new(NEVER)).collect();
        let status = (0..lines).map(|_| AtomicU16::new(0)).collect();
        Self {
            due_micros: never(),
            made_micros: never(),
            sent_micros: never(),
            late_micros: never(),
            waited_micros: never(),
            answered_micros: never(),
            status,
            unanswered: Mutex::default(),
            come_to: Vec::new(),
            moments: Moments::default(),
        }
    }

    /// The turn of these has come on their lane, whatever becomes of them.
    pub(super) fn come_to(&self, schedule: &Schedule, lines: &[u32]) {
        for line in lines {
            let come_to = &self.come_to[schedule.channel(*line as usize)];
            come_to.fetch_max(u64::from(*line) + 1, Ordering::Relaxed);
        }
    }

    /// Whether the turn of a line has come on its lane.
    pub(super) fn has_come_to(&self, schedule: &Schedule, line: usize) -> bool {
        let come_to = self.come_to.get(schedule.channel(line));
        come_to.is_some_and(|come_to| (line as u64) < come_to.load(Ordering::Relaxed))
    }

    /// These went out, each `due` so long after the start: a playhead that is moved often forgets it.
    pub(super) fn sent(&self, lines: &[u32], elapsed: Duration, due: impl Fn(usize) -> Duration) {
        for line in lines.iter().map(|line| *line as usize) {
            self.due_micros[line].store(micros(due(line)), Ordering::Relaxed);
            self.sent_micros[line].store(micros(elapsed), Ordering::Relaxed);
        }
    }

    /// When a line was due that has gone out, in microseconds after the start.
    pub(super) fn due_micros(&self, line: usize) -> Option<i64> {
        self.due_micros.get(line).map(|due| due.load(Ordering::Relaxed)).filter(|due| *due != NEVER)
    }

    /// A line is about to go, and to say that it was made then: the time that it says, which is written down.
    pub(super) fn made(
        &self,
        schedule: &Schedule,
        line: usize,
        started_at: Timestamp,
        at: Timestamp,
    ) -> Timestamp {
        let gone = |line: usize| {
            let made = self.made_micros[line].load(Ordering::Relaxed);
            (made != NEVER).then(|| started_at.plus_micros(made))
        };
        let at = self.moments.next(schedule, line, at, gone);
        self.made_micros[line].store(at.micros_since(started_at), Ordering::Relaxed);
        at
    }

    /// The times with which lines went out that were rewritten, in microseconds after the start; [`NEVER`] of others.
    pub(super) fn all_made_micros(&self) -> Vec<i64> {
        self.made_micros.iter().map(|made| made.load(Ordering::Relaxed)).collect()
    }

    /// The time with which a line went out, in microseconds after the start; where it kept its own, when it was due.
    pub(super) fn made_micros(&self, line: usize) -> Option<i64> {
        let made = self.made_micros.get(line).map(|made| made.load(Ordering::Relaxed));
        made.filter(|made| *made != NEVER).or_else(|| self.due_micros(line))
    }

    pub(super) fn late(&self, line: u32, late: Lateness) {
        let signed = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
        self.late_micros[line as usize].store(signed(late.own), Ordering::Relaxed);
        self.waited_micros[line as usize].store(signed(late.waited), Ordering::Relaxed);
    }

    /// How late each line was once nothing was in its way, where that counts.
    pub(super) fn late_micros(&self) -> Vec<i64> {
        self.late_micros.iter().map(|late| late.load(Ordering::Relaxed)).collect()
    }

    /// How long each line waited for an answer until then, where that counts.
    pub(super) fn waited_micros(&self) -> Vec<i64> {
        self.waited_micros.iter().map(|waited| waited.load(Ordering::Relaxed)).collect()
    }

    pub(super) fn answered(&self, lines: &[u32], status: u16, elapsed: Duration) {
        for line in lines {
            self.answered_micros[*line as usize].store(micros(elapsed), Ordering::Relaxed);
            self.status[*line as usize].store(status, Ordering::Relaxed);
        }
    }

    /// A request with these lines had no answer.
    pub(super) fn unanswered(&self, lines: impl Iterator<Item = u32>) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        lines.for_each(|line| *unanswered.entry(line).or_default() += 1);
    }

    /// What is known of every line by now.
    pub(super) fn deliveries(&self, schedule: &Schedule, timeline: &Timeline) -> Deliveries {
        let times = |times: &[AtomicI64]| times.iter().map(|time| time.load(Ordering::Relaxed)).collect();
        let channels = schedule.channels().iter();
        let due = |line: usize| {
            self.due_micros(line).unwrap_or_else(|| micros(timeline.due_after(schedule.offset_ns(line))))
        };
        Deliveries {
            started_at: timeline.started_at,
            events: channels.map(|channel| channel.event_id.clone().unwrap_or_default()).collect(),
            event: (0..schedule.len()).map(|line| schedule.channel(line) as u32).collect(),
            due_micros: (0..schedule.len()).map(due).collect(),
            sent_micros: times(&self.sent_micros),
            answered_micros: times(&self.answered_micros),
            status: self.status.iter().map(|status| status.load(Ordering::Relaxed)).collect(),
            unanswered: self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Drives are far shorter than where this matters.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
