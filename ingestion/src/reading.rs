//! How the messages of a request are read: as this project's own formats, or as a provider's.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chassis::problem::Problem;
use domain::codec::batch::{self, Format, Piece, Pieces, SplitError};
use domain::codec::uof::{self, RoutingKey};
use domain::codec::{Envelope, json, xml};
use domain::{Content, EventId, FeedMessage, Name};
use serde::Deserialize;

use crate::loaded::Loaded;
use crate::metrics;
use crate::refusal::{self, Refusal};

/// The header in which a Unified Odds Feed's messages bring their routing key.
pub const ROUTING_KEY: HeaderName = HeaderName::from_static("routing-key");

/// In what a provider writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// As `docs/protocol.md` says, in the format that the request names.
    #[default]
    Native,
    /// Unified Odds Feed XML, one message a request.
    Uof,
}

/// How one request's messages are read.
#[derive(Clone, Debug)]
pub enum Reading {
    /// As messages of the native schema, in this format.
    Native(Format),
    /// As a message of a Unified Odds Feed.
    Uof {
        /// What its routing key tells, where it came with one.
        key: Option<RoutingKey>,
        /// The key as it came.
        text: Option<String>,
        /// What is wrong with the key: a message that comes with such a one is refused, and kept.
        fault: Option<String>,
    },
}

impl Reading {
    /// What the request's head asks for, where its provider writes so.
    ///
    /// # Errors
    /// A problem for its sender: a format that its provider does not write.
    pub fn of(dialect: Dialect, format: Format, headers: &HeaderMap) -> Result<Self, Problem> {
        match (dialect, format) {
            (Dialect::Native, format) => Ok(Self::Native(format)),
            (Dialect::Uof, Format::Xml) => Ok(Self::routed(headers)),
            (Dialect::Uof, Format::Json | Format::Lines) => {
                Err(refusal::unsupported("this feed is Unified Odds Feed XML: application/xml".to_owned()))
            }
        }
    }

    /// With its routing key, right or wrong.
    fn routed(headers: &HeaderMap) -> Self {
        let keys: Vec<&[u8]> = headers.get_all(ROUTING_KEY).iter().map(HeaderValue::as_bytes).collect();
        if keys.is_empty() {
            return Self::Uof { key: None, text: None, fault: None };
        }
        let text = String::from_utf8_lossy(&keys.join(&b", "[..])).into_owned();
        let key: Result<RoutingKey, String> = match keys.len() == 1 && text.is_ascii() {
            true => {
                text.parse().map_err(|error: uof::RoutingKeyError| format!("header {ROUTING_KEY}: {error}"))
            }
            false => Err(format!("the header {ROUTING_KEY} must stand once, in ASCII")),
        };
        let fault = key.as_ref().err().cloned();
        Self::Uof { key: key.ok(), text: Some(text), fault }
    }

    /// In which format its bytes are.
    pub fn format(&self) -> Format {
        match self {
            Self::Native(format) => *format,
            Self::Uof { .. } => Format::Xml,
        }
    }

    /// The routing key as it came.
    pub fn routing_key(&self) -> Option<&str> {
        match self {
            Self::Native(_) => None,
            Self::Uof { text, .. } => text.as_deref(),
        }
    }

    /// Whether messages that are read so may not tell the sport of their event, and its fixture has to.
    pub fn may_lack_sports(&self) -> bool {
        matches!(self, Self::Uof { .. })
    }

    /// Whether the times of messages that are read so decide which of them holds.
    pub fn is_ordered_by_time(&self) -> bool {
        matches!(self, Self::Uof { .. })
    }

    /// Cuts a body into messages.
    ///
    /// # Errors
    /// When there is none in it, or there are too many.
    pub fn split(&self, body: &[u8], max_messages: usize) -> Result<Pieces, SplitError> {
        match self {
            Self::Native(format) => batch::split(*format, body, max_messages),
            Self::Uof { .. } if body.trim_ascii().is_empty() => Err(SplitError::Empty),
            Self::Uof { .. } => Ok(Pieces::Single(Piece { range: 0..body.len(), fault: None })),
        }
    }

