//! What has passed a tap so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that grow while it records.
#[derive(Debug, Default)]
pub struct Passed {
    requests: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Passed {
    /// A request was taken, with so many messages and bytes.
    pub(super) fn request(&self, messages: usize, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Requests that were taken.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Messages in them.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Bytes of them, as they came.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
