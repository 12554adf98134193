//! The verdict of `matchday demo` can fail: a value changed by hand during the run is found, and the command's exit code says so.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use harness::observe::mysql::Mysql;
use harness::stack::Stack;
use redis::AsyncCommands;

use crate::support::until;

const DEADLINE: Duration = Duration::from_secs(60);

/// A demo's exit code and what it printed, with something done to its stack in the middle. Two games of each sport, one in
/// JSON and one in XML.
async fn demo(
    tamper: impl AsyncFn(&Mysql, &mut redis::aio::MultiplexedConnection) -> Result<bool>,
) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let stacks = folder.path().join("stacks");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .args(["demo", "--games", "8", "--rate", "400", "--seconds", "10", "--seed", "21"])
        .env("MATCHDAY_STACKS", &stacks)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let name = format!("demo-{}", demo.id());
    let stdout = BufReader::new(demo.stdout.take().unwrap());
    let printed =
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    tamper_with(&stacks, &name, tamper).await.unwrap();
    let passed = tokio::task::spawn_blocking(move || demo.wait()).await.unwrap().unwrap().success();
    (passed, printed.join().unwrap())
}

async fn tamper_with(
    stacks: &Path,
    name: &str,
    tamper: impl AsyncFn(&Mysql, &mut redis::aio::MultiplexedConnection) -> Result<bool>,
) -> Result<()> {
    let address = |what: &str| {
        let record = Stack::find(stacks, name)?;
        record.addresses.into_iter().find(|address| address.what == what).map(|address| address.url)
    };
    until("a client to be served by the demo's stack", DEADLINE, async || Ok(address("WebSocket").is_some()))
        .await?;
    let mysql = Mysql::new(&address("MySQL").context("MySQL has no address")?)?;
    let client = redis::Client::open(address("Redis").context("Redis has no address")?)?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    until("something to tamper with", DEADLINE, async || {
        // Tables come after addresses.
        Ok(tamper(&mysql, &mut redis).await.unwrap_or(false))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_disturbs_passes() {
    let (passed, printed) = demo(async |_, _| Ok(true)).await;
    assert!(passed, "{printed}");
    assert!(printed.contains("PASS: "), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_changed_by_hand_in_mysql_fails_the_verdict() {
    let (passed, printed) = demo(async |mysql, _| {
        let sql =
            r#"UPDATE incidents SET value = REPLACE(value, '"kind"', '"kin"') ORDER BY incident_id LIMIT 1"#;
        Ok(sqlx::query(sql).execute(mysql.pool()).await?.rows_affected() == 1)
    })
    .await;
    assert!(!passed, "{printed}");
    assert!(printed.contains("FAIL: ") && printed.contains("mysql: md:match:"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_changed_by_hand_in_redis_fails_the_verdict() {
    let (passed, printed) = demo(async |mysql, redis| {
        let store_id = mysql.store_id().await?;
        let keys: Vec<String> = redis.keys(format!("{store_id}:event:*")).await?;
        let Some(key) = keys.first() else { return Ok(false) };
        // The fixture is said once, at the beginning.
        let Some(fixture) = redis.hget::<_, _, Option<String>>(key, "fixture").await? else {
            return Ok(false);
        };
        let _: i64 = redis.hset(key, "fixture", fixture.replace("\"name\":\"", "\"name\":\"Old ")).await?;
        Ok(true)
    })
    .await;
    assert!(!passed, "{printed}");
    assert!(printed.contains("FAIL: ") && printed.contains("redis: md:match:"), "{printed}");
}
