//! The socket's control messages, their limits and the close codes. Event frames are in [`crate::frame`].

use std::collections::HashMap;

use domain::{EventId, Sport, Timestamp};
use serde::{Deserialize, Serialize};

/// Milliseconds by which a client may let news be merged.
pub const CONFLATE_MS_MAX: u32 = 60_000;
/// The shortest and the longest time without a frame after which a heartbeat is due, in milliseconds.
pub const HEARTBEAT_MS: std::ops::RangeInclusive<u32> = 500..=60_000;
/// Bytes of a subscription's id.
pub const SUBSCRIPTION_ID_BYTES_MAX: usize = 64;

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Begin to send.
    Subscribe(Subscribe),
    /// Send no more.
    Unsubscribe(Unsubscribe),
}

/// Which events to send, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The client's name for the subscription, unique in its session.
    pub id: String,
    /// All events of a sport, those to come included. Either this or `events`.
    pub sport: Option<Sport>,
    /// These events.
    pub events: Option<Vec<EventId>>,
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
    /// The store that the versions belong to, as `subscribed` told it.
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
        /// The store that versions belong to: part of a resume token.
        store: &'a str,
        /// Whether the versions to resume from were of this store.
        resumed: bool,
        /// The sport, where all its events are sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        sport: Option<Sport>,
        /// The events, where they were named.
        #[serde(skip_serializing_if = "Option::is_none")]
        events: Option<&'a [EventId]>,
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

/// Why a client's message was refused. The session goes on unless it is `Malformed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a text frame with one JSON object of a known type.
    Malformed,
    /// Neither or both of `sport` and `events`, or an id of a wrong length.
    Invalid,
    /// A subscription of this id is there already.
    DuplicateSubscription,
    /// There is no subscription of this id.
    UnknownSubscription,
    /// Nothing is known of this event.
    UnknownEvent,
    /// The event cannot be loaded at the moment.
    Unavailable,
    /// More subscriptions or events than allowed.
    LimitExceeded,
}

/// Why the server ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The client closed, or its connection broke.
    Gone,
    /// The server stops; another one, or the same one soon, goes on.
    Restart,
    /// A message is larger than allowed.
    TooBig,
    /// A message was malformed.
    Protocol,
    /// The client has not been heard of for too long.
    Idle,
    /// The client does not read what it subscribed to.
    Slow {
        /// What was too much.
        reason: &'static str,
    },
    /// The client sends too many messages.
    TooMany,
}

impl Close {
    /// The WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Gone => 1000,
            Self::TooBig => 1009,
            Self::Restart => 1012,
            Self::Protocol => 4400,
            Self::Idle => 4408,
            Self::Slow { .. } => 4008,
            Self::TooMany => 4429,
        }
    }

    /// The reason in words; a label in metrics too.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Gone => "closed",
            Self::TooBig => "message too big",
            Self::Restart => "restart",
            Self::Protocol => "protocol error",
            Self::Idle => "idle",
            Self::Slow { reason } => reason,
            Self::TooMany => "too many messages",
        }
    }

    /// The close frame's text: the reason, and after how many milliseconds to come again where that makes sense.
    #[must_use]
    pub fn hint(self, reconnect_after_ms: u64) -> String {
        let reason = self.reason();
        match self {
            Self::Restart | Self::Slow { .. } | Self::TooMany => {
                format!(r#"{{"reason":"{reason}","reconnect_after_ms":{reconnect_after_ms}}}"#)
            }
            Self::Gone | Self::TooBig | Self::Protocol | Self::Idle => format!(r#"{{"reason":"{reason}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_needs_only_its_id_and_what_it_is_of() {
        let message = r#"{"type":"subscribe","id":"a","sport":"hockey"}"#;
        let Ok(ClientMessage::Subscribe(subscribe)) = serde_json::from_str(message) else {
            panic!("a subscribe")
        };
        assert_eq!((subscribe.conflate_ms, subscribe.heartbeat_ms), (0, 5_000));
        assert_eq!(subscribe.sport, Some(Sport::Hockey));
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let message = r#"{"type":"subscribe","id":"a","sport":"hockey","conflate":5}"#;
        let error = serde_json::from_str::<ClientMessage>(message).expect_err("no such field");
        assert!(error.to_string().contains("conflate"), "{error}");
    }

    #[test]
    fn a_close_frame_has_room_for_every_reason() {
        for close in [Close::Restart, Close::Slow { reason: "too many urgent updates wait" }, Close::Idle] {
            assert!(close.hint(60_000).len() <= 123);
        }
    }
}
