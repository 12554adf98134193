//! A member of a consumer group that is polled from one thread and starts where its owner says.
//!
//! Kafka's own committed offsets are for lag tools only: the owner's database knows what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::assignment::{Assignments, Change, Start};
use super::batch::{Batch, Filling};
use super::brokers::{self, Brokers};
use super::metadata;
use super::{ANSWER_WITHIN, PlainContext, client_config, fetch_config};

mod group;
mod trouble;

use group::GroupContext;
pub(super) use trouble::Trouble;
pub use trouble::{ConsumeError, OutOfRange};

/// How long [`Consumer::close`] waits for the group to take the partitions back.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// How a member of a consumer group behaves.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// Bootstrap servers, separated by commas.
    pub brokers: String,
    /// The name under which brokers know this client.
    pub client_id: String,
    /// The group that shares the topic's partitions.
    pub group: String,
    /// The one topic that is read.
    pub topic: String,
    /// Silence after which the group takes a member for dead. 6 seconds.
    pub session_timeout: Duration,
    /// How often a member says that it lives. 2 seconds.
    pub heartbeat: Duration,
    /// The longest time between two polls; a member that takes longer loses its partitions. 30 seconds.
    pub max_poll_interval: Duration,
    /// Bytes fetched ahead of the polls. 32 MiB.
    pub prefetch_bytes: usize,
}

impl ConsumerSettings {
    /// The values that each field's description names.
    pub fn new(
        brokers: impl Into<String>,
        client_id: impl Into<String>,
        group: impl Into<String>,
        topic: impl Into<String>,
    ) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: client_id.into(),
            group: group.into(),
            topic: topic.into(),
            session_timeout: Duration::from_secs(6),
            heartbeat: Duration::from_secs(2),
            max_poll_interval: Duration::from_secs(30),
            prefetch_bytes: 32 << 20,
        }
    }
}

/// How much one poll may take, and how long it may wait for the first message.
#[derive(Clone, Copy, Debug)]
pub struct PollLimits {
    /// Messages at most.
    pub messages: usize,
    /// Bytes of keys and payloads after which no further message is taken.
    pub bytes: usize,
    /// How long to wait while there is no message at all.
    pub wait: Duration,
}

/// A member of a consumer group. Not for sharing: polls, hooks and commits happen on the thread that owns it.
pub struct Consumer {
    settings: ConsumerSettings,
    inner: BaseConsumer<GroupContext>,
    topic: Arc<str>,
    assigned: Vec<i32>,
    /// The offset to read next, per partition, where it is known.
    next: BTreeMap<i32, i64>,
    /// Partitions that were reported as out of range already.
    out_of_range: BTreeSet<i32>,
    /// Found while messages were in hand; answered by the next poll.
    deferred: Option<ConsumeError>,
    last_batch: (usize, usize),
}

