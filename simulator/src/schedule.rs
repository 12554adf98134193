//! Schedules: encoded messages and when each is due, ready to be sent without encoding anything again.
//!
//! All messages lie in one buffer. Of each it is known where its times stand, so sending it at another hour
//! than it was made for means copying it and writing two numbers.

use std::collections::{BTreeSet, HashMap};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::limit::ID_BYTES_MAX;
use domain::{EventId, Name, Timestamp};

use crate::format::{Envelope, Format};
use crate::playlist::Playlist;
use crate::recording::{Header, RecordingError, Writer};

pub use afresh::suffix_at;

mod afresh;
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

/// One message: where it lies and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    offset_ns: u64,
    start: usize,
    length: u32,
    channel: u32,
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

/// A schedule that is being filled, in any order.
#[derive(Debug, Default)]
pub struct ScheduleBuilder {
    channels: Vec<Channel>,
    /// Those about events by the event, those of a provider as a whole by the format.
    known: HashMap<(Name, Result<Box<str>, Format>), u32>,
    lines: Vec<Line>,
    bytes: Vec<u8>,
}

/// How a message is to be sent that is not simply due when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending<'a> {
    /// When it is due, in nanoseconds from the start.
    pub offset_ns: u64,
    /// How long before that it says it was made, in nanoseconds; below 0 where that is yet to come.
    pub late_ns: i64,
    /// The event whose order it keeps, whatever it says itself.
    pub event_id: Option<&'a str>,
    /// Whether it is sent byte for byte in any case: it may not be a message at all.
    pub is_fixed: bool,
}

impl ScheduleBuilder {
    /// Adds a message of `provider`'s feed. One that is not of its format can be sent, too: its channel is then the
    /// provider's and its times are left alone. XML goes without declaration and byte-order mark.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn push(
        &mut self,
        provider: &Name,
        format: Format,
        offset_ns: u64,
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        if format == Format::Json && message.contains(&b'\n') {
            return Err(ScheduleError::LineFeed);
        }
        if message.trim_ascii().is_empty() {
            return Err(ScheduleError::Blank);
        }
        let message = format.in_batch(message);
        let envelope = format.envelope(message).unwrap_or_default();
        let stamps = stamps(format, &envelope, message);
        self.add(provider, format, offset_ns, envelope.event_id, stamps, message)
    }

    /// Adds a message that was made at another time than it is due, or that is none.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn push_as(
        &mut self,
        provider: &Name,
        format: Format,
        sending: &Sending,
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        let Sending { offset_ns, late_ns, event_id, is_fixed } = *sending;
        if format == Format::Json && message.contains(&b'\n') {
            return Err(ScheduleError::LineFeed);
        }
        if is_fixed {
            return self.add(provider, format, offset_ns, event_id, [None; 2], message);
        }
        let message = format.in_batch(message);
        let mut stamps = stamps(format, &format.envelope(message).unwrap_or_default(), message);
        for stamp in stamps.iter_mut().flatten() {
            stamp.lag_micros += late_ns / 1_000;
        }
        self.add(provider, format, offset_ns, event_id, stamps, message)
    }

    fn add(
        &mut self,
        provider: &Name,
        format: Format,
        offset_ns: u64,
        event_id: Option<&str>,
        stamps: [Option<Stamp>; 2],
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        let length = u32::try_from(message.len()).map_err(|_| ScheduleError::TooLarge)?;
        let channel = self.channel(provider, event_id.map(Box::from), format)?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.lines.push(Line { offset_ns, start, length, channel, stamps });
        let bytes_max = bytes_max();
        if size_bytes(&self.lines, &self.bytes) > bytes_max {
            return Err(ScheduleError::Full(bytes_max));
        }
        u32::try_from(self.lines.len()).map(drop).map_err(|_| ScheduleError::TooLarge)
    }

    /// The schedule: by due time, messages due at the same time in the order in which they were added.
    #[must_use]
    pub fn build(mut self) -> Schedule {
        self.lines.sort_by_key(|line| line.offset_ns);
        Schedule { channels: self.channels, lines: self.lines, bytes: self.bytes }
    }

    fn channel(
        &mut self,
        provider: &Name,
        event_id: Option<Box<str>>,
        format: Format,
    ) -> Result<u32, ScheduleError> {
        let mut key = (provider.clone(), event_id.ok_or(format));
        if let Some(&index) = self.known.get(&key) {
            let is_of_format = self.channels[index as usize].format == format;
            return if is_of_format { Ok(index) } else { Err(ScheduleError::Format) };
        }
        // What is no id names no event, though others may be called so, too.
        if key.1.as_ref().is_ok_and(|id| EventId::new(&**id).is_err()) {
            key.1 = Err(format);
            if let Some(&index) = self.known.get(&key) {
                return Ok(index);
            }
        }
        let index = u32::try_from(self.channels.len()).map_err(|_| ScheduleError::TooLarge)?;
        self.channels.push(Channel { provider: provider.clone(), event_id: key.1.clone().ok(), format });
        self.known.insert(key, index);
        Ok(index)
    }
}

