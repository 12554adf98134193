//! A dead letter's name, how a message says that it is sent in a letter's place, and what can become of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The header, of an HTTP request and of a Kafka record, in which a message brings its [`Redrive`].
pub const REDRIVE_HEADER: &str = "redrive";

/// A dead letter: its place in the topic of dead letters. Its text is `0/17`, or `17` in the first partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// By what an event knows a dead letter of its own: a hash of the refused bytes. Who refuses a message does not know where its
/// letter will lie, and what is sent in its place has other bytes and perhaps another time; this stays. Its text is 16
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LetterMark(u64);

/// Says that a message is sent in a dead letter's place. Its text is `0/17/00c0ffee00c0ffee`, and with the letter's mark
/// `0/17/00c0ffee00c0ffee/0123456789abcdef`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Redrive {
    /// The letter.
    pub letter: LetterId,
    /// Which attempt this is: whoever sends draws a number, and finds by it what became of this very message.
    pub attempt: u64,
    /// The letter's mark; whoever does not tell it frees only what the time of the message tells.
    pub mark: Option<LetterMark>,
}

/// What became of a message that was sent in a dead letter's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveOutcome {
    /// It has had its effect.
    Applied,
    /// It waits for the messages before it.
    Waiting,
    /// Its event has gone on without it.
    Superseded,
    /// It was refused again, and the letter stays as it is.
    Refused,
    /// Nothing was sent: somebody has said that nothing will be.
    Closed,
}

/// Why a text names no letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dead letter is named by its partition and offset, as in `0/17`")]
pub struct BadLetterId;

/// Why a text is no [`Redrive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a dead letter and 16 hexadecimal digits, as in `0/17/00c0ffee00c0ffee`, and its mark where that is told"
)]
pub struct BadRedrive;

/// Why a text is no [`LetterMark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a letter's mark has 16 hexadecimal digits")]
pub struct BadMark;

/// Why a text is no [`RedriveOutcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an outcome of a redrive")]
pub struct BadOutcome;

impl RedriveOutcome {
    const ALL: [Self; 5] = [Self::Applied, Self::Waiting, Self::Superseded, Self::Refused, Self::Closed];

    /// Its name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting => "waiting",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Closed => "closed",
        }
    }

    /// Whether nothing more is to be done about the letter.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Refused
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

impl FromStr for LetterId {
    type Err = BadLetterId;

    fn from_str(text: &str) -> Result<Self, BadLetterId> {
        let (partition, offset) = text.split_once('/').unwrap_or(("0", text));
        let partition = number(partition).and_then(|number| number.try_into().ok()).ok_or(BadLetterId)?;
        Ok(Self { partition, offset: number(offset).ok_or(BadLetterId)? })
    }
}

/// Digits alone, so that a number has one text.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Redrive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.letter, self.attempt)?;
        self.mark.map_or(Ok(()), |mark| write!(f, "/{mark}"))
    }
}

impl LetterMark {
    /// That of the letter which keeps these bytes.
    #[must_use]
    pub fn of(refused: &[u8]) -> Self {
        Self(hash(refused))
    }
}

impl fmt::Display for LetterMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for LetterMark {
    type Err = BadMark;

    fn from_str(text: &str) -> Result<Self, BadMark> {
        hexadecimal(text).map(Self).ok_or(BadMark)
    }
}

impl TryFrom<String> for LetterMark {
    type Error = BadMark;

    fn try_from(text: String) -> Result<Self, BadMark> {
        text.parse()
    }
}

impl From<LetterMark> for String {
    fn from(mark: LetterMark) -> Self {
        mark.to_string()
    }
}

/// Sixteen digits, so that a number has one length.
fn hexadecimal(text: &str) -> Option<u64> {
    let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

impl FromStr for Redrive {
    type Err = BadRedrive;

    fn from_str(text: &str) -> Result<Self, BadRedrive> {
        let (text, mark) = match text.rsplit_once('/').ok_or(BadRedrive)? {
            (before, mark) if before.matches('/').count() == 2 => (before, Some(mark)),
            _ => (text, None),
        };
        let (letter, attempt) = text.rsplit_once('/').ok_or(BadRedrive)?;
        Ok(Self {
            letter: letter.parse().map_err(|_| BadRedrive)?,
            attempt: hexadecimal(attempt).ok_or(BadRedrive)?,
            mark: mark.map(|mark| mark.parse().map_err(|_| BadRedrive)).transpose()?,
        })
    }
}

impl FromStr for RedriveOutcome {
    type Err = BadOutcome;

    fn from_str(text: &str) -> Result<Self, BadOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(BadOutcome)
    }
}

/// FNV-1a: stable across builds, since it is stored.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_and_a_redrive_are_read_as_they_are_written() {
        let letter = LetterId { partition: 2, offset: 17 };
        assert_eq!(letter.to_string().parse(), Ok(letter));
        assert_eq!("17".parse(), Ok(LetterId { partition: 0, offset: 17 }));
        let redrive = Redrive { letter, attempt: 0xbeef, mark: None };
        assert_eq!(redrive.to_string(), "2/17/000000000000beef");
        assert_eq!(redrive.to_string().parse(), Ok(redrive));
        let marked = Redrive { mark: Some(LetterMark::of(b"a")), ..redrive };
        assert_eq!(marked.to_string(), "2/17/000000000000beef/af63dc4c8601ec8c");
        assert_eq!(marked.to_string().parse(), Ok(marked));
    }

    #[test]
    fn what_names_no_letter_is_refused() {
        for text in ["", "/", "1/", "/1", "-1", "+1", "0/-1", "a", "1/2/3", "99999999999/1"] {
            assert_eq!(text.parse::<LetterId>(), Err(BadLetterId), "{text}");
        }
        let long = "0/17/00c0ffee00c0ffee";
        for text in
            ["0/17", "17", "0/17/beef", "0/17/+00000000000beef"].map(str::to_owned).into_iter().chain([
                format!("{long}/"),
                format!("{long}/beef"),
                format!("{long}/00c0ffee00c0ffee/00c0ffee00c0ffee"),
            ])
        {
            assert_eq!(text.parse::<Redrive>(), Err(BadRedrive), "{text}");
        }
    }
}
