//! Recordings: what a provider sent, byte for byte, and when.
//!
//! # Format, version 1
//!
//! ```text
//! header   one line of JSON, ended by a line feed; blanks before the line feed fill it up
//! message  u64  nanoseconds from the recording's start, little-endian, never less than the message before
//!          u32  number of bytes that follow, little-endian
//!          ...  the message exactly as it was sent
//! message  and so on until the file ends
//! ```
//!
//! The header:
//!
//! ```json
//! {"format":"matchday-recording","version":1,"content_type":"application/json","provider":"nhl",
//!  "source":"NHL api-web play-by-play, game 2024030121","messages":360,"duration_ns":9180000000000}
//! ```
//!
//! `provider` is the feed to which the messages were sent, `source` says in words where they come from, and
//! `seed` is there where they were made from one. `messages` and `duration_ns` (the offset of the last message)
//! are absent while a recording is being written, and so they stay where its writer died. Readers ignore fields
//! they do not know.
//!
//! Reading and writing hold one message in memory.

use std::io::{self, Read, Seek, SeekFrom, Write};

use domain::Name;
use serde::{Deserialize, Serialize};

use crate::format::Format;

/// What the header's `format` says.
pub const FORMAT: &str = "matchday-recording";
/// The version that is written here, and the only one that is read.
pub const VERSION: u32 = 1;
/// The header's largest length in bytes, line feed included.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// A message's largest length in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The length of offset and length before each message, in bytes.
const FRAME_BYTES: usize = 12;

/// A recording's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The media type of every message.
    pub content_type: String,
    /// The provider whose feed it is.
    pub provider: Name,
    /// Where the messages come from, in words.
    pub source: String,
    /// How many there are; absent in a recording that was not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// The offset of the last message, in nanoseconds; absent in a recording that was not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    /// The seed from which the messages were made, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Header {
    /// The header of messages yet to be written.
    #[must_use]
    pub fn new(provider: Name, format: Format, source: impl Into<String>, seed: Option<u64>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            content_type: format.content_type().to_owned(),
            provider,
            source: source.into(),
            messages: None,
            duration_ns: None,
            seed,
        }
    }
}

/// One message of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Nanoseconds from the recording's start.
    pub offset_ns: u64,
    /// What was sent.
    pub bytes: Vec<u8>,
}

/// Why a recording cannot be read or written. Messages count from 1, bytes of the file from 0.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file itself failed.
    #[error("cannot read or write the recording: {0}")]
    Io(#[from] io::Error),
    /// The first line is none, too long or no header.
    #[error("not a recording: {0}")]
    Header(String),
    /// A recording of a version that is not known here.
    #[error("the recording is of version {0}; version {VERSION} is known here")]
    Version(u32),
    /// The file ends within a message.
    #[error("message {message} at byte {at} is cut off: {expected} bytes were to follow, {found} do")]
    Truncated {
        /// Which message.
        message: u64,
        /// Where it begins.
        at: u64,
        /// The bytes that its frame, or the length in its frame, calls for.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// A message over [`MESSAGE_BYTES_MAX`].
    #[error("message {message} at byte {at} has {length} bytes; at most {MESSAGE_BYTES_MAX} are allowed")]
    TooLong {
        /// Which message.
        message: u64,
        /// Where it begins.
        at: u64,
        /// Its length.
        length: usize,
    },
    /// A message that is earlier than the one before it.
    #[error(
        "message {message} at byte {at} is at {offset_ns} ns, before the message ahead of it at {previous_ns} ns"
    )]
    OutOfOrder {
        /// Which message.
        message: u64,
        /// Where it begins.
        at: u64,
        /// Its offset.
        offset_ns: u64,
        /// The offset of the message ahead of it.
        previous_ns: u64,
    },
    /// A message of another media type than the header's.
    #[error("a recording holds messages of one media type: not `{0}` beside `{1}`")]
    Format(&'static str, String),
    /// The file ends at another message than the header says.
    #[error("the recording ends after {found} messages at byte {at}; its header says {expected}")]
    Count {
        /// What the header says.
        expected: u64,
        /// How many there are.
        found: u64,
        /// Where the file ends.
        at: u64,
    },
}

