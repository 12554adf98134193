//! Many consumed messages in one piece of memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Headers, Message as _};

/// Messages in the order in which they were polled: per partition, by offset. Keys and payloads lie in one
/// buffer, so a batch costs a few allocations however many messages it has.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Bytes,
    entries: Vec<Entry>,
}

/// A message of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    batch: &'a Batch,
    entry: &'a Entry,
}

/// A header of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name; names may repeat.
    pub name: String,
    /// Its value; empty where Kafka has null.
    pub value: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Entry {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    appended_at_ms: Option<i64>,
    key: Option<Range<usize>>,
    payload: Range<usize>,
    headers: Vec<Header>,
}

impl Batch {
    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and payloads.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The message at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        self.entries.get(index).map(|entry| Message { batch: self, entry })
    }

    /// All messages, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.entries.iter().map(|entry| Message { batch: self, entry })
    }

    /// The offset behind the last message of each topic's partition that is in it.
    pub fn next_offsets(&self) -> BTreeMap<(&str, i32), i64> {
        let is_beside = |one: &Entry, next: &Entry| {
            one.partition == next.partition && Arc::ptr_eq(&one.topic, &next.topic)
        };
        // Messages of a partition come many at once: the last of each such run is all that is looked at closely.
        let ends = self.entries.chunk_by(is_beside).filter_map(|run| run.last());
        ends.map(|entry| ((&*entry.topic, entry.partition), entry.offset + 1)).collect()
    }
}

impl<'a> Message<'a> {
    /// The topic it came from.
    pub fn topic(&self) -> &'a str {
        &self.entry.topic
    }

    /// The partition it came from.
    pub fn partition(&self) -> i32 {
        self.entry.partition
    }

    /// Its place in the partition.
    pub fn offset(&self) -> i64 {
        self.entry.offset
    }

    /// Kafka's timestamp, in milliseconds since the Unix epoch: when the broker appended it, for topics that
    /// [`topics::ensure`](super::topics::ensure) made.
    pub fn appended_at_ms(&self) -> Option<i64> {
        self.entry.appended_at_ms
    }

    /// Its key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.entry.key.clone().map(|range| &self.batch.bytes[range])
    }

    /// Its payload; empty for a null payload.
    pub fn payload(&self) -> &'a [u8] {
        &self.batch.bytes[self.entry.payload.clone()]
    }

    /// Its payload, sharing the batch's memory: keeping it keeps the whole batch.
    pub fn payload_bytes(&self) -> Bytes {
        self.batch.bytes.slice(self.entry.payload.clone())
    }

    /// Its headers.
    pub fn headers(&self) -> &'a [Header] {
        &self.entry.headers
    }

    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let header = self.entry.headers.iter().find(|header| header.name == name)?;
        Some(&header.value)
    }
}

/// A batch while it fills.
#[derive(Debug, Default)]
pub(super) struct Filling {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Filling {
    /// Room for as much as the batch before had: load changes slowly.
    pub(super) fn like(messages: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(messages) }
    }

    /// Copies a message out of librdkafka. `topic` is the shared name of the message's topic.
    pub(super) fn push(&mut self, topic: &Arc<str>, message: &BorrowedMessage<'_>) {
        let key = message.key().map(|key| self.copy(key));
        let payload = self.copy(message.payload().unwrap_or_default());
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let owned = |header: rdkafka::message::Header<'_, &[u8]>| Header {
                name: header.key.to_owned(),
                value: header.value.unwrap_or_default().to_vec(),
            };
            headers.iter().map(owned).collect()
        });
        self.entries.push(Entry {
            topic: Arc::clone(topic),
            partition: message.partition(),
            offset: message.offset(),
            appended_at_ms: message.timestamp().to_millis(),
            key,
            payload,
            headers,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn finish(self) -> Batch {
        Batch { bytes: Bytes::from(self.bytes), entries: self.entries }
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}
