//! How each kind of outage is brought about, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::Sport;
use simulator::scenario::{OutageKind, Part};

use super::plan::{Planned, part_name};
use crate::stack::{Flow, Process, Stack};

/// What has begun, and has to be ended.
pub(super) enum Lasting {
    /// A process that has ended, and is to be started again.
    Ended(String),
    /// One that stands still.
    Paused(Arc<Process>),
    /// Ways that are not clear.
    Disturbed,
    /// A second process that has joined.
    Joined(String),
    /// It was over at once.
    Over,
}

/// Brings it about.
pub(super) async fn begin(planned: &Planned, stack: &Stack) -> Result<Lasting> {
    let name = part_name(planned.target);
    let doing = || format!("`{}` of {}", planned.kind.as_str(), planned.target);
    let begun = async {
        Ok(match planned.kind {
            OutageKind::Kill => {
                let process = stack.process(&name)?;
                blocking(move || process.kill()).await?;
                Lasting::Ended(name)
            }
            OutageKind::Restart => {
                stack.process(&name)?.stop().await?;
                Lasting::Ended(name)
            }
            OutageKind::Pause => {
                let process = stack.process(&name)?;
                let paused = Arc::clone(&process);
                blocking(move || paused.pause()).await?;
                Lasting::Paused(process)
            }
            OutageKind::Flush => {
                flush(stack).await?;
                Lasting::Over
            }
            OutageKind::Rebalance => {
                let Part::Processors(sport) = planned.target else {
                    bail!("only processors share partitions")
                };
                Lasting::Joined(stack.add_processors(sport).await?)
            }
            OutageKind::Slow { latency_ms } => {
                disturb(planned, stack, Flow::Slow(Duration::from_millis(latency_ms.into())))?
            }
            OutageKind::Throttle { kib_per_second } => {
                disturb(planned, stack, Flow::Throttled(u64::from(kib_per_second) << 10))?
            }
            OutageKind::Cut => disturb(planned, stack, Flow::Cut)?,
            OutageKind::HalfOpen => disturb(planned, stack, Flow::HalfOpen)?,
        })
    };
    begun.await.with_context(doing)
}

impl Lasting {
    /// Ends it. `ended` is told at the moment from which recovery counts; a process is waited for, so that whatever happens to
    /// it next finds it at work.
    pub(super) async fn end(self, planned: &Planned, stack: &Stack, ended: impl FnOnce()) -> Result<()> {
        match self {
            Self::Ended(name) => {
                ended();
                stack.restart(&name).await
            }
            Self::Paused(process) => {
                blocking(move || process.resume()).await?;
                ended();
                Ok(())
            }
            Self::Disturbed => {
                disturb(planned, stack, Flow::Clear)?;
                ended();
                Ok(())
            }
            Self::Joined(name) => {
                // The others take its partitions over from when it begins to leave.
                ended();
                stack.remove_processors(&name).await
            }
            Self::Over => {
                ended();
                Ok(())
            }
        }
    }
}

/// A plan names its ways for a stack of some sports; those of the stack are told by its processors.
fn disturb(planned: &Planned, stack: &Stack, flow: Flow) -> Result<Lasting> {
    let sports: Vec<Sport> =
        Sport::ALL.into_iter().filter(|sport| stack.processor_url(*sport).is_ok()).collect();
    for link in planned.links(&sports) {
        stack.proxy(&link)?.set(flow);
    }
    Ok(Lasting::Disturbed)
}

async fn flush(stack: &Stack) -> Result<()> {
    let client = redis::Client::open(stack.redis_url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok(redis::cmd("FLUSHALL").exec_async(&mut connection).await?)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("waiting for a thread")?
}
