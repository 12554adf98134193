//! A message that ingestion refused, as the processor of its event hears of it: in the feed, where it would have stood.

use serde::{Deserialize, Serialize};

use crate::codec::Envelope;
use crate::id::{EventId, Name, Source};
use crate::message::{Position, SCHEMA, SchemaVersion};
use crate::{Sport, Timestamp};

/// The header of a Kafka record that tells of a refused message; its value is the `position` of the dead letter.
pub const REFUSED_HEADER: &str = "refused";

/// What is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedMessage {
    schema: SchemaVersion,
    /// Whose it was.
    pub provider: Name,
    /// Which of the provider's producers spoke. Without it, any of them may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<Name>,
    /// The event's sport.
    pub sport: Sport,
    /// The event.
    pub event_id: EventId,
    /// Its place in the sequence, and where its feed has none, its time.
    #[serde(flatten)]
    pub place: Place,
    /// Ingestion's clock.
    pub received_at: Timestamp,
}

/// Where a refused message stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// In the sequence of its source.
    Sequence(Position),
    /// In its feed's time.
    Time {
        /// When it was made, or received where it does not say or says a time to come.
        generated_at: Timestamp,
    },
}

impl RefusedMessage {
    /// What is to be told of a message of `provider`, received at this time, whose feed counts its messages or not. `None`
    /// where it could not be read far enough, or is another provider's.
    #[must_use]
    pub fn of(
        read: Envelope,
        provider: &Name,
        is_ordered_by_time: bool,
        received_at: Timestamp,
    ) -> Option<Self> {
        let Envelope { producer, sport, event_id, position, generated_at, .. } = read;
        if read.provider.as_ref() != Some(provider) {
            return None;
        }
        let place = match is_ordered_by_time {
            true => Place::Time { generated_at: generated_at.unwrap_or(received_at).min(received_at) },
            // Of an unknown producer's sequence nobody waits for a place.
            false => Place::Sequence(producer.as_ref().and(position)?),
        };
        let (sport, event_id) = (sport?, event_id?);
        Some(Self {
            schema: SCHEMA,
            provider: provider.clone(),
            producer,
            sport,
            event_id,
            place,
            received_at,
        })
    }

    /// As it stands in the feed.
    ///
    /// # Panics
    /// Never: it has string keys only.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has string keys only")
    }

    /// From how it stands in the feed.
    ///
    /// # Errors
    /// Where it does not say what it must.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Its source, where that is known.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        Some(Source { provider: self.provider.clone(), producer: self.producer.clone()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Envelope {
        Envelope {
            message_id: None,
            provider: Name::new("md").ok(),
            producer: Name::new("live").ok(),
            sport: Some(Sport::Hockey),
            event_id: EventId::new("md:match:1001").ok(),
            position: Some(Position { epoch: 1, sequence: 63 }),
            generated_at: Some(Timestamp(50)),
        }
    }

    #[test]
    fn a_place_in_the_sequence_or_in_time_is_told_and_read_again() {
        let (md, at) = (Name::new("md").unwrap(), Timestamp(90));
        let counted = RefusedMessage::of(read(), &md, false, at).unwrap();
        let page = include_str!("../../docs/protocol.md");
        let shown = RefusedMessage { received_at: Timestamp(1_767_205_000_001_000), ..counted.clone() };
        assert!(page.contains(std::str::from_utf8(&shown.encode()).unwrap()), "{shown:?}");
        assert_eq!(RefusedMessage::decode(&counted.encode()).unwrap(), counted);
        let timed = RefusedMessage::of(Envelope { producer: None, ..read() }, &md, true, at).unwrap();
        assert_eq!(timed.place, Place::Time { generated_at: Timestamp(50) });
        assert_eq!(RefusedMessage::decode(&timed.encode()).unwrap(), timed);
        let early = RefusedMessage::of(read(), &md, true, Timestamp(40)).unwrap();
        assert_eq!(
            early.place,
            Place::Time { generated_at: Timestamp(40) },
            "what has yet to come outweighs all"
        );
    }

    #[test]
    fn nobody_is_told_of_what_cannot_be_placed_or_is_anothers() {
        let md = Name::new("md").unwrap();
        let none = |read: Envelope| assert_eq!(RefusedMessage::of(read, &md, false, Timestamp(90)), None);
        none(Envelope { provider: Name::new("other").ok(), ..read() });
        none(Envelope { position: None, ..read() });
        none(Envelope { producer: None, ..read() });
        none(Envelope { sport: None, ..read() });
        none(Envelope { event_id: None, ..read() });
    }
}
