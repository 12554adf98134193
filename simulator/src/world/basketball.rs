//! Basketball: what happens (`course`), what the markets ask (`markets`) and what they are worth (`prices`).

use domain::id::Text;
use domain::{Competitor, Sport};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Team;
use markets::Basketball;

mod course;
mod markets;
mod prices;
mod shots;

/// Five, and eight on the bench.
const PLAYERS: usize = 13;
/// How many times as often as on average each side's shots fall: playing at home is worth about three points.
const AT_HOME: [f64; 2] = [1.018, 0.982];

/// Plays one game of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let (home, home_team) = side(rng, game * 2 + 1, AT_HOME[0], None);
    let (away, away_team) = side(rng, game * 2 + 2, AT_HOME[1], Some(&home.name));
    let fixture = names::fixture(Sport::Basketball, "Matchday Basketball League", [home, away]);
    let beats = course::play([&home_team, &away_team], rng);
    tell::tell(seed, game, &Basketball { teams: [home_team, away_team] }, fixture, &beats, voice)
}

fn side(rng: &mut ChaCha8Rng, number: u32, at_home: f64, other: Option<&Text>) -> (Competitor, Team) {
    let competitor = names::team(rng, number, other);
    let strength = 0.95 + 0.1 * rng.random::<f64>();
    let team = Team { players: names::players(rng, PLAYERS), shooting: at_home * strength };
    (competitor, team)
}
