//! Schedules: encoded messages and when each is due, ready to be sent without encoding anything again.
//!
//! All messages lie in one buffer. Of each it is known where its times stand, so sending it at another hour
//! than it was made for means copying it and writing two numbers.

use std::collections::BTreeSet;
use std::io::{Seek, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::limit::{ID_BYTES_MAX, TIME_END_MICROS, TIME_MIN_MICROS};
use domain::{FeedMessage, Name, Timestamp};

use crate::format::Format;
use crate::recording::{Header, RecordingError, Writer};

pub(crate) use afresh::renamed;
pub use afresh::suffix_at;
pub use builder::{ScheduleBuilder, Sending};
pub(crate) use order::places_by_time;

use builder::{place, size_bytes};

mod afresh;
mod builder;
mod order;
mod pace;

/// The memory that one schedule may take, in bytes, where nothing else is said.
pub const BYTES_MAX: usize = 2 << 30;

/// The memory that one schedule of this process may take, in bytes.
static LIMIT: AtomicUsize = AtomicUsize::new(BYTES_MAX);

/// Says how much memory a schedule of this process may take, in bytes; whatever would take more is refused.
pub fn limit_bytes(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// How much memory a schedule of this process may take, in bytes.
#[must_use]
pub fn bytes_max() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Messages in the order in which they are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    channels: Vec<Channel>,
    lines: Vec<Line>,
    bytes: Vec<u8>,
}

/// Messages whose order is to be kept: those of one provider about one event, or of the provider as a whole in one format. All
/// are of one format, so that they can go out together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Whose feed it is.
    pub provider: Name,
    /// The event; absent where messages name none.
    pub event_id: Option<Box<str>>,
    /// The format of its messages.
    pub format: Format,
}

impl Channel {
    /// Reads a message of this feed; `None` where it is none: not to be read, another provider's, or of a time in another unit. Ledgers are
    /// told by it, so no sport's rules judge what was read. What a Unified Odds Feed says of the state of play is brought into the
    /// sport's parts by them while it is read.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<FeedMessage> {
        let message = self.format.decode(bytes, &self.provider)?;
        let is_of_our_days = (TIME_MIN_MICROS..TIME_END_MICROS).contains(&message.generated_at.0);
        let is_sound = message.source.provider == self.provider && is_of_our_days;
        is_sound.then_some(message)
    }
}

/// One message: where it lies and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    offset_ns: u64,
    start: usize,
    length: u32,
    channel: u32,
    /// Whether it is due at once, since a minute behind it is sought.
    is_sought: bool,
    /// Its times, in the order in which they stand in it.
    stamps: [Option<Stamp>; 2],
}

/// A time within a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    at: u32,
    length: u32,
    /// How long before the message's time it is, in microseconds.
    lag_micros: i64,
    /// How many microseconds its unit has.
    unit_micros: i64,
}

/// Which times a message is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Its own, byte for byte.
    AsWritten,
    /// `generated_at` is this time, and `occurred_at` as long before it as it was. Times in the body stay.
    Generated(Timestamp),
}

/// A message that no schedule takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Messages in JSON are sent one a line.
    #[error("a message holds a line feed, so it cannot be sent as newline-delimited JSON")]
    LineFeed,
    /// A blank message is none to its receiver.
    #[error("a message is blank, so it cannot be sent in a batch")]
    Blank,
    /// Messages of an event in another format.
    #[error("an event's messages are all in one format")]
    Format,
    /// An id that no receiver would take.
    #[error("with what makes it another one, the id `{0}` would have over {ID_BYTES_MAX} bytes")]
    IdTooLong(String),
    /// More than the memory that is set aside.
    #[error(
        "the messages take over {} MiB, the most that is allowed (`--memory-mib`): ask for fewer, or for a shorter time", _0 >> 20
    )]
    Full(usize),
    /// A message or a schedule beyond 32 bits.
    #[error("a schedule takes 2^32 bytes a message and 2^32 messages and events at most")]
    TooLarge,
}

