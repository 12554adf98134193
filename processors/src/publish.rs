//! After COMMIT: the updates topic, and only then Redis and `published` (`cache.rs`). What is not acknowledged is done again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chassis::kafka::{Producer, Record};
use chassis::lifecycle::Shutdown;
use chassis::readiness::Latch;
use domain::{Sport, Timestamp, Topics};
use sqlx::MySqlPool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::store::load::{self, ImageFilter, Which};
use crate::store::offsets::OffsetRow;
use crate::store::rows::Writes;
use crate::store::{ANSWER_MAX, within};

mod adopt;
pub mod cache;
pub mod images;
mod records;
mod waiting;

use cache::{Cache, IMAGES_PAGE};
use images::{Images, Replace};
use records::Records;
use waiting::{Task, Waiting};

/// What the publisher is asked to do, in order.
#[derive(Debug)]
pub enum Job {
    /// Partitions were taken: publish what their former owner may have left.
    Adopt(Vec<(i32, OffsetRow)>),
    /// A batch was committed.
    Committed(Box<Writes>),
    /// These partitions are processed as their feed comes: whoever reads the updates is to know.
    Beat(Heartbeat),
    /// Say when everything before has been published.
    Flush(oneshot::Sender<()>),
    /// Partitions were given up.
    Release(Vec<i32>),
}

/// That these partitions are processed as their feed comes, which is true of the time at which it is said and of none after it.
#[derive(Debug)]
pub struct Heartbeat {
    /// Which.
    pub partitions: Vec<i32>,
    /// When it is said.
    pub at: Timestamp,
    /// The same, by the clock that nobody sets.
    pub said: Instant,
}

impl Heartbeat {
    /// Whether nobody would make anything of it any more.
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.said) > BEAT_MAX
    }
}

/// Publishes one sport's updates and dead letters.
pub struct Publisher {
    sport: Sport,
    records: Records,
    pool: MySqlPool,
    producer: Producer,
    /// Sends heartbeats, and gives them up soon: no update waits behind one.
    beats: Producer,
    /// The last heartbeats, until they are acknowledged or given up.
    beating: JoinSet<()>,
    owned: BTreeSet<i32>,
    /// What Kafka has, for Redis.
    waiting: Waiting,
    /// Says whether what is committed reaches Kafka.
    publishing: Latch,
    /// Whether the process ends with something unpublished: nothing that comes after it may be noted as published.
    gave_up: bool,
    /// Ends the wait for something that is away: the outbox keeps what is not published.
    shutdown: Shutdown,
}

/// After how long a heartbeat is not worth sending: the next one says more.
pub const BEAT_MAX: Duration = Duration::from_secs(1);
/// Heartbeats that are under way at once: a partition whose leader is away must not silence the others.
const BEATING_MAX: usize = 8;
/// Between attempts at something that is away.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// What a publisher sends with.
pub struct Producers {
    /// Updates and dead letters.
    pub updates: Producer,
    /// Heartbeats, which it gives up after [`BEAT_MAX`].
    pub beats: Producer,
}

impl Publisher {
    /// A publisher that owns no partition yet, and what keeps Redis behind it.
    pub fn new(
        sport: Sport,
        topics: &Topics,
        pool: MySqlPool,
        producers: Producers,
        images: Images,
        publishing: Latch,
        shutdown: Shutdown,
    ) -> (Self, Cache) {
        let waiting = Waiting::default();
        let cache = Cache::new(sport, pool.clone(), images, waiting.clone());
        let publisher = Self {
            sport,
            records: Records::of(sport, topics),
            pool,
            producer: producers.updates,
            beats: producers.beats,
            beating: JoinSet::new(),
            owned: BTreeSet::new(),
            waiting,
            publishing,
            gave_up: false,
            shutdown,
        };
        (publisher, cache)
    }

