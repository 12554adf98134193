//! A run that goes: what it is steered by, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chassis::lifecycle::Shutdown;
use domain::{EventId, Name};

use super::{ControlError, End, RunState, Status};
use crate::drive::{DriveReport, Hush, Inject, Progress};
use crate::faults::FaultPlan;
use crate::pacer::{Playhead, Speed};

/// A run that goes.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) status: Status,
    pub(super) playhead: Playhead,
    pub(super) hush: Hush,
    pub(super) inject: Inject,
    pub(super) stop: Shutdown,
    pub(super) faults: Option<Arc<FaultPlan>>,
    /// Whose feeds it sends.
    pub(super) providers: Vec<Name>,
    /// The events whose messages are counted.
    pub(super) events: BTreeSet<EventId>,
}

impl Running {
    pub(super) fn set_state(&mut self) {
        if self.status.state != RunState::Stopping {
            self.status.state = if self.playhead.is_held() { RunState::Paused } else { RunState::Playing };
        }
    }

    pub(super) fn set_speed(&mut self, speed: Speed) -> Result<(), ControlError> {
        if !self.playhead.set_speed(speed) {
            return Err(ControlError::NotNow("its messages are being made, or have all been let go"));
        }
        let made = self.status.rate.zip(self.status.speed).map(|(rate, speed)| rate / speed);
        self.status.speed = factor(speed);
        self.status.rate = made.zip(self.status.speed).map(|(made, speed)| made * speed);
        Ok(())
    }

    pub(super) fn note(&mut self, progress: &Progress) {
        let Progress { elapsed, messages, sent, accepted, refused, sent_again } = *progress;
        let status = &mut self.status;
        status.elapsed_seconds = elapsed.as_secs_f64();
        (status.messages, status.sent, status.accepted) = (messages, sent, accepted);
        (status.refused, status.sent_again) = (refused, sent_again);
    }

    pub(super) fn end(&mut self, report: &DriveReport, faults: &FaultPlan) {
        let late = &report.lateness_micros;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
        let milliseconds = |micros: u64| micros as f64 / 1_000.0;
        let lateness = [late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()];
        let unexpected = faults.unexpected(&report.deliveries).iter().filter(|it| it.status != 0).count();
        self.status.state = match (&report.gave_up, report.is_stopped) {
            (Some(_), _) => RunState::Failed,
            (None, true) => RunState::Stopped,
            (None, false) => RunState::Complete,
        };
        self.status.end = Some(End {
            undelivered: report.messages - report.accepted - report.refused,
            unexpected: unexpected as u64 + self.inject.unexpected(),
            abandoned: report.abandoned,
            lateness_ms: (!late.is_empty()).then(|| lateness.map(milliseconds)),
            error: report.gave_up.clone(),
        });
    }
}

pub(super) fn factor(speed: Speed) -> Option<f64> {
    match speed {
        Speed::Factor(factor) => Some(factor),
        Speed::Max => None,
    }
}
