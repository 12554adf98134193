//! The transaction: offsets with their fence first, then everything the batch changed, then COMMIT.

use sqlx::{Connection, MySqlConnection, MySqlPool};

use super::rows::{Advance, DeadLetterRow, EventRows, HeldRow, IncidentRow, MarketRow, UpdateRow, Writes};
use super::statement::Insert;
use super::{Failure, offsets};

/// How a transaction ended.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A partition's row no longer carries this process's generation and offset: another process owns it.
    #[error(
        "partition {partition} is no longer ours: generation {generation} at offset {offset} matches no row"
    )]
    Fenced {
        /// The partition.
        partition: i32,
        /// The generation this process held.
        generation: i64,
        /// The offset this process expected.
        offset: i64,
    },
    /// Something in the batch makes the database refuse it, every time.
    #[error("the database refuses the batch: {0}")]
    Refused(#[source] sqlx::Error),
    /// The database did not answer, or the transaction kept running into others'. Nothing was committed.
    #[error("the database is away: {0}")]
    Away(#[source] sqlx::Error),
}

/// Attempts of a transaction that meets deadlocks before the database counts as away.
const ATTEMPTS_MAX: u32 = 10;

/// Commits `writes` whole, or nothing of it.
pub async fn commit(pool: &MySqlPool, writes: &Writes) -> Result<(), CommitError> {
    let mut attempt = 1;
    loop {
        let error = match attempt_commit(pool, writes).await {
            Ok(()) => return Ok(()),
            Err(Attempt::Fenced(advance)) => {
                return Err(CommitError::Fenced {
                    partition: advance.partition,
                    generation: advance.generation,
                    offset: advance.offset_before,
                });
            }
            Err(Attempt::Failed(error)) => error,
            Err(Attempt::Unanswered(error)) => return settle_unanswered(pool, writes, error).await,
        };
        match Failure::of(&error) {
            Failure::Retry if attempt < ATTEMPTS_MAX => {
                tracing::debug!(attempt, %error, "transaction tried again");
                attempt += 1;
            }
            Failure::Retry | Failure::Away => return Err(CommitError::Away(error)),
            Failure::Permanent => return Err(CommitError::Refused(error)),
        }
    }
}

enum Attempt {
    Fenced(Advance),
    /// Before COMMIT: nothing has happened.
    Failed(sqlx::Error),
    /// COMMIT was sent and no answer came.
    Unanswered(sqlx::Error),
}

impl From<sqlx::Error> for Attempt {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

async fn attempt_commit(pool: &MySqlPool, writes: &Writes) -> Result<(), Attempt> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    for advance in &writes.advances {
        if !offsets::advance(&mut transaction, writes.sport, advance).await? {
            transaction.rollback().await?;
            return Err(Attempt::Fenced(*advance));
        }
    }
    write_rows(&mut transaction, writes).await?;
    transaction.commit().await.map_err(|error| match Failure::of(&error) {
        Failure::Away => Attempt::Unanswered(error),
        Failure::Retry | Failure::Permanent => Attempt::Failed(error),
    })
}

/// The answer to COMMIT was lost: the offsets' rows say whether it was done.
async fn settle_unanswered(pool: &MySqlPool, writes: &Writes, error: sqlx::Error) -> Result<(), CommitError> {
    tracing::warn!(%error, "no answer to COMMIT, reading the offsets again");
    // All partitions move in one transaction, so any one of them tells.
    let Some(advance) = writes.advances.first() else { return Err(CommitError::Away(error)) };
    let row = match offsets::read(pool, writes.sport, advance.partition).await {
        Ok(row) => row,
        Err(error) => return Err(CommitError::Away(error)),
    };
    let same_owner = row.as_ref().filter(|row| row.generation == advance.generation);
    match same_owner {
        Some(row) if row.next_offset == advance.offset_after && row.next_number == advance.number_after => {
            Ok(())
        }
        Some(row) if row.next_offset == advance.offset_before => Err(CommitError::Away(error)),
        _ => Err(CommitError::Fenced {
            partition: advance.partition,
            generation: advance.generation,
            offset: advance.offset_before,
        }),
    }
}

async fn write_rows(connection: &mut MySqlConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    let sport = writes.sport.as_str();
    EVENTS
        .run(
            connection,
            &writes.events,
            |row| row.state.len() + 512,
            |query, row: &EventRows| {
                let status = row.status.as_ref();
                query
                    .bind(row.event_id.as_str())
                    .bind(sport)
                    .bind(row.partition)
                    .bind(&row.first_seen_day)
                    .bind(signed(row.version))
                    .bind(status.map(|status| status.status.as_str()))
                    .bind(status.map(|status| status.match_status.as_str()))
                    .bind(status.map(|status| i64::from(status.score.home)))
                    .bind(status.map(|status| i64::from(status.score.away)))
                    .bind(row.names.as_ref().map(|(home, _)| home.as_str()))
                    .bind(row.names.as_ref().map(|(_, away)| away.as_str()))
                    .bind(row.scheduled_start)
                    .bind(&row.state)
            },
        )
        .await?;
    let markets: Vec<(&str, &MarketRow)> = writes
        .events
        .iter()
        .flat_map(|event| event.markets.iter().map(|market| (event.event_id.as_str(), market)))
        .collect();
    MARKETS
        .run(
            connection,
            &markets,
            |(_, row)| row.book.len() + row.value.as_ref().map_or(0, String::len),
            |q, (id, row)| {
                q.bind(*id)
                    .bind(&row.key)
                    .bind(signed(row.version))
                    .bind(row.status)
                    .bind(&row.value)
                    .bind(&row.book)
            },
        )
        .await?;
    let incidents: Vec<(&str, &IncidentRow)> = writes
        .events
        .iter()
        .flat_map(|event| event.incidents.iter().map(|incident| (event.event_id.as_str(), incident)))
        .collect();
    INCIDENTS
        .run(
            connection,
            &incidents,
            |(_, row)| row.value.as_ref().map_or(0, String::len),
            |query, (id, row)| query.bind(*id).bind(&row.id).bind(signed(row.version)).bind(&row.value),
        )
        .await?;
    UPDATES
        .run(
            connection,
            &writes.updates,
            |row| row.payload.len(),
            |query, row: &UpdateRow| {
                query
                    .bind(sport)
                    .bind(row.partition)
                    .bind(row.number)
                    .bind(&row.first_seen_day)
                    .bind(row.event_id.as_str())
                    .bind(signed(row.version))
                    .bind(&*row.payload)
            },
        )
        .await?;
    for (partition, feed_offset) in &writes.released {
        sqlx::query("DELETE FROM held_messages WHERE sport = ? AND kafka_partition = ? AND feed_offset = ?")
            .bind(sport)
            .bind(partition)
            .bind(feed_offset)
            .execute(&mut *connection)
            .await?;
    }
    HELD.run(
        connection,
        &writes.held,
        |row| row.payload.len(),
        |query, row: &HeldRow| {
            query
                .bind(sport)
                .bind(row.partition)
                .bind(row.feed_offset)
                .bind(row.event_id.as_str())
                .bind(row.deadline)
                .bind(&*row.payload)
        },
    )
    .await?;
    DEAD_LETTERS
        .run(
            connection,
            &writes.dead_letters,
            |row| row.payload.len(),
            |query, row: &DeadLetterRow| {
                query
                    .bind(sport)
                    .bind(row.partition)
                    .bind(row.number)
                    .bind(row.feed_offset)
                    .bind(row.key.as_deref())
                    .bind(&row.reason)
                    .bind(&row.pointer)
                    .bind(row.refused_at)
                    .bind(row.payload.as_slice())
            },
        )
        .await
}

/// Versions and offsets stay far below 2^63.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

const EVENTS: Insert = Insert {
    head: "INSERT INTO events (event_id, sport, kafka_partition, first_seen_day, version, status, match_status, \
           home_score, away_score, home_name, away_name, scheduled_start, state) VALUES ",
    columns: 13,
    tail: " ON DUPLICATE KEY UPDATE kafka_partition = VALUES(kafka_partition), version = VALUES(version), \
           status = VALUES(status), match_status = VALUES(match_status), home_score = VALUES(home_score), \
           away_score = VALUES(away_score), home_name = VALUES(home_name), away_name = VALUES(away_name), \
           scheduled_start = VALUES(scheduled_start), state = VALUES(state)",
};

const MARKETS: Insert = Insert {
    head: "INSERT INTO markets (event_id, market_key, version, status, value, book) VALUES ",
    columns: 6,
    tail: " ON DUPLICATE KEY UPDATE version = VALUES(version), status = VALUES(status), value = VALUES(value), \
           book = VALUES(book)",
};

const INCIDENTS: Insert = Insert {
    head: "INSERT INTO incidents (event_id, incident_id, version, value) VALUES ",
    columns: 4,
    tail: " ON DUPLICATE KEY UPDATE version = VALUES(version), value = VALUES(value)",
};

const UPDATES: Insert = Insert {
    head: "INSERT INTO updates (sport, kafka_partition, number, first_seen_day, event_id, version, payload) VALUES ",
    columns: 7,
    tail: "",
};

const HELD: Insert = Insert {
    head: "INSERT INTO held_messages (sport, kafka_partition, feed_offset, event_id, deadline, payload) VALUES ",
    columns: 6,
    tail: "",
};

const DEAD_LETTERS: Insert = Insert {
    head: "INSERT INTO dead_letters (sport, kafka_partition, number, feed_offset, record_key, reason, pointer, \
           refused_at, payload) VALUES ",
    columns: 9,
    tail: "",
};
