//! The REST port: events as documents, from Redis or MySQL; the live ones from memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use chassis::problem::Problem;
use domain::EventId;
use serde::{Deserialize, Serialize};

use crate::hub::Hub;
use crate::image::Image;
use crate::live;
use crate::store::Unavailable;
use crate::store::database::{EventPage, EventRow};
use crate::updates::CaughtUp;

/// Events in one answer, where the client does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Events in one answer at most.
const LIMIT_MAX: u32 = 500;
/// Hexadecimal digits of the store's id in an entity tag: enough to tell one store from another.
const TAG_STORE_DIGITS: usize = 8;

/// The routes of the port, but for the admin ones.
pub fn routes(hub: Arc<Hub>, caught_up: CaughtUp) -> Router {
    let live =
        Router::new().route("/matches/live", get(live_matches)).with_state((Arc::clone(&hub), caught_up));
    let routes = Router::new()
        .route("/v1/events", get(list_events))
        .route("/v1/events/{event_id}", get(get_event))
        .with_state(hub);
    with_fallbacks(routes.merge(live))
}

/// Lets a router answer a problem where it has no route or method.
pub fn with_fallbacks(router: Router) -> Router {
    router.fallback(no_such_route).method_not_allowed_fallback(no_such_method)
}

async fn no_such_route(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:no-such-route", "No such route", detail)
}

async fn no_such_method(uri: Uri) -> Problem {
    let detail = format!("{} takes other methods", uri.path());
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "urn:matchday:problem:no-such-method",
        "No such method",
        detail,
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
struct EventList {
    events: Vec<ListedEvent>,
    /// What to give as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedEvent {
    event_id: String,
    sport: String,
    version: i64,
    home: Option<String>,
    away: Option<String>,
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
            away: row.away_name,
            scheduled_start: row.scheduled_start,
            status: row.status,
            match_status: row.match_status,
            score: row.home_score.zip(row.away_score).map(|(home, away)| ListedScore { home, away }),
        }
    }
}

async fn list_events(
    State(hub): State<Arc<Hub>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<EventList>, Problem> {
    let Query(query) = query.map_err(|rejection| bad_query(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(bad_query(format!("`limit` is {limit}, it must be from 1 to {LIMIT_MAX}")));
    }
    let after = query.after.unwrap_or_default();
    // One more than asked for tells whether there is a next page.
    let mut rows = hub.store().page(&EventPage { after, limit: limit + 1 }).await.map_err(unavailable)?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_more).map(|row| row.event_id.clone());
    Ok(Json(EventList { events: rows.into_iter().map(ListedEvent::from).collect(), next }))
}

async fn get_event(
    State(hub): State<Arc<Hub>>,
    Path(event_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let event_id: EventId = event_id.parse().map_err(|error| bad_event_id(&error))?;
    // A cache that lags behind what sockets have been told counts as a miss.
    let cell = hub.get(&event_id);
    let told = cell.as_ref().map_or(0, |cell| cell.with_image(Image::version));
    let sport = cell.map(|cell| cell.sport());
    let image = hub.store().load_at_least(&event_id, sport, told).await.map_err(unavailable)?;
    // Version 0: messages wait for one that came before them, and nothing is known yet.
    let image = image.filter(|image| image.version() > 0).ok_or_else(|| no_such_event(&event_id))?;
    let store_id = hub.store().id().await.map_err(unavailable)?;
    let tag = entity_tag(&store_id, image.version());
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|offered| names(offered, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut document = Vec::with_capacity(4 << 10);
    image.write_document(&mut document);
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    Ok((headers, document).into_response())
}

async fn live_matches(
    State((hub, caught_up)): State<(Arc<Hub>, CaughtUp)>,
) -> Result<impl IntoResponse, Problem> {
    // A list that is still being put together looks like a day without matches.
    if !caught_up.get() {
        return Err(not_ready());
    }
    let mut document = Vec::with_capacity(4 << 10);
    live::write_matches(&hub.cells(), &mut document);
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], document))
}

/// What is answered until the hub is up to date.
pub fn not_ready() -> Problem {
    away("urn:matchday:problem:not-ready", "Not ready", "updates are not caught up with")
}

/// What is answered where coming back in a moment helps.
pub fn away(kind: &'static str, title: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail).retry_after(Duration::from_secs(1))
}

/// Weak, since two builds may write one version with other optional fields; the store's part keeps apart versions of
/// different databases.
fn entity_tag(store_id: &str, version: u64) -> String {
    let store = store_id.get(..TAG_STORE_DIGITS).unwrap_or(store_id);
    format!("W/\"{store}-{version}\"")
}

/// Whether an `If-None-Match` header names the tag, by weak comparison (RFC 9110, 13.1.2).
fn names(offered: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(offered) = offered.to_str() else { return false };
    offered.trim() == "*" || offered.split(',').any(|one| opaque(one) == opaque(tag))
}

fn bad_query(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:bad-query", "Bad query", detail)
}

fn bad_event_id(error: &impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "urn:matchday:problem:bad-event-id",
        "Bad event id",
        error.to_string(),
    )
}

fn no_such_event(event_id: &EventId) -> Problem {
    let detail = format!("nothing is known of {event_id}");
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:no-such-event", "No such event", detail)
}

fn unavailable(error: Unavailable) -> Problem {
    tracing::warn!(%error, "cannot answer");
    away("urn:matchday:problem:store-away", "Store away", "the event store does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::HubLimits;
    use crate::store::Store;
    use crate::store::cache::Cache;
    use crate::store::database::Database;

    #[tokio::test]
    async fn what_is_live_is_not_told_before_all_of_it_is_known() {
        let cache = Cache::new("redis://127.0.0.1:1").expect("an address");
        let database = Database::new("mysql://nobody@127.0.0.1:1/none", 1).expect("an address");
        let limits = HubLimits { events_max: 1, keep_final: Duration::ZERO, urgent_max: 1 };
        let hub = Hub::new(Store::new(cache, database), limits);
        let caught_up = CaughtUp::default();
        let answer =
            async || live_matches(State((Arc::clone(&hub), caught_up.clone()))).await.into_response();
        let early = answer().await;
        assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(early.headers()[header::RETRY_AFTER], "1");
        caught_up.set(true);
        assert_eq!(answer().await.status(), StatusCode::OK);
    }

    #[test]
    fn a_tag_is_found_in_a_list_and_compared_weakly() {
        let tag = entity_tag("0123456789abcdef0123456789abcdef", 7);
        assert_eq!(tag, "W/\"01234567-7\"");
        for offered in ["*", "W/\"01234567-7\"", "\"01234567-7\"", "\"a\", W/\"01234567-7\""] {
            assert!(names(&HeaderValue::from_str(offered).expect("a header"), &tag), "{offered}");
        }
        for offered in ["", "\"01234567-8\"", "W/\"76543210-7\""] {
            assert!(!names(&HeaderValue::from_str(offered).expect("a header"), &tag), "{offered}");
        }
    }
}
