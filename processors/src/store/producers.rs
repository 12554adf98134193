//! What is kept of producers, and the events that have to hear of them.

use domain::{EventId, Name, Producer, Source, Sport, Timestamp};
use sqlx::{FromRow, MySqlConnection, MySqlPool};

use super::load::LoadError;
use super::rows::WatchedRow;
use crate::producers::{Sweep, Watched};

/// Events looked at with one statement.
const PAGE: u32 = 200;

/// The producers watched in these partitions.
pub async fn watched(
    pool: &MySqlPool,
    sport: Sport,
    partitions: &[i32],
) -> Result<Vec<WatchedRow>, LoadError> {
    let mut rows = Vec::new();
    for &partition in partitions {
        let found: Vec<Row> = sqlx::query_as(
            "SELECT provider, producer, state, reason, since, alive_at, alive_since, \
             COALESCE(alive_generated_at, 0) AS alive_generated_at, trusted_until, swept_to FROM producers \
             WHERE sport = ? AND kafka_partition = ? AND state IS NOT NULL",
        )
        .bind(sport.as_str())
        .bind(partition)
        .fetch_all(pool)
        .await?;
        for row in found {
            rows.push(row.read(partition).map_err(LoadError::Damaged)?);
        }
    }
    Ok(rows)
}

#[derive(FromRow)]
struct Row {
    provider: String,
    producer: String,
    state: String,
    reason: String,
    since: i64,
    alive_at: i64,
    alive_since: i64,
    alive_generated_at: i64,
    trusted_until: i64,
    swept_to: Option<String>,
}

impl Row {
    fn read(self, partition: i32) -> anyhow::Result<WatchedRow> {
        let source = Source { provider: Name::new(&self.provider)?, producer: Name::new(&self.producer)? };
        let producer = Producer {
            state: self.state.parse()?,
            reason: self.reason.parse()?,
            since: Timestamp(self.since),
            alive_at: Timestamp(self.alive_at),
            alive_since: Timestamp(self.alive_since),
            alive_generated_at: Timestamp(self.alive_generated_at),
            trusted_until: Timestamp(self.trusted_until),
        };
        Ok(WatchedRow { partition, source, watched: Watched { producer, swept_to: self.swept_to } })
    }
}

/// Writes what is known of a producer whose row is there, with what its last `alive` said: it has been heard.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    sport: Sport,
    row: &WatchedRow,
) -> Result<(), sqlx::Error> {
    let WatchedRow { partition, source, watched: Watched { producer, swept_to } } = row;
    sqlx::query(
        "UPDATE producers SET state = ?, reason = ?, since = ?, alive_at = ?, alive_since = ?, trusted_until = ?, \
         swept_to = ? \
         WHERE sport = ? AND kafka_partition = ? AND provider = ? AND producer = ?",
    )
    .bind(producer.state.as_str())
    .bind(producer.reason.as_str())
    .bind(producer.since.0)
    .bind(producer.alive_at.0)
    .bind(producer.alive_since.0)
    .bind(producer.trusted_until.0)
    .bind(swept_to)
    .bind(sport.as_str())
    .bind(partition)
    .bind(source.provider.as_str())
    .bind(source.producer.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Some of a partition's events, in the order of their ids.
#[derive(Debug)]
pub struct Page {
    /// Those that may have to hear of the producer; some, where there are more.
    pub events: Vec<EventId>,
    /// Up to where they were looked at; `None`: there are no more.
    pub to: Option<String>,
}

/// The next events of a sweep: of a producer that is trusted no longer those with an open market, whoever offers it; of one
/// that is trusted again those with a market that is shut because its producer is down, and where it took the last room there was
/// both. Events of the past have neither, and are not read, however many there are.
pub async fn page(pool: &MySqlPool, sport: Sport, sweep: &Sweep) -> Result<Page, LoadError> {
    let sql = match (sweep.is_trusted, sweep.is_full) {
        (true, true) => {
            "SELECT event_id FROM events WHERE sport = ? AND kafka_partition = ? \
             AND (is_distrusted = TRUE OR is_open = TRUE) AND event_id > ? ORDER BY event_id LIMIT ?"
        }
        (true, false) => {
            "SELECT event_id FROM events WHERE sport = ? AND kafka_partition = ? AND is_distrusted = TRUE \
             AND event_id > ? ORDER BY event_id LIMIT ?"
        }
        (false, _) => {
            "SELECT event_id FROM events WHERE sport = ? AND kafka_partition = ? AND is_open = TRUE \
             AND event_id > ? ORDER BY event_id LIMIT ?"
        }
    };
    let ids: Vec<String> = sqlx::query_scalar(sql)
        .bind(sport.as_str())
        .bind(sweep.partition)
        .bind(&sweep.after)
        .bind(PAGE)
        .fetch_all(pool)
        .await?;
    let events = ids.iter().map(EventId::new).collect::<Result<Vec<_>, _>>();
    let is_full = ids.len() >= PAGE as usize;
    Ok(Page {
        events: events.map_err(|error| LoadError::Damaged(error.into()))?,
        to: ids.last().filter(|_| is_full).cloned(),
    })
}
