//! How a run is steered while it goes: its pace, what goes wrong in it, and what is told of that.

use std::sync::Arc;
use std::time::Duration;

use domain::{Name, Source};

use super::running::{BEING_MADE, Burst};
use super::{Control, ControlError, Status};
use crate::drive::{Injected, Order, OrderRefused};
use crate::faults::{Fault, HOLD_MS};
use crate::pacer::Speed;
use crate::run_ledger::RunLedger;

/// There is an end to what is written down.
const TOO_MANY: ControlError = ControlError::NotNow("as many faults as can be were asked for");

impl Control {
    /// Stands still.
    ///
    /// # Errors
    /// When there is no run.
    pub fn pause(&self) -> Result<Status, ControlError> {
        self.with_run(|run| {
            run.playhead.pause();
            Ok(())
        })
    }

    /// Goes on from where it stands.
    ///
    /// # Errors
    /// When there is no run.
    pub fn resume(&self) -> Result<Status, ControlError> {
        self.with_run(|run| {
            run.playhead.resume();
            Ok(())
        })
    }

    /// Sends what is due next, and stands still.
    ///
    /// # Errors
    /// When there is no run, or nothing to step to.
    pub fn step(&self) -> Result<Status, ControlError> {
        self.with_run(|run| {
            if !run.playhead.step() {
                return Err(ControlError::NotNow(
                    "there is nothing to step to: it is being made, over, or at top speed",
                ));
            }
            Ok(())
        })
    }

    /// Goes on at another speed.
    ///
    /// # Errors
    /// When there is no run, its messages are still being made, or its faults are planned for its speed.
    pub fn set_speed(&self, speed: Speed) -> Result<Status, ControlError> {
        self.with_run(|run| run.steer(speed))
    }

    /// Goes on at the speed at which so many messages a second are due on average.
    ///
    /// # Errors
    /// As those of [`Control::set_speed`]; and where that speed is none.
    pub fn set_rate(&self, rate: f64) -> Result<Status, ControlError> {
        self.with_run(|run| {
            let factor = rate / run.made_rate.ok_or(BEING_MADE)?;
            if !Speed::FACTORS.contains(&factor) {
                return Err(ControlError::NotNow("no speed that can be set leads to this rate"));
            }
            run.steer(Speed::Factor(factor))
        })
    }

    /// From now on a provider, or one producer of it, says nothing for so long, and then all that was due.
    ///
    /// # Errors
    /// When there is no run, or it sends nothing of this provider or producer, or too much was asked for.
    pub fn silence(
        &self,
        provider: Name,
        producer: Option<Name>,
        length: Duration,
    ) -> Result<Status, ControlError> {
        self.with_run(|run| {
            if run.made.is_none() {
                return Err(BEING_MADE);
            }
            if run.sources.iter().all(|source| source.provider != provider) {
                return Err(ControlError::Provider(provider));
            }
            if let Some(producer) = &producer
                && run.sources.iter().all(|it| it.provider != provider || it.producer != *producer)
            {
                return Err(ControlError::Producer(Source { provider, producer: producer.clone() }));
            }
            run.silence(&provider, producer.as_ref(), length).map_err(|_| TOO_MANY)
        })
    }

    /// Something goes wrong with the next message that it fits.
    ///
    /// # Errors
    /// When there is no run, or none of its events is this one, or too much was asked for.
    pub fn inject(&self, order: Order) -> Result<Status, ControlError> {
        self.with_run(|run| {
            if run.made.is_none() || run.events.is_empty() {
                return Err(ControlError::NotNow(
                    "its messages are being made, or none of them are counted: a Unified Odds Feed has no such faults",
                ));
            }
            if let Some(event_id) = order.event_id.as_ref().filter(|event_id| !run.events.contains(*event_id)) {
                return Err(ControlError::Event(event_id.clone()));
            }
            let event_id = order.event_id.clone();
            run.inject.ask(order).map_err(|refused| match (refused, event_id) {
                (OrderRefused::Taken, Some(event_id)) => ControlError::Taken(event_id),
                _ => TOO_MANY,
            })
        })
    }

    /// The window within which messages of the run may come in any order.
    #[must_use]
    pub fn window(&self) -> Duration {
        let state = self.state();
        state.known().map_or(Duration::from_millis(HOLD_MS.into()), |run| run.inject.window())
    }

    /// What was decided of the run that goes, or of the last one, what went wrong in it, also because it was asked for, and what
    /// must result; once it is over, what became of each message.
    ///
    /// # Errors
    /// When there was none, or nothing was decided.
    pub fn ledger(&self) -> Result<RunLedger, ControlError> {
        let state = self.state();
        let run = state.known().ok_or(ControlError::Idle)?;
        let made = run.made.as_ref().ok_or(BEING_MADE)?;
        let (made, injected) = (Arc::clone(made), run.inject.injected());
        let deliveries = run.deliveries.clone();
        drop(state);
        let mut ledger = made.ledger.clone().ok_or(ControlError::NoLedger)?;
        for Injected { fault, answer, is_recovered, .. } in injected {
            if let Some(fault) = fault {
                ledger.add(Fault { answer, ..fault }, is_recovered, &made.schedule);
            }
        }
        if let Some((deliveries, cut_short)) = deliveries {
            (ledger.deliveries, ledger.cut_short) = (Some(deliveries), cut_short);
        }
        Ok(ledger)
    }

    /// For so long everything goes so many times as fast as it does now. Another speed that is set meanwhile ends it.
    ///
    /// # Errors
    /// As those of [`Control::set_speed`]; while there is a burst; and where it cannot go so fast.
    pub fn burst(&self, times: f64, length: Duration) -> Result<Status, ControlError> {
        let control = self.clone();
        self.with_run(move |run| {
            if run.burst.is_some() {
                return Err(ControlError::NotNow("there is a burst already"));
            }
            let base = run.status.speed.ok_or(ControlError::NotNow("at top speed nothing can go faster"))?;
            let faster = base * times;
            if !Speed::FACTORS.contains(&faster) {
                return Err(ControlError::NotNow("that would be faster than the fastest speed"));
            }
            run.set_speed(Speed::Factor(faster))?;
            let over = tokio::spawn(async move {
                tokio::time::sleep(length).await;
                // It ends with its run, and where another speed is set.
                let _ = control.with_run(|run| run.end_burst(tokio::task::id(), base));
            });
            run.burst = Some(Burst(over.abort_handle()));
            Ok(())
        })
    }
}
