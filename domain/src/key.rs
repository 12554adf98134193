//! The keys of an event: what can change by itself, and whose last version is remembered.

use std::fmt;
use std::str::FromStr;

use crate::{IncidentId, MarketKey, text};

/// One part of an event's public state. Text form: `fixture`, `status`, `market:412:total=5.5`, `incident:17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Who plays whom and when.
    Fixture,
    /// The state of play.
    Status,
    /// One market.
    Market(MarketKey),
    /// One incident.
    Incident(IncidentId),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixture => f.write_str("fixture"),
            Self::Status => f.write_str("status"),
            Self::Market(key) => write!(f, "market:{key}"),
            Self::Incident(id) => write!(f, "incident:{id}"),
        }
    }
}

/// A text that names no key of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key of an event: `fixture`, `status`, `market:<id>[:<specifiers>]` or `incident:<id>`"
)]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError(text.to_owned());
        match text.split_once(':') {
            None if text == "fixture" => Ok(Self::Fixture),
            None if text == "status" => Ok(Self::Status),
            Some(("market", key)) => Ok(Self::Market(key.parse().map_err(|_| wrong())?)),
            Some(("incident", id)) => Ok(Self::Incident(IncidentId::new(id).map_err(|_| wrong())?)),
            _ => Err(wrong()),
        }
    }
}

text::on_the_wire!(Key);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        for text in ["fixture", "status", "market:406", "market:412:total=5.5", "incident:17:a"] {
            assert_eq!(text.parse::<Key>().expect("a key").to_string(), text);
        }
        for wrong in ["", "fixture:", "status:1", "market", "market:", "market:x", "incident:", "odds:1"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
    }
}
