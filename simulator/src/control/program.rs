//! What can be played: a scenario, games of a world, recordings, a replay of single events.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::{Sport, Timestamp};

use super::replay::Replay;
use crate::faults::{FaultPlan, Quiet};
use crate::pacer::Speed;
use crate::playlist::Playlist;
use crate::run_ledger::RunLedger;
use crate::scenario::{Scenario, Scene};
use crate::schedule::{self, Schedule};
use crate::world::{self, Formats, Pace, Plan, Played};

/// What is to be played.
#[derive(Debug, Clone)]
pub enum Program {
    /// A scenario.
    Scenario(Box<Scenario>),
    /// Games, as `simulator play` plays them.
    Games(Games),
    /// Recordings, side by side.
    Recordings(Tape),
    /// Single events, one after the other or all at once.
    Replay(Box<Replay>),
}

/// Games of a seed, told by one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Games {
    /// The sports that are played: games are dealt to them in turn.
    pub sports: Vec<Sport>,
    /// Games played at once.
    pub games: u32,
    /// How fast they are told; `None`: each message when it happens, at the games' own pace.
    pub rate: Option<ConstantRate>,
    /// In which formats they are told.
    pub formats: Formats,
}

/// How fast games are told whose time is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConstantRate {
    /// Messages a second, of all games together.
    pub per_second: u32,
    /// How long the games are played, in seconds.
    pub seconds: u32,
}

/// Recordings that are played as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    /// Which, when, and from where in them.
    pub playlist: Playlist,
    /// Whether every byte is sent as it was, with the times of then.
    pub is_raw: bool,
    /// Whether games and messages have ids of their own, so that they are others to whoever receives them.
    pub is_fresh: bool,
}

/// A program that is ready to be sent.
#[derive(Debug)]
pub struct Cast {
    /// The messages.
    pub schedule: Schedule,
    /// The seed from which they follow, where they do.
    pub seed: Option<u64>,
    /// What goes wrong.
    pub faults: Arc<FaultPlan>,
    /// What must result, where that was decided: nobody did of what was recorded.
    pub ledger: Option<RunLedger>,
    /// Who says nothing when.
    pub silences: Vec<Quiet>,
    /// The program's own speed.
    pub speed: Option<Speed>,
    /// Whether messages keep the times that they were made with.
    pub is_raw: bool,
    /// Whether games that are on when it is ended are told to be abandoned: those of recordings were not, nor are those beside them.
    pub abandons: bool,
}

impl Games {
    /// What a world makes of it.
    #[must_use]
    pub fn plan(&self, seed: u64, start: Timestamp) -> Plan {
        let pace = self.rate.map_or(Pace::Own, |ConstantRate { per_second, seconds }| {
            let messages = u64::from(per_second) * u64::from(seconds);
            let per_game = messages.div_ceil(u64::from(self.games.max(1)));
            Pace::Even {
                messages_per_game: u32::try_from(per_game).unwrap_or(u32::MAX),
                duration: Duration::from_secs(seconds.into()),
            }
        });
        let Self { sports, games, formats, .. } = self;
        Plan { seed, sports: sports.clone(), games: *games, formats: *formats, pace, start }
    }
}

impl Program {
    /// Makes its messages, to be sent at this speed where it has none of its own; with ids that end in the time where they are to
    /// be fresh. Single events of a replay keep theirs: their times are others each time.
    ///
    /// # Errors
    /// When it asks for more than can be made.
    pub fn cast(
        &self,
        seed: Option<u64>,
        start: Timestamp,
        speed: Speed,
        is_fresh: bool,
    ) -> anyhow::Result<Cast> {
        let suffix = if is_fresh { schedule::suffix_at(start) } else { String::new() };
        let without_faults = |schedule, seed: Option<u64>| Cast {
            schedule,
            seed,
            faults: Arc::new(FaultPlan::none(seed.unwrap_or_default())),
            ledger: None,
            silences: Vec::new(),
            speed: None,
            is_raw: false,
            abandons: true,
        };
        match self {
            Self::Scenario(scenario) => {
                let seed = seed.unwrap_or(scenario.seed);
                let scenario = Scenario { seed, suffix, ..Scenario::clone(scenario) };
                let scene = scenario.play_for(start, speed)?;
                let silences = scene.silences();
                let Scene { schedule, ledger } = scene;
                let (faults, ledger) = (Arc::new(ledger.faults.clone()), Some(ledger));
                Ok(Cast { faults, silences, ledger, ..without_faults(schedule, Some(scenario.seed)) })
            }
            Self::Games(games) => {
                let seed = seed.unwrap_or_else(super::clock_seed);
                let Played { schedule, ledger } = world::play_afresh(&games.plan(seed, start), &suffix)?;
                let ledger = Some(RunLedger::of(ledger, self.to_string()));
                Ok(Cast { ledger, ..without_faults(schedule, Some(seed)) })
            }
            Self::Recordings(tape) => {
                let Tape { playlist, is_raw, .. } = tape;
                let mut schedule = playlist.load()?;
                if tape.is_fresh {
                    schedule = schedule.afresh(&schedule::suffix_at(start))?;
                }
                Ok(Cast { is_raw: *is_raw, abandons: false, ..without_faults(schedule, None) })
            }
            Self::Replay(replay) => {
                let schedule = replay.play(start)?;
                let speed = Some(Speed::Factor(replay.speed));
                let abandons = replay.events.iter().all(|listed| listed.recording.is_none());
                Ok(Cast { speed, is_raw: !replay.is_now, abandons, ..without_faults(schedule, None) })
            }
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(scenario) => f.write_str(&scenario.description),
            Self::Games(games) => {
                let sports: Vec<&str> = games.sports.iter().map(|sport| sport.as_str()).collect();
                let Games { games, rate, .. } = games;
                write!(f, "{games} games of {}", sports.join(", "))?;
                match rate {
                    Some(ConstantRate { per_second, seconds }) => {
                        write!(f, " for {seconds} s, {per_second} messages a second")
                    }
                    None => f.write_str(" at their own pace"),
                }
            }
            Self::Recordings(tape) => write!(f, "a replay of {} recordings", tape.playlist.entries.len()),
            Self::Replay(replay) => write!(f, "a replay of {} events", replay.events.len()),
        }
    }
}
