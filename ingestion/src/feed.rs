//! The endpoint: `POST /feeds/{provider}`; beside it, that of descriptions.
//!
//! A request's accepted messages and the dead letters of its refused ones are one batch to Kafka, and the answer
//! waits for all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use chassis::http::discard_body;
use chassis::kafka::Producer;
use chassis::problem::Problem;
use domain::codec::batch::{Piece, Pieces, SplitError};
use domain::letter::Redrive;
use domain::{Name, Timestamp, Topics};

use crate::accept::{self, FeedTopics, Receipt, accept};
use crate::admission::{Admission, Place};
use crate::answer::{Answer, Shape};
use crate::backlog::Backlogs;
use crate::body;
use crate::broadcast::Broadcasts;
use crate::content::Content;
use crate::dead_letter::Origin;
use crate::decompress::Encoding;
use crate::limit::Limits;
use crate::loaded::Loaded;
use crate::metrics;
use crate::outbox::{Outbox, failures};
use crate::producers::Producers;
use crate::providers::{Providers, Sender, Unauthorised};
use crate::rate::Bucket;
use crate::reading::Reading;
use crate::redrive;
use crate::refusal;
use crate::refused;

mod describe;

/// Room in the outbox for each message's key and receipt, beside what its body takes.
const EXTRA_BYTES_PER_MESSAGE: usize = 64;

/// How many messages are looked into before others have their turn: about 0.2 ms.
const MESSAGES_PER_TURN: usize = 128;

/// What the endpoint works with.
pub struct Feeds {
    producer: Producer,
    providers: Arc<Providers>,
    limits: Limits,
    admission: Admission,
    producers: Producers,
    backlogs: Backlogs,
    loaded: Arc<Loaded>,
    topics: FeedTopics,
    dead_letters: Arc<str>,
    requests: AtomicU64,
}

/// The routes of the endpoint.
pub fn routes(feeds: Arc<Feeds>) -> Router {
    Router::new()
        .route(
            "/feeds/{provider}",
            post(push).fallback(async || refusal::answer(refusal::method_not_allowed())),
        )
        .route(
            "/feeds/{provider}/descriptions",
            post(describe::describe).fallback(async || refusal::answer(refusal::method_not_allowed())),
        )
        .fallback(async || refusal::no_such_feed("feeds are at /feeds/{provider}".to_owned()))
        .with_state(feeds)
}

/// A request that may send its body.
struct Head {
    provider: Name,
    bucket: Option<Arc<Bucket>>,
    place: Place,
    reading: Reading,
    encoding: Option<Encoding>,
    redrive: Option<Redrive>,
}

async fn push(
    State(feeds): State<Arc<Feeds>>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(feeds.receive(provider, &headers, body)).await
}

/// What a request leads to, measured.
async fn answered(work: impl Future<Output = Result<Response, Problem>>) -> Response {
    let began = Instant::now();
    let response = work.await.unwrap_or_else(refusal::answer);
    metrics::request(response.status(), began.elapsed());
    response
}

impl Feeds {
    /// An endpoint for `providers` that writes to `topics` through `producer`, but for the sports that `backlogs` shuts out,
    /// and knows what was `loaded`.
    pub fn new(
        producer: Producer,
        topics: &Topics,
        providers: Arc<Providers>,
        loaded: Arc<Loaded>,
        limits: Limits,
        backlogs: Backlogs,
    ) -> Self {
        Self {
            producer,
            providers,
            loaded,
            admission: Admission::new(&limits),
            producers: Producers::new(limits.max_producers),
            backlogs,
            limits,
            topics: FeedTopics::new(topics),
            dead_letters: topics.dead_letters().into(),
            requests: AtomicU64::new(0),
        }
    }

