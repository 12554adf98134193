//! A run that goes: what it is steered by, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chassis::lifecycle::Shutdown;
use domain::{EventId, Name};
use tokio::task::AbortHandle;

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
    /// The speed that somebody has asked for since it began: later rounds keep it.
    pub(super) speed_wanted: Option<Speed>,
    /// What goes faster for a while.
    pub(super) burst: Option<Burst>,
}

/// What ends a burst in time; dropping it leaves that to others.
#[derive(Debug)]
pub(super) struct Burst(pub(super) AbortHandle);

impl Drop for Burst {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    pub(super) fn set_state(&mut self) {
        if self.status.state != RunState::Stopping {
            self.status.state = if self.playhead.is_held() { RunState::Paused } else { RunState::Playing };
        }
    }

    /// Goes on at a speed that somebody asks for, whatever burst there is.
    pub(super) fn steer(&mut self, speed: Speed) -> Result<(), ControlError> {
        self.set_speed(speed)?;
        self.burst = None;
        self.speed_wanted = Some(speed);
        Ok(())
    }

    /// A burst is over: it goes as it did before.
    pub(super) fn end_burst(&mut self, base: f64) -> Result<(), ControlError> {
        self.set_speed(Speed::Factor(base))?;
        self.burst = None;
        Ok(())
    }

    /// Another round is to be made; a burst was of the one before.
    pub(super) fn begin_anew(&mut self) {
        self.burst = None;
        if self.status.state != RunState::Stopping {
            self.status.state = RunState::Preparing;
        }
    }

    pub(super) fn set_speed(&mut self, speed: Speed) -> Result<(), ControlError> {
        if self.faults.as_ref().is_some_and(|faults| faults.is_of_one_speed()) {
            return Err(ControlError::NotNow(
                "what goes wrong in it was planned for the speed that it began with: begin it anew at another one",
            ));
        }
        if !self.playhead.set_speed(speed) {
            return Err(ControlError::NotNow("its messages are being made, or have all been let go"));
        }
        let made = self.status.rate.zip(self.status.speed).map(|(rate, speed)| rate / speed);
        self.status.speed = factor(speed);
        self.status.rate = made.zip(self.status.speed).map(|(made, speed)| made * speed);
        Ok(())
    }

    pub(super) fn note(&mut self, progress: &Progress) {
        let Progress { elapsed, messages, sent, accepted, refused, sent_again, .. } = *progress;
        let status = &mut self.status;
        status.elapsed_seconds = elapsed.as_secs_f64();
        (status.messages, status.sent, status.accepted) = (messages, sent, accepted);
        (status.refused, status.sent_again) = (refused, sent_again);
    }

    /// How it ended.
    pub(super) fn end(&mut self, report: &DriveReport, faults: &FaultPlan) {
        self.burst = None;
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
