//! How much of a topic a group has yet to read, against what the topic keeps: before the one outgrows the other, records are
//! deleted that nobody has read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::brokers::{self, Unanswered};
use super::{ANSWER_WITHIN, PlainContext, Watermarks, client_config, fetch_config, metadata};

/// Where less than this is unread even if every record is as large as can be, none is read to know better.
const SAMPLE_FROM_PERCENT: u64 = 50;
/// Records read to learn how large records are.
const SAMPLE_RECORDS: usize = 100;
/// From how many places of what is unread, from its beginning to its end.
const SAMPLE_PLACES: u64 = 4;
/// How long to wait for those of one place.
const SAMPLE_WITHIN: Duration = Duration::from_secs(2);
/// What a record takes in the log beside its key, headers and payload, at most.
const RECORD_BYTES: u64 = 64;
/// Bytes fetched ahead: few records are read.
const PREFETCH_BYTES: usize = 1 << 20;
/// Bytes of a partition that are asked for at once: Kafka sends a batch whole where it is larger.
const FETCH_BYTES: usize = 64 << 10;
/// How often the topic's settings are asked for.
const SETTINGS_EVERY: Duration = Duration::from_secs(60);

/// What a topic keeps of each partition at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Bytes; `None` for no limit.
    pub bytes: Option<u64>,
    /// Milliseconds; `None` for no limit.
    pub ms: Option<u64>,
}

/// What a group has yet to read of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Records.
    pub records: u64,
    /// Bytes they take in the log, at most: they may be stored compressed.
    pub bytes: u64,
    /// How long ago the first of them was written, in milliseconds.
    pub age_ms: u64,
}

/// Looks how far one group has come with one topic. Blocks; belongs on a thread of its own.
pub struct BacklogReader {
    brokers: String,
    group: String,
    topic: String,
    clients: Clients,
    unanswered: Unanswered,
    record_bytes_max: u64,
    runtime: Handle,
    settings: Option<(Instant, Kept)>,
}

impl Unread {
    /// How much of what is kept it takes up, in percent; of several limits the one that is closest.
    #[must_use]
    pub fn percent_of(&self, kept: Kept) -> u64 {
        let percent = |part: u64, whole: u64| part.saturating_mul(100) / whole.max(1);
        let bytes = kept.bytes.map_or(0, |kept| percent(self.bytes, kept));
        let ms = kept.ms.map_or(0, |kept| percent(self.age_ms, kept));
        bytes.max(ms)
    }
}

