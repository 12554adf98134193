//! What is lost, what has been asked for, and who may ask.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Head;
use domain::{EventId, Name, Source, Timestamp};
use sqlx::{FromRow, MySqlPool};

use crate::recovery::{Asked, Request, Target, Want};

/// For how long a lease is taken, in microseconds: a process that died is followed by another after this.
const LEASE_MICROS: i64 = 15_000_000;
/// What a partition says of a producer counts only while it is not so much older, in microseconds, than what others say of it:
/// a sport that nobody processes must not keep the others from being recovered, nor have them recovered again and again.
const STALE_MICROS: i64 = 60_000_000;
/// Events with gaps that are looked at in one round.
const EVENTS_MAX: u32 = 1_000;
/// The database's clock, in microseconds: the one that all processes share.
const CLOCK: &str = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";

/// The right to ask, which one process has at a time.
#[derive(Debug)]
pub struct Lease {
    holder: String,
}

impl Lease {
    /// One that is not held yet, of a process that began at this time.
    #[must_use]
    pub fn new(began_at: Timestamp) -> Self {
        Self { holder: format!("{}-{}", std::process::id(), began_at.0) }
    }

    /// Takes it where nobody else has it, or keeps it; says whether it is held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, pool: &MySqlPool) -> anyhow::Result<bool> {
        let sql = format!(
            "UPDATE recovery_lease SET holder = ?, held_until = {CLOCK} + {LEASE_MICROS} \
             WHERE holder = ? OR held_until < {CLOCK}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&self.holder).bind(&self.holder);
        Ok(query.execute(pool).await?.rows_affected() == 1)
    }
}

#[derive(FromRow)]
struct Standing {
    provider: String,
    producer: String,
    /// In the partition that trusts it least; the states stand in the order of the alphabet.
    state: Option<String>,
    since: Option<i64>,
    trusted_until: Option<i64>,
    recovered_at: Option<i64>,
}

/// Which events with gaps one round looks at, in the order of their ids: of more than fit the next round looks at those that
/// follow, so that none is hidden behind others for which nothing can be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// After which event it begins; empty: with the first.
    after: String,
    /// The last one it holds; `None`: it reaches to the end.
    to: Option<String>,
}

impl Window {
    /// The window that follows; after the last one it is the first again.
    #[must_use]
    pub fn next(self) -> Self {
        Self { after: self.to.unwrap_or_default(), to: None }
    }

    /// Whether this round would have found the target, were it wanted.
    #[must_use]
    pub fn decides(&self, target: &Target) -> bool {
        let Some(event_id) = target.event_id.as_ref().map(EventId::as_str) else { return true };
        event_id > self.after.as_str() && self.to.as_deref().is_none_or(|to| event_id <= to)
    }
}

/// What is lost, of the providers that are asked; of events those of the window, whose end it finds.
///
/// # Errors
/// When the database fails, or what it says cannot be read.
pub async fn wants(
    pool: &MySqlPool,
    is_asked: impl Fn(&Name) -> bool,
    window: &mut Window,
) -> anyhow::Result<Vec<Want>> {
    let standings: Vec<Standing> = sqlx::query_as(
        "SELECT provider, producer, MIN(state) AS state, \
         MAX(CASE WHEN state = 'recovering' THEN alive_since END) AS since, \
         MIN(CASE WHEN state = 'recovering' THEN trusted_until END) AS trusted_until, \
         MAX(recovered_at) AS recovered_at \
         FROM producers JOIN (SELECT provider, producer, MAX(last_message_at) AS heard_at FROM producers \
         GROUP BY provider, producer) AS newest USING (provider, producer) \
         WHERE last_message_at >= heard_at - ? GROUP BY provider, producer",
    )
    .bind(STALE_MICROS)
    .fetch_all(pool)
    .await?;
    let mut wants = Vec::new();
    // Those of which single events are asked for: of the others everything is, or nobody would answer.
    let mut trusted = BTreeSet::new();
    for standing in standings {
        let Standing { provider, producer, state, since, trusted_until, recovered_at } = standing;
        let source = Source { provider: Name::new(&provider)?, producer: Name::new(&producer)? };
        let recovered_at = recovered_at.map(Timestamp);
        if !is_asked(&source.provider) {
            continue;
        }
        if let Some(since) = since {
            let trusted_until = Timestamp(trusted_until.unwrap_or_default());
            let target = Target { source, event_id: None };
            wants.push(Want { target, since: Timestamp(since), trusted_until, recovered_at });
        } else if state.is_none_or(|state| state == "up") {
            trusted.insert(source);
        }
    }
    let events: Vec<(String, String)> = sqlx::query_as(
        "SELECT event_id, state FROM events WHERE has_gap = TRUE AND event_id > ? ORDER BY event_id LIMIT ?",
    )
    .bind(&window.after)
    .bind(EVENTS_MAX)
    .fetch_all(pool)
    .await?;
    let is_full = events.len() >= EVENTS_MAX as usize;
    window.to = events.last().filter(|_| is_full).map(|(id, _)| id.clone());
    for (id, state) in events {
        let (event_id, head) = match (EventId::new(&id), serde_json::from_str::<Head>(&state)) {
            (Ok(event_id), Ok(head)) => (event_id, head),
            // All others are asked for.
            (event_id, head) => {
                let errors = (event_id.err(), head.err());
                tracing::error!(
                    event_id = id,
                    ?errors,
                    "an event's gap cannot be recovered: it cannot be read"
                );
                continue;
            }
        };
        for feed in head.feeds.iter().filter(|feed| feed.is_recoverable()) {
            if !trusted.contains(&feed.source) {
                continue;
            }
            wants.push(Want {
                target: Target { source: feed.source.clone(), event_id: Some(event_id.clone()) },
                since: Timestamp(0),
                trusted_until: Timestamp(0),
                // That others of the producer are being delivered says nothing of this one.
                recovered_at: None,
            });
        }
    }
    Ok(wants)
}

