//! Writing a recording.

use std::io::{Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use super::{CHECKSUM, HEADER_BYTES_MAX, Header, MESSAGE_BYTES_MAX, RecordingError, checksum};

/// Writes a recording, message by message.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    out: W,
    header: Header,
    /// The header's place in the file, kept free for its final form.
    header_bytes: usize,
    messages: u64,
    last_ns: u64,
    digest: Sha256,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a recording at the start of `out`. What `header` says of messages, duration
    /// and checksum is not used.
    ///
    /// # Errors
    /// When the header is too long or `out` fails.
    pub fn new(mut out: W, header: Header) -> Result<Self, RecordingError> {
        let widest = Header {
            messages: Some(u64::MAX),
            duration_ns: Some(u64::MAX),
            images: Some(u64::MAX),
            checksum: Some(CHECKSUM.to_owned() + &"0".repeat(2 * <Sha256 as Digest>::output_size())),
            ..header.clone()
        };
        let header_bytes = header_line(&widest, 0)?.len();
        let header = Header { messages: None, duration_ns: None, checksum: None, ..header };
        out.write_all(&header_line(&header, header_bytes)?)?;
        Ok(Self { out, header, header_bytes, messages: 0, last_ns: 0, digest: Sha256::new() })
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
        for part in [&offset_ns.to_le_bytes()[..], &length.to_le_bytes(), bytes] {
            self.digest.update(part);
            self.out.write_all(part)?;
        }
        self.messages = message;
        self.last_ns = offset_ns;
        Ok(())
    }

    /// One more of the messages says what a game was before the first message about it; the header counts them at the end.
    pub fn count_image(&mut self) {
        *self.header.images.get_or_insert(0) += 1;
    }

    /// Messages so far.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Brings what was written to whatever is below, so that it is there should the writer die.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        Ok(self.out.flush()?)
    }

    /// Ends the recording: its header now says how much there is. Returns that header.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> Result<Header, RecordingError> {
        self.header.messages = Some(self.messages);
        self.header.duration_ns = Some(self.last_ns);
        self.header.checksum = Some(checksum(self.digest));
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