impl BacklogReader {
    /// Connects in the background; this succeeds while Kafka is away. No record of the topic has more than so many bytes.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(
        brokers: &str,
        (group, topic): (&str, &str),
        record_bytes_max: u64,
        runtime: Handle,
    ) -> KafkaResult<Self> {
        Ok(Self {
            brokers: brokers.to_owned(),
            group: group.to_owned(),
            topic: topic.to_owned(),
            clients: Clients::connect(brokers, group)?,
            unanswered: Unanswered::default(),
            record_bytes_max,
            runtime,
            settings: None,
        })
    }

    /// How much of what is kept is unread, in percent, in the partition where it is most. What the group never said it has
    /// read counts as unread.
    ///
    /// # Errors
    /// When the brokers do not tell. Where they do not for long, the clients are replaced.
    pub fn unread_percent(&mut self, now_ms: i64) -> KafkaResult<u64> {
        let asked_at = Instant::now();
        let answer = self.ask(now_ms);
        if self.unanswered.note(asked_at, &answer, Instant::now()) {
            self.clients = Clients::connect(&self.brokers, &self.group)?;
            brokers::note_replaced("backlog");
        }
        answer
    }

    fn ask(&mut self, now_ms: i64) -> KafkaResult<u64> {
        let kept = self.kept()?;
        let mut most = 0;
        for (partition, read_to) in self.read_to()? {
            let Watermarks { low, high } =
                metadata::watermarks(self.clients.consumer.client(), &self.topic, partition, ANSWER_WITHIN)?;
            let first = read_to.unwrap_or(low).max(low);
            let records = u64::try_from(high - first).unwrap_or_default();
            let bytes = records.saturating_mul(self.record_bytes_max);
            let at_most = Unread { records, bytes, age_ms: 0 }.percent_of(kept);
            if records == 0 || (kept.ms.is_none() && at_most < SAMPLE_FROM_PERCENT) {
                most = most.max(at_most);
                continue;
            }
            most = most.max(self.sample(partition, first, records, now_ms)?.percent_of(kept));
        }
        Ok(most)
    }

    /// The offset that the group reads next, per partition, where it has said so.
    fn read_to(&self) -> KafkaResult<BTreeMap<i32, Option<i64>>> {
        let topics = [self.topic.as_str()];
        let counts = metadata::partition_counts(self.clients.consumer.client(), &topics, ANSWER_WITHIN)?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.topic, 0, counts.get(&self.topic).copied().unwrap_or(1) - 1);
        let committed = self.clients.consumer.committed_offsets(asked, ANSWER_WITHIN)?;
        let told = committed.elements().into_iter().map(|element| {
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            element.error().map(|()| (element.partition(), offset))
        });
        told.collect()
    }

    /// Reads some of what is unread in several places, and takes the rest for as large as in the place where it is largest.
    fn sample(&self, partition: i32, first: i64, records: u64, now_ms: i64) -> KafkaResult<Unread> {
        let mut unread = Unread { records, bytes: 0, age_ms: 0 };
        for place in 0..SAMPLE_PLACES {
            let skipped = records.saturating_sub(SAMPLE_RECORDS as u64) * place / (SAMPLE_PLACES - 1);
            let from = first.saturating_add(i64::try_from(skipped).unwrap_or(i64::MAX));
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.topic, partition, Offset::Offset(from))?;
            self.clients.consumer.assign(&list)?;
            let sampled = self.read_some(records - skipped);
            self.clients.consumer.unassign()?;
            let Sample { count, bytes, written_ms } = sampled?;
            unread.bytes = unread.bytes.max(records.saturating_mul(bytes.div_ceil(count.max(1))));
            let age_ms = written_ms.and_then(|written| u64::try_from(now_ms - written).ok());
            unread.age_ms = unread.age_ms.max(age_ms.unwrap_or_default());
            if records <= SAMPLE_RECORDS as u64 {
                break;
            }
        }
        Ok(unread)
    }

    fn read_some(&self, records: u64) -> KafkaResult<Sample> {
        let wanted = records.min(SAMPLE_RECORDS as u64);
        let deadline = Instant::now() + SAMPLE_WITHIN;
        let mut sample = Sample::default();
        while sample.count < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.clients.consumer.poll(left) {
                Some(message) => {
                    let message = message?;
                    let size = message.key_len() + message.payload_len();
                    sample.count += 1;
                    sample.bytes += size as u64 + RECORD_BYTES;
                    sample.written_ms = sample.written_ms.or(message.timestamp().to_millis());
                }
                None if sample.count > 0 => break,
                None => return Err(KafkaError::Canceled),
            }
        }
        Ok(sample)
    }

    /// What the topic keeps now.
    fn kept(&mut self) -> KafkaResult<Kept> {
        if let Some((asked_at, kept)) = self.settings
            && asked_at.elapsed() < SETTINGS_EVERY
        {
            return Ok(kept);
        }
        let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN));
        let topic = [ResourceSpecifier::Topic(&self.topic)];
        let asked = self.clients.admin.describe_configs(&topic, &options);
        let answers = self.runtime.block_on(asked)?;
        let mut kept = Kept::default();
        for answer in answers {
            let settings = answer.map_err(KafkaError::AdminOp)?;
            let limit = |name: &str| settings.get(name)?.value.as_ref()?.parse().ok();
            kept = Kept { bytes: limit("retention.bytes"), ms: limit("retention.ms") };
        }
        self.settings = Some((Instant::now(), kept));
        Ok(kept)
    }
}

/// Who asks.
struct Clients {
    consumer: BaseConsumer<PlainContext>,
    admin: AdminClient<PlainContext>,
}

impl Clients {
    fn connect(brokers: &str, group: &str) -> KafkaResult<Self> {
        let client_id = "backlog";
        let mut config = fetch_config(brokers, client_id, PREFETCH_BYTES);
        // It asks for the group's offsets and never joins.
        config.set("group.id", group).set("fetch.message.max.bytes", FETCH_BYTES.to_string());
        let admin = client_config(brokers, client_id);
        Ok(Self {
            consumer: BaseConsumer::from_config_and_context(&config, PlainContext)?,
            admin: AdminClient::from_config_and_context(&admin, PlainContext)?,
        })
    }
}

/// Some records of a partition.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    count: u64,
    bytes: u64,
    /// When the first of them was written.
    written_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_closest_counts_and_what_is_kept_for_ever_has_none() {
        let unread = Unread { records: 10, bytes: 800, age_ms: 30 };
        let percent = |bytes, ms| unread.percent_of(Kept { bytes, ms });
        assert_eq!(percent(Some(1_000), Some(100)), 80);
        assert_eq!(percent(Some(10_000), Some(60)), 50);
        assert_eq!(percent(Some(400), None), 200);
        assert_eq!(percent(None, None), 0);
    }
}
