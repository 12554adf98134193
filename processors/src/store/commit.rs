//! The transaction: offsets with their fence first, then everything the batch changed, then COMMIT.

use std::time::Duration;

use sqlx::{Connection, MySqlConnection, MySqlPool};
use tokio::time::timeout;

use super::rows::{
    Advance, DeadLetterRow, EventRows, HeldRow, IncidentRow, MarketRow, ProducerRow, UpdateRow, Writes,
};
use super::statement::Insert;
use super::{Failure, foreseen, offsets, producers, redrives, within};

/// Why a transaction did not come about.
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
    /// The database did not do it or did not answer; the next attempt finds out.
    #[error("the database is away: {0}")]
    Away(#[source] sqlx::Error),
}

/// Attempts of a transaction that meets deadlocks before the database counts as away.
const ATTEMPTS_MAX: u32 = 10;
/// How long the statements of one transaction may take together, and how long COMMIT may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// One batch on its way into the database.
pub struct Commit<'a> {
    pool: &'a MySqlPool,
    writes: &'a Writes,
    /// Whether COMMIT was sent and not answered: then only the offsets' rows tell whether it was done.
    unanswered: bool,
}

impl<'a> Commit<'a> {
    /// Nothing has been sent yet.
    #[must_use]
    pub fn new(pool: &'a MySqlPool, writes: &'a Writes) -> Self {
        Self { pool, writes, unanswered: false }
    }

    /// Commits the batch whole, or nothing of it. After [`CommitError::Away`] it is to be called again.
    pub async fn attempt(&mut self) -> Result<(), CommitError> {
        if self.unanswered && self.was_done().await? {
            return Ok(());
        }
        self.unanswered = false;
        for _ in 0..ATTEMPTS_MAX {
            let error = match attempt(self.pool, self.writes).await {
                Ok(()) => return Ok(()),
                Err(Attempt::Fenced(advance)) => return Err(fenced(&advance)),
                Err(Attempt::Unanswered(error)) => {
                    tracing::warn!(%error, "no answer to COMMIT, the offsets are read again");
                    self.unanswered = true;
                    return Err(CommitError::Away(error));
                }
                Err(Attempt::Failed(error)) => error,
            };
            match Failure::of(&error) {
                Failure::Retry => tracing::debug!(%error, "transaction tried again"),
                Failure::Away => return Err(CommitError::Away(error)),
                Failure::Poison => return Err(CommitError::Refused(error)),
            }
        }
        Err(CommitError::Away(sqlx::Error::Protocol(format!(
            "{ATTEMPTS_MAX} attempts met other transactions"
        ))))
    }

    /// All partitions move in one transaction, so any one of them tells. Where none does, all rows are written as they
    /// were: doing it again changes nothing.
    async fn was_done(&self) -> Result<bool, CommitError> {
        let Some(advance) = self.writes.advances.iter().find(|advance| advance.is_move()) else {
            return Ok(false);
        };
        let read = within(ATTEMPT_MAX, offsets::read(self.pool, self.writes.sport, advance.partition));
        let row = read.await.map_err(CommitError::Away)?;
        match row.filter(|row| row.generation == advance.generation) {
            Some(row)
                if (row.next_offset, row.next_number) == (advance.offset_after, advance.number_after) =>
            {
                Ok(true)
            }
            Some(row)
                if (row.next_offset, row.next_number) == (advance.offset_before, advance.number_before) =>
            {
                Ok(false)
            }
            _ => Err(fenced(advance)),
        }
    }
}

