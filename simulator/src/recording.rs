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
//!  "source":"NHL api-web play-by-play, game 2024030121","messages":360,"duration_ns":9180000000000,
//!  "checksum":"sha256:6f1c…"}
//! ```
//!
//! `provider` is the feed to which the messages were sent, `source` says in words where they come from, and
//! `seed` is there where they were made from one. `checksum` is of all that follows the header:
//! `tail -n +2 game.rec | sha256sum` prints it. Readers ignore fields they do not know.
//!
//! `images` is there where the recording begins in the middle of games: so many messages say what each of them was then, at the
//! recording's beginning, or before the first message about their game. They are messages like any other: snapshots, which
//! begin an epoch; of a Unified Odds Feed, fixtures, odds, settlements and cancels.
//!
//! `messages`, `duration_ns` (the offset of the last message) and `checksum` are absent while a recording is being
//! written, and so they stay where its writer died: it is then read up to the last message that is whole.
//!
//! Reading and writing hold one message in memory.

use std::io;

use domain::Name;
use serde::{Deserialize, Serialize};

use crate::format::Format;

pub(crate) use image::{bodies_of, renumbered, snapshot_of};
pub(crate) use played::{Beginning, run_on, tells_clock};

pub use counts::{Counts, CountsError};
pub use cut::{Cut, CutError, CutOut, cut};
pub use inspect::{Inspection, inspect};
pub use merge::{MergeError, merge};
pub use reader::{Place, Reader};
pub use shelf::{ENDING, Holding, Shelf, ShelfError};
pub use writer::Writer;

mod counts;
mod cut;
mod image;
pub mod inspect;
pub mod merge;
pub mod minute;
mod played;
mod reader;
mod shelf;
mod writer;

/// What the header's `format` says.
pub const FORMAT: &str = "matchday-recording";
/// The version that is written here, and the only one that is read.
pub const VERSION: u32 = 1;
/// The header's largest length in bytes, line feed included.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// What a checksum begins with.
pub const CHECKSUM: &str = "sha256:";
/// A message's largest length in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The length of offset and length before each message, in bytes.
const FRAME_BYTES: usize = 12;

/// What the recording of one feed is called where there are several.
#[must_use]
pub fn file_name(provider: &Name, format: Format) -> String {
    format!("{provider}-{}.{ENDING}", format!("{format:?}").to_ascii_lowercase())
}

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
    /// How many messages say what games already under way were before the first message about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// [`CHECKSUM`] and 64 hexadecimal digits, of all that follows the header; absent in a recording that was not finished,
    /// and in those of before there were checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
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
            images: None,
            checksum: None,
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
    #[error(transparent)]
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
    /// All messages are there, but not as they were written.
    #[error("the recording was changed or damaged: its checksum is {found}, its header says {expected}")]
    Checksum {
        /// What the header says.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// A checksum as the header has it.
fn checksum(digest: sha2::Sha256) -> String {
    use sha2::Digest;
    let mut text = CHECKSUM.to_owned();
    for byte in digest.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests;
