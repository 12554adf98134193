//! After COMMIT: Redis, then the updates topic, then `published`. What is not acknowledged is done again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chassis::kafka::{Producer, Record};
use chassis::lifecycle::Shutdown;
use chassis::readiness::Latch;
use domain::{EventId, Sport, Topics};
use sqlx::MySqlPool;
use tokio::sync::{mpsc, oneshot};

use crate::metrics;
use crate::store::load::{self, ImageFilter, Which};
use crate::store::offsets::{self, OffsetRow};
use crate::store::outbox;
use crate::store::rows::{EventRows, Writes};
use crate::store::{ANSWER_MAX, within};

mod adopt;
pub mod images;
mod records;

use images::{Images, Replace};
use records::Records;

/// What the publisher is asked to do, in order.
#[derive(Debug)]
pub enum Job {
    /// Partitions were taken: publish what their former owner may have left.
    Adopt(Vec<(i32, OffsetRow)>),
    /// A batch was committed.
    Committed(Box<Writes>),
    /// These partitions are processed as their feed comes: whoever reads the updates is to know.
    Beat(Vec<i32>),
    /// Say when everything before has been published.
    Flush(oneshot::Sender<()>),
    /// Partitions were given up.
    Release(Vec<i32>),
}

/// How far a partition's outbox has come.
#[derive(Debug, Clone, Copy)]
struct Outbox {
    generation: i64,
    /// The highest number that the updates topic has acknowledged.
    sent: i64,
    /// The highest number noted in the database as published.
    published: i64,
}

/// Publishes one sport's updates and dead letters.
pub struct Publisher {
    sport: Sport,
    records: Records,
    pool: MySqlPool,
    producer: Producer,
    images: Images,
    outboxes: BTreeMap<i32, Outbox>,
    /// Whether every image of the owned partitions is in Redis.
    warm: bool,
    look_at_redis: Instant,
    noted_at: Instant,
    /// Says whether what is committed reaches Kafka.
    publishing: Latch,
    /// Whether the process ends with something unpublished: nothing that comes after it may be noted as published.
    gave_up: bool,
    /// Ends the wait for something that is away: the outbox keeps what is not published.
    shutdown: Shutdown,
}

/// How often the database is told what is published: that is a durable write of its own, and all it saves is that a
/// successor publishes this much again.
const NOTE_EVERY: Duration = Duration::from_millis(100);
/// How often Redis is asked whether it is still the one that was filled.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a Redis that was silent is left alone, at most.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(20);
/// Images read and written at once.
const IMAGES_PAGE: u32 = 200;
/// Between attempts at something that is away.
const RETRY_EVERY: Duration = Duration::from_millis(200);

