//! What is lost, what has been asked for, and who may ask.

use std::collections::BTreeSet;

use domain::event::Head;
use domain::{EventId, Name, Source, Timestamp};
use sqlx::{FromRow, MySqlPool};

use crate::recovery::{Asked, Request, Requests, Rest, Target, Want};

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

    /// Notes that a request is about to be made, so that whoever follows this process does not make it again at once. Says
    /// whether it may be made: the lease was still held by then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write(&self, pool: &MySqlPool, target: &Target, request: &Request) -> anyhow::Result<bool> {
        let (provider, producer, event_id) = key(target);
        let sql = format!(
            "INSERT INTO recovery_requests (provider, producer, event_id, asked_at, taken, failures) \
             SELECT ?, ?, ?, ?, ?, ? FROM recovery_lease WHERE holder = ? AND held_until >= {CLOCK}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(provider).bind(producer).bind(event_id);
        let query = query.bind(request.asked_at.0).bind(request.is_taken).bind(request.failures);
        Ok(query.bind(&self.holder).execute(pool).await?.rows_affected() == 1)
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
         MIN(CASE WHEN state = 'recovering' THEN trusted_until END) AS trusted_until \
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
        let Standing { provider, producer, state, since, trusted_until } = standing;
        let source = Source { provider: Name::new(&provider)?, producer: Name::new(&producer)? };
        if !is_asked(&source.provider) {
            continue;
        }
        if let Some(since) = since {
            let trusted_until = Timestamp(trusted_until.unwrap_or_default());
            let target = Target { source, event_id: None };
            wants.push(Want {
                target,
                since: Timestamp(since),
                trusted_until,
                is_once: false,
                is_waiting: false,
            });
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
        wants.extend(
            wants_of(&event_id, &head, &trusted).filter(|want| is_asked(&want.target.source.provider)),
        );
    }
    Ok(wants)
}

/// What is missing of one event, of those who are trusted; and of the others what is asked for once, for whether it was is to be
/// known when they are trusted again.
fn wants_of(event_id: &EventId, head: &Head, trusted: &BTreeSet<Source>) -> impl Iterator<Item = Want> {
    let recoverable = head.feeds.iter().filter(|feed| feed.is_recoverable());
    let feeds = recoverable.map(|feed| (feed, !trusted.contains(&feed.source)));
    let wanted = feeds.filter(|(feed, is_waiting)| !is_waiting || feed.unasked_since().is_some());
    wanted.map(|(feed, is_waiting)| Want {
        target: Target { source: feed.source.clone(), event_id: Some(event_id.clone()) },
        // What was asked for when it had another gap, which is closed, or another letter, may lack what is missing now.
        since: feed.unasked_since().unwrap_or_else(|| feed.gap_since()),
        trusted_until: Timestamp(0),
        is_once: feed.unasked_since().is_some(),
        is_waiting,
    })
}

#[derive(FromRow)]
struct RequestRow {
    provider: String,
    producer: String,
    event_id: String,
    asked_at: i64,
    taken: bool,
    failures: u32,
    recovered_at: Option<i64>,
}

/// What has been asked for.
///
/// # Errors
/// When the database fails, or what it says cannot be read.
pub async fn requests(pool: &MySqlPool) -> anyhow::Result<Requests> {
    let mut requests = Requests::new();
    for (target, request) in read(pool, "").await? {
        requests.entry(target).or_default().push(request);
    }
    Ok(requests)
}

/// Each request of which this is so, the earlier before the later ones.
async fn read(pool: &MySqlPool, condition: &'static str) -> anyhow::Result<Vec<(Target, Request)>> {
    let sql = format!(
        "SELECT provider, producer, event_id, asked_at, taken, failures, recovered_at \
         FROM recovery_requests {condition} ORDER BY asked_at"
    );
    let rows: Vec<RequestRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await?;
    let read = |row: RequestRow| {
        let source = Source { provider: Name::new(&row.provider)?, producer: Name::new(&row.producer)? };
        let event_id = (!row.event_id.is_empty()).then(|| EventId::new(&row.event_id)).transpose()?;
        let request = Request {
            asked_at: Timestamp(row.asked_at),
            is_taken: row.taken,
            failures: row.failures,
            recovered_at: row.recovered_at.map(Timestamp),
        };
        Ok((Target { source, event_id }, request))
    };
    rows.into_iter().map(read).collect()
}

/// Those that the provider has not refused, to hold answers against: what a refused one brings is somebody else's.
///
/// # Errors
/// As those of [`requests`].
pub async fn asked(pool: &MySqlPool) -> anyhow::Result<Asked> {
    Ok(read(pool, "WHERE refused = FALSE").await?.into_iter().collect())
}

/// The provider has taken the request.
///
/// # Errors
/// When the database fails.
pub async fn note_taken(pool: &MySqlPool, target: &Target, asked_at: Timestamp) -> anyhow::Result<()> {
    note(pool, "taken = TRUE", target, asked_at).await
}

/// The provider has answered that it does not take the request. Nothing that came by then answered it.
///
/// # Errors
/// When the database fails.
pub async fn note_refused(pool: &MySqlPool, target: &Target, asked_at: Timestamp) -> anyhow::Result<()> {
    note(pool, "refused = TRUE, recovered_at = NULL", target, asked_at).await
}

