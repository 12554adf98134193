//! Control: what one simulator plays, started, steered and ended by whoever asks, over HTTP or from the command line.
//!
//! One run at a time. Making its messages takes a moment, in which it can be ended already. What was asked last of a run that
//! is over stays to be looked at.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::{EventId, Name};

use crate::drive::{
    self, DriveOptions, Hush, Inject, Injected, Order, Progress, Taken, drive_and_answer, inject,
};
use crate::faults::FaultPlan;
use crate::pacer::{Playhead, Speed};
use crate::recording::Shelf;
use crate::recovery::Inbox;

pub use program::{Cast, Games, Program, Tape};
pub use replay::{Playlist, Replay, ReplayError};
pub(crate) use request::{Named, Params};
pub use routes::routes;
pub use status::{End, RunState, Status};

use running::{Burst, Running, factor};

mod program;
mod replay;
mod request;
mod rest;
mod routes;
mod running;
mod status;
mod uof;

/// The longest burst or silence that is asked for, in seconds.
pub const SPELL_SECONDS_MAX: u32 = 3_600;
/// Bursts are so many times as fast, at most.
pub const BURST_TIMES_MAX: f64 = 1_000.0;

/// A handle; clones are of the same simulator.
#[derive(Debug, Clone)]
pub struct Control(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How everything is sent.
    options: DriveOptions,
    /// Who asks for what was sent already; held by the run that goes.
    recoveries: tokio::sync::Mutex<Inbox>,
    state: Mutex<State>,
    /// Told how far a run is, where somebody looks after the process.
    taken: Option<Taken>,
    /// The recordings that can be asked for.
    recordings: Option<Shelf>,
}

#[derive(Debug, Default)]
struct State {
    /// How many have been begun.
    number: u64,
    run: Option<Running>,
    /// The one that went before.
    last: Option<Running>,
    playlist: Playlist,
}

/// How a run is to go.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Another seed than the program's.
    pub seed: Option<u64>,
    /// How fast.
    pub speed: Speed,
    /// When it is over, it is played again with other seeds, until it is ended.
    pub is_endless: bool,
    /// It stands before its first message until it is let go.
    pub is_held: bool,
    /// Games and messages have ids of their own, so that they are others to whoever has had those of this program.
    pub is_fresh: bool,
}

/// Why something cannot be done now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is one already.
    #[error("run {0} is on: end it first")]
    Busy(u64),
    /// There is none.
    #[error("nothing is being played")]
    Idle,
    /// Its messages are still being made, or all have been let go.
    #[error("{0}")]
    NotNow(&'static str),
    /// There is no such provider in it.
    #[error("this run sends nothing of `{0}`")]
    Provider(Name),
    /// There is no such event in it that could be told wrongly.
    #[error("this run counts no messages of `{0}`")]
    Event(EventId),
}

impl Control {
    /// A simulator that sends with these options.
    #[must_use]
    pub fn new(
        options: DriveOptions,
        recoveries: Inbox,
        taken: Option<Taken>,
        recordings: Option<Shelf>,
    ) -> Self {
        let recoveries = tokio::sync::Mutex::new(recoveries);
        Self(Arc::new(Inner { options, recoveries, state: Mutex::default(), taken, recordings }))
    }

    /// The recordings that can be asked for, where there are some.
    #[must_use]
    pub fn recordings(&self) -> Option<&Shelf> {
        self.0.recordings.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the run stands, or the last one ended; `None` before the first.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        let state = self.state();
        state.run.as_ref().or(state.last.as_ref()).map(|run| run.status.clone())
    }

    /// What goes wrong in the run that goes, or went wrong in the last one: as it was planned, and as it was asked for.
    #[must_use]
    pub fn faults(&self) -> Option<(Arc<FaultPlan>, Vec<Injected>)> {
        let state = self.state();
        let run = state.run.as_ref().or(state.last.as_ref())?;
        Some((run.faults.clone()?, run.inject.injected()))
    }

