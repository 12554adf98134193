//! The endpoint: `POST /feeds/{provider}`.
//!
//! A request's accepted messages and the dead letters of its refused ones are one batch to Kafka, and the answer
//! waits for all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use chassis::http::{BodyError, read_body};
use chassis::kafka::Producer;
use chassis::problem::Problem;
use domain::{Name, Timestamp};

use crate::accept::{FeedTopics, Receipt, accept};
use crate::answer::{Answer, Shape};
use crate::batch::{self, Format, Piece, Pieces, SplitError};
use crate::dead_letter::{self, Origin};
use crate::limit::{Admission, Limits};
use crate::metrics;
use crate::outbox::{Outbox, failures};
use crate::refusal::{self, Refusal};

/// Room in the outbox for each message's key and receipt, beside what its body takes.
const EXTRA_BYTES_PER_MESSAGE: usize = 64;

/// What the endpoint works with.
pub struct Feeds {
    producer: Producer,
    limits: Limits,
    admission: Admission,
    topics: FeedTopics,
    dead_letters: Arc<str>,
    requests: AtomicU64,
}

/// The routes of the endpoint.
pub fn routes(feeds: Arc<Feeds>) -> Router {
    Router::new()
        .route("/feeds/{provider}", post(push).fallback(async || refusal::method_not_allowed()))
        .fallback(async || refusal::no_such_feed("feeds are at /feeds/{provider}".to_owned()))
        .with_state(feeds)
}

async fn push(
    State(feeds): State<Arc<Feeds>>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let answer = feeds.receive(provider, &headers, body).await;
    let response = answer.unwrap_or_else(Problem::into_response);
    metrics::request(response.status(), began.elapsed());
    response
}

impl Feeds {
    /// An endpoint that writes through `producer`.
    pub fn new(producer: Producer, limits: Limits) -> Self {
        Self {
            producer,
            admission: Admission::new(&limits),
            limits,
            topics: FeedTopics::new(),
            dead_letters: dead_letter::topic(),
            requests: AtomicU64::new(0),
        }
    }

    async fn receive(
        &self,
        provider: Result<Path<String>, PathRejection>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Problem> {
        let _place = self.admission.request()?;
        let provider = provider_of(provider)?;
        let format = format_of(headers)?;
        // A body whose length is not announced may become as large as any.
        let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let max_bytes = self.limits.max_body_bytes;
        let _memory = self.admission.memory(announced.unwrap_or(max_bytes).min(max_bytes))?;
        let read = read_body(body, max_bytes, self.limits.body_deadline()).await;
        let body = read.map_err(|error| {
            if let BodyError::TooLarge { .. } = error {
                metrics::limited("body_bytes");
            }
            refusal::body(&error)
        })?;

        let received_at = now();
        let request =
            (received_at.0.unsigned_abs() << 12) | (self.requests.fetch_add(1, Ordering::Relaxed) & 0xfff);
        let origin = Origin { provider: &provider, request, refused_at: received_at };
        match batch::split(format, &body, self.limits.max_messages) {
            Ok(Pieces::Single(piece)) => Ok(self.store(Shape::Single, &[piece], &origin, body.len()).await),
            Ok(Pieces::Many(pieces)) => Ok(self.store(Shape::Batch, &pieces, &origin, body.len()).await),
            Err(SplitError::Malformed(problem)) => Ok(self.keep_whole(body, problem, &origin).await),
            Err(SplitError::Unacceptable(problem)) => {
                if problem.status == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                    metrics::limited("messages");
                }
                Err(problem)
            }
        }
    }

    /// Sends what is accepted and what is refused, waits for Kafka, and answers for each message.
    async fn store(
        &self,
        shape: Shape,
        pieces: &[Piece],
        origin: &Origin<'_>,
        body_bytes: usize,
    ) -> Response {
        let partitions = self.topics.partitions(&self.producer);
        let receipt = Receipt {
            provider: origin.provider,
            received_at: origin.refused_at,
            max_message_bytes: self.limits.max_message_bytes,
            topics: &self.topics,
            partitions: partitions.as_deref(),
        };
        let capacity = body_bytes + pieces.len() * EXTRA_BYTES_PER_MESSAGE;
        let mut outbox = Outbox::with_capacity(pieces.len(), capacity);
        let mut refusals = Vec::new();
        for piece in pieces {
            if let Err(refusal) = accept(piece, &receipt, &mut outbox) {
                if refusal.is_final() {
                    let place = (piece.index, piece.offset);
                    origin.keep(&mut outbox, &self.dead_letters, place, piece.bytes.clone(), &refusal);
                }
                refusals.push((piece.index, *refusal));
            }
        }
        self.send(outbox, pieces.len(), refusals, origin.provider).await.into_response(shape)
    }

    /// Keeps a body in which no message can be told from the next.
    async fn keep_whole(&self, body: Bytes, problem: Problem, origin: &Origin<'_>) -> Response {
        let refusal = Refusal::from(problem);
        let mut outbox = Outbox::with_capacity(1, EXTRA_BYTES_PER_MESSAGE);
        origin.keep(&mut outbox, &self.dead_letters, (0, 0), body, &refusal);
        self.send(outbox, 1, vec![(0, refusal)], origin.provider).await.into_response(Shape::Single)
    }

    async fn send(
        &self,
        outbox: Outbox,
        messages: usize,
        refusals: Vec<(usize, Refusal)>,
        provider: &Name,
    ) -> Answer {
        let (records, messages_of_records) = outbox.finish();
        let results = self.producer.send_all(records).await;
        let failures = failures(&results, &messages_of_records, messages);
        let answer = Answer::new(refusals, &failures);
        metrics::messages(provider.as_str(), answer.counts());
        answer
    }
}

fn provider_of(path: Result<Path<String>, PathRejection>) -> Result<Name, Problem> {
    let Path(provider) = path.map_err(|rejection| refusal::no_such_feed(rejection.body_text()))?;
    Name::new(provider).map_err(|error| refusal::no_such_feed(format!("not a provider's name: {error}")))
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(refusal::unsupported(format!("bodies must not be encoded, this one is `{encoding}`")));
    }
    let content_type = text(header::CONTENT_TYPE);
    Format::of(content_type).ok_or_else(|| {
        refusal::unsupported(format!("`{content_type}` is neither application/json nor application/x-ndjson"))
    })
}

/// Our clock. A clock before 1970 is as wrong as any and is written as 1970.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
