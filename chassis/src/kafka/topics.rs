//! Makes sure that topics exist, however often it is asked.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{ANSWER_WITHIN, PlainContext, client_config, metadata};

/// How long [`ensure`] keeps trying while brokers or leaders are missing.
const ENSURE_WITHIN: Duration = Duration::from_secs(30);

/// How long between two tries.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The largest segment, which is Kafka's own default.
const SEGMENT_BYTES_MAX: i64 = 1 << 30;

/// A segment of a topic of which only the last record of each key is kept: the segment that is written to is kept whole.
const COMPACTED_SEGMENT_BYTES: i64 = 16 << 20;

/// A topic that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it has at least.
    pub partitions: i32,
    /// What it keeps.
    pub retention: Retention,
    /// The largest batch of records it takes, in bytes.
    pub max_message_bytes: usize,
}

/// What a topic keeps. Kafka removes whole segments, and looks every five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// What came last, by size and by age.
    Latest {
        /// Bytes that each partition keeps at least, -1 for no limit: it holds up to a quarter more, and what came since.
        bytes: i64,
        /// Milliseconds for which each record is kept, -1 for no limit.
        ms: i64,
    },
    /// The last record of each key, for ever.
    LatestOfEachKey,
}

/// Why a topic is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It exists with fewer partitions. Enlarging it would send the keys of running events elsewhere.
    #[error("topic {name} has {found} partitions, {wanted} are wanted")]
    TooFewPartitions {
        /// The topic.
        name: String,
        /// How many it has.
        found: i32,
        /// How many it should have.
        wanted: i32,
    },
    /// Kafka would not make it.
    #[error("topic {name} cannot be made: {code}")]
    Refused {
        /// The topic.
        name: String,
        /// Kafka's code.
        code: RDKafkaErrorCode,
    },
    /// No broker, or no leader, in half a minute.
    #[error("kafka does not answer")]
    Away(#[source] KafkaError),
}

/// Makes the topics that do not exist, with one replica and the brokers' own clock as the records' time (records
/// of a replay with their old times would expire at once), and waits until every partition has a leader. The
/// settings of a topic that exists are left alone.
///
/// # Errors
/// See [`TopicError`]. Topics made before the error stay.
pub async fn ensure(brokers: &str, topics: &[TopicSpec]) -> Result<(), TopicError> {
    let deadline = Instant::now() + ENSURE_WITHIN;
    let config = client_config(brokers, "topics");
    let admin = AdminClient::from_config_and_context(&config, PlainContext).map_err(TopicError::Away)?;
    let admin = std::sync::Arc::new(admin);
    create(&admin, topics, deadline).await?;

    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let counts = loop {
        let (asked, names) = (std::sync::Arc::clone(&admin), names.clone());
        let ask = move || metadata::partition_counts(asked.inner(), &names, ANSWER_WITHIN);
        match tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled)) {
            Ok(counts) => break counts,
            Err(error) if Instant::now() > deadline => return Err(TopicError::Away(error)),
            Err(_) => tokio::time::sleep(TRY_AGAIN_AFTER).await,
        }
    };
    for topic in topics {
        let found = counts.get(&topic.name).copied().unwrap_or_default();
        if found < topic.partitions {
            let (name, wanted) = (topic.name.clone(), topic.partitions);
            return Err(TopicError::TooFewPartitions { name, found, wanted });
        }
    }
    Ok(())
}

async fn create(
    admin: &AdminClient<PlainContext>,
    topics: &[TopicSpec],
    deadline: Instant,
) -> Result<(), TopicError> {
    let settings: Vec<[String; 4]> = topics
        .iter()
        .map(|topic| {
            [
                topic.retention.bytes().to_string(),
                topic.retention.ms().to_string(),
                topic.max_message_bytes.to_string(),
                topic.segment_bytes().to_string(),
            ]
        })
        .collect();
    let wanted: Vec<NewTopic<'_>> =
        topics.iter().zip(&settings).map(|(topic, set)| new_topic(topic, set)).collect();
    let options =
        AdminOptions::new().request_timeout(Some(ANSWER_WITHIN)).operation_timeout(Some(ANSWER_WITHIN));
    let results = loop {
        match admin.create_topics(&wanted, &options).await {
            Ok(results) => break results,
            Err(error) if Instant::now() > deadline => return Err(TopicError::Away(error)),
            Err(_) => tokio::time::sleep(TRY_AGAIN_AFTER).await,
        }
    };
    for result in results {
        match result {
            Ok(name) => tracing::info!(topic = name, "topic made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(TopicError::Refused { name, code }),
        }
    }
    Ok(())
}

impl TopicSpec {
    /// A quarter of what is kept, and never less than the largest batch, which must fit into one.
    fn segment_bytes(&self) -> i64 {
        let least = i64::try_from(self.max_message_bytes).unwrap_or(SEGMENT_BYTES_MAX).min(SEGMENT_BYTES_MAX);
        match self.retention {
            Retention::Latest { bytes: ..0, .. } => SEGMENT_BYTES_MAX,
            Retention::Latest { bytes, .. } => (bytes / 4).clamp(least, SEGMENT_BYTES_MAX),
            Retention::LatestOfEachKey => COMPACTED_SEGMENT_BYTES.max(least),
        }
    }
}

impl Retention {
    fn policy(self) -> &'static str {
        match self {
            Self::Latest { .. } => "delete",
            Self::LatestOfEachKey => "compact",
        }
    }

    fn bytes(self) -> i64 {
        match self {
            Self::Latest { bytes, .. } => bytes,
            Self::LatestOfEachKey => -1,
        }
    }

    fn ms(self) -> i64 {
        match self {
            Self::Latest { ms, .. } => ms,
            Self::LatestOfEachKey => -1,
        }
    }
}

fn new_topic<'a>(topic: &'a TopicSpec, [bytes, ms, message, segment]: &'a [String; 4]) -> NewTopic<'a> {
    NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(1))
        .set("retention.bytes", bytes)
        .set("retention.ms", ms)
        .set("max.message.bytes", message)
        .set("segment.bytes", segment)
        .set("message.timestamp.type", "LogAppendTime")
        .set("cleanup.policy", topic.retention.policy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_lies_in_several_segments_each_of_which_takes_the_largest_batch() {
        let segment = |retention_bytes, max_message_bytes| {
            let name = "sports-feed-hockey".to_owned();
            let retention = Retention::Latest { bytes: retention_bytes, ms: -1 };
            TopicSpec { name, partitions: 4, retention, max_message_bytes }.segment_bytes()
        };
        assert_eq!(segment(256 << 20, 8 << 20), 64 << 20);
        assert_eq!(segment(1 << 20, 8 << 20), 8 << 20);
        assert_eq!(segment(1 << 40, 8 << 20), SEGMENT_BYTES_MAX);
        assert_eq!(segment(-1, 8 << 20), SEGMENT_BYTES_MAX);
    }
}