/// The memory that messages take, in bytes.
fn size_bytes(lines: &[Line], bytes: &[u8]) -> usize {
    size_of_val(lines) + bytes.len()
}

/// The times that can be rewritten; none where `generated_at` is missing or no number.
fn stamps(format: Format, envelope: &Envelope, message: &[u8]) -> [Option<Stamp>; 2] {
    let unit_micros = format.unit_micros();
    let number =
        |part: Option<&str>| part.and_then(|part| Some((part.parse::<i64>().ok()?, place(part, message)?)));
    let Some((generated_at, (at, length))) = number(envelope.generated_at) else { return [None; 2] };
    let generated = Stamp { at, length, lag_micros: 0, unit_micros };
    let occurred = number(envelope.occurred_at).map(|(occurred_at, (at, length))| Stamp {
        at,
        length,
        lag_micros: generated_at.saturating_sub(occurred_at).saturating_mul(unit_micros),
        unit_micros,
    });
    match occurred {
        Some(occurred) if occurred.at < generated.at => [Some(occurred), Some(generated)],
        occurred => [Some(generated), occurred],
    }
}

/// Where a borrowed part of `message` stands in it, and its length.
fn place(part: &str, message: &[u8]) -> Option<(u32, u32)> {
    let at = part.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    Some((u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?))
}

impl Schedule {
    /// Reads recordings that are to be replayed side by side, each from its own start.
    ///
    /// # Errors
    /// When one cannot be read, or holds what cannot be sent.
    pub fn load(recordings: &[impl AsRef<Path>]) -> anyhow::Result<Self> {
        Playlist::of(recordings).load()
    }

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

