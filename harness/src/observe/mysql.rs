//! What MySQL ends with: the events, and the update log that led there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{MySqlPool, QueryBuilder, Row};

use super::{Picture, Pictures, Reading};
use crate::anomaly::Kind;
use crate::oracle::Entry;

/// The place that is read here.
const PLACE: &str = "mysql";

/// An update that a gap led to.
const GAP: &str = r#"'%"cause":{"type":"gap"%'"#;
/// About how many events is asked at once.
const EVENTS_AT_ONCE: usize = 500;

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

/// How a producer stood before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// When its last sign of life was received, in microseconds since the epoch.
    pub alive_at: i64,
    /// Whether it was up in any partition.
    pub was_up: bool,
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

    /// The versions of these events that no message led to but a gap, a refused message or a producer that went down or came up.
    /// Looks at every update of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turns(&self, events: &[String]) -> anyhow::Result<BTreeMap<String, Vec<u64>>> {
        let causes = [r#"'%"cause":{"type":"producer_%'"#, GAP, r#"'%"cause":{"type":"dead_letter"%'"#];
        self.caused(events, &causes).await
    }

    /// Those of these events of which a gap was declared.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gaps(&self, events: &[String]) -> anyhow::Result<BTreeSet<String>> {
        Ok(self.caused(events, &[GAP]).await?.into_keys().collect())
    }

    /// The versions of these events whose updates are like one of these patterns.
    async fn caused(
        &self,
        events: &[String],
        patterns: &[&'static str],
    ) -> anyhow::Result<BTreeMap<String, Vec<u64>>> {
        let mut versions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for events in events.chunks(EVENTS_AT_ONCE) {
            let mut sql =
                QueryBuilder::<sqlx::MySql>::new("SELECT event_id, version FROM updates WHERE event_id IN (");
            let mut listed = sql.separated(", ");
            for event_id in events {
                listed.push_bind(event_id.as_str());
            }
            let like = patterns.iter().map(|pattern| format!("payload LIKE {pattern}")).collect::<Vec<_>>();
            sql.push(format!(") AND ({}) ORDER BY event_id, version", like.join(" OR ")));
            for row in sql.build().fetch_all(&self.pool).await? {
                versions.entry(row.try_get(0)?).or_default().push(unsigned(row.try_get(1)?)?);
            }
        }
        Ok(versions)
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

    /// How each producer stands, by provider and name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heard(&self) -> anyhow::Result<BTreeMap<(String, String), Before>> {
        let sql = "SELECT provider, producer, MAX(alive_received_at), CAST(SUM(state = 'up') AS SIGNED) FROM producers \
                   WHERE alive_received_at IS NOT NULL GROUP BY provider, producer";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        let heard = |row: &sqlx::mysql::MySqlRow| {
            let was_up = row.try_get::<Option<i64>, _>(3)?.is_some_and(|partitions| partitions > 0);
            Ok(((row.try_get(0)?, row.try_get(1)?), Before { alive_at: row.try_get(2)?, was_up }))
        };
        rows.iter().map(heard).collect()
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
    /// When the database fails, or a row cannot be as it is.
    pub async fn pictures(&self) -> anyhow::Result<Pictures> {
        self.read().await?.whole()
    }

    /// The same, with rows that cannot be as they are beside it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self) -> anyhow::Result<Reading> {
        let mut reading = Reading::default();
        // All three tables as they are at one moment, while a processor may go on writing.
        let mut snapshot = self.pool.begin().await?;
        let events = "SELECT event_id, version, status, match_status, home_score, away_score, home_name, away_name, \
                      scheduled_start, state FROM events";
        for row in sqlx::query(events).fetch_all(&mut *snapshot).await? {
            let event_id: String = row.try_get("event_id")?;
            let (version, state) = (row.try_get("version")?, row.try_get("state")?);
            match event(version, state) {
                Ok(mut picture) => {
                    put_columns_over(&mut picture, &row)?;
                    reading.pictures.insert(event_id, picture);
                }
                Err(error) => reading.note_unread(Kind::WrongValueAtVersion, PLACE, &event_id, &error),
            }
        }
        let markets = "SELECT event_id, CONCAT('market:', market_key), value, status FROM markets \
                       WHERE value IS NOT NULL";
        for row in sqlx::query(markets).fetch_all(&mut *snapshot).await? {
            let status: Option<String> = row.try_get(3)?;
            let value = serde_json::from_str(row.try_get(2)?).map(|mut value: Value| {
                value["status"] = Value::from(status);
                value
            });
            put(&mut reading, row.try_get(0)?, row.try_get(1)?, value);
        }
        let incidents = "SELECT event_id, CONCAT('incident:', incident_id), value FROM incidents \
                         WHERE value IS NOT NULL";
        for row in sqlx::query(incidents).fetch_all(&mut *snapshot).await? {
            put(&mut reading, row.try_get(0)?, row.try_get(1)?, serde_json::from_str(row.try_get(2)?));
        }
        Ok(reading)
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

fn event(version: i64, state: &str) -> anyhow::Result<Picture> {
    let state: Value = serde_json::from_str(state).context("its state")?;
    let mut picture = Picture { version: unsigned(version)?, values: BTreeMap::new() };
    for key in ["fixture", "status"] {
        picture.set(key, state.pointer(&format!("/{key}/value")).cloned().unwrap_or_default());
    }
    Ok(picture)
}

/// Adds the row of a key to its event.
fn put(reading: &mut Reading, event_id: &str, key: &str, value: serde_json::Result<Value>) {
    let must_be = match (reading.pictures.get_mut(event_id), value) {
        (Some(picture), Ok(value)) => return picture.set(key, value),
        // Where its event cannot be read, that has been said.
        (None, _) if reading.unread.contains(event_id) => return,
        (None, _) => (Kind::Phantom, "of an event that is there", "there without its event".to_owned()),
        (Some(_), Err(error)) => (Kind::WrongValueAtVersion, "readable", error.to_string()),
    };
    let (kind, expected, found) = must_be;
    reading.note_broken(kind, PLACE, event_id, key, (expected, &found));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_its_event_and_one_that_is_no_json_are_named_and_the_others_are_read() {
        let mut reading = Reading::default();
        let state = r#"{"status":{"value":{"score":1}},"fixture":{"value":null}}"#;
        reading.pictures.insert("there".to_owned(), event(4, state).unwrap());
        assert!(event(-1, state).is_err() && event(4, "").is_err());
        put(&mut reading, "there", "market:1", serde_json::from_str("{}"));
        put(&mut reading, "there", "market:2", serde_json::from_str("{"));
        put(&mut reading, "gone", "market:3", serde_json::from_str("{}"));
        let values: Vec<&str> = reading.pictures["there"].values.keys().map(String::as_str).collect();
        assert_eq!(values, ["market:1", "status"]);
        let told: Vec<_> =
            reading.broken.iter().map(|(kind, example)| (*kind, example.what.as_str())).collect();
        assert_eq!(told, [(Kind::WrongValueAtVersion, "market:2"), (Kind::Phantom, "market:3")]);
    }
}
