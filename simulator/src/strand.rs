//! Strands: the messages about one event on their way from a world into a schedule, where they can still be moved and changed.

use std::borrow::Cow;

use domain::{EventId, FeedMessage, Source, Sport, Timestamp};

use crate::format::Format;
use crate::schedule::{Schedule, Times};

/// What one producer says of one event.
#[derive(Debug, Clone)]
pub(crate) struct Strand {
    pub(crate) source: Source,
    /// The format of our own that its messages are in.
    pub(crate) format: Format,
    /// Whether they are to go out as those of a Unified Odds Feed.
    pub(crate) is_uof: bool,
    pub(crate) sport: Sport,
    pub(crate) event_id: EventId,
    /// Which of the worlds' schedules holds what was not changed.
    pub(crate) world: usize,
    /// In the order of their sequence, until faults have moved some.
    pub(crate) entries: Vec<Entry>,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its sequence as the world gave it; 0 of what was added.
    pub(crate) origin: u64,
    /// When it is due, in nanoseconds after the start.
    pub(crate) due_ns: u64,
    /// When its producer says that it was made; the same, but for faults.
    pub(crate) made_ns: i64,
    pub(crate) text: Text,
    /// The faults that it is sent for, or otherwise than it would have been.
    pub(crate) faults: Vec<u32>,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// A line of the world's schedule.
    Line(u32),
    /// A message that was made anew; its times are rewritten as those of any other.
    New(Box<[u8]>),
    /// Bytes that nothing is to be read from, or rewritten in.
    Fixed(Box<[u8]>),
}

/// What strands are made of: the worlds' schedules, and when the run starts.
#[derive(Clone, Copy)]
pub(crate) struct Worlds<'a> {
    pub(crate) schedules: &'a [Schedule],
    pub(crate) start: Timestamp,
}

impl Worlds<'_> {
    /// The wall clock when this much has passed since the start.
    pub(crate) fn at(self, made_ns: i64) -> Timestamp {
        self.start.plus_micros(made_ns.div_euclid(1_000))
    }
}

impl Strand {
    /// A message's bytes, with the times of its making.
    pub(crate) fn text<'a>(&self, entry: &'a Entry, worlds: Worlds<'a>) -> Cow<'a, [u8]> {
        match &entry.text {
            Text::New(bytes) | Text::Fixed(bytes) => Cow::Borrowed(bytes),
            Text::Line(line) => {
                let mut bytes = Vec::with_capacity(1_024);
                let made_at = Times::Generated(worlds.at(entry.made_ns));
                worlds.schedules[self.world].write(*line as usize, made_at, &mut bytes);
                Cow::Owned(bytes)
            }
        }
    }

    /// A message that a world or this program wrote.
    pub(crate) fn message(&self, entry: &Entry, worlds: Worlds) -> FeedMessage {
        let decoded = self.format.decode(&self.text(entry, worlds), &self.source.provider);
        decoded.expect("what was encoded here can be read here")
    }

    /// A message as it stands in this strand.
    pub(crate) fn encode(&self, message: &FeedMessage) -> Text {
        let bytes = self.format.encode(message).expect("a format of our own says everything");
        Text::New(self.format.in_batch(&bytes).into())
    }

    /// The place of the message that the world gave this sequence.
    pub(crate) fn place(&self, origin: u64) -> Option<usize> {
        self.entries.iter().position(|entry| entry.origin == origin)
    }
}

impl Entry {
    /// A message that was added because of a fault, due and made at this time.
    pub(crate) fn added(due_ns: u64, text: Text, fault: u32) -> Self {
        Self { origin: 0, due_ns, made_ns: signed(due_ns), text, faults: vec![fault] }
    }
}

/// Nanoseconds of a run are far from where this matters.
pub(crate) fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}