    /// Begins a run; it goes on by itself. Needs a runtime.
    ///
    /// # Errors
    /// When there is one already.
    pub fn start(&self, program: Program, how: How) -> Result<Status, ControlError> {
        let mut state = self.state();
        if let Some(run) = &state.run {
            return Err(ControlError::Busy(run.status.number));
        }
        state.number += 1;
        let status = Status {
            number: state.number,
            program: program.to_string(),
            seed: how.seed,
            speed: factor(how.speed),
            ..Status::default()
        };
        let playhead = if how.is_held { Playhead::held() } else { Playhead::default() };
        let (hush, inject, stop) = (Hush::default(), Inject::default(), Shutdown::default());
        state.run = Some(Running {
            status: status.clone(),
            playhead,
            hush,
            inject,
            stop,
            faults: None,
            providers: Vec::new(),
            speed_wanted: None,
            burst: None,
            events: BTreeSet::new(),
        });
        drop(state);
        let control = self.clone();
        tokio::spawn(async move { control.go(program, how).await });
        Ok(status)
    }

    /// Ends the run: what is on its way arrives, games that are on are told to be abandoned.
    ///
    /// # Errors
    /// When there is none.
    pub fn stop(&self) -> Result<Status, ControlError> {
        self.with_run(|run| {
            run.stop.begin();
            // What stands still is to end, too.
            run.playhead.resume();
            run.status.state = RunState::Stopping;
            Ok(())
        })
    }

