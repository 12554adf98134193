//! Reads every partition of some topics, without a group: for a process that needs all of them for itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::batch::{Batch, Filling};
use super::brokers::{self, Brokers, PolledContext};
use super::consumer::{ConsumeError, OutOfRange, Trouble};
use super::metadata::{self, TopicOffset};
use super::{ANSWER_WITHIN, PollLimits, fetch_config};
use crate::lifecycle::{Shutdown, Tasks};

/// How a reader behaves.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// Bootstrap servers, separated by commas.
    pub brokers: String,
    /// The name under which brokers know this client.
    pub client_id: String,
    /// What one batch may hold; `wait` also bounds how late a stop is noticed. 5,000 messages, 4 MiB, 100 ms.
    pub batch: PollLimits,
    /// Batches that may wait for the receiver. 4.
    pub queued_batches: usize,
    /// Bytes fetched ahead of the polls. 32 MiB.
    pub prefetch_bytes: usize,
}

impl ReaderSettings {
    /// The values that each field's description names.
    pub fn new(brokers: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: client_id.into(),
            batch: PollLimits { messages: 5_000, bytes: 4 << 20, wait: Duration::from_millis(100) },
            queued_batches: 4,
            prefetch_bytes: 32 << 20,
        }
    }
}

/// What a reader tells, in order.
#[derive(Debug)]
pub enum ReadEvent {
    /// Messages; never empty.
    Batch(Batch),
    /// Everything that was in the topics when reading began has been told. Comes once.
    CaughtUp,
    /// Reading cannot go on; nothing follows. What was missed is not known.
    Failed(ConsumeError),
}

/// Reads all partitions of some topics. It knows the partitions that exist when it is opened; topics are not
/// enlarged while the kit runs.
pub struct PartitionReader {
    consumer: BaseConsumer<PolledContext>,
    settings: ReaderSettings,
    topics: Vec<Arc<str>>,
    starts: Vec<TopicOffset>,
    ends: Vec<TopicOffset>,
}

impl PartitionReader {
    /// Connects and notes where every partition begins and ends now.
    ///
    /// # Errors
    /// When the brokers do not answer within seconds, or a topic or a leader is missing.
    pub async fn open(settings: ReaderSettings, topics: &[impl AsRef<str>]) -> KafkaResult<Self> {
        let topics: Vec<Arc<str>> = topics.iter().map(|topic| Arc::from(topic.as_ref())).collect();
        let open = move || {
            let consumer = connect(&settings)?;
            let (starts, ends) = offsets(&consumer, &topics)?;
            Ok(Self { consumer, settings, topics, starts, ends })
        };
        tokio::task::spawn_blocking(open).await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Where every partition began when this reader was opened: what was before has been deleted.
    pub fn starts(&self) -> &[TopicOffset] {
        &self.starts
    }

    /// Where every partition ended when this reader was opened.
    pub fn ends(&self) -> &[TopicOffset] {
        &self.ends
    }

    /// Reads each partition in `from` on a thread of its own, until `shutdown` begins, the receiver is dropped,
    /// or reading fails.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        mut self,
        from: Vec<TopicOffset>,
        tasks: &Tasks,
        shutdown: Shutdown,
    ) -> std::io::Result<mpsc::Receiver<ReadEvent>> {
        let (sender, receiver) = mpsc::channel(self.settings.queued_batches);
        tasks.spawn_thread("kafka reader", move || {
            if let Err(error) = self.read(&from, &sender, &shutdown) {
                tracing::error!(%error, "kafka reader stopped");
                // Nobody may be listening any more, and then nobody needs to know.
                let _ = sender.blocking_send(ReadEvent::Failed(error));
            }
            Ok(())
        })?;
        Ok(receiver)
    }

