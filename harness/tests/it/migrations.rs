//! A database of an earlier release is brought up to date with what is in it.

use crate::support;
use harness::init::{self, InitConfig};
use harness::stack::Stack;
use sqlx::migrate::{Migration, Migrator};
use sqlx::mysql::MySqlPool;
use std::path::Path;

/// The first release's row of an event that has a fixture.
const EVENT: &str = r#"INSERT INTO events
    (event_id, sport, kafka_partition, first_seen_day, version, home_name, away_name, scheduled_start, state)
    VALUES ('md:match:1', 'hockey', 0, '2026-01-01', 7, 'Florida', 'Tampa Bay', 1767225600000000,
    '{"fixture":{"version":3,"value":{"home":{"id":"md:competitor:13"},"away":{"id":"md:competitor:14"}}}}')"#;

/// The migrations of the processors, in order.
async fn migrations() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processors/migrations");
    Migrator::new(folder).await.unwrap().iter().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::infrastructure(support::config(folder.path().join("stacks"), "test")).await.unwrap();
    let pool = MySqlPool::connect(&stack.mysql_url()).await.unwrap();
    let all = migrations().await;
    let init = InitConfig::new(stack.kafka(), stack.topics().clone(), stack.mysql_url());
    Migrator::with_migrations(all[..1].to_vec()).run(&pool).await.unwrap();
    for (done, migration) in all.iter().enumerate() {
        // Ended before it was noted, with all that it makes but the last table of the first.
        let unnote = "UPDATE _sqlx_migrations SET success = FALSE WHERE version = ?";
        sqlx::query(unnote).bind(migration.version).execute(&pool).await.unwrap();
        if done == 0 {
            sqlx::query("DROP TABLE dead_letters").execute(&pool).await.unwrap();
        }
        let half = init::init(&init).await;
        half.unwrap_or_else(|error| panic!("after {}: {error:#}", migration.description));
        sqlx::query("SELECT * FROM dead_letters").fetch_all(&pool).await.unwrap();
        let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE NOT success")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(open, 0, "after {}", migration.description);
    }
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_open_stays_open_and_may_have_others_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::infrastructure(support::config(folder.path().join("stacks"), "test")).await.unwrap();
    let pool = MySqlPool::connect(&stack.mysql_url()).await.unwrap();
    Migrator::with_migrations(migrations().await[..17].to_vec()).run(&pool).await.unwrap();
    let ask = async |asked_at: i64| {
        let sql = "INSERT INTO recovery_requests (provider, producer, event_id, asked_at, taken, failures) \
                   VALUES ('md', 'live', '', ?, TRUE, 3)";
        sqlx::query(sql).bind(asked_at).execute(&pool).await
    };
    ask(7).await.unwrap();
    assert!(ask(8).await.is_err(), "of a release that kept the last one alone");
    init::init(&InitConfig::new(stack.kafka(), stack.topics().clone(), stack.mysql_url())).await.unwrap();
    ask(8).await.unwrap();
    let open: Vec<(i64, bool, u32, Option<i64>)> = sqlx::query_as(
        "SELECT asked_at, taken, failures, recovered_at FROM recovery_requests ORDER BY asked_at",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(open, [(7, true, 3, None), (8, true, 3, None)]);
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_releases_events_get_what_later_ones_have() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::infrastructure(support::config(folder.path().join("stacks"), "test")).await.unwrap();
    let pool = MySqlPool::connect(&stack.mysql_url()).await.unwrap();

    let all = migrations().await;
    Migrator::with_migrations(all[..1].to_vec()).run(&pool).await.unwrap();
    sqlx::query(EVENT).execute(&pool).await.unwrap();
    for (key, status, suspension) in [("406", "active", "null"), ("412", "suspended", r#""producer_down""#)] {
        let market = "INSERT INTO markets (event_id, market_key, version, status, value, book) \
                      VALUES ('md:match:1', ?, 1, ?, ?, '{}')";
        let value = format!(r#"{{"id":1,"status":"{status}","suspension":{suspension},"outcomes":[]}}"#);
        sqlx::query(market).bind(key).bind(status).bind(value).execute(&pool).await.unwrap();
    }

    // Twice: what was done is not done again.
    for _ in 0..2 {
        init::init(&InitConfig::new(stack.kafka(), stack.topics().clone(), stack.mysql_url())).await.unwrap();
    }
    let row: (String, String, i64) =
        sqlx::query_as("SELECT home_id, away_id, version FROM events").fetch_one(&pool).await.unwrap();
    assert_eq!(row, ("md:competitor:13".to_owned(), "md:competitor:14".to_owned(), 7));
    let open: (bool, bool) =
        sqlx::query_as("SELECT is_open, is_distrusted FROM events").fetch_one(&pool).await.unwrap();
    assert_eq!(open, (true, true), "events stored before hear of their producers, too");
    let applied: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
    assert_eq!(applied, i64::try_from(all.len()).unwrap());
    stack.down().await.unwrap();
}
