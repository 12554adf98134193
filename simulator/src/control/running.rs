//! A run that goes: what it is steered by, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::{EventId, Name, Source};
use tokio::task::{AbortHandle, Id};
use tokio::time::Instant;

use super::{ControlError, End, RunState, Status};
use crate::drive::{DriveOptions, DriveReport, Gauge, Hush, Inject, OrderRefused};
use crate::faults::{Fault, FaultPlan, Kind};
use crate::ledger::Deliveries;
use crate::pacer::{Playhead, Speed};
use crate::run_ledger::{CutShort, RunLedger};
use crate::schedule::Schedule;
use crate::sender::Sink;

/// Nobody can steer yet.
pub(super) const BEING_MADE: ControlError = ControlError::NotNow("its messages are being made");

/// A run that goes.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) status: Status,
    pub(super) playhead: Playhead,
    /// What says at any moment how far it has come.
    pub(super) gauge: Gauge,
    pub(super) hush: Hush,
    pub(super) inject: Inject,
    pub(super) sink: Sink,
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
    /// Messages a second that are due at the speed at which they were made, once they are.
    pub(super) made_rate: Option<f64>,
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
    /// One whose messages are being made.
    pub(super) fn new(status: Status, playhead: Playhead) -> Self {
        Self {
            status,
            playhead,
            gauge: Gauge::default(),
            hush: Hush::default(),
            inject: Inject::default(),
            sink: Sink::Http,
            stop: Shutdown::default(),
            faults: None,
            made: None,
            deliveries: None,
            sources: BTreeSet::new(),
            events: BTreeSet::new(),
            speed_wanted: None,
            made_rate: None,
            burst: None,
        }
    }

    /// Its messages are made, and are driven with these options from here on.
    pub(super) fn begin(
        &mut self,
        seed: Option<u64>,
        schedule: &Schedule,
        faults: Arc<FaultPlan>,
        options: &DriveOptions,
    ) {
        self.playhead = options.playhead.clone();
        self.gauge = options.gauge.clone();
        self.hush = options.hush.clone();
        self.inject = options.inject.clone();
        self.sink = options.sink;
        self.stop = options.stop.clone();
        self.deliveries = None;
        let status = &mut self.status;
        status.seed = seed;
        status.messages = schedule.len() as u64;
        status.faults = faults.faults.len() as u64;
        self.made_rate = Some(made_rate(schedule));
        status.set_speed(factor(options.speed), self.made_rate);
        status.end = None;
        status.state = RunState::Playing;
        self.faults = Some(faults);
    }

    /// Goes on at a speed that somebody asks for, whatever burst there is.
    pub(super) fn steer(&mut self, speed: Speed) -> Result<(), ControlError> {
        self.set_speed(speed)?;
        self.burst = None;
        self.speed_wanted = Some(speed);
        Ok(())
    }

    /// The burst that this task ends is over: it goes as it did before. Where another speed was set meanwhile, that stays: the
    /// task may have been on its way already when it was to come no more.
    pub(super) fn end_burst(&mut self, task: Id, base: f64) -> Result<(), ControlError> {
        if self.burst.as_ref().is_none_or(|burst| burst.0.id() != task) {
            return Ok(());
        }
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
        self.status.state = RunState::Preparing;
    }

    pub(super) fn set_speed(&mut self, speed: Speed) -> Result<(), ControlError> {
        if self.faults.as_ref().is_some_and(|faults| faults.is_of_one_speed()) {
            return Err(ControlError::NotNow(
                "its faults are planned for its speed: begin it anew at another one",
            ));
        }
        if !self.playhead.set_speed(speed) {
            return Err(BEING_MADE);
        }
        self.status.set_speed(factor(speed), self.made_rate);
        Ok(())
    }

    /// How it stands at this moment.
    pub(super) fn status(&self) -> Status {
        let mut status = self.status.clone();
        let progress = self.gauge.read(self.playhead.moved(Instant::now()), status.messages);
        let has_begun = progress.is_some() && self.playhead.has_begun();
        if has_begun && status.state == RunState::Playing {
            // Whoever has the playhead may change its speed.
            status.set_speed(factor(self.playhead.speed()), self.made_rate);
        }
        status.state = match status.state {
            RunState::Preparing | RunState::Playing if self.stop.has_begun() => RunState::Stopping,
            // They are made, and dealt out to connections.
            RunState::Playing if !has_begun => RunState::Preparing,
            RunState::Playing if self.playhead.is_held() => RunState::Paused,
            state => state,
        };
        if let (None, Some(progress)) = (&status.end, progress) {
            status.note(&progress);
        }
        status
    }

    /// How it ended.
    pub(super) fn end(&mut self, report: &DriveReport) {
        self.burst = None;
        self.status = self.status();
        let late = &report.lateness_micros;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
        let milliseconds = |micros: u64| micros as f64 / 1_000.0;
        let lateness = [late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()];
        // What went to a sink that drops it was answered by nobody.
        let unexpected = match (self.sink, &self.faults) {
            (Sink::Http, Some(faults)) => {
                let planned =
                    faults.unexpected(&report.deliveries).iter().filter(|it| it.status != 0).count();
                planned as u64 + self.inject.unexpected()
            }
            _ => 0,
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
            error: report.gave_up.clone(),
        });
    }

    /// What became of each message is kept: its ledger tells of it.
    pub(super) fn keep_deliveries(&mut self, report: DriveReport) {
        let cut_short = CutShort::of(&report);
        self.deliveries = Some((report.deliveries, cut_short));
    }
}

/// Messages a second that are due at the speed at which they were made: of what is sought, from the minute on.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn made_rate(schedule: &Schedule) -> f64 {
    schedule.paced() as f64 * 1e9 / (schedule.duration_ns() as f64).max(1.0)
}

pub(super) fn factor(speed: Speed) -> Option<f64> {
    match speed {
        Speed::Factor(factor) => Some(factor),
        Speed::Max => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::pacer::Timeline;

    #[tokio::test]
    async fn a_burst_that_has_run_out_does_not_undo_a_speed_that_was_set_at_that_moment() {
        let playhead = Playhead::default();
        playhead.begin(Instant::now(), Timeline::new(Timestamp(0), Speed::Factor(1.0)), |_| None);
        let mut run = Running::new(Status::default(), playhead);
        let burst = |run: &mut Running| {
            let handle = tokio::spawn(std::future::pending::<()>()).abort_handle();
            let id = handle.id();
            run.set_speed(Speed::Factor(10.0)).unwrap();
            run.burst = Some(Burst(handle));
            id
        };
        let first = burst(&mut run);
        run.steer(Speed::Factor(3.0)).unwrap();
        run.end_burst(first, 1.0).unwrap();
        assert_eq!(run.playhead.speed(), Speed::Factor(3.0));
        let second = burst(&mut run);
        run.end_burst(first, 1.0).unwrap();
        assert_eq!(run.playhead.speed(), Speed::Factor(10.0), "it is another one");
        run.end_burst(second, 3.0).unwrap();
        assert_eq!(run.playhead.speed(), Speed::Factor(3.0));
        assert!(run.burst.is_none());
    }
}
