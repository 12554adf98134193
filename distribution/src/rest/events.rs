//! Events: a filtered list in pages, one whole event, and its markets alone.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::{EventId, EventStatus, MarketStatus, Sport, Timestamp, Urn};
use serde::{Deserialize, Serialize};

use super::Sources;
use super::answer::{by_content, versioned};
use super::cursor::Cursor;
use super::problems::{bad_cursor, no_such_event, unavailable};
use super::request::{EventPath, NoParams, Params, page_limit};
use crate::image::Image;
use crate::store::database::{EventFilter, EventPage, EventRow};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    sport: Option<Sport>,
    status: Option<EventStatus>,
    competitor: Option<Urn>,
    scheduled_from: Option<Timestamp>,
    scheduled_to: Option<Timestamp>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct EventList {
    events: Vec<ListedEvent>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedEvent {
    event_id: String,
    sport: String,
    version: i64,
    home: Option<String>,
    home_id: Option<String>,
    away: Option<String>,
    away_id: Option<String>,
    scheduled_start: Option<i64>,
    status: Option<String>,
    match_status: Option<String>,
    score: Option<ListedScore>,
}

#[derive(Debug, Serialize)]
struct ListedScore {
    home: i32,
    away: i32,
}

impl From<EventRow> for ListedEvent {
    fn from(row: EventRow) -> Self {
        Self {
            event_id: row.event_id,
            sport: row.sport,
            version: row.version,
            home: row.home_name,
            home_id: row.home_id,
            away: row.away_name,
            away_id: row.away_id,
            scheduled_start: row.scheduled_start,
            status: row.status,
            match_status: row.match_status,
            score: row.home_score.zip(row.away_score).map(|(home, away)| ListedScore { home, away }),
        }
    }
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    Params(params): Params<ListParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store_id = hub.store().id().await.map_err(unavailable)?;
    let mut page = page_of(params, &store_id)?;
    // One more than asked for tells whether there is a next page.
    let asked = page.limit as usize;
    page.limit += 1;
    let mut rows = hub.store().page(&page).await.map_err(unavailable)?;
    let has_more = rows.len() > asked;
    rows.truncate(asked);
    let events: Vec<ListedEvent> = rows.into_iter().map(ListedEvent::from).collect();
    let last = events.last().filter(|_| has_more).and_then(|event| event.event_id.parse().ok());
    let next = last.map(|after| Cursor { filter: page.filter, after }.encode(&store_id));
    Ok(by_content(&headers, &EventList { events, next }))
}

/// A cursor says by itself of which events the list is; filters beside it must be the same.
fn page_of(params: ListParams, store_id: &str) -> Result<EventPage, Problem> {
    let limit = page_limit(params.limit)?;
    let filter = EventFilter {
        sport: params.sport,
        status: params.status,
        competitor: params.competitor,
        scheduled_from: params.scheduled_from,
        scheduled_to: params.scheduled_to,
    };
    let Some(cursor) = params.cursor else { return Ok(EventPage { filter, after: None, limit }) };
    let cursor = Cursor::decode(&cursor, store_id).map_err(|error| bad_cursor(error.to_string()))?;
    if filter != EventFilter::default() && filter != cursor.filter {
        return Err(bad_cursor("the cursor is of a list with other filters"));
    }
    Ok(EventPage { filter: cursor.filter, after: Some(cursor.after), limit })
}

pub(super) async fn get_one(
    State(sources): State<Sources>,
    EventPath(event_id): EventPath,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (image, store_id) = load(&sources, &event_id).await?;
    Ok(versioned(&headers, &store_id, &image, |out| image.write_document(out)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MarketParams {
    status: Option<MarketStatus>,
}

pub(super) async fn get_markets(
    State(sources): State<Sources>,
    EventPath(event_id): EventPath,
    Params(params): Params<MarketParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (image, store_id) = load(&sources, &event_id).await?;
    let write = |out: &mut Vec<u8>| image.write_markets(params.status, out);
    Ok(versioned(&headers, &store_id, &image, write))
}

/// The event, and the store it is of.
async fn load(sources: &Sources, event_id: &EventId) -> Result<(Image, Arc<str>), Problem> {
    let hub = &sources.hub;
    // A cache that lags behind what sockets have been told, or what this process knows to exist, counts as a miss.
    let cell = hub.get(event_id);
    let told = cell.as_ref().map_or(0, |cell| cell.last_version());
    let sport = cell.map(|cell| cell.sport());
    let image = hub.store().load_at_least(event_id, sport, told).await.map_err(unavailable)?;
    // Version 0: messages wait for one that came before them, and nothing is known yet.
    let image = image.filter(|image| image.version() > 0).ok_or_else(|| no_such_event(event_id))?;
    let mut image = Arc::unwrap_or_clone(image);
    // PLANTED serve-stale-cache
    #[cfg(feature = "planted")]
    if domain::planted::is(domain::planted::Bug::ServeStaleCache) {
        static FIRST: std::sync::Mutex<std::collections::BTreeMap<EventId, Image>> =
            std::sync::Mutex::new(std::collections::BTreeMap::new());
        image = crate::lock::lock(&FIRST).entry(event_id.clone()).or_insert(image).clone();
    }
    image.set_silent(hub.is_silent(image.sport(), event_id));
    let store_id = hub.store().id().await.map_err(unavailable)?;
    Ok((image, store_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "0123456789abcdef0123456789abcdef";

    fn page(query: &str) -> Result<EventPage, Problem> {
        let uri = format!("/v1/events?{query}").parse().expect("a URI");
        let axum::extract::Query(params) = axum::extract::Query::try_from_uri(&uri).expect("a query");
        page_of(params, STORE)
    }

    #[test]
    fn a_cursor_goes_on_with_its_own_filters_and_takes_no_others() {
        let filter = EventFilter { status: Some(EventStatus::Live), ..EventFilter::default() };
        let after: EventId = "md:match:7".parse().expect("a URN");
        let cursor = Cursor { filter: filter.clone(), after: after.clone() }.encode(STORE);
        let next = EventPage { filter, after: Some(after), limit: 7 };
        assert_eq!(page(&format!("limit=7&cursor={cursor}")), Ok(next.clone()));
        assert_eq!(page(&format!("limit=7&status=live&cursor={cursor}")), Ok(next));
        for other in ["status=ended", "sport=hockey", "status=live&sport=hockey", "scheduled_from=1"] {
            let problem = page(&format!("{other}&cursor={cursor}")).expect_err(other);
            assert_eq!(problem.kind, "urn:matchday:problem:bad-cursor", "{other}");
        }
        assert_eq!(page("cursor=x").expect_err("no cursor").kind, "urn:matchday:problem:bad-cursor");
    }
}
