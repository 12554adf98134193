//! Reading events back: to go on with them, or to write their images anew.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use domain::event::book::Book;
use domain::event::{Head, Versioned};
use domain::intake::Arrival;
use domain::{
    EventId, EventState, HeldMessage, Incident, IncidentId, Intake, MarketKey, Sport, Timestamp, codec,
};
use sqlx::{Connection, FromRow, MySqlPool, QueryBuilder};

/// Events asked for with one statement.
const EVENTS_MAX: usize = 200;

/// An event in memory, as its processor goes on with it.
#[derive(Debug)]
pub struct LoadedEvent {
    /// Its state and the messages held for it.
    pub intake: Intake,
    /// The UTC day on which it was first seen, `YYYY-MM-DD`; `None` where it is new.
    pub first_seen_day: Option<String>,
}

#[derive(FromRow)]
struct EventRow {
    event_id: String,
    sport: String,
    day: String,
    state: String,
}

#[derive(FromRow)]
struct MarketRow {
    event_id: String,
    market_key: String,
    version: i64,
    book: String,
}

#[derive(FromRow)]
struct IncidentRow {
    event_id: String,
    incident_id: String,
    version: i64,
    value: Option<String>,
}

#[derive(FromRow)]
struct ForeseenRow {
    event_id: String,
    sport: String,
    state: String,
}

#[derive(FromRow)]
struct HeldRow {
    event_id: String,
    feed_offset: i64,
    deadline: i64,
    payload: Vec<u8>,
}

/// Why an event cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// What is stored cannot be read.
    #[error("the stored state cannot be read: {0:#}")]
    Damaged(anyhow::Error),
}

/// The events of `ids`, each with what waits for it; those that are not stored begin anew, with what of them was refused
/// before. An event that is stored under another sport is left out.
pub async fn events(
    pool: &MySqlPool,
    sport: Sport,
    ids: &[EventId],
) -> Result<HashMap<EventId, LoadedEvent>, LoadError> {
    let mut loaded = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(EVENTS_MAX) {
        load_chunk(pool, sport, ids, &mut loaded).await?;
    }
    Ok(loaded)
}

async fn load_chunk(
    pool: &MySqlPool,
    sport: Sport,
    ids: &[EventId],
    loaded: &mut HashMap<EventId, LoadedEvent>,
) -> Result<(), LoadError> {
    let heads: Vec<EventRow> =
        select(pool, "SELECT event_id, sport, CAST(first_seen_day AS CHAR) AS day, state FROM events", ids)
            .await?;
    let mut heads: HashMap<String, EventRow> =
        heads.into_iter().map(|row| (row.event_id.clone(), row)).collect();
    let (mut books, mut incidents) = (HashMap::new(), HashMap::new());
    if !heads.is_empty() {
        let rows: Vec<MarketRow> =
            select(pool, "SELECT event_id, market_key, version, book FROM markets", ids).await?;
        books = group(rows, |row| &row.event_id);
        let rows: Vec<IncidentRow> =
            select(pool, "SELECT event_id, incident_id, version, value FROM incidents", ids).await?;
        incidents = group(rows, |row| &row.event_id);
    }
    let mut foreseen = HashMap::new();
    if ids.iter().any(|id| !heads.contains_key(id.as_str())) {
        let rows: Vec<ForeseenRow> =
            select(pool, "SELECT event_id, sport, state FROM foreseen_events", ids).await?;
        let own = rows.into_iter().filter(|row| row.sport == sport.as_str());
        foreseen = own.map(|row| (row.event_id, row.state)).collect();
    }
    let rows: Vec<HeldRow> =
        select(pool, "SELECT event_id, feed_offset, deadline, payload FROM held_messages", ids).await?;
    let mut held = group(rows, |row| &row.event_id);

    for id in ids {
        let (state, first_seen_day) = match heads.remove(id.as_str()) {
            None => {
                let state = match foreseen.remove(id.as_str()) {
                    None => EventState::new(id.clone(), sport),
                    Some(head) => restore(id, sport, &head, &[], &[]).map_err(LoadError::Damaged)?,
                };
                (state, None)
            }
            Some(row) if row.sport != sport.as_str() => continue,
            Some(row) => {
                let books = books.remove(id.as_str()).unwrap_or_default();
                let incidents = incidents.remove(id.as_str()).unwrap_or_default();
                let state = restore(id, sport, &row.state, &books, &incidents).map_err(LoadError::Damaged)?;
                (state, Some(row.day))
            }
        };
        let held = held.remove(id.as_str()).unwrap_or_default().into_iter().map(read_held);
        let held = held.collect::<anyhow::Result<Vec<_>>>().map_err(LoadError::Damaged)?;
        loaded.insert(id.clone(), LoadedEvent { intake: Intake::new(state, held), first_seen_day });
    }
    Ok(())
}

