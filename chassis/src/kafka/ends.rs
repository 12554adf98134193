//! Where partitions end now, asked for all of them at once: for who reads them and wants to know how much is left.

use std::sync::Arc;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::metadata::TopicOffset;
use super::reader::group_of_one;
use super::{ANSWER_WITHIN, PlainContext, client_config};

/// A client that asks and never reads. On the connection of one that reads, an answer would wait until a fetch has found
/// something or given up.
pub struct EndsReader {
    consumer: Arc<BaseConsumer<PlainContext>>,
}

impl EndsReader {
    /// Connects in the background; this succeeds while Kafka is away.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(brokers: &str, client_id: &str) -> KafkaResult<Self> {
        let mut config = client_config(brokers, client_id);
        // librdkafka lets consumers alone ask for several partitions at once, and those under a group's name.
        config.set("group.id", group_of_one(client_id));
        let consumer = BaseConsumer::from_config_and_context(&config, PlainContext)?;
        Ok(Self { consumer: Arc::new(consumer) })
    }

    /// Where each of these partitions ends: the offset that its next record will get.
    ///
    /// # Errors
    /// When a leader does not answer within 5 seconds.
    pub async fn ends(&self, of: &[TopicOffset]) -> KafkaResult<Vec<TopicOffset>> {
        let mut list = TopicPartitionList::with_capacity(of.len());
        for place in of {
            list.add_partition_offset(&place.topic, place.partition, Offset::End)?;
        }
        let consumer = Arc::clone(&self.consumer);
        // A time of -1, which is what `Offset::End` says, asks for the offset behind the last record.
        let ask = move || consumer.offsets_for_times(list, ANSWER_WITHIN);
        let answer = tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))?;
        let ends = answer.elements().into_iter().map(|element| match element.offset() {
            Offset::Offset(offset) => {
                Ok(TopicOffset { topic: element.topic().into(), partition: element.partition(), offset })
            }
            _ => Err(element.error().err().unwrap_or(KafkaError::Canceled)),
        });
        ends.collect()
    }
}
