//! Basketball: what happens (`course`), what the markets ask (`markets`) and what they are worth (`prices`).

use domain::Sport;
use rand::RngExt;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Team;
use markets::Basketball;

mod course;
mod ending;
mod markets;
mod prices;
mod race;
mod rotation;
mod shots;

/// Five, and eight on the bench.
const PLAYERS: usize = 13;
/// How many times as often as on average each side's shots fall: playing at home is worth about two points.
const AT_HOME: [f64; 2] = [1.010, 0.990];
/// The same for the weakest team and the strongest.
const STRENGTH: [f64; 2] = [0.945, 1.055];

/// Plays one game of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let numbers = names::numbers(seed, game);
    let home = names::team(rng, numbers[0], None);
    let away = names::team(rng, numbers[1], Some(&home.name));
    let teams = AT_HOME.map(|at_home| {
        let strength = STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * rng.random::<f64>();
        Team { players: names::players(rng, PLAYERS), shooting: at_home * strength }
    });
    let fixture = names::fixture(Sport::Basketball, "Matchday Basketball League", [home, away]);
    let beats = course::play([&teams[0], &teams[1]], rng);
    tell::tell(seed, game, &Basketball { teams, numbers }, fixture, &beats, voice)
}
