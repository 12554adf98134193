//! What can be wrong with a request, or with us, each as a problem document.

use std::time::Duration;

use axum::http::{StatusCode, Uri};
use chassis::problem::Problem;
use domain::EventId;

use crate::store::Unavailable;

/// What is answered until the hub is up to date.
pub fn not_ready() -> Problem {
    away("urn:matchday:problem:not-ready", "Not ready", "updates are not caught up with")
}

/// What is answered where coming back in a moment helps.
pub fn away(kind: &'static str, title: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail).retry_after(Duration::from_secs(1))
}

pub(super) fn unavailable(error: Unavailable) -> Problem {
    tracing::warn!(%error, "cannot answer");
    away("urn:matchday:problem:store-away", "Store away", "the event store does not answer")
}

pub(super) fn no_such_route(uri: &Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:no-such-route", "No such route", detail)
}

pub(super) fn no_such_method(uri: &Uri) -> Problem {
    let detail = format!("{} takes the methods that `Allow` names", uri.path());
    let kind = "urn:matchday:problem:no-such-method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, kind, "No such method", detail)
}

pub(super) fn query_too_long(bytes: usize, bytes_max: usize) -> Problem {
    let detail = format!("the query has {bytes} bytes, {bytes_max} are allowed");
    Problem::new(StatusCode::URI_TOO_LONG, "urn:matchday:problem:query-too-long", "Query too long", detail)
}

pub(super) fn bad_query(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:bad-query", "Bad query", detail)
}

pub(super) fn bad_cursor(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:bad-cursor", "Bad cursor", detail)
}

pub(super) fn bad_event_id(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "urn:matchday:problem:bad-event-id", "Bad event id", detail)
}

pub(super) fn no_such_event(event_id: &EventId) -> Problem {
    let detail = format!("nothing is known of {event_id}");
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:no-such-event", "No such event", detail)
}

pub(super) fn log_too_short(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::GONE, "urn:matchday:problem:log-too-short", "Log too short", detail)
}
