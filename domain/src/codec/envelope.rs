//! What a message says of itself, as far as it can be read: of one that is refused, whoever waits for it is to be told.
//!
//! Only what stands before the fault is taken. Of a schema that is not known, or not told, too: the same words may mean something
//! else there, but then they shut an event for nothing, and nobody opens one by them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{uof, xml};
use crate::id::{EventId, MessageId, Name};
use crate::limit::POSITION_MAX;
use crate::message::Position;
use crate::refused::Asked;
use crate::{Sport, Timestamp};

/// The parts of a message's envelope that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The idempotency key.
    pub message_id: Option<MessageId>,
    /// Whose message it says it is.
    pub provider: Option<Name>,
    /// Which of the provider's producers speaks.
    pub producer: Option<Name>,
    /// The event's sport.
    pub sport: Option<Sport>,
    /// Whether it came as a message of a sport that is none of ours.
    pub is_of_another_sport: bool,
    /// The event.
    pub event_id: Option<EventId>,
    /// The one that its routing key names, where that is another: nobody can tell of which it is.
    pub other_event_id: Option<EventId>,
    /// Its place in the sequence.
    pub position: Option<Position>,
    /// When the provider made it.
    pub generated_at: Option<Timestamp>,
    /// Whether it answers a recovery; told of messages without a sequence only.
    pub asked: Asked,
}

impl Envelope {
    /// Of native JSON.
    #[must_use]
    pub fn of_json(bytes: &[u8]) -> Self {
        let mut fields = Fields::default();
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        // What was read until it failed is what is wanted.
        drop(ReadInto(&mut fields).deserialize(&mut deserializer));
        fields.envelope()
    }

    /// Of native XML.
    #[must_use]
    pub fn of_xml(bytes: &[u8]) -> Self {
        let mut reader = xml::reader::Reader::new(xml::readable(bytes));
        if reader.root().is_err() {
            return Self::default();
        }
        Fields {
            epoch: reader.optional("epoch").ok().flatten(),
            sequence: reader.optional("sequence").ok().flatten(),
            read: Self {
                message_id: reader.optional("message_id").ok().flatten(),
                provider: reader.optional("provider").ok().flatten(),
                producer: reader.optional("producer").ok().flatten(),
                sport: reader.optional("sport").ok().flatten(),
                event_id: reader.optional("event_id").ok().flatten(),
                generated_at: reader.optional("generated_at").ok().flatten(),
                ..Self::default()
            },
        }
        .envelope()
    }

    /// Of a message of a Unified Odds Feed, which has neither an id nor a place of its own.
    #[must_use]
    pub fn of_uof(bytes: &[u8], origin: &uof::Origin) -> Self {
        uof::envelope(xml::readable(bytes), origin).unwrap_or_default()
    }
}

/// The fields as they stand there.
#[derive(Default)]
struct Fields {
    epoch: Option<u64>,
    sequence: Option<u64>,
    read: Envelope,
}

impl Fields {
    fn envelope(self) -> Envelope {
        let place = self.epoch.zip(self.sequence).map(|(epoch, sequence)| Position { epoch, sequence });
        let exists = |place: &Position| {
            [place.epoch, place.sequence].iter().all(|number| (1..=POSITION_MAX).contains(number))
        };
        Envelope { position: place.filter(exists), ..self.read }
    }

    fn set(&mut self, name: &str, raw: &str) {
        fn read<'a, T: serde::Deserialize<'a>>(raw: &'a str) -> Option<T> {
            serde_json::from_str(raw).ok()
        }
        let Self { epoch, sequence, read: to } = self;
        match name {
            "epoch" => *epoch = read(raw),
            "sequence" => *sequence = read(raw),
            "message_id" => to.message_id = read(raw),
            "provider" => to.provider = read(raw),
            "producer" => to.producer = read(raw),
            "sport" => to.sport = read(raw),
            "event_id" => to.event_id = read(raw),
            "generated_at" => to.generated_at = read(raw),
            _ => {}
        }
    }
}

/// Reads an object's fields until one of them is none.
struct ReadInto<'a>(&'a mut Fields);

impl<'de> DeserializeSeed<'de> for ReadInto<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// A value counts once it is known to be whole: a number that is cut off is a number, too.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut whole: Option<(String, &RawValue)> = None;
        loop {
            let name = map.next_key::<String>()?;
            if let Some((name, raw)) = whole.take() {
                self.0.set(&name, raw.get());
            }
            match name {
                None => return Ok(()),
                Some(name) if name == "body" => drop(map.next_value::<IgnoredAny>()?),
                Some(name) => whole = Some((name, map.next_value()?)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = include_str!("../../golden/v1/odds_change.json");
    const XML: &str = include_str!("../../golden/v1/odds_change.xml");

    fn whole() -> Envelope {
        Envelope {
            message_id: MessageId::new("1001-1-60").ok(),
            provider: Name::new("md").ok(),
            producer: Name::new("live").ok(),
            sport: Some(Sport::Hockey),
            is_of_another_sport: false,
            event_id: EventId::new("md:match:1001").ok(),
            other_event_id: None,
            position: Some(Position { epoch: 1, sequence: 60 }),
            generated_at: Some(Timestamp(1_767_204_993_000_000)),
            asked: Asked::Yes,
        }
    }

    #[test]
    fn what_stands_before_the_fault_is_read() {
        assert_eq!(Envelope::of_json(JSON.as_bytes()), whole());
        assert_eq!(Envelope::of_xml(XML.as_bytes()), whole());
        let cut = |text: &str, behind: &str| text[..text.find(behind).unwrap() + behind.len()].to_owned();
        assert_eq!(Envelope::of_json(cut(JSON, r#""markets":[{"#).as_bytes()), whole());
        assert_eq!(Envelope::of_xml(cut(XML, "<market ").as_bytes()), whole());
        let broken = JSON.replace(r#""odds":1850"#, r#""odds":"1.85""#).replace("active", "a\u{1}");
        assert_eq!(Envelope::of_json(broken.as_bytes()), whole());
        let mut foreign = cut(XML, "<market ").into_bytes();
        foreign.extend(b"name=\"\xff\"/>");
        assert_eq!(Envelope::of_xml(&foreign), whole());
    }

    #[test]
    fn half_a_number_is_none() {
        for cut in 1..JSON.len() {
            let read = Envelope::of_json(&JSON.as_bytes()[..cut]);
            let is_whole = |read: Option<Position>| read.is_none() || read == whole().position;
            assert!(is_whole(read.position), "cut after {cut} bytes: {read:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_left_out_and_another_schema_says_as_much() {
        let changed = |from: &str, to: &str| Envelope::of_json(JSON.replace(from, to).as_bytes());
        assert_eq!(changed(r#""sequence":60"#, r#""sequence":"x""#), Envelope { position: None, ..whole() });
        assert_eq!(changed(r#""sequence":60"#, r#""sequence":0"#), Envelope { position: None, ..whole() });
        assert_eq!(changed("hockey", "curling"), Envelope { sport: None, ..whole() });
        for other in [r#""schema":"2.0","#, r#""schema":2,"#, ""] {
            assert_eq!(changed(r#""schema":"1.0","#, other), whole(), "{other}");
        }
        for other in [r#"schema="2.0""#, ""] {
            assert_eq!(
                Envelope::of_xml(XML.replace(r#"schema="1.0""#, other).as_bytes()),
                whole(),
                "{other}"
            );
        }
        assert_eq!(Envelope::of_json(b"[1,2]"), Envelope::default());
        assert_eq!(Envelope::of_xml(b"oops"), Envelope::default());
    }
}
