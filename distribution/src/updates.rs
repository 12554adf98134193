//! Reads all updates topics into the hub: notes where they end, loads images, then applies from there on.
//!
//! What is loaded and what is read overlap; each event's version guard makes that harmless.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{PartitionReader, Producer, ProducerSettings, ReadEvent, ReaderSettings};
use chassis::lifecycle::Process;
use chassis::readiness::Latch;
use domain::{Sport, Topics};

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
    hub: Arc<Hub>,
    brokers: String,
    topics: Topics,
    process: Process,
    caught_up: CaughtUp,
) -> anyhow::Result<()> {
    let latch = process.readiness.latch("updates", "loading images");
    let following = async {
        loop {
            match follow_once(&hub, &brokers, &topics, &process, &latch, &caught_up).await {
                // The reader ends without a failure only when the process stops.
                Ok(()) => break,
                Err(error) => latch.not_ready(format!("{error:#}")),
            }
            caught_up.set(false);
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
    hub: &Arc<Hub>,
    brokers: &str,
    topics: &Topics,
    process: &Process,
    latch: &Latch,
    caught_up: &CaughtUp,
) -> anyhow::Result<()> {
    let reader = PartitionReader::open(ReaderSettings::new(brokers, CLIENT_ID), &read(topics))
        .await
        .context("the updates topics cannot be read")?;
    let ends = reader.ends().to_vec();
    let events = hub.fill().await?;
    tracing::info!(events, partitions = ends.len(), "images loaded");
    latch.not_ready("catching up");

    let mut updates = reader.start(ends, &process.tasks, process.shutdown.clone())?;
    while let Some(read) = updates.recv().await {
        match read {
            ReadEvent::Batch(batch) => {
                for (index, message) in batch.iter().enumerate() {
                    hub.apply(message.payload());
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