    fn read(
        &mut self,
        from: &[TopicOffset],
        sender: &mpsc::Sender<ReadEvent>,
        shutdown: &Shutdown,
    ) -> Result<(), ConsumeError> {
        let mut next: Places = from.iter().map(|place| (place.key(), place.offset)).collect();
        self.assign(&next)?;
        let mut behind: Places = Places::new();
        for end in offsets(&self.consumer, &self.topics)?.1 {
            if next.get(&end.key()).is_some_and(|offset| *offset < end.offset) {
                behind.insert(end.key(), end.offset);
            }
        }
        let mut caught_up = false;
        while !shutdown.has_begun() {
            if behind.is_empty() && !caught_up {
                caught_up = true;
                if sender.blocking_send(ReadEvent::CaughtUp).is_err() {
                    return Ok(());
                }
            }
            if self.consumer.context().brokers.are_lost() {
                self.consumer = connect(&self.settings)?;
                brokers::note_replaced("reader");
                self.assign(&next)?;
            }
            let batch = self.poll(&next)?;
            if batch.is_empty() {
                if sender.is_closed() {
                    return Ok(());
                }
                continue;
            }
            advance(&batch, &mut next, &mut behind);
            if sender.blocking_send(ReadEvent::Batch(batch)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn assign(&self, next: &Places) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(next.len());
        for ((topic, partition), offset) in next {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        self.consumer.assign(&list)
    }

    fn poll(&self, next: &Places) -> Result<Batch, ConsumeError> {
        let limits = self.settings.batch;
        let mut filling = Filling::default();
        let mut wait = limits.wait;
        while filling.len() < limits.messages && filling.size_bytes() < limits.bytes {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    if let Some(topic) = self.topics.iter().find(|topic| ***topic == *message.topic()) {
                        filling.push(topic, &message);
                    }
                }
                Some(Err(error)) => match Trouble::of(&error) {
                    Trouble::Passing => {}
                    Trouble::Fatal => return Err(ConsumeError::Fatal(error)),
                    Trouble::OutOfRange => return Err(self.out_of_range(next)),
                },
                None => break,
            }
            wait = Duration::ZERO;
        }
        metrics::counter!("matchday_kafka_consumed_total").increment(filling.len() as u64);
        Ok(filling.finish())
    }

    fn out_of_range(&self, next: &Places) -> ConsumeError {
        let mut found = Vec::new();
        for ((topic, partition), &wanted) in next {
            let asked = metadata::watermarks(self.consumer.client(), topic, *partition, ANSWER_WITHIN);
            if let Ok(watermarks) = asked
                && !watermarks.admit(wanted)
            {
                found.push(OutOfRange { partition: *partition, wanted, watermarks });
            }
        }
        ConsumeError::OffsetOutOfRange(found)
    }
}

/// An offset per topic and partition.
type Places = BTreeMap<(Arc<str>, i32), i64>;

impl TopicOffset {
    fn key(&self) -> (Arc<str>, i32) {
        (Arc::clone(&self.topic), self.partition)
    }
}

/// Notes what a batch has told, and crosses off the partitions that it brought to their end.
fn advance(batch: &Batch, next: &mut Places, behind: &mut Places) {
    let told = batch.next_offsets();
    for (place, offset) in next.iter_mut() {
        if let Some(reached) = told.get(&(&*place.0, place.1)) {
            *offset = *reached;
            if behind.get(place).is_some_and(|end| end <= reached) {
                behind.remove(place);
            }
        }
    }
}

fn connect(settings: &ReaderSettings) -> KafkaResult<BaseConsumer<PolledContext>> {
    let mut config = fetch_config(&settings.brokers, &settings.client_id, settings.prefetch_bytes);
    Brokers::ask(&mut config);
    // librdkafka reads only under a group's name; nothing ever joins this one.
    config.set("group.id", group_of_one(&settings.client_id));
    BaseConsumer::from_config_and_context(&config, PolledContext::default())
}

/// Where every partition begins, and where it ends.
fn offsets(
    consumer: &BaseConsumer<PolledContext>,
    topics: &[Arc<str>],
) -> KafkaResult<(Vec<TopicOffset>, Vec<TopicOffset>)> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (topic, count) in metadata::partition_counts(consumer.client(), topics, ANSWER_WITHIN)? {
        let topic: Arc<str> = topic.into();
        for partition in 0..count {
            let marks = metadata::watermarks(consumer.client(), &topic, partition, ANSWER_WITHIN)?;
            let at = |offset| TopicOffset { topic: Arc::clone(&topic), partition, offset };
            starts.push(at(marks.low));
            ends.push(at(marks.high));
        }
    }
    Ok((starts, ends))
}

/// The name of a group that nobody else is in.
pub(super) fn group_of_one(client_id: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{client_id}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::super::{Producer, ProducerSettings, Record};
    use super::*;

    #[tokio::test]
    async fn a_reader_that_twice_hears_of_no_broker_is_replaced_and_goes_on_where_it_was() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        cluster.create_topic("things", 1, 1).unwrap();
        let settings = ReaderSettings::new(cluster.bootstrap_servers(), "test");
        let reader = PartitionReader::open(settings, &["things"]).await.unwrap();
        let producer = Producer::new(ProducerSettings::new(cluster.bootstrap_servers(), "test")).unwrap();
        let record = Record {
            topic: "things".into(),
            partition: Some(0),
            key: None,
            payload: "it".into(),
            headers: Vec::new(),
        };
        producer.send(record).await.unwrap();
        let known = &reader.consumer.context().brokers;
        known.hear(b"{}");
        known.hear(b"{}");
        assert!(known.are_lost());
        let shutdown = Shutdown::default();
        let starts = reader.starts().to_vec();
        let mut events = reader.start(starts, &Tasks::new(shutdown.clone()), shutdown.clone()).unwrap();
        let told = tokio::time::timeout(Duration::from_secs(20), events.recv()).await.unwrap();
        let Some(ReadEvent::Batch(batch)) = told else { panic!("{told:?}") };
        assert_eq!(batch.len(), 1);
        shutdown.begin();
    }
}
