//! Decompresses a body step by step, so that whoever asks for the steps decides how large it may become and when
//! others have their turn.
//!
//! Both formats may hold several members (gzip) or frames (zstd), one after the other: their contents are joined, as
//! RFC 1952 and RFC 8878 say. Anything else behind the end is refused.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

/// Members or frames of one body. An empty one has 20 or 9 bytes and costs more than its bytes.
const MEMBERS_MAX: usize = 1_000;

/// The largest window that a zstd frame may ask for: 8 MiB, as RFC 9659 has it for HTTP. A decoder sets it aside.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Why a body cannot be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// It ends too early.
    #[error("the compressed body ends before its content does")]
    Truncated,
    /// It is not what it says it is.
    #[error("the compressed body is corrupt: {0}")]
    Corrupt(String),
    /// Something follows that is not compressed.
    #[error("what follows the end of the compressed body is not compressed: {0} bytes")]
    TrailingGarbage(usize),
    /// It has more parts than any sender needs.
    #[error("the compressed body has more than {MEMBERS_MAX} members")]
    TooManyMembers,
}

/// A body on its way.
pub struct Decompressor<'a> {
    state: State<'a>,
    members: usize,
}

enum State<'a> {
    Gzip(Box<GzDecoder<&'a [u8]>>),
    Zstd { decoder: ZstdDecoder<'static>, rest: &'a [u8] },
    Done,
}

impl Encoding {
    /// Whether a member or a frame may begin like this, as far as it is there.
    fn may_begin(self, text: &[u8]) -> bool {
        const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
        let agrees = |magic: &[u8]| text.iter().zip(magic).all(|(byte, expected)| byte == expected);
        match self {
            Self::Gzip => agrees(&[0x1f, 0x8b]),
            Self::Zstd => {
                let skippable = |first| agrees(&[&[first], &SKIPPABLE[..]].concat());
                agrees(&[0x28, 0xb5, 0x2f, 0xfd]) || (0x50..=0x5f).any(skippable)
            }
        }
    }
}

impl<'a> Decompressor<'a> {
    /// Over a whole compressed body.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(encoding: Encoding, compressed: &'a [u8]) -> Result<Self, DecompressError> {
        let state = match encoding {
            Encoding::Gzip => State::Gzip(Box::new(GzDecoder::new(compressed))),
            Encoding::Zstd => {
                let mut decoder = ZstdDecoder::new().map_err(|error| corrupt(&error))?;
                let window = DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX);
                decoder.set_parameter(window).map_err(|error| corrupt(&error))?;
                State::Zstd { decoder, rest: compressed }
            }
        };
        Ok(Self { state, members: 0 })
    }

    /// Writes what comes next into `buffer`, which must not be empty, and says how much it is: 0 is the end. A step
    /// takes no longer than its buffer and one thousand empty members take.
    ///
    /// # Errors
    /// See [`DecompressError`]. Do not go on after one.
    pub fn step(&mut self, buffer: &mut [u8]) -> Result<usize, DecompressError> {
        loop {
            let (length, has_ended) = match &mut self.state {
                State::Done => return Ok(0),
                State::Gzip(decoder) => {
                    let length = decoder.read(buffer).map_err(|error| failed(&error))?;
                    (length, length == 0)
                }
                State::Zstd { decoder, rest } => {
                    zstd_step(decoder, rest, buffer).map_err(|error| failed(&error))?
                }
            };
            if has_ended {
                self.next_member()?;
            }
            if length > 0 {
                return Ok(length);
            }
        }
    }

    fn next_member(&mut self) -> Result<(), DecompressError> {
        self.members += 1;
        let (encoding, rest) = match &self.state {
            State::Gzip(decoder) => (Encoding::Gzip, *decoder.get_ref()),
            State::Zstd { rest, .. } => (Encoding::Zstd, *rest),
            State::Done => return Ok(()),
        };
        if rest.is_empty() {
            self.state = State::Done;
        } else if !encoding.may_begin(rest) {
            return Err(DecompressError::TrailingGarbage(rest.len()));
        } else if self.members == MEMBERS_MAX {
            return Err(DecompressError::TooManyMembers);
        } else if let State::Gzip(decoder) = &mut self.state {
            **decoder = GzDecoder::new(rest);
        }
        Ok(())
    }
}

/// One call into zstd: how much it wrote, and whether a frame has ended.
fn zstd_step(
    decoder: &mut ZstdDecoder<'static>,
    rest: &mut &[u8],
    buffer: &mut [u8],
) -> io::Result<(usize, bool)> {
    let mut input = InBuffer::around(rest);
    let mut output = OutBuffer::around(buffer);
    let hint = decoder.run(&mut input, &mut output)?;
    let (taken, length) = (input.pos(), output.pos());
    if hint != 0 && length == 0 && taken == rest.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *rest = &rest[taken..];
    Ok((length, hint == 0))
}

fn failed(error: &io::Error) -> DecompressError {
    if error.kind() == io::ErrorKind::UnexpectedEof { DecompressError::Truncated } else { corrupt(error) }
}

fn corrupt(error: &io::Error) -> DecompressError {
    DecompressError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests;
