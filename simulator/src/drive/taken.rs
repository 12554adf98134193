//! Whether what is sent is taken, for whoever looks after the process.

use std::sync::{Mutex, PoisonError};

use chassis::readiness::Latch;

use super::Progress;

/// A latch that says so. While nothing is due, nothing is learnt.
#[derive(Debug)]
pub struct Taken {
    latch: Latch,
    /// Messages accepted, and messages sent again, as it was told last.
    before: Mutex<(u64, u64)>,
}

impl Taken {
    /// It has taken nothing yet, and says so by this latch.
    #[must_use]
    pub fn new(latch: Latch) -> Self {
        Self { latch, before: Mutex::default() }
    }

    /// Whoever has nothing to send lacks nothing.
    pub fn nothing_to_send(&self) {
        self.latch.ready();
    }

    /// A drive has come so far.
    pub fn note(&self, progress: &Progress) {
        let now = (progress.accepted, progress.sent_again);
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let is_another_drive = now.0 < before.0 || now.1 < before.1;
        let (accepted, sent_again) = if is_another_drive { (0, 0) } else { *before };
        if now.0 > accepted {
            self.latch.ready();
        } else if let Some(obstacle) = &progress.obstacle {
            self.latch.not_ready(format!("it takes nothing: {obstacle}"));
        } else if now.1 > sent_again {
            self.latch.not_ready("it takes nothing, messages are sent again");
        }
        *before = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chassis::readiness::Readiness;

    use super::*;

    #[test]
    fn who_refuses_every_connection_takes_nothing_until_something_is_taken() {
        let readiness = Readiness::default();
        let taken = Taken::new(readiness.latch("ingestion", "it has taken nothing yet"));
        let progress = |accepted, obstacle: Option<&str>| Progress {
            elapsed: Duration::ZERO,
            messages: 9,
            sent: 3,
            accepted,
            refused: 0,
            unexpected: 0,
            // A batch counts what it sends again when it is over.
            sent_again: 0,
            obstacle: obstacle.map(str::to_owned),
        };
        taken.nothing_to_send();
        assert!(readiness.report().ready);
        taken.note(&progress(0, Some("connection refused")));
        assert!(!readiness.report().ready);
        taken.note(&progress(2, None));
        assert!(readiness.report().ready);
    }
}
