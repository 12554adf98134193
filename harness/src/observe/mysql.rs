//! What MySQL ends with: the events, and the update log that led there.

use std::collections::BTreeMap;

use anyhow::Context;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{MySqlPool, Row};

use super::{Picture, Pictures};
use crate::oracle::Entry;

/// What the update log of one event says of its steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The versions it has, in order.
    pub versions: Vec<u64>,
    /// The ids of the messages that led to them, in order of versions.
    pub message_ids: Vec<String>,
}

/// How far a feed partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The first message that is not processed.
    pub next_offset: i64,
    /// Updates that are committed and not published.
    pub unpublished: u64,
}

/// Reads MySQL or MariaDB.
#[derive(Debug, Clone)]
pub struct Mysql {
    pool: MySqlPool,
}

impl Mysql {
    /// Connects at the first question.
    ///
    /// # Errors
    /// When the address is not valid.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { pool: MySqlPoolOptions::new().max_connections(2).connect_lazy(url)? })
    }

    /// The pool, for a test that changes things by hand.
    #[must_use]
    pub fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Every event's version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn versions(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let rows = sqlx::query("SELECT event_id, version FROM events").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)?))).collect()
    }

    /// The versions, by event, that no message led to but a gap, a refused message or a producer that went down or came up. Looks at every update.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turns(&self) -> anyhow::Result<BTreeMap<String, Vec<u64>>> {
        let sql = r#"SELECT event_id, version FROM updates WHERE payload LIKE '%"cause":{"type":"producer_%'
                     OR payload LIKE '%"cause":{"type":"gap"%' OR payload LIKE '%"cause":{"type":"dead_letter"%'
                     ORDER BY event_id, version"#;
        let mut turns: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for row in sqlx::query(sql).fetch_all(&self.pool).await? {
            turns.entry(row.try_get(0)?).or_default().push(unsigned(row.try_get(1)?)?);
        }
        Ok(turns)
    }

    /// How often each feed partition has been taken, by sport and number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn generations(&self) -> anyhow::Result<BTreeMap<(String, i32), i64>> {
        let sql = "SELECT sport, kafka_partition, generation FROM feed_offsets";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
    }

    /// How far each feed partition is, by sport and number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self) -> anyhow::Result<BTreeMap<(String, i32), Standing>> {
        let sql = "SELECT sport, kafka_partition, next_offset, next_number - published - 1 FROM feed_offsets";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        let standing = |row: &sqlx::mysql::MySqlRow| {
            let unpublished = u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default();
            let standing = Standing { next_offset: row.try_get(2)?, unpublished };
            Ok(((row.try_get(0)?, row.try_get(1)?), standing))
        };
        rows.iter().map(standing).collect()
    }

    /// Whether everything that is committed has reached Redis and Kafka.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_published(&self) -> anyhow::Result<bool> {
        let sql = "SELECT COUNT(*) FROM feed_offsets WHERE published + 1 < next_number";
        let behind: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(behind == 0)
    }

    /// The store's id, which prefixes the keys in Redis.
    ///
    /// # Errors
    /// When the database fails or was never migrated.
    pub async fn store_id(&self) -> anyhow::Result<String> {
        sqlx::query_scalar("SELECT store_id FROM store")
            .fetch_one(&self.pool)
            .await
            .context("reading the store id")
    }

    /// Every event.
    ///
    /// # Errors
    /// When the database fails, or a row contradicts itself.
    pub async fn pictures(&self) -> anyhow::Result<Pictures> {
        let mut pictures = Pictures::new();
        // All three tables as they are at one moment, while a processor may go on writing.
        let mut snapshot = self.pool.begin().await?;
        let events = "SELECT event_id, version, status, match_status, home_score, away_score, home_name, away_name, \
                      scheduled_start, state FROM events";
        for row in sqlx::query(events).fetch_all(&mut *snapshot).await? {
            let state: Value = serde_json::from_str(row.try_get("state")?)?;
            let mut picture =
                Picture { version: unsigned(row.try_get("version")?)?, values: BTreeMap::new() };
            for key in ["fixture", "status"] {
                picture.set(key, state.pointer(&format!("/{key}/value")).cloned().unwrap_or_default());
            }
            let event_id: String = row.try_get("event_id")?;
            put_columns_over(&mut picture, &row)?;
            pictures.insert(event_id, picture);
        }
        let markets = "SELECT event_id, CONCAT('market:', market_key), value, status FROM markets \
                       WHERE value IS NOT NULL";
        for row in sqlx::query(markets).fetch_all(&mut *snapshot).await? {
            let mut value: Value = serde_json::from_str(row.try_get(2)?)?;
            value["status"] = Value::from(row.try_get::<Option<String>, _>(3)?);
            put(&mut pictures, &row, value)?;
        }
        let incidents = "SELECT event_id, CONCAT('incident:', incident_id), value FROM incidents \
                         WHERE value IS NOT NULL";
        for row in sqlx::query(incidents).fetch_all(&mut *snapshot).await? {
            let value = serde_json::from_str(row.try_get(2)?)?;
            put(&mut pictures, &row, value)?;
        }
        Ok(pictures)
    }

    /// The steps of every event's update log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logs(&self) -> anyhow::Result<BTreeMap<String, Log>> {
        /// Of an update only what led to it: there are many, and most of each is of no use here.
        #[derive(Deserialize)]
        struct Payload {
            cause: Option<Cause>,
        }
        #[derive(Deserialize)]
        struct Cause {
            message_id: Option<String>,
        }

        let sql = "SELECT event_id, version, payload FROM updates ORDER BY event_id, version";
        let mut logs: BTreeMap<String, Log> = BTreeMap::new();
        let mut rows = sqlx::query(sql).fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            let log = logs.entry(row.try_get(0)?).or_default();
            log.versions.push(unsigned(row.try_get(1)?)?);
            let payload: Payload = serde_json::from_slice(row.try_get(2)?)?;
            log.message_ids.extend(payload.cause.and_then(|cause| cause.message_id));
        }
        Ok(logs)
    }

    /// An event's update log, in order of versions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log(&self, event_id: &str) -> anyhow::Result<Vec<Entry>> {
        let sql = "SELECT version, payload FROM updates WHERE event_id = ? ORDER BY version";
        let rows = sqlx::query(sql).bind(event_id).fetch_all(&self.pool).await?;
        let entry = |row: &sqlx::mysql::MySqlRow| {
            Ok(Entry { version: unsigned(row.try_get(0)?)?, payload: row.try_get(1)? })
        };
        rows.iter().map(entry).collect()
    }
}

