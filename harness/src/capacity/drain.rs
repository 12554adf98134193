//! Between two steps: what the one before left behind has to be gone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use simulator::drive::keep_alive;
use simulator::recovery::Inbox;
use tokio::time::{Instant, sleep};

use crate::attempt::Attempted;
use crate::case::Case;
use crate::monitor::Monitor;
use crate::recoveries::Recoveries;
use crate::report::grouped;
use crate::site::Site;
use crate::stack::Say;

/// How long it may take: what is not gone then never goes, or takes longer than anybody waits.
const GONE_WITHIN: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until nothing waits any more, and says what did. The producers of the step go on saying that they are alive: nobody is to
/// take them for silent.
pub(super) async fn drain(
    case: &Case,
    step: &Attempted,
    (site, recoveries): (&Site<'_>, Option<&Recoveries>),
    say: Say,
) -> Result<()> {
    let keep_alive = async {
        let (schedule, past) = (Arc::clone(&case.feed.schedule), &step.outcome.drive.past);
        match recoveries {
            Some(asked) => keep_alive(schedule, &step.options, past, &mut *asked.inbox.lock().await).await,
            None => keep_alive(schedule, &step.options, past, &mut Inbox::of_nobody()).await,
        }
    };
    tokio::select! {
        gone = gone(case, site, say) => gone,
        alive = keep_alive => {
            alive?;
            bail!("producers stopped saying that they are alive")
        }
    }
}

async fn gone(case: &Case, site: &Site<'_>, say: Say) -> Result<()> {
    let monitor = Monitor::new(site, &case.sports(), Duration::ZERO)?;
    let began = Instant::now();
    let (mut is_said, mut ahead) = (false, None);
    loop {
        let found = monitor.waiting().await;
        let read = monitor.ahead(site).await;
        let waiting = found.as_ref().map_or(0, |waiting| waiting.feed + waiting.outbox);
        // Distribution counts what it has read, and not what is left: where that does not change it has read all.
        let is_read = read.is_some() && std::mem::replace(&mut ahead, read) == read;
        if found.is_ok() && waiting == 0 && is_read {
            return Ok(());
        }
        if waiting > 0 && !std::mem::replace(&mut is_said, true) {
            say(&format!("  waiting until the {} messages that it left behind are gone", grouped(waiting)));
        }
        if began.elapsed() > GONE_WITHIN {
            found?;
            bail!(
                "{} messages that a step left behind were still there {} s later",
                grouped(waiting),
                GONE_WITHIN.as_secs()
            );
        }
        sleep(LOOK_EVERY).await;
    }
}
