//! Native XML: one element per message, named by its type; it says exactly what native JSON says.
//!
//! The envelope is the element's attributes, the body its further attributes and its children. What is read is a
//! strict part of XML 1.0: UTF-8, no document type, no processing instructions, no entities but the predefined ones.

use crate::FeedMessage;

pub use place::Place;
pub use write::{encode, encode_into};

mod place;
mod read;
pub(in crate::codec) mod reader;
mod value;
mod write;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not XML, or more of XML than is taken.
    #[error("not XML: {detail} at {place}")]
    Syntax {
        /// What the parser stumbled over.
        detail: String,
        /// Where.
        place: Place,
    },
    /// XML, but not a message of this schema.
    #[error("{detail} at {place}")]
    Schema {
        /// What is wrong.
        detail: String,
        /// With which part, or in which one something is missing.
        place: Place,
    },
}

impl DecodeError {
    /// Where it is wrong.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::Syntax { place, .. } | Self::Schema { place, .. } => place,
        }
    }
}

/// Reads one message. Unknown attributes and elements are ignored: a later minor version may have added them.
///
/// # Errors
/// When the bytes are not XML or not a message, with the place.
pub fn decode(bytes: &[u8]) -> Result<FeedMessage, DecodeError> {
    read_document(bytes, read::message)
}

/// Reads a document of any schema: UTF-8, with or without a byte-order mark.
pub(in crate::codec) fn read_document<'b, T>(
    bytes: &'b [u8],
    read: impl FnOnce(&'b str) -> reader::Read<T>,
) -> Result<T, DecodeError> {
    let (text, unreadable) = utf8(bytes);
    let message = match unreadable {
        None => read(text),
        Some(byte) => Err(reader::Fault::encoding(text, byte)),
    };
    message.map_err(|fault| fault.locate(text))
}

/// What of a document can be read at all: up to the first byte that is no UTF-8.
pub(in crate::codec) fn readable(bytes: &[u8]) -> &str {
    utf8(bytes).0
}

/// Text without a byte-order mark, and the byte that ends it where it is no UTF-8.
fn utf8(bytes: &[u8]) -> (&str, Option<u8>) {
    let (readable, unreadable) = match str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (readable, rest) = bytes.split_at(error.valid_up_to());
            (str::from_utf8(readable).expect("UTF-8 until here"), rest.first().copied())
        }
    };
    (readable.strip_prefix('\u{feff}').unwrap_or(readable), unreadable)
}

#[cfg(test)]
mod tests;
