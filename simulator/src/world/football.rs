//! Football: what happens (`course`), what the markets ask (`markets`) and what they are worth (`prices`).

use domain::id::Text;
use domain::{Competitor, Sport};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::{Format, Team};
use markets::Football;

mod course;
mod markets;
mod prices;

/// Eleven, and twelve on the bench.
const PLAYERS: usize = 23;
/// Goals in an hour of open play, before a team's own strength: with penalty kicks about 2.7 a game.
const GOALS_PER_HOUR: [f64; 2] = [0.93, 0.74];
/// How many games are of the cup, where somebody has to win.
const CUP_SHARE: f64 = 0.25;

/// Plays one game of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let (home, home_team) = side(rng, game * 2 + 1, GOALS_PER_HOUR[0], None);
    let (away, away_team) = side(rng, game * 2 + 2, GOALS_PER_HOUR[1], Some(&home.name));
    let mut fixture = names::fixture(Sport::Football, "Matchday League", [home, away]);
    let format = if rng.random::<f64>() < CUP_SHARE { Format::Cup } else { Format::League };
    if format == Format::Cup {
        fixture.tournament = Some(names::tournament(11, "Matchday Cup"));
    }
    let beats = course::play([&home_team, &away_team], format, rng);
    tell::tell(seed, game, &Football { teams: [home_team, away_team] }, fixture, &beats, voice)
}

fn side(rng: &mut ChaCha8Rng, number: u32, goals_per_hour: f64, other: Option<&Text>) -> (Competitor, Team) {
    let competitor = names::team(rng, number, other);
    let strength = 0.6 + 0.8 * rng.random::<f64>();
    let team = Team { players: names::players(rng, PLAYERS), goals_per_hour: goals_per_hour * strength };
    (competitor, team)
}
