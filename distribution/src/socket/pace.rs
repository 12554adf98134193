//! Whether a client keeps up with what it subscribed to, and what it is told when it does not.

use std::time::Duration;

use domain::Timestamp;

use crate::protocol::{Conflation, ConflationReason};

/// How one client reads. It is behind from a write that had to wait for it until a write that had not, after which
/// nothing was left to say.
#[derive(Debug, Default)]
pub(super) struct Pace {
    behind: Option<Behind>,
}

#[derive(Debug)]
struct Behind {
    since: Timestamp,
    merged: u64,
}

/// A batch that the client has taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Whether it did so at once.
    pub(super) promptly: bool,
    /// Whether nothing was left for the next batch.
    pub(super) everything: bool,
    /// Updates that it told together with a later one.
    pub(super) merged: u64,
}

impl Pace {
    /// Whether news are being merged because of the client.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    /// A write that began at `since` waits for the client. Says what to tell it once it reads again.
    pub(super) fn stalled(&mut self, since: Timestamp) -> Option<Conflation> {
        if self.is_behind() {
            return None;
        }
        self.behind = Some(Behind { since, merged: 0 });
        Some(Conflation::Began { reason: ConflationReason::SlowClient, since })
    }

    /// A batch was written. Says what to tell the client next.
    pub(super) fn written(&mut self, batch: Written) -> Option<Conflation> {
        let behind = self.behind.as_mut()?;
        behind.merged += batch.merged;
        if !(batch.promptly && batch.everything) {
            return None;
        }
        let Behind { since, merged } = self.behind.take()?;
        Some(Conflation::Ended { reason: ConflationReason::SlowClient, since, merged })
    }
}

/// How long a write may take before the client counts as slow, and after that before it is given up: together no more
/// than `longest`.
pub(super) fn patience(slow: Duration, longest: Duration) -> (Duration, Duration) {
    let slow = slow.min(longest);
    (slow, longest - slow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: Written = Written { promptly: true, everything: true, merged: 3 };
    const REASON: ConflationReason = ConflationReason::SlowClient;

    #[test]
    fn a_client_that_keeps_up_is_told_nothing() {
        assert_eq!(Pace::default().written(PROMPT), None);
    }

    #[test]
    fn a_client_is_told_once_that_it_is_behind_and_once_that_it_no_longer_is() {
        let mut pace = Pace::default();
        let since = Timestamp(5);
        assert_eq!(pace.stalled(since), Some(Conflation::Began { reason: REASON, since }));
        assert_eq!(pace.written(Written { promptly: false, merged: 0, ..PROMPT }), None);
        assert_eq!(pace.stalled(Timestamp(6)), None);
        assert_eq!(pace.written(Written { everything: false, ..PROMPT }), None);
        assert_eq!(pace.written(PROMPT), Some(Conflation::Ended { reason: REASON, since, merged: 6 }));
        assert_eq!(pace.written(PROMPT), None);
        assert!(pace.stalled(since).is_some(), "it can fall behind again");
    }

    #[test]
    fn slowness_is_noticed_before_patience_ends() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(seconds(1), seconds(10)), (seconds(1), seconds(9)));
        assert_eq!(patience(seconds(10), seconds(1)), (seconds(1), seconds(0)));
    }
}
