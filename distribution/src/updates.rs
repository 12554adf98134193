//! Reads all updates topics into the hub: notes where they end, loads images, then applies from there on.
//!
//! What is loaded and what is read overlap; each event's version guard makes that harmless.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{
    Batch, Message, PartitionReader, Producer, ProducerSettings, ReadEvent, ReaderSettings, TopicOffset,
};
use chassis::lifecycle::Process;
use chassis::readiness::Latch;
use domain::{Sport, Topics};
use tokio::time::Instant;

use crate::clock;
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;

/// The name under which brokers know this service.
const CLIENT_ID: &str = "matchday-distribution";
/// How often the brokers are asked whether they have the topics.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Between attempts to begin.
const RETRY_EVERY: Duration = Duration::from_millis(500);
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

/// What is kept up to date by reading.
#[derive(Clone)]
pub struct Reading {
    /// The events.
    pub hub: Arc<Hub>,
    /// Who processes them.
    pub heartbeats: Arc<Heartbeats>,
    /// Whether both are up to date.
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
    let following = async {
        loop {
            match follow_once(&reading, &brokers, &topics, &process, &latch).await {
                // The reader ends without a failure only when the process stops.
                Ok(()) => break,
                Err(error) => latch.not_ready(format!("{error:#}")),
            }
            reading.caught_up.set(false);
            tokio::time::sleep(RETRY_EVERY).await;
        }
    };
    tokio::select! {
        () = following => {}
        () = process.shutdown.begun() => {}
    }
    Ok(())
}

async fn follow_once(
    reading: &Reading,
    brokers: &str,
    topics: &Topics,
    process: &Process,
    latch: &Latch,
) -> anyhow::Result<()> {
    let Reading { hub, heartbeats, caught_up } = reading;
    let reader = PartitionReader::open(ReaderSettings::new(brokers, CLIENT_ID), &read(topics))
        .await
        .context("the updates topics cannot be read")?;
    let from = last_records(&reader);
    let names = Sport::ALL.map(|sport| (sport, topics.updates(sport)));
    for (sport, topic) in &names {
        let partitions = from.iter().filter(|place| *place.topic == **topic).count();
        heartbeats.know(*sport, partitions, Instant::now());
    }
    let events = hub.fill().await?;
    tracing::info!(events, partitions = from.len(), "images loaded");
    latch.not_ready("catching up");

    let mut updates = reader.start(from, &process.tasks, process.shutdown.clone())?;
    while let Some(read) = updates.recv().await {
        match read {
            ReadEvent::Batch(batch) => {
                for message in last_of_each_partition(&batch) {
                    let sport = names.iter().find(|(_, topic)| topic == message.topic());
                    // What was there before we came tells by the broker's clock how old it is.
                    let at = if caught_up.get() { Instant::now() } else { written_at(&message) };
                    if let Some((sport, _)) = sport {
                        heartbeats.heard(*sport, message.partition(), at);
                    }
                }
                for (index, message) in batch.iter().enumerate() {
                    // A heartbeat is about no event.
                    if message.key().is_some() {
                        hub.apply(message.payload());
                    }
                    if index % STRIDE == STRIDE - 1 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            ReadEvent::CaughtUp => {
                caught_up.set(true);
                latch.ready();
            }
            ReadEvent::Failed(error) => return Err(error).context("updates may have been missed"),
        }
    }
    Ok(())
}

/// Where each partition's last record is: it tells since when the partition is silent, where it is.
fn last_records(reader: &PartitionReader) -> Vec<TopicOffset> {
    let starts = reader.starts().iter().zip(reader.ends());
    starts
        .map(|(start, end)| TopicOffset { offset: (end.offset - 1).max(start.offset), ..end.clone() })
        .collect()
}

fn last_of_each_partition(batch: &Batch) -> Vec<Message<'_>> {
    let mut last: Vec<Message<'_>> = Vec::new();
    for message in batch.iter() {
        let is_same =
            |other: &Message| other.partition() == message.partition() && other.topic() == message.topic();
        match last.iter_mut().find(|other| is_same(other)) {
            Some(other) => *other = message,
            None => last.push(message),
        }
    }
    last
}

/// What the broker's clock says of the future is said now.
fn written_at(message: &Message<'_>) -> Instant {
    let now = Instant::now();
    let age_micros = message.appended_at_ms().map_or(0, |at| clock::now().0 - at * 1_000);
    let age = Duration::from_micros(u64::try_from(age_micros).unwrap_or_default());
    now.checked_sub(age).unwrap_or(now)
}