    /// What a message says of itself, as far as it can be read.
    pub fn envelope(&self, bytes: &[u8], provider: &Name, loaded: &Loaded) -> Envelope {
        match self {
            Self::Native(Format::Json | Format::Lines) => Envelope::of_json(bytes),
            Self::Native(Format::Xml) => Envelope::of_xml(bytes),
            Self::Uof { key, .. } => {
                let sport_of = |event: &EventId| loaded.events.sport(event);
                let origin = uof::Origin { provider, routing_key: key.as_ref(), sport_of: &sport_of };
                Envelope::of_uof(bytes, &origin)
            }
        }
    }

    /// Reads one message, and checks what of it can be told without its event.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn read(&self, bytes: &[u8], provider: &Name, loaded: &Loaded) -> Result<FeedMessage, Box<Refusal>> {
        match self {
            Self::Native(format) => native(*format, bytes, provider),
            Self::Uof { fault: Some(fault), .. } => Err(Box::new(refusal::malformed(fault.clone()).into())),
            Self::Uof { key, .. } => unified(bytes, provider, key.as_ref(), loaded),
        }
    }
}

fn native(format: Format, bytes: &[u8], provider: &Name) -> Result<FeedMessage, Box<Refusal>> {
    let decoded = match format {
        Format::Json | Format::Lines => json::decode(bytes).map_err(refusal::decode_json),
        Format::Xml => xml::decode(bytes).map_err(|error| refusal::decode_xml(&error)),
    };
    let message = decoded.map_err(|problem| Box::new(problem.into()))?;
    if message.source.provider != *provider {
        let detail = format!("this is the feed of `{provider}`");
        return Err(about(&message, refusal::invalid(detail).at("/provider")));
    }
    if matches!(message.content, Content::Event(_)) && message.position().is_none() {
        return Err(about(&message, refusal::invalid("missing field `sequence`").at("/sequence")));
    }
    checked(domain::check_alone(&message), message)
}

/// Its times are milliseconds by definition, so nobody can mean another unit: any time is taken.
fn unified(
    bytes: &[u8],
    provider: &Name,
    key: Option<&RoutingKey>,
    loaded: &Loaded,
) -> Result<FeedMessage, Box<Refusal>> {
    let sport_of = |event: &EventId| loaded.events.sport(event);
    let origin = uof::Origin { provider, routing_key: key, sport_of: &sport_of };
    let mut decoded =
        uof::decode(bytes, &origin).map_err(|error| Box::new(refusal::decode_xml(&error).into()))?;
    metrics::ignored(provider.as_str(), decoded.unknown, decoded.unusable_status.is_some());
    if let Some(why) = &decoded.unusable_status {
        let message_id = &decoded.message.message_id;
        tracing::debug!(%provider, %message_id, why, "a state of play was left out");
    }
    loaded.descriptions.complete(provider, &mut decoded.message);
    match domain::check_apart_from_times(&decoded.message) {
        // Its sender knows of no JSON that a pointer could point into.
        Err(domain::Refusal::Invalid { pointer, detail }) => {
            let path = uof::path(&decoded.message, &pointer);
            Err(about(&decoded.message, refusal::invalid(format!("{detail} (at `{path}`)"))))
        }
        _ => Ok(decoded.message),
    }
}

fn checked(check: Result<(), domain::Refusal>, message: FeedMessage) -> Result<FeedMessage, Box<Refusal>> {
    match check {
        Err(domain::Refusal::Invalid { pointer, detail }) => {
            Err(about(&message, refusal::invalid(detail).at(pointer)))
        }
        _ => Ok(message),
    }
}

/// A refusal that names the message and its event.
pub fn about(message: &FeedMessage, problem: Problem) -> Box<Refusal> {
    let event_id = match &message.content {
        Content::Event(event) => Some(event.event_id.clone()),
        Content::Producer(_) => None,
    };
    Box::new(Refusal { problem, message_id: Some(message.message_id.clone()), event_id })
}
