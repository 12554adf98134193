//! Sending batches of records and waiting for a batch, not for a message.
//!
//! Measured on this project's hardware, one awaited future per message costs five times what librdkafka itself
//! does. So a batch has one place where delivery reports are written, and one wake-up when the last has come.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};

use super::brokers::{self, Brokers};
use super::{
    ANSWER_WITHIN, MAX_MESSAGE_BYTES, Watermarks, client_config, forward_error, forward_log, metadata,
};
use crate::lifecycle::Shutdown;
use crate::readiness::Latch;

mod delivery;
mod polling;

use delivery::{InFlight, Ticket};

/// librdkafka looks for records past their time once a second; later than this it has forgotten them.
const REPORT_MARGIN: Duration = Duration::from_secs(3);

/// How a producer behaves.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// Bootstrap servers, separated by commas.
    pub brokers: String,
    /// The name under which brokers know this client.
    pub client_id: String,
    /// How long a record may wait for its acknowledgement before it counts as not delivered. 10 seconds.
    pub delivery_timeout: Duration,
    /// How long a record may wait for company of its partition. Half a millisecond: measured, it costs no more CPU per record than
    /// two do.
    pub linger: Duration,
    /// Records that may wait for their acknowledgement at once. 200,000.
    pub queue_messages: usize,
    /// Bytes that may wait for their acknowledgement at once. 128 MiB.
    pub queue_bytes: usize,
}

impl ProducerSettings {
    /// The values that each field's description names.
    pub fn new(brokers: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: client_id.into(),
            delivery_timeout: Duration::from_secs(10),
            linger: Duration::from_micros(500),
            queue_messages: 200_000,
            queue_bytes: 128 << 20,
        }
    }
}

/// A record to send.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where to.
    pub topic: Arc<str>,
    /// Which partition; none: by the key's murmur2 hash, as Kafka's own clients do, or any if there is no key.
    pub partition: Option<i32>,
    /// What decides the partition and what belongs together.
    pub key: Option<Bytes>,
    /// The content.
    pub payload: Bytes,
    /// Names and values beside the content.
    pub headers: Vec<(&'static str, Bytes)>,
}

/// Where an acknowledged record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The producer's queue is full, so it was not sent, nor was anything after it in its batch: a key's records
    /// never overtake each other.
    #[error("the producer's queue is full")]
    QueueFull,
    /// No acknowledgement came in time. The record may have been written all the same.
    #[error("not acknowledged in time")]
    TimedOut,
    /// The producer had to be replaced. The record may have been written all the same.
    #[error("the producer failed and was replaced: {0}")]
    Fatal(String),
    /// It is larger than the topic takes; trying again does not help.
    #[error("the record is larger than the topic takes")]
    TooLarge,
    /// The brokers refused it.
    #[error("refused by the broker: {0}")]
    Refused(String),
}

impl SendError {
    /// A short name for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TimedOut => "timed_out",
            Self::Fatal(_) => "fatal",
            Self::TooLarge => "too_large",
            Self::Refused(_) => "refused",
        }
    }
}

/// An idempotent producer: acknowledged by all replicas in sync, in order per partition, without duplicates of
/// its own making. Clones share it.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ProducerSettings,
    /// Replaced after a fatal error, which is librdkafka's way to say that it can no longer promise order, and where it knows no
    /// broker any more.
    current: RwLock<Arc<Client>>,
    /// How many partitions topics had when the brokers were last asked.
    known: RwLock<BTreeMap<String, i32>>,
}

type Client = BaseProducer<Context>;

