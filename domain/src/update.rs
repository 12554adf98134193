//! What a processor publishes: one applied message, its version, and the new value of every key it changed.

use std::fmt;

use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::id::{EventId, MessageId, Source};
use crate::message::{FeedMessage, MessageType, Position};
use crate::{Content, Fixture, Incident, Key, Market, Sport, Status, Timestamp};

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
pub struct Cause {
    /// The message's type, or what else happened.
    #[serde(rename = "type")]
    pub kind: CauseKind,
    /// Whose message it was, or whose messages are missing.
    #[serde(flatten)]
    pub source: Source,
    /// The message's id; absent where no message led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The message's place, or of a gap the first place that is missing.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// See [`FeedMessage::occurred_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// See [`FeedMessage::generated_at`]; absent where no message led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Timestamp>,
    /// See [`FeedMessage::received_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
}

impl Cause {
    /// A message led to it.
    #[must_use]
    pub fn message(message: &FeedMessage) -> Self {
        let position = match &message.content {
            Content::Event(event) => event.position,
            Content::Producer(_) => None,
        };
        Self {
            kind: CauseKind::Message(message.message_type()),
            source: message.source.clone(),
            message_id: Some(message.message_id.clone()),
            position,
            occurred_at: message.occurred_at,
            generated_at: Some(message.generated_at),
            received_at: message.received_at,
        }
    }

    /// Messages of `source` are missing, from `missing` on.
    #[must_use]
    pub fn gap(source: Source, missing: Position) -> Self {
        Self {
            kind: CauseKind::Gap,
            source,
            message_id: None,
            position: Some(missing),
            occurred_at: None,
            generated_at: None,
            received_at: None,
        }
    }
}

/// The kind of a [`Cause`]. On the wire a message type's name, or `gap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CauseKind {
    /// A message of this type.
    Message(MessageType),
    /// Messages did not come in time.
    Gap,
}

impl CauseKind {
    /// Whether a client must see the update by itself and ahead of others: bets may be at stake.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Gap => true,
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
        })
    }
}

impl Serialize for CauseKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CauseKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "gap" {
            return Ok(Self::Gap);
        }
        let kind: Result<_, ValueError> = MessageType::deserialize(text.as_str().into_deserializer());
        kind.map(Self::Message).map_err(serde::de::Error::custom)
    }
}

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
        let value = value.map(|raw| read_value(&key, raw.get())).transpose().map_err(serde::de::Error::custom)?;
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