    /// Waits until nothing is being played.
    pub async fn ended(&self) {
        while self.state().run.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stands still.
    ///
    /// # Errors
    /// When there is no run.
    pub fn pause(&self) -> Result<Status, ControlError> {
        self.with_run(|run| {
            run.playhead.pause();
            run.set_state();
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
            run.set_state();
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
            run.set_state();
            Ok(())
        })
    }

    /// Goes on at another speed.
    ///
    /// # Errors
    /// When there is no run, or it cannot change its speed any more.
    pub fn set_speed(&self, speed: Speed) -> Result<Status, ControlError> {
        self.with_run(|run| run.steer(speed))
    }

    /// Goes on at the speed at which so many messages a second are due on average.
    ///
    /// # Errors
    /// As those of [`Control::set_speed`]; and where that speed is none.
    pub fn set_rate(&self, rate: f64) -> Result<Status, ControlError> {
        self.with_run(|run| {
            let now = run.status.rate.zip(run.status.speed).map(|(rate, speed)| rate / speed);
            let made =
                now.ok_or(ControlError::NotNow("its messages are being made, or have all been let go"))?;
            let factor = rate / made;
            if !Speed::FACTORS.contains(&factor) {
                return Err(ControlError::NotNow("no speed that can be set leads to this rate"));
            }
            run.steer(Speed::Factor(factor))
        })
    }

    /// From now on a provider says nothing for so long, and then all that was due.
    ///
    /// # Errors
    /// When there is no run, or it sends nothing of this provider.
    pub fn silence(&self, provider: Name, length: Duration) -> Result<Status, ControlError> {
        self.with_run(|run| {
            if !run.providers.contains(&provider) {
                return Err(ControlError::Provider(provider));
            }
            run.hush.silence(provider, length);
            Ok(())
        })
    }

    /// Something goes wrong with the next message that it fits.
    ///
    /// # Errors
    /// When there is no run, or none of its events is this one, or too much was asked for.
    pub fn inject(&self, order: Order) -> Result<Status, ControlError> {
        self.with_run(|run| {
            if run.events.is_empty() {
                return Err(ControlError::NotNow(
                    "its messages are being made, or none of them are counted: a Unified Odds Feed has no such faults",
                ));
            }
            if let Some(event_id) = order.event_id.as_ref().filter(|event_id| !run.events.contains(*event_id)) {
                return Err(ControlError::Event(event_id.clone()));
            }
            match run.inject.ask(order) {
                true => Ok(()),
                false => Err(ControlError::NotNow("as many faults as can be were asked for")),
            }
        })
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
                // It ends with its run, and where another speed is set: then nobody comes here.
                let _ = control.with_run(|run| run.end_burst(base));
            });
            run.burst = Some(Burst(over.abort_handle()));
            Ok(())
        })
    }

    /// Does something to the playlist of the replay.
    pub fn playlist<T>(&self, change: impl FnOnce(&mut Playlist) -> T) -> T {
        change(&mut self.state().playlist)
    }

    fn with_run(
        &self,
        change: impl FnOnce(&mut Running) -> Result<(), ControlError>,
    ) -> Result<Status, ControlError> {
        let mut state = self.state();
        let run = state.run.as_mut().ok_or(ControlError::Idle)?;
        change(run)?;
        Ok(run.status.clone())
    }

    /// Plays until it is over, or ended.
    async fn go(&self, program: Program, how: How) {
        let mut seed = how.seed;
        loop {
            match self.play(&program, seed, how).await {
                Ok(Some(played)) => seed = Some(next_seed(played)),
                Ok(None) => return,
                Err(error) => {
                    self.let_go(|run| {
                        run.burst = None;
                        run.status.state = RunState::Failed;
                        let error = Some(format!("{error:#}"));
                        let end =
                            End { undelivered: 0, unexpected: 0, abandoned: 0, lateness_ms: None, error };
                        run.status.end = Some(end);
                    });
                    return;
                }
            }
        }
    }

    /// Whoever sees how a run ended can begin another one: it is let go at the same moment.
    fn let_go(&self, end: impl FnOnce(&mut Running)) {
        let mut state = self.state();
        if let Some(mut run) = state.run.take() {
            end(&mut run);
            state.last = Some(run);
        }
    }

    /// Plays once. Where it is to be played again, the answer is the seed that it had.
    async fn play(&self, program: &Program, seed: Option<u64>, how: How) -> anyhow::Result<Option<u64>> {
        let (program, start, speed) = (program.clone(), drive::now(), how.speed);
        let cast =
            tokio::task::spawn_blocking(move || program.cast(seed, start, speed, how.is_fresh)).await??;
        let options = self.begin(&cast, how)?;
        let Cast { schedule, faults, seed, .. } = cast;
        let mut recoveries = self.0.recoveries.lock().await;
        let progress = |progress: &Progress| {
            if let Some(taken) = &self.0.taken {
                taken.note(progress);
            }
            let _ = self.with_run(|run| {
                run.note(progress);
                Ok(())
            });
        };
        let report = drive_and_answer(Arc::new(schedule), &options, &mut recoveries, progress).await?;
        let is_over = options.stop.has_begun() || report.gave_up.is_some() || !how.is_endless;
        if is_over {
            self.let_go(|run| run.end(&report, &faults));
            return Ok(None);
        }
        // Somebody may have ended it by now: then the next round ends before its first message.
        let _ = self.with_run(|run| {
            run.begin_anew();
            Ok(())
        });
        Ok(Some(seed.unwrap_or_default()))
    }

    /// The messages are made: from here on they go.
    fn begin(&self, cast: &Cast, how: How) -> anyhow::Result<DriveOptions> {
        let mut options = DriveOptions {
            speed: how.speed,
            raw: cast.is_raw,
            silences: cast.silences.clone(),
            abandons: cast.abandons,
            ..self.0.options.clone()
        };
        self.with_run(|run| {
            options.speed = run.speed_wanted.or(cast.speed).unwrap_or(how.speed);
            options.playhead = run.playhead.clone();
            options.hush = run.hush.clone();
            // Of what goes on for ever each round has faults of its own.
            run.inject = Inject::default();
            options.inject = run.inject.clone();
            run.events = inject::events(&cast.schedule);
            options.stop = run.stop.clone();
            let providers = cast.schedule.channels().iter().map(|channel| channel.provider.clone());
            run.providers = providers.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            run.faults = Some(Arc::clone(&cast.faults));
            let status = &mut run.status;
            status.seed = cast.seed;
            status.messages = cast.schedule.len() as u64;
            status.faults = cast.faults.faults.len() as u64;
            status.speed = factor(options.speed);
            status.rate = status.speed.map(|speed| speed * made_rate(cast));
            status.end = None;
            run.set_state();
            Ok(())
        })?;
        Ok(options)
    }
}

/// Messages a second that are due at the speed at which they were made.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn made_rate(cast: &Cast) -> f64 {
    cast.schedule.len() as f64 * 1e9 / (cast.schedule.duration_ns() as f64).max(1.0)
}

/// A seed for whoever names none: the clock's second.
#[must_use]
pub fn clock_seed() -> u64 {
    u64::try_from(drive::now().0 / 1_000_000).unwrap_or_default()
}

/// A seed for the round after one that had this seed: never the same, however short that was. Games of a seed that was played
/// before would be nothing but repetitions to whoever receives them.
#[must_use]
pub fn next_seed(last: u64) -> u64 {
    clock_seed().max(last.saturating_add(1))
}
