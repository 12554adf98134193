//! The producers: which there are, whether they are trusted, and when each was last heard.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::Timestamp;
use domain::producer::Reason;
use serde::Serialize;

use super::Sources;
use super::answer::by_content;
use super::problems::unavailable;
use super::request::{NoParams, Params};
use crate::store::database::Producer;

#[derive(Debug, Serialize)]
struct ProducerList {
    producers: Vec<ListedProducer>,
}

#[derive(Debug, Serialize)]
struct ListedProducer {
    provider: String,
    producer: String,
    state: &'static str,
    reason: Option<Reason>,
    since: Option<Timestamp>,
    subscribed: Option<bool>,
    last_alive: Option<ListedAlive>,
    last_message_at: i64,
}

#[derive(Debug, Serialize)]
struct ListedAlive {
    generated_at: i64,
    received_at: Option<i64>,
}

impl From<Producer> for ListedProducer {
    fn from(producer: Producer) -> Self {
        Self {
            provider: producer.provider,
            producer: producer.producer,
            state: producer.trust.map_or("unwatched", |trust| trust.state.as_str()),
            reason: producer.trust.map(|trust| trust.reason),
            since: producer.trust.map(|trust| trust.since),
            subscribed: producer.subscribed,
            last_alive: producer.last_alive.map(|alive| ListedAlive {
                generated_at: alive.generated_at,
                received_at: alive.received_at,
            }),
            last_message_at: producer.last_message_at,
        }
    }
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let producers = hub.store().producers().await.map_err(unavailable)?;
    let producers = producers.into_iter().map(ListedProducer::from).collect();
    Ok(by_content(&headers, &ProducerList { producers }))
}
