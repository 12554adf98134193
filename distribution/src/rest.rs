//! The REST port: sports, events with their markets and logs, and producers, as JSON documents.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use chassis::problem::Problem;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::descriptions::Descriptions;
use crate::hub::Hub;
use crate::metrics;
use crate::sessions::Sessions;
use crate::updates::CaughtUp;

mod answer;
mod cors;
mod cursor;
mod descriptions;
mod events;
mod matches;
mod openapi;
mod problems;
mod producers;
mod request;
mod sessions;
mod sports;
#[cfg(test)]
mod tests;
mod updates;

pub use cors::AllowedOrigin;
pub use problems::{away, not_ready};

/// Smaller answers are sent as they are: packing them costs more than it saves.
const PACKED_BYTES_MIN: u16 = 1_024;
/// Bytes of a query; more are no filter and no cursor.
const QUERY_BYTES_MAX: usize = 2_048;

/// What answers are made from. Clones share it.
#[derive(Clone)]
struct Sources {
    hub: Arc<Hub>,
    caught_up: CaughtUp,
    descriptions: Descriptions,
}

/// Everything that the port answers. Pages from `origins` may read the answers.
pub fn routes(
    hub: Arc<Hub>,
    caught_up: CaughtUp,
    descriptions: Descriptions,
    sessions: Sessions,
    admin: Router,
    origins: &[AllowedOrigin],
) -> Router {
    let routes = Router::new()
        .route("/openapi.json", get(openapi::get_document))
        .route("/matches/live", get(matches::list_live))
        .route("/v1/sports", get(sports::list))
        .route("/v1/producers", get(producers::list))
        .route("/v1/descriptions", get(descriptions::list))
        .route("/v1/events", get(events::list))
        .route("/v1/events/{event_id}", get(events::get_one))
        .route("/v1/events/{event_id}/markets", get(events::get_markets))
        .route("/v1/events/{event_id}/updates", get(updates::list))
        .with_state(Sources { hub, caught_up, descriptions })
        .merge(Router::new().route("/sessions", get(sessions::list)).with_state(sessions))
        .merge(admin);
    let packing = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(PACKED_BYTES_MIN));
    with_fallbacks(routes)
        .layer(from_fn(bounded_query))
        .layer(packing)
        .layer(cors::layer(origins))
        .layer(from_fn(measured))
}

/// Lets a router answer a problem where it has no route or method.
pub fn with_fallbacks(router: Router) -> Router {
    let no_route = |uri: Uri| async move { problems::no_such_route(&uri) };
    let no_method = |uri: Uri| async move { problems::no_such_method(&uri) };
    router.fallback(no_route).method_not_allowed_fallback(no_method)
}

async fn bounded_query(request: Request, next: Next) -> Result<Response, Problem> {
    match request.uri().query() {
        Some(query) if query.len() > QUERY_BYTES_MAX => {
            Err(problems::query_too_long(query.len(), QUERY_BYTES_MAX))
        }
        _ => Ok(next.run(request).await),
    }
}

/// How the dashboard says who it is: what it asks is no part of what it shows.
const WATCHER: &[u8] = b"matchday-top/";

async fn measured(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT);
    if agent.is_some_and(|agent| agent.as_bytes().starts_with(WATCHER)) {
        return next.run(request).await;
    }
    let started = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics::rest_answered(route, response.status().as_u16(), started.elapsed().as_secs_f64());
    response
}
