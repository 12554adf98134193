//! What the pipeline promises while its processes are killed, stopped, emptied and cut off. Each test plays games through
//! a stack of its own, disturbs it in mid-stream, and finds every store and client as if nothing had happened.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::Sport;
use harness::anomaly::Kind;
use harness::attempt::Attempt;
use harness::case::{Asked, Case};
use harness::exit::Exit;
use harness::feed::Feed;
use harness::observe::mysql::Mysql;
use harness::observe::socket::{Client, Role, Seen};
use harness::outage::Happened;
use harness::report::report;
use harness::run::{Outcome, Run, Step, judge, run, settle};
use harness::site::Site;
use harness::stack::{DISTRIBUTION, Process, REDIS, Stack, processors_name};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simulator::{DriveOptions, Format, ScheduleBuilder};
use tokio::sync::watch;

use crate::support::{self, committed, games, until};

/// How long anything may take to be noticed on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

async fn play(stack: &Stack, feed: &Feed, disturb: impl Future<Output = Result<()>>) -> Outcome {
    let options = DriveOptions::to(stack.ingestion_url().unwrap());
    run(stack, feed, &options, |_| {}, disturb).await.unwrap()
}

fn assert_pass(outcome: &Outcome) {
    assert!(outcome.is_pass(), "{}", report(outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_in_mid_stream_loses_nothing_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "killed").await;
    let feed = games(11, 6, 1_500, Duration::from_secs(12));
    let name = processors_name(Sport::Hockey);
    let disturb = async {
        for percent in [20, 40, 60] {
            committed(&stack, &feed, percent).await?;
            stack.process(&name)?.kill()?;
            stack.restart(&name).await?;
        }
        Ok(())
    };
    assert_pass(&play(&stack, &feed, disturb).await);
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_stopped_in_a_transaction_finds_its_partitions_taken_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "fenced").await;
    let feed = games(12, 6, 1_500, Duration::from_secs(20));
    let first = stack.process(&processors_name(Sport::Hockey)).unwrap();
    let disturb = async {
        committed(&stack, &feed, 15).await?;
        let mysql = Mysql::new(&stack.mysql_url())?;
        let before = mysql.generations().await?;
        let asked = pause_in_transaction(&mysql, &first).await?;
        // Kafka gives the silent one's partitions to the second, which needs all of them to be ready.
        let second = tokio::time::timeout(DEADLINE, stack.add_processors(Sport::Hockey)).await??;
        until("every partition to be taken over", DEADLINE, async || {
            let now = mysql.generations().await?;
            Ok(before.iter().all(|(partition, generation)| now.get(partition) > Some(generation)))
        })
        .await?;
        committed(&stack, &feed, 50).await?;
        first.resume()?;
        let log = || first.log();
        until("the first one to say that it was fenced", DEADLINE, async || {
            Ok(log().contains("fenced: another process has taken the partition"))
        })
        .await
        .with_context(|| format!("{second} took over; stopped in {asked:?}; the first one's log:\n{}", log()))
    };
    assert_pass(&play(&stack, &feed, disturb).await);
    assert!(first.is_running(), "the first one goes on as a member of its group");
    stack.down().await.unwrap();
}