impl Consumer {
    /// Joins the group in the background; this succeeds while Kafka is away.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(settings: &ConsumerSettings) -> KafkaResult<Self> {
        Ok(Self {
            settings: settings.clone(),
            inner: join(settings)?,
            topic: settings.topic.as_str().into(),
            assigned: Vec::new(),
            next: BTreeMap::new(),
            out_of_range: BTreeSet::new(),
            deferred: None,
            last_batch: (0, 0),
        })
    }

    /// Takes what is there, within `limits`: one message when they come one by one, many when there is a
    /// backlog. Empty when nothing came in time. Changes of the assignment are handled here, through `owner`.
    ///
    /// # Errors
    /// See [`ConsumeError`]; messages already in hand are answered first and the error by the next call. What
    /// passes by itself, a broker that is away for one, is logged and counted, not an error.
    pub fn poll_batch(
        &mut self,
        limits: PollLimits,
        owner: &mut impl Assignments,
    ) -> Result<Batch, ConsumeError> {
        if let Some(error) = self.deferred.take() {
            return Err(error);
        }
        self.replace_if_lost(owner)?;
        let deadline = Instant::now() + limits.wait;
        let mut filling = Filling::like(self.last_batch.0, self.last_batch.1);
        loop {
            self.handle_changes(owner)?;
            let wait = match filling.is_empty() {
                true => whole_millis(deadline.saturating_duration_since(Instant::now())),
                false => Duration::ZERO,
            };
            match self.inner.poll(wait) {
                Some(Ok(message)) => filling.push(&self.topic, &message),
                Some(Err(error)) => self.deferred = self.judge(error),
                None if self.inner.context().has_changes() && filling.is_empty() => continue,
                None if !filling.is_empty() || Instant::now() >= deadline => break,
                None => continue,
            }
            let full = filling.len() >= limits.messages || filling.size_bytes() >= limits.bytes;
            if full || self.deferred.is_some() || self.inner.context().has_changes() && !filling.is_empty() {
                break;
            }
        }
        self.finish(filling)
    }

    fn finish(&mut self, filling: Filling) -> Result<Batch, ConsumeError> {
        if filling.is_empty() {
            return self.deferred.take().map_or_else(|| Ok(Batch::default()), Err);
        }
        let batch = filling.finish();
        self.last_batch = (batch.len(), batch.size_bytes());
        for message in batch.iter() {
            self.next.insert(message.partition(), message.offset() + 1);
        }
        metrics::counter!("matchday_kafka_consumed_total").increment(batch.len() as u64);
        metrics::histogram!("matchday_kafka_batch_messages").record(batch.len() as f64);
        Ok(batch)
    }

    /// Leaves the group and joins it again, so that every partition is asked for anew.
    ///
    /// # Errors
    /// When librdkafka refuses the subscription.
    pub fn rejoin(&mut self) -> Result<(), ConsumeError> {
        tracing::info!(topic = %self.topic, "rejoining the group");
        self.inner.unsubscribe();
        self.inner.subscribe(&[&self.topic])?;
        Ok(())
    }

    /// The partitions that are ours now.
    pub fn assigned(&self) -> &[i32] {
        &self.assigned
    }

    /// Tells Kafka, for lag tools, which offset comes next in each partition. Does not wait; a commit that fails
    /// is logged.
    ///
    /// # Errors
    /// When librdkafka does not take the request.
    pub fn commit(&self, next_offsets: &[(i32, i64)]) -> Result<(), ConsumeError> {
        let mut list = TopicPartitionList::with_capacity(next_offsets.len());
        for &(partition, offset) in next_offsets {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))?;
        }
        Ok(self.inner.commit(&list, CommitMode::Async)?)
    }

    /// The cluster's id; none while no broker answers within 5 seconds.
    pub fn cluster_id(&self) -> Option<String> {
        self.asking().ok()?.inner().fetch_cluster_id(ANSWER_WITHIN)
    }

    /// For a question, beside the client that reads: on its connection an answer would wait until a fetch has found something or
    /// given up, for each partition anew.
    fn asking(&self) -> KafkaResult<AdminClient<PlainContext>> {
        let config = client_config(&self.settings.brokers, &self.settings.client_id);
        AdminClient::from_config_and_context(&config, PlainContext)
    }

    /// A client that knows no broker any more has lost its partitions, too: the group will have taken it for dead.
    fn replace_if_lost(&mut self, owner: &mut impl Assignments) -> Result<(), ConsumeError> {
        if !self.inner.context().brokers.are_lost() {
            return Ok(());
        }
        self.handle(Change::Lost(self.assigned.clone()), owner)?;
        let old = std::mem::replace(&mut self.inner, join(&self.settings)?);
        brokers::note_replaced("consumer");
        old.context().close();
        // Its farewell waits for those whom it cannot ask.
        std::thread::spawn(move || drop(old));
        Ok(())
    }

    /// Gives the partitions back, through `owner`, and leaves the group. Call it with no batch in hand.
    pub fn close(mut self, owner: &mut impl Assignments) {
        self.inner.unsubscribe();
        let deadline = Instant::now() + CLOSE_WITHIN;
        while !self.assigned.is_empty() && Instant::now() < deadline {
            // Messages that arrive now were not handled and will be read by whoever comes next.
            drop(self.inner.poll(Duration::from_millis(20)));
            if let Err(error) = self.handle_changes(owner) {
                tracing::warn!(%error, "while leaving the group");
            }
        }
        if !self.assigned.is_empty() {
            owner.revoked(&self.assigned);
        }
    }

    fn handle_changes(&mut self, owner: &mut impl Assignments) -> Result<(), ConsumeError> {
        while let Some(change) = self.inner.context().next_change() {
            self.handle(change, owner)?;
        }
        Ok(())
    }

    fn handle(&mut self, change: Change, owner: &mut impl Assignments) -> Result<(), ConsumeError> {
        tracing::info!(topic = %self.topic, ?change, "assignment");
        self.assigned.clear();
        self.next.clear();
        self.out_of_range.clear();
        match change {
            Change::Assigned(partitions) => {
                let starts = owner.assigned(&partitions);
                // The group waits for this call, also where there is nothing to read.
                self.assign(starts.as_deref().unwrap_or_default())?;
                self.assigned = partitions;
                starts.map_err(ConsumeError::NotStarted)?;
            }
            Change::Revoked(partitions) => {
                owner.revoked(&partitions);
                self.inner.unassign()?;
            }
            Change::Lost(partitions) => {
                tracing::warn!(topic = %self.topic, ?partitions, "partitions lost");
                owner.lost(&partitions);
                self.inner.unassign()?;
            }
        }
        Ok(())
    }

    fn assign(&mut self, starts: &[(i32, Start)]) -> Result<(), ConsumeError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for &(partition, start) in starts {
            list.add_partition_offset(&self.topic, partition, start.into())?;
            if let Start::At(offset) = start {
                self.next.insert(partition, offset);
            }
        }
        Ok(self.inner.assign(&list)?)
    }

    /// Turns a poll's error into ours, or into a log line where it passes by itself.
    fn judge(&mut self, error: KafkaError) -> Option<ConsumeError> {
        match Trouble::of(&error) {
            Trouble::Passing => None,
            Trouble::Fatal => Some(ConsumeError::Fatal(error)),
            Trouble::OutOfRange => self.find_out_of_range(),
        }
    }

    /// librdkafka says that some offset is out of range, but not which: compares all of them with the brokers'. Where all of
    /// them are within, it is one that was to be read before the last assignment.
    fn find_out_of_range(&mut self) -> Option<ConsumeError> {
        let (mut found, mut is_unanswered) = (Vec::new(), false);
        let asking = self.asking();
        for (&partition, &wanted) in &self.next {
            let asked = asking.as_ref().map(AdminClient::inner);
            let answer =
                asked.ok().map(|asked| metadata::watermarks(asked, &self.topic, partition, ANSWER_WITHIN));
            let Some(Ok(watermarks)) = answer else {
                is_unanswered = true;
                continue;
            };
            if !watermarks.admit(wanted) && !self.out_of_range.contains(&partition) {
                found.push(OutOfRange { partition, wanted, watermarks });
            }
        }
        let is_news = !found.is_empty() || is_unanswered && self.out_of_range.is_empty();
        self.out_of_range.extend(found.iter().map(|found| found.partition));
        is_news.then_some(ConsumeError::OffsetOutOfRange(found))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // The base consumer's own drop goes on polling until the group let go.
        self.inner.context().close();
    }
}

