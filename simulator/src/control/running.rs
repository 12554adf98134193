//! A run that goes: what it is steered by, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::{EventId, Name, Source};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{ControlError, End, RunState, Status};
use crate::drive::{DriveReport, Gauge, Hush, Inject, OrderRefused};
use crate::faults::{Fault, FaultPlan, Kind};
use crate::ledger::Deliveries;
use crate::pacer::{Playhead, Speed};
use crate::run_ledger::{CutShort, RunLedger};
use crate::schedule::Schedule;
use crate::sender::Sink;

/// A run that goes.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) status: Status,
    pub(super) playhead: Playhead,
    /// What says at any moment how far it has come.
    pub(super) gauge: Gauge,
    pub(super) hush: Hush,
    pub(super) inject: Inject,
    pub(super) stop: Shutdown,
    pub(super) faults: Option<Arc<FaultPlan>>,
    /// What is sent, once it is made.
    pub(super) made: Option<Arc<Made>>,
    /// What became of each message, and whether that is not all, once it is over.
    pub(super) deliveries: Option<(Deliveries, Option<CutShort>)>,
    /// Who speaks in it.
    pub(super) sources: BTreeSet<Source>,
    /// The events whose messages are counted.
    pub(super) events: BTreeSet<EventId>,
    /// The speed that somebody has asked for since it began: later rounds keep it.
    pub(super) speed_wanted: Option<Speed>,
    /// What goes faster for a while.
    pub(super) burst: Option<Burst>,
}

/// What was made to be sent.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) schedule: Arc<Schedule>,
    /// What must result, where that was decided.
    pub(super) ledger: Option<RunLedger>,
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
    /// What it does, by its playhead. That of one whose messages are being made says what it is to do then.
    pub(super) fn set_state(&mut self) {
        if self.made.is_some() && self.status.state != RunState::Stopping {
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

    /// A provider, or one producer of it, says nothing from now on, which is written down for each producer that this means.
    pub(super) fn silence(
        &mut self,
        provider: &Name,
        producer: Option<&Name>,
        length: Duration,
    ) -> Result<(), OrderRefused> {
        let at_ns = self.playhead.place_ns(Instant::now());
        let for_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let of_producer = |Source { provider, producer }: &Source| {
            let kind = Kind::Silence { provider: provider.clone(), producer: producer.clone(), for_ns };
            let (outcomes, messages) = (kind.outcomes(), Vec::new());
            Fault { kind, event_id: None, sequence: None, at_ns, messages, outcomes, answer: None }
        };
        let is_meant =
            |it: &&Source| it.provider == *provider && producer.is_none_or(|name| it.producer == *name);
        self.inject.note(self.sources.iter().filter(is_meant).map(of_producer).collect())?;
        let provider = provider.clone();
        match producer.cloned() {
            Some(producer) => self.hush.silence_producer(Source { provider, producer }, length),
            None => self.hush.silence(provider, length),
        }
        Ok(())
    }

    /// Another round is to be made; a burst was of the one before, whose messages are not kept beside those of the next.
    pub(super) fn begin_anew(&mut self) {
        self.burst = None;
        self.made = None;
        if self.status.state != RunState::Stopping {
            self.status.state = RunState::Preparing;
        }
    }

    pub(super) fn set_speed(&mut self, speed: Speed) -> Result<(), ControlError> {
        if self.faults.as_ref().is_some_and(|faults| faults.is_of_one_speed()) {
            return Err(ControlError::NotNow(
                "its faults are planned for its speed: begin it anew at another one",
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

    /// How it stands at this moment.
    pub(super) fn status(&self) -> Status {
        let mut status = self.status.clone();
        // They are made, and dealt out to connections.
        if matches!(status.state, RunState::Playing | RunState::Paused) && !self.playhead.has_begun() {
            status.state = RunState::Preparing;
        }
        let moved = self.playhead.moved(Instant::now());
        if let (None, Some(progress)) = (&status.end, self.gauge.read(moved, status.messages)) {
            status.note(&progress);
        }
        status
    }

    /// How it ended. What went to a `sink` that drops it was answered by nobody.
    pub(super) fn end(&mut self, report: DriveReport, faults: &FaultPlan, sink: Sink) {
        self.burst = None;
        self.status = self.status();
        let late = &report.lateness_micros;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
        let milliseconds = |micros: u64| micros as f64 / 1_000.0;
        let lateness = [late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()];
        let why = report.gave_up.clone().or_else(|| report.obstacle.clone());
        let is_cut_short = report.is_stopped || report.gave_up.is_some();
        let cut_short = is_cut_short.then_some(CutShort { why, abandoned: report.abandoned_events });
        let unexpected = match sink {
            Sink::Null => 0,
            Sink::Http => {
                let planned =
                    faults.unexpected(&report.deliveries).iter().filter(|it| it.status != 0).count();
                planned as u64 + self.inject.unexpected()
            }
        };
        self.status.state = match (&report.gave_up, report.is_stopped) {
            (Some(_), _) => RunState::Failed,
            (None, true) => RunState::Stopped,
            (None, false) => RunState::Complete,
        };
        self.status.end = Some(End {
            undelivered: report.messages - report.accepted - report.refused,
            unexpected,
            abandoned: report.abandoned,
            lateness_ms: (!late.is_empty()).then(|| lateness.map(milliseconds)),
            error: report.gave_up,
        });
        self.deliveries = Some((report.deliveries, cut_short));
    }
}

pub(super) fn factor(speed: Speed) -> Option<f64> {
    match speed {
        Speed::Factor(factor) => Some(factor),
        Speed::Max => None,
    }
}
