//! Events that are foreseen: nothing is known of them but that messages of them were refused. Clients see none of them.

use domain::{EventId, Sport, Timestamp};
use sqlx::{MySqlConnection, MySqlPool};

use super::rows::ForeseenRow;
use super::statement::Insert;

/// Rows deleted with one statement.
const FORGOTTEN_MAX: u32 = 1_000;

const FORESEEN: Insert = Insert {
    head: "INSERT INTO foreseen_events (event_id, sport, noted_at, state) VALUES ",
    columns: 4,
    tail: " ON DUPLICATE KEY UPDATE noted_at = VALUES(noted_at), state = VALUES(state)",
};

/// Writes what is known of some, sorted by id.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    sport: Sport,
    rows: &[ForeseenRow],
) -> Result<(), sqlx::Error> {
    let bind_sport = sport.as_str();
    FORESEEN
        .run(
            connection,
            rows,
            |row| row.state.len() + 128,
            |query, row: &ForeseenRow| {
                query.bind(row.event_id.as_str()).bind(bind_sport).bind(row.noted_at.0).bind(&row.state)
            },
        )
        .await
}

/// Some have begun, and all of it stands among the events, or the last letter of them was closed.
pub(super) async fn forget(
    connection: &mut MySqlConnection,
    sport: Sport,
    events: &[EventId],
) -> Result<(), sqlx::Error> {
    for event_id in events {
        sqlx::query("DELETE FROM foreseen_events WHERE event_id = ? AND sport = ?")
            .bind(event_id.as_str())
            .bind(sport.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Forgets those of which nothing was heard since, whatever their sport: what was refused may have named an event that there
/// will never be.
///
/// # Errors
/// When the database fails.
pub async fn forget_before(pool: &MySqlPool, since: Timestamp) -> Result<(), sqlx::Error> {
    loop {
        let deleted = sqlx::query("DELETE FROM foreseen_events WHERE noted_at < ? LIMIT ?")
            .bind(since.0)
            .bind(FORGOTTEN_MAX)
            .execute(pool)
            .await?;
        if deleted.rows_affected() < u64::from(FORGOTTEN_MAX) {
            return Ok(());
        }
    }
}

/// How many there are of a sport; of more than `max` those go of which nothing was heard for the longest time.
///
/// # Errors
/// When the database fails.
pub async fn keep(pool: &MySqlPool, sport: Sport, max: u32) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM foreseen_events WHERE sport = ?")
        .bind(sport.as_str())
        .fetch_one(pool)
        .await?;
    let (mut count, max) = (count.unsigned_abs(), u64::from(max));
    while count > max {
        let deleted = sqlx::query("DELETE FROM foreseen_events WHERE sport = ? ORDER BY noted_at LIMIT ?")
            .bind(sport.as_str())
            .bind((count - max).min(FORGOTTEN_MAX.into()))
            .execute(pool)
            .await?;
        // Somebody else makes room, too.
        if deleted.rows_affected() == 0 {
            break;
        }
        count -= deleted.rows_affected().min(count);
    }
    Ok(count)
}