/// Rounded up: a poll waits in whole milliseconds, and spends what is left of its last one asking again and again.
fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}

fn join(settings: &ConsumerSettings) -> KafkaResult<BaseConsumer<GroupContext>> {
    let mut config = fetch_config(&settings.brokers, &settings.client_id, settings.prefetch_bytes);
    Brokers::ask(&mut config);
    config
        .set("group.id", &settings.group)
        // The classic protocol lets a member say itself where it starts, and its timeouts are the client's.
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", settings.session_timeout.as_millis().to_string())
        .set("heartbeat.interval.ms", settings.heartbeat.as_millis().to_string())
        .set("max.poll.interval.ms", settings.max_poll_interval.as_millis().to_string());
    let consumer = BaseConsumer::from_config_and_context(&config, GroupContext::default())?;
    consumer.subscribe(&[&settings.topic])?;
    Ok(consumer)
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::*;

    #[derive(Default)]
    struct Owner {
        assigned: usize,
        lost: Vec<i32>,
    }

    impl Assignments for Owner {
        fn assigned(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<(i32, Start)>> {
            self.assigned += 1;
            Ok(partitions.iter().map(|&partition| (partition, Start::At(0))).collect())
        }

        fn revoked(&mut self, _: &[i32]) {}

        fn lost(&mut self, partitions: &[i32]) {
            self.lost.extend(partitions);
        }
    }

    #[test]
    fn a_member_that_twice_hears_of_no_broker_is_replaced_and_gets_its_partitions_again() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        cluster.create_topic("things", 2, 1).unwrap();
        let settings = ConsumerSettings::new(cluster.bootstrap_servers(), "test", "group", "things");
        let mut consumer = Consumer::new(&settings).unwrap();
        let limits = PollLimits { messages: 10, bytes: 1_000, wait: Duration::from_millis(50) };
        let (mut owner, deadline) = (Owner::default(), Instant::now() + Duration::from_secs(60));
        let until_assigned = |consumer: &mut Consumer, owner: &mut Owner, times: usize| {
            while owner.assigned < times {
                assert!(Instant::now() < deadline, "nothing was assigned");
                consumer.poll_batch(limits, owner).unwrap();
            }
        };
        until_assigned(&mut consumer, &mut owner, 1);
        let known = &consumer.inner.context().brokers;
        known.hear(b"{}");
        known.hear(b"{}");
        until_assigned(&mut consumer, &mut owner, 2);
        assert_eq!((owner.lost.as_slice(), consumer.assigned()), (&[0, 1][..], &[0, 1][..]));
        consumer.close(&mut owner);
    }
}
