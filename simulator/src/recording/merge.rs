//! Merging recordings into one: games of one provider side by side, each from its own moment on.

use std::collections::HashMap;
use std::io::{Read, Seek, Write};
use std::iter::Peekable;

use domain::{Content, EventId, FeedMessage, Name, Position, Source, Timestamp};

use super::{Header, Message, Reader, RecordingError, Writer};
use crate::format::Format;

/// The most recordings that are merged at once: each is an open file.
pub const RECORDINGS_MAX: usize = 500;
/// The longest that a merged recording says where it comes from, in bytes.
const SOURCE_BYTES_MAX: usize = 2_000;

/// Why recordings cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One of them, counted from 1, cannot be read.
    #[error("recording {0}: {1}")]
    Recording(usize, RecordingError),
    /// What is merged cannot be written.
    #[error(transparent)]
    Written(RecordingError),
    /// They are of several feeds.
    #[error(
        "a recording is one provider's and of one format: the first is `{0}`, recording {1} is `{2}`; replay them side by side"
    )]
    Feeds(String, usize, String),
    /// Two of them, counted from 1, tell the same of an event, so one says again what the other has said.
    #[error(
        "recordings {first} and {second} both tell `{event}` as `{producer}` does, over the same time: one of them would be repetitions"
    )]
    Twice {
        /// The event.
        event: EventId,
        /// Who tells it.
        producer: Name,
        /// The one that was told up to there.
        first: usize,
        /// The one that goes back.
        second: usize,
    },
    /// None, or too many.
    #[error("{0} recordings; 1 to {RECORDINGS_MAX} can be merged")]
    Count(usize),
}

struct Part<R: Read> {
    messages: Peekable<Reader<R>>,
    shift_ns: u64,
    images: u64,
    read: u64,
}

/// Merges recordings, each with the nanoseconds after which it begins. Messages of the same moment keep the order of their
/// recordings, images of the first moment stand before all others. Returns the new header.
///
/// # Errors
/// When they are not of one provider and format, two tell the same of an event, or they cannot be read or written.
pub fn merge<R: Read>(
    recordings: Vec<(Reader<R>, u64)>,
    out: impl Write + Seek,
) -> Result<Header, MergeError> {
    let count = recordings.len();
    if !(1..=RECORDINGS_MAX).contains(&count) {
        return Err(MergeError::Count(count));
    }
    let mut header = merged_header(&recordings)?;
    let part = |(recording, shift_ns): (Reader<R>, u64)| {
        let images = recording.header().images.unwrap_or(0);
        Part { messages: recording.peekable(), shift_ns, images, read: 0 }
    };
    let mut parts: Vec<Part<R>> = recordings.into_iter().map(part).collect();
    let images: u64 = parts.iter().map(|part| part.images).sum();
    header.images = (images > 0).then_some(images);
    let mut tellers = Tellers::new(&header);
    let mut writer = Writer::new(out, header).map_err(MergeError::Written)?;
    while let Some((index, message)) = next(&mut parts)? {
        tellers.note(index + 1, &message.bytes)?;
        let shift_ns = parts[index].shift_ns;
        let offset_ns = message.offset_ns.saturating_add(shift_ns);
        writer.write(offset_ns, &message.bytes).map_err(MergeError::Written)?;
    }
    writer.finish().map_err(MergeError::Written)
}

/// Which recording has told each event last, and how far.
struct Tellers {
    format: Option<Format>,
    provider: Name,
    told: HashMap<(EventId, Source), (usize, Reached)>,
}

/// How far an event has been told.
#[derive(PartialEq)]
enum Reached {
    Position(Position),
    /// Of a source without sequences: the time, and what was said then.
    Time(Timestamp, Vec<u8>),
}

impl Tellers {
    fn new(header: &Header) -> Self {
        let format = Format::of_content_type(&header.content_type);
        Self { format, provider: header.provider.clone(), told: HashMap::new() }
    }

    /// Recording `number` tells this next. What cannot be read is of no event.
    fn note(&mut self, number: usize, bytes: &[u8]) -> Result<(), MergeError> {
        let said = self.format.and_then(|format| format.decode(bytes, &self.provider));
        let Some(FeedMessage { source, generated_at, content: Content::Event(event), .. }) = said else {
            return Ok(());
        };
        let reached = match event.position {
            Some(position) => Reached::Position(position),
            None => Reached::Time(generated_at, bytes.to_vec()),
        };
        let producer = source.producer.clone();
        let key = (event.event_id, source);
        if let Some((first, before)) = self.told.get(&key).filter(|(first, _)| *first != number)
            && reached.repeats(before)
        {
            return Err(MergeError::Twice { event: key.0, producer, first: *first, second: number });
        }
        self.told.insert(key, (number, reached));
        Ok(())
    }
}

impl Reached {
    /// Whether this was told already by whoever has come so far.
    fn repeats(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Position(this), Self::Position(before)) => this <= before,
            (Self::Time(this, _), Self::Time(before, _)) if this != before => this < before,
            _ => self == before,
        }
    }
}

/// The message that comes next, and of which recording.
fn next<R: Read>(parts: &mut [Part<R>]) -> Result<Option<(usize, Message)>, MergeError> {
    let mut first: Option<((u64, bool), usize)> = None;
    for (index, part) in parts.iter_mut().enumerate() {
        let offset_ns = match part.messages.peek() {
            Some(Ok(message)) => message.offset_ns.saturating_add(part.shift_ns),
            // It is taken and told at once.
            Some(Err(_)) => 0,
            None => continue,
        };
        let rank = (offset_ns, part.read >= part.images);
        if first.is_none_or(|(least, _)| rank < least) {
            first = Some((rank, index));
        }
    }
    let Some((_, index)) = first else { return Ok(None) };
    parts[index].read += 1;
    let message = parts[index].messages.next().transpose();
    let message = message.map_err(|error| MergeError::Recording(index + 1, error))?;
    Ok(message.map(|message| (index, message)))
}

fn merged_header<R: Read>(recordings: &[(Reader<R>, u64)]) -> Result<Header, MergeError> {
    let first = recordings[0].0.header();
    let feed = |header: &Header| format!("{} {}", header.provider, header.content_type);
    for (index, (recording, _)) in recordings.iter().enumerate() {
        if feed(recording.header()) != feed(first) {
            return Err(MergeError::Feeds(feed(first), index + 1, feed(recording.header())));
        }
    }
    let mut sources: Vec<&str> =
        recordings.iter().map(|(recording, _)| recording.header().source.as_str()).collect();
    sources.dedup();
    let mut source = sources.join("; ");
    if source.len() > SOURCE_BYTES_MAX {
        source = format!("{} recordings, the first of: {}", recordings.len(), sources[0]);
    }
    let is_of_one_seed = recordings.iter().all(|(recording, _)| recording.header().seed == first.seed);
    Ok(Header { source, seed: first.seed.filter(|_| is_of_one_seed), ..first.clone() })
}
