//! What the feed's partitions have heard of each producer, put together.

use sqlx::FromRow;

use super::Database;

/// Producers told of at most; they are few, and a feed that invents them must not fill an answer.
const PRODUCERS_MAX: u32 = 1_000;

/// One producer, over all sports and feed partitions that have heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Whose producer it is.
    pub provider: String,
    /// Its name.
    pub producer: String,
    /// Whether it said that nothing is lost, in every partition; nothing where a partition has heard no `alive` yet.
    pub subscribed: Option<bool>,
    /// Its last `alive`, in the partition that is furthest behind; nothing where one has heard none yet.
    pub last_alive: Option<LastAlive>,
    /// When a processor last took a message of it, in microseconds since the Unix epoch.
    pub last_message_at: i64,
}

/// When an `alive` was sent and received, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAlive {
    /// When the provider made it.
    pub generated_at: i64,
    /// When ingestion received it, where it says so.
    pub received_at: Option<i64>,
}

#[derive(FromRow)]
struct ProducerRow {
    provider: String,
    producer: String,
    is_heard: bool,
    subscribed: Option<bool>,
    generated_at: Option<i64>,
    received_at: Option<i64>,
    last_message_at: i64,
}

impl Database {
    /// Every producer, in the order of providers and names.
    pub async fn producers(&self) -> anyhow::Result<Vec<Producer>> {
        let sql = "SELECT provider, producer, COUNT(alive_generated_at) = COUNT(*) AS is_heard, \
                   MIN(subscribed) AS subscribed, MIN(alive_generated_at) AS generated_at, \
                   MIN(alive_received_at) AS received_at, MAX(last_message_at) AS last_message_at \
                   FROM producers GROUP BY provider, producer ORDER BY provider, producer LIMIT ?";
        let rows: Vec<ProducerRow> = sqlx::query_as(sql).bind(PRODUCERS_MAX).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Producer::from).collect())
    }
}

impl From<ProducerRow> for Producer {
    fn from(row: ProducerRow) -> Self {
        let alive = |generated_at| LastAlive { generated_at, received_at: row.received_at };
        Self {
            subscribed: row.subscribed.filter(|_| row.is_heard),
            last_alive: row.generated_at.filter(|_| row.is_heard).map(alive),
            last_message_at: row.last_message_at,
            provider: row.provider,
            producer: row.producer,
        }
    }
}
