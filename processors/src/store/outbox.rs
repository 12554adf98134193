//! The outbox: what is committed and perhaps not yet published.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventId, Sport, Timestamp};
use sqlx::{AssertSqlSafe, FromRow, MySqlPool};

use super::error_number;
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

/// Where updates may be: in the log, or in what is left of a day that is being dropped, whose rows go back into the log where they
/// are not published. They move from the one to the other and back, so the log is looked at before and after.
const PLACES: [&str; 3] = ["updates", "updates_past", "updates"];

/// Up to `limit` updates of a partition with numbers above `after`, in order.
pub async fn updates(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    after: i64,
    limit: u32,
) -> Result<Vec<LoggedUpdate>, sqlx::Error> {
    let mut found = BTreeMap::new();
    for table in PLACES {
        let sql = format!(
            "SELECT number, event_id, payload FROM {table} \
             WHERE sport = ? AND kafka_partition = ? AND number > ? ORDER BY number LIMIT ?"
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(sport.as_str()).bind(partition).bind(after);
        let page: Vec<LoggedUpdate> = none_without_table(query.bind(limit).fetch_all(pool).await)?;
        found.extend(page.into_iter().map(|update| (update.number, update)));
    }
    Ok(found.into_values().take(limit as usize).collect())
}

/// The events of a partition that have updates with numbers above `after`.
pub async fn events(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    after: i64,
) -> anyhow::Result<Vec<EventId>> {
    let mut found = BTreeSet::new();
    for table in PLACES {
        let sql = format!(
            "SELECT DISTINCT event_id FROM {table} WHERE sport = ? AND kafka_partition = ? AND number > ?"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(sport.as_str()).bind(partition).bind(after);
        let ids: Vec<String> = none_without_table(query.fetch_all(pool).await)?;
        found.extend(ids);
    }
    found.iter().map(|id| Ok(EventId::new(id)?)).collect()
}

/// What was found in a table that is there only while a day is being dropped.
fn none_without_table<T>(found: Result<Vec<T>, sqlx::Error>) -> Result<Vec<T>, sqlx::Error> {
    const NO_SUCH_TABLE: u16 = 1146;
    match found {
        Err(error) if error_number(&error) == Some(NO_SUCH_TABLE) => Ok(Vec::new()),
        found => found,
    }
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
