//! MySQL: the truth. One transaction per batch of feed messages, fenced by each partition's generation.

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, MySqlPool};

pub mod commit;
pub mod load;
pub mod migrate;
pub mod offsets;
pub mod outbox;
pub mod rows;
mod statement;

/// Seconds after which the database ends a connection that says nothing, and with it the transaction that may be open on
/// it: a processor that was stopped in the middle of one holds its locks no longer than this.
const SILENCE_SECONDS_MAX: u32 = 10;

/// Connects to MySQL or MariaDB. Connections read what is committed and wait at most five seconds for a lock.
pub async fn connect(url: &str, connections_max: u32) -> anyhow::Result<MySqlPool> {
    let options: MySqlConnectOptions = url.parse()?;
    let pool = MySqlPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(std::time::Duration::from_secs(5))
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

/// What a failed statement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The same transaction may succeed if tried again: a deadlock (1213) or a lock wait that took too long (1205).
    Retry,
    /// The database does not answer; whether it did what was asked is unknown.
    Away,
    /// It would fail every time: something in the batch is to blame.
    Permanent,
}

impl Failure {
    /// Classifies an error of sqlx.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                match error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|error| error.number())
                {
                    Some(1205 | 1213) => Self::Retry,
                    // Shutting down, out of connections, read only, killed, disk full: not the batch's fault.
                    Some(
                        1021 | 1037 | 1040 | 1041 | 1053 | 1077 | 1114 | 1290 | 1317 | 1792 | 1836 | 1927
                        | 3024,
                    ) => Self::Away,
                    _ => Self::Permanent,
                }
            }
            sqlx::Error::Encode(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. } => Self::Permanent,
            _ => Self::Away,
        }
    }
}
