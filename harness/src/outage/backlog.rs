//! What a provider has not been rid of: messages that are due and have no final answer yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use simulator::Schedule;
use simulator::drive::Progress;
use tokio::time::Instant;

/// How far the sending of a schedule has come, as its drive tells it. It goes at the schedule's own speed.
#[derive(Debug, Clone)]
pub struct Backlog {
    schedule: Arc<Schedule>,
    told: Arc<Mutex<Option<(Instant, Progress)>>>,
}

impl Backlog {
    /// How often a drive has to tell its progress, for recovery to be seen as soon as that.
    pub const TELL_EVERY: Duration = Duration::from_millis(100);

    /// Of a schedule of which nothing was sent yet.
    #[must_use]
    pub fn new(schedule: Arc<Schedule>) -> Self {
        Self { schedule, told: Arc::default() }
    }

    /// Hears of the drive's progress.
    pub fn tell(&self, progress: &Progress) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), progress.clone()));
    }

    /// How many messages are due and have no final answer; when the drive told that last. `None` before it has.
    pub(super) fn waiting(&self) -> Option<(Instant, u64)> {
        let (at, progress) = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let elapsed_ns = u64::try_from(progress.elapsed.as_nanos()).unwrap_or(u64::MAX);
        let due = self.schedule.due_by(elapsed_ns) as u64;
        Some((at, due.saturating_sub(progress.accepted + progress.refused)))
    }

    /// How many messages are due in so long, on average.
    pub(super) fn due_within(&self, span: Duration) -> u64 {
        let nanos = u128::from(self.schedule.duration_ns()).max(1);
        u64::try_from(self.schedule.len() as u128 * span.as_nanos() / nanos).unwrap_or(u64::MAX)
    }

    /// Whether all messages have a final answer: nothing more is told then.
    pub(super) fn is_sent(&self) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        told.is_some_and(|(_, progress)| progress.accepted + progress.refused >= progress.messages)
    }
}
