//! The update log of one event, as the processors keep it: what was published, byte for byte.

use anyhow::Context;
use domain::EventId;
use sqlx::MySqlConnection;

use super::{Database, unsigned};

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// Only updates above this version.
    pub after: u64,
    /// So many updates at most.
    pub updates_max: u32,
    /// So many bytes of them at most; one update always fits.
    pub bytes_max: u64,
}

/// A part of an event's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The version the event has reached.
    pub version: u64,
    /// The oldest version that the log still has; nothing where it has none.
    pub oldest: Option<u64>,
    /// Each update's version and JSON, in order. They begin above the version asked for where the log no longer
    /// reaches back to it.
    pub updates: Vec<(u64, Vec<u8>)>,
}

impl Database {
    /// A part of an event's log; `None` where nothing is known of the event.
    pub async fn log(&self, event_id: &EventId, range: LogRange) -> anyhow::Result<Option<LogPage>> {
        let mut snapshot = self.snapshot().await?;
        let page =
            read(&mut snapshot, event_id, range).await.with_context(|| format!("log of {event_id}"))?;
        snapshot.rollback().await?;
        Ok(page)
    }
}

async fn read(
    connection: &mut MySqlConnection,
    event_id: &EventId,
    range: LogRange,
) -> anyhow::Result<Option<LogPage>> {
    // Always the oldest too: `(event_id, version)` is a key, so it is one step to it.
    let sql = "SELECT version, (SELECT MIN(version) FROM updates WHERE updates.event_id = events.event_id) \
               FROM events WHERE event_id = ? AND version > 0";
    let row: Option<(i64, Option<i64>)> =
        sqlx::query_as(sql).bind(event_id.as_str()).fetch_optional(&mut *connection).await?;
    let Some((version, oldest)) = row else { return Ok(None) };
    let oldest = oldest.map(unsigned).transpose()?;
    let until = last_fitting(connection, event_id, range).await?;
    let sql = "SELECT version, payload FROM updates WHERE event_id = ? AND version > ? AND version <= ? \
               ORDER BY version";
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql)
        .bind(event_id.as_str())
        .bind(range.after)
        .bind(until)
        .fetch_all(&mut *connection)
        .await?;
    let read = |(version, payload)| anyhow::Ok((unsigned(version)?, payload));
    let updates = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Some(LogPage { version: unsigned(version)?, oldest, updates }))
}

/// The last version that the limits allow; found before any payload is read.
async fn last_fitting(
    connection: &mut MySqlConnection,
    event_id: &EventId,
    range: LogRange,
) -> anyhow::Result<i64> {
    let sql = "SELECT version, LENGTH(payload) FROM updates WHERE event_id = ? AND version > ? \
               ORDER BY version LIMIT ?";
    let sizes: Vec<(i64, i64)> = sqlx::query_as(sql)
        .bind(event_id.as_str())
        .bind(range.after)
        .bind(range.updates_max)
        .fetch_all(&mut *connection)
        .await?;
    let mut bytes = 0_u64;
    let mut until = 0;
    for (index, (version, length)) in sizes.into_iter().enumerate() {
        bytes = bytes.saturating_add(unsigned(length)?);
        if index > 0 && bytes > range.bytes_max {
            break;
        }
        until = version;
    }
    Ok(until)
}
