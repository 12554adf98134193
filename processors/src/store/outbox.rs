//! The outbox: what is committed and perhaps not yet published.

use domain::{EventId, Sport};
use sqlx::{FromRow, MySqlPool};

use super::rows::DeadLetterRow;

/// An update as it stands in the log.
#[derive(Debug, FromRow)]
pub struct LoggedUpdate {
    /// The outbox number.
    pub number: i64,
    /// The event.
    pub event_id: String,
    /// JSON of [`domain::Update`], exactly as published.
    pub payload: Vec<u8>,
}

#[derive(FromRow)]
struct LoggedDeadLetter {
    number: i64,
    feed_offset: i64,
    record_key: Option<Vec<u8>>,
    reason: String,
    pointer: String,
    refused_at: i64,
    payload: Vec<u8>,
}

/// Up to `limit` updates of a partition with numbers above `after`, in order.
pub async fn updates(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    after: i64,
    limit: u32,
) -> Result<Vec<LoggedUpdate>, sqlx::Error> {
    sqlx::query_as(
        "SELECT number, event_id, payload FROM updates \
         WHERE sport = ? AND kafka_partition = ? AND number > ? ORDER BY number LIMIT ?",
    )
    .bind(sport.as_str())
    .bind(partition)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// The events of a partition that have updates with numbers above `after`.
pub async fn events(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    after: i64,
) -> anyhow::Result<Vec<EventId>> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT event_id FROM updates WHERE sport = ? AND kafka_partition = ? AND number > ?",
    )
    .bind(sport.as_str())
    .bind(partition)
    .bind(after)
    .fetch_all(pool)
    .await?;
    ids.iter().map(|id| Ok(EventId::new(id)?)).collect()
}

/// Up to `limit` dead letters of a partition with numbers above `after`, in order.
pub async fn dead_letters(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    after: i64,
    limit: u32,
) -> Result<Vec<DeadLetterRow>, sqlx::Error> {
    let rows: Vec<LoggedDeadLetter> = sqlx::query_as(
        "SELECT number, feed_offset, record_key, reason, pointer, refused_at, payload FROM dead_letters \
         WHERE sport = ? AND kafka_partition = ? AND number > ? ORDER BY number LIMIT ?",
    )
    .bind(sport.as_str())
    .bind(partition)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DeadLetterRow {
            partition,
            number: row.number,
            feed_offset: row.feed_offset,
            key: row.record_key,
            reason: row.reason,
            pointer: row.pointer,
            refused_at: row.refused_at,
            payload: row.payload,
        })
        .collect())
}
