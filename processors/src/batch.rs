//! What a batch of feed records comes to: decided in memory, written by one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::codec::Envelope;
use domain::codec::json::{self, DecodeError};
use domain::intake::{Arrival, HoldLimits};
use domain::letter::{LetterMark, Redrive};
use domain::refused::RefusedMessage;
use domain::{Content, EventId, EventStatus, FeedMessage, Intake, Sport, Timestamp};

use crate::producers::Producers;
use crate::store::rows::Writes;

mod planner;
mod producers;
mod redrives;
#[cfg(test)]
mod tests;

pub use planner::Planner;
pub use producers::ProducersWritten;
pub use redrives::{Letter, PassedOver};

/// One record of the feed topic, decoded once.
#[derive(Debug)]
pub struct FeedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// What they say.
    pub decoded: Result<Said, DecodeError>,
    /// What of a message that cannot be decoded can be read all the same.
    pub envelope: Option<Box<Envelope>>,
    /// Which dead letter's place it takes, where it takes one.
    pub redrive: Option<Redrive>,
    /// Whether it is marked as of a producer whose messages have no sequence.
    pub is_marked_unnumbered: bool,
}

/// What a record says.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the small variant is the rare one")]
pub enum Said {
    /// A message of a provider.
    Message(FeedMessage),
    /// That ingestion has refused one.
    Refused(RefusedMessage),
}

impl FeedRecord {
    /// Decodes a record.
    #[must_use]
    pub fn new(partition: i32, offset: i64, key: Option<&[u8]>, payload: &[u8]) -> Self {
        let decoded = json::decode(payload).map(Said::Message);
        let envelope = decoded.is_err().then(|| Box::new(Envelope::of_json(payload)));
        let (key, payload) = (key.map(<[u8]>::to_vec), Arc::from(payload));
        Self {
            partition,
            offset,
            key,
            payload,
            decoded,
            envelope,
            redrive: None,
            is_marked_unnumbered: false,
        }
    }

    /// The record with the header that says which dead letter's place it takes; one that is unreadable says nothing.
    #[must_use]
    pub fn with_redrive(mut self, header: Option<&[u8]>) -> Self {
        self.redrive = header.and_then(|header| std::str::from_utf8(header).ok()?.parse().ok());
        self
    }

    /// The record with the header that says that its producer's messages have no sequence.
    #[must_use]
    pub fn with_unnumbered(mut self, header: Option<&[u8]>) -> Self {
        self.is_marked_unnumbered = header.is_some();
        self
    }

    /// Whether its producer's messages have no sequence.
    #[must_use]
    pub fn is_unnumbered(&self) -> bool {
        let is_event = |message: &FeedMessage| matches!(message.content, Content::Event(_));
        self.is_marked_unnumbered
            || self.message().is_some_and(|message| is_event(message) && message.position().is_none())
    }

    /// The same of a record that tells of a message that ingestion refused.
    #[must_use]
    pub fn refused(partition: i32, offset: i64, key: Option<&[u8]>, payload: &[u8]) -> Self {
        let read = RefusedMessage::decode(payload).map(Said::Refused);
        let decoded = read.map_err(|error| DecodeError::Schema {
            pointer: String::new(),
            detail: format!("what is told of a refused message cannot be read: {error}"),
        });
        let (key, payload) = (key.map(<[u8]>::to_vec), Arc::from(payload));
        let (envelope, redrive) = (None, None);
        Self { partition, offset, key, payload, decoded, envelope, redrive, is_marked_unnumbered: false }
    }

    /// What its event is to hear of a message that cannot be decoded, and is refused at this time: as of one that ingestion
    /// refused. Whoever wrote it to the feed of this sport may know more kinds of messages than are known here.
    pub(crate) fn refusals(&self, refused_at: Timestamp) -> Vec<RefusedMessage> {
        let Some(read) = self.envelope.as_deref().cloned() else { return Vec::new() };
        let Some(provider) = read.provider.clone() else { return Vec::new() };
        let (by_time, mark) = (read.position.is_none(), LetterMark::of(&self.payload));
        RefusedMessage::of(read, &provider, by_time, mark, refused_at)
    }

