//! Who is served: sockets and REST.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Contact;
use super::hop::failed_answers;
use super::part::ProcessNumber;
use super::series::{Counter, Series};
use crate::source::{Samples, SessionList};
use crate::text::Text;

/// What distribution told of its clients, over time.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Sessions open.
    pub sessions: Series,
    /// Those whose client does not keep up: their news are merged.
    pub behind: Series,
    /// Subscriptions open.
    pub subscriptions: Series,
    /// Messages written.
    pub frames: Counter,
    /// Bytes written.
    pub bytes: Counter,
    /// Writes, each of one or more messages.
    pub writes: Counter,
    /// Updates that reached a client merged with a later one.
    pub conflated: Counter,
    /// REST requests answered.
    pub requests: Counter,
    /// Those answered with a server's error.
    pub failures: Counter,
    /// Images that were looked up in Redis.
    pub lookups: Counter,
    /// Those of them that were found there.
    pub found: Counter,
    /// The latency of REST that one answer in a hundred exceeds, in seconds: of the slowest route.
    pub rest_p99: Series,
    /// Sessions that were ended, by reason, since the process started.
    pub closed: BTreeMap<Text, f64>,
    /// Sessions and messages that were refused, by reason, since the process started.
    pub refused: BTreeMap<Text, f64>,
    /// How many sockets are open, and those that keep up least.
    pub sockets: SessionList,
    /// Whether distribution tells of them.
    pub sockets_contact: Contact,
}

impl Clients {
    /// Nothing is known yet; sockets are asked for every `interval`.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            sessions: Series::default(),
            behind: Series::default(),
            subscriptions: Series::default(),
            frames: Counter::default(),
            bytes: Counter::default(),
            writes: Counter::default(),
            conflated: Counter::default(),
            requests: Counter::default(),
            failures: Counter::default(),
            lookups: Counter::default(),
            found: Counter::default(),
            rest_p99: Series::default(),
            closed: BTreeMap::new(),
            refused: BTreeMap::new(),
            sockets: SessionList::default(),
            sockets_contact: Contact::new(interval),
        }
    }

    /// What each distribution tells; all of it adds up.
    pub(super) fn take(&mut self, at: Duration, told: &[(ProcessNumber, &Samples)]) {
        let gauges = [
            (&mut self.sessions, "matchday_distribution_sessions"),
            (&mut self.behind, "matchday_distribution_sessions_behind"),
            (&mut self.subscriptions, "matchday_distribution_subscriptions"),
        ];
        for (series, name) in gauges {
            let values = told.iter().filter_map(|(_, samples)| samples.sum(name, &[]));
            if let Some(value) = values.reduce(|sum, value| sum + value) {
                series.push(at, value);
            }
        }
        let count = |name: &'static str, labels: &'static [(&str, &str)]| {
            told.iter()
                .map(move |(process, samples)| (*process, samples.sum(name, labels).unwrap_or_default()))
        };
        let lookups = "matchday_distribution_cache_lookups_total";
        let counters = [
            (&mut self.frames, "matchday_distribution_frames_total"),
            (&mut self.bytes, "matchday_distribution_frames_bytes_total"),
            (&mut self.writes, "matchday_distribution_writes_total"),
            (&mut self.conflated, "matchday_distribution_conflated_total"),
            (&mut self.requests, "matchday_distribution_rest_requests_total"),
            (&mut self.lookups, lookups),
        ];
        for (counter, name) in counters {
            counter.push_each(at, count(name, &[]));
        }
        self.found.push_each(at, count(lookups, &[("outcome", "hit")]));
        self.failures
            .push_each(at, told.iter().map(|(process, samples)| (*process, failed_answers(samples))));
        let latencies = told.iter().flat_map(|(_, samples)| {
            samples.each("matchday_distribution_rest_seconds", &[("quantile", "0.99")])
        });
        if let Some(slowest) = latencies.reduce(f64::max) {
            self.rest_p99.push(at, slowest);
        }
        let by_reason = |name| {
            let mut counts = BTreeMap::new();
            for (reason, count) in told.iter().flat_map(|(_, samples)| samples.by(name, "reason")) {
                *counts.entry(Text::new(reason)).or_default() += count;
            }
            counts
        };
        self.closed = by_reason("matchday_distribution_closed_total");
        self.refused = by_reason("matchday_distribution_refused_total");
    }
}
