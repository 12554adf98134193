//! Redis, and what the database is told to be published: both behind Kafka, so that no update waits for either.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use domain::{EventId, Sport};
use sqlx::MySqlPool;

use super::images::{Images, Replace};
use super::waiting::{LeftOut, Task, Waiting};
use super::warm_partition;
use crate::metrics;
use crate::store::load::{self, ImageFilter, Which};
use crate::store::offsets::{self, OffsetRow};
use crate::store::outbox;
use crate::store::rows::{Advance, EventRows, Writes};
use crate::store::{ANSWER_MAX, within};

/// How often the database is told what is published: that is a durable write of its own, and all it saves is that a
/// successor publishes this much again.
const NOTE_EVERY: Duration = Duration::from_millis(100);
/// How often Redis is asked whether it is still the one that was filled.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a Redis that was silent is left alone, at most.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(20);
/// Images read and written at once.
pub(super) const IMAGES_PAGE: u32 = 200;

/// How far a partition's outbox has come.
#[derive(Debug, Clone, Copy)]
struct Outbox {
    generation: i64,
    /// The highest number that the updates topic has acknowledged.
    sent: i64,
    /// The highest number noted in the database as published.
    published: i64,
}

/// Keeps one sport's images, and notes what is published.
pub struct Cache {
    sport: Sport,
    pool: MySqlPool,
    images: Images,
    waiting: Waiting,
    outboxes: BTreeMap<i32, Outbox>,
    /// Whether every image of the owned partitions is in Redis.
    warm: bool,
    look_at_redis: Instant,
}

impl Cache {
    pub(super) fn new(sport: Sport, pool: MySqlPool, images: Images, waiting: Waiting) -> Self {
        let (outboxes, look_at_redis) = (BTreeMap::new(), Instant::now());
        Self { sport, pool, images, waiting, outboxes, warm: false, look_at_redis }
    }

    /// Works until nothing more comes.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut notes = tokio::time::interval(NOTE_EVERY);
        notes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = notes.tick() => {
                    self.look_after_redis_now_and_then().await;
                    self.note_published().await;
                }
                tasks = self.waiting.take() => match tasks {
                    Some(tasks) => self.work_off(tasks).await,
                    None => break,
                },
            }
        }
        self.note_published().await;
        Ok(())
    }

    async fn work_off(&mut self, tasks: VecDeque<Task>) {
        let mut together = Vec::new();
        for task in tasks {
            if let Task::Published(writes) = task {
                together.push(*writes);
                continue;
            }
            self.take_in(std::mem::take(&mut together)).await;
            match task {
                Task::Published(_) => {}
                Task::Adopt(partition, row) => self.adopt(partition, &row).await,
                Task::LeftOut(left_out) => self.catch_up(left_out).await,
                Task::Release(partitions) => {
                    self.outboxes.retain(|partition, _| !partitions.contains(partition))
                }
                Task::Flush(done) => {
                    self.note_published().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
        self.take_in(together).await;
    }

    async fn take_in(&mut self, batches: Vec<Writes>) {
        if self.warm && !batches.is_empty() {
            self.write_images(&batches).await;
        }
        batches.iter().for_each(|writes| self.is_sent(&writes.advances));
    }

    async fn catch_up(&mut self, LeftOut { events, advances }: LeftOut) {
        match events {
            Some(events) if self.warm => {
                self.rewrite_images(&events.into_iter().collect::<Vec<EventId>>()).await;
            }
            _ => self.warm = false,
        }
        self.is_sent(&advances);
    }

    fn is_sent(&mut self, advances: &[Advance]) {
        for advance in advances {
            if let Some(outbox) = self.outboxes.get_mut(&advance.partition) {
                outbox.sent = outbox.sent.max(advance.number_after - 1);
            }
        }
    }

    async fn adopt(&mut self, partition: i32, row: &OffsetRow) {
        let OffsetRow { generation, next_number, published, .. } = *row;
        self.outboxes.insert(partition, Outbox { generation, sent: next_number - 1, published });
        // The former owner may have died between COMMIT and Redis.
        if self.warm
            && let Err(error) = self.write_unpublished(partition).await
        {
            tracing::warn!(partition, error = format!("{error:#}"), "redis is behind");
            self.warm = false;
        }
        self.look_after_redis().await;
        self.note_published().await;
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
        if Instant::now() >= self.look_at_redis {
            self.look_after_redis().await;
        }
    }

    /// Asks Redis whether it still is the one that was filled, and fills it where it is not.
    async fn look_after_redis(&mut self) {
        let began = Instant::now();
        self.warm = self.is_filled().await;
        metrics::redis_up(self.warm);
        // One that is silent, not dead, costs as long as it may take to answer: no more than a tenth of the time.
        let pause =
            if self.warm { LOOK_EVERY } else { (began.elapsed() * 10).clamp(LOOK_EVERY, LOOK_AGAIN_MAX) };
        self.look_at_redis = Instant::now() + pause;
    }

    async fn is_filled(&mut self) -> bool {
        let partitions: Vec<i32> = self.outboxes.keys().copied().collect();
        for partition in partitions {
            match self.images.is_warm(partition).await {
                Ok(true) if self.warm => {}
                // What was not written while Redis was away is missing although the mark is there.
                Ok(_) => {
                    if let Err(error) = self.warm_up(partition).await {
                        tracing::warn!(partition, error = format!("{error:#}"), "cannot fill redis");
                        return false;
                    }
                }
                Err(error) => {
                    self.redis_failed(&error);
                    return false;
                }
            }
        }
        true
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

    async fn note_published(&mut self) {
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
