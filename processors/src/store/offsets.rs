//! Each feed partition's row: who owns it, how far it is processed, how far it is published.

use domain::Sport;
use sqlx::{FromRow, MySqlConnection, MySqlPool};

use super::rows::Advance;

/// The row of one partition.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OffsetRow {
    /// The Kafka cluster that the offset belongs to.
    pub kafka_cluster_id: String,
    /// How often the partition has been taken.
    pub generation: i64,
    /// The feed offset to go on from.
    pub next_offset: i64,
    /// The outbox number to go on from.
    pub next_number: i64,
    /// The highest outbox number that everybody has acknowledged.
    pub published: i64,
}

/// Reads a partition's row, once a transaction that may be changing it has ended.
pub async fn read(pool: &MySqlPool, sport: Sport, partition: i32) -> Result<Option<OffsetRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT kafka_cluster_id, generation, next_offset, next_number, published FROM feed_offsets \
         WHERE sport = ? AND kafka_partition = ? FOR UPDATE",
    )
    .bind(sport.as_str())
    .bind(partition)
    .fetch_optional(pool)
    .await
}

/// Why a partition cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The offsets are of another cluster. Nothing was changed: whoever reads that one goes on undisturbed.
    #[error(
        "the offsets of partition {partition} belong to the Kafka cluster {stored}, this is {found}: \
         a database goes with one cluster"
    )]
    OtherCluster {
        /// The partition.
        partition: i32,
        /// The cluster that the database knows.
        stored: String,
        /// The cluster that this process reads from.
        found: String,
    },
}

/// Takes a partition: its generation grows by 1, and every transaction of a former owner matches no row from here
/// on. A partition never seen begins with offset 0 and number 1.
pub async fn take(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    cluster_id: &str,
) -> Result<OffsetRow, TakeError> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "INSERT IGNORE INTO feed_offsets \
         (sport, kafka_partition, kafka_cluster_id, generation, next_offset, next_number, published) \
         VALUES (?, ?, ?, 0, 0, 1, 0)",
    )
    .bind(sport.as_str())
    .bind(partition)
    .bind(cluster_id)
    .execute(&mut *transaction)
    .await?;
    let mut row: OffsetRow = sqlx::query_as(
        "SELECT kafka_cluster_id, generation, next_offset, next_number, published FROM feed_offsets \
         WHERE sport = ? AND kafka_partition = ? FOR UPDATE",
    )
    .bind(sport.as_str())
    .bind(partition)
    .fetch_one(&mut *transaction)
    .await?;
    if row.kafka_cluster_id != cluster_id {
        transaction.rollback().await?;
        let (stored, found) = (row.kafka_cluster_id, cluster_id.to_owned());
        return Err(TakeError::OtherCluster { partition, stored, found });
    }
    row.generation += 1;
    sqlx::query("UPDATE feed_offsets SET generation = ? WHERE sport = ? AND kafka_partition = ?")
        .bind(row.generation)
        .bind(sport.as_str())
        .bind(partition)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(row)
}

/// Moves a partition on, where its row is still as its owner left it; says whether it was.
pub async fn advance(
    connection: &mut MySqlConnection,
    sport: Sport,
    advance: &Advance,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE feed_offsets SET next_offset = ?, next_number = ? \
         WHERE sport = ? AND kafka_partition = ? AND generation = ? AND next_offset = ? AND next_number = ?",
    )
    .bind(advance.offset_after)
    .bind(advance.number_after)
    .bind(sport.as_str())
    .bind(advance.partition)
    .bind(advance.generation)
    .bind(advance.offset_before)
    .bind(advance.number_before)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that everything up to `number` has reached Redis and Kafka.
pub async fn published(
    pool: &MySqlPool,
    sport: Sport,
    partition: i32,
    generation: i64,
    number: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE feed_offsets SET published = ? \
         WHERE sport = ? AND kafka_partition = ? AND generation = ? AND published < ?",
    )
    .bind(number)
    .bind(sport.as_str())
    .bind(partition)
    .bind(generation)
    .bind(number)
    .execute(pool)
    .await?;
    Ok(())
}
