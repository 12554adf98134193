//! The envelope that every provider's message is decoded into.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{EventId, MessageId, Source};
use crate::{Sport, Timestamp, text};

pub use body::{
    Alive, BetStop, Body, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer,
    ProducerBody, SettledMarket, SettledOutcome, Settlement, SettlementRollback, Snapshot, SnapshotComplete,
    StopStatus, Window,
};

mod body;
mod flat;

/// The version of the native schema that this code writes.
pub const SCHEMA: SchemaVersion = SchemaVersion { major: 1, minor: 1 };

/// `major.minor`: a minor version only adds optional fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl FromStr for SchemaVersion {
    type Err = SchemaError;
    fn from_str(text: &str) -> Result<Self, SchemaError> {
        let parsed = text
            .split_once('.')
            .and_then(|(major, minor)| Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? }));
        match parsed {
            Some(version) if version.major != SCHEMA.major => Err(SchemaError::Major(version)),
            Some(version) => Ok(version),
            None => Err(SchemaError::Form(text.to_owned())),
        }
    }
}

text::on_the_wire!(SchemaVersion);

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
    /// Its place in its source's sequence about one event, where it has one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match &self.content {
            Content::Event(event) => event.position,
            Content::Producer(_) => None,
        }
    }

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
#[expect(clippy::large_enum_variant, reason = "the small variant is the rare one")]
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

impl Position {
    /// The place after this one in the same epoch.
    #[must_use]
    pub fn next(self) -> Self {
        Self { sequence: self.sequence.saturating_add(1), ..self }
    }
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
