//! How a processor comes by its partitions and loses them: taken in the database, begun where that says, given back when
//! everything is published.

use std::collections::HashMap;

use anyhow::Context;
use chassis::kafka::{Assignments, ConsumeError, Start};
use domain::EventId;
use tokio::sync::oneshot;

use super::{FLUSH_MAX, Parts, Processor, now};
use crate::batch::{OwnedPartition, WorkingEvent};
use crate::metrics;
use crate::publish::Job;
use crate::store::rows::WatchedRow;
use crate::store::{ANSWER_MAX, days, load, offsets, producers};

impl Processor {
    /// Whether the group has said which partitions are ours and Kafka has not yet been asked whether it has them from
    /// where the database is.
    pub fn is_unchecked(&self) -> bool {
        self.is_assigned && !self.parts.partitions.is_ready()
    }

    /// What Kafka says of the offsets at which the database is: `outside` in words, where it does not have them.
    pub fn offsets_checked(&self, outside: &[String]) {
        if !self.is_assigned {
            return;
        }
        match outside {
            [] => self.parts.partitions.ready(),
            _ => self
                .parts
                .partitions
                .not_ready(format!("offsets are outside their partitions: {}", outside.join("; "))),
        }
    }

    /// The feed cannot be read from where the database says: unready until it can, and nothing is skipped.
    pub fn stand_still(&self, error: &ConsumeError) {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause {
            reason = format!("{reason}: {deeper}");
            cause = deeper.source();
        }
        self.parts.partitions.not_ready(reason);
    }

    fn release(&mut self, partitions: &[i32]) {
        self.give_up_partitions(partitions);
        if let Err(error) = self.tell_publisher(Job::Release(partitions.to_vec())) {
            // What it goes on to publish for them is a repetition, and what it notes is fenced by the generation.
            tracing::warn!(?partitions, error = format!("{error:#}"), "the publisher was not told");
        }
    }

    /// Within a rebalance the group waits for us, so a publisher that is held up by Kafka is not waited for long.
    fn tell_publisher(&self, job: Job) -> anyhow::Result<()> {
        let send = async { tokio::time::timeout(FLUSH_MAX, self.parts.jobs.send(job)).await };
        self.parts
            .runtime
            .block_on(send)
            .context("its queue is full")?
            .map_err(|_| anyhow::anyhow!("it has stopped"))
    }

    pub(super) fn give_up_partitions(&mut self, partitions: &[i32]) {
        self.is_assigned = false;
        self.owned.retain(|partition, _| !partitions.contains(partition));
        // Its next owner measures it from now on.
        partitions.iter().for_each(|&partition| metrics::lag(partition, 0));
        self.heard_until.retain(|partition, _| !partitions.contains(partition));
        self.events.forget(|partition| partitions.contains(&partition));
        self.producers.forget(|partition| partitions.contains(&partition));
        self.parts
            .partitions
            .not_ready(format!("{} partitions owned, others were given up", self.owned.len()));
        metrics::holds(self.events.len(), self.events.held(), self.owned.len());
    }

    async fn take_all(&self, partitions: &[i32]) -> anyhow::Result<Taken> {
        let Parts { pool, sport, cluster_id, .. } = &self.parts;
        let mut rows = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            let row = offsets::take(pool, *sport, partition, cluster_id).await;
            rows.push((partition, row.context("the partition cannot be taken")?));
        }
        let producers = producers::watched(pool, *sport, partitions).await?;
        let waiting = load::waiting_events(pool, *sport, partitions).await?;
        let mut events = HashMap::with_capacity(waiting.len());
        for (&partition, ids) in &waiting {
            for (id, event) in load::events(pool, *sport, ids).await? {
                let first_seen_day = event.first_seen_day.unwrap_or_else(|| days::day_of(now()).to_string());
                events.insert(
                    id,
                    WorkingEvent { intake: event.intake, partition, first_seen_day, odds_at: now() },
                );
            }
        }
        Ok(Taken { rows, events, producers })
    }
}

/// What the database knows of partitions just taken.
struct Taken {
    rows: Vec<(i32, offsets::OffsetRow)>,
    /// Events for which messages wait: their deadlines go on running.
    events: HashMap<EventId, WorkingEvent>,
    /// Which producers are trusted, and how many events have heard of it.
    producers: Vec<WatchedRow>,
}

impl Assignments for Processor {
    fn assigned(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<(i32, Start)>> {
        let take = async { tokio::time::timeout(ANSWER_MAX, self.take_all(partitions)).await? };
        let taken = self.parts.runtime.block_on(take).inspect_err(|error: &anyhow::Error| {
            self.parts.partitions.not_ready(format!("{error:#}"));
        })?;
        let mut starts = Vec::with_capacity(taken.rows.len());
        for (partition, row) in &taken.rows {
            let offsets::OffsetRow { generation, next_offset, next_number, .. } = *row;
            starts.push((*partition, Start::At(next_offset)));
            tracing::info!(partition, generation, next_offset, "partition taken");
            self.owned.insert(*partition, OwnedPartition { generation, next_offset, next_number });
        }
        self.events.put_back(taken.events);
        self.producers.adopt(taken.producers);
        self.tell_publisher(Job::Adopt(taken.rows)).context("the publisher cannot take partitions over")?;
        self.parts.partitions.not_ready("the offsets have not been compared with Kafka's yet");
        self.is_assigned = true;
        metrics::holds(self.events.len(), self.events.held(), self.owned.len());
        Ok(starts)
    }

    fn revoked(&mut self, partitions: &[i32]) {
        tracing::info!(?partitions, "partitions given back");
        let (done, flushed) = oneshot::channel();
        let flush = async {
            self.parts.jobs.send(Job::Flush(done)).await?;
            anyhow::Ok(flushed.await?)
        };
        let flush = async { tokio::time::timeout(FLUSH_MAX, flush).await? };
        if self.parts.runtime.block_on(flush).is_err() {
            tracing::warn!(?partitions, "not all is published yet; the next owner publishes what is left");
        }
        self.release(partitions);
    }

    fn lost(&mut self, partitions: &[i32]) {
        tracing::error!(
            ?partitions,
            "partitions lost: this process was silent for too long, or knew no broker any more"
        );
        self.release(partitions);
    }
}