impl Schedule {
    /// Writes it as a recording, with the times it was made with. All messages must be of the header's format.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn record(&self, header: Header, out: impl Write + Seek) -> Result<Header, RecordingError> {
        let is_other = |channel: &Channel| channel.format.content_type() != header.content_type;
        if let Some(other) = self.channels.iter().find(|channel| is_other(channel)) {
            return Err(RecordingError::Format(other.format.content_type(), header.content_type));
        }
        self.record_feed(header, out)
    }

    /// The feeds to which it sends: of whom, in which format.
    #[must_use]
    pub fn feeds(&self) -> BTreeSet<(Name, Format)> {
        self.channels.iter().map(|channel| (channel.provider.clone(), channel.format)).collect()
    }

    /// Writes what goes to the header's provider in its format as a recording, with the times it was made with.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn record_feed(&self, header: Header, out: impl Write + Seek) -> Result<Header, RecordingError> {
        let is_kept = self.is_of_feed(&header.provider, &header.content_type);
        let mut writer = Writer::new(out, header)?;
        for index in (0..self.len()).filter(|index| is_kept[self.channel(*index)]) {
            writer.write(self.offset_ns(index), self.message(index))?;
        }
        writer.finish()
    }

    /// Of each channel whether it goes to this provider in the format of this content type.
    pub(crate) fn is_of_feed(&self, provider: &Name, content_type: &str) -> Vec<bool> {
        let is_of = |channel: &Channel| {
            channel.provider == *provider && channel.format.content_type() == content_type
        };
        self.channels.iter().map(is_of).collect()
    }

    /// The memory that its messages take, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_bytes(&self.lines, &self.bytes)
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All channels; a message names its own by the place in this list.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The channel of message `index`.
    #[must_use]
    pub fn channel(&self, index: usize) -> usize {
        self.lines[index].channel as usize
    }

    /// When message `index` is due, in nanoseconds from the start.
    #[must_use]
    pub fn offset_ns(&self, index: usize) -> u64 {
        self.lines[index].offset_ns
    }

    /// How long before it is due message `index` says that it was made, in microseconds; `None` where it is sent as it was written.
    #[must_use]
    pub fn late_micros(&self, index: usize) -> Option<i64> {
        let (line, message) = (&self.lines[index], self.message(index));
        let envelope = self.channels[line.channel as usize].format.envelope(message)?;
        let (at, _) = place(envelope.generated_at?, message)?;
        line.stamps.iter().flatten().find(|stamp| stamp.at == at).map(|stamp| stamp.lag_micros)
    }

    /// The least offset greater than `after_ns`, or the least of all.
    #[must_use]
    pub fn next_offset_ns(&self, after_ns: Option<u64>) -> Option<u64> {
        let passed = |line: &Line| after_ns.is_some_and(|after_ns| line.offset_ns <= after_ns);
        self.lines.get(self.lines.partition_point(passed)).map(|line| line.offset_ns)
    }

    /// How many messages are due by then.
    #[must_use]
    pub fn due_by(&self, offset_ns: u64) -> usize {
        self.lines.partition_point(|line| line.offset_ns <= offset_ns)
    }

    /// How many messages are due in their own time: all but those before a minute that is sought.
    #[must_use]
    pub fn paced(&self) -> usize {
        self.lines.iter().filter(|line| !line.is_sought).count()
    }

    /// Whether message `index` is due at once, before a minute that is sought.
    pub(crate) fn is_sought(&self, index: usize) -> bool {
        self.lines[index].is_sought
    }

    /// When the last message is due, in nanoseconds from the start.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.offset_ns)
    }

    /// Message `index` as it was written.
    #[must_use]
    pub fn message(&self, index: usize) -> &[u8] {
        let line = &self.lines[index];
        &self.bytes[line.start..line.start + line.length as usize]
    }

    /// Message `index` as it was written, as whoever receives it reads it; `None` where he refuses it.
    pub(crate) fn read(&self, index: usize) -> Option<FeedMessage> {
        self.channels[self.channel(index)].read(self.message(index))
    }

    /// Appends message `index` to `out`.
    pub fn write(&self, index: usize, times: Times, out: &mut Vec<u8>) {
        let message = self.message(index);
        let mut copied = 0;
        if let Times::Generated(generated_at) = times {
            for stamp in self.lines[index].stamps.iter().flatten() {
                out.extend_from_slice(&message[copied..stamp.at as usize]);
                let time = generated_at.plus_micros(stamp.lag_micros.saturating_neg());
                write!(out, "{}", time.0.div_euclid(stamp.unit_micros)).expect("a vector takes every byte");
                copied = (stamp.at + stamp.length) as usize;
            }
        }
        out.extend_from_slice(&message[copied..]);
    }
}

#[cfg(test)]
mod tests;
