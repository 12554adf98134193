//! A dead letter's name, how a message says that it is sent in a letter's place, and what can become of it.

use std::fmt;
use std::str::FromStr;

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

/// Says that a message is sent in a dead letter's place. Its text is `0/17/00c0ffee00c0ffee`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Redrive {
    /// The letter.
    pub letter: LetterId,
    /// Which attempt this is: whoever sends draws a number, and finds by it what became of this very message.
    pub attempt: u64,
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
}

/// Why a text names no letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dead letter is named by its partition and offset, as in `0/17`")]
pub struct BadLetterId;

/// Why a text is no [`Redrive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a dead letter and 16 hexadecimal digits, as in `0/17/00c0ffee00c0ffee`")]
pub struct BadRedrive;

/// Why a text is no [`RedriveOutcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an outcome of a redrive")]
pub struct BadOutcome;

impl RedriveOutcome {
    const ALL: [Self; 4] = [Self::Applied, Self::Waiting, Self::Superseded, Self::Refused];

    /// Its name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting => "waiting",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
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
        write!(f, "{}/{:016x}", self.letter, self.attempt)
    }
}

impl FromStr for Redrive {
    type Err = BadRedrive;

    fn from_str(text: &str) -> Result<Self, BadRedrive> {
        let (letter, attempt) = text.rsplit_once('/').ok_or(BadRedrive)?;
        let is_hex = attempt.len() == 16 && attempt.bytes().all(|byte| byte.is_ascii_hexdigit());
        let attempt = u64::from_str_radix(attempt, 16).ok().filter(|_| is_hex).ok_or(BadRedrive)?;
        Ok(Self { letter: letter.parse().map_err(|_| BadRedrive)?, attempt })
    }
}

impl FromStr for RedriveOutcome {
    type Err = BadOutcome;

    fn from_str(text: &str) -> Result<Self, BadOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(BadOutcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_and_a_redrive_are_read_as_they_are_written() {
        let letter = LetterId { partition: 2, offset: 17 };
        assert_eq!(letter.to_string().parse(), Ok(letter));
        assert_eq!("17".parse(), Ok(LetterId { partition: 0, offset: 17 }));
        let redrive = Redrive { letter, attempt: 0xbeef };
        assert_eq!(redrive.to_string(), "2/17/000000000000beef");
        assert_eq!(redrive.to_string().parse(), Ok(redrive));
    }

    #[test]
    fn what_names_no_letter_is_refused() {
        for text in ["", "/", "1/", "/1", "-1", "+1", "0/-1", "a", "1/2/3", "99999999999/1"] {
            assert_eq!(text.parse::<LetterId>(), Err(BadLetterId), "{text}");
        }
        for text in ["0/17", "17", "0/17/beef", "0/17/+00000000000beef", "0/17/00c0ffee00c0ffee/"] {
            assert_eq!(text.parse::<Redrive>(), Err(BadRedrive), "{text}");
        }
    }
}
