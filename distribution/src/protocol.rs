//! The socket's control messages and their limits. Event frames are in [`crate::frame`].

use std::collections::HashMap;

use domain::producer::{Reason, State};
use domain::{EventId, Sport, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

mod close;

pub use close::Close;

/// Milliseconds by which a client may let news be merged.
pub const CONFLATE_MS_MAX: u32 = 60_000;
/// The shortest and the longest time without a frame after which a heartbeat is due, in milliseconds.
pub const HEARTBEAT_MS: std::ops::RangeInclusive<u32> = 500..=60_000;
/// Bytes of a subscription's id.
pub const SUBSCRIPTION_ID_BYTES: std::ops::RangeInclusive<usize> = 1..=64;

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Begin to send.
    Subscribe(Subscribe),
    /// Send no more.
    Unsubscribe(Unsubscribe),
}

/// Why a client's frame says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It is no JSON object.
    #[error("not a JSON object: {0}")]
    Malformed(#[source] serde_json::Error),
    /// It is one, of which a field is missing, unknown or of a wrong value.
    #[error("{error}")]
    Invalid {
        /// The subscription that it names all the same.
        id: Option<String>,
        /// What is wrong where.
        error: serde_json::Error,
    },
}

impl ClientMessage {
    /// Reads a client's frame.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        // Looked at first: a list of values would be taken for a message that has them in this order.
        let object: Map<String, Value> = serde_json::from_str(text).map_err(ParseError::Malformed)?;
        serde_json::from_str(text).map_err(|error| ParseError::Invalid {
            id: object.get("id").and_then(Value::as_str).map(str::to_owned),
            error,
        })
    }
}

/// Which events to send, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The client's name for the subscription, unique in its session.
    pub id: String,
    /// Short for `sports` with one of them.
    pub sport: Option<Sport>,
    /// Events of these sports only.
    pub sports: Option<Vec<Sport>>,
    /// These events only.
    pub events: Option<Vec<EventId>>,
    /// Of all markets those with these ids only.
    pub markets: Option<Vec<u32>>,
    /// What the client has of them.
    pub resume: Option<Resume>,
    /// News are merged for this long; urgent updates never wait. Signed, so that any number can be moved into range.
    #[serde(default)]
    pub conflate_ms: i64,
    /// A heartbeat is sent when nothing else was for this long.
    #[serde(default = "default_heartbeat_ms")]
    pub heartbeat_ms: i64,
}

fn default_heartbeat_ms() -> i64 {
    5_000
}

/// What a client has from an earlier subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The store, and the markets where not all, that the versions belong to: as `subscribed` told it.
    pub store: String,
    /// The `to` of the last frame of each event.
    pub versions: HashMap<EventId, u64>,
}

/// Ends a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Its id.
    pub id: String,
}

/// What the server says besides event frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    /// A subscription has begun, with these values.
    Subscribed {
        /// Its id.
        id: &'a str,
        /// The store that versions belong to, and the markets where not all: one half of what resuming takes.
        store: &'a str,
        /// Whether the versions to resume from can be gone on from.
        resumed: bool,
        /// The sports, where they were named.
        #[serde(skip_serializing_if = "Option::is_none")]
        sports: Option<&'a [Sport]>,
        /// The events, where they were named.
        #[serde(skip_serializing_if = "Option::is_none")]
        events: Option<&'a [EventId]>,
        /// The market ids, where they were named.
        #[serde(skip_serializing_if = "Option::is_none")]
        markets: Option<&'a [u32]>,
        /// The value settled on.
        conflate_ms: u32,
        /// The value settled on.
        heartbeat_ms: u32,
    },
    /// A subscription has ended: no frame of it follows.
    Unsubscribed {
        /// Its id.
        id: &'a str,
    },
    /// The subscription is alive although nothing happens.
    Heartbeat {
        /// Its id.
        id: &'a str,
        /// The server's clock.
        time: Timestamp,
    },
    /// Something about the session, not about one subscription.
    Status(Status<'a>),
    /// A message of the client was refused, or one of its events cannot be had.
    Error {
        /// What kind of error.
        code: ErrorCode,
        /// The subscription it concerns.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// The event it concerns.
        #[serde(skip_serializing_if = "Option::is_none")]
        event_id: Option<&'a EventId>,
        /// What was wrong, for a person.
        detail: String,
    },
}

