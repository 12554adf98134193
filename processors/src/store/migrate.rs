//! The schema, brought up to date. Safe to run again and by several processes at once.

use anyhow::Context;
use sqlx::MySqlPool;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every migration in order: version, what it does, its statements.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "initial", include_str!("../../migrations/0001_initial.sql")),
    (2, "competitors", include_str!("../../migrations/0002_competitors.sql")),
    (
        3,
        "competitors of stored events",
        include_str!("../../migrations/0003_competitors_of_stored_events.sql"),
    ),
    (4, "producers", include_str!("../../migrations/0004_producers.sql")),
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

/// Applies what is missing.
pub async fn migrate(pool: &MySqlPool) -> anyhow::Result<()> {
    migrator().run(pool).await.context("cannot bring the database schema up to date")
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