impl Producer {
    /// Starts a producer; it connects in the background, so this succeeds while Kafka is away.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(settings: ProducerSettings) -> KafkaResult<Self> {
        let current = RwLock::new(start(&settings)?);
        Ok(Self { shared: Arc::new(Shared { settings, current, known: RwLock::default() }) })
    }

    /// Sends all records, in order, and waits until each is acknowledged or given up. The results stand in the
    /// records' order. The wait is bounded by the delivery timeout and a little more.
    pub async fn send_all(&self, records: Vec<Record>) -> Vec<Result<Position, SendError>> {
        let began = Instant::now();
        let client = self.client();
        let in_flight = InFlight::new(records.len());
        let mut refusal = None;
        for (index, record) in records.iter().enumerate() {
            if refusal.is_none() {
                refusal = enqueue(&client, record, Ticket::new(&in_flight, index)).err();
            }
            if let Some(error) = &refusal {
                in_flight.settle(index, Err(error.clone()));
                if *error == SendError::TooLarge {
                    refusal = None;
                }
            }
        }
        drop(records);
        in_flight.wait(self.shared.settings.delivery_timeout + REPORT_MARGIN).await;
        let mut results = in_flight.take();
        if results.iter().any(Result::is_err) {
            self.replace_if_failed(&client, &mut results);
        }
        measure(&results, began);
        results
    }

    /// Sends one record and waits for it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, record: Record) -> Result<Position, SendError> {
        self.send_all(vec![record]).await.pop().unwrap_or(Err(SendError::TimedOut))
    }

    /// How many partitions each of `topics` has, asked from the brokers.
    ///
    /// # Errors
    /// When no broker answers within 5 seconds, a topic is missing, or one of its partitions has no leader.
    pub async fn partition_counts(&self, topics: Vec<String>) -> KafkaResult<BTreeMap<String, i32>> {
        let client = self.client();
        let ask = move || metadata::partition_counts(client.client(), &topics, ANSWER_WITHIN);
        let counts = tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))?;
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(counts.iter().map(|(topic, count)| (topic.clone(), *count)));
        Ok(counts)
    }

    /// The offsets between which a partition has records, asked from its leader: for who produces and wants to know how
    /// far others have come.
    ///
    /// # Errors
    /// When it does not answer within 5 seconds.
    pub async fn watermarks(&self, topic: &str, partition: i32) -> KafkaResult<Watermarks> {
        let (client, topic) = (self.client(), topic.to_owned());
        let ask = move || metadata::watermarks(client.client(), &topic, partition, ANSWER_WITHIN);
        tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// How many partitions a topic had when [`Self::partition_counts`] or [`Self::watch`] last asked; none if
    /// they never had an answer. Does not wait.
    pub fn known_partition_count(&self, topic: &str) -> Option<i32> {
        self.shared.known.read().unwrap_or_else(PoisonError::into_inner).get(topic).copied()
    }

    /// Keeps `latch` true to whether the brokers answer and have `topics` with their leaders, looking `every` so
    /// often, until `shutdown` begins.
    pub async fn watch(&self, latch: Latch, topics: Vec<String>, every: Duration, shutdown: Shutdown) {
        loop {
            let counts = tokio::select! {
                counts = self.partition_counts(topics.clone()) => counts,
                () = shutdown.begun() => return,
            };
            match counts {
                Ok(_) => latch.ready(),
                Err(error) => latch.not_ready(format!("kafka does not answer for its topics: {error}")),
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = shutdown.begun() => return,
            }
        }
    }

    fn client(&self) -> Arc<Client> {
        let client = self.current();
        if !client.client().context().brokers.are_lost() {
            return client;
        }
        self.replace(&client);
        self.current()
    }

    fn current(&self) -> Arc<Client> {
        Arc::clone(&self.shared.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// librdkafka gives each record the error that it met; that the client as a whole cannot go on is asked apart.
    fn replace_if_failed(&self, client: &Arc<Client>, results: &mut [Result<Position, SendError>]) {
        let Some((code, reason)) = client.client().fatal_error() else { return };
        tracing::error!(?code, reason, "kafka's producer failed for good");
        for error in results.iter_mut().filter_map(|result| result.as_mut().err()) {
            *error = SendError::Fatal(format!("{code:?}: {reason}"));
        }
        self.replace(client);
    }

    /// Puts a new producer in the place of `failed`, unless somebody did so already.
    fn replace(&self, failed: &Arc<Client>) {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, failed) {
            return;
        }
        match start(&self.shared.settings) {
            Ok(client) => {
                let old = std::mem::replace(&mut *current, client);
                brokers::note_replaced("producer");
                // Who waits for an acknowledgement need not wait any longer.
                old.purge(PurgeConfig::default().queue().inflight());
            }
            Err(error) => tracing::error!(%error, "cannot replace the failed producer"),
        }
    }
}

fn start(settings: &ProducerSettings) -> KafkaResult<Arc<Client>> {
    let delivery_timeout_ms = settings.delivery_timeout.as_millis().to_string();
    let mut config = client_config(&settings.brokers, &settings.client_id);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.codec", "lz4")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", (settings.linger.as_secs_f64() * 1e3).to_string())
        .set("delivery.timeout.ms", &delivery_timeout_ms)
        .set("request.timeout.ms", &delivery_timeout_ms)
        .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
        .set("queue.buffering.max.messages", settings.queue_messages.to_string())
        .set("queue.buffering.max.kbytes", (settings.queue_bytes >> 10).to_string());
    Brokers::ask(&mut config);
    polling::start(&config, Context::default())
}

fn enqueue(client: &Client, record: &Record, ticket: Box<Ticket>) -> Result<(), SendError> {
    let to_send = BaseRecord {
        topic: &record.topic,
        partition: record.partition,
        payload: Some(&record.payload[..]),
        key: record.key.as_deref(),
        timestamp: None,
        headers: headers(record),
        delivery_opaque: ticket,
    };
    client.send(to_send).map_err(|(error, _)| delivery::meaning(&error))
}

fn headers(record: &Record) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    let insert = |headers: OwnedHeaders, (name, value): &(&str, Bytes)| {
        headers.insert(Header { key: name, value: Some(&value[..]) })
    };
    Some(record.headers.iter().fold(empty, insert))
}

fn measure(results: &[Result<Position, SendError>], began: Instant) {
    let mut delivered = 0;
    for result in results {
        match result {
            Ok(_) => delivered += 1,
            Err(error) => {
                metrics::counter!("matchday_kafka_produce_failed_total", "reason" => error.label())
                    .increment(1);
            }
        }
    }
    metrics::counter!("matchday_kafka_produced_total").increment(delivered);
    metrics::histogram!("matchday_kafka_produce_seconds").record(began.elapsed());
}

/// Receives delivery reports on the thread that polls.
#[derive(Default)]
struct Context {
    brokers: Brokers,
}

impl ClientContext for Context {
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

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, report: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        ticket.settle(match report {
            Ok(message) => Ok(Position { partition: message.partition(), offset: message.offset() }),
            Err((error, _)) => Err(delivery::meaning(error)),
        });
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::*;

    #[tokio::test]
    async fn a_producer_that_twice_hears_of_no_broker_is_replaced_and_goes_on() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        cluster.create_topic("things", 1, 1).unwrap();
        let producer = Producer::new(ProducerSettings::new(cluster.bootstrap_servers(), "test")).unwrap();
        let record = || Record {
            topic: "things".into(),
            partition: Some(0),
            key: None,
            payload: "it".into(),
            headers: Vec::new(),
        };
        producer.send(record()).await.unwrap();
        let first = producer.current();
        let known = &first.client().context().brokers;
        known.hear(b"{}");
        producer.send(record()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &producer.current()), "once may be a moment");
        known.hear(b"{}");
        known.hear(b"{}");
        assert_eq!(producer.send(record()).await.unwrap(), Position { partition: 0, offset: 2 });
        assert!(!Arc::ptr_eq(&first, &producer.current()));
    }
}
