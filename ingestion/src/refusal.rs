//! Every reason for which ingestion does not accept, as a problem document.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chassis::http::BodyError;
use chassis::kafka::SendError;
use chassis::problem::Problem;
use domain::codec::batch::SplitError;
use domain::codec::{json, xml};
use domain::{EventId, MessageId, Sport};

use crate::decompress::DecompressError;
use crate::rate::Limited;

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
        self.problem.status.is_client_error() && self.problem.status != StatusCode::TOO_MANY_REQUESTS
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, message_id: None, event_id: None }
    }
}

/// The answer of a request that is refused as a whole, with the headers that belong to its status.
pub fn answer(problem: Problem) -> Response {
    let headers: &[(HeaderName, &str)] = match problem.status {
        StatusCode::UNAUTHORIZED => &[(header::WWW_AUTHENTICATE, "Bearer")],
        StatusCode::METHOD_NOT_ALLOWED => &[(header::ALLOW, "POST")],
        // Whoever sends too slowly holds a connection that others may need.
        StatusCode::REQUEST_TIMEOUT => &[(header::CONNECTION, "close")],
        StatusCode::UNSUPPORTED_MEDIA_TYPE => &[
            (header::ACCEPT, "application/json, application/x-ndjson, application/xml"),
            (header::ACCEPT_ENCODING, "gzip, zstd, identity"),
        ],
        _ => &[],
    };
    let mut response = problem.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
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
        BodyError::Silent { .. } | BodyError::TooSlow { .. } => {
            (StatusCode::REQUEST_TIMEOUT, "urn:matchday:problem:body-too-slow", "Body too slow")
        }
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "urn:matchday:problem:broken-body", "Broken body"),
    };
    Problem::new(status, kind, title, error.to_string())
}

/// The body cannot be decompressed. Its sender has it whole, so nothing of it is kept.
pub fn compressed(error: &DecompressError) -> Problem {
    let kind = "urn:matchday:problem:broken-body";
    Problem::new(StatusCode::BAD_REQUEST, kind, "Broken body", error.to_string())
}

/// The body as a whole brings no messages.
pub fn split(error: &SplitError) -> Problem {
    match error {
        SplitError::Empty => {
            Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:empty", "Empty", error.to_string())
        }
        SplitError::TooMany { max } => too_many_messages(*max, "a request"),
        SplitError::Encoding(_) => unsupported(error.to_string()),
    }
}

/// More messages than one request may bring, by the limits of `whose`.
fn too_many_messages(max: usize, whose: &str) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "urn:matchday:problem:too-many-messages",
        "Too many messages",
        format!("{whose} may bring {max} messages; send the rest in another"),
    )
}

/// No token of this provider: which of the two is wrong is not told.
pub fn unauthorised() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "urn:matchday:problem:unauthorised",
        "Unauthorised",
        "this feed takes `Authorization: Bearer` with a token of its provider",
    )
}

/// More messages than the provider may send.
pub fn rate(limited: Limited, messages: usize) -> Problem {
    match limited {
        Limited::Wait(wait) => rate_limited(
            format!("{messages} messages are more than this provider may send now; none was taken"),
            wait,
        ),
        Limited::LargerThanBurst(burst) => {
            too_many_messages(burst.get() as usize, "a request of this provider")
        }
    }
}

/// A message that counts as so many is more than the provider may send.
pub fn broadcast_rate(wait: Duration, records: usize) -> Problem {
    let detail = format!(
        "a message about a producer goes to {records} partitions and counts as {records}: more than this provider may send now"
    );
    rate_limited(detail, wait)
}

/// A message that was refused counts as so many: more than the provider may send.
pub fn refused_rate(wait: Duration, records: usize) -> Problem {
    let detail = format!(
        "a wrong message of which nobody can tell the sport is told to {records} feeds and counts as {records}: more than this \
         provider may send now"
    );
    rate_limited(detail, wait)
}

fn rate_limited(detail: String, wait: Duration) -> Problem {
    let kind = "urn:matchday:problem:rate-limited";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, kind, "Rate limited", detail).retry_after(wait)
}

/// Not what the format allows.
pub fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:malformed", "Malformed", detail)
}

/// Readable, but not a message; or a message that says what it must not.
pub fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "urn:matchday:problem:invalid-message",
        "Invalid message",
        detail,
    )
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

/// The JSON of a message cannot be decoded.
pub fn decode_json(error: json::DecodeError) -> Problem {
    match error {
        json::DecodeError::Syntax { .. } => malformed(error.to_string()),
        json::DecodeError::Schema { pointer, detail } => invalid(detail).at(pointer),
    }
}

/// The XML of a message cannot be decoded. Its place is in the detail: a JSON pointer cannot name it.
pub fn decode_xml(error: &xml::DecodeError) -> Problem {
    match error {
        xml::DecodeError::Syntax { .. } => malformed(error.to_string()),
        xml::DecodeError::Schema { .. } => invalid(error.to_string()),
    }
}

/// There is no room for the request now.
pub fn overloaded(detail: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:matchday:problem:overloaded", "Overloaded", detail)
        .retry_after(RETRY_AFTER)
}

/// Too much of the sport's feed is unread to take more of it.
pub fn unread(sport: Sport) -> Problem {
    too_much_unread(&format!("{sport} is not"))
}

/// The same of every sport: nobody would hear what a producer says of itself.
pub fn unread_everywhere() -> Problem {
    too_much_unread("no sport is")
}

fn too_much_unread(what_is: &str) -> Problem {
    let detail = format!(
        "{what_is} processed as fast as it comes: what is unread is close to what kafka keeps, and must not be deleted"
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:matchday:problem:unread", "Too much is unread", detail)
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
