//! Unified Odds Feed XML: what this industry's most used feed says, in the envelope of every other one.
//!
//! It has no sequence, no message id and no sport: the first is absent, the second is a hash, the third comes from the
//! message's routing key or from whoever knows its event, who must not contradict each other. What is dropped, and why, is
//! [`DROPPED`]; all of it is in `docs/uof.md`.

use crate::id::{EventId, Name};
use crate::{FeedMessage, MessageType, Sport};

pub use super::xml::{DecodeError, Place};
pub use description::{Description, OutcomeDescription};
pub use dropped::{DROPPED, Dropped, EVERY};
pub use product::{PRODUCTS, Product};
pub use route::{RoutingKey, RoutingKeyError};

mod codes;
mod description;
mod dropped;
mod fixture;
mod id;
mod market;
mod message;
mod number;
mod product;
mod route;
mod status;
mod tree;

/// What is to be known of a message beside its bytes.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Whose feed it is.
    pub provider: &'a Name,
    /// The routing key that it came with.
    pub routing_key: Option<&'a RoutingKey>,
    /// The sport of an event, where its fixture is known.
    pub sport_of: &'a dyn Fn(&EventId) -> Option<Sport>,
}

impl Origin<'_> {
    /// The event that the routing key names, where the message names another.
    fn other_event(&self, event_id: &EventId) -> Option<&EventId> {
        self.routing_key?.event_id.as_ref().filter(|routed| *routed != event_id)
    }

    /// What is known of the sport of the event that a message names, without the message.
    ///
    /// # Errors
    /// Where its routing key names another event, or it and the fixture another sport, with what each says: nobody can tell which
    /// of them is right, and taken for the wrong one it would pass by the event that it is about.
    fn sport(&self, event_id: &EventId) -> Result<Option<Sport>, String> {
        if let Some(routed) = self.other_event(event_id) {
            return Err(format!("the routing key names the event {routed}, the message {event_id}"));
        }
        let routed = self.routing_key.and_then(|key| key.sport);
        match (routed, (self.sport_of)(event_id)) {
            (Some(routed), Some(known)) if routed != known => Err(format!(
                "the routing key says that this event is {routed}, its fixture that it is {known}"
            )),
            (routed, known) => Ok(routed.or(known)),
        }
    }
}

/// A message, and what of it nobody will see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The message.
    pub message: FeedMessage,
    /// Attributes and elements that are not known here, and were ignored.
    pub unknown: u32,
    /// Why its state of play, or a part of that, was left out; its odds are not worth less for it.
    pub unusable_status: Option<String>,
}

/// Reads one message of the provider's feed.
///
/// # Errors
/// When the bytes are not XML or not such a message, or when nobody knows its sport: with the place.
pub fn decode(bytes: &[u8], origin: &Origin) -> Result<Decoded, DecodeError> {
    super::xml::read_document(bytes, |text| message::message(text, origin))
}

/// Where in its XML that of a message stands which a JSON pointer names: `/odds_change/odds/market[2]` for `/body/markets/1`. As far
/// as elements tell it; a pointer may go further.
#[must_use]
pub fn path(message: &FeedMessage, pointer: &str) -> String {
    let (root, holder) = match message.message_type() {
        MessageType::OddsChange => ("odds_change", "/odds"),
        MessageType::Settlement => ("bet_settlement", "/outcomes"),
        MessageType::SettlementRollback => ("rollback_bet_settlement", ""),
        MessageType::Cancel => ("bet_cancel", ""),
        MessageType::CancelRollback => ("rollback_bet_cancel", ""),
        MessageType::Fixture => (fixture::ROOT, "/fixture"),
        other => (other.as_str(), ""),
    };
    let mut path = format!("/{root}");
    let mut parts = pointer.split('/').skip(2);
    while let Some(part) = parts.next() {
        let numbered = match part {
            "markets" => Some((holder, "market")),
            "outcomes" => Some(("", "outcome")),
            "period_scores" => Some(("/period_scores", "period_score")),
            _ => None,
        };
        match (numbered, part) {
            (Some((holder, element)), _) => {
                path.push_str(holder);
                path.push('/');
                path.push_str(element);
                if let Some(index) = parts.next().and_then(|index| index.parse::<usize>().ok()) {
                    path.push_str(&format!("[{}]", index + 1));
                }
            }
            (None, "status" | "standing") => path.push_str("/sport_event_status"),
            (None, _) => break,
        }
    }
    path
}

/// Whether a producer of such a feed can be called so: by a number.
#[must_use]
pub fn is_product(name: &Name) -> bool {
    number::product(name.as_str()).is_ok()
}

/// What a message says of itself, whatever else is wrong with it; nothing of what is no message about an event.
pub(super) fn envelope(text: &str, origin: &Origin) -> Option<super::Envelope> {
    message::envelope(text, origin)
}

/// Reads what the provider's API says of markets.
///
/// # Errors
/// When the bytes are not XML, or no such document: with the place.
pub fn descriptions(bytes: &[u8]) -> Result<Vec<Description>, DecodeError> {
    super::xml::read_document(bytes, description::all)
}