    /// The message, where it is one and can be read.
    #[must_use]
    pub fn message(&self) -> Option<&FeedMessage> {
        match self.decoded.as_ref().ok()? {
            Said::Message(message) => Some(message),
            Said::Refused(_) => None,
        }
    }

    /// The message as its event takes it.
    pub(crate) fn arrival(&self) -> Option<Arrival> {
        Some(Arrival {
            message: self.message()?.clone(),
            payload: Arc::clone(&self.payload),
            feed_offset: self.offset,
            redrive: self.redrive,
        })
    }

    /// Its partition, and when ingestion received it, where it says so.
    #[must_use]
    pub fn heard_at(&self) -> Option<(i32, Timestamp)> {
        let received_at = match self.decoded.as_ref().ok()? {
            Said::Message(message) => message.received_at,
            // Who closes a letter need not have our clock.
            Said::Refused(refused) => (!refused.closed).then_some(refused.received_at),
        };
        Some((self.partition, received_at?))
    }

    /// The event it concerns, where that is readable and it concerns one.
    #[must_use]
    pub fn event_id(&self) -> Option<&EventId> {
        match &self.decoded {
            Ok(Said::Message(message)) => match &message.content {
                Content::Event(event) => Some(&event.event_id),
                Content::Producer(_) => None,
            },
            Ok(Said::Refused(refused)) => Some(&refused.event_id),
            Err(_) => self.envelope.as_deref()?.event_id.as_ref(),
        }
    }
}

/// A partition that this process owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedPartition {
    /// The fence: how often the partition has been taken.
    pub generation: i64,
    /// The next feed offset.
    pub next_offset: i64,
    /// The next outbox number.
    pub next_number: i64,
}

/// An event a batch works on. Taken out of memory before, and put back only after COMMIT.
#[derive(Debug)]
pub struct WorkingEvent {
    /// Its state and what waits for it.
    pub intake: Intake,
    /// The feed partition it lives in.
    pub partition: i32,
    /// The UTC day on which it was first seen, `YYYY-MM-DD`.
    pub first_seen_day: String,
    /// When odds of it last came in, or it was read from the database, whichever is later.
    pub odds_at: Timestamp,
}

impl WorkingEvent {
    /// For how many microseconds a game that is being played has had no odds; `None` where it is not being played.
    #[must_use]
    pub fn odds_age_micros(&self, now: Timestamp) -> Option<i64> {
        let status = self.intake.state().head().status.as_ref()?;
        (status.value.status == EventStatus::Live).then(|| now.micros_since(self.odds_at))
    }
}

/// What a plan begins with. It changes nothing of it: that is COMMIT's.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The sport.
    pub sport: Sport,
    /// The clock.
    pub now: Timestamp,
    /// How long and how many early messages wait.
    pub limits: HoldLimits,
    /// How many messages may wait of the events that are worked on, of those for which this process has room.
    pub held_room: usize,
    /// The partitions that this process owns.
    pub partitions: &'a BTreeMap<i32, OwnedPartition>,
    /// The time up to which each partition's feed has been processed.
    pub heard_until: &'a BTreeMap<i32, Timestamp>,
    /// The producers that are watched.
    pub producers: &'a Producers,
}

/// What became of the messages, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages applied.
    pub applied: u64,
    /// Messages seen before.
    pub duplicate: u64,
    /// Messages whose turn had passed.
    pub stale: u64,
    /// Messages that wait.
    pub held: u64,
    /// Messages refused.
    pub dead_letters: u64,
    /// Gaps declared.
    pub gaps: u64,
    /// Messages of producers as a whole.
    pub producer: u64,
    /// Messages that were refused and of which their event could not be told.
    pub untold: u64,
    /// Messages of producers that cannot be watched, for so many others are.
    pub unwatched: u64,
    /// Events that lost something open to a producer that is down.
    pub distrusted: u64,
    /// Events that got something back from one that is up again.
    pub trusted: u64,
}

/// The outcome of planning.
#[derive(Debug)]
pub struct Plan {
    /// What to commit.
    pub writes: Writes,
    /// The partitions as they are after it.
    pub partitions: BTreeMap<i32, OwnedPartition>,
    /// What became of the messages.
    pub tally: Tally,
    /// When each applied message was generated, for the latency.
    pub generated_at: Vec<Timestamp>,
}
