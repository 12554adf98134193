//! Keeps up with topics for as long as the process lives: what fails is begun anew.

use std::time::Duration;

use anyhow::Context;

use super::{Batch, PartitionReader, ReadEvent, ReaderSettings};
use crate::lifecycle::{Process, Shutdown};
use crate::readiness::Latch;

/// Between attempts to read.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Makes attempts to read until the process stops: one that fails is followed by another, and `latch` says why it failed. A
/// reader ends without a failure only when the process stops.
///
/// # Errors
/// None; it is a task's.
pub async fn keep_reading<A>(
    latch: &Latch,
    shutdown: &Shutdown,
    attempt: impl Fn() -> A,
) -> anyhow::Result<()>
where
    A: Future<Output = anyhow::Result<()>>,
{
    let reading = async {
        while let Err(error) = attempt().await {
            latch.not_ready(format!("{error:#}"));
            tokio::time::sleep(RETRY_EVERY).await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = shutdown.begun() => {}
    }
    Ok(())
}

/// Hands everything in a topic to `read`, from its beginning on, until the process stops. `latch` is ready once what was in it
/// has been read; after a failure all of it is read again.
///
/// # Errors
/// None; it is a task's.
pub async fn follow(
    settings: ReaderSettings,
    topic: String,
    latch: Latch,
    process: Process,
    read: impl Fn(&Batch),
) -> anyhow::Result<()> {
    let attempt = || follow_once(settings.clone(), &topic, &process, &latch, &read);
    keep_reading(&latch, &process.shutdown, attempt).await
}

async fn follow_once(
    settings: ReaderSettings,
    topic: &str,
    process: &Process,
    latch: &Latch,
    read: impl Fn(&Batch),
) -> anyhow::Result<()> {
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
