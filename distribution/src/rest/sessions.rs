//! The sessions of the socket, those that keep up least first: for operators, beside `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use serde::{Deserialize, Serialize};

use super::request::{Params, page_limit};
use crate::sessions::{SessionState, Sessions};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct SessionList {
    /// How many are open.
    open: usize,
    sessions: Vec<SessionState>,
}

pub(super) async fn list(
    State(sessions): State<Sessions>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let (open, sessions) = sessions.slowest(page_limit(query.limit)? as usize);
    Ok(Json(SessionList { open, sessions }).into_response())
}