/// Writes a recording, message by message.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    out: W,
    header: Header,
    /// The header's place in the file, kept free for its final form.
    header_bytes: usize,
    messages: u64,
    last_ns: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a recording at the start of `out`. What `header` says of messages and duration is not used.
    ///
    /// # Errors
    /// When the header is too long or `out` fails.
    pub fn new(mut out: W, header: Header) -> Result<Self, RecordingError> {
        let widest = Header { messages: Some(u64::MAX), duration_ns: Some(u64::MAX), ..header.clone() };
        let header_bytes = header_line(&widest, 0)?.len();
        let header = Header { messages: None, duration_ns: None, ..header };
        out.write_all(&header_line(&header, header_bytes)?)?;
        Ok(Self { out, header, header_bytes, messages: 0, last_ns: 0 })
    }

    /// Adds a message.
    ///
    /// # Errors
    /// When it is too long or earlier than the one before it, or `out` fails.
    pub fn write(&mut self, offset_ns: u64, bytes: &[u8]) -> Result<(), RecordingError> {
        let message = self.messages + 1;
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MESSAGE_BYTES_MAX);
        let Some(length) = length else {
            return Err(RecordingError::TooLong {
                message,
                at: self.out.stream_position()?,
                length: bytes.len(),
            });
        };
        if offset_ns < self.last_ns {
            let (at, previous_ns) = (self.out.stream_position()?, self.last_ns);
            return Err(RecordingError::OutOfOrder { message, at, offset_ns, previous_ns });
        }
        self.out.write_all(&offset_ns.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(bytes)?;
        self.messages = message;
        self.last_ns = offset_ns;
        Ok(())
    }

    /// Ends the recording: its header now says how much there is. Returns that header.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> Result<Header, RecordingError> {
        self.header.messages = Some(self.messages);
        self.header.duration_ns = Some(self.last_ns);
        let line = header_line(&self.header, self.header_bytes)?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&line)?;
        self.out.flush()?;
        Ok(self.header)
    }
}

/// The header as one line, filled up with blanks to `bytes`.
fn header_line(header: &Header, bytes: usize) -> Result<Vec<u8>, RecordingError> {
    let mut line = serde_json::to_vec(header).map_err(|error| RecordingError::Header(error.to_string()))?;
    line.resize(line.len().max(bytes.saturating_sub(1)), b' ');
    line.push(b'\n');
    if line.len() > HEADER_BYTES_MAX {
        return Err(RecordingError::Header(format!("the first line has over {HEADER_BYTES_MAX} bytes")));
    }
    Ok(line)
}

/// Reads a recording, message by message: an iterator that ends after the last one or after the first error.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    header: Header,
    /// Bytes of the file read so far.
    at: u64,
    messages: u64,
    last_ns: u64,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header. `input` should be buffered.
    ///
    /// # Errors
    /// When there is none that is known here, or `input` fails.
    pub fn new(mut input: R) -> Result<Self, RecordingError> {
        let line = read_line(&mut input)?;
        let header: Header =
            serde_json::from_slice(&line).map_err(|error| RecordingError::Header(error.to_string()))?;
        if header.format != FORMAT {
            return Err(RecordingError::Header(format!("its format is `{}`, not `{FORMAT}`", header.format)));
        }
        if header.version != VERSION {
            return Err(RecordingError::Version(header.version));
        }
        Ok(Self { input, header, at: line.len() as u64, messages: 0, last_ns: 0, done: false })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Message>, RecordingError> {
        let (message, at) = (self.messages + 1, self.at);
        let mut frame = [0; FRAME_BYTES];
        let found = read_up_to(&mut self.input, &mut frame)?;
        if found == 0 {
            return match self.header.messages {
                Some(expected) if expected != self.messages => {
                    Err(RecordingError::Count { expected, found: self.messages, at })
                }
                _ => Ok(None),
            };
        }
        if found < FRAME_BYTES {
            return Err(RecordingError::Truncated { message, at, expected: FRAME_BYTES, found });
        }
        let [o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3] = frame;
        let offset_ns = u64::from_le_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MESSAGE_BYTES_MAX {
            return Err(RecordingError::TooLong { message, at, length });
        }
        if offset_ns < self.last_ns {
            return Err(RecordingError::OutOfOrder { message, at, offset_ns, previous_ns: self.last_ns });
        }
        let mut bytes = vec![0; length];
        let found = read_up_to(&mut self.input, &mut bytes)?;
        if found < length {
            return Err(RecordingError::Truncated { message, at, expected: length, found });
        }
        self.messages = message;
        self.last_ns = offset_ns;
        self.at = at + (FRAME_BYTES + length) as u64;
        Ok(Some(Message { offset_ns, bytes }))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Message, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The first line with its line feed.
fn read_line(input: &mut impl Read) -> Result<Vec<u8>, RecordingError> {
    let mut line = Vec::with_capacity(512);
    let mut byte = [0];
    while line.len() < HEADER_BYTES_MAX {
        if read_up_to(input, &mut byte)? == 0 {
            return Err(RecordingError::Header("the file ends before its first line does".to_owned()));
        }
        line.push(byte[0]);
        if byte[0] == b'\n' {
            return Ok(line);
        }
    }
    Err(RecordingError::Header(format!("the first line has over {HEADER_BYTES_MAX} bytes")))
}

/// Fills `buffer` as far as `input` reaches; returns how far that was.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
