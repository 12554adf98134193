//! Splits a request's body into messages without looking into them: what is wrong with one is no concern of its
//! neighbours.
//!
//! The splitters know just enough of each format to tell where a message ends. They take anything, never recurse,
//! and give only ranges of the body; whether a piece is a message is for its codec to say.

use std::fmt;
use std::ops::Range;

use memchr::memmem;

mod array;
mod lines;
mod xml;

/// Of pieces in a row that are no messages, how many are told one by one. What a broken message falls into must not fill the
/// answer, nor become a dead letter each.
const FRAGMENTS_MAX: usize = 16;

/// UTF-8's byte-order mark, which says nothing and which real feeds send.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The formats in which a body may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One message, or an array of messages.
    Json,
    /// One JSON message per line.
    Lines,
    /// One message as the root element, or the root element `messages` with messages as its children.
    Xml,
}

/// One message of a body, not looked into yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the body it stands; empty where something is missing.
    pub range: Range<usize>,
    /// What the splitter knows to be wrong with it. None says nothing of what is inside.
    pub fault: Option<Fault>,
}

/// What a body consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// One message, the body as a whole.
    Single(Piece),
    /// A batch of at least one, in the body's order, without overlap.
    Many {
        /// What it consists of.
        pieces: Vec<Piece>,
        /// How many messages it counts as: pieces in a row that are none are what one broken message fell into.
        messages: usize,
    },
}

/// Why a piece cannot be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its brackets, its quotes or its tags are not closed.
    Unterminated,
    /// The batch ends here without saying so.
    MissingEnd,
    /// The next message begins here, and nothing separates it from the one before.
    MissingComma,
    /// It stands between messages and is none.
    Between,
    /// An end tag whose element did not begin.
    StrayEnd,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unterminated => "it does not end",
            Self::MissingEnd => "the batch does not end",
            Self::MissingComma => "a comma is missing before the next message",
            Self::Between => "this stands between messages and is none",
            Self::StrayEnd => "an end tag without its start tag",
        })
    }
}

/// Why a body is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There is no message in it.
    #[error("the body has no message")]
    Empty,
    /// It counts as more messages than allowed.
    #[error("the body has more than {max} messages")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// It is not written in UTF-8.
    #[error("the body is written in {0}, only UTF-8 is understood")]
    Encoding(String),
}

/// Splits a body into at most `max_messages`. A byte-order mark belongs to no message.
///
/// # Errors
/// See [`SplitError`]. Whatever else is wrong is the fault of a piece.
pub fn split(format: Format, body: &[u8], max_messages: usize) -> Result<Pieces, SplitError> {
    if body.starts_with(b"\xfe\xff") || body.starts_with(b"\xff\xfe") {
        return Err(SplitError::Encoding("UTF-16".to_owned()));
    }
    let start = if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let Some(first) = body[start..].iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Err(SplitError::Empty);
    };
    let mut batch = Batch { body, format, max_messages, pieces: Vec::new(), messages: 0, fragments: 0 };
    let is_batch = match format {
        Format::Lines => lines::split(body, start, &mut batch).map(|()| true),
        Format::Json if body[start + first] == b'[' => {
            array::split(body, start + first + 1, &mut batch).map(|()| true)
        }
        Format::Json => Ok(false),
        Format::Xml => xml::split(body, start, &mut batch),
    }?;
    if !is_batch {
        return Ok(Pieces::Single(Piece { range: start..body.len(), fault: None }));
    }
    let Batch { pieces, messages, .. } = batch;
    if pieces.is_empty() { Err(SplitError::Empty) } else { Ok(Pieces::Many { pieces, messages }) }
}

/// The pieces found so far.
struct Batch<'a> {
    body: &'a [u8],
    format: Format,
    max_messages: usize,
    pieces: Vec<Piece>,
    /// What they count as.
    messages: usize,
    /// How many of them, at the end, are no messages.
    fragments: usize,
}

impl Batch<'_> {
    fn push(&mut self, range: Range<usize>, fault: Option<Fault>) -> Result<(), SplitError> {
        let is_message = self.is_message(&range);
        if is_message || self.fragments == 0 {
            if self.messages == self.max_messages {
                return Err(SplitError::TooMany { max: self.max_messages });
            }
            self.messages += 1;
        }
        self.fragments = if is_message { 0 } else { self.fragments + 1 };
        match self.pieces.last_mut() {
            Some(last) if self.fragments > FRAGMENTS_MAX => {
                *last = Piece { range: last.range.start..range.end, fault: Some(Fault::Between) };
            }
            _ => self.pieces.push(Piece { range, fault }),
        }
        Ok(())
    }

    /// Whether a piece has what every message has, be it broken. A line is the sender's own piece.
    fn is_message(&self, range: &Range<usize>) -> bool {
        match self.format {
            Format::Lines => true,
            Format::Json => memmem::find(&self.body[range.clone()], b"\"message_id\"").is_some(),
            Format::Xml => xml::begins_message(&self.body[..range.end], range.start),
        }
    }
}

/// `range` without the white space at its ends.
fn trim(body: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &body[range.clone()];
    let start = range.start + (text.len() - text.trim_ascii_start().len());
    start..start + text.trim_ascii().len()
}

#[cfg(test)]
mod tests;
