//! Kafka: how far each partition is written, and how far its processors have come.
//!
//! librdkafka's calls block, so one thread of its own makes them; it stops with its question's channel.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use domain::{Sport, Topics};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::MissedTickBehavior;

use super::{Finding, Sink};

/// How long one call may take: less than the whole answer, so that its error is heard.
const CALL_WITHIN: Duration = Duration::from_secs(1);

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

/// Asks every `interval`.
pub(super) async fn watch(brokers: String, topics: Topics, interval: Duration, sink: Sink) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asker = None;
    loop {
        ticks.tick().await;
        let ask = async {
            // One that is still at it after the deadline is left to end by itself, and the next question makes another.
            let asking = asker.take();
            let (brokers, topics) = (brokers.clone(), topics.clone());
            let asked = super::aside(move || {
                let mut asking = asking.map_or_else(|| Asker::new(&brokers, topics), Ok)?;
                let found = asking.ask()?;
                anyhow::Ok((asking, found))
            });
            let (asking, found) = asked.await?;
            asker = Some(asking);
            Ok(Finding::Offsets(found))
        };
        if sink.report(ask).await.is_err() {
            return;
        }
    }
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
        Ok(Self { topics, consumers, partitions: BTreeMap::new() })
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
        // A stack that is being started has none at first.
        if self.partitions.is_empty() {
            self.look()?;
        }
        if self.partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.ends()?;
        for (sport, consumer) in &self.consumers {
            let topic = self.topics.feed(*sport);
            let committed = consumer
                .committed_offsets(self.list(&[&topic])?, CALL_WITHIN)
                .with_context(|| format!("asking how far the processors of {sport} are"))?;
            for element in committed.elements() {
                let of = |one: &&mut PartitionOffsets| {
                    one.topic == element.topic() && one.partition == element.partition()
                };
                if let (Some(one), Offset::Offset(offset)) = (found.iter_mut().find(of), element.offset()) {
                    one.committed = Some(offset);
                }
            }
        }
        Ok(found)
    }

    /// The end of every partition, in one question: a time of -1 asks for the offset behind the last record.
    fn ends(&self) -> anyhow::Result<Vec<PartitionOffsets>> {
        let names: Vec<&str> = self.partitions.keys().map(String::as_str).collect();
        let mut list = self.list(&names)?;
        list.set_all_offsets(Offset::End).context("asking for the ends of the topics")?;
        let consumer = self.consumers.values().next().context("there are no sports")?;
        let ends =
            consumer.offsets_for_times(list, CALL_WITHIN).context("asking for the ends of the topics")?;
        let ends = ends.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(end) => Some(PartitionOffsets {
                topic: element.topic().to_owned(),
                partition: element.partition(),
                end,
                committed: None,
            }),
            _ => None,
        });
        Ok(ends.collect())
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
