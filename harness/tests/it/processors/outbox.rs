//! What is committed is published, whatever dies or goes away in between.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Sport;
use harness::stack::{DATABASE, KAFKA, REDIS, processors_name};
use serde_json::{Value, json};

use crate::support::desk::{DEADLINE, Desk, odds};
use crate::support::{read_topic, until};

const EVENT: &str = "md:match:1";

/// Lets a transaction wait for a lock while Kafka falls silent: it is committed then, and cannot be published. On a machine
/// that stalls, it may be given up before its lock is: then once more. Kafka is silent afterwards; returns the last message
/// that it accepted.
async fn commit_unpublished(desk: &Desk) -> u64 {
    let kafka = desk.stack.process(KAFKA).unwrap();
    desk.send(&[odds(EVENT, 1, 1_500)]).await;
    desk.everything_is_published().await;
    let mut sequence = 1;
    loop {
        assert!(sequence < 20, "no transaction outlived its lock");
        let mut lock = desk.mysql.pool().begin().await.unwrap();
        sqlx::query("SELECT * FROM feed_offsets FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
        desk.send(&[odds(EVENT, sequence + 1, 1_600), odds(EVENT, sequence + 2, 1_700)]).await;
        sequence += 2;
        // Where it lost its partitions to the silence of an attempt before, it waits to take them again; then once more, too.
        let waits = until("the processor to wait for the lock", DEADLINE, async || {
            let waiting = "SELECT COUNT(*) FROM information_schema.processlist \
                           WHERE info LIKE 'UPDATE feed_offsets SET next_offset%' \
                           OR info LIKE 'INSERT IGNORE INTO feed_offsets%'";
            Ok(desk.count(waiting).await? > 0)
        })
        .await;
        if let Err(error) = waits {
            let log = desk.stack.process(&processors_name(Sport::Hockey)).unwrap().log();
            panic!("{error:#}: {:?}; {:?}\n{log}", desk.readiness().await, desk.statements().await);
        }
        kafka.pause().unwrap();
        lock.rollback().await.unwrap();
        let version = sequence - 1;
        let commit = async || Ok(desk.picture(EVENT).await?.version >= version);
        let committed = until("the commit", Duration::from_secs(5), commit).await;
        if committed.is_ok() {
            break;
        }
        kafka.resume().unwrap();
        let all = async || Ok(desk.picture(EVENT).await?.version >= sequence);
        until("the messages of this attempt", DEADLINE, all).await.unwrap();
        desk.everything_is_published().await;
    }
    assert!(!desk.mysql.is_published().await.unwrap());
    sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_published_after_a_crash_and_a_database_that_comes_back_finds_nothing_missing() {
    let desk = Desk::with_stores("outbox").await;
    let name = processors_name(Sport::Hockey);
    let (kafka, processor) = (desk.stack.process(KAFKA).unwrap(), desk.stack.process(&name).unwrap());
    let sequence = commit_unpublished(&desk).await;
    processor.kill().unwrap();
    kafka.resume().unwrap();
    desk.stack.restart(&name).await.unwrap();
    desk.everything_is_published().await;
    is_in_the_updates_topic(&desk, EVENT, sequence).await;

    // The database goes and comes back: accepted meanwhile, applied afterwards.
    desk.stack.process(DATABASE).unwrap().kill().unwrap();
    desk.send(&(sequence + 1..=40).map(|sequence| odds(EVENT, sequence, 1_800)).collect::<Vec<_>>()).await;
    desk.expect_reason(r#""mysql","ready":false"#).await;
    desk.stack.restart(DATABASE).await.unwrap();
    until("everything to be applied", DEADLINE, async || Ok(desk.picture(EVENT).await?.version == 40))
        .await
        .unwrap();
    desk.everything_is_published().await;
    is_in_the_updates_topic(&desk, EVENT, 40).await;
    until("the processor to be ready", DEADLINE, async || {
        Ok(desk.readiness().await.is_some_and(|(status, _)| status == 200))
    })
    .await
    .unwrap();
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_before_a_processor_is_stopped_is_published_by_the_next() {
    let desk = Desk::with_stores("stopped").await;
    let name = processors_name(Sport::Hockey);
    let sequence = commit_unpublished(&desk).await;
    // It ends by itself, and may not say that it has sent what Kafka never took.
    desk.stack.process(&name).unwrap().stop().await.unwrap();
    assert!(!desk.mysql.is_published().await.unwrap());
    desk.stack.process(KAFKA).unwrap().resume().unwrap();
    desk.stack.restart(&name).await.unwrap();
    desk.everything_is_published().await;
    is_in_the_updates_topic(&desk, EVENT, sequence).await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_waits_for_a_redis_that_says_nothing_and_it_has_all_of_them_afterwards() {
    let desk = Desk::with_stores("silent-redis").await;
    desk.send(&[odds(EVENT, 1, 1_500)]).await;
    desk.everything_is_published().await;
    let redis = desk.stack.process(REDIS).unwrap();
    redis.pause().unwrap();
    for sequence in 2..=30 {
        desk.send(&[odds(EVENT, sequence, if sequence % 2 == 0 { 1_600 } else { 1_700 })]).await;
        until("the commit", DEADLINE, async || Ok(desk.picture(EVENT).await?.version >= sequence))
            .await
            .unwrap();
    }
    // What Kafka has is read when all of it is there, and each record says when it came.
    let mut late = BTreeMap::new();
    until("all of it in the updates topic", DEADLINE, async || {
        let batches = read_topic(&desk.stack.kafka(), &desk.stack.topics().updates(Sport::Hockey)).await;
        for record in batches.iter().flat_map(|batch| batch.iter()).filter(|record| record.key().is_some()) {
            let update: Value = serde_json::from_slice(record.payload()).unwrap();
            let applied_at = update["applied_at"].as_i64().unwrap() / 1_000;
            let waited = record.appended_at_ms().unwrap() - applied_at;
            late.entry(update["version"].as_u64().unwrap()).or_insert(waited);
        }
        Ok(late.len() == 30)
    })
    .await
    .unwrap();
    let (version, waited) = late.range(2..).max_by_key(|(_, waited)| **waited).unwrap();
    println!("the latest was version {version}, {waited} ms after it was applied");
    assert!(*waited < 1_000, "version {version} waited {waited} ms for Redis, which may take 2000 to answer");
    assert!(!desk.mysql.is_published().await.unwrap(), "Redis has not acknowledged it");
    redis.resume().unwrap();
    desk.everything_is_published().await;
    desk.expect_market(EVENT, "active", None).await;
    desk.stack.down().await.unwrap();
}

/// Every version up to `last`, and every copy of it the same bytes as in the log.
async fn is_in_the_updates_topic(desk: &Desk, event_id: &str, last: u64) {
    let batches = read_topic(&desk.stack.kafka(), &desk.stack.topics().updates(Sport::Hockey)).await;
    let mut published: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    // Those without a key are heartbeats.
    for record in batches.iter().flat_map(|batch| batch.iter()).filter(|record| record.key().is_some()) {
        let update: Value = serde_json::from_slice(record.payload()).unwrap();
        assert_eq!((&update["event_id"], record.key()), (&json!(event_id), Some(event_id.as_bytes())));
        published.entry(update["version"].as_u64().unwrap()).or_default().push(record.payload().to_vec());
    }
    assert_eq!(published.keys().copied().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    let logged: Vec<(u64, Vec<u8>)> =
        sqlx::query_as("SELECT CAST(version AS UNSIGNED), payload FROM updates")
            .fetch_all(desk.mysql.pool())
            .await
            .unwrap();
    assert_eq!(logged.len(), published.len());
    for (version, payload) in logged {
        assert!(published[&version].iter().all(|copy| *copy == payload), "version {version}");
    }
}