/// Stops a processor while the first statement of its transaction waits for a lock. Says what the database was asked then.
async fn pause_in_transaction(
    mysql: &Mysql,
    process: &Process,
) -> Result<Vec<(Option<i64>, Option<String>)>> {
    let mut lock = mysql.pool().begin().await?;
    sqlx::query("SELECT * FROM feed_offsets FOR UPDATE").fetch_all(&mut *lock).await?;
    until("a transaction to wait for the lock", DEADLINE, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE feed_offsets SET next_offset%'",
        )
        .fetch_one(mysql.pool())
        .await?;
        Ok(waiting > 0)
    })
    .await?;
    process.pause()?;
    let asked = "SELECT CAST(time AS SIGNED), CAST(info AS CHAR) FROM information_schema.processlist";
    let asked = sqlx::query_as(asked).fetch_all(mysql.pool()).await?;
    lock.rollback().await?;
    Ok(asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_killed_and_emptied_in_mid_stream_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up_with_stores(folder.path().join("stacks"), "redis").await;
    let feed = games(13, 6, 1_500, Duration::from_secs(15));
    let disturb = async {
        committed(&stack, &feed, 20).await?;
        stack.process(REDIS)?.kill()?;
        committed(&stack, &feed, 40).await.context("updates must go on without redis")?;
        stack.restart(REDIS).await?;
        committed(&stack, &feed, 70).await?;
        let client = redis::Client::open(stack.redis_url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await?;
        Ok(())
    };
    assert_pass(&play(&stack, &feed, disturb).await);
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_drops_and_resumes_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "resume").await;
    let feed = games(14, 6, 1_500, Duration::from_secs(12));
    let url = stack.socket_url().unwrap();
    let mut last = None;
    let disturb = async {
        let mut seen = Seen::default();
        let mut images = 0;
        for percent in [20, 40, 60, 80] {
            let client = Client::subscribe(&url, "hockey", seen).await?;
            committed(&stack, &feed, percent).await?;
            seen = client.cut().await?;
            if images == 0 {
                images = seen.images;
            }
        }
        ensure!(images == 6, "the first subscription begins with an image of each event, not {images}");
        ensure!(
            seen.images == images,
            "a resumed subscription needs no image, {} came",
            seen.images - images
        );
        last = Some(Client::subscribe(&url, "hockey", seen).await?);
        Ok(())
    };
    assert_pass(&play(&stack, &feed, disturb).await);
    let client = last.unwrap();
    let places = stack.places().unwrap();
    settle(&places, &feed, std::slice::from_ref(&client)).await.unwrap();
    let seen = client.cut().await.unwrap();
    let verdict = judge(&places, &feed, &[("a client that came back", &seen)]).await.unwrap();
    assert!(verdict.is_pass(), "{:?}", verdict.anomalies);
    assert!(seen.breaks.is_empty(), "{:?}", seen.breaks);
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_dies_is_named_and_all_that_is_left_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "dies").await;
    println!("seed 41");
    let case = Case::of(Asked::load("steady-hockey", Some(41), Some(6)).unwrap(), None).unwrap();
    let site = Site::of(&stack).unwrap();
    let attempt = Attempt { case: &case, site: &site, recoveries: None, clients: 2 };
    let distribution = stack.process(DISTRIBUTION).unwrap();
    let mut is_killed = false;
    let hear = |step: Step| {
        if let Step::Sending(progress) = step
            && progress.accepted > 0
            && !is_killed
        {
            is_killed = true;
            // Not as the stack would: nobody knows of it.
            kill(Pid::from_raw(distribution.id().unwrap().pid), Signal::SIGKILL).unwrap();
        }
    };
    let attempted = Box::pin(attempt.go(hear)).await.unwrap();
    let outcome = &attempted.outcome;
    assert_eq!(Exit::first(&attempted.holds), Exit::Correctness, "{}", report(outcome));
    let dead = outcome.verdict.anomalies.of(Kind::Lost);
    let named = dead.examples.iter().find(|example| example.place == "services").map(ToString::to_string);
    assert!(
        named.as_ref().is_some_and(|text| text.contains("distribution") && text.contains("signal: 9")),
        "{named:?}: {}",
        report(outcome)
    );
    for place in ["mysql", "redis", "update log", "updates topic", "feed topic", "dead letters"] {
        let tally = outcome.verdict.places[place];
        assert!(tally.compared > 0 && tally.differ == 0, "{place}: {}", report(outcome));
    }
    assert_eq!(outcome.verdict.places["rest"].differ, 1, "nobody answers there, which is said once");

    let written = folder.path().join("written");
    attempt.write(&attempted, &written, String::new()).unwrap();
    assert!(written.join("verdict.json").is_file() && written.join("logs/distribution.log").is_file());
    let kept = folder.path().join("kept");
    attempt.keep(&kept).unwrap();
    assert!(kept.join("logs/distribution.log").is_file());
    let (again, _) = Case::of_bundle(&kept, None, None).unwrap();
    assert_eq!(again.feed.expected, case.feed.expected, "it can be repeated");
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_that_must_not_be_nothing_else_is_accused() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "answers").await;
    let played = games(42, 6, 1_500, Duration::from_secs(8));
    let mut builder = ScheduleBuilder::default();
    let schedule = &played.schedule;
    let provider = schedule.channels()[0].provider.clone();
    for line in 0..schedule.len() {
        builder.push(&provider, Format::Json, schedule.offset_ns(line), schedule.message(line)).unwrap();
    }
    // The last that is sent: what was accepted before it is still on its way when it is answered.
    let last = schedule.offset_ns(schedule.len() - 1);
    builder.push(&provider, Format::Json, last, br#"{"type":"none"}"#).unwrap();
    let feed = Feed::of(builder.build(), played.expected);
    let site = Site::of(&stack).unwrap();
    let options = DriveOptions::to(stack.ingestion_url().unwrap());
    let run = Run {
        site: &site,
        feed: &feed,
        options: &options,
        recoveries: None,
        clients: &[Role::Steady, Role::Slow],
        late: Duration::ZERO,
        warm_up: Duration::ZERO,
        happened: watch::Sender::new(Happened::default()).subscribe(),
    };
    let outcome = Box::pin(run.go(|_| {}, async { Ok(()) })).await.unwrap();
    assert!(!outcome.is_answered && outcome.standstill.is_none(), "{}", report(&outcome));
    let found: Vec<(Kind, u64)> = Kind::ALL
        .into_iter()
        .map(|kind| (kind, outcome.verdict.anomalies.of(kind).found))
        .filter(|(_, found)| *found > 0)
        .collect();
    // Its answer, and its letter.
    assert_eq!(found, [(Kind::WrongDeadLetterDecision, 2)], "{}", report(&outcome));
    stack.down().await.unwrap();
}