impl Publisher {
    /// A publisher that owns no partition yet.
    pub fn new(
        sport: Sport,
        topics: &Topics,
        pool: MySqlPool,
        producer: Producer,
        images: Images,
        publishing: Latch,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            sport,
            records: Records::of(sport, topics),
            pool,
            producer,
            images,
            outboxes: BTreeMap::new(),
            warm: false,
            look_at_redis: Instant::now(),
            noted_at: Instant::now(),
            publishing,
            gave_up: false,
            shutdown,
        }
    }

    /// Works until the queue closes and is empty. What waits in the queue is published together, so that it drains
    /// the faster the fuller it is.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Job>) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(NOTE_EVERY);
        let together_max = queue.max_capacity();
        let mut jobs = Vec::with_capacity(together_max);
        loop {
            let received = tokio::select! {
                biased;
                received = queue.recv_many(&mut jobs, together_max) => received,
                _ = tick.tick() => {
                    self.look_after_redis_now_and_then().await;
                    self.note_published().await;
                    continue;
                }
            };
            if received == 0 {
                break;
            }
            self.work_off(&mut jobs).await;
        }
        self.note_published().await;
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
                    self.outboxes.retain(|partition, _| !partitions.contains(partition))
                }
                Job::Beat(partitions) => self.beat(&partitions).await,
                Job::Flush(done) => {
                    self.note_published().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
        self.publish(together).await;
    }

    /// Publishes batches in the order in which they were committed.
    async fn publish(&mut self, batches: Vec<Writes>) {
        if batches.is_empty() || self.gave_up {
            return;
        }
        self.look_after_redis_now_and_then().await;
        if self.warm {
            self.write_images(&batches).await;
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
        for advance in batches.iter().flat_map(|writes| &writes.advances) {
            if let Some(outbox) = self.outboxes.get_mut(&advance.partition) {
                outbox.sent = outbox.sent.max(advance.number_after - 1);
            }
        }
        if self.noted_at.elapsed() >= NOTE_EVERY {
            self.note_published().await;
        }
    }

    /// One that does not arrive is not sent again: the next one says more.
    async fn beat(&self, partitions: &[i32]) {
        if self.gave_up {
            return;
        }
        let owned = partitions.iter().filter(|partition| self.outboxes.contains_key(partition));
        let records = owned.map(|&partition| self.records.heartbeat(partition)).collect();
        if let Some(Err(error)) = self.producer.send_all(records).await.into_iter().find(Result::is_err) {
            tracing::debug!(%error, "a heartbeat is not acknowledged");
        }
    }

    async fn write_images(&mut self, batches: &[Writes]) {
        let events: Vec<&EventRows> = batches.iter().flat_map(|writes| &writes.events).collect();
        let misfits = match self.images.write(&events).await {
            Ok(misfits) => misfits,
            Err(error) => return self.redis_failed(&error),
        };
        if misfits.is_empty() {
            return;
        }
        let ids: Vec<EventId> = misfits.iter().map(|&index| events[index].event_id.clone()).collect();
        self.rewrite_images(&ids).await;
    }

    /// Writes whole images, as MySQL has them.
    async fn rewrite_images(&mut self, ids: &[EventId]) {
        metrics::images_rewritten(ids.len());
        for ids in ids.chunks(IMAGES_PAGE as usize) {
            let images = load::images(&self.pool, self.sport, ImageFilter::Ids(ids));
            match within(ANSWER_MAX, images).await {
                Ok(images) => {
                    if let Err(error) = self.images.replace(&images, Replace::Older).await {
                        return self.redis_failed(&error);
                    }
                }
                Err(error) => {
                    // The images stay behind until the next look writes them.
                    tracing::warn!(%error, "cannot read images for redis");
                    self.warm = false;
                }
            }
        }
    }

    fn redis_failed(&mut self, error: &redis::RedisError) {
        if self.warm {
            tracing::warn!(%error, "redis is away; updates go on without it");
        }
        metrics::redis_up(false);
        self.warm = false;
    }

    async fn look_after_redis_now_and_then(&mut self) {
        let began = Instant::now();
        if began < self.look_at_redis {
            return;
        }
        self.look_after_redis().await;
        // One that is silent, not dead, costs as long as it may take to answer: no more than a tenth of the time.
        let pause =
            if self.warm { LOOK_EVERY } else { (began.elapsed() * 10).clamp(LOOK_EVERY, LOOK_AGAIN_MAX) };
        self.look_at_redis = Instant::now() + pause;
    }

    /// Asks Redis whether it still is the one that was filled, and fills it where it is not.
    async fn look_after_redis(&mut self) {
        let partitions: Vec<i32> = self.outboxes.keys().copied().collect();
        for partition in partitions {
            match self.images.is_warm(partition).await {
                Ok(true) if self.warm => {}
                // What was not written while Redis was away is missing although the mark is there.
                Ok(_) => {
                    if let Err(error) = self.warm_up(partition).await {
                        tracing::warn!(partition, error = format!("{error:#}"), "cannot fill redis");
                        metrics::redis_up(false);
                        self.warm = false;
                        return;
                    }
                }
                Err(error) => return self.redis_failed(&error),
            }
        }
        metrics::redis_up(true);
        self.warm = true;
    }

    async fn warm_up(&mut self, partition: i32) -> anyhow::Result<()> {
        let (pool, images) = (&self.pool, &mut self.images);
        let written =
            warm_partition(pool, self.sport, images, partition, Which::Current, Replace::Older).await?;
        self.write_unpublished(partition).await?;
        self.images.mark_warm(partition).await?;
        tracing::info!(partition, images = written, "redis filled");
        Ok(())
    }

    /// Writes the images of the events whose updates may never have reached Redis, however old they are.
    async fn write_unpublished(&mut self, partition: i32) -> anyhow::Result<()> {
        let Some(published) = self.outboxes.get(&partition).map(|outbox| outbox.published) else {
            return Ok(());
        };
        let ids = within(ANSWER_MAX, outbox::events(&self.pool, self.sport, partition, published)).await?;
        for ids in ids.chunks(IMAGES_PAGE as usize) {
            let images = load::images(&self.pool, self.sport, ImageFilter::Ids(ids));
            let images = within(ANSWER_MAX, images).await?;
            self.images.replace(&images, Replace::Older).await?;
        }
        Ok(())
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

    async fn note_published(&mut self) {
        self.noted_at = Instant::now();
        if !self.warm {
            return;
        }
        for (&partition, outbox) in &mut self.outboxes {
            if outbox.sent <= outbox.published {
                continue;
            }
            let Outbox { generation, sent, .. } = *outbox;
            let noted = offsets::published(&self.pool, self.sport, partition, generation, sent);
            match within(ANSWER_MAX, noted).await {
                Ok(()) => outbox.published = outbox.sent,
                Err(error) => return tracing::warn!(partition, %error, "cannot note what is published"),
            }
        }
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
