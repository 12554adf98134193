//! Keeps up with a topic that ingestion itself writes: what is known of it is known after a restart, and to every ingestion.

use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{Batch, PartitionReader, ReadEvent, ReaderSettings};
use chassis::lifecycle::Process;
use chassis::readiness::Latch;

/// Between attempts to read a topic.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Hands everything in the topic to `read` until the process stops; `name` is ready once what was in it has been read. What
/// fails is begun anew.
pub async fn follow(
    name: &'static str,
    brokers: String,
    topic: String,
    process: Process,
    read: impl Fn(&Batch),
) -> anyhow::Result<()> {
    let latch = process.readiness.latch(name, "connecting");
    let following = async {
        // The reader ends without a failure only when the process stops.
        while let Err(error) = follow_once(&brokers, &topic, &process, &latch, &read).await {
            latch.not_ready(format!("{error:#}"));
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
    brokers: &str,
    topic: &str,
    process: &Process,
    latch: &Latch,
    read: impl Fn(&Batch),
) -> anyhow::Result<()> {
    let settings = ReaderSettings::new(brokers, "ingestion");
    let reader =
        PartitionReader::open(settings, &[topic]).await.with_context(|| format!("{topic} cannot be read"))?;
    let starts = reader.starts().to_vec();
    let mut records = reader.start(starts, &process.tasks, process.shutdown.clone())?;
    while let Some(event) = records.recv().await {
        match event {
            ReadEvent::Batch(batch) => read(&batch),
            ReadEvent::CaughtUp => latch.ready(),
            ReadEvent::Failed(error) => {
                return Err(error).with_context(|| format!("some of {topic} may have been missed"));
            }
        }
    }
    Ok(())
}
