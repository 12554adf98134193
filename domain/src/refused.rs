//! A message that ingestion refused, as the processor of its event hears of it: in the feed, where it would have stood; and later
//! that nobody will put it right.

use serde::{Deserialize, Serialize};

use crate::codec::Envelope;
use crate::id::{EventId, Name, Source};
use crate::letter::LetterMark;
use crate::limit::AHEAD_MICROS_MAX;
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
    /// By what its dead letter is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<LetterMark>,
    /// Whether it answers a recovery.
    #[serde(default, skip_serializing_if = "Asked::is_yes")]
    pub asked: Asked,
    /// Whether somebody has closed its letter: nothing will come in its place, and it keeps nothing shut any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Ingestion's clock.
    pub received_at: Timestamp,
}

/// Whether a message answers a recovery that somebody asked for. One that does is not asked for once more: what brings it
/// would bring it again, as wrong as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// It answers none.
    No,
    /// It cannot be read as far as to tell.
    Unknown,
    /// It answers one, or has a place in a sequence: what is missing there is asked for otherwise.
    #[default]
    Yes,
}

impl Asked {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_yes(&self) -> bool {
        *self == Self::Yes
    }
}

/// Where a refused message stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// In the sequence of its source.
    Sequence(Position),
    /// In its feed's time.
    Time {
        /// When it was made; where it does not say, or says a later time than any that is taken, that latest one.
        generated_at: Timestamp,
    },
}

impl RefusedMessage {
    /// What is to be told of a message of `provider`, received at this time, whose feed counts its messages or not: once for
    /// each sport of which its event may be, and for each event that it may be about. Nothing where it could not be read far enough, or is another provider's.
    ///
    /// Of an event whose sport is not known every sport is told: only the one that knows the event makes more of it than a note.
    #[must_use]
    pub fn of(
        read: Envelope,
        provider: &Name,
        is_ordered_by_time: bool,
        mark: LetterMark,
        received_at: Timestamp,
    ) -> Vec<Self> {
        let Envelope { producer, event_id: Some(event_id), other_event_id, .. } = read else {
            return Vec::new();
        };
        let Envelope { position, generated_at, asked, .. } = read;
        let place = match is_ordered_by_time {
            // The provider's clock may be ahead: what it offered before may have such a time, too.
            true => {
                let latest = received_at.plus_micros(AHEAD_MICROS_MAX);
                Some(Place::Time { generated_at: generated_at.map_or(latest, |at| at.min(latest)) })
            }
            // Of an unknown producer's sequence nobody waits for a place.
            false => producer.as_ref().and(position).map(Place::Sequence),
        };
        let Some(place) = place.filter(|_| read.provider.as_ref() == Some(provider)) else {
            return Vec::new();
        };
        let sports = match read.sport {
            Some(sport) => vec![sport],
            None if !read.is_of_another_sport => Sport::ALL.to_vec(),
            None => Vec::new(),
        };
        let told = |(event_id, sport): (EventId, Sport)| Self {
            schema: SCHEMA,
            provider: provider.clone(),
            producer: producer.clone(),
            sport,
            event_id,
            place,
            mark: Some(mark),
            asked: if is_ordered_by_time { asked } else { Asked::Yes },
            closed: false,
            received_at,
        };
        let events = [Some(event_id), other_event_id].into_iter().flatten();
        events
            .flat_map(|event_id| sports.iter().map(move |sport| (event_id.clone(), *sport)))
            .map(told)
            .collect()
    }

