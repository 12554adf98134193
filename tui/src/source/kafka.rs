//! Kafka: how far each partition is written, and how far its processors have come.
//!
//! librdkafka's calls block, so they are made on other threads, all of one round at once: where the broker is slow, a round takes as
//! long as the slowest of them.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use domain::{Sport, Topics};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use super::{Finding, Sink};

/// How long one call may take. A slow broker answers later than anybody is told to wait for, and is heard then.
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// Clients that were not answered for so long are replaced: they may know no broker any more, and would never be answered again.
const REPLACE_AFTER: Duration = Duration::from_secs(60);

/// After so many rounds it is looked again which topics and partitions there are.
const LOOK_EVERY: u32 = 15;

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The offset that the next record will get.
    pub end: i64,
    /// The offset of the next record for the topic's group, where it has one and that has committed any.
    pub committed: Option<i64>,
}

/// Asks every `interval`, with the same clients for as long as they are answered.
pub(super) async fn watch(brokers: String, topics: Topics, interval: Duration, sink: Sink) {
    super::ask_aside(None, interval, sink, move |known: &mut Option<Asker>| {
        let mut asker = known.take().map_or_else(|| Asker::new(&brokers, topics.clone()), Ok)?;
        let (asked_at, answer) = (Instant::now(), asker.ask());
        if !asker.is_lost(asked_at, answer.is_ok()) {
            *known = Some(asker);
        }
        answer.map(Finding::Offsets)
    })
    .await;
}

/// What librdkafka has to say goes nowhere: the screen is ours, and every call tells its error.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _text: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Silent {}

/// Clients that never join their group: they ask where it is.
struct Asker {
    topics: Topics,
    /// Of each sport one, in its group.
    consumers: BTreeMap<Sport, BaseConsumer<Silent>>,
    /// How many partitions each topic has; those that are not there are not.
    partitions: BTreeMap<String, i32>,
    /// Rounds since that was found out.
    rounds: u32,
    unanswered_since: Option<Instant>,
}

impl Asker {
    fn new(brokers: &str, topics: Topics) -> anyhow::Result<Self> {
        let mut consumers = BTreeMap::new();
        for sport in Sport::ALL {
            let mut config = ClientConfig::new();
            config
                .set("bootstrap.servers", brokers)
                .set("client.id", "matchday-top")
                .set("group.id", topics.group(sport))
                .set("enable.auto.commit", "false")
                .set("log.connection.close", "false");
            let consumer = BaseConsumer::from_config_and_context(&config, Silent);
            consumers.insert(sport, consumer.context("making a client for Kafka")?);
        }
        Ok(Self { topics, consumers, partitions: BTreeMap::new(), rounds: 0, unanswered_since: None })
    }

    /// Whether others have to ask from now on.
    fn is_lost(&mut self, asked_at: Instant, is_answered: bool) -> bool {
        if is_answered {
            self.unanswered_since = None;
            return false;
        }
        self.unanswered_since.get_or_insert(asked_at).elapsed() >= REPLACE_AFTER
    }

    /// Finds out which of our topics there are.
    fn look(&mut self) -> anyhow::Result<()> {
        let consumer = self.consumers.values().next().context("there are no sports")?;
        let metadata = consumer.fetch_metadata(None, CALL_WITHIN).context("asking for the topics")?;
        let is_ours = |name: &str| {
            name == self.topics.dead_letters()
                || Sport::ALL
                    .iter()
                    .any(|sport| name == self.topics.feed(*sport) || name == self.topics.updates(*sport))
        };
        let found = metadata.topics().iter().filter(|topic| is_ours(topic.name()));
        self.partitions = found
            .map(|topic| {
                (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or_default())
            })
            .collect();
        Ok(())
    }

