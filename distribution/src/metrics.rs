//! What distribution counts and measures.

use domain::{Sport, Timestamp};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Describes every metric once.
pub fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "matchday_distribution_updates_total",
        "updates read from the topics by what became of them"
    );
    describe_counter!("matchday_distribution_cache_lookups_total", "images looked up in Redis by outcome");
    describe_counter!(
        "matchday_distribution_store_reads_total",
        "lists and logs read from the database by question and outcome"
    );
    describe_counter!("matchday_distribution_rest_requests_total", "REST answers by route and status");
    describe_histogram!(
        "matchday_distribution_rest_seconds",
        "from a REST request's head to the head of its answer"
    );
    describe_counter!("matchday_distribution_frames_total", "messages written to sockets");
    describe_counter!("matchday_distribution_frames_bytes_total", "bytes of messages written to sockets");
    describe_counter!("matchday_distribution_writes_total", "batches of messages written to sockets");
    describe_counter!(
        "matchday_distribution_conflated_total",
        "updates that reached a client merged with a later one"
    );
    describe_counter!("matchday_distribution_closed_total", "sessions ended by reason");
    describe_counter!(
        "matchday_distribution_refused_total",
        "sessions and messages refused, by the limit that was reached or the error"
    );
    describe_gauge!("matchday_distribution_sessions", "sessions open");
    describe_gauge!(
        "matchday_distribution_sessions_behind",
        "sessions whose news are merged because the client does not read fast enough"
    );
    describe_gauge!("matchday_distribution_subscriptions", "subscriptions open");
    describe_gauge!("matchday_distribution_events", "events in memory");
    describe_gauge!(
        "matchday_distribution_lag",
        "records of the updates topics not yet read, by sport and partition"
    );
    describe_gauge!(
        "matchday_distribution_queue",
        "events in which something is new that has not been written, of all sessions"
    );
    describe_gauge!(
        "matchday_distribution_silent_partitions",
        "partitions of the feed that nobody processes, by sport: no market of their events is shown as active"
    );
    describe_histogram!(
        "matchday_distribution_generated_to_hub_seconds",
        "from a message's generated_at to when its update is in memory"
    );
    describe_histogram!(
        "matchday_distribution_generated_to_socket_seconds",
        "from a message's generated_at to the end of the write that told a client"
    );
}

/// An update of a sport was read, and this became of it.
pub fn updates(sport: Sport, outcome: &'static str) {
    let sport = sport.as_str();
    counter!("matchday_distribution_updates_total", "outcome" => outcome, "sport" => sport).increment(1);
}

/// A record was read that is no update.
pub fn unreadable_update() {
    counter!("matchday_distribution_updates_total", "outcome" => "unreadable").increment(1);
}

/// The update of a message that was made then is in memory.
pub fn in_hub(generated_at: Timestamp, now: Timestamp) {
    histogram!("matchday_distribution_generated_to_hub_seconds").record(seconds_since(generated_at, now));
}

/// So many of a sport's partitions are silent.
pub fn silent_partitions(sport: Sport, count: usize) {
    gauge!("matchday_distribution_silent_partitions", "sport" => sport.as_str()).set(count as f64);
}

/// So many records of a partition of a sport's updates topic are not read yet.
pub fn lag(sport: Sport, partition: i32, records: i64) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!("matchday_distribution_lag", "sport" => sport.as_str(), "partition" => partition.to_string())
        .set(records as f64);
}

/// So many events wait in all sessions together, each for each session that is to tell of it.
pub fn queue(events: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!("matchday_distribution_queue").set(events as f64);
}

/// An image was looked up in Redis.
pub fn cache_lookup(outcome: &'static str) {
    counter!("matchday_distribution_cache_lookups_total", "outcome" => outcome).increment(1);
}

/// A list or a log was asked of the database.
pub fn store_read(question: &'static str, answered: bool) {
    let outcome = if answered { "answered" } else { "failed" };
    counter!("matchday_distribution_store_reads_total", "question" => question, "outcome" => outcome)
        .increment(1);
}

/// A REST request was answered. `route` is the template, never the path.
pub fn rest_answered(route: &str, status: u16, seconds: f64) {
    let (route, status) = (route.to_owned(), status.to_string());
    histogram!("matchday_distribution_rest_seconds", "route" => route.clone()).record(seconds);
    counter!("matchday_distribution_rest_requests_total", "route" => route, "status" => status).increment(1);
}

/// How many events are in memory.
pub fn events(count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!("matchday_distribution_events").set(count as f64);
}

/// A session has ended.
pub fn closed(reason: &'static str) {
    counter!("matchday_distribution_closed_total", "reason" => reason).increment(1);
}

/// A session or a message was refused.
pub fn refused(reason: &'static str) {
    counter!("matchday_distribution_refused_total", "reason" => reason).increment(1);
}

/// The figures of all sockets, looked up once.
#[derive(Clone)]
pub struct SocketMetrics {
    frames: Counter,
    bytes: Counter,
    writes: Counter,
    conflated: Counter,
    latency: Histogram,
    /// Sessions open.
    pub sessions: Gauge,
    /// Those of them whose client does not keep up.
    pub sessions_behind: Gauge,
    /// Subscriptions open.
    pub subscriptions: Gauge,
}

impl SocketMetrics {
    /// Looks them up.
    #[must_use]
    pub fn new() -> Self {
        Self {
            frames: counter!("matchday_distribution_frames_total"),
            bytes: counter!("matchday_distribution_frames_bytes_total"),
            writes: counter!("matchday_distribution_writes_total"),
            conflated: counter!("matchday_distribution_conflated_total"),
            latency: histogram!("matchday_distribution_generated_to_socket_seconds"),
            sessions: gauge!("matchday_distribution_sessions"),
            sessions_behind: gauge!("matchday_distribution_sessions_behind"),
            subscriptions: gauge!("matchday_distribution_subscriptions"),
        }
    }

    /// A batch of messages was written: so many, so many bytes, so many updates merged away.
    pub fn written(&self, frames: u64, bytes: usize, conflated: u64) {
        self.writes.increment(1);
        self.frames.increment(frames);
        self.bytes.increment(bytes as u64);
        self.conflated.increment(conflated);
    }

    /// These messages' contents were on their way to the client at `now`.
    pub fn reached(&self, generated_at: &[Timestamp], now: Timestamp) {
        for generated_at in generated_at {
            self.latency.record(seconds_since(*generated_at, now));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 microseconds")]
fn seconds_since(earlier: Timestamp, now: Timestamp) -> f64 {
    now.micros_since(earlier) as f64 / 1e6
}

impl Default for SocketMetrics {
    fn default() -> Self {
        Self::new()
    }
}
