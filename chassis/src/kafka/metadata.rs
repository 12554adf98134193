//! Questions to the cluster: which partitions, which offsets, which cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

/// The offsets between which a partition has records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The oldest record's offset; what is below was deleted.
    pub low: i64,
    /// The offset that the next record will get.
    pub high: i64,
}

impl Watermarks {
    /// Whether reading may begin at `offset`: a record that is there, or the next one to come.
    pub fn admit(&self, offset: i64) -> bool {
        (self.low..=self.high).contains(&offset)
    }
}

/// A place in a partition of some topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to read.
    pub offset: i64,
}

/// How many partitions each of `topics` has; all of them have a leader.
pub(super) fn partition_counts<C: ClientContext>(
    client: &Client<C>,
    topics: &[impl AsRef<str>],
    within: Duration,
) -> KafkaResult<BTreeMap<String, i32>> {
    let deadline = Instant::now() + within;
    let mut counts = BTreeMap::new();
    for topic in topics {
        let topic = topic.as_ref();
        let left = deadline.saturating_duration_since(Instant::now());
        let metadata = client.fetch_metadata(Some(topic), left)?;
        let unknown = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
        let found = metadata.topics().iter().find(|found| found.name() == topic).ok_or(unknown)?;
        if let Some(error) = found.error() {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        if found.partitions().is_empty() || found.partitions().iter().any(|partition| partition.leader() < 0)
        {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable));
        }
        counts.insert(topic.to_owned(), found.partitions().len() as i32);
    }
    Ok(counts)
}

/// The watermarks of one partition, asked from its leader.
pub(super) fn watermarks<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: i32,
    within: Duration,
) -> KafkaResult<Watermarks> {
    let (low, high) = client.fetch_watermarks(topic, partition, within)?;
    Ok(Watermarks { low, high })
}
