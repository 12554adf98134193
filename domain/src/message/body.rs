//! What a feed message can say, type by type.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{MessageType, flat};
use crate::fixture::FixtureChange;
use crate::id::{EventId, Name, OutcomeId, Text};
use crate::market::{Cashout, MarketKey, MarketStatus, Outcome, OutcomeResult};
use crate::{Fixture, Incident, Standing, Status, Timestamp};

/// What a message says of an event. Written without a tag: the envelope's `type` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// The fixture, whole.
    Fixture(Fixture),
    /// What changed about the fixture.
    FixtureChange(FixtureChange),
    /// The state of play, whole.
    EventStatus(Status),
    /// One incident.
    Incident(Incident),
    /// Odds and statuses of some markets.
    OddsChange(OddsChange),
    /// No bets on a group of markets.
    BetStop(BetStop),
    /// Results of some markets.
    Settlement(Settlement),
    /// Results taken back.
    SettlementRollback(SettlementRollback),
    /// Some markets void.
    Cancel(Cancel),
    /// A cancel taken back.
    CancelRollback(CancelRollback),
    /// The whole event, as this source knows it.
    Snapshot(Snapshot),
}

impl Body {
    /// The message type that goes with it.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        match self {
            Self::Fixture(_) => MessageType::Fixture,
            Self::FixtureChange(_) => MessageType::FixtureChange,
            Self::EventStatus(_) => MessageType::EventStatus,
            Self::Incident(_) => MessageType::Incident,
            Self::OddsChange(_) => MessageType::OddsChange,
            Self::BetStop(_) => MessageType::BetStop,
            Self::Settlement(_) => MessageType::Settlement,
            Self::SettlementRollback(_) => MessageType::SettlementRollback,
            Self::Cancel(_) => MessageType::Cancel,
            Self::CancelRollback(_) => MessageType::CancelRollback,
            Self::Snapshot(_) => MessageType::Snapshot,
        }
    }
}

/// What a message says of its producer as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProducerBody {
    /// The producer is there.
    Alive(Alive),
    /// A recovery has delivered everything.
    SnapshotComplete(SnapshotComplete),
}

/// A producer's sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// Whether the provider counts us as subscribed; `false` means that messages were lost.
    pub subscribed: bool,
}

/// The end of a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotComplete {
    /// The request that is complete.
    pub request_id: u64,
}

/// Odds and statuses of some markets; markets not named stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddsChange {
    /// The state of play that the odds belong to, where they come with it. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How the event stands, where its score is not told; beside a whole `status` it says nothing. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The markets.
    pub markets: Vec<Offer>,
}

impl OddsChange {
    /// Odds that come without a state of play.
    #[must_use]
    pub fn of(markets: Vec<Offer>) -> Self {
        Self { status: None, standing: None, markets }
    }
}

/// One market as its producer offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "flat::Offer")]
pub struct Offer {
    /// Which market.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Whether bets may be placed.
    pub status: MarketStatus,
    /// Whether it is the main line among markets of the same id. Since schema 1.1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub favourite: bool,
    /// Whether bets on it may be cashed out, where that is told. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashout: Option<Cashout>,
    /// In which groups bet stops may name it, where that is told; none means as before. Since schema 1.1.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Name>,
    /// All its outcomes; none means as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
}

impl Offer {
    /// An offer of which nothing more is told.
    #[must_use]
    pub fn new(key: MarketKey, status: MarketStatus, outcomes: Vec<Outcome>) -> Self {
        Self { key, status, favourite: false, cashout: None, groups: BTreeSet::new(), outcomes }
    }
}

/// Which markets a bet stop means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// Every market of the source.
    All,
    /// The markets of these groups.
    Named(Vec<Name>),
}

/// What a bet stop makes of the markets it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopStatus {
    /// Shown, without bets.
    #[default]
    Suspended,
    /// Not offered.
    Inactive,
}

impl StopStatus {
    /// The market status it leads to.
    #[must_use]
    pub fn market_status(self) -> MarketStatus {
        match self {
            Self::Suspended => MarketStatus::Suspended,
            Self::Inactive => MarketStatus::Inactive,
        }
    }
}

/// No more bets, at once. Changes only markets that are active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BetStop {
    /// Which markets.
    pub groups: Groups,
    /// What becomes of them.
    #[serde(default)]
    pub market_status: StopStatus,
}

/// How sure a settlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// 1: seen by a scout at the venue.
    LiveScouted,
    /// 2: confirmed by an official source.
    Confirmed,
}

/// Results of some markets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// How sure it is.
    pub certainty: Certainty,
    /// The markets.
    pub markets: Vec<SettledMarket>,
}

/// The results of one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "flat::SettledMarket")]
pub struct SettledMarket {
    /// Which market.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Why it is void, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
    /// The result of every outcome.
    pub outcomes: Vec<SettledOutcome>,
}

/// The result of one outcome.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "flat::SettledOutcome")]
pub struct SettledOutcome {
    /// Which outcome.
    pub id: OutcomeId,
    /// How it ended.
    #[serde(flatten)]
    pub result: OutcomeResult,
}

/// The last settlement of these markets is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementRollback {
    /// Which markets.
    pub markets: Vec<MarketKey>,
}

/// Bets on these markets are void: all, or those placed within a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "flat::Cancel")]
pub struct Cancel {
    /// Which markets, and why.
    pub markets: Vec<CancelledMarket>,
    /// The time in which bets are void; without one the market is void as a whole.
    #[serde(flatten)]
    pub window: Window,
    /// The event that takes this one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<EventId>,
}

/// A market that is void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "flat::CancelledMarket")]
pub struct CancelledMarket {
    /// Which market.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
}

/// A span of time, open where an end is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Window {
    /// From here on, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Until here, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
}

impl Window {
    /// Whether it is all of time: the market is void as a whole.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.start_time.is_none() && self.end_time.is_none()
    }
}

/// A cancel is taken back: the last one of the same window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "flat::CancelRollback")]
pub struct CancelRollback {
    /// Which markets.
    pub markets: Vec<MarketKey>,
    /// The window that the cancel named.
    #[serde(flatten)]
    pub window: Window,
}

/// The whole event as one source knows it; replaces all that this source said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The fixture, where this source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<Fixture>,
    /// The state of play, where this source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// All markets of this source; a settled one has its results.
    pub markets: Vec<Offer>,
    /// All incidents of the event, where this source tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidents: Option<Vec<Incident>>,
}
