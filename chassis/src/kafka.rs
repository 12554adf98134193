//! Kafka as this project uses it: batches everywhere, every limit set, nothing reset or dropped in silence.

use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

mod assignment;
mod backlog;
mod batch;
mod brokers;
mod consumer;
mod ends;
mod follow;
mod metadata;
mod partitioner;
mod producer;
mod reader;
pub mod topics;

pub use assignment::{Assignments, Start};
pub use backlog::{BacklogReader, Kept, Unread};
pub use batch::{Batch, Header, Message};
pub use consumer::{ConsumeError, Consumer, ConsumerSettings, OutOfRange, PollLimits};
pub use ends::EndsReader;
pub use follow::{follow, keep_reading};
pub use metadata::{TopicOffset, Watermarks};
pub use partitioner::partition_of;
pub use producer::{Position, Producer, ProducerSettings, Record, SendError};
pub use rdkafka::error::KafkaError as Error;
pub use reader::{PartitionReader, ReadEvent, ReaderSettings};

/// The largest message any topic carries, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// How long a question about topics, offsets or the cluster may wait for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What every client is configured with. A broker that went away is tried again within a second; librdkafka's
/// own ten would be most of an outage.
fn client_config(brokers: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", client_id)
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("retry.backoff.ms", "50")
        // A broker that was let in anew is for a moment in nobody's list. A client that has looked just then knows no broker
        // at all, and by default asks those it began with only after five minutes.
        .set("metadata.recovery.rebootstrap.trigger.ms", "2000")
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("log.connection.close", "false");
    config
}

/// What every reading client is configured with, member of a group or not.
fn fetch_config(brokers: &str, client_id: &str, prefetch_bytes: usize) -> ClientConfig {
    let mut config = client_config(brokers, client_id);
    config
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("enable.partition.eof", "false")
        .set("fetch.wait.max.ms", "100")
        // The default of one second is a stall whenever the local queue was full for a moment.
        .set("fetch.queue.backoff.ms", "2")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", (prefetch_bytes >> 10).to_string())
        .set("topic.metadata.refresh.interval.ms", "30000");
    config
}

/// The context of clients that only ask: logs and counts what librdkafka has to say. Nobody polls them, so they hear nothing of
/// their brokers.
#[derive(Debug, Default)]
struct PlainContext;

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        forward_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        forward_error(&error, reason);
    }
}

impl ConsumerContext for PlainContext {}

/// librdkafka's log lines, in ours. Its errors reach [`forward_error`] as well, so none is louder than a warning.
fn forward_log(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{text}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{text}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{text}"),
    }
}

/// A client's own errors: counted by code, and left to librdkafka to retry.
fn forward_error(error: &KafkaError, reason: &str) {
    let code = error.rdkafka_error_code().map_or_else(|| "none".to_owned(), |code| format!("{code:?}"));
    tracing::debug!(target: "librdkafka", code, reason, "client error");
    metrics::counter!("matchday_kafka_errors_total", "code" => code).increment(1);
}
