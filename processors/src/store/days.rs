//! The update log's partitions, one a day: made ahead of time, and dropped as a whole.
//!
//! To drop a day, its rows are first exchanged for those of an empty table: a change of names, however many they are. Only
//! then, where no batch waits for it, they are looked through for what is not published yet, and deleted. Until then what is
//! not published stands in that table, where `outbox.rs` looks for it, too.

use domain::Timestamp;
use jiff::civil::Date;
use jiff::{ToSpan as _, tz::TimeZone};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, MySql, MySqlConnection, MySqlPool};

use super::error_number;

/// Days for which there is a partition before they begin: a stack that nobody looks after for a week loses nothing by it.
const AHEAD_DAYS: i32 = 7;
/// Days made at once, where a stack rested for longer.
const DAYS_MAX: i32 = 400;
/// Seconds for which a change of the table may wait for transactions, and with it those that come after.
const LOCK_SECONDS_MAX: u32 = 1;
/// Rows put back with one statement.
const ROWS_MAX: u32 = 200;
/// The lock that one process of a database holds while it works on its days.
const LOCK: &str = "CONCAT('matchday days ', LEFT((SELECT store_id FROM store), 32))";

/// Why a day stays.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// The table was in use for too long: the next turn tries again.
    #[error("the table is in use")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Database(sqlx::Error),
    /// A partition is named as none of ours.
    #[error("the partition `{0}` of the table `updates` is no day's")]
    Foreign(String),
}

impl From<sqlx::Error> for DayError {
    fn from(error: sqlx::Error) -> Self {
        // A metadata lock that was waited for too long, or a deadlock with one.
        if matches!(error_number(&error), Some(1205 | 1213)) { Self::Busy } else { Self::Database(error) }
    }
}

/// What may go.
#[derive(Debug, Clone, Copy)]
pub struct Droppable {
    /// Days before this one, where all their events are over.
    pub past: Date,
    /// Days before this one, whatever their events.
    pub long_past: Date,
}

/// The process that works on the days: one at a time, for all sports share the table.
pub struct Keeper {
    connection: PoolConnection<MySql>,
}

/// The UTC day of a point in time.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}

/// So many days before.
#[must_use]
pub fn before(day: Date, days: u16) -> Date {
    day.saturating_sub(i32::from(days).days())
}