    /// What is to be told, at `now`, where the letter of a message about this event is closed that stood there, if it had a place
    /// in a sequence: each sport, for it may be noted in several, and the others make nothing of it.
    #[must_use]
    pub fn closed(
        (provider, producer): (&Name, Option<&Name>),
        event_id: &EventId,
        position: Option<Position>,
        mark: LetterMark,
        now: Timestamp,
    ) -> [Self; 4] {
        let place = producer.and(position).map_or(Place::Time { generated_at: now }, Place::Sequence);
        Sport::ALL.map(|sport| Self {
            schema: SCHEMA,
            provider: provider.clone(),
            producer: producer.cloned(),
            sport,
            event_id: event_id.clone(),
            place,
            mark: Some(mark),
            asked: Asked::Yes,
            closed: true,
            received_at: now,
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
            is_of_another_sport: false,
            event_id: EventId::new("md:match:1001").ok(),
            other_event_id: None,
            position: Some(Position { epoch: 1, sequence: 63 }),
            generated_at: Some(Timestamp(50)),
            asked: Asked::No,
        }
    }

    fn told(read: Envelope, is_ordered_by_time: bool, received_at: Timestamp) -> RefusedMessage {
        let mark = LetterMark::of(b"oops");
        let mut told =
            RefusedMessage::of(read, &Name::new("md").unwrap(), is_ordered_by_time, mark, received_at);
        assert_eq!(told.len(), 1);
        told.remove(0)
    }

    #[test]
    fn a_place_in_the_sequence_or_in_time_is_told_and_read_again() {
        let at = Timestamp(90);
        let counted = told(read(), false, at);
        let page = include_str!("../../docs/protocol.md");
        let shown = RefusedMessage { received_at: Timestamp(1_767_205_000_001_000), ..counted.clone() };
        assert!(page.contains(std::str::from_utf8(&shown.encode()).unwrap()), "{shown:?}");
        assert_eq!(RefusedMessage::decode(&counted.encode()).unwrap(), counted);
        let timed = told(Envelope { producer: None, ..read() }, true, at);
        assert_eq!(timed.place, Place::Time { generated_at: Timestamp(50) });
        assert_eq!(
            (timed.asked, counted.asked),
            (Asked::No, Asked::Yes),
            "a place in a sequence is missing otherwise"
        );
        assert_eq!(RefusedMessage::decode(&timed.encode()).unwrap(), timed);
    }

    #[test]
    fn a_letters_time_is_no_earlier_than_what_was_taken_before_it_and_no_later_than_what_may_be_taken() {
        let time = |generated_at: Option<i64>| {
            told(Envelope { generated_at: generated_at.map(Timestamp), ..read() }, true, Timestamp(40)).place
        };
        let at = |micros| Place::Time { generated_at: Timestamp(micros) };
        assert_eq!(time(Some(50)), at(50), "the provider's clock may be ahead");
        let latest = 40 + AHEAD_MICROS_MAX;
        assert_eq!(time(Some(latest)), at(latest));
        assert_eq!(time(Some(latest + 1)), at(latest), "what has yet to come outweighs all");
        assert_eq!(time(None), at(latest), "whenever it was made");
    }

    #[test]
    fn nobody_is_told_of_what_cannot_be_placed_or_is_anothers() {
        let md = Name::new("md").unwrap();
        let none = |read: Envelope| {
            assert_eq!(RefusedMessage::of(read, &md, false, LetterMark::of(b""), Timestamp(90)), []);
        };
        none(Envelope { provider: Name::new("other").ok(), ..read() });
        none(Envelope { position: None, ..read() });
        none(Envelope { producer: None, ..read() });
        none(Envelope { sport: None, is_of_another_sport: true, ..read() });
        none(Envelope { event_id: None, ..read() });
    }

    #[test]
    fn of_an_event_of_unknown_sport_every_sport_is_told() {
        let md = Name::new("md").unwrap();
        for is_ordered_by_time in [true, false] {
            let sports = |read: Envelope| {
                let mark = LetterMark::of(b"");
                let told = RefusedMessage::of(read, &md, is_ordered_by_time, mark, Timestamp(90));
                told.into_iter().map(|told| told.sport).collect::<Vec<_>>()
            };
            assert_eq!(sports(read()), [Sport::Hockey]);
            assert_eq!(sports(Envelope { sport: None, ..read() }), Sport::ALL);
            assert_eq!(sports(Envelope { sport: None, is_of_another_sport: true, ..read() }), []);
            assert_eq!(sports(Envelope { sport: None, event_id: None, ..read() }), []);
        }
    }

    #[test]
    fn both_events_are_told_where_nobody_can_tell_which_is_meant() {
        let md = Name::new("md").unwrap();
        let both = Envelope { sport: None, other_event_id: EventId::new("md:match:1002").ok(), ..read() };
        let told = RefusedMessage::of(both, &md, true, LetterMark::of(b""), Timestamp(90));
        let told: Vec<(&str, Sport)> = told.iter().map(|told| (told.event_id.as_str(), told.sport)).collect();
        let of = |event: &'static str| Sport::ALL.map(|sport| (event, sport));
        assert_eq!(told, [of("md:match:1001"), of("md:match:1002")].concat());
    }
}