/// Adds a row that begins with an event's id and a key.
fn put(pictures: &mut Pictures, row: &sqlx::mysql::MySqlRow, value: Value) -> anyhow::Result<()> {
    let (event_id, key): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let picture = pictures.get_mut(&event_id);
    picture.with_context(|| format!("{key} is of {event_id}, which `events` does not have"))?.set(key, value);
    Ok(())
}

/// The columns that people read count as much as the JSON beside them: what they say is what is judged.
fn put_columns_over(picture: &mut Picture, row: &sqlx::mysql::MySqlRow) -> anyhow::Result<()> {
    if let Some(status) = picture.values.get_mut("status") {
        status["status"] = Value::from(row.try_get::<Option<String>, _>("status")?);
        status["match_status"] = Value::from(row.try_get::<Option<String>, _>("match_status")?);
        status["score"]["home"] = Value::from(row.try_get::<Option<i32>, _>("home_score")?);
        status["score"]["away"] = Value::from(row.try_get::<Option<i32>, _>("away_score")?);
    }
    if let Some(fixture) = picture.values.get_mut("fixture") {
        fixture["home"]["name"] = Value::from(row.try_get::<Option<String>, _>("home_name")?);
        fixture["away"]["name"] = Value::from(row.try_get::<Option<String>, _>("away_name")?);
        fixture["scheduled_start"] = Value::from(row.try_get::<Option<i64>, _>("scheduled_start")?);
    }
    Ok(())
}

fn unsigned(version: i64) -> anyhow::Result<u64> {
    u64::try_from(version).context("a version is negative")
}
