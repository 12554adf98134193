//! Outages: what a scenario wants to go wrong in a stack happens to it, and it is measured how long it takes to recover.
//!
//! `plan` says what happens when, before anything is sent; `act` does it to the stack; `recovery` watches until
//! everything is ready again and no more messages are on their way than before.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use simulator::scenario::Part;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::bundle;
use crate::observe::socket::SILENCE_MAX;
use crate::stack::Stack;

pub use backlog::Backlog;
pub use plan::{NoRoom, Plan, Planned};
pub use recovery::{OnTheWay, RECOVERY_MAX};

mod act;
mod backlog;
mod plan;
mod recovery;

/// The outages that have begun, and how long each kept the stack from its work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened(Vec<Range<i64>>);

impl Happened {
    /// One begins; it is known by the number that is given back.
    pub fn begin(&mut self, at_micros: i64) -> usize {
        self.0.push(at_micros..i64::MAX);
        self.0.len() - 1
    }

    /// The stack has recovered from one.
    pub fn recover(&mut self, number: usize, at_micros: i64) {
        if let Some(time) = self.0.get_mut(number) {
            time.end = at_micros;
        }
    }

    /// From when on each kept the stack from its work until it had recovered, in microseconds since the epoch; to `i64::MAX` where it
    /// has not.
    #[must_use]
    pub fn times(&self) -> &[Range<i64>] {
        &self.0
    }

    /// How many were recovered from.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.0.iter().filter(|time| time.end != i64::MAX).count() as u64
    }

    /// Whether the stack has recovered from all.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.iter().all(|time| time.end != i64::MAX)
    }
}

/// What an outage came to. Times are microseconds after the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// What was planned.
    #[serde(flatten)]
    pub planned: Planned,
    /// When it began.
    pub began_micros: u64,
    /// When it ended: what was killed was started again, what was slow was clear.
    pub ended_micros: u64,
    /// How long after its end everything was ready and no more messages were on their way than before it began; absent where
    /// that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after_micros: Option<u64>,
    /// How many messages were on their way at most while nothing was wrong.
    pub waiting_before: u64,
    /// How many were on their way at most until it had recovered.
    pub waiting_most: u64,
    /// What was in the way at last, where it did not recover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How far apart the clock of outages and that of the messages may have begun, in microseconds.
const CLOCKS_MICROS: i64 = 1_000_000;

impl Outage {
    /// Whether a client's connection that was found to have ended then, in microseconds after the start, may have been ended by it. Who
    /// hears nothing notices that later. What happens behind distribution closes nobody, but whoever is slow: all that waited
    /// comes at once.
    #[must_use]
    pub fn may_end_connection(&self, at_micros: i64, is_told_slow: bool) -> bool {
        if self.planned.target != Part::Distribution && !is_told_slow {
            return false;
        }
        let noticed = self.recovered_after_micros.map_or(i64::MAX, |after| {
            let silence = u64::try_from(SILENCE_MAX.as_micros()).unwrap_or(u64::MAX);
            signed(self.ended_micros.saturating_add(after).saturating_add(silence))
        });
        (signed(self.began_micros) - CLOCKS_MICROS..=noticed).contains(&at_micros)
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

impl From<&Outage> for bundle::Outage {
    fn from(outage: &Outage) -> Self {
        let Outage { planned, began_micros, ended_micros, recovered_after_micros, .. } = outage;
        Self {
            what: planned.what(),
            part: plan::part_name(planned.target),
            at_micros: signed(*began_micros),
            ended_micros: (planned.for_ms > 0).then(|| signed(*ended_micros)),
            recovered_after_micros: *recovered_after_micros,
        }
    }
}

/// Lets a plan happen to a stack, and returns when the stack has recovered from all of it, or has not within a minute.
/// `started` is when the run did; `backlog` knows what its provider has not been rid of; `happened` is told of each that begins
/// or is recovered from.
///
/// # Errors
/// When something cannot be done to this stack: a process that does not start, a way without a proxy.
pub async fn execute(
    plan: &Plan,
    stack: &Stack,
    started: Instant,
    backlog: &Backlog,
    happened: &watch::Sender<Happened>,
) -> Result<Vec<Outage>> {
    if plan.outages.is_empty() {
        return Ok(Vec::new());
    }
    let watch = recovery::Watch::new(stack, started, (backlog, happened), plan)?;
    // What happens to the same part happens one after the other; the rest side by side.
    let mut chains: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, planned) in plan.outages.iter().enumerate() {
        chains.entry((planned.target, planned.kind.is_on_the_way(), planned.from)).or_default().push(index);
    }
    let chains = chains.into_values().map(|chain| run_chain(chain, plan, stack, started, &watch));
    let acting = async {
        try_join_all(chains).await?;
        watch.all_ended();
        Ok(())
    };
    tokio::try_join!(acting, watch.run())?;
    Ok(watch.outages())
}

/// Each of these at its time, or once the one before it is over.
async fn run_chain(
    chain: Vec<usize>,
    plan: &Plan,
    stack: &Stack,
    started: Instant,
    watch: &recovery::Watch<'_>,
) -> Result<()> {
    for index in chain {
        let planned = &plan.outages[index];
        sleep_until(started + Duration::from_millis(planned.at_ms)).await;
        watch.began(index);
        let lasting = act::begin(planned, stack).await?;
        sleep_until(Instant::now() + Duration::from_millis(planned.for_ms)).await;
        lasting.end(planned, stack, || watch.ended(index)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use simulator::scenario::OutageKind;

    use super::*;

    #[test]
    fn an_outage_ends_connections_until_all_have_noticed_and_what_is_not_recovered_from_always() {
        let planned =
            Planned { kind: OutageKind::Kill, target: Part::Distribution, from: None, at_ms: 0, for_ms: 0 };
        let outage = |target, recovered_after_micros| Outage {
            planned: Planned { target, ..planned.clone() },
            began_micros: 10_000_000,
            ended_micros: 12_000_000,
            recovered_after_micros,
            waiting_before: 0,
            waiting_most: 0,
            trouble: None,
        };
        let ends = |recovered, seconds: i64| {
            outage(Part::Distribution, recovered).may_end_connection(seconds * 1_000_000, false)
        };
        let recovered = Some(3_000_000);
        let within: Vec<bool> = [8, 10, 14, 30, 31].map(|seconds| ends(recovered, seconds)).into();
        assert_eq!(within, [false, true, true, true, false]);
        assert!(ends(None, 3_600) && !ends(None, 8));
        let behind = outage(Part::Redis, None);
        assert!(behind.may_end_connection(11_000_000, true) && !behind.may_end_connection(11_000_000, false));
    }
}
