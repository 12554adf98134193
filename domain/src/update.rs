//! What a processor publishes: one applied message, its version, and the new value of every key it changed.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::fixture::FixtureChange;
use crate::id::{EventId, MessageId, Name, Source};
use crate::message::{Body, Content, EventMessage, FeedMessage, MessageType, Position};
use crate::producer::Reason;
use crate::{Fixture, Incident, Key, Market, Sport, Status, Timestamp, text};

/// One step of an event from `previous_version` to `version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// The event's version after this update; (event, version) identifies the update everywhere.
    pub version: u64,
    /// The event's version before it: `version - 1`.
    pub previous_version: u64,
    /// What led to it.
    pub cause: Cause,
    /// When the processor applied it.
    pub applied_at: Timestamp,
    /// The keys that changed, each with its whole new value; may be empty.
    pub changes: Vec<Change>,
}

/// Why there is an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CauseFields")]
pub struct Cause {
    /// The message's type, or what else happened.
    #[serde(rename = "type")]
    pub kind: CauseKind,
    /// Whose message it was, whose messages are missing, or who went down or came up.
    #[serde(flatten)]
    pub source: Source,
    /// The message's id; absent where no message led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The message's place, also of one that was refused; of a gap the first place that is missing.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// Why the producer went down or came up, where that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What a [`FixtureChange`] said, where one led to it: the fixture itself shows only another beginning, and that once it is
    /// known. Absent where its source orders by time, and a later one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixture_change: Option<Box<FixtureChange>>,
    /// See [`FeedMessage::occurred_at`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// See [`FeedMessage::generated_at`]; absent where no message led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Timestamp>,
    /// See [`FeedMessage::received_at`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
}

/// How a [`Cause`] is read: reading flattened parts would buffer all of it.
#[derive(Deserialize)]
struct CauseFields {
    #[serde(rename = "type")]
    kind: CauseKind,
    provider: Name,
    producer: Name,
    message_id: Option<MessageId>,
    epoch: Option<u64>,
    sequence: Option<u64>,
    reason: Option<Reason>,
    fixture_change: Option<Box<FixtureChange>>,
    occurred_at: Option<Timestamp>,
    generated_at: Option<Timestamp>,
    received_at: Option<Timestamp>,
}

impl From<CauseFields> for Cause {
    fn from(fields: CauseFields) -> Self {
        let position = fields.epoch.zip(fields.sequence);
        Self {
            kind: fields.kind,
            source: Source { provider: fields.provider, producer: fields.producer },
            message_id: fields.message_id,
            position: position.map(|(epoch, sequence)| Position { epoch, sequence }),
            reason: fields.reason,
            fixture_change: fields.fixture_change,
            occurred_at: fields.occurred_at,
            generated_at: fields.generated_at,
            received_at: fields.received_at,
        }
    }
}

impl Cause {
    /// A message led to it.
    #[must_use]
    pub fn message(message: &FeedMessage) -> Self {
        Self {
            kind: CauseKind::Message(message.message_type()),
            source: message.source.clone(),
            message_id: Some(message.message_id.clone()),
            position: message.position(),
            reason: None,
            fixture_change: match &message.content {
                Content::Event(EventMessage { body: Body::FixtureChange(change), .. }) => {
                    Some(Box::new(*change))
                }
                Content::Event(_) | Content::Producer(_) => None,
            },
            occurred_at: message.occurred_at,
            generated_at: Some(message.generated_at),
            received_at: message.received_at,
        }
    }

    /// Messages of `source` are missing, from `missing` on.
    #[must_use]
    pub fn gap(source: Source, missing: Position) -> Self {
        Self { position: Some(missing), ..Self::unsaid(CauseKind::Gap, source) }
    }

    /// A message of `source` lies among the dead letters: the one at `refused`, where its feed counts.
    #[must_use]
    pub fn dead_letter(source: Source, refused: Option<Position>) -> Self {
        Self { position: refused, ..Self::unsaid(CauseKind::DeadLetter, source) }
    }

    /// The producer that `source` is went down or came up.
    #[must_use]
    pub fn producer(kind: CauseKind, source: Source, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::unsaid(kind, source) }
    }

    /// No message led to it.
    fn unsaid(kind: CauseKind, source: Source) -> Self {
        Self {
            kind,
            source,
            message_id: None,
            position: None,
            reason: None,
            fixture_change: None,
            occurred_at: None,
            generated_at: None,
            received_at: None,
        }
    }
}

/// The kind of a [`Cause`]. On the wire a message type's name, `gap`, `dead_letter`, `producer_down` or `producer_up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CauseKind {
    /// A message of this type.
    Message(MessageType),
    /// Messages did not come in time.
    Gap,
    /// The producer can no longer be trusted.
    ProducerDown,
    /// The producer can be trusted again.
    ProducerUp,
    /// A message was refused.
    DeadLetter,
}

impl CauseKind {
    /// Whether a client must see the update by itself and ahead of others: bets may be at stake.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Gap | Self::DeadLetter | Self::ProducerDown => true,
            Self::ProducerUp => false,
            Self::Message(kind) => matches!(
                kind,
                MessageType::BetStop
                    | MessageType::Settlement
                    | MessageType::SettlementRollback
                    | MessageType::Cancel
                    | MessageType::CancelRollback
            ),
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message(kind) => kind.as_str(),
            Self::Gap => "gap",
            Self::ProducerDown => "producer_down",
            Self::ProducerUp => "producer_up",
            Self::DeadLetter => "dead_letter",
        })
    }
}

impl FromStr for CauseKind {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "gap" => Ok(Self::Gap),
            "producer_down" => Ok(Self::ProducerDown),
            "producer_up" => Ok(Self::ProducerUp),
            "dead_letter" => Ok(Self::DeadLetter),
            _ => MessageType::deserialize(text.into_deserializer()).map(Self::Message),
        }
    }
}

text::on_the_wire!(CauseKind);

/// One key and its value after an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changed.
    pub key: Key,
    /// Its whole new value; `None` where it went away.
    pub value: Option<Value>,
}

/// The value of a key. Written without a tag: the key tells the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of [`Key::Fixture`].
    Fixture(Fixture),
    /// Of [`Key::Status`].
    Status(Status),
    /// Of [`Key::Market`].
    Market(Market),
    /// Of [`Key::Incident`].
    Incident(Incident),
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            key: Key,
            #[serde(borrow)]
            value: Option<&'a RawValue>,
        }
        let Fields { key, value } = Fields::deserialize(deserializer)?;
        let value =
            value.map(|raw| read_value(&key, raw.get())).transpose().map_err(serde::de::Error::custom)?;
        Ok(Self { key, value })
    }
}

fn read_value(key: &Key, json: &str) -> serde_json::Result<Value> {
    Ok(match key {
        Key::Fixture => Value::Fixture(serde_json::from_str(json)?),
        Key::Status => Value::Status(serde_json::from_str(json)?),
        Key::Market(_) => Value::Market(serde_json::from_str(json)?),
        Key::Incident(_) => Value::Incident(serde_json::from_str(json)?),
    })
}
