//! Whatever happens to the parts of a stack and on the ways between them: it recovers, and every store ends as if nothing had
//! happened.

use std::sync::Arc;
use std::time::Duration;

use domain::Sport;
use harness::outage::{Backlog, Plan, execute};
use harness::run::{judge, settle};
use harness::stack::{Stack, StackConfig, StoresChoice, pipeline};
use simulator::scenario::Scenario;
use simulator::{DriveOptions, drive};
use tokio::time::Instant;

use crate::support::{config, games};

/// Each kind once at least, each part once at least. Some happen at the same time.
const EVERYTHING: &str = r#"
description = "Everything that can happen to a stack does"
seed = 31
seconds = 40
sports.hockey = { games = 6, rate = 150 }

[[outages]]
target = "processors-hockey"
kind = "kill"
at_seconds = 2

[[outages]]
target = "ingestion"
kind = "pause"
at_seconds = 5
for_seconds = 1

[[outages]]
target = "distribution"
kind = "restart"
at_seconds = 6

[[outages]]
target = "redis"
kind = "flush"
between_seconds = [8, 10]

[[outages]]
target = "processors-hockey"
kind = "rebalance"
at_seconds = 9
for_seconds = 4

[[outages]]
target = "mysql"
kind = "slow"
latency_ms = 20
at_seconds = 16
for_seconds = 2

[[outages]]
target = "kafka"
from = "ingestion"
kind = "throttle"
kib_per_second = 64
at_seconds = 16.5
for_seconds = 2

[[outages]]
target = "redis"
kind = "cut"
at_seconds = 20
for_seconds = 1

[[outages]]
target = "mysql"
from = "processors-hockey"
kind = "half_open"
at_seconds = 22
for_seconds = 2

[[outages]]
target = "kafka"
kind = "cut"
at_seconds = 26
for_seconds = 1

[[outages]]
target = "ingestion"
kind = "half_open"
at_seconds = 28
for_seconds = 1

[[outages]]
target = "kafka"
kind = "kill"
at_seconds = 31
for_seconds = 0.5

[[outages]]
target = "mysql"
kind = "kill"
at_seconds = 35
for_seconds = 0.5
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_to_which_everything_happens_recovers_from_all_of_it_and_ends_as_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::parse(EVERYTHING).unwrap();
    let mut plan = Plan::of(&scenario).unwrap();
    let sports = [Sport::Hockey];
    let stores = StoresChoice::of_environment().unwrap();
    let stores = if stores == StoresChoice::Auto { StoresChoice::Native } else { stores };
    if stores == StoresChoice::Containers {
        println!("a Kafka in a container has no listener for a proxy: nothing happens on the way to it");
        plan.outages
            .retain(|planned| planned.links(&sports).iter().all(|link| link.to != harness::stack::KAFKA));
    }
    let config =
        StackConfig { stores, links: plan.links(&sports), ..config(folder.path().join("stacks"), "outages") };
    let stack = Box::pin(Stack::up(config, pipeline(&sports))).await.unwrap();
    let feed = games(scenario.seed, 6, 1_000, scenario.duration);

    let backlog = Backlog::new(Arc::clone(&feed.schedule));
    let options = DriveOptions {
        progress_every: Backlog::TELL_EVERY,
        alive_every: Some(Duration::from_secs(1)),
        ..DriveOptions::to(stack.provider_url().unwrap())
    };
    let sending = drive(Arc::clone(&feed.schedule), &options, |progress| backlog.tell(progress));
    let (report, outages) =
        tokio::try_join!(sending, execute(&plan, &stack, Instant::now(), &backlog)).unwrap();

    for outage in &outages {
        println!("{outage:?}");
    }
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(outages.len(), plan.outages.len());
    for outage in &outages {
        assert!(outage.recovered_after_micros.is_some(), "{outage:?}");
        assert!(outage.ended_micros >= outage.began_micros + outage.planned.for_ms * 1_000, "{outage:?}");
    }
    let places = stack.places().unwrap();
    settle(&places, &feed, &[]).await.unwrap();
    let verdict = judge(&places, &feed, &[]).await.unwrap();
    assert!(verdict.is_pass(), "{:?}", verdict.discrepancies);
    stack.down().await.unwrap();
}
