//! Where whoever lacks messages asks for them again, with the paths that the Unified Odds Feed has for that.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chassis::problem::Problem;
use domain::{EventId, Name, Timestamp};
use serde::Deserialize;

use crate::control::{Named, Params};
use crate::recovery::{self, Desk, Inbox, RecoveryRefused, RecoveryRequest};

#[derive(Debug, Deserialize)]
struct Asked {
    /// Milliseconds since the Unix epoch.
    after: Option<i64>,
    request_id: u64,
}

/// The routes, and where what they take arrives.
pub fn routes() -> (Router, Inbox) {
    let (desk, inbox) = recovery::desk();
    let routes = Router::new()
        .route("/v1/{producer}/recovery/initiate_request", post(of_producer))
        .route("/v1/{producer}/odds/events/{event_id}/initiate_request", post(of_event))
        .with_state(desk);
    (routes, inbox)
}

async fn of_producer(
    desk: State<Desk>,
    Named(producer): Named<Name>,
    Params(asked): Params<Asked>,
) -> Response {
    ask(&desk, producer, None, &asked)
}

async fn of_event(
    desk: State<Desk>,
    Named((producer, event_id)): Named<(Name, EventId)>,
    Params(asked): Params<Asked>,
) -> Response {
    ask(&desk, producer, Some(event_id), &asked)
}

fn ask(desk: &Desk, producer: Name, event_id: Option<EventId>, asked: &Asked) -> Response {
    let after = asked.after.map(|ms| Timestamp(ms.saturating_mul(1_000)));
    let Err(refused) = desk.ask(RecoveryRequest { producer, event_id, after, request_id: asked.request_id })
    else {
        return StatusCode::ACCEPTED.into_response();
    };
    let (status, kind, title) = match refused {
        RecoveryRefused::Idle => {
            (StatusCode::SERVICE_UNAVAILABLE, "urn:matchday:problem:idle", "Nothing is being played")
        }
        RecoveryRefused::Producer(_) | RecoveryRefused::Event(_) => {
            (StatusCode::NOT_FOUND, "urn:matchday:problem:not-found", "Not found")
        }
        RecoveryRefused::Full => {
            (StatusCode::TOO_MANY_REQUESTS, "urn:matchday:problem:too-many-recoveries", "Too many recoveries")
        }
    };
    Problem::new(status, kind, title, refused.to_string()).into_response()
}
