//! Whoever lacks messages asks for them again, as the Unified Odds Feed has it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use domain::{EventId, Name, Timestamp};
use serde::Deserialize;

use super::request::{Named, Params};
use crate::recovery::{Desk, RecoveryRefused, RecoveryRequest};

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Milliseconds since the Unix epoch.
    after: Option<i64>,
    request_id: u64,
}

pub(super) async fn of_producer(
    desk: State<Desk>,
    Named(producer): Named<Name>,
    Params(asked): Params<Asked>,
) -> Response {
    ask(&desk, producer, None, &asked)
}

pub(super) async fn of_event(
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
