//! What of a schedule goes out otherwise than it was written, since somebody has asked for it: other sequences, other times,
//! and messages that are not in it.
//!
//! Whoever sends a message of the schedule, for the first time or once more, writes it by way of this.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Content, EventId, FeedMessage, Position, Timestamp};

use super::{Due, Wish};
use crate::faults::{Factor, Kind, another, position_of, restarted, rolled_back, unannounced_id};
use crate::schedule::{Channel, Schedule, Times};

/// A second, in microseconds.
const SECOND_MICROS: i64 = 1_000_000;

/// All of one drive. Each event has one at most.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    of_channels: Mutex<BTreeMap<usize, Revision>>,
    /// Whether there are any: nearly never, and then nobody waits for them.
    are_there: AtomicBool,
}

/// What is otherwise in the messages about one event.
#[derive(Debug, Clone)]
enum Revision {
    /// From this line on they are counted on from a snapshot before it, in the next epoch.
    Restarted { from: usize, at: Position, snapshot: Box<FeedMessage> },
    /// Behind this line two more have been said.
    RolledBack { settled: usize, at: Position, said: Box<[FeedMessage; 2]> },
    /// These lines have times so far ahead, in microseconds.
    Skewed { lines: Vec<usize>, ahead_micros: i64 },
}

/// What is sent beside the schedule's messages.
pub(super) struct Added {
    pub(super) kind: Kind,
    pub(super) messages: Vec<FeedMessage>,
    /// Whether it goes before the message that is due, and not behind it.
    pub(super) is_before: bool,
}

impl Revisions {
    fn of_channels(&self) -> MutexGuard<'_, BTreeMap<usize, Revision>> {
        self.of_channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, channel: usize, revision: Revision) {
        self.of_channels().insert(channel, revision);
        self.are_there.store(true, Ordering::Release);
    }

    fn of(&self, schedule: &Schedule, line: usize) -> Option<Revision> {
        self.are_there
            .load(Ordering::Acquire)
            .then(|| self.of_channels().get(&schedule.channel(line)).cloned())?
    }

    /// From this message on its event has the sequences that such a wish makes of them; what is said besides is the answer.
    pub(super) fn renumber(&self, wish: Wish, due: Due, read: &FeedMessage) -> Option<Added> {
        let channel = due.schedule.channel(due.line);
        match wish {
            Wish::Restart => {
                let (snapshot, at) = (due.snapshot(read)?, position_of(read)?);
                let kind = Kind::Restart { epoch: at.epoch + 1 };
                let messages = vec![snapshot.clone()];
                let snapshot = Box::new(snapshot);
                self.add(channel, Revision::Restarted { from: due.line, at, snapshot });
                Some(Added { kind, messages, is_before: true })
            }
            Wish::SettlementRollback => {
                let settled = FeedMessage { generated_at: due.generated_at, ..read.clone() };
                let ((markets, said), at) = (rolled_back(&settled)?, position_of(read)?);
                let messages = said.to_vec();
                let said = Box::new(said);
                self.add(channel, Revision::RolledBack { settled: due.line, at, said });
                Some(Added { kind: Kind::SettlementRollback { markets }, messages, is_before: false })
            }
            _ => None,
        }
    }

    /// This message's times are so far ahead.
    pub(super) fn skew(&self, due: Due, seconds: i32) {
        let mut revisions = self.of_channels();
        let ahead_micros = i64::from(seconds) * SECOND_MICROS;
        let revision = revisions
            .entry(due.schedule.channel(due.line))
            .or_insert_with(|| Revision::Skewed { lines: Vec::new(), ahead_micros });
        if let Revision::Skewed { lines, .. } = revision {
            lines.push(due.line);
        }
        self.are_there.store(true, Ordering::Release);
    }

    /// Appends message `line` of the schedule to `out` as it goes out.
    pub(crate) fn write(&self, schedule: &Schedule, line: usize, times: Times, out: &mut Vec<u8>) {
        let Some(revision) = self.of(schedule, line) else { return schedule.write(line, times, out) };
        if let Revision::Skewed { lines, ahead_micros } = &revision
            && lines.contains(&line)
            && let Some(at) = made_at(schedule, line, times)
        {
            return schedule.write(line, Times::Generated(at.plus_micros(*ahead_micros)), out);
        }
        let mut written = Vec::new();
        schedule.write(line, times, &mut written);
        let Channel { format, provider, .. } = &schedule.channels()[schedule.channel(line)];
        let renumbered = format.decode(&written, provider).and_then(|mut message| {
            let Content::Event(event) = &mut message.content else { return None };
            event.position = Some(revision.position(line, event.position?)?);
            format.encode(&message)
        });
        out.extend_from_slice(renumbered.as_deref().map_or(&written[..], |message| format.in_batch(message)));
    }

    /// What is said besides before message `line`, and what behind it.
    pub(crate) fn beside(&self, schedule: &Schedule, line: usize) -> [Vec<FeedMessage>; 2] {
        match self.of(schedule, line) {
            Some(Revision::Restarted { from, snapshot, .. }) if from == line => [vec![*snapshot], Vec::new()],
            Some(Revision::RolledBack { settled, said, .. }) if settled == line => {
                [Vec::new(), said.to_vec()]
            }
            _ => [Vec::new(), Vec::new()],
        }
    }
}

