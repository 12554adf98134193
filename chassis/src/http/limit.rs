//! Counting how often a listener's limits struck.

use metrics::Counter;

/// Why a connection ended before its client wanted it to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// What came was no HTTP, or not in time, or too much.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The client took nothing of its answer for too long.
    #[error("the client does not read its answer")]
    Unread,
}

/// `matchday_http_limited_total` of one listener, by limit.
#[derive(Clone)]
pub(super) struct Struck {
    /// Every place was taken: whoever connects then waits for one.
    pub(super) connections: Counter,
    head_seconds: Counter,
    head_bytes: Counter,
    write_seconds: Counter,
}

impl Struck {
    pub(super) fn new(port: u16) -> Self {
        let counter = |limit: &'static str| metrics::counter!("matchday_http_limited_total", "port" => port.to_string(), "limit" => limit);
        Self {
            connections: counter("connections"),
            head_seconds: counter("head_seconds"),
            head_bytes: counter("head_bytes"),
            write_seconds: counter("write_seconds"),
        }
    }

    /// Counts the limit for which a connection ended, if it was one.
    pub(super) fn count(&self, ended: &Ended) {
        match ended {
            Ended::Unread => self.write_seconds.increment(1),
            Ended::Http(error) if error.is_timeout() => self.head_seconds.increment(1),
            Ended::Http(error) if error.is_parse_too_large() => self.head_bytes.increment(1),
            Ended::Http(_) => {}
        }
    }
}
