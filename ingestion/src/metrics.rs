//! The numbers that ingestion shows, each in one place.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use metrics::{counter, gauge, histogram};

/// Providers that get a label of their own; whoever may post could invent names without end.
const PROVIDERS_MAX: usize = 32;

/// The label of all others.
const OTHER_PROVIDER: &str = "other";

/// How the messages of one request fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Acknowledged by Kafka.
    pub accepted: u64,
    /// Refused and kept as dead letters.
    pub refused: u64,
    /// Neither: the sender has to try again.
    pub failed: u64,
}

/// Counts what became of one request's messages.
pub fn messages(provider: &str, counts: Counts) {
    let provider = bounded(provider);
    for (outcome, count) in
        [("accepted", counts.accepted), ("refused", counts.refused), ("failed", counts.failed)]
    {
        // Those that did not happen, too: what comes into being with its first event hides that event from a rate.
        counter!("matchday_ingestion_messages_total", "outcome" => outcome, "provider" => provider.clone())
            .increment(count);
    }
}

/// Counts what of a message of another schema nobody here knows, and a state of play that could not be used.
pub fn ignored(provider: &str, unknown: u32, is_status_unusable: bool) {
    if unknown > 0 {
        counter!("matchday_ingestion_ignored_attributes_total", "provider" => bounded(provider))
            .increment(unknown.into());
    }
    if is_status_unusable {
        counter!("matchday_ingestion_unusable_statuses_total", "provider" => bounded(provider)).increment(1);
    }
}

/// Counts a request by its answer's status and notes how long it took.
pub fn request(status: StatusCode, took: Duration) {
    counter!("matchday_ingestion_requests_total", "status" => status.as_str().to_owned()).increment(1);
    histogram!("matchday_ingestion_request_seconds").record(took);
}

/// Counts something that was turned away because of a limit.
pub fn limited(limit: &'static str) {
    counter!("matchday_ingestion_limited_total", "limit" => limit).increment(1);
}

/// How much of a sport's feed is unread, in percent of what Kafka keeps.
pub fn unread(sport: &'static str, percent: u64) {
    gauge!("matchday_ingestion_unread_percent", "sport" => sport).set(percent as f64);
}

/// Whether Kafka does not tell how much of a sport's feed is unread. Then what it told before is no measure of it.
pub fn unread_untold(sport: &'static str, is_untold: bool) {
    gauge!("matchday_ingestion_unread_untold", "sport" => sport).set(f64::from(u8::from(is_untold)));
    if is_untold {
        gauge!("matchday_ingestion_unread_percent", "sport" => sport).set(f64::NAN);
    }
}

/// Counts a request without a valid token; of a provider that is not known, which anybody can invent, by no name.
pub fn unauthorised(provider: Option<&str>) {
    let provider = provider.map_or_else(|| OTHER_PROVIDER.to_owned(), bounded);
    counter!("matchday_ingestion_unauthorised_requests_total", "provider" => provider).increment(1);
}

/// Counts a request that its provider's rate did not let in.
pub fn rate_limited(provider: &str, messages: usize) {
    let provider = bounded(provider);
    counter!("matchday_ingestion_rate_limited_requests_total", "provider" => provider.clone()).increment(1);
    counter!("matchday_ingestion_rate_limited_messages_total", "provider" => provider)
        .increment(messages as u64);
}

/// An amount on a gauge, taken off again when dropped.
#[derive(Debug)]
pub struct Held {
    name: &'static str,
    amount: f64,
}

impl Held {
    fn new(name: &'static str, amount: f64) -> Self {
        gauge!(name).increment(amount);
        Self { name, amount }
    }

    /// Adds to the amount.
    pub fn increase(&mut self, by: usize) {
        gauge!(self.name).increment(by as f64);
        self.amount += by as f64;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        gauge!(self.name).decrement(self.amount);
    }
}

/// Requests that are being worked on.
pub fn requests_in_flight(count: usize) -> Held {
    Held::new("matchday_ingestion_requests_in_flight", count as f64)
}

/// Bytes set aside for bodies that are being worked on.
pub fn bytes_in_flight(bytes: usize) -> Held {
    Held::new("matchday_ingestion_bytes_in_flight", bytes as f64)
}

/// The provider's name while there are few of them.
fn bounded(provider: &str) -> String {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.contains(provider) {
        if seen.len() >= PROVIDERS_MAX {
            return OTHER_PROVIDER.to_owned();
        }
        seen.insert(provider.to_owned());
    }
    provider.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_providers_share_a_label() {
        for number in 0..PROVIDERS_MAX {
            bounded(&format!("p{number}"));
        }
        assert_eq!(bounded("p0"), "p0");
        assert_eq!(bounded("one-too-many"), OTHER_PROVIDER);
    }
}
