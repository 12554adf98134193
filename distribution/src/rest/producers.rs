//! The producers: which there are, whether they are trusted, when each was last heard, and whose word on that may be old.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::producer::Reason;
use domain::{Sport, Timestamp};
use serde::Serialize;

use super::Sources;
use super::answer::by_content;
use super::problems::unavailable;
use super::request::{NoParams, Params};
use crate::store::database::{Producer, Rest};

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
    recovery_rest: Option<Rest>,
    silent: Vec<SilentSport>,
}

/// A sport of which nobody processes a part of the feed: what that said of the producer last stands there, however old it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct SilentSport {
    sport: Sport,
    last_message_at: i64,
}

#[derive(Debug, Serialize)]
struct ListedAlive {
    generated_at: i64,
    received_at: Option<i64>,
}

impl ListedProducer {
    fn new(producer: Producer, silent: &BTreeSet<Sport>) -> Self {
        let heard = producer.heard_at.into_iter().filter(|(sport, _)| silent.contains(sport));
        Self {
            silent: heard.map(|(sport, last_message_at)| SilentSport { sport, last_message_at }).collect(),
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
            recovery_rest: producer.recovery_rest,
        }
    }
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let producers = hub.store().producers().await.map_err(unavailable)?;
    let silent = hub.silent_sports();
    let producers = producers.into_iter().map(|producer| ListedProducer::new(producer, &silent)).collect();
    Ok(by_content(&headers, &ProducerList { producers }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sport_that_nobody_processes_said_of_a_producer_is_marked_as_old() {
        let producer = Producer {
            provider: "md".to_owned(),
            producer: "live".to_owned(),
            subscribed: Some(true),
            last_alive: None,
            last_message_at: 9,
            trust: None,
            recovery_rest: None,
            heard_at: [(Sport::Hockey, 9), (Sport::Tennis, 5)].into(),
        };
        let silent = |sports: &[Sport]| {
            ListedProducer::new(producer.clone(), &sports.iter().copied().collect()).silent
        };
        assert_eq!(silent(&[]), []);
        let old = SilentSport { sport: Sport::Tennis, last_message_at: 5 };
        assert_eq!(silent(&[Sport::Tennis, Sport::Football]), [old], "football has not heard of it");
    }
}
