//! Reads all updates topics into the hub: notes where they end, loads images, then applies from there on.
//!
//! What is loaded and what is read overlap; each event's version guard makes that harmless.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{
    Batch, PartitionReader, Producer, ProducerSettings, ReadEvent, ReaderSettings, keep_reading,
};
use chassis::lifecycle::Process;
use chassis::readiness::Latch;
use domain::{Sport, Timestamp, Topics};
use serde::Deserialize;
use tokio::time::Instant;

use crate::backlog::Progress;
use crate::clock::now;
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;

/// The name under which brokers know this service.
pub const CLIENT_ID: &str = "matchday-distribution";
/// How often the brokers are asked whether they have the topics.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long processors are waited for that have been at work before.
const HEARTBEATS_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether that is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Updates applied before others get the processor.
const STRIDE: usize = 128;

/// Whether the hub is up to date. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CaughtUp(Arc<AtomicBool>);

impl CaughtUp {
    /// Whether it is.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes whether it is.
    pub fn set(&self, caught_up: bool) {
        self.0.store(caught_up, Ordering::Release);
    }
}

/// The updates topics, each with its sport.
pub type Names = [(Sport, String); Sport::ALL.len()];

/// What is kept up to date by reading.
#[derive(Clone)]
pub struct Reading {
    /// The events.
    pub hub: Arc<Hub>,
    /// Who processes them.
    pub heartbeats: Arc<Heartbeats>,
    /// How far that has come.
    pub progress: Progress,
    /// Whether hub and heartbeats are up to date.
    pub caught_up: CaughtUp,
}

/// Keeps a readiness check true to whether Kafka has the updates topics, until the process stops: a reader that hears
/// nothing cannot tell a quiet Kafka from one that is away.
pub async fn watch(brokers: String, topics: Topics, process: Process) -> anyhow::Result<()> {
    let latch = process.readiness.latch("kafka", "connecting");
    // It never sends: a producer is the client that can be asked for topics without reading any.
    let asking = Producer::new(ProducerSettings::new(brokers, CLIENT_ID))?;
    asking.watch(latch, read(&topics).to_vec(), WATCH_EVERY, process.shutdown.clone()).await;
    Ok(())
}

fn read(topics: &Topics) -> [String; Sport::ALL.len()] {
    Sport::ALL.map(|sport| topics.updates(sport))
}

/// Keeps the hub up to date until the process stops. What fails is begun anew, from images.
pub async fn follow(
    reading: Reading,
    brokers: String,
    topics: Topics,
    process: Process,
) -> anyhow::Result<()> {
    let latch = process.readiness.latch("updates", "loading images");
    let attempt = || async {
        let outcome = follow_once(&reading, &brokers, &topics, &process, &latch).await;
        if outcome.is_err() {
            reading.caught_up.set(false);
        }
        outcome
    };
    keep_reading(&latch, &process.shutdown, attempt).await
}

async fn follow_once(
    reading: &Reading,
    brokers: &str,
    topics: &Topics,
    process: &Process,
    latch: &Latch,
) -> anyhow::Result<()> {
    let Reading { hub, heartbeats, progress, caught_up } = reading;
    let reader = PartitionReader::open(ReaderSettings::new(brokers, CLIENT_ID), &read(topics))
        .await
        .context("the updates topics cannot be read")?;
    let ends = reader.ends().to_vec();
    progress.begin(&ends);
    let names = names(topics);
    let (unused, mut awaited) = partitions(&reader, &names);
    for (sport, topic) in &names {
        heartbeats.know(*sport, ends.iter().filter(|end| *end.topic == **topic).count());
    }
    // Where nothing was ever published there is no event to be wrong about.
    for (sport, partition) in &unused {
        heartbeats.heard(*sport, *partition, Duration::ZERO, Instant::now());
    }
    let events = hub.fill().await?;
    tracing::info!(events, partitions = ends.len(), "images loaded");
    latch.not_ready("catching up");

    let mut at_end_since = None;
    let mut updates = reader.start(ends, &process.tasks, process.shutdown.clone())?;
    loop {
        let next = tokio::time::timeout(LOOK_EVERY, updates.recv()).await;
        match next.unwrap_or(Some(ReadEvent::Batch(Batch::default()))) {
            None => return Ok(()),
            Some(ReadEvent::Batch(batch)) => {
                for (index, message) in batch.iter().enumerate() {
                    if message.key().is_some() {
                        hub.apply(message.payload());
                    } else if let Some(sport) = sport_of(&names, message.topic()) {
                        // About no event: a heartbeat.
                        let age = age(message.payload(), message.appended_at_ms(), now());
                        let partition = message.partition();
                        if heartbeats.heard(sport, partition, age, Instant::now()) {
                            awaited.remove(&(sport, partition));
                        }
                    }
                    if index % STRIDE == STRIDE - 1 {
                        tokio::task::yield_now().await;
                    }
                }
                progress.applied(&batch);
            }
            Some(ReadEvent::CaughtUp) => at_end_since = Some(Instant::now()),
            Some(ReadEvent::Failed(error)) => return Err(error).context("updates may have been missed"),
        }
        // Whoever processes says so within a second: who asks us meanwhile would be shown a silence that is none.
        if !caught_up.get()
            && at_end_since.is_some_and(|since| awaited.is_empty() || since.elapsed() >= HEARTBEATS_WITHIN)
        {
            hub.heed(heartbeats.silent(Instant::now()));
            caught_up.set(true);
            latch.ready();
        }
    }
}

