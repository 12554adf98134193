//! MySQL: the truth. One transaction per batch of feed messages, fenced by each partition's generation.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, MySqlPool};

pub mod commit;
pub mod days;
pub mod foreseen;
pub mod load;
pub mod migrate;
pub mod offsets;
pub mod outbox;
pub mod producers;
pub mod recovery;
pub mod redrives;
pub mod rows;
mod statement;

/// Seconds after which the database ends a connection that says nothing, and with it the transaction that may be open on
/// it: a processor that was stopped in the middle of one holds its locks no longer than this.
const SILENCE_SECONDS_MAX: u32 = 10;

/// How long the database may take to answer a question, or to hand over partitions.
pub const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Connects to MySQL or MariaDB. Connections read what is committed and wait at most five seconds for a lock.
pub async fn connect(url: &str, connections_max: u32) -> anyhow::Result<MySqlPool> {
    let options: MySqlConnectOptions = url.parse()?;
    let pool = MySqlPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(5))
        // Ends before the database would end it: idle connections are looked for no more often than this.
        .idle_timeout(Duration::from_secs(u64::from(SILENCE_SECONDS_MAX / 4)))
        .after_connect(|connection, _| {
            Box::pin(async move {
                // READ COMMITTED: upserts of several processors then take no gap locks from each other.
                let settings = format!(
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                     SET SESSION innodb_lock_wait_timeout = 5, wait_timeout = {SILENCE_SECONDS_MAX}"
                );
                sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options);
    Ok(pool)
}

/// Does something with the database, or gives it up after a while.
pub async fn within<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(no_answer().into()))
}

/// The error of a database that is silent.
fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time"))
}

/// The number of the database's own error.
fn error_number(error: &sqlx::Error) -> Option<u16> {
    let sqlx::Error::Database(error) = error else { return None };
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// What a failed statement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The same transaction may succeed if tried again: a deadlock (1213) or a lock wait that took too long (1205).
    Retry,
    /// The database does not do its work at the moment, or does not answer; in that case it is not known whether it
    /// did what was asked.
    Away,
    /// It would fail every time, because of what it was to write: something in the batch is to blame.
    Poison,
}

/// The errors that speak of the data: duplicate key, NULL where none may be, value too large for packet, range, column
/// or character set, not JSON, a constraint or a trigger that refuses. Whatever else goes wrong is not a message's fault.
const POISON: [u16; 17] =
    [1048, 1062, 1118, 1153, 1264, 1265, 1292, 1300, 1364, 1366, 1406, 1452, 1644, 3140, 3141, 3819, 4025];

impl Failure {
    /// Classifies an error of sqlx.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Encode(_) => Self::Poison,
            error => match error_number(error) {
                Some(1205 | 1213) => Self::Retry,
                Some(number) if POISON.contains(&number) => Self::Poison,
                _ => Self::Away,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_that_speaks_of_the_data_blames_a_message() {
        assert_eq!(Failure::of(&sqlx::Error::PoolTimedOut), Failure::Away);
        assert_eq!(Failure::of(&sqlx::Error::Encode("too long".into())), Failure::Poison);
        // A lost grant, an unknown column, too many connections: an operator's business.
        assert!([1142, 1054, 1203, 1040, 1030].iter().all(|number| !POISON.contains(number)));
    }
}