    /// Appends message `index` to `out`.
    pub fn write(&self, index: usize, times: Times, out: &mut Vec<u8>) {
        let message = self.message(index);
        let mut copied = 0;
        if let Times::Generated(generated_at) = times {
            for stamp in self.lines[index].stamps.iter().flatten() {
                out.extend_from_slice(&message[copied..stamp.at as usize]);
                let time = generated_at.plus_micros(-stamp.lag_micros);
                write!(out, "{}", time.0.div_euclid(stamp.unit_micros)).expect("a vector takes every byte");
                copied = (stamp.at + stamp.length) as usize;
            }
        }
        out.extend_from_slice(&message[copied..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_as(format: Format, message: &str, times: Times) -> String {
        let mut builder = ScheduleBuilder::default();
        builder.push(&Name::new("md").unwrap(), format, 0, message.as_bytes()).unwrap();
        let mut out = Vec::new();
        builder.build().write(0, times, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn written(message: &str, times: Times) -> String {
        written_as(Format::Json, message, times)
    }

    #[test]
    fn times_of_the_envelope_are_rewritten_and_nothing_else() {
        let message =
            r#"{"occurred_at":40,"event_id":"md:match:1","generated_at": 100 ,"body":{"generated_at":100}}"#;
        assert_eq!(
            written(message, Times::Generated(Timestamp(1_000))),
            r#"{"occurred_at":940,"event_id":"md:match:1","generated_at": 1000 ,"body":{"generated_at":100}}"#
        );
        assert_eq!(written(message, Times::AsWritten), message);
    }

    #[test]
    fn times_of_an_xml_envelope_are_rewritten_and_nothing_else() {
        let message = "<incident occurred_at='40'\n event_id=\"md:match:1\" generated_at = \"100\">\n<a generated_at='100'/></incident>";
        assert_eq!(
            written_as(Format::Xml, message, Times::Generated(Timestamp(1_000))),
            "<incident occurred_at='940'\n event_id=\"md:match:1\" generated_at = \"1000\">\n<a generated_at='100'/></incident>"
        );
        assert_eq!(written_as(Format::Xml, message, Times::AsWritten), message);
        let document = format!("\u{feff}<?xml version='1.0'?>\n{message}");
        assert_eq!(written_as(Format::Xml, &document, Times::AsWritten), message);
        for message in ["not xml", "<alive generated_at='noon'/>", "<alive generated_at=5/>"] {
            assert_eq!(written_as(Format::Xml, message, Times::Generated(Timestamp(1_000))), message);
        }
    }

    #[test]
    fn an_event_keeps_to_one_format() {
        let mut builder = ScheduleBuilder::default();
        let md = Name::new("md").unwrap();
        builder.push(&md, Format::Json, 0, br#"{"event_id":"md:match:1"}"#).unwrap();
        builder.push(&md, Format::Xml, 0, b"<alive event_id='md:match:2'/>").unwrap();
        let other = builder.push(&md, Format::Xml, 0, b"<alive event_id='md:match:1'/>");
        assert_eq!(other, Err(ScheduleError::Format));
    }

    #[test]
    fn a_provider_as_a_whole_may_speak_in_several() {
        let mut builder = ScheduleBuilder::default();
        let md = Name::new("md").unwrap();
        builder.push(&md, Format::Json, 0, b"not json").unwrap();
        builder.push(&md, Format::Xml, 0, b"<alive generated_at='5'/>").unwrap();
        builder.push(&md, Format::Json, 0, br#"{"generated_at":5}"#).unwrap();
        builder.push(&md, Format::Json, 0, br#"{"event_id":"seven"}"#).unwrap();
        builder.push(&md, Format::Xml, 0, b"<alive event_id='seven'/>").unwrap();
        let schedule = builder.build();
        let formats: Vec<Format> = schedule.channels().iter().map(|channel| channel.format).collect();
        assert_eq!(formats, [Format::Json, Format::Xml]);
        assert_eq!([0, 1, 2, 3, 4].map(|index| schedule.channel(index)), [0, 1, 0, 0, 1]);
    }

    #[test]
    fn a_message_without_times_or_that_is_no_json_is_sent_as_it_is() {
        for message in
            [r#"{"event_id":"md:match:1"}"#, r#"{"generated_at":"noon","occurred_at":1}"#, "not json"]
        {
            assert_eq!(written(message, Times::Generated(Timestamp(1_000))), message);
        }
    }

    #[test]
    fn what_is_not_one_line_is_refused() {
        let push =
            |message| ScheduleBuilder::default().push(&Name::new("md").unwrap(), Format::Json, 0, message);
        assert_eq!(push(b"{\n}"), Err(ScheduleError::LineFeed));
        assert_eq!(push(b" \r"), Err(ScheduleError::Blank));
    }

    #[test]
    fn messages_due_together_keep_their_order() {
        let mut builder = ScheduleBuilder::default();
        let md = Name::new("md").unwrap();
        for (offset_ns, message) in [(5, "a"), (0, "b"), (5, "c"), (0, "d")] {
            builder.push(&md, Format::Json, offset_ns, message.as_bytes()).unwrap();
        }
        let schedule = builder.build();
        let order: Vec<&[u8]> = (0..schedule.len()).map(|index| schedule.message(index)).collect();
        assert_eq!(order, [b"b", b"d", b"a", b"c"]);
        assert_eq!(schedule.duration_ns(), 5);
    }

    #[test]
    fn an_event_is_one_channel_per_provider() {
        let mut builder = ScheduleBuilder::default();
        for provider in ["md", "nhl", "md"] {
            builder
                .push(&Name::new(provider).unwrap(), Format::Json, 0, br#"{"event_id":"md:match:1"}"#)
                .unwrap();
        }
        let schedule = builder.build();
        assert_eq!(schedule.channels().len(), 2);
        assert_eq!((schedule.channel(0), schedule.channel(1), schedule.channel(2)), (0, 1, 0));
    }
}
