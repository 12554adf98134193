//! Collects what librdkafka reports about the group, for the consumer to handle between two polls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::kafka::assignment::Change;
use crate::kafka::brokers::Brokers;
use crate::kafka::{forward_error, forward_log};

/// librdkafka reports a change of the assignment from within a poll and then waits for `assign` or `unassign`.
/// Answering later, outside of the callback, lets the owner's hooks borrow what they like.
#[derive(Debug, Default)]
pub(super) struct GroupContext {
    changes: Mutex<VecDeque<Change>>,
    closing: AtomicBool,
    pub(super) brokers: Brokers,
}

impl GroupContext {
    pub(super) fn next_change(&self) -> Option<Change> {
        self.changes().pop_front()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changes().is_empty()
    }

    /// From now on changes are answered at once, because nobody will ask for them.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn changes(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        forward_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        forward_error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.brokers.hear(statistics);
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "cannot give partitions back");
            }
            return;
        }
        let mut numbers: Vec<i32> = partitions.elements().iter().map(|element| element.partition()).collect();
        numbers.sort_unstable();
        let change = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(numbers),
            _ if consumer.assignment_lost() => Change::Lost(numbers),
            _ => Change::Revoked(numbers),
        };
        let kind = match change {
            Change::Assigned(_) => "assigned",
            Change::Revoked(_) => "revoked",
            Change::Lost(_) => "lost",
        };
        metrics::counter!("matchday_kafka_assignments_total", "change" => kind).increment(1);
        self.changes().push_back(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offset commit for lag tools failed");
        }
    }
}
