//! What one request sends to Kafka: written into one buffer, sent as one batch.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chassis::kafka::{Position, Record, SendError};

/// Records of one request, in the order in which they are to be sent.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Keys and payloads, one after the other, so that a record costs no allocation of its own.
    buffer: Vec<u8>,
    drafts: Vec<Draft>,
}

/// A record whose bytes are still growing.
#[derive(Debug)]
struct Draft {
    /// The message for which it stands, counted from 0.
    message: usize,
    topic: Arc<str>,
    partition: Option<i32>,
    key: Option<Range<usize>>,
    payload: Payload,
    headers: Vec<(&'static str, Bytes)>,
}

#[derive(Debug)]
enum Payload {
    /// In the buffer.
    Written(Range<usize>),
    /// Bytes as they came.
    Original(Bytes),
}

impl Outbox {
    /// Room for so many messages, of so many bytes in all.
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        Self { buffer: Vec::with_capacity(bytes), drafts: Vec::with_capacity(messages) }
    }

    /// A record whose payload is written by `write`.
    pub fn write(&mut self, message: usize, topic: &Arc<str>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let key = self.append(|buffer| buffer.extend_from_slice(key.as_bytes()));
        let payload = Payload::Written(self.append(write));
        self.push(Draft {
            message,
            topic: Arc::clone(topic),
            partition: None,
            key: Some(key),
            payload,
            headers: Vec::new(),
        });
    }

    /// Gives the last record a header.
    pub fn mark_last(&mut self, header: (&'static str, Bytes)) {
        if let Some(draft) = self.drafts.last_mut() {
            draft.headers.push(header);
        }
    }

    /// Records without a key that share one payload and headers, one for each partition of each topic.
    pub fn broadcast(
        &mut self,
        message: usize,
        topics: &[(Arc<str>, i32)],
        headers: &[(&'static str, Bytes)],
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let payload = self.append(write);
        for (topic, partitions) in topics {
            for partition in 0..*partitions {
                self.push(Draft {
                    message,
                    topic: Arc::clone(topic),
                    partition: Some(partition),
                    key: None,
                    payload: Payload::Written(payload.clone()),
                    headers: headers.to_vec(),
                });
            }
        }
    }

    /// A record of bytes as they came.
    pub fn keep(
        &mut self,
        message: usize,
        topic: &Arc<str>,
        key: &str,
        original: Bytes,
        headers: Vec<(&'static str, Bytes)>,
    ) {
        let key = self.append(|buffer| buffer.extend_from_slice(key.as_bytes()));
        let payload = Payload::Original(original);
        self.push(Draft {
            message,
            topic: Arc::clone(topic),
            partition: None,
            key: Some(key),
            payload,
            headers,
        });
    }

    /// The records to send, and for each the message for which it stands.
    pub fn finish(self) -> (Vec<Record>, Vec<usize>) {
        let buffer = Bytes::from(self.buffer);
        let messages = self.drafts.iter().map(|draft| draft.message).collect();
        let record = |draft: Draft| Record {
            topic: draft.topic,
            partition: draft.partition,
            key: draft.key.map(|range| buffer.slice(range)),
            payload: match draft.payload {
                Payload::Written(range) => buffer.slice(range),
                Payload::Original(bytes) => bytes,
            },
            headers: draft.headers,
        };
        (self.drafts.into_iter().map(record).collect(), messages)
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.buffer.len();
        write(&mut self.buffer);
        start..self.buffer.len()
    }

    fn push(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }
}

/// Per message, the first error among its records: a message is stored when all of them are.
pub fn failures(
    results: &[Result<Position, SendError>],
    messages: &[usize],
    count: usize,
) -> Vec<Option<SendError>> {
    let mut failures = vec![None; count];
    for (result, &message) in results.iter().zip(messages) {
        if let Err(error) = result {
            failures[message].get_or_insert_with(|| error.clone());
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_says_whose_each_record_is() {
        let topic: Arc<str> = "feed".into();
        let mut outbox = Outbox::with_capacity(3, 64);
        outbox.write(0, &topic, "md:match:1", |buffer| buffer.extend_from_slice(b"first"));
        outbox.broadcast(1, &[(Arc::clone(&topic), 2)], &[], |buffer| buffer.extend_from_slice(b"alive"));
        outbox.keep(
            2,
            &topic,
            "md",
            Bytes::from_static(b"oops"),
            vec![("reason", Bytes::from_static(b"bad"))],
        );
        let (records, messages) = outbox.finish();
        assert_eq!(messages, [0, 1, 1, 2]);
        let seen: Vec<_> = records
            .iter()
            .map(|record| (record.key.as_deref(), &record.payload[..], record.partition))
            .collect();
        assert_eq!(
            seen,
            [
                (Some(&b"md:match:1"[..]), &b"first"[..], None),
                (None, b"alive", Some(0)),
                (None, b"alive", Some(1)),
                (Some(b"md"), b"oops", None),
            ]
        );
        assert_eq!(records[3].headers[0].0, "reason");
    }

    #[test]
    fn a_message_is_stored_when_all_its_records_are() {
        let stored = Ok(Position { partition: 0, offset: 0 });
        let results = [stored.clone(), stored, Err(SendError::TimedOut), Err(SendError::QueueFull)];
        assert_eq!(
            failures(&results, &[0, 1, 1, 2], 3),
            [None, Some(SendError::TimedOut), Some(SendError::QueueFull)]
        );
    }
}