    /// Works until the queue closes and is empty. What waits in the queue is published together, so that it drains
    /// the faster the fuller it is.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Job>) -> anyhow::Result<()> {
        let together_max = queue.max_capacity();
        let mut jobs = Vec::with_capacity(together_max);
        while queue.recv_many(&mut jobs, together_max).await > 0 {
            self.work_off(&mut jobs).await;
        }
        self.waiting.close();
        Ok(())
    }

    async fn work_off(&mut self, jobs: &mut Vec<Job>) {
        let mut together = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            if let Job::Committed(writes) = job {
                together.push(*writes);
                continue;
            }
            self.publish(std::mem::take(&mut together)).await;
            match job {
                Job::Committed(_) => {}
                Job::Adopt(rows) => self.adopt(&rows).await,
                Job::Release(partitions) => {
                    self.owned.retain(|partition| !partitions.contains(partition));
                    self.waiting.push(Task::Release(partitions));
                }
                Job::Beat(heartbeat) => self.beat(&heartbeat),
                Job::Flush(done) => self.waiting.push(Task::Flush(done)),
            }
        }
        self.publish(together).await;
    }

    /// Publishes batches in the order in which they were committed.
    async fn publish(&mut self, batches: Vec<Writes>) {
        if batches.is_empty() || self.gave_up {
            return;
        }
        let mut records = Vec::new();
        for Writes { updates, dead_letters, .. } in &batches {
            records.extend(
                updates.iter().map(|u| self.records.update(u.partition, u.event_id.as_str(), &u.payload)),
            );
            records.extend(dead_letters.iter().flat_map(|letter| self.records.letter(letter)));
        }
        if !self.send(records).await {
            return;
        }
        for writes in batches {
            self.waiting.push(Task::Published(Box::new(writes)));
        }
    }

    /// One that does not arrive is not sent again: the next one says more. It is not waited for, since what was published before it
    /// is acknowledged, and what comes after it may overtake it.
    fn beat(&mut self, heartbeat: &Heartbeat) {
        while self.beating.try_join_next().is_some() {}
        if self.gave_up || self.beating.len() >= BEATING_MAX || heartbeat.is_old(Instant::now()) {
            return;
        }
        let owned = heartbeat.partitions.iter().filter(|partition| self.owned.contains(partition));
        let records = owned.map(|&partition| self.records.heartbeat(partition, heartbeat.at)).collect();
        let beats = self.beats.clone();
        self.beating.spawn(async move {
            if let Some(Err(error)) = beats.send_all(records).await.into_iter().find(Result::is_err) {
                tracing::debug!(%error, "a heartbeat is not acknowledged");
            }
        });
    }

    /// Sends until everything is acknowledged: what is committed must be published, however long Kafka is away. Only
    /// the end of the process ends it before; then it is false.
    async fn send(&mut self, mut records: Vec<Record>) -> bool {
        while !records.is_empty() {
            let answers = self.producer.send_all(records.clone()).await;
            let Some(first) = answers.iter().position(Result::is_err) else { break };
            if let Err(error) = &answers[first] {
                self.publishing.not_ready(format!("updates cannot be published: {error}"));
            }
            if self.shutdown.has_begun() {
                tracing::warn!(records = records.len() - first, "not published; the outbox keeps them");
                self.gave_up = true;
                return false;
            }
            // Order within a partition: from the first failure on, everything is sent again.
            records.drain(..first);
            tokio::time::sleep(RETRY_EVERY).await;
        }
        self.publishing.ready();
        true
    }
}

/// Writes images of one feed partition, a page at a time. Returns how many.
pub async fn warm_partition(
    pool: &MySqlPool,
    sport: Sport,
    images: &mut Images,
    partition: i32,
    which: Which,
    replace: Replace,
) -> anyhow::Result<usize> {
    let mut after = String::new();
    let mut written = 0;
    loop {
        let filter = ImageFilter::Partition { partition, which, after: &after, limit: IMAGES_PAGE };
        let page = within(ANSWER_MAX, load::images(pool, sport, filter)).await?;
        let Some(last) = page.last() else { return Ok(written) };
        after.clone_from(&last.event_id);
        images.replace(&page, replace).await?;
        written += page.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_that_waited_behind_something_is_not_said_any_more() {
        let said = Instant::now();
        let heartbeat = Heartbeat { partitions: vec![1], at: Timestamp(5), said };
        assert!(!heartbeat.is_old(said) && !heartbeat.is_old(said + BEAT_MAX));
        assert!(heartbeat.is_old(said + BEAT_MAX + Duration::from_micros(1)));
    }
}
