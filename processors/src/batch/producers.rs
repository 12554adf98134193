//! What a batch hears of producers: each `alive` is written, and at most once a second that there was a message at all.

use std::collections::{BTreeMap, HashMap};

use domain::message::ProducerBody;
use domain::{Content, FeedMessage, Source, Timestamp};

use crate::store::rows::{AliveColumns, ProducerRow};

/// How old a row's `last_message_at` may become while messages come: writing it with every batch would be a statement
/// more in each of thousands a second.
const WRITTEN_EVERY_MICROS: i64 = 1_000_000;
/// Producers remembered, over all partitions. Beyond that all are forgotten, and their rows are written once more.
const REMEMBERED_MAX: usize = 10_000;

/// What one batch has heard.
#[derive(Debug, Default)]
pub(super) struct Heard(BTreeMap<(i32, Source), ProducerRow>);

impl Heard {
    /// Notes whose message it is, and what it says where it is an `alive`.
    pub(super) fn note(&mut self, partition: i32, message: &FeedMessage, now: Timestamp) {
        let row = self.0.entry((partition, message.source.clone())).or_insert_with(|| ProducerRow {
            partition,
            source: message.source.clone(),
            alive: None,
            last_message_at: now,
        });
        if let Content::Producer(ProducerBody::Alive(alive)) = &message.content {
            row.alive = Some(AliveColumns {
                subscribed: alive.subscribed,
                generated_at: message.generated_at,
                received_at: message.received_at,
            });
        }
    }

    /// One row per partition and producer, sorted by both.
    pub(super) fn into_rows(self) -> Vec<ProducerRow> {
        self.0.into_values().collect()
    }
}

/// When each producer's row was last written.
#[derive(Debug, Default)]
pub struct ProducersWritten(HashMap<(i32, Source), Timestamp>);

impl ProducersWritten {
    /// Whether a row says something that must be written now.
    #[must_use]
    pub fn is_due(&self, row: &ProducerRow) -> bool {
        let written = self.0.get(&(row.partition, row.source.clone()));
        row.alive.is_some()
            || written
                .is_none_or(|written| row.last_message_at.micros_since(*written) >= WRITTEN_EVERY_MICROS)
    }

    /// These rows have been committed.
    pub fn note(&mut self, rows: &[ProducerRow]) {
        if self.0.len() + rows.len() > REMEMBERED_MAX {
            self.0.clear();
        }
        let written = |row: &ProducerRow| ((row.partition, row.source.clone()), row.last_message_at);
        self.0.extend(rows.iter().map(written));
    }
}
