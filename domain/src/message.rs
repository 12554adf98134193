//! The envelope that every provider's message is decoded into, and what can be in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fixture::FixtureChange;
use crate::id::{EventId, IncidentId, MessageId, Name, OutcomeId, Source, Text};
use crate::market::{MarketKey, MarketStatus, Outcome, OutcomeResult, Specifiers};
use crate::{Fixture, Incident, Sport, Status, Timestamp};

/// The version of the native schema that this code writes.
pub const SCHEMA: SchemaVersion = SchemaVersion { major: 1, minor: 0 };

/// `major.minor`: a minor version only adds optional fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SchemaVersion {
    /// Another major version means other things by the same words.
    pub major: u16,
    /// Another minor version adds optional fields.
    pub minor: u16,
}

/// A schema version this code cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not `major.minor`.
    #[error("`{0}` is not a schema version such as `{SCHEMA}`")]
    Form(String),
    /// A version of which nothing is known.
    #[error("schema {0} is not known here; {SCHEMA} and its minor versions are")]
    Major(SchemaVersion),
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl TryFrom<String> for SchemaVersion {
    type Error = SchemaError;
    fn try_from(text: String) -> Result<Self, SchemaError> {
        let parsed = text.split_once('.').and_then(|(major, minor)| {
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        });
        match parsed {
            None => Err(SchemaError::Form(text)),
            Some(version) if version.major != SCHEMA.major => Err(SchemaError::Major(version)),
            Some(version) => Ok(version),
        }
    }
}

impl From<SchemaVersion> for String {
    fn from(version: SchemaVersion) -> Self {
        version.to_string()
    }
}

/// One message of a provider's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMessage {
    /// The schema it was written in.
    pub schema: SchemaVersion,
    /// The idempotency key.
    pub message_id: MessageId,
    /// The provider and producer that speak.
    pub source: Source,
    /// The recovery request that this answers, where it answers one.
    pub request_id: Option<u64>,
    /// When it happened on the field.
    pub occurred_at: Option<Timestamp>,
    /// When the provider made the message.
    pub generated_at: Timestamp,
    /// When ingestion received it; absent before.
    pub received_at: Option<Timestamp>,
    /// What it says, and of what.
    pub content: Content,
}

impl FeedMessage {
    /// The message's type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        match &self.content {
            Content::Event(event) => event.body.message_type(),
            Content::Producer(ProducerBody::Alive(_)) => MessageType::Alive,
            Content::Producer(ProducerBody::SnapshotComplete(_)) => MessageType::SnapshotComplete,
        }
    }
}

/// Of what a message speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Of one event.
    Event(EventMessage),
    /// Of the producer as a whole.
    Producer(ProducerBody),
}

/// Where a message stands among its source's messages about one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Only grows; a new one begins with a snapshot.
    pub epoch: u64,
    /// Counts from 1 within an epoch.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {} sequence {}", self.epoch, self.sequence)
    }
}

/// A message about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMessage {
    /// The event's sport.
    pub sport: Sport,
    /// The event.
    pub event_id: EventId,
    /// Its place in the sequence; absent for providers that order by generated time.
    pub position: Option<Position>,
    /// What it says.
    pub body: Body,
}

/// The names of all message types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each says what the body of the same name says")]
pub enum MessageType {
    Fixture,
    FixtureChange,
    EventStatus,
    Incident,
    OddsChange,
    BetStop,
    Settlement,
    SettlementRollback,
    Cancel,
    CancelRollback,
    Snapshot,
    Alive,
    SnapshotComplete,
}

impl MessageType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixture => "fixture",
            Self::FixtureChange => "fixture_change",
            Self::EventStatus => "event_status",
            Self::Incident => "incident",
            Self::OddsChange => "odds_change",
            Self::BetStop => "bet_stop",
            Self::Settlement => "settlement",
            Self::SettlementRollback => "settlement_rollback",
            Self::Cancel => "cancel",
            Self::CancelRollback => "cancel_rollback",
            Self::Snapshot => "snapshot",
            Self::Alive => "alive",
            Self::SnapshotComplete => "snapshot_complete",
        }
    }
}

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
    /// The markets.
    pub markets: Vec<Offer>,
}

/// One market as its producer offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OfferFields")]
pub struct Offer {
    /// Which market.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Whether bets may be placed.
    pub status: MarketStatus,
    /// All its outcomes; none means as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
}

/// How an [`Offer`] is read: reading a flattened key would buffer it, and offers are what most messages consist of.
#[derive(Deserialize)]
struct OfferFields {
    id: u32,
    #[serde(default)]
    specifiers: Specifiers,
    status: MarketStatus,
    #[serde(default)]
    outcomes: Vec<Outcome>,
}

impl From<OfferFields> for Offer {
    fn from(fields: OfferFields) -> Self {
        let OfferFields { id, specifiers, status, outcomes } = fields;
        Self { key: MarketKey { id, specifiers }, status, outcomes }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct CancelledMarket {
    /// Which market.
    #[serde(flatten)]
    pub key: MarketKey,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<Text>,
}

/// A span of time, open where an end is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
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

/// A list of what a message names that must not name anything twice.
pub(crate) fn first_repeated<'a, T: Eq + std::hash::Hash + 'a>(items: impl Iterator<Item = &'a T>) -> Option<usize> {
    let mut seen = std::collections::HashSet::new();
    items.enumerate().find(|(_, item)| !seen.insert(*item)).map(|(index, _)| index)
}

/// The incident ids of a snapshot, for checking.
pub(crate) fn incident_ids(incidents: &[Incident]) -> impl Iterator<Item = &IncidentId> {
    incidents.iter().map(|incident| &incident.incident_id)
}
