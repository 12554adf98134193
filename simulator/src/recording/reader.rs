//! Reading a recording.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::{
    FORMAT, FRAME_BYTES, HEADER_BYTES_MAX, Header, MESSAGE_BYTES_MAX, Message, RecordingError, VERSION,
    checksum,
};

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Which it is, from 1; 0 before the first.
    pub message: u64,
    /// The byte of the file at which its frame begins.
    pub at: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "message {} at byte {}", self.message, self.at)
    }
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
    /// Where the message read last stands.
    place: Place,
    digest: Sha256,
    /// Bytes behind the last whole message of a recording that was not finished.
    torn_bytes: usize,
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
        let at = line.len() as u64;
        Ok(Self {
            input,
            header,
            at,
            messages: 0,
            last_ns: 0,
            done: false,
            place: Place::default(),
            digest: Sha256::new(),
            torn_bytes: 0,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the message read last stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Bytes behind the last whole message, which are not read: those of a message that was being written when the
    /// recording's writer died. Known at the end.
    #[must_use]
    pub fn torn_bytes(&self) -> usize {
        self.torn_bytes
    }

    fn read(&mut self) -> Result<Option<Message>, RecordingError> {
        let (message, at) = (self.messages + 1, self.at);
        let mut frame = [0; FRAME_BYTES];
        let found = read_up_to(&mut self.input, &mut frame)?;
        if found == 0 {
            return self.check_end().map(|()| None);
        }
        if found < FRAME_BYTES {
            return self.cut_off(FRAME_BYTES, found, found);
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
            return self.cut_off(length, found, FRAME_BYTES + found);
        }
        self.digest.update(frame);
        self.digest.update(&bytes);
        self.place = Place { message, at };
        self.messages = message;
        self.last_ns = offset_ns;
        self.at = at + (FRAME_BYTES + length) as u64;
        Ok(Some(Message { offset_ns, bytes }))
    }

    /// The file ends within a message: an error, unless its writer died there.
    fn cut_off(
        &mut self,
        expected: usize,
        found: usize,
        torn_bytes: usize,
    ) -> Result<Option<Message>, RecordingError> {
        if self.header.messages.is_none() {
            self.torn_bytes = torn_bytes;
            return Ok(None);
        }
        Err(RecordingError::Truncated { message: self.messages + 1, at: self.at, expected, found })
    }

    /// Whether what was read is what was written.
    fn check_end(&mut self) -> Result<(), RecordingError> {
        let Some(expected) = self.header.messages else { return Ok(()) };
        if expected != self.messages {
            return Err(RecordingError::Count { expected, found: self.messages, at: self.at });
        }
        let Some(expected) = self.header.checksum.clone() else { return Ok(()) };
        let found = checksum(std::mem::take(&mut self.digest));
        if expected == found { Ok(()) } else { Err(RecordingError::Checksum { expected, found }) }
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