impl Keeper {
    /// Begins to work on the days; `None` where another process does.
    pub async fn take(pool: &MySqlPool) -> Result<Option<Self>, DayError> {
        let mut connection = pool.acquire().await?;
        // The server ends a silent connection soon, and with it the lock: what hangs shuts nobody out.
        let lock = format!("SELECT COALESCE(GET_LOCK({LOCK}, 0), 0)");
        let taken: i64 = sqlx::query_scalar(AssertSqlSafe(lock)).fetch_one(&mut *connection).await?;
        if taken == 0 {
            return Ok(None);
        }
        let wait = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS_MAX}");
        sqlx::raw_sql(AssertSqlSafe(wait)).execute(&mut *connection).await?;
        Ok(Some(Self { connection }))
    }

    /// Ends the work. The connection ends, too: it waits for locks as no other does.
    pub async fn release(self) -> Result<(), DayError> {
        let Self { mut connection } = self;
        let released =
            sqlx::raw_sql(AssertSqlSafe(format!("DO RELEASE_LOCK({LOCK})"))).execute(&mut *connection).await;
        connection.close_on_drop();
        released?;
        Ok(())
    }

    /// Makes the partitions of the days up to a week ahead.
    pub async fn make_ahead(&mut self, today: Date) -> Result<(), DayError> {
        let last = today.saturating_add(AHEAD_DAYS.days());
        let first = match self.days().await?.last() {
            Some(made) => made.saturating_add(1.day()),
            // Before anything is split: the rows that are there get a partition a day, too.
            None => self.oldest_row().await?.map_or(today, |oldest| oldest.min(today)),
        };
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day <= last).collect();
        let skipped = days.len().saturating_sub(usize::try_from(DAYS_MAX).unwrap_or_default());
        let mut made = String::new();
        for day in &days[skipped..] {
            made.push_str(&format!(
                "PARTITION {} VALUES LESS THAN ('{}'), ",
                name_of(*day),
                day.saturating_add(1.day())
            ));
        }
        if made.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "ALTER TABLE updates REORGANIZE PARTITION later INTO ({made}PARTITION later VALUES LESS THAN (MAXVALUE))"
        );
        self.execute(sql).await
    }

    /// Drops days that may go, oldest first. Returns which.
    pub async fn drop_past(
        &mut self,
        Droppable { past, long_past }: Droppable,
    ) -> Result<Vec<String>, DayError> {
        let mut dropped = Vec::new();
        let days = self.days().await?;
        let mut after: Option<Date> = None;
        for day in days {
            let begins_after = after.replace(day);
            if day >= past {
                break;
            }
            if (day >= long_past && !self.is_over(begins_after, day).await?)
                || self.is_awaited(&name_of(day)).await?
            {
                continue;
            }
            self.drop_day(day).await?;
            dropped.push(day.to_string());
        }
        Ok(dropped)
    }

    /// Ends what a process that was killed has begun.
    pub async fn finish(&mut self) -> Result<(), DayError> {
        let sql = "SELECT COUNT(*) FROM information_schema.tables \
                   WHERE table_schema = DATABASE() AND table_name = 'updates_past'";
        let there: i64 = sqlx::query_scalar(sql).fetch_one(&mut *self.connection).await?;
        if there == 0 {
            return Ok(());
        }
        self.put_back().await?;
        self.execute("DROP TABLE updates_past".to_owned()).await
    }

    async fn drop_day(&mut self, day: Date) -> Result<(), DayError> {
        let name = name_of(day);
        self.execute("CREATE TABLE updates_past LIKE updates".to_owned()).await?;
        self.execute("ALTER TABLE updates_past REMOVE PARTITIONING".to_owned()).await?;
        self.execute(format!("ALTER TABLE updates EXCHANGE PARTITION {name} WITH TABLE updates_past"))
            .await?;
        self.drop_exchanged(&name).await?;
        self.finish().await
    }

    /// Drops the partition of a day that has been exchanged. A batch that waited for that has written to it since: what it wrote
    /// goes where the rest of the day is, while nobody writes more. Whoever is killed in between leaves it in both places.
    async fn drop_exchanged(&mut self, name: &str) -> Result<(), DayError> {
        // In one text: who stood still between two would keep every sport from writing.
        let dropped = self.execute(format!(
            "LOCK TABLES updates WRITE, updates_past WRITE; \
             INSERT IGNORE INTO updates_past SELECT * FROM updates PARTITION ({name}); \
             ALTER TABLE updates DROP PARTITION {name}; UNLOCK TABLES"
        ));
        let dropped = dropped.await;
        if dropped.is_err() {
            // What follows the one that failed was left out.
            self.execute("UNLOCK TABLES".to_owned()).await?;
        }
        dropped
    }

    /// An event of a day that is gone may have said something in the meantime: what is not published yet goes back into the
    /// log, to the oldest day that is left.
    async fn put_back(&mut self) -> Result<(), DayError> {
        loop {
            let sql = "INSERT IGNORE INTO updates SELECT u.* FROM updates_past u \
                       JOIN feed_offsets o ON o.sport = u.sport AND o.kafka_partition = u.kafka_partition \
                       WHERE u.number > o.published AND NOT EXISTS (SELECT 1 FROM updates kept \
                       WHERE kept.sport = u.sport AND kept.kafka_partition = u.kafka_partition AND kept.number = u.number \
                       AND kept.first_seen_day = u.first_seen_day) LIMIT ?";
            let put = sqlx::query(sql).bind(ROWS_MAX).execute(&mut *self.connection).await?;
            if put.rows_affected() == 0 {
                return Ok(());
            }
        }
    }

    /// Whether everything that began on a day is over.
    async fn is_over(&mut self, after: Option<Date>, day: Date) -> Result<bool, DayError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE first_seen_day > ? AND first_seen_day <= ? \
                   AND (status IS NULL OR status NOT IN ('ended', 'closed', 'cancelled', 'abandoned')) LIMIT 1) open";
        let after = after.unwrap_or(Date::constant(1970, 1, 1)).to_string();
        let open: i64 = sqlx::query_scalar(sql)
            .bind(after)
            .bind(day.to_string())
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(open == 0)
    }

    /// Whether some of a partition is not published yet.
    async fn is_awaited(&mut self, partition: &str) -> Result<bool, DayError> {
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM feed_offsets o JOIN updates PARTITION ({partition}) u \
             ON u.sport = o.sport AND u.kafka_partition = o.kafka_partition AND u.number > o.published LIMIT 1) awaited"
        );
        let awaited: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *self.connection).await?;
        Ok(awaited > 0)
    }

    /// The days that have a partition, in order.
    async fn days(&mut self) -> Result<Vec<Date>, DayError> {
        let sql = "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() \
                   AND table_name = 'updates' AND partition_name <> 'later' ORDER BY partition_ordinal_position";
        let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *self.connection).await?;
        names.into_iter().map(|name| day_named(&name).ok_or(DayError::Foreign(name))).collect()
    }

    async fn oldest_row(&mut self) -> Result<Option<Date>, DayError> {
        let sql = "SELECT CAST(MIN(first_seen_day) AS CHAR) FROM updates";
        let oldest: Option<String> = sqlx::query_scalar(sql).fetch_one(&mut *self.connection).await?;
        Ok(oldest.and_then(|oldest| oldest.parse().ok()))
    }

    async fn execute(&mut self, sql: String) -> Result<(), DayError> {
        let connection: &mut MySqlConnection = &mut self.connection;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
        Ok(())
    }
}

/// A day's partition: `d20260131`.
fn name_of(day: Date) -> String {
    day.strftime("d%Y%m%d").to_string()
}

fn day_named(name: &str) -> Option<Date> {
    Date::strptime("d%Y%m%d", name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_day() {
        let day = Date::constant(2026, 1, 31);
        assert_eq!(name_of(day), "d20260131");
        assert_eq!(day_named("d20260131"), Some(day));
        assert_eq!(day_named("later"), None);
        assert_eq!(before(day, 31), Date::constant(2025, 12, 31));
        assert_eq!(day_of(Timestamp(1_767_225_600_000_000)), Date::constant(2026, 1, 1));
    }
}