#[derive(FromRow)]
struct RequestRow {
    provider: String,
    producer: String,
    event_id: String,
    asked_at: i64,
    taken: bool,
    failures: u32,
}

/// What has been asked for.
///
/// # Errors
/// When the database fails, or what it says cannot be read.
pub async fn requests(pool: &MySqlPool) -> anyhow::Result<BTreeMap<Target, Request>> {
    let sql = "SELECT provider, producer, event_id, asked_at, taken, failures FROM recovery_requests";
    let rows: Vec<RequestRow> = sqlx::query_as(sql).fetch_all(pool).await?;
    let read = |row: RequestRow| {
        let source = Source { provider: Name::new(&row.provider)?, producer: Name::new(&row.producer)? };
        let event_id = (!row.event_id.is_empty()).then(|| EventId::new(&row.event_id)).transpose()?;
        let request =
            Request { asked_at: Timestamp(row.asked_at), is_taken: row.taken, failures: row.failures };
        Ok((Target { source, event_id }, request))
    };
    rows.into_iter().map(read).collect()
}

/// The same, to hold answers against.
///
/// # Errors
/// As those of [`requests`].
pub async fn asked(pool: &MySqlPool) -> anyhow::Result<Asked> {
    Ok(requests(pool).await?.iter().collect())
}

/// Notes that a request is about to be made: whoever follows this process does not make it again at once.
///
/// # Errors
/// When the database fails.
pub async fn write(pool: &MySqlPool, target: &Target, request: &Request) -> anyhow::Result<()> {
    let (provider, producer, event_id) = key(target);
    sqlx::query(
        "REPLACE INTO recovery_requests (provider, producer, event_id, asked_at, taken, failures) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(provider)
    .bind(producer)
    .bind(event_id)
    .bind(request.asked_at.0)
    .bind(request.is_taken)
    .bind(request.failures)
    .execute(pool)
    .await?;
    Ok(())
}

/// The provider has taken the request.
///
/// # Errors
/// When the database fails.
pub async fn note_taken(pool: &MySqlPool, target: &Target, asked_at: Timestamp) -> anyhow::Result<()> {
    let (provider, producer, event_id) = key(target);
    sqlx::query(
        "UPDATE recovery_requests SET taken = TRUE \
         WHERE provider = ? AND producer = ? AND event_id = ? AND asked_at = ?",
    )
    .bind(provider)
    .bind(producer)
    .bind(event_id)
    .bind(asked_at.0)
    .execute(pool)
    .await?;
    Ok(())
}

/// What was asked for is there.
///
/// # Errors
/// When the database fails.
pub async fn forget(pool: &MySqlPool, target: &Target) -> anyhow::Result<()> {
    let (provider, producer, event_id) = key(target);
    sqlx::query("DELETE FROM recovery_requests WHERE provider = ? AND producer = ? AND event_id = ?")
        .bind(provider)
        .bind(producer)
        .bind(event_id)
        .execute(pool)
        .await?;
    Ok(())
}

fn key(target: &Target) -> (&str, &str, &str) {
    let Target { source, event_id } = target;
    (source.provider.as_str(), source.producer.as_str(), event_id.as_ref().map_or("", EventId::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(event_id: Option<&str>) -> Target {
        let name = |text| Name::new(text).unwrap();
        let source = Source { provider: name("md"), producer: name("live") };
        Target { source, event_id: event_id.map(|id| EventId::new(id).unwrap()) }
    }

    #[test]
    fn a_request_is_forgotten_only_by_a_round_that_looked_for_its_event() {
        let whole = Window::default();
        let full = Window { after: "md:match:2".to_owned(), to: Some("md:match:5".to_owned()) };
        let decided = |window: &Window| {
            ["md:match:2", "md:match:3", "md:match:5", "md:match:6"]
                .map(|id| window.decides(&target(Some(id))))
        };
        assert_eq!(decided(&whole), [true; 4]);
        assert_eq!(decided(&full), [false, true, true, false]);
        assert!(full.decides(&target(None)), "whole producers are looked at in every round");
    }

    #[test]
    fn every_event_has_its_round() {
        let full = Window { after: String::new(), to: Some("md:match:5".to_owned()) };
        let next = full.next();
        assert!(next.decides(&target(Some("md:match:6"))) && !next.decides(&target(Some("md:match:5"))));
        assert_eq!(next.next(), Window::default(), "and then it begins again");
    }
}
