//! What is known of the run that goes, or of the last one, for whoever only looks: told in the same way of a run that takes orders and
//! of one that takes none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::running::{Running, factor};
use super::{ControlError, Status};
use crate::drive::{DriveOptions, DriveReport, Injected};
use crate::faults::FaultPlan;
use crate::pacer::{Playhead, Speed};
use crate::schedule::Schedule;

/// A handle; clones are of the same simulator.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// How many have been begun.
    number: u64,
    pub(super) run: Option<Running>,
    /// The one that went before, until another one is begun.
    pub(super) last: Option<Running>,
}

impl State {
    /// Another run begins: its messages are being made.
    pub(super) fn begin(
        &mut self,
        program: String,
        seed: Option<u64>,
        speed: Speed,
        playhead: Playhead,
    ) -> Status {
        self.number += 1;
        // Two runs' messages would take twice the memory.
        self.last = None;
        let status = Status { number: self.number, program, seed, speed: factor(speed), ..Status::default() };
        self.run = Some(Running::new(status.clone(), playhead));
        status
    }

    /// That a run can be begun at this moment.
    pub(super) fn is_free(&self) -> Result<(), ControlError> {
        self.run.as_ref().map_or(Ok(()), |run| Err(ControlError::Busy(run.status.number)))
    }

    /// The run that goes, or the last one.
    pub(super) fn known(&self) -> Option<&Running> {
        self.run.as_ref().or(self.last.as_ref())
    }

    /// Whoever sees how a run ended can begin another one: it is let go at the same moment.
    pub(super) fn let_go(&mut self, end: impl FnOnce(&mut Running)) {
        if let Some(mut run) = self.run.take() {
            end(&mut run);
            self.last = Some(run);
        }
    }
}

impl Watch {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the run stands, or the last one ended; `None` before the first.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.state().known().map(Running::status)
    }

    /// What goes wrong in the run that goes, or went wrong in the last one: as it was planned, and as it was asked for. `None`
    /// before the first has any messages.
    #[must_use]
    pub fn faults(&self) -> Option<(Arc<FaultPlan>, Vec<Injected>)> {
        let state = self.state();
        let run = state.known()?;
        Some((run.faults.clone()?, run.inject.injected()))
    }

    /// Somebody who takes no orders begins a run: its messages are being made.
    pub fn prepare(&self, program: String, seed: Option<u64>, speed: Speed) {
        self.state().begin(program, seed, speed, Playhead::default());
    }

    /// They are made, and are driven with these options from here on.
    pub fn begin(&self, schedule: &Schedule, faults: Arc<FaultPlan>, options: &DriveOptions) {
        if let Some(run) = &mut self.state().run {
            run.begin(run.status.seed, schedule, faults, options);
        }
    }

    /// The drive is over.
    pub fn end(&self, report: &DriveReport) {
        self.state().let_go(|run| run.end(report));
    }
}