/// The events for which messages wait, per partition.
pub async fn waiting_events(
    pool: &MySqlPool,
    sport: Sport,
    partitions: &[i32],
) -> Result<HashMap<i32, Vec<EventId>>, LoadError> {
    let mut waiting = HashMap::new();
    for &partition in partitions {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT event_id FROM held_messages WHERE sport = ? AND kafka_partition = ? ORDER BY event_id",
        )
        .bind(sport.as_str())
        .bind(partition)
        .fetch_all(pool)
        .await?;
        let ids = rows.iter().map(EventId::new).collect::<Result<Vec<_>, _>>();
        waiting.insert(partition, ids.map_err(|error| LoadError::Damaged(error.into()))?);
    }
    Ok(waiting)
}

fn restore(
    id: &EventId,
    sport: Sport,
    head: &str,
    books: &[MarketRow],
    incidents: &[IncidentRow],
) -> anyhow::Result<EventState> {
    restore_unnamed(id, sport, head, books, incidents).with_context(|| format!("event {id}"))
}

fn restore_unnamed(
    id: &EventId,
    sport: Sport,
    head: &str,
    books: &[MarketRow],
    incidents: &[IncidentRow],
) -> anyhow::Result<EventState> {
    let head: Head = serde_json::from_str(head).context("head")?;
    let books = books
        .iter()
        .map(|row| {
            let value: Book =
                serde_json::from_str(&row.book).with_context(|| format!("market {}", row.market_key))?;
            Ok((row.market_key.parse::<MarketKey>()?, Versioned { version: unsigned(row.version), value }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let incidents = incidents
        .iter()
        .map(|row| {
            let value: Option<Incident> = row.value.as_deref().map(serde_json::from_str).transpose()?;
            Ok((IncidentId::new(&row.incident_id)?, Versioned { version: unsigned(row.version), value }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(EventState::restore(id.clone(), sport, head, books, incidents))
}

fn read_held(row: HeldRow) -> anyhow::Result<HeldMessage> {
    let message = codec::json::decode(&row.payload).context("held message")?;
    // Only what has a place in a sequence waits, and what is to become of its letter is found by its offset.
    let arrival =
        Arrival { message, payload: Arc::from(row.payload), feed_offset: row.feed_offset, redrive: None };
    Ok(HeldMessage { arrival, deadline: Timestamp(row.deadline) })
}

async fn select<T>(pool: &MySqlPool, select: &'static str, ids: &[EventId]) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, sqlx::mysql::MySqlRow> + Send + Unpin,
{
    let mut query = QueryBuilder::new(select);
    query.push(" WHERE event_id IN (");
    let mut list = query.separated(", ");
    for id in padded(ids) {
        list.push_bind(id.as_str());
    }
    query.push(")");
    query.build_query_as().fetch_all(pool).await
}

/// The same items in one of few lengths, the last repeated, so that few statements are ever prepared: one that is
/// prepared for once is closed again, and on some servers the next answer then waits 40 ms for that packet.
fn padded<T>(items: &[T]) -> impl Iterator<Item = &T> {
    let length = [1, 4, 16, 64].into_iter().find(|&length| length >= items.len()).unwrap_or(EVENTS_MAX);
    items.iter().chain(items.last().into_iter().cycle()).take(length.max(items.len()))
}

fn group<T>(rows: Vec<T>, id: impl Fn(&T) -> &String) -> HashMap<String, Vec<T>> {
    let mut groups: HashMap<String, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(id(&row).clone()).or_default().push(row);
    }
    groups
}

/// Versions are never negative.
fn unsigned(version: i64) -> u64 {
    u64::try_from(version).unwrap_or_default()
}

/// An event's public values as raw JSON, as Redis holds them.
#[derive(Debug)]
pub struct StoredImage {
    /// The event.
    pub event_id: String,
    /// Its version.
    pub version: u64,
    /// Text form of every key ever set, the version at which it last changed, and its value (`None`: it went away).
    pub entries: Vec<(String, u64, Option<String>)>,
}

/// The images of the events of a sport that `filter` asks for.
pub async fn images(
    pool: &MySqlPool,
    sport: Sport,
    filter: ImageFilter<'_>,
) -> Result<Vec<StoredImage>, LoadError> {
    #[derive(FromRow)]
    struct Row {
        event_id: String,
        version: i64,
        state: String,
    }
    #[derive(FromRow)]
    struct Entry {
        event_id: String,
        name: String,
        version: i64,
        value: Option<String>,
    }
    // One snapshot, so that the head and its markets are of the same version.
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *connection).await?;
    let mut transaction =
        connection.begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
    let mut query = QueryBuilder::new("SELECT event_id, version, state FROM events WHERE sport = ");
    query.push_bind(sport.as_str());
    filter.push(&mut query);
    let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *transaction).await?;
    let mut images = Vec::with_capacity(rows.len());
    if rows.is_empty() {
        return Ok(images);
    }
    for row in rows {
        images
            .push(head_image(&row.event_id, unsigned(row.version), &row.state).map_err(LoadError::Damaged)?);
    }
    for sql in [
        "SELECT event_id, CONCAT('market:', market_key) AS name, version, value FROM markets WHERE event_id IN (",
        "SELECT event_id, CONCAT('incident:', incident_id) AS name, version, value FROM incidents WHERE event_id IN (",
    ] {
        let mut query = QueryBuilder::new(sql);
        let mut list = query.separated(", ");
        for image in padded(&images) {
            list.push_bind(image.event_id.clone());
        }
        query.push(")");
        let entries: Vec<Entry> = query.build_query_as().fetch_all(&mut *transaction).await?;
        let mut entries = group(entries, |entry| &entry.event_id);
        for image in &mut images {
            let own = entries.remove(&image.event_id).unwrap_or_default();
            image
                .entries
                .extend(own.into_iter().map(|entry| (entry.name, unsigned(entry.version), entry.value)));
        }
    }
    transaction.rollback().await?;
    Ok(images)
}

/// Which events [`images`] reads.
#[derive(Debug, Clone, Copy)]
pub enum ImageFilter<'a> {
    /// These.
    Ids(&'a [EventId]),
    /// Those of one feed partition, a page at a time.
    Partition {
        /// The partition.
        partition: i32,
        /// Which of its events.
        which: Which,
        /// The last event of the page before; empty for the first page.
        after: &'a str,
        /// Events per page.
        limit: u32,
    },
}

/// Which events of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every event ever stored.
    All,
    /// Those that are not over, and those first seen in the last two days: what clients ask for. The others are read
    /// from MySQL by whoever asks.
    Current,
}

impl ImageFilter<'_> {
    fn push(self, query: &mut QueryBuilder<sqlx::MySql>) {
        match self {
            Self::Ids(ids) => {
                query.push(" AND event_id IN (");
                let mut list = query.separated(", ");
                for id in padded(ids) {
                    list.push_bind(id.as_str().to_owned());
                }
                query.push(")");
            }
            Self::Partition { partition, which, after, limit } => {
                query.push(" AND kafka_partition = ").push_bind(partition);
                if which == Which::Current {
                    query.push(
                        " AND (status IS NULL OR status NOT IN ('ended', 'closed', 'cancelled', 'abandoned') \
                         OR first_seen_day >= UTC_DATE() - INTERVAL 2 DAY)",
                    );
                }
                query.push(" AND event_id > ").push_bind(after.to_owned());
                query.push(" ORDER BY event_id LIMIT ").push_bind(limit);
            }
        }
    }
}

fn head_image(event_id: &str, version: u64, state: &str) -> anyhow::Result<StoredImage> {
    let head: Head = serde_json::from_str(state).with_context(|| format!("event {event_id}"))?;
    let mut entries = Vec::new();
    if let Some(fixture) = &head.fixture {
        entries.push(("fixture".to_owned(), fixture.version, Some(serde_json::to_string(&fixture.value)?)));
    }
    if let Some(status) = &head.status {
        entries.push(("status".to_owned(), status.version, Some(serde_json::to_string(&status.value)?)));
    }
    Ok(StoredImage { event_id: event_id.to_owned(), version, entries })
}
