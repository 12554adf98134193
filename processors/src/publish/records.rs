//! What is written to Kafka: an update's record, a heartbeat's and a dead letter's. All but heartbeats are made from what the database holds alone, so that
//! publishing again writes the same bytes.

use std::sync::Arc;

use bytes::Bytes;
use chassis::kafka::Record;
use domain::codec::json;
use domain::message::SCHEMA;
use domain::{Sport, Topics};

use crate::store::rows::DeadLetterRow;

/// Makes the records of one sport.
pub(super) struct Records {
    sport: Sport,
    feed_topic: String,
    updates_topic: Arc<str>,
    dead_letters_topic: Arc<str>,
}

impl Records {
    pub(super) fn of(sport: Sport, topics: &Topics) -> Self {
        Self {
            sport,
            feed_topic: topics.feed(sport),
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

    /// Without a key: it is about no event.
    pub(super) fn heartbeat(&self, partition: i32) -> Record {
        let sport = self.sport;
        let payload = format!(
            r#"{{"schema":"{SCHEMA}","type":"heartbeat","sport":"{sport}","partition":{partition}}}"#
        );
        Record {
            topic: Arc::clone(&self.updates_topic),
            partition: Some(partition),
            key: None,
            payload: Bytes::from(payload),
            headers: Vec::new(),
        }
    }

    pub(super) fn dead_letter(&self, letter: &DeadLetterRow) -> Record {
        let position = format!("{}/{}/{}", self.feed_topic, letter.partition, letter.feed_offset);
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
