//! MySQL: the truth, read as the processors write it.

use std::time::Duration;

use anyhow::Context;
use domain::{EventId, EventStatus, Key, Sport};
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{FromRow, MySql, MySqlConnection, MySqlPool, Transaction};

use crate::image::{Entry, Image};

mod listing;
mod log;
mod producers;
pub mod sports;

pub use listing::{EventFilter, EventPage, EventRow};
pub use log::{LogPage, LogRange};
pub use producers::{Producer, Rest, Trust};

/// The statuses after which nothing more is played.
const OVER: [EventStatus; 4] =
    [EventStatus::Ended, EventStatus::Closed, EventStatus::Cancelled, EventStatus::Abandoned];

/// The database of one store.
pub struct Database {
    pool: MySqlPool,
}

/// An event that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEvent {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// The version it has reached.
    pub version: u64,
}

/// The part of an event's stored state that clients see.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    fixture: Option<HeadEntry<'a>>,
    #[serde(borrow)]
    status: Option<HeadEntry<'a>>,
}

#[derive(Deserialize)]
struct HeadEntry<'a> {
    version: u64,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(FromRow)]
struct KeyRow {
    name: String,
    version: i64,
    value: Option<String>,
}

impl Database {
    /// A database at `mysql://…` that is connected to when it is first asked.
    pub fn new(url: &str, connections_max: u32) -> anyhow::Result<Self> {
        let options: MySqlConnectOptions = url.parse().context("the MySQL address is not valid")?;
        let pool = MySqlPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(Duration::from_secs(3))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // What a snapshot needs, whatever the server's own setting is.
                    let level = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
                    sqlx::raw_sql(level).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The id that the first migration chose.
    pub async fn store_id(&self) -> anyhow::Result<String> {
        sqlx::query_scalar("SELECT store_id FROM store").fetch_one(&self.pool).await.context("no store id")
    }

    /// All events of which more may be played.
    pub async fn open_events(&self) -> anyhow::Result<Vec<OpenEvent>> {
        let sql =
            "SELECT event_id, sport, version FROM events WHERE status IS NULL OR status NOT IN (?, ?, ?, ?)";
        let rows = OVER.iter().fold(sqlx::query_as(sql), |query, status| query.bind(status.as_str()));
        let rows: Vec<(String, String, i64)> = rows.fetch_all(&self.pool).await?;
        let read = |(id, sport, version): (String, String, i64)| {
            let event_id = id.parse().with_context(|| format!("event {id}"))?;
            Ok(OpenEvent { event_id, sport: sport.parse()?, version: u64::try_from(version)? })
        };
        rows.into_iter().map(read).collect()
    }

    /// An event with all its keys; `None` where it is not stored.
    pub async fn load(&self, event_id: &EventId) -> anyhow::Result<Option<Image>> {
        let mut snapshot = self.snapshot().await?;
        let image = read(&mut snapshot, event_id).await.with_context(|| format!("event {event_id}"))?;
        snapshot.rollback().await?;
        Ok(image)
    }

    /// All tables as they are at one moment, so that what is read of one belongs to what is read of another.
    async fn snapshot(&self) -> Result<Transaction<'static, MySql>, sqlx::Error> {
        self.pool.begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await
    }
}

async fn read(connection: &mut MySqlConnection, event_id: &EventId) -> anyhow::Result<Option<Image>> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT sport, version, state FROM events WHERE event_id = ?")
            .bind(event_id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    let Some((sport, version, state)) = row else { return Ok(None) };
    let sport: Sport = sport.parse()?;
    let mut entries = read_head(&state).context("state")?;
    for sql in [
        "SELECT CONCAT('market:', market_key) AS name, version, value FROM markets WHERE event_id = ?",
        "SELECT CONCAT('incident:', incident_id) AS name, version, value FROM incidents WHERE event_id = ?",
    ] {
        let rows: Vec<KeyRow> =
            sqlx::query_as(sql).bind(event_id.as_str()).fetch_all(&mut *connection).await?;
        for row in rows {
            let entry = Entry { version: u64::try_from(row.version)?, value: row.value.map(Into::into) };
            entries.push((row.name.parse()?, entry));
        }
    }
    Ok(Some(Image::stored(event_id.clone(), sport, u64::try_from(version)?, entries)))
}

/// What the database counts is never negative.
fn unsigned(count: i64) -> anyhow::Result<u64> {
    u64::try_from(count).with_context(|| format!("{count} is negative"))
}

fn read_head(state: &str) -> anyhow::Result<Vec<(Key, Entry)>> {
    let head: Head<'_> = serde_json::from_str(state)?;
    let keys = [(Key::Fixture, head.fixture), (Key::Status, head.status)];
    let present = keys.into_iter().filter_map(|(key, entry)| Some((key, entry?)));
    Ok(present
        .map(|(key, entry)| (key, Entry { version: entry.version, value: Some(entry.value.get().into()) }))
        .collect())
}

#[cfg(test)]
mod tests {
    use domain::event::{Head as StoredHead, Versioned};
    use domain::{Competitor, Fixture, Timestamp};

    use super::*;

    #[test]
    fn the_stored_head_is_read_without_its_values_being_decoded() {
        let side = |id: &str| Competitor {
            id: id.parse().expect("a URN"),
            name: "A team".parse().expect("a text"),
            abbreviation: None,
        };
        let fixture = Fixture {
            scheduled_start: Timestamp(5),
            tournament: None,
            home: side("md:competitor:1"),
            away: side("md:competitor:2"),
        };
        let value = serde_json::to_string(&fixture).expect("JSON");
        let head = StoredHead {
            version: 9,
            fixture: Some(Versioned { version: 3, value: fixture }),
            ..StoredHead::default()
        };
        let entries = read_head(&serde_json::to_string(&head).expect("JSON")).expect("a head");
        assert_eq!(entries, [(Key::Fixture, Entry { version: 3, value: Some(value.into()) })]);
    }

    #[test]
    fn no_event_of_which_more_may_be_played_is_left_out() {
        assert!(OVER.into_iter().all(EventStatus::is_final));
    }
}