impl ServerMessage<'_> {
    /// The frame's text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a control message has string keys only")
    }
}

/// What a `status` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Status<'a> {
    /// More is merged than the client asked for.
    Conflation(Conflation),
    /// A producer can no longer be trusted, or can be again.
    Producer(ProducerStatus<'a>),
}

/// Whether a producer can be trusted, in the partition of the feed that trusts it least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProducerStatus<'a> {
    /// The provider it belongs to.
    pub provider: &'a str,
    /// Its name there.
    pub producer: &'a str,
    /// Whether it can be trusted.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Since when it is trusted, or not.
    pub since: Timestamp,
}

/// That merging has begun, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Conflation {
    /// What follows is merged until told otherwise.
    Began {
        /// Why.
        reason: ConflationReason,
        /// Since when, by the server's clock.
        since: Timestamp,
    },
    /// The client is up to date again.
    Ended {
        /// Why there was merging.
        reason: ConflationReason,
        /// Since when there was.
        since: Timestamp,
        /// How many updates reached the client merged with a later one.
        merged: u64,
    },
}

/// Why more is merged than a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflationReason {
    /// It does not read as fast as news come.
    SlowClient,
}

/// Why a client's message was refused. The session goes on unless it is `Malformed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Not a text frame with one JSON object.
    Malformed,
    /// A field is missing, unknown or of a wrong value.
    Invalid,
    /// A subscription of this id is there already.
    DuplicateSubscription,
    /// There is no subscription of this id.
    UnknownSubscription,
    /// Nothing is known of this event.
    UnknownEvent,
    /// The event named is of a sport that the filter leaves out.
    ExcludedEvent,
    /// The event cannot be loaded at the moment.
    Unavailable,
    /// More subscriptions, events or markets than allowed.
    LimitExceeded,
}

impl ErrorCode {
    /// Its name, as clients and metrics read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::DuplicateSubscription => "duplicate_subscription",
            Self::UnknownSubscription => "unknown_subscription",
            Self::UnknownEvent => "unknown_event",
            Self::ExcludedEvent => "excluded_event",
            Self::Unavailable => "unavailable",
            Self::LimitExceeded => "limit_exceeded",
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_needs_only_its_id_and_what_it_is_of() {
        let message = r#"{"type":"subscribe","id":"a","sport":"hockey"}"#;
        let Ok(ClientMessage::Subscribe(subscribe)) = ClientMessage::parse(message) else {
            panic!("a subscribe")
        };
        assert_eq!((subscribe.conflate_ms, subscribe.heartbeat_ms), (0, 5_000));
        assert_eq!(subscribe.sport, Some(Sport::Hockey));
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let message = r#"{"type":"subscribe","id":"a","sport":"hockey","conflate":5}"#;
        let error = ClientMessage::parse(message).expect_err("no such field");
        assert!(error.to_string().contains("conflate"), "{error}");
        assert!(matches!(error, ParseError::Invalid { id: Some(id), .. } if id == "a"));
    }

    #[test]
    fn what_is_no_object_is_malformed_and_an_object_never_is() {
        let list = r#"["unsubscribe",{"id":"a"}]"#;
        for text in ["", "{", "{}x", "5", "null", r#""a""#, "[]", "[{}]", r#"["unsubscribe","a"]"#, list] {
            let error = ClientMessage::parse(text).expect_err(text);
            assert!(matches!(error, ParseError::Malformed(_)), "{text}: {error}");
        }
        for text in ["{}", r#"{"type":"shout"}"#, r#"{"id":"a","id":"b"}"#, r#"{"type":["subscribe"]}"#] {
            let error = ClientMessage::parse(text).expect_err(text);
            assert!(matches!(error, ParseError::Invalid { .. }), "{text}: {error}");
        }
    }
}
