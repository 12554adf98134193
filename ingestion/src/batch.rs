//! Splits a request's body into messages, each with its number and its place, without copying any.

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use chassis::problem::Problem;
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::refusal;

/// The formats in which a body may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One message, or an array of messages.
    Json,
    /// One message per line.
    Lines,
}

/// One message of a body, not looked into yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its number in the request, from 0.
    pub index: usize,
    /// Where it begins in the body.
    pub offset: usize,
    /// The message itself, sharing the body's memory.
    pub bytes: Bytes,
}

/// What a body consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// A JSON document that is not an array: the answer is about this one message.
    Single(Piece),
    /// An array or lines: the answer lists what was not accepted.
    Many(Vec<Piece>),
}

/// Why a body is refused as a whole.
#[derive(Debug, PartialEq, Eq)]
pub enum SplitError {
    /// Nothing in it can be read; it is kept.
    Malformed(Problem),
    /// There is nothing in it, or too much; nothing of it is kept.
    Unacceptable(Problem),
}

impl Format {
    /// The format that a `Content-Type` names; its parameters say nothing that JSON does not.
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-ndjson") {
            Some(Self::Lines)
        } else {
            None
        }
    }
}

/// Splits a body into at most `max_messages`.
pub fn split(format: Format, body: &Bytes, max_messages: usize) -> Result<Pieces, SplitError> {
    let pieces = match format {
        Format::Lines => Pieces::Many(lines(body, max_messages)?),
        Format::Json => match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(SplitError::Unacceptable(refusal::empty())),
            Some(b'[') => Pieces::Many(elements(body, max_messages)?),
            Some(_) => Pieces::Single(Piece { index: 0, offset: 0, bytes: body.clone() }),
        },
    };
    match &pieces {
        Pieces::Many(pieces) if pieces.is_empty() => Err(SplitError::Unacceptable(refusal::empty())),
        _ => Ok(pieces),
    }
}

/// Lines that are not blank; a malformed one is no concern of its neighbours.
fn lines(body: &Bytes, max_messages: usize) -> Result<Vec<Piece>, SplitError> {
    let mut pieces = Vec::new();
    for line in body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if pieces.len() == max_messages {
            return Err(SplitError::Unacceptable(refusal::too_many_messages(max_messages)));
        }
        pieces.push(piece(body, pieces.len(), line));
    }
    Ok(pieces)
}

/// The elements of an array. The array must be whole: of a broken one nobody can say where its messages end.
fn elements(body: &Bytes, max_messages: usize) -> Result<Vec<Piece>, SplitError> {
    let has_too_many = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let raw = Elements { max: max_messages, has_too_many: &has_too_many }
        .deserialize(&mut deserializer)
        .and_then(|raw| deserializer.end().map(|()| raw));
    match raw {
        Ok(raw) => {
            let numbered = raw.iter().enumerate();
            Ok(numbered.map(|(index, raw)| piece(body, index, raw.get().as_bytes())).collect())
        }
        Err(_) if has_too_many.get() => {
            Err(SplitError::Unacceptable(refusal::too_many_messages(max_messages)))
        }
        Err(error) => Err(SplitError::Malformed(refusal::malformed(format!("not JSON: {error}")))),
    }
}

/// `part` must lie within `body`.
fn piece(body: &Bytes, index: usize, part: &[u8]) -> Piece {
    let bytes = body.slice_ref(part);
    Piece { index, offset: part.as_ptr().addr() - body.as_ptr().addr(), bytes }
}

/// Reads an array of anything, up to a number of elements.
struct Elements<'flag> {
    max: usize,
    has_too_many: &'flag Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            if elements.len() == self.max {
                self.has_too_many.set(true);
                return Err(de::Error::custom("too many elements"));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(format: Format, text: &str) -> Result<Vec<(usize, usize, String)>, u16> {
        let body = Bytes::from(text.to_owned());
        let pieces = match split(format, &body, 3) {
            Ok(Pieces::Single(piece)) => vec![piece],
            Ok(Pieces::Many(pieces)) => pieces,
            Err(SplitError::Malformed(problem) | SplitError::Unacceptable(problem)) => {
                return Err(problem.status.as_u16());
            }
        };
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(pieces.iter().map(|piece| (piece.index, piece.offset, text(&piece.bytes))).collect())
    }

    fn found(pieces: &[(usize, usize, &str)]) -> Result<Vec<(usize, usize, String)>, u16> {
        Ok(pieces.iter().map(|(index, offset, text)| (*index, *offset, (*text).to_owned())).collect())
    }

    #[test]
    fn the_content_type_names_the_format() {
        assert_eq!(Format::of("application/json"), Some(Format::Json));
        assert_eq!(Format::of("Application/JSON; charset=utf-8"), Some(Format::Json));
        assert_eq!(Format::of("application/x-ndjson"), Some(Format::Lines));
        assert_eq!(Format::of("text/plain"), None);
        assert_eq!(Format::of(""), None);
    }

    #[test]
    fn an_array_gives_each_element_its_number_and_its_place() {
        assert_eq!(
            split_text(Format::Json, r#" [{"a":1}, "]", {"b":[2]} ] "#),
            found(&[(0, 2, r#"{"a":1}"#), (1, 11, r#""]""#), (2, 16, r#"{"b":[2]}"#)])
        );
    }

    #[test]
    fn anything_else_is_one_message_whole() {
        assert_eq!(split_text(Format::Json, r#" {"a":1} "#), found(&[(0, 0, r#" {"a":1} "#)]));
        assert_eq!(split_text(Format::Json, "nonsense"), found(&[(0, 0, "nonsense")]));
    }

    #[test]
    fn a_broken_array_is_refused_whole() {
        for broken in ["[{\"a\":1},", "[{\"a\":1}] x", "[{\"a\":1} {\"a\":2}]", "[}"] {
            assert_eq!(split_text(Format::Json, broken), Err(400), "{broken}");
        }
    }

    #[test]
    fn lines_are_split_whatever_is_in_them() {
        assert_eq!(
            split_text(Format::Lines, "{\"a\":1}\r\n\n  oops [\n{\"b\":2}"),
            found(&[(0, 0, r#"{"a":1}"#), (1, 12, "oops ["), (2, 19, r#"{"b":2}"#)])
        );
    }

    #[test]
    fn nothing_at_all_is_refused() {
        for (format, text) in
            [(Format::Json, ""), (Format::Json, " \n"), (Format::Json, " [ ] "), (Format::Lines, "\r\n \n")]
        {
            assert_eq!(split_text(format, text), Err(400), "{text:?}");
        }
    }

    #[test]
    fn one_message_too_many_is_refused_whole() {
        assert_eq!(split_text(Format::Json, "[1,2,3]").map(|pieces| pieces.len()), Ok(3));
        assert_eq!(split_text(Format::Json, "[1,2,3,4]"), Err(413));
        assert_eq!(split_text(Format::Lines, "1\n2\n3\n4\n"), Err(413));
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_passes() {
        let deep = format!("[{}{}]", "[".repeat(200_000), "]".repeat(200_000));
        assert!(split_text(Format::Json, &deep).is_ok_and(|pieces| pieces.len() == 1));
    }
}