    async fn receive(
        &self,
        provider: Result<Path<String>, PathRejection>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Problem> {
        let Head { provider, bucket, place, reading, encoding, redrive } = match self.head(provider, headers)
        {
            Ok(head) => head,
            Err(problem) => {
                // Whoever is still writing would see the connection break and not this answer.
                discard_body(body, self.limits.body().whole);
                return Err(problem);
            }
        };
        let received = body::receive(body, encoding, &self.limits, &self.admission, &place).await?;

        let received_at = now();
        let (shape, pieces, messages) = match reading.split(&received.bytes, self.limits.max_messages) {
            Ok(Pieces::Single(piece)) => (Shape::Single, vec![piece], 1),
            Ok(Pieces::Many { pieces, messages }) => (Shape::Batch, pieces, messages),
            Err(error) => return Err(not_split(&error)),
        };
        if redrive.is_some() && shape != Shape::Single {
            return Err(redrive::not_alone());
        }
        let partitions = self.topics.partitions(&self.producer);
        let broadcasts = Broadcasts::new(partitions, bucket.as_deref(), &place)?;
        // Last of what may refuse the request whole: one that is refused for another reason has cost nothing.
        Self::admit_rate(&provider, bucket.as_deref(), messages)?;
        let request =
            (received_at.0.unsigned_abs() << 12) | (self.requests.fetch_add(1, Ordering::Relaxed) & 0xfff);
        let origin = Origin { provider: &provider, reading: &reading, request, refused_at: received_at };
        Ok(self.store(&received.bytes, &pieces, (&origin, redrive), broadcasts).await.into_response(shape))
    }

    /// What can be told before the body is read.
    fn head(
        &self,
        provider: Result<Path<String>, PathRejection>,
        headers: &HeaderMap,
    ) -> Result<Head, Problem> {
        let provider = provider_of(provider)?;
        let Sender { bucket, dialect } =
            self.providers.authorise(&provider, headers).map_err(|Unauthorised { is_known }| {
                metrics::unauthorised(is_known.then_some(provider.as_str()));
                refusal::unauthorised()
            })?;
        let place = self.admission.request(&provider)?;
        let Content { format, encoding } = Content::of(headers, dialect)?;
        let reading = Reading::of(dialect, format, headers)?;
        let redrive = redrive::of(headers)?;
        Ok(Head { provider, bucket, place, reading, encoding, redrive })
    }

    /// Whether the provider may send so many messages now.
    fn admit_rate(provider: &Name, bucket: Option<&Bucket>, messages: usize) -> Result<(), Problem> {
        let Some(bucket) = bucket else { return Ok(()) };
        bucket.take(messages, Instant::now()).map_err(|limited| {
            metrics::rate_limited(provider.as_str(), messages);
            refusal::rate(limited, messages)
        })
    }

    /// Sends what is accepted and what is refused, waits for Kafka, and answers for each message.
    async fn store(
        &self,
        body: &Bytes,
        pieces: &[Piece],
        (origin, redrive): (&Origin<'_>, Option<Redrive>),
        mut broadcasts: Broadcasts<'_>,
    ) -> Answer {
        let receipt = Receipt {
            provider: origin.provider,
            reading: origin.reading,
            received_at: origin.refused_at,
            max_message_bytes: self.limits.max_message_bytes,
            topics: &self.topics,
            producers: &self.producers,
            backlogs: &self.backlogs,
            redrive,
            loaded: &self.loaded,
        };
        let capacity = body.len() + pieces.len() * EXTRA_BYTES_PER_MESSAGE;
        let mut outbox = Outbox::with_capacity(pieces.len(), capacity);
        let mut refusals = Vec::new();
        for (index, Piece { range, fault }) in pieces.iter().enumerate() {
            if index > 0 && index % MESSAGES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
            let piece = accept::Piece { index, bytes: &body[range.clone()], fault: *fault };
            if let Err(mut refusal) = accept(piece, &receipt, &mut broadcasts, &mut outbox) {
                // A letter that is sent again is among the dead letters already.
                if refusal.is_final() && redrive.is_none() {
                    let letter = origin.position(index, range.start);
                    let told =
                        refused::tell(piece, &receipt, &mut refusal, &letter, &mut broadcasts, &mut outbox);
                    if let Err(problem) = told {
                        refusal.problem = problem;
                    }
                }
                if refusal.is_final() && redrive.is_none() {
                    let original = body.slice(range.clone());
                    origin.keep(&mut outbox, &self.dead_letters, (index, range.start), original, &refusal);
                }
                refusals.push((index, *refusal));
            }
        }
        let (records, messages_of_records) = outbox.finish();
        let results = self.producer.send_all(records).await;
        let failures = failures(&results, &messages_of_records, pieces.len());
        let answer = Answer::new(refusals, &failures, pieces);
        metrics::messages(origin.provider.as_str(), answer.counts());
        answer
    }
}

fn not_split(error: &SplitError) -> Problem {
    if let SplitError::TooMany { .. } = error {
        metrics::limited("messages");
    }
    refusal::split(error)
}

fn provider_of(path: Result<Path<String>, PathRejection>) -> Result<Name, Problem> {
    let Path(provider) = path.map_err(|rejection| refusal::no_such_feed(rejection.body_text()))?;
    Name::new(provider).map_err(|error| refusal::no_such_feed(format!("not a provider's name: {error}")))
}

/// Our clock. A clock before 1970 is as wrong as any and is written as 1970.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