    fn ask(&mut self) -> anyhow::Result<Vec<PartitionOffsets>> {
        // Each error and each loss of a broker waits to be polled, without limit.
        for consumer in self.consumers.values() {
            while consumer.poll(Duration::ZERO).is_some() {}
        }
        // A stack that is being started has none at first, and one that runs may be given more.
        if self.partitions.is_empty() || self.rounds >= LOOK_EVERY {
            self.look()?;
            self.rounds = 0;
        }
        self.rounds += 1;
        if self.partitions.is_empty() {
            return Ok(Vec::new());
        }
        let this = &*self;
        let (ends, committed) = thread::scope(|scope| {
            let sports = this.consumers.iter();
            let asked: Vec<_> =
                sports.map(|(sport, consumer)| scope.spawn(|| this.committed(*sport, consumer))).collect();
            let ends = this.ends();
            let heard =
                asked.into_iter().map(|asked| asked.join().unwrap_or_else(|panic| resume_unwind(panic)));
            (ends, heard.collect::<anyhow::Result<Vec<_>>>())
        });
        let mut found = ends?;
        for element in committed?.iter().flat_map(TopicPartitionList::elements) {
            let of = |one: &&mut PartitionOffsets| {
                one.topic == element.topic() && one.partition == element.partition()
            };
            let committed = told(&element).with_context(|| {
                format!("asking how far {}, {} is read", element.topic(), element.partition())
            })?;
            if let (Some(one), Some(_)) = (found.iter_mut().find(of), committed) {
                one.committed = committed;
            }
        }
        Ok(found)
    }

    /// How far the processors of a sport are.
    fn committed(&self, sport: Sport, consumer: &BaseConsumer<Silent>) -> anyhow::Result<TopicPartitionList> {
        let feed = self.list(&[&self.topics.feed(sport)])?;
        let asked = consumer.committed_offsets(feed, CALL_WITHIN);
        asked.with_context(|| format!("asking how far the processors of {sport} are"))
    }

    /// The end of every partition, in one question: a time of -1 asks for the offset behind the last record.
    fn ends(&self) -> anyhow::Result<Vec<PartitionOffsets>> {
        let names: Vec<&str> = self.partitions.keys().map(String::as_str).collect();
        let mut list = self.list(&names)?;
        list.set_all_offsets(Offset::End).context("asking for the ends of the topics")?;
        let consumer = self.consumers.values().next().context("there are no sports")?;
        let ends =
            consumer.offsets_for_times(list, CALL_WITHIN).context("asking for the ends of the topics")?;
        let end_of = |element: TopicPartitionListElem| {
            // Without one of them a topic would seem to shrink, and to be flooded when it is heard of again.
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            let end =
                told(&element).with_context(|| format!("asking for the end of {topic}, {partition}"))?;
            let end = end.with_context(|| format!("{topic}, {partition} has no end"))?;
            Ok(PartitionOffsets { topic, partition, end, committed: None })
        };
        ends.elements().into_iter().map(end_of).collect()
    }

    fn list(&self, topics: &[&str]) -> anyhow::Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            if let Some(last) = self.partitions.get(*topic).and_then(|count| count.checked_sub(1)) {
                list.add_partition_range(topic, 0, last);
            }
        }
        Ok(list)
    }
}

/// The offset that was asked for, where there is one.
fn told(element: &TopicPartitionListElem) -> KafkaResult<Option<i64>> {
    element.error()?;
    Ok(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    #[test]
    fn topics_that_are_made_later_are_found() {
        let cluster = MockCluster::new(1).expect("a broker");
        let topics = Topics::default();
        for sport in Sport::ALL {
            cluster.create_topic(&topics.feed(sport), 1, 1).expect("a topic");
        }
        let later = topics.dead_letters();
        let mut asker = Asker::new(&cluster.bootstrap_servers(), topics).expect("clients");
        let mut ask =
            || -> Vec<String> { asker.ask().expect("an answer").into_iter().map(|one| one.topic).collect() };
        assert_eq!(ask().len(), Sport::ALL.len());
        cluster.create_topic(&later, 1, 1).expect("a topic");
        let found = (0..LOOK_EVERY).map(|_| ask()).last().expect("the last round");
        assert!(found.len() == Sport::ALL.len() + 1 && found.contains(&later), "{found:?}");
    }
}
