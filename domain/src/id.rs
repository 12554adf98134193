//! Identifiers: checked once where they enter, cheap to clone ever after.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limit::{ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::text;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, or over the limit.
    #[error("must have 1 to {max} bytes, has {actual}")]
    Length {
        /// The largest length allowed, in bytes.
        max: usize,
        /// The length found, in bytes.
        actual: usize,
    },
    /// A character outside the identifier's alphabet.
    #[error("`{found}` must not contain `{character}`; allowed are {allowed}")]
    Character {
        /// The whole text.
        found: String,
        /// The first character that does not belong.
        character: char,
        /// The alphabet, in words.
        allowed: &'static str,
    },
    /// Not of the form `namespace:kind:id`.
    #[error("`{0}` is not of the form `namespace:kind:id`")]
    Form(String),
}

/// A newtype over shared text whose content `$check` has accepted.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and takes it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text.as_ref())?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text::on_the_wire!($name, as_str);

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_text!(
    /// A provider's name for an event, competitor or tournament: `namespace:kind:id`, such as `nhl:game:2024030121`.
    Urn,
    check_urn
);
checked_text!(
    /// A short lower-case name: of a provider (`nhl`) or of one of its producers (`live`).
    Name,
    |found| check(found, 32, "a-z, 0-9, `_` and `-`", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
);
checked_text!(
    /// The idempotency key of a message, chosen by its provider.
    MessageId,
    |found| check(found, ID_BYTES_MAX, "visible ASCII characters", |c| c.is_ascii_graphic())
);
checked_text!(
    /// A provider's id of an incident, unique within its event.
    IncidentId,
    |found| check(found, 64, "A-Z, a-z, 0-9, `_`, `-`, `.` and `:`", |c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
);
checked_text!(
    /// A provider's id of an outcome: a number, a URN, or `pre:outcometext:…`.
    OutcomeId,
    |found| check(found, ID_BYTES_MAX, "visible ASCII characters", |c| c.is_ascii_graphic())
);
checked_text!(
    /// A text for people: a competitor's, player's or tournament's name, a reason.
    Text,
    |found| check(found, TEXT_BYTES_MAX, "all but control characters, U+FFFE and U+FFFF, which XML cannot carry", |c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
);

/// The URN of one match.
pub type EventId = Urn;

/// Who speaks: one producer of one provider. Sequences count per source and event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The provider.
    pub provider: Name,
    /// Its producer.
    pub producer: Name,
}

/// How producers are called that offer odds before a game only: in a Unified Odds Feed by its number.
const PRE_MATCH: [&str; 2] = ["pre", "3"];

impl Source {
    /// Whether it offers odds before a game only: once another producer offers a market, that one's offer counts.
    #[must_use]
    pub fn is_pre_match(&self) -> bool {
        PRE_MATCH.contains(&self.producer.as_str())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.producer)
    }
}

fn check(text: &str, max: usize, allowed: &'static str, is_allowed: fn(char) -> bool) -> Result<(), IdError> {
    if text.is_empty() || text.len() > max {
        return Err(IdError::Length { max, actual: text.len() });
    }
    match text.chars().find(|&c| !is_allowed(c)) {
        Some(character) => Err(IdError::Character { found: text.to_owned(), character, allowed }),
        None => Ok(()),
    }
}

fn check_urn(text: &str) -> Result<(), IdError> {
    check(text, ID_BYTES_MAX, "A-Z, a-z, 0-9, `_`, `-`, `.` and `:`", |c| {
        c.is_ascii_alphanumeric() || "_-.:".contains(c)
    })?;
    let mut parts = text.splitn(3, ':');
    let complete = (0..3).all(|_| parts.next().is_some_and(|part| !part.is_empty()));
    if complete { Ok(()) } else { Err(IdError::Form(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_has_three_parts() {
        assert!(Urn::new("nhl:game:2024030121").is_ok());
        assert!(Urn::new("md:match:a:b").is_ok());
        for wrong in ["", "42", "nhl:42", "nhl::42", ":game:42", "nhl:game:", "nhl:game:4 2", "nhl:game:4/2"]
        {
            assert!(Urn::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_names_what_is_wrong() {
        let error = Name::new("NHL").expect_err("capitals are not allowed");
        assert_eq!(error.to_string(), "`NHL` must not contain `N`; allowed are a-z, 0-9, `_` and `-`");
    }
}