/// What a heartbeat says.
#[derive(Deserialize)]
struct Heartbeat {
    /// When it was said; an earlier release does not tell.
    said_at: Option<Timestamp>,
}

/// How long ago a heartbeat was said, and Kafka took it: whichever is longer, since Kafka may have been away when it was said. One
/// of which that is not known is as old as can be.
fn age(payload: &[u8], appended_at_ms: Option<i64>, now: Timestamp) -> Duration {
    let since = |micros: i64| Duration::from_micros(u64::try_from(now.0 - micros).unwrap_or_default());
    let (Some(ms), Ok(heartbeat)) = (appended_at_ms, serde_json::from_slice::<Heartbeat>(payload)) else {
        return Duration::MAX;
    };
    let appended = since(ms.saturating_mul(1_000));
    heartbeat.said_at.map_or(appended, |said_at| appended.max(since(said_at.0)))
}

type Partitions = BTreeSet<(Sport, i32)>;

/// The partitions in which nobody has been at work, and those of which a heartbeat is to be expected.
fn partitions(reader: &PartitionReader, names: &Names) -> (Partitions, Partitions) {
    let (mut unused, mut used) = (Partitions::new(), Partitions::new());
    for (start, end) in reader.starts().iter().zip(reader.ends()) {
        let Some(sport) = sport_of(names, &end.topic) else { continue };
        let group = if end.offset == 0 && start.offset == 0 { &mut unused } else { &mut used };
        group.insert((sport, end.partition));
    }
    (unused, used)
}

/// The updates topic of each sport.
pub fn names(topics: &Topics) -> Names {
    Sport::ALL.map(|sport| (sport, topics.updates(sport)))
}

/// The sport whose updates topic this is.
pub fn sport_of(names: &Names, topic: &str) -> Option<Sport> {
    names.iter().find(|(_, name)| name == topic).map(|(sport, _)| *sport)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_that_kafka_took_late_is_as_old_as_what_it_says() {
        let now = Timestamp(1_767_225_625_000_000);
        let appended = |seconds_ago: i64| Some(now.0 / 1_000 - seconds_ago * 1_000);
        let said = |seconds_ago: i64| {
            let at = now.0 - seconds_ago * 1_000_000;
            format!(r#"{{"schema":"1.1","type":"heartbeat","sport":"hockey","partition":2,"said_at":{at}}}"#)
        };
        let of = |payload: &str, appended| age(payload.as_bytes(), appended, now).as_secs();
        assert_eq!(of(&said(23), appended(0)), 23, "Kafka was away when it was said");
        assert_eq!(of(&said(3), appended(3)), 3);
        assert_eq!(of(&said(-1), appended(2)), 2, "the processor's clock is ahead");
        assert_eq!(of(&said(-1), appended(-1)), 0, "both are");
        let silent = r#"{"schema":"1.1","type":"heartbeat","sport":"hockey","partition":2}"#;
        assert_eq!(of(silent, appended(2)), 2, "an earlier release does not say when");
        assert_eq!(age(said(0).as_bytes(), None, now), Duration::MAX);
        assert_eq!(age(b"{", appended(0), now), Duration::MAX, "nobody knows what it says");
    }
}
