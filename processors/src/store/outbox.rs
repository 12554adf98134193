//! The outbox: what is committed and perhaps not yet published.

use domain::{EventId, Sport, Timestamp};
use sqlx::{FromRow, MySqlPool};

use super::rows::DeadLetterRow;

/// Dead letters of a partition that are forgotten with one statement.
const FORGOTTEN_MAX: u32 = 1_000;

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

/// Forgets dead letters that were refused before this and are published, whatever their sport: their topic keeps them. Of each
/// partition one page at most.
///
/// # Errors
/// When the database fails.
pub async fn forget_letters_before(pool: &MySqlPool, since: Timestamp) -> Result<(), sqlx::Error> {
    let partitions: Vec<(String, i32, i64)> = sqlx::query_as(
        "SELECT sport, kafka_partition, published FROM feed_offsets ORDER BY sport, kafka_partition",
    )
    .fetch_all(pool)
    .await?;
    for (sport, partition, published) in partitions {
        let oldest: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT number, refused_at FROM dead_letters \
             WHERE sport = ? AND kafka_partition = ? AND number <= ? ORDER BY number LIMIT ?",
        )
        .bind(&sport)
        .bind(partition)
        .bind(published)
        .bind(FORGOTTEN_MAX)
        .fetch_all(pool)
        .await?;
        let past = oldest.into_iter().take_while(|(_, refused_at)| *refused_at < since.0).last();
        let Some((last, _)) = past else { continue };
        sqlx::query("DELETE FROM dead_letters WHERE sport = ? AND kafka_partition = ? AND number <= ?")
            .bind(&sport)
            .bind(partition)
            .bind(last)
            .execute(pool)
            .await?;
    }
    Ok(())
}
