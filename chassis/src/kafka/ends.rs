//! Where partitions end now, asked for all of them at once: for who reads them and wants to know how much is left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::brokers::{self, Unanswered};
use super::metadata::TopicOffset;
use super::reader::group_of_one;
use super::{PlainContext, client_config};

/// A client that asks and never reads. On the connection of one that reads, an answer would wait until a fetch has found
/// something or given up.
pub struct EndsReader {
    brokers: String,
    client_id: String,
    answer_within: Duration,
    asking: Mutex<Asking>,
}

/// Replaced where nobody answers for long.
struct Asking {
    consumer: Arc<BaseConsumer<PlainContext>>,
    unanswered: Unanswered,
}

impl EndsReader {
    /// Connects in the background; this succeeds while Kafka is away. An answer may take so long.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(brokers: &str, client_id: &str, answer_within: Duration) -> KafkaResult<Self> {
        let consumer = Arc::new(connect(brokers, client_id)?);
        let asking = Mutex::new(Asking { consumer, unanswered: Unanswered::default() });
        Ok(Self { brokers: brokers.to_owned(), client_id: client_id.to_owned(), answer_within, asking })
    }

    /// Where each of these partitions ends: the offset that its next record will get.
    ///
    /// # Errors
    /// When a leader does not answer in time.
    pub async fn ends(&self, of: &[TopicOffset]) -> KafkaResult<Vec<TopicOffset>> {
        let mut list = TopicPartitionList::with_capacity(of.len());
        for place in of {
            list.add_partition_offset(&place.topic, place.partition, Offset::End)?;
        }
        let (asked_at, answer_within) = (Instant::now(), self.answer_within);
        let consumer = Arc::clone(&self.asking().consumer);
        // A time of -1, which is what `Offset::End` says, asks for the offset behind the last record.
        let ask = move || consumer.offsets_for_times(list, answer_within);
        let answer = tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled));
        self.note(asked_at, &answer);
        let answer = answer?;
        let ends = answer.elements().into_iter().map(|element| match element.offset() {
            Offset::Offset(offset) => {
                Ok(TopicOffset { topic: element.topic().into(), partition: element.partition(), offset })
            }
            _ => Err(element.error().err().unwrap_or(KafkaError::Canceled)),
        });
        ends.collect()
    }

    fn note<T>(&self, asked_at: Instant, answer: &KafkaResult<T>) {
        let mut asking = self.asking();
        if !asking.unanswered.note(asked_at, answer, Instant::now()) {
            return;
        }
        match connect(&self.brokers, &self.client_id) {
            Ok(consumer) => {
                let old = std::mem::replace(&mut asking.consumer, Arc::new(consumer));
                brokers::note_replaced("ends");
                // Dropping the last handle waits for its threads.
                tokio::task::spawn_blocking(move || drop(old));
            }
            Err(error) => tracing::error!(%error, "a client for kafka cannot be made"),
        }
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(brokers: &str, client_id: &str) -> KafkaResult<BaseConsumer<PlainContext>> {
    let mut config = client_config(brokers, client_id);
    // librdkafka lets consumers alone ask for several partitions at once, and those under a group's name.
    config.set("group.id", group_of_one(client_id));
    BaseConsumer::from_config_and_context(&config, PlainContext)
}