/// A provider is to be asked for nothing for so long.
///
/// # Errors
/// When the database fails.
pub async fn note_rest(pool: &MySqlPool, provider: &Name, rest: Rest) -> anyhow::Result<()> {
    let sql = format!(
        "INSERT INTO recovery_rests (provider, until, reason) VALUES (?, {CLOCK} + ?, ?) \
         ON DUPLICATE KEY UPDATE until = VALUES(until), reason = VALUES(reason)"
    );
    let micros = i64::try_from(rest.time.as_micros()).unwrap_or(i64::MAX / 2);
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(provider.as_str()).bind(micros).bind(rest.reason);
    query.execute(pool).await?;
    Ok(())
}

/// The providers that are to be asked for nothing now.
///
/// # Errors
/// When the database fails.
pub async fn resting(pool: &MySqlPool) -> anyhow::Result<BTreeSet<String>> {
    let sql = format!("SELECT provider FROM recovery_rests WHERE until > {CLOCK}");
    let providers: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await?;
    Ok(providers.into_iter().collect())
}

async fn note(
    pool: &MySqlPool,
    what: &'static str,
    target: &Target,
    asked_at: Timestamp,
) -> anyhow::Result<()> {
    let (provider, producer, event_id) = key(target);
    let sql = format!(
        "UPDATE recovery_requests SET {what} \
         WHERE provider = ? AND producer = ? AND event_id = ? AND asked_at = ?"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(provider).bind(producer).bind(event_id);
    query.bind(asked_at.0).execute(pool).await?;
    Ok(())
}

/// Something came at this time that answers the request.
///
/// # Errors
/// When the database fails.
pub async fn note_delivering(
    pool: &MySqlPool,
    target: &Target,
    asked_at: Timestamp,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (provider, producer, event_id) = key(target);
    // Several processors note it, and their clocks differ.
    sqlx::query(
        "UPDATE recovery_requests SET recovered_at = GREATEST(COALESCE(recovered_at, 0), ?) \
         WHERE provider = ? AND producer = ? AND event_id = ? AND asked_at = ? AND refused = FALSE",
    )
    .bind(now.0)
    .bind(provider)
    .bind(producer)
    .bind(event_id)
    .bind(asked_at.0)
    .execute(pool)
    .await?;
    Ok(())
}

/// Nothing more is expected of the requests for a target that were made at these times. Others may have been made since.
///
/// # Errors
/// When the database fails.
pub async fn forget(pool: &MySqlPool, target: &Target, asked_at: &[Timestamp]) -> anyhow::Result<()> {
    if asked_at.is_empty() {
        return Ok(());
    }
    let (provider, producer, event_id) = key(target);
    let mut delete = sqlx::QueryBuilder::new("DELETE FROM recovery_requests WHERE provider = ");
    delete.push_bind(provider).push(" AND producer = ").push_bind(producer);
    delete.push(" AND event_id = ").push_bind(event_id).push(" AND asked_at IN (");
    let mut list = delete.separated(", ");
    for at in asked_at {
        list.push_bind(at.0);
    }
    delete.push(")");
    delete.build().execute(pool).await?;
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
    fn an_event_is_asked_for_anew_since_its_gap_was_declared() {
        let of = |gap: &str, is_trusted: bool| {
            let state = format!(
                r#"{{"version":1,"feeds":[{{"source":{{"provider":"md","producer":"live"}},"applied":{{"epoch":1,"sequence":1}},
                "heard":{{"epoch":1,"sequence":3}},"recent":[],{gap}}}]}}"#
            );
            let head: Head = serde_json::from_str(&state).unwrap();
            let target = target(Some("md:match:1"));
            let trusted = is_trusted.then(|| target.source.clone()).into_iter().collect();
            let wants: Vec<Want> = wants_of(target.event_id.as_ref().unwrap(), &head, &trusted).collect();
            assert!(wants.iter().all(|want| want.target == target), "{wants:?}");
            assert_eq!(wants.iter().any(|want| want.is_once), gap.contains("unasked"));
            assert!(wants.iter().all(|want| want.is_waiting != is_trusted), "{wants:?}");
            wants.iter().map(|want| want.since.0).collect::<Vec<_>>()
        };
        assert_eq!(of(r#""gap":true,"gap_since":7"#, true), [7]);
        assert_eq!(of(r#""gap":true"#, true), [0], "it was stored before that was noted");
        assert!(of(r#""gap":false"#, true).is_empty());
        assert_eq!(of(r#""unasked_since":9"#, true), [9], "a letter of a feed without sequences");
        // While everything is asked for, what was asked for once is remembered.
        assert!(of(r#""gap":true,"gap_since":7"#, false).is_empty());
        assert_eq!(of(r#""unasked_since":9"#, false), [9]);
    }

    #[test]
    fn every_event_has_its_round() {
        let full = Window { after: String::new(), to: Some("md:match:5".to_owned()) };
        let next = full.next();
        assert!(next.decides(&target(Some("md:match:6"))) && !next.decides(&target(Some("md:match:5"))));
        assert_eq!(next.next(), Window::default(), "and then it begins again");
    }
}
