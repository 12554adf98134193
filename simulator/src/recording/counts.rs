//! How many messages a recording has in each part of its time: the course of a day, without its games.

use std::io::Read;

use super::{Reader, RecordingError};

/// How a recording's messages lie in its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Messages of each part, the first to the last.
    pub messages: Vec<u64>,
    /// How long a part is, in nanoseconds.
    pub part_ns: u64,
    /// How long all of it is, in nanoseconds: the last part may be shorter.
    pub length_ns: u64,
}

/// Why a recording says nothing of how a rate goes.
#[derive(Debug, thiserror::Error)]
pub enum CountsError {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// All of it is of one moment.
    #[error("it has no two messages of different times")]
    Moment,
    /// It is too long for parts so short.
    #[error("it has more than {0} parts of this length")]
    Parts(usize),
}

impl Counts {
    /// Counts the messages of every `part_ns`, of which there are at most `parts_max`.
    ///
    /// # Errors
    /// When it cannot be read to its end, is of one moment, or has too many parts.
    pub fn of(recording: Reader<impl Read>, part_ns: u64, parts_max: usize) -> Result<Self, CountsError> {
        let (mut messages, mut length_ns) = (Vec::new(), 0);
        for message in recording {
            let offset_ns = message?.offset_ns;
            let part = usize::try_from(offset_ns / part_ns).unwrap_or(usize::MAX);
            if part >= parts_max {
                return Err(CountsError::Parts(parts_max));
            }
            messages.resize(messages.len().max(part + 1), 0);
            messages[part] += 1;
            length_ns = length_ns.max(offset_ns);
        }
        // What falls on the end itself begins no part.
        if messages.len() > 1 && length_ns % part_ns == 0 {
            let last = messages.pop().unwrap_or_default();
            *messages.last_mut().expect("there were two") += last;
        }
        if length_ns == 0 { Err(CountsError::Moment) } else { Ok(Self { messages, part_ns, length_ns }) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use domain::Name;

    use super::*;
    use crate::format::Format;
    use crate::recording::{Header, Writer};

    fn counts(offsets_ns: &[u64], parts_max: usize) -> Result<Counts, String> {
        let header = Header::new(Name::new("md").unwrap(), Format::Json, "a test", None);
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut bytes, header).unwrap();
        offsets_ns.iter().for_each(|offset_ns| writer.write(*offset_ns, b"{}").unwrap());
        writer.finish().unwrap();
        let recording = Reader::new(Cursor::new(bytes.into_inner())).unwrap();
        Counts::of(recording, 10, parts_max).map_err(|error| error.to_string())
    }

    #[test]
    fn messages_are_counted_part_by_part() {
        let found = counts(&[0, 0, 9, 10, 34], 4).unwrap();
        assert_eq!(found, Counts { messages: vec![3, 1, 0, 1], part_ns: 10, length_ns: 34 });
        assert_eq!(counts(&[0, 5, 20], 2).unwrap_err(), "it has more than 2 parts of this length");
        assert_eq!(counts(&[0, 5, 20], 3).unwrap().messages, [2, 1], "the end begins no part");
    }

    #[test]
    fn of_one_moment_nothing_is_known() {
        for offsets_ns in [&[][..], &[0], &[0, 0]] {
            assert_eq!(counts(offsets_ns, 4).unwrap_err(), "it has no two messages of different times");
        }
    }
}
