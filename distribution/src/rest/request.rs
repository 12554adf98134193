//! What a request says in its path and its query, or the problem with it.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use chassis::problem::Problem;
use domain::EventId;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problems::{bad_event_id, bad_query};

/// Entries in one answer, where the client does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Entries in one answer at most.
const LIMIT_MAX: u32 = 500;

/// The event that the path names.
pub(super) struct EventPath(pub(super) EventId);

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(event_id) = path.map_err(|rejection| bad_event_id(rejection.body_text()))?;
        event_id.parse().map(Self).map_err(|error: domain::id::IdError| bad_event_id(error.to_string()))
    }
}

/// The query, in which nothing may stand that `T` does not name.
pub(super) struct Params<T>(pub(super) T);

/// The query of what takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|rejection| bad_query(rejection.body_text()))
    }
}

/// How many entries an answer has at most.
pub(super) fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        limit => Err(bad_query(format!("`limit` is {limit}, it must be from 1 to {LIMIT_MAX}"))),
    }
}
