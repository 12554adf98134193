//! What tells one market of an event from another: its id and its specifiers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text;

/// What a market is about beyond its id: `key=value` pairs sorted by key, joined by `|`; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Specifiers(Option<Arc<str>>);

/// Why a text is not a list of specifiers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecifiersError {
    /// A part that is not `key=value`.
    #[error("`{0}` is not of the form `key=value`")]
    Pair(String),
    /// A key that stands there twice.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// Too long.
    #[error("must have at most {max} bytes, has {actual}", max = Specifiers::BYTES_MAX)]
    Length {
        /// The length found, in bytes.
        actual: usize,
    },
}

impl Specifiers {
    /// The largest length, in bytes.
    pub const BYTES_MAX: usize = 160;

    /// Takes pairs in any order and sorts them by key.
    pub fn parse(text: &str) -> Result<Self, SpecifiersError> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        if text.len() > Self::BYTES_MAX {
            return Err(SpecifiersError::Length { actual: text.len() });
        }
        let mut pairs = text.split('|').map(parse_pair).collect::<Result<Vec<_>, _>>()?;
        if pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return Ok(Self(Some(Arc::from(text))));
        }
        pairs.sort_unstable();
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(SpecifiersError::Twice(twice[0].0.to_owned()));
        }
        let sorted: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Ok(Self(Some(Arc::from(sorted.join("|")))))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The sorted text; empty where there are none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

fn parse_pair(part: &str) -> Result<(&str, &str), SpecifiersError> {
    let allowed = |c: char| c.is_ascii_graphic() && !"=|".contains(c);
    match part.split_once('=') {
        Some((key, value))
            if !key.is_empty()
                && !value.is_empty()
                && key.chars().all(allowed)
                && value.chars().all(allowed) =>
        {
            Ok((key, value))
        }
        _ => Err(SpecifiersError::Pair(part.to_owned())),
    }
}

impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Specifiers {
    type Err = SpecifiersError;
    fn from_str(text: &str) -> Result<Self, SpecifiersError> {
        Self::parse(text)
    }
}

text::on_the_wire!(Specifiers, as_str);

/// A market's identity within its event: market id and sorted specifiers. Text form: `406`, `412:total=5.5`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MarketKey {
    /// The market id, as the Unified Odds Feed numbers them.
    pub id: u32,
    /// What distinguishes markets of the same id.
    #[serde(default, skip_serializing_if = "Specifiers::is_empty")]
    pub specifiers: Specifiers,
}

impl MarketKey {
    /// A market without specifiers.
    #[must_use]
    pub fn plain(id: u32) -> Self {
        Self { id, specifiers: Specifiers::default() }
    }
}

impl fmt::Display for MarketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.specifiers.is_empty() {
            write!(f, "{}", self.id)
        } else {
            write!(f, "{}:{}", self.id, self.specifiers.as_str())
        }
    }
}

/// A text that is not a market key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a market key such as `406` or `412:total=5.5`")]
pub struct MarketKeyError(pub String);

impl FromStr for MarketKey {
    type Err = MarketKeyError;
    fn from_str(text: &str) -> Result<Self, MarketKeyError> {
        let (id, specifiers) = text.split_once(':').unwrap_or((text, ""));
        let wrong = || MarketKeyError(text.to_owned());
        Ok(Self {
            id: id.parse().map_err(|_| wrong())?,
            specifiers: Specifiers::parse(specifiers).map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_sorted_by_key() {
        let specifiers = Specifiers::parse("setnr=3|gamenr=2").expect("two pairs");
        assert_eq!(specifiers.as_str(), "gamenr=2|setnr=3");
        assert_eq!(specifiers, Specifiers::parse("gamenr=2|setnr=3").expect("the same pairs"));
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert_eq!(Specifiers::parse("a=1|a=2"), Err(SpecifiersError::Twice("a".to_owned())));
        assert_eq!(Specifiers::parse("a=1|b"), Err(SpecifiersError::Pair("b".to_owned())));
    }

    #[test]
    fn a_market_key_reads_back_from_its_text() {
        for text in ["406", "412:total=5.5", "202:gamenr=2|setnr=3"] {
            assert_eq!(text.parse::<MarketKey>().expect("a key").to_string(), text);
        }
        assert!("total=5.5".parse::<MarketKey>().is_err());
    }
}
