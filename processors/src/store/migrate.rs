//! The schema, brought up to date. Safe to run again and by several processes at once.

use anyhow::Context;
use jiff::civil::Date;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{MySqlConnection, MySqlPool};

use super::days::Keeper;

/// Every migration in order: version, what it does, its statements.
const MIGRATIONS: [(i64, &str, &str); 21] = [
    (1, "initial", include_str!("../../migrations/0001_initial.sql")),
    (2, "competitors", include_str!("../../migrations/0002_competitors.sql")),
    (
        3,
        "competitors of stored events",
        include_str!("../../migrations/0003_competitors_of_stored_events.sql"),
    ),
    (4, "producers", include_str!("../../migrations/0004_producers.sql")),
    (5, "producer states", include_str!("../../migrations/0005_producer_states.sql")),
    (6, "events by partition", include_str!("../../migrations/0006_events_by_partition.sql")),
    (7, "markets by status", include_str!("../../migrations/0007_markets_by_status.sql")),
    (8, "redrives", include_str!("../../migrations/0008_redrives.sql")),
    (9, "updates by day", include_str!("../../migrations/0009_updates_by_day.sql")),
    (10, "recovery", include_str!("../../migrations/0010_recovery.sql")),
    (11, "recovered producers", include_str!("../../migrations/0011_recovered_producers.sql")),
    (12, "events with gaps", include_str!("../../migrations/0012_events_with_gaps.sql")),
    (13, "events open", include_str!("../../migrations/0013_events_open.sql")),
    (14, "stored events open", include_str!("../../migrations/0014_stored_events_open.sql")),
    (15, "markets by status dropped", include_str!("../../migrations/0015_markets_by_status_dropped.sql")),
    (16, "redrives by place", include_str!("../../migrations/0016_redrives_by_place.sql")),
    (17, "foreseen events", include_str!("../../migrations/0017_foreseen_events.sql")),
    (18, "recovery requests open", include_str!("../../migrations/0018_recovery_requests_open.sql")),
    (19, "recovery requests refused", include_str!("../../migrations/0019_recovery_requests_refused.sql")),
    (20, "recovery rests", include_str!("../../migrations/0020_recovery_rests.sql")),
    (
        21,
        "recovery rests with reasons",
        include_str!("../../migrations/0021_recovery_rests_with_reasons.sql"),
    ),
];

fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, description, sql)| {
            let sql = sqlx::SqlSafeStr::into_sql_str(sql);
            Migration::new(version, description.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// Applies what is missing, finishes what was interrupted, and makes the update log's next days.
pub async fn migrate(pool: &MySqlPool, today: Date) -> anyhow::Result<()> {
    apply(pool).await?;
    let Some(mut keeper) = Keeper::take(pool).await? else { return Ok(()) };
    let made = keeper.make_ahead(today).await;
    keeper.release().await?;
    made.context("cannot make the update log's next days")
}

async fn apply(pool: &MySqlPool) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await.context("cannot reach the database")?;
    let connection = &mut *connection;
    loop {
        match migrator().run(&mut *connection).await {
            Ok(()) => return Ok(()),
            Err(MigrateError::Dirty(version)) => {
                tracing::warn!(version, "this migration was interrupted, it is finished now");
                finish(connection, version).await.context("cannot finish an interrupted migration")?;
            }
            Err(error) => return Err(error).context("cannot bring the database schema up to date"),
        }
    }
}

/// Runs a migration again whose end is not known. Each can be: it is one statement, or none of its statements minds.
/// The lock under which it was found is still this connection's, so no other process is in the middle of it.
async fn finish(connection: &mut MySqlConnection, version: i64) -> anyhow::Result<()> {
    let (.., sql) = MIGRATIONS.iter().find(|known| known.0 == version).context("it is not of this build")?;
    match sqlx::raw_sql(*sql).execute(&mut *connection).await {
        Err(error) if !was_done(&error) => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let sql = "UPDATE _sqlx_migrations SET success = TRUE WHERE version = ?";
    sqlx::query(sql).bind(version).execute(connection).await?;
    Ok(())
}

/// Whether what the statement makes is there already: a table (1050), a column (1060), a key (1061); or what it takes away is
/// gone (1091).
fn was_done(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    matches!(number, Some(1050 | 1060 | 1061 | 1091))
}

/// Whether every migration this build knows has been applied.
pub async fn is_current(pool: &MySqlPool) -> Result<bool, sqlx::Error> {
    let latest: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success").fetch_one(pool).await;
    match latest {
        Ok(latest) => Ok(latest >= MIGRATIONS.last().map(|(version, ..)| *version)),
        // No such table: nothing has been applied.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42S02") => Ok(false),
        Err(error) => Err(error),
    }
}

/// The store's id: 32 hexadecimal digits.
pub async fn store_id(pool: &MySqlPool) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT store_id FROM store").fetch_one(pool).await
}
