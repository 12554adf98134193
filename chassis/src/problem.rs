//! Errors as RFC 9457 problem documents: what was wrong, where, and when to try again.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

/// One problem. It is an answer of its own, or an entry in the answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A URI that names the kind of problem; programs branch on it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in words; the same for every problem of the kind.
    pub title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    /// What went wrong this time.
    pub detail: String,
    /// JSON pointer (RFC 6901) to the value at fault; empty for the whole document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which item of a batch it was, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// How long to wait before trying again; becomes the `Retry-After` header.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// The media type of the answer.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A problem without a place.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, title, status, detail: detail.into(), pointer: None, index: None, retry_after: None }
    }

    /// Names the value at fault by its JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Names the item of a batch, counted from 0.
    #[must_use]
    pub fn of_item(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }

    /// Tells the sender how long to wait; whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem has only strings and numbers");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::CONTENT_TYPE));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        response
    }
}

/// A wait as the `Retry-After` header says it: whole seconds, rounded up, for who comes too early is refused again.
#[must_use]
pub fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
}

fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn is_written_as_the_rfc_says() {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "urn:x:bad", "Bad", "odds below 1")
            .at("/body/odds")
            .of_item(3);
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(response.headers().get(header::RETRY_AFTER).is_none());
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(
            body,
            r#"{"type":"urn:x:bad","title":"Bad","status":422,"detail":"odds below 1","pointer":"/body/odds","index":3}"#
        );
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:x:away", "Away", "")
            .retry_after(Duration::from_millis(1200))
            .into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