impl Revision {
    /// Where a message stands now; `None` where that is as it was, as of one that is said once more.
    fn position(&self, line: usize, was: Position) -> Option<Position> {
        match self {
            Self::Restarted { from, at, .. } if line >= *from && was.epoch == at.epoch && was >= *at => {
                Some(Position { epoch: was.epoch + 1, sequence: was.sequence - at.sequence + 2 })
            }
            // A later epoch of its own comes after the one that was begun.
            Self::Restarted { from, at, .. } if line >= *from && was > *at => {
                Some(Position { epoch: was.epoch + 1, ..was })
            }
            Self::RolledBack { settled, at, .. } if line > *settled && was > *at => {
                let added = if was.epoch == at.epoch { 2 } else { 0 };
                Some(Position { sequence: was.sequence + added, ..was })
            }
            _ => None,
        }
    }
}

impl Due<'_> {
    /// The lines about the same event, from this one on.
    fn lines(self) -> impl Iterator<Item = usize> {
        let Due { schedule, line, .. } = self;
        let channel = schedule.channel(line);
        (line..schedule.len()).filter(move |line| schedule.channel(*line) == channel)
    }

    /// Whether so many messages of the event come behind it within a time of the receiver's clock.
    pub(super) fn is_followed(self, count: u32, within: Duration) -> bool {
        let last = self.lines().nth(count as usize);
        let wait_ns = |last: usize| self.schedule.offset_ns(last) - self.schedule.offset_ns(self.line);
        let is_soon = |last: usize| {
            let wait = |speed: Factor| Duration::from_nanos(speed.real_ns(wait_ns(last)));
            self.speed.is_none_or(|speed| wait(speed) < within)
        };
        last.is_some_and(is_soon)
    }

    /// The messages about the same event before it.
    fn before(self) -> impl Iterator<Item = FeedMessage> {
        let Due { schedule, line, .. } = self;
        let channel = schedule.channel(line);
        let before = (0..line).filter(move |line| schedule.channel(*line) == channel);
        before.filter_map(|line| schedule.read(line))
    }

    /// Whether something of the event was said before it.
    pub(super) fn is_preceded(self) -> bool {
        self.before().next().is_some()
    }

    /// All that was said of the event before it, as the message with which its producer begins anew.
    fn snapshot(self, read: &FeedMessage) -> Option<FeedMessage> {
        let mut snapshot = restarted(read, self.before())?;
        snapshot.generated_at = self.generated_at;
        Some(snapshot)
    }

    /// A copy of it about an event of which nobody knows anything.
    pub(super) fn of_nobody(self, read: &FeedMessage, number: usize) -> Option<(EventId, FeedMessage)> {
        let Content::Event(event) = &read.content else { return None };
        let nobody = unannounced_id(&event.event_id, &format!("-unannounced-now-{number}"))?;
        Some((nobody.clone(), said_of(another(read, nobody), self.generated_at)))
    }
}

/// The time from which message `line` counts its own when it goes out with these.
fn made_at(schedule: &Schedule, line: usize, times: Times) -> Option<Timestamp> {
    match times {
        Times::Generated(at) => Some(at),
        Times::AsWritten => {
            let late_micros = schedule.late_micros(line)?;
            Some(schedule.read(line)?.generated_at.plus_micros(late_micros))
        }
    }
}

fn said_of(message: FeedMessage, generated_at: Timestamp) -> FeedMessage {
    FeedMessage { generated_at, occurred_at: None, ..message }
}
