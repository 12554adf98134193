//! Where everything is asked for.

use axum::Router;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use chassis::problem::Problem;

use super::request::{method_not_allowed, not_found};
use super::{Control, Watch, recovery, rest, uof};
use crate::recovery::Desk;

/// All routes of control; `GET /openapi.json` describes them.
pub fn routes(control: Control) -> Router {
    Router::new()
        .route("/openapi.json", get(rest::document))
        .route("/v1/scenarios", get(rest::scenarios))
        .route("/v1/scenarios/{name}", get(rest::scenario))
        .route("/v1/recordings", get(rest::recordings))
        .route("/v1/run", get(rest::status).post(rest::start).delete(rest::stop))
        .route("/v1/run/pause", post(rest::pause))
        .route("/v1/run/resume", post(rest::resume))
        .route("/v1/run/step", post(rest::step))
        .route("/v1/run/speed", put(rest::set_speed))
        .route("/v1/run/rate", put(rest::set_rate))
        .route("/v1/run/ledger", get(rest::ledger))
        .route("/v1/run/faults", get(rest::faults).post(rest::inject))
        .route("/v1/replay", get(uof::list))
        .route("/v1/replay/", get(uof::list))
        .route("/v1/replay/events/{event_id}", put(uof::add).delete(uof::remove))
        .route("/v1/replay/play", post(uof::play))
        .route("/v1/replay/stop", post(uof::stop))
        .route("/v1/replay/reset", post(uof::reset))
        .route("/v1/replay/status", get(uof::status))
        .route("/v1/replay/scenario", get(uof::scenarios))
        .route("/v1/replay/scenario/play/{id}", post(uof::play_scenario))
        .method_not_allowed_fallback(async |uri: Uri| answer(&uri, method_not_allowed()))
        .fallback(async |uri: Uri| answer(&uri, not_found(format!("there is nothing at {}", uri.path()))))
        .with_state(control)
}

/// The routes by which whoever lacks messages asks for them again.
pub fn recoveries(desk: Desk) -> Router {
    Router::new()
        .route("/v1/{producer}/recovery/initiate_request", post(recovery::of_producer))
        .route("/v1/{producer}/odds/events/{event_id}/initiate_request", post(recovery::of_event))
        .with_state(desk)
}

/// The routes by which a run is looked at that takes no orders: how it stands and what goes wrong in it, as [`routes`] tell it. Every
/// order is refused.
pub fn watched(watch: Watch) -> Router {
    Router::new()
        .route("/v1/run", get(rest::status))
        .route("/v1/run/faults", get(rest::faults))
        .route("/v1/run/{order}", any(rest::no_orders))
        .method_not_allowed_fallback(rest::no_orders)
        .with_state(watch)
}

/// A problem as whoever asks there reads it.
fn answer(uri: &Uri, problem: Problem) -> Response {
    match uri.path().strip_prefix("/v1/replay") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => uof::refused(problem),
        _ => problem.into_response(),
    }
}
