//! Markets: odds, outcomes and results, as clients see them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Name, OutcomeId, Text};
use crate::{Side, Timestamp};

pub use key::{MarketKey, MarketKeyError, Specifiers, SpecifiersError};

mod key;

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
        if (1_000..=1_000_000_000).contains(&thousandths) {
            Ok(Self(thousandths))
        } else {
            Err(OddsError(thousandths))
        }
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

    /// How far it is from taking bets: of two that were said at the same time the higher one stands.
    pub(crate) fn restriction(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Suspended => 1,
            Self::Inactive => 2,
            Self::HandedOver => 3,
            Self::Settled => 4,
            Self::Cancelled => 5,
        }
    }
}

/// Whether bets on a market may be cashed out. Codes follow the Unified Odds Feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cashout {
    /// -2: no more.
    Closed,
    /// -1: not for the moment.
    Unavailable,
    /// 1: at the odds there are.
    Available,
}

/// Why a market is suspended although its producer did not say so in its odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspension {
    /// A bet stop.
    BetStop,
    /// Messages of its producer are missing.
    Gap,
    /// Its producer is down, or has not recovered yet.
    ProducerDown,
    /// A message of its producer was refused and lies among the dead letters.
    DeadLetter,
    /// Nobody processes its event's part of the feed. Said by who serves it, never stored.
    ProcessorSilent,
}

/// How an outcome ended; what is not decided restricts least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultKind {
    /// Not decided yet.
    Undecided,
    /// The bet loses.
    Lost,
    /// The bet wins.
    Won,
}

/// How much of the stake is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Void {
    /// Half of the stake: half won or half lost.
    Half,
    /// The whole stake: refunded.
    Full,
}

/// The result of one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl OutcomeResult {
    /// Whether it says how bets on the outcome end.
    #[must_use]
    pub fn is_decided(self) -> bool {
        self.result != ResultKind::Undecided
    }
}

/// One outcome of a market, as offered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Whose player it is about, where that is told. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Its result, once settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<OutcomeResult>,
}

impl Outcome {
    /// An outcome that is offered, and of which nothing more is known.
    #[must_use]
    pub fn new(id: OutcomeId) -> Self {
        Self { id, odds: None, probability: None, active: true, side: None, result: None }
    }
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
#[serde(from = "MarketFields")]
pub struct Market {
    /// Which market of its event it is.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Whose offer it is.
    pub producer: Name,
    /// Whether bets may be placed.
    pub status: MarketStatus,
    /// Why it is suspended, where its producer's odds do not say so themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Whether it is the main line among markets of the same id.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub favourite: bool,
    /// Whether bets on it may be cashed out, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cashout: Option<Cashout>,
    /// Its outcomes, in the provider's order.
    pub outcomes: Vec<Outcome>,
    /// Why it is void, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
    /// Times within which bets are void although the market is not, in the order in which they were cancelled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub void_windows: Vec<VoidWindow>,
}

/// A span of time whose bets on a market are void; open where an end is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidWindow {
    /// Bets placed from here on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Bets placed until here, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
}

/// How a [`Market`] is read: reading a flattened key would buffer it, and markets are what most updates consist of.
#[derive(Deserialize)]
struct MarketFields {
    id: u32,
    #[serde(default)]
    specifiers: Specifiers,
    producer: Name,
    status: MarketStatus,
    suspension: Option<Suspension>,
    #[serde(default)]
    favourite: bool,
    cashout: Option<Cashout>,
    outcomes: Vec<Outcome>,
    void_reason: Option<Text>,
    #[serde(default)]
    void_windows: Vec<VoidWindow>,
}

impl From<MarketFields> for Market {
    fn from(fields: MarketFields) -> Self {
        let MarketFields {
            id,
            specifiers,
            producer,
            status,
            suspension,
            favourite,
            cashout,
            outcomes,
            void_reason,
            void_windows,
        } = fields;
        let key = MarketKey { id, specifiers };
        Self { key, producer, status, suspension, favourite, cashout, outcomes, void_reason, void_windows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_thousandths() {
        assert_eq!(Odds::from_thousandths(1_850).expect("in range").to_string(), "1.850");
        assert!(Odds::from_thousandths(999).is_err());
    }
}
