//! Every reason for which ingestion does not accept, as a problem document.

use std::time::Duration;

use axum::http::StatusCode;
use chassis::http::BodyError;
use chassis::kafka::SendError;
use chassis::problem::Problem;
use domain::codec::json::DecodeError;
use domain::{EventId, MessageId};

/// What a sender is told to wait where this process has no room or Kafka is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One message that was not accepted.
#[derive(Debug)]
pub struct Refusal {
    /// What the sender is told.
    pub problem: Problem,
    /// The message's id, where it could be read.
    pub message_id: Option<MessageId>,
    /// The message's event, where it could be read.
    pub event_id: Option<EventId>,
}

impl Refusal {
    /// Whether sending the message again would end the same; then it is kept as a dead letter.
    pub fn is_final(&self) -> bool {
        self.problem.status.is_client_error()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, message_id: None, event_id: None }
    }
}

/// The path's last part cannot be a provider.
pub fn no_such_feed(detail: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:no-such-feed", "No such feed", detail)
}

/// Only POST is understood.
pub fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "urn:matchday:problem:method-not-allowed",
        "Method not allowed",
        "feeds take POST only",
    )
}

/// A format or an encoding that is not understood.
pub fn unsupported(detail: String) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "urn:matchday:problem:unsupported-media-type",
        "Unsupported media type",
        detail,
    )
}

/// The body did not arrive as it should.
pub fn body(error: &BodyError) -> Problem {
    let (status, kind, title) = match error {
        BodyError::TooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "urn:matchday:problem:body-too-large", "Body too large")
        }
        BodyError::TooSlow { .. } => {
            (StatusCode::REQUEST_TIMEOUT, "urn:matchday:problem:body-too-slow", "Body too slow")
        }
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "urn:matchday:problem:broken-body", "Broken body"),
    };
    Problem::new(status, kind, title, error.to_string())
}

/// There is no message in the body.
pub fn empty() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:empty", "Empty", "the body has no message")
}

/// More messages than one request may bring.
pub fn too_many_messages(max: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "urn:matchday:problem:too-many-messages",
        "Too many messages",
        format!("a request may bring {max} messages; send the rest in another"),
    )
}

/// Not JSON.
pub fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:malformed", "Malformed", detail)
}

/// JSON, but not a message; or a message that says what it must not.
pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "urn:matchday:problem:invalid-message",
        "Invalid message",
        detail,
    )
    .at(pointer)
}

/// One message larger than messages may be.
pub fn message_too_large(actual: usize, max: usize) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "urn:matchday:problem:message-too-large",
        "Message too large",
        format!("a message may have {max} bytes, this one has {actual}"),
    )
}

/// The message cannot be decoded.
pub fn decode(error: DecodeError) -> Problem {
    match error {
        DecodeError::Syntax { .. } => malformed(error.to_string()),
        DecodeError::Schema { pointer, detail } => invalid(pointer, detail),
    }
}

/// There is no room for the request now.
pub fn overloaded(detail: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:matchday:problem:overloaded", "Overloaded", detail)
        .retry_after(RETRY_AFTER)
}

/// Kafka did not acknowledge the message, or the dead letter that a refused one would have become.
pub fn not_stored(error: &SendError) -> Problem {
    not_stored_because(format!("kafka: {error}"))
}

/// Kafka could not be asked to store the message.
pub fn not_stored_because(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:matchday:problem:not-stored", "Not stored", detail)
        .retry_after(RETRY_AFTER)
}
