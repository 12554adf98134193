//! Where whoever lacks messages asks for them again, with the paths that the Unified Odds Feed has for that.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chassis::problem::Problem;
use domain::{EventId, Name, Timestamp};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::presence::RecoveryRequest;

/// Requests that wait for those before them; more are told to come again.
const WAITING_MAX: usize = 64;

#[derive(Debug, Deserialize)]
struct Asked {
    /// Milliseconds since the Unix epoch.
    after: Option<i64>,
    request_id: u64,
}

/// The routes, and where what they take arrives.
pub(super) fn routes() -> (Router, mpsc::Receiver<RecoveryRequest>) {
    let (requests, taken) = mpsc::channel(WAITING_MAX);
    let routes = Router::new()
        .route("/v1/{producer}/recovery/initiate_request", post(of_producer))
        .route("/v1/{producer}/odds/events/{event_id}/initiate_request", post(of_event))
        .with_state(requests);
    (routes, taken)
}

type Requests = State<mpsc::Sender<RecoveryRequest>>;

async fn of_producer(requests: Requests, Path(producer): Path<Name>, Query(asked): Query<Asked>) -> Response {
    take(requests, producer, None, &asked)
}

async fn of_event(
    requests: Requests,
    Path((producer, event_id)): Path<(Name, EventId)>,
    Query(asked): Query<Asked>,
) -> Response {
    take(requests, producer, Some(event_id), &asked)
}

fn take(State(requests): Requests, producer: Name, event_id: Option<EventId>, asked: &Asked) -> Response {
    let after = asked.after.map(|ms| Timestamp(ms.saturating_mul(1_000)));
    let request = RecoveryRequest { producer, event_id, after, request_id: asked.request_id };
    match requests.try_send(request) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(_) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "urn:matchday:problem:too-many-recoveries",
            "Too many recoveries",
            format!("{WAITING_MAX} requests wait already"),
        )
        .into_response(),
    }
}
