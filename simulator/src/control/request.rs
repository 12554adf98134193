//! What a request says in its path, its query and its body, or the problem with it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use chassis::http::{BodyError, BodyLimits, read_body};
use chassis::problem::Problem;
use serde::de::DeserializeOwned;

use super::{ControlError, ReplayError};

/// What a body may be.
const BODY: BodyLimits = BodyLimits {
    max_bytes: crate::scenario::BYTES_MAX,
    first_byte: Duration::from_secs(5),
    whole: Duration::from_secs(10),
};

/// The query, in which nothing may stand that `T` does not name.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|rejection| invalid(rejection.body_text()))
    }
}

/// A part of the path.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(named)| Self(named)).map_err(|rejection| not_found(rejection.body_text()))
    }
}

/// A body of JSON, in which nothing may stand that `T` does not name.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let bytes = read_body(request.into_body(), BODY).await.map_err(|error| unread(&error))?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let pointer = pointer(error.path());
            invalid(error.into_inner().to_string()).at(pointer)
        })?;
        json.end().map_err(|error| invalid(error.to_string()))?;
        Ok(Self(read))
    }
}

/// A place in a document as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}

fn unread(error: &BodyError) -> Problem {
    let status = match error {
        BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::REQUEST_TIMEOUT,
    };
    Problem::new(status, "urn:matchday:problem:unread-body", "The body could not be read", error.to_string())
}

pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    let kind = "urn:matchday:problem:invalid-request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, "Invalid request", detail)
}

pub(super) fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "urn:matchday:problem:not-found", "Not found", detail)
}

pub(super) fn method_not_allowed() -> Problem {
    let kind = "urn:matchday:problem:method-not-allowed";
    let detail = "GET /openapi.json says what there is";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, kind, "Method not allowed", detail)
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (status, kind, title) = match &error {
            ControlError::Busy(_) => {
                (StatusCode::CONFLICT, "urn:matchday:problem:busy", "Something is being played")
            }
            ControlError::Idle => {
                (StatusCode::CONFLICT, "urn:matchday:problem:idle", "Nothing is being played")
            }
            ControlError::NoOrders => {
                (StatusCode::CONFLICT, "urn:matchday:problem:no-orders", "It takes no orders")
            }
            ControlError::NotNow(_) => (StatusCode::CONFLICT, "urn:matchday:problem:not-now", "Not now"),
            ControlError::Taken(_) => (StatusCode::CONFLICT, "urn:matchday:problem:not-now", "Not now"),
            ControlError::CannotBePlayed(_) => return invalid(error.to_string()),
            ControlError::NoLedger => return not_found(error.to_string()),
            ControlError::Event(_) => return invalid(error.to_string()).at("/event"),
            ControlError::Provider(_) => return invalid(error.to_string()).at("/provider"),
            ControlError::Producer(_) => return invalid(error.to_string()).at("/producer"),
        };
        Self::new(status, kind, title, error.to_string())
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Unknown(_) => not_found(error.to_string()),
            ReplayError::Full | ReplayError::Empty => invalid(error.to_string()),
        }
    }
}
