//! Closes a letter that nobody will send again: it is noted who said so, when and why, where it is noted what became of those
//! that were sent. The feed is told nothing, so whatever is shut stays shut.

use anyhow::{Context, Result, bail};
use domain::event::Head;
use domain::letter::RedriveOutcome;
use domain::{EventId, Timestamp};
use nix::unistd::{User, geteuid};
use sqlx::MySqlPool;

use super::letter::{About, Letter};
use super::report;
use super::state::{self, State};

/// What the database takes of a reason, in characters.
const REASON_MAX: usize = 1_000;

/// Who closes: whoever is named, else the account in which this runs.
#[must_use]
pub fn who(named: Option<String>) -> String {
    named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| {
        let id = geteuid();
        let user = User::from_uid(id).ok().flatten();
        user.map_or_else(|| format!("user {id}"), |user| user.name)
    })
}

/// Closes a letter, unless something has become of it before; says what has become of it.
///
/// # Errors
/// Where it keeps its event shut, or will once that begins: it has to be put right, and could not be any more.
pub async fn close(database: &MySqlPool, letter: &Letter, (by, why): (&str, &str)) -> Result<State> {
    let state = state_of(database, letter).await?;
    if !state.is_open() {
        return Ok(state);
    }
    if let Some(about) = &letter.about {
        for event_id in [&about.event_id, &about.other_event_id].into_iter().flatten() {
            if let Some(what) = shut_by_it(database, event_id, about).await? {
                bail!(
                    "{what}: redrive it as it is or put right, or let its provider send a right one; it was not closed"
                );
            }
        }
    }
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    let reason: String =
        format!("by {by} at {}: {why}", report::at(Some(now.0))).chars().take(REASON_MAX).collect();
    // What a processor has decided meanwhile stands. The outcome is the last column, for those before it ask what it was.
    let sql = "INSERT INTO redrives (provider, letter_partition, letter_offset, attempt, reason, pointer, sport, kafka_partition, \
               feed_offset, decided_at, outcome) VALUES (?, ?, ?, 0, ?, '', '', -1, -1, ?, ?) ON DUPLICATE KEY UPDATE \
               reason = IF(outcome = 'refused', VALUES(reason), reason), \
               pointer = IF(outcome = 'refused', VALUES(pointer), pointer), \
               decided_at = IF(outcome = 'refused', VALUES(decided_at), decided_at), \
               outcome = IF(outcome = 'refused', VALUES(outcome), outcome)";
    sqlx::query(sql)
        .bind(letter.provider().map_or("", |provider| provider.as_str()))
        .bind(letter.id.partition)
        .bind(letter.id.offset)
        .bind(reason)
        .bind(now.0)
        .bind(RedriveOutcome::Closed.as_str())
        .execute(database)
        .await
        .context("noting that the letter is closed")?;
    state_of(database, letter).await
}

async fn state_of(database: &MySqlPool, letter: &Letter) -> Result<State> {
    let states = state::of(database, std::slice::from_ref(letter)).await?;
    states.into_iter().next().context("no state of the letter")
}

/// What a letter about this event keeps shut, where it does.
async fn shut_by_it(database: &MySqlPool, event_id: &EventId, about: &About) -> Result<Option<String>> {
    // A message of an unknown sport foresees its event in every sport: in the others nothing will begin any more.
    let foreseen = "SELECT COUNT(*) FROM foreseen_events AS foreseen WHERE event_id = ? \
                    AND NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = foreseen.event_id)";
    let foreseen: i64 = sqlx::query_scalar(foreseen).bind(event_id.as_str()).fetch_one(database).await?;
    if foreseen > 0 {
        return Ok(Some(format!("{event_id} has not begun, and will be shut by it")));
    }
    let heads = state::heads(database, [event_id]).await?;
    let has_place = |head: &Head| {
        let (source, position) = (about.source()?, about.position?);
        head.feeds.iter().find(|feed| feed.source == source).map(|feed| feed.has_letter_at(position))
    };
    if heads.get(event_id).and_then(has_place).unwrap_or(false) {
        return Ok(Some(format!("{event_id} waits for it")));
    }
    let shut =
        "SELECT COUNT(*) FROM markets WHERE event_id = ? AND value LIKE '%\"suspension\":\"dead_letter\"%'";
    let shut: i64 = sqlx::query_scalar(shut).bind(event_id.as_str()).fetch_one(database).await?;
    Ok((shut > 0).then(|| format!("{shut} markets of {event_id} are shut by dead letters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_closes_is_named_also_where_nobody_says_it() {
        assert_eq!(who(Some("Ada".to_owned())), "Ada");
        let id = std::process::Command::new("id").arg("-un").output().unwrap();
        let account = String::from_utf8(id.stdout).unwrap();
        for nobody in [None, Some(String::new())] {
            assert_eq!(who(nobody), account.trim_end());
        }
    }
}