fn fenced(advance: &Advance) -> CommitError {
    CommitError::Fenced {
        partition: advance.partition,
        generation: advance.generation,
        offset: advance.offset_before,
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

async fn attempt(pool: &MySqlPool, writes: &Writes) -> Result<(), Attempt> {
    let mut connection = pool.acquire().await?;
    let statements = async {
        let mut transaction = connection.begin().await?;
        for advance in &writes.advances {
            if !offsets::advance(&mut transaction, writes.sport, advance).await? {
                transaction.rollback().await?;
                return Err(Attempt::Fenced(*advance));
            }
        }
        write_rows(&mut transaction, writes).await?;
        Ok(transaction)
    };
    let (result, is_silent) = match timeout(ATTEMPT_MAX, statements).await {
        Ok(Ok(transaction)) => match timeout(ATTEMPT_MAX, transaction.commit()).await {
            Ok(Ok(())) => (Ok(()), false),
            Ok(Err(error)) if Failure::of(&error) == Failure::Away => {
                (Err(Attempt::Unanswered(error)), false)
            }
            Ok(Err(error)) => (Err(Attempt::Failed(error)), false),
            Err(_) => (Err(Attempt::Unanswered(super::no_answer())), true),
        },
        Ok(Err(failed)) => (Err(failed), false),
        Err(_) => (Err(Attempt::Failed(super::no_answer())), true),
    };
    if is_silent {
        // What it has yet to say would be taken for the next statement's answer.
        connection.close_on_drop();
    }
    result
}

async fn write_rows(connection: &mut MySqlConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    let sport = writes.sport.as_str();
    EVENTS
        .run(
            connection,
            &writes.events,
            |row| row.state.len() + 512,
            |query, row: &EventRows| {
                let (status, fixture) = (row.status.as_ref(), row.fixture.as_ref());
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
                    .bind(fixture.map(|fixture| fixture.home.id.as_str()))
                    .bind(fixture.map(|fixture| fixture.away.id.as_str()))
                    .bind(fixture.map(|fixture| fixture.home.name.as_str()))
                    .bind(fixture.map(|fixture| fixture.away.name.as_str()))
                    .bind(fixture.map(|fixture| fixture.scheduled_start.0))
                    .bind(row.has_gap)
                    .bind(row.is_open)
                    .bind(row.is_distrusted)
                    .bind(&row.state)
            },
        )
        .await?;
    foreseen::write(connection, writes.sport, &writes.foreseen).await?;
    foreseen::forget(connection, writes.sport, &writes.no_longer_foreseen).await?;
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
    release(connection, sport, &writes.released).await?;
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
        .await?;
    redrives::write(connection, sport, &writes.redrives).await?;
    redrives::supersede(connection, sport, &writes.passed_over).await?;
    PRODUCERS
        .run(
            connection,
            &writes.producers,
            |_| 128,
            |query, row: &ProducerRow| {
                query
                    .bind(sport)
                    .bind(row.partition)
                    .bind(row.source.provider.as_str())
                    .bind(row.source.producer.as_str())
                    .bind(row.alive.map(|alive| alive.subscribed))
                    .bind(row.alive.map(|alive| alive.generated_at.0))
                    .bind(row.alive.and_then(|alive| alive.received_at).map(|at| at.0))
                    .bind(row.last_message_at.0)
            },
        )
        .await?;
    for row in &writes.watched {
        producers::write(connection, writes.sport, row).await?;
    }
    Ok(())
}

/// Deletes the messages that wait no longer, many with one statement.
async fn release(
    connection: &mut MySqlConnection,
    sport: &str,
    released: &[(i32, i64)],
) -> Result<(), sqlx::Error> {
    for chunk in released.chunks(RELEASED_MAX) {
        let mut delete = sqlx::QueryBuilder::new("DELETE FROM held_messages WHERE sport = ");
        delete.push_bind(sport).push(" AND (kafka_partition, feed_offset) IN (");
        let mut list = delete.separated(", ");
        // Always as many, the last one repeated, so that it is one statement to prepare.
        let last = chunk.last().into_iter().cycle();
        for (partition, feed_offset) in chunk.iter().chain(last).take(RELEASED_MAX) {
            list.push("(").push_bind_unseparated(partition).push_unseparated(", ");
            list.push_bind_unseparated(feed_offset).push_unseparated(")");
        }
        delete.push(")");
        delete.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Held messages deleted with one statement.
const RELEASED_MAX: usize = 32;

/// Versions and offsets stay far below 2^63.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

const EVENTS: Insert = Insert {
    head: "INSERT INTO events (event_id, sport, kafka_partition, first_seen_day, version, status, match_status, \
           home_score, away_score, home_id, away_id, home_name, away_name, scheduled_start, has_gap, \
           is_open, is_distrusted, state) VALUES ",
    columns: 18,
    tail: " ON DUPLICATE KEY UPDATE kafka_partition = VALUES(kafka_partition), version = VALUES(version), \
           status = VALUES(status), match_status = VALUES(match_status), home_score = VALUES(home_score), \
           away_score = VALUES(away_score), home_id = VALUES(home_id), away_id = VALUES(away_id), \
           home_name = VALUES(home_name), away_name = VALUES(away_name), \
           scheduled_start = VALUES(scheduled_start), has_gap = VALUES(has_gap), \
           is_open = VALUES(is_open), is_distrusted = VALUES(is_distrusted), state = VALUES(state)",
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

/// A batch without an `alive` leaves what the last one said.
const PRODUCERS: Insert = Insert {
    head: "INSERT INTO producers (sport, kafka_partition, provider, producer, subscribed, alive_generated_at, \
           alive_received_at, last_message_at) VALUES ",
    columns: 8,
    tail: " ON DUPLICATE KEY UPDATE subscribed = COALESCE(VALUES(subscribed), subscribed), \
           alive_generated_at = COALESCE(VALUES(alive_generated_at), alive_generated_at), \
           alive_received_at = COALESCE(VALUES(alive_received_at), alive_received_at), \
           last_message_at = VALUES(last_message_at)",
};
