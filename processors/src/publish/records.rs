//! What is written to Kafka: an update's record, a heartbeat's, a dead letter's, and what other sports' feeds are told of that. All but
//! heartbeats are made from what the database holds alone, so that publishing again writes the same bytes.

use std::sync::Arc;

use bytes::Bytes;
use chassis::kafka::Record;
use domain::codec::{Envelope, json};
use domain::letter::LetterMark;
use domain::message::SCHEMA;
use domain::refused::{Asked, REFUSED_HEADER, RefusedMessage};
use domain::{Sport, Timestamp, Topics};

use crate::store::rows::{DeadLetterRow, OF_ANOTHER_SPORT};

/// Makes the records of one sport.
pub(super) struct Records {
    sport: Sport,
    feed_topic: String,
    other_feeds: Vec<(Sport, Arc<str>)>,
    updates_topic: Arc<str>,
    dead_letters_topic: Arc<str>,
}

impl Records {
    pub(super) fn of(sport: Sport, topics: &Topics) -> Self {
        Self {
            sport,
            feed_topic: topics.feed(sport),
            other_feeds: Sport::ALL
                .into_iter()
                .filter(|other| *other != sport)
                .map(|other| (other, Arc::from(topics.feed(other))))
                .collect(),
            updates_topic: Arc::from(topics.updates(sport)),
            dead_letters_topic: Arc::from(topics.dead_letters()),
        }
    }

    /// Goes to the partition of the same number as its feed message.
    pub(super) fn update(&self, partition: i32, event_id: &str, payload: &Bytes) -> Record {
        Record {
            topic: Arc::clone(&self.updates_topic),
            partition: Some(partition),
            key: Some(Bytes::copy_from_slice(event_id.as_bytes())),
            payload: payload.clone(),
            headers: Vec::new(),
        }
    }

    /// Without a key: it is about no event. Kafka may take it long after it was said.
    pub(super) fn heartbeat(&self, partition: i32, said_at: Timestamp) -> Record {
        let (sport, Timestamp(said_at)) = (self.sport, said_at);
        let payload = format!(
            r#"{{"schema":"{SCHEMA}","type":"heartbeat","sport":"{sport}","partition":{partition},"said_at":{said_at}}}"#
        );
        Record {
            topic: Arc::clone(&self.updates_topic),
            partition: Some(partition),
            key: None,
            payload: Bytes::from(payload),
            headers: Vec::new(),
        }
    }

    /// A dead letter, and where it is of an event that is another sport's, what the other feeds are told of it: its processor is
    /// to shut the event. Of whose it is only the one that knows the event makes anything.
    pub(super) fn letter(&self, letter: &DeadLetterRow) -> impl Iterator<Item = Record> {
        std::iter::once(self.dead_letter(letter)).chain(self.told_of(letter))
    }

    fn told_of(&self, letter: &DeadLetterRow) -> Vec<Record> {
        if letter.pointer != OF_ANOTHER_SPORT {
            return Vec::new();
        }
        // It was read whole before it was refused.
        let asked = match json::decode(&letter.payload) {
            Ok(message) if message.request_id.is_none() => Asked::No,
            _ => Asked::Yes,
        };
        let read = Envelope { sport: None, asked, ..Envelope::of_json(&letter.payload) };
        let (Some(provider), by_time) = (read.provider.clone(), read.position.is_none()) else {
            return Vec::new();
        };
        let (mark, refused_at) = (LetterMark::of(&letter.payload), Timestamp(letter.refused_at));
        let told = RefusedMessage::of(read, &provider, by_time, mark, refused_at);
        let record = |refused: RefusedMessage| {
            let (_, topic) = self.other_feeds.iter().find(|(sport, _)| *sport == refused.sport)?;
            Some(Record {
                topic: Arc::clone(topic),
                partition: None,
                key: Some(Bytes::copy_from_slice(refused.event_id.as_str().as_bytes())),
                payload: Bytes::from(refused.encode()),
                headers: vec![(REFUSED_HEADER, Bytes::from(self.position(letter)))],
            })
        };
        told.into_iter().filter_map(record).collect()
    }

    fn position(&self, letter: &DeadLetterRow) -> String {
        format!("{}/{}/{}", self.feed_topic, letter.partition, letter.feed_offset)
    }

    fn dead_letter(&self, letter: &DeadLetterRow) -> Record {
        let position = self.position(letter);
        let mut headers = vec![
            ("source", Bytes::from_static(b"processor")),
            ("reason", Bytes::from(letter.reason.clone())),
            ("pointer", Bytes::from(letter.pointer.clone())),
            ("position", Bytes::from(position)),
            ("refused_at", Bytes::from(letter.refused_at.to_string())),
        ];
        // What cannot be read does not say who sent it.
        if let Ok(message) = json::decode(&letter.payload) {
            headers.push(("provider", Bytes::from(message.source.provider.to_string())));
        }
        Record {
            topic: Arc::clone(&self.dead_letters_topic),
            partition: None,
            key: letter.key.clone().map(Bytes::from),
            payload: Bytes::from(letter.payload.clone()),
            headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Position;
    use domain::refused::Place;

    use super::*;

    fn letter(pointer: &str, position: &str) -> DeadLetterRow {
        let payload = format!(
            r#"{{"schema":"1.1","message_id":"m1","provider":"md","producer":"live","sport":"tennis","event_id":"md:match:1",{position}"type":"bet_stop","generated_at":5,"received_at":6,"body":{{"groups":"all"}}}}"#
        );
        DeadLetterRow {
            partition: 2,
            number: 1,
            feed_offset: 7,
            key: Some(b"md:match:1".to_vec()),
            reason: String::new(),
            pointer: pointer.to_owned(),
            refused_at: 9,
            payload: payload.into_bytes(),
        }
    }

    #[test]
    fn a_letter_of_another_sports_event_is_told_to_the_feeds_of_the_others() {
        let records = Records::of(Sport::Tennis, &Topics::default());
        let counted = Place::Sequence(Position { epoch: 1, sequence: 2 });
        let timed = Place::Time { generated_at: Timestamp(5) };
        for (position, place, asked) in [
            (r#""epoch":1,"sequence":2,"#, counted, Asked::Yes),
            ("", timed, Asked::No),
            (r#""request_id":7,"#, timed, Asked::Yes),
        ] {
            let written: Vec<Record> = records.letter(&letter(OF_ANOTHER_SPORT, position)).collect();
            assert_eq!(&*written[0].topic, "sports-feed-dlq");
            let topics: Vec<&str> = written[1..].iter().map(|record| &*record.topic).collect();
            assert_eq!(topics, ["sports-feed-football", "sports-feed-basketball", "sports-feed-hockey"]);
            for record in &written[1..] {
                let told = RefusedMessage::decode(&record.payload).unwrap();
                assert_eq!((told.place, record.key.as_deref()), (place, Some(&b"md:match:1"[..])));
                assert_eq!(told.asked, asked, "a recovery would bring it again");
                assert_eq!(told.mark, Some(LetterMark::of(&letter("", position).payload)));
                assert_eq!(record.headers, [(REFUSED_HEADER, Bytes::from("sports-feed-tennis/2/7"))]);
                assert!(record.topic.ends_with(told.sport.as_str()));
            }
            assert_eq!(
                records.letter(&letter("/body", position)).count(),
                1,
                "its own event hears it anyway"
            );
        }
    }
}
