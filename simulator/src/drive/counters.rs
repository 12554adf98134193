//! What all lanes of a drive add to while they go, and what it says at any moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::Progress;
use super::report::histogram;

/// A handle to the counters of the drive that goes; clones are of the same.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<Mutex<Option<Arc<Counters>>>>);

impl Gauge {
    /// A drive begins.
    pub(super) fn show(&self, counters: &Arc<Counters>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(counters));
    }

    /// How far it has come now, `elapsed` after its start; `None` before a drive.
    #[must_use]
    pub fn read(&self, elapsed: Duration, messages: u64) -> Option<Progress> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.as_ref().map(|counters| counters.progress(elapsed, messages))
    }
}

/// What all lanes add to while they go, message by message.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unexpected: AtomicU64,
    pub(super) sent_again: AtomicU64,
    obstacle: Mutex<Option<String>>,
    pub(super) lateness_micros: Mutex<Histogram<u64>>,
}

impl Default for Counters {
    fn default() -> Self {
        let none = AtomicU64::default;
        let lateness_micros = Mutex::new(histogram());
        let obstacle = Mutex::default();
        Self {
            sent: none(),
            accepted: none(),
            refused: none(),
            unexpected: none(),
            sent_again: none(),
            obstacle,
            lateness_micros,
        }
    }
}

impl Counters {
    pub(super) fn progress(&self, elapsed: Duration, messages: u64) -> Progress {
        Progress {
            elapsed,
            messages,
            sent: self.sent.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            unexpected: self.unexpected.load(Ordering::Relaxed),
            sent_again: self.sent_again.load(Ordering::Relaxed),
            obstacle: self.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Something stands in the way, or `None`: something was taken.
    pub(super) fn set_obstacle(&self, obstacle: Option<String>) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }
}
