//! What became of dead letters that were sent again.

use std::collections::HashSet;

use domain::Name;
use domain::letter::{LetterId, RedriveOutcome};
use sqlx::{MySqlConnection, MySqlPool};

use super::rows::RedriveRow;
use super::statement::Insert;
use crate::batch::{Letter, PassedOver};

/// Those of the letters about which nothing more is to be done. Few are ever asked for: people send them.
pub async fn done(pool: &MySqlPool, letters: &HashSet<Letter>) -> Result<HashSet<Letter>, sqlx::Error> {
    let mut done = HashSet::new();
    for letter @ (provider, LetterId { partition, offset }) in letters {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT letter_offset FROM redrives \
             WHERE provider = ? AND letter_partition = ? AND letter_offset = ? AND outcome <> ?",
        )
        .bind(Name::as_str(provider))
        .bind(partition)
        .bind(offset)
        .bind(RedriveOutcome::Refused.as_str())
        .fetch_optional(pool)
        .await?;
        if found.is_some() {
            done.insert(letter.clone());
        }
    }
    Ok(done)
}

/// Writes what became of them.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    sport: &str,
    rows: &[RedriveRow],
) -> Result<(), sqlx::Error> {
    REDRIVES
        .run(
            connection,
            rows,
            |row| row.reason.len() + row.pointer.len() + 128,
            |query, row: &RedriveRow| {
                query
                    .bind(row.provider.as_str())
                    .bind(row.letter.partition)
                    .bind(row.letter.offset)
                    .bind(row.attempt)
                    .bind(row.outcome.as_str())
                    .bind(&row.reason)
                    .bind(&row.pointer)
                    .bind(sport)
                    .bind(row.partition)
                    .bind(row.feed_offset)
                    .bind(row.decided_at.0)
            },
        )
        .await
}

/// Messages have waited in vain; where one of them was sent in a letter's place, the letter is superseded.
pub(super) async fn supersede(
    connection: &mut MySqlConnection,
    sport: &str,
    passed_over: &[PassedOver],
) -> Result<(), sqlx::Error> {
    for PassedOver { partition, feed_offset, reason } in passed_over {
        // Looked for without a lock, for most of them took nobody's place.
        let found: Option<(String, i32, i64)> = sqlx::query_as(
            "SELECT provider, letter_partition, letter_offset FROM redrives \
             WHERE outcome = ? AND sport = ? AND kafka_partition = ? AND feed_offset = ?",
        )
        .bind(RedriveOutcome::Waiting.as_str())
        .bind(sport)
        .bind(partition)
        .bind(feed_offset)
        .fetch_optional(&mut *connection)
        .await?;
        let Some((provider, letter_partition, letter_offset)) = found else { continue };
        sqlx::query(
            "UPDATE redrives SET outcome = ?, reason = ? \
             WHERE provider = ? AND letter_partition = ? AND letter_offset = ?",
        )
        .bind(RedriveOutcome::Superseded.as_str())
        .bind(reason)
        .bind(provider)
        .bind(letter_partition)
        .bind(letter_offset)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

const REDRIVES: Insert = Insert {
    head: "INSERT INTO redrives (provider, letter_partition, letter_offset, attempt, outcome, reason, pointer, \
           sport, kafka_partition, feed_offset, decided_at) VALUES ",
    columns: 11,
    tail: " ON DUPLICATE KEY UPDATE attempt = VALUES(attempt), outcome = VALUES(outcome), reason = VALUES(reason), \
           pointer = VALUES(pointer), sport = VALUES(sport), kafka_partition = VALUES(kafka_partition), \
           feed_offset = VALUES(feed_offset), decided_at = VALUES(decided_at)",
};
