//! Markets: identity, odds, outcomes and results, as clients see them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{Name, OutcomeId, Text};

/// Decimal odds in thousandths: 1850 is 1.85. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Odds(u32);

/// Odds below 1.000 or above 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("odds of {0} thousandths are outside 1000 to 1000000000")]
pub struct OddsError(u32);

impl Odds {
    /// Checks `thousandths` and takes them.
    pub fn from_thousandths(thousandths: u32) -> Result<Self, OddsError> {
        if (1_000..=1_000_000_000).contains(&thousandths) { Ok(Self(thousandths)) } else { Err(OddsError(thousandths)) }
    }

    /// The odds in thousandths.
    #[must_use]
    pub fn thousandths(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Odds {
    type Error = OddsError;
    fn try_from(thousandths: u32) -> Result<Self, OddsError> {
        Self::from_thousandths(thousandths)
    }
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A share of one, in millionths: a probability or a dead heat factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Millionths(u32);

/// A share above one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} millionths are more than one")]
pub struct ShareError(u32);

impl Millionths {
    /// Checks `millionths` and takes them.
    pub fn new(millionths: u32) -> Result<Self, ShareError> {
        if millionths <= 1_000_000 { Ok(Self(millionths)) } else { Err(ShareError(millionths)) }
    }

    /// The share in millionths.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Millionths {
    type Error = ShareError;
    fn try_from(millionths: u32) -> Result<Self, ShareError> {
        Self::new(millionths)
    }
}

/// What a market is about beyond its id: `key=value` pairs sorted by key, joined by `|`; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String")]
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
            if !key.is_empty() && !value.is_empty() && key.chars().all(allowed) && value.chars().all(allowed) =>
        {
            Ok((key, value))
        }
        _ => Err(SpecifiersError::Pair(part.to_owned())),
    }
}

impl TryFrom<String> for Specifiers {
    type Error = SpecifiersError;
    fn try_from(text: String) -> Result<Self, SpecifiersError> {
        Self::parse(&text)
    }
}

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

/// The six market statuses. Codes follow the Unified Odds Feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketStatus {
    /// 1: bets may be placed.
    Active,
    /// 0: not offered.
    Inactive,
    /// -1: shown, but no bets for the moment.
    Suspended,
    /// -2: another producer goes on with it.
    HandedOver,
    /// -3: results are in.
    Settled,
    /// -4: void as a whole.
    Cancelled,
}

impl MarketStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Suspended => "suspended",
            Self::HandedOver => "handed_over",
            Self::Settled => "settled",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a market is suspended although its producer did not say so in its odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspension {
    /// A bet stop.
    BetStop,
    /// Messages of its producer are missing.
    Gap,
}

/// How an outcome ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultKind {
    /// The bet loses.
    Lost,
    /// The bet wins.
    Won,
    /// Not decided.
    Undecided,
}

/// How much of the stake is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Void {
    /// Half of the stake: half won or half lost.
    Half,
    /// The whole stake: refunded.
    Full,
}

/// The result of one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeResult {
    /// Won, lost or undecided.
    pub result: ResultKind,
    /// The part of the stake that is paid back, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<Void>,
    /// The share that counts as won where several tied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_heat: Option<Millionths>,
}

/// One outcome of a market, as offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its id.
    pub id: OutcomeId,
    /// Its odds, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds: Option<Odds>,
    /// How likely the provider holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Millionths>,
    /// Whether it is offered.
    #[serde(default = "active", skip_serializing_if = "is_active")]
    pub active: bool,
    /// Its result, once settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<OutcomeResult>,
}

fn active() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_active(active: &bool) -> bool {
    *active
}

/// A market as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// Which market of its event it is.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Whose offer it is.
    pub producer: Name,
    /// Whether bets may be placed.
    pub status: MarketStatus,
    /// Why it is suspended, where its producer's odds do not say so themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Its outcomes, in the provider's order.
    pub outcomes: Vec<Outcome>,
    /// Why it is void, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
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

    #[test]
    fn odds_are_thousandths() {
        assert_eq!(Odds::from_thousandths(1_850).expect("in range").to_string(), "1.850");
        assert!(Odds::from_thousandths(999).is_err());
    }
}
