//! Control: what one simulator plays, started, steered and ended by whoever asks, over HTTP or from the command line.
//!
//! One run at a time. Making its messages takes a moment, in which it can be ended already. What was asked last of a run that
//! is over stays to be looked at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::drive::{self, DriveOptions, Taken};
use crate::pacer::{Playhead, Speed};
use crate::recording::Shelf;
use crate::recovery::Inbox;

pub use error::ControlError;
pub use fault::NewFault;
pub use program::{Cast, ConstantRate, Games, Program, Tape};
pub use replay::{Playlist, Replay, ReplayError};
pub use routes::{recoveries, routes, watched};
pub use status::{End, RunState, Status};
pub use watch::Watch;

use running::Running;
use watch::State;

mod error;
mod fault;
mod program;
mod recovery;
mod replay;
mod request;
mod rest;
mod round;
mod routes;
mod running;
mod status;
mod steer;
mod uof;
mod watch;

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
    watch: Watch,
    playlist: Mutex<Playlist>,
    /// Told how far a run is, where somebody looks after the process.
    taken: Option<Taken>,
    /// The recordings that can be asked for.
    recordings: Option<Shelf>,
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
        let (watch, playlist) = (Watch::default(), Mutex::default());
        Self(Arc::new(Inner { options, recoveries, watch, playlist, taken, recordings }))
    }

    /// The recordings that can be asked for, where there are some.
    #[must_use]
    pub fn recordings(&self) -> Option<&Shelf> {
        self.0.recordings.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.watch.state()
    }

    /// What is known of its runs.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.0.watch
    }

    /// How the run stands, or the last one ended; `None` before the first.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.0.watch.status()
    }

    /// That a run can be begun at this moment.
    ///
    /// # Errors
    /// When there is one already.
    pub fn is_free(&self) -> Result<(), ControlError> {
        self.state().is_free()
    }

    /// Begins a run; it goes on by itself. Needs a runtime.
    ///
    /// # Errors
    /// When there is one already.
    pub fn start(&self, program: Program, how: How) -> Result<Status, ControlError> {
        let mut state = self.state();
        state.is_free()?;
        let playhead = if how.is_held { Playhead::held() } else { Playhead::default() };
        let status = state.begin(program.to_string(), how.seed, how.speed, playhead);
        drop(state);
        let control = self.clone();
        tokio::spawn(async move { control.go(program, how).await });
        Ok(status)
    }

    /// Begins a run, and waits until it goes: what cannot be made is refused. What takes long to be made is waited for no longer
    /// than `patience`.
    ///
    /// # Errors
    /// As those of [`Control::start`]; and when it cannot be played.
    pub async fn start_and_wait(
        &self,
        program: Program,
        how: How,
        patience: Duration,
    ) -> Result<Status, ControlError> {
        let begun = self.start(program, how)?;
        let deadline = tokio::time::Instant::now() + patience;
        while tokio::time::Instant::now() < deadline {
            let Some(status) = self.status().filter(|status| status.number == begun.number) else { break };
            let why = status.end.as_ref().and_then(|end| end.error.clone());
            match (status.state, why) {
                (RunState::Preparing, _) => {}
                (RunState::Failed, Some(why)) if status.messages == 0 => {
                    return Err(ControlError::CannotBePlayed(why));
                }
                _ => return Ok(status),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(self.status().unwrap_or(begun))
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
            Ok(())
        })
    }

    /// Waits until nothing is being played.
    pub async fn ended(&self) {
        while self.state().run.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Does something to the playlist of the replay.
    pub fn playlist<T>(&self, change: impl FnOnce(&mut Playlist) -> T) -> T {
        change(&mut self.0.playlist.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_run(
        &self,
        change: impl FnOnce(&mut Running) -> Result<(), ControlError>,
    ) -> Result<Status, ControlError> {
        let mut state = self.state();
        let run = state.run.as_mut().ok_or(ControlError::Idle)?;
        change(run)?;
        Ok(run.status())
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use domain::Sport;

    use super::*;
    use crate::drive::{Order, Wish};
    use crate::schedule::Schedule;
    use crate::sender::Sink;
    use crate::world::Formats;

    /// Far more than it takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn control() -> (Control, Program, How) {
        let options = DriveOptions { sink: Sink::Null, ..DriveOptions::to("http://127.0.0.1:9") };
        let rate = Some(ConstantRate { per_second: 100, seconds: 5 });
        let games = Games { sports: vec![Sport::Hockey], games: 1, rate, formats: Formats::Json };
        let how =
            How { seed: Some(1), speed: Speed::Max, is_endless: false, is_held: false, is_fresh: false };
        (Control::new(options, Inbox::of_nobody(), None, None), Program::Games(games), how)
    }

    fn messages(run: Option<&Running>) -> Weak<Schedule> {
        Arc::downgrade(&run.unwrap().made.as_ref().unwrap().schedule)
    }

    /// Whether they are let go, be it a moment later.
    async fn are_let_go(messages: &Weak<Schedule>) -> bool {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while messages.upgrade().is_some() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        messages.upgrade().is_none()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_messages_of_the_run_before_are_not_kept_beside_those_of_the_next() {
        let (control, program, how) = control();
        control.start_and_wait(program.clone(), how, PATIENCE).await.unwrap();
        control.ended().await;
        let before = messages(control.state().last.as_ref());
        assert!(before.upgrade().is_some(), "its ledger can be asked for");
        control.start(program, How { is_held: true, ..how }).unwrap();
        assert!(are_let_go(&before).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn where_nobody_answers_no_answer_is_unexpected() {
        let (control, _, how) = control();
        let toml = "description = \"Games\"\nseed = 5\nseconds = 60\n[sports.hockey]\ngames = 4\nrate = 100\n[faults]\nmalformed = 3\n";
        let scenario = crate::Scenario::parse(toml).unwrap();
        control.start_and_wait(Program::Scenario(Box::new(scenario)), how, PATIENCE).await.unwrap();
        control.ended().await;
        let status = control.status().unwrap();
        assert_eq!((status.faults, status.end.unwrap().unexpected), (3, 0));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_silence_ends_with_its_round() {
        let (control, program, how) = control();
        let how = How { speed: Speed::Factor(1.0), is_held: true, ..how };
        control.start_and_wait(program.clone(), how, PATIENCE).await.unwrap();
        let md = domain::Name::new("md").unwrap();
        control.silence(md.clone(), None, Duration::from_secs(3_600)).unwrap();
        let is_silent = || control.state().run.as_ref().unwrap().hush.until(&md).is_some();
        assert!(is_silent());
        let cast = program.cast(Some(2), drive::now(), how.speed, false).unwrap();
        let (options, _) = control.begin(cast, how).unwrap();
        assert!(!is_silent() && options.hush.until(&md).is_none(), "the next one's ledger knows of none");
        control.stop().unwrap();
        control.ended().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_asked_for_between_two_rounds_is_refused_and_not_lost() {
        let (control, program, how) = control();
        let how = How { speed: Speed::Factor(1.0), is_held: true, ..how };
        control.start_and_wait(program, how, PATIENCE).await.unwrap();
        let twice = || control.inject(Order { wish: Wish::Duplicate, event_id: None });
        let silence = || control.silence(domain::Name::new("md").unwrap(), None, Duration::from_secs(1));
        twice().unwrap();
        silence().unwrap();
        control.state().run.as_mut().unwrap().begin_anew();
        for refused in [twice(), silence()] {
            assert!(matches!(refused, Err(ControlError::NotNow(_))), "{refused:?}");
        }
        for status in [control.pause(), control.resume()] {
            assert_eq!(status.unwrap().state, RunState::Preparing);
        }
        control.stop().unwrap();
        control.ended().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_messages_of_a_round_are_let_go_before_those_of_the_next_are_made() {
        let (control, program, how) = control();
        control.start_and_wait(program, how, PATIENCE).await.unwrap();
        control.ended().await;
        let round = {
            let mut state = control.state();
            let run = state.last.as_mut().unwrap();
            let round = messages(Some(&*run));
            run.begin_anew();
            round
        };
        assert!(are_let_go(&round).await);
    }
}
