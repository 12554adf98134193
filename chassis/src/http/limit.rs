//! Counting how often a listener's limits struck.

use metrics::Counter;

/// `matchday_http_limited_total` of one listener, by limit.
#[derive(Clone)]
pub(super) struct Struck {
    /// Every place was taken: whoever connects then waits for one.
    pub(super) connections: Counter,
    head_seconds: Counter,
    head_bytes: Counter,
}

impl Struck {
    pub(super) fn new(port: u16) -> Self {
        let counter = |limit: &'static str| metrics::counter!("matchday_http_limited_total", "port" => port.to_string(), "limit" => limit);
        Self {
            connections: counter("connections"),
            head_seconds: counter("head_seconds"),
            head_bytes: counter("head_bytes"),
        }
    }

    /// Counts the limit for which a connection ended, if it was one.
    pub(super) fn count(&self, error: &hyper::Error) {
        if error.is_timeout() {
            self.head_seconds.increment(1);
        } else if error.is_parse_too_large() {
            self.head_bytes.increment(1);
        }
    }
}
