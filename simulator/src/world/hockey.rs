//! Ice hockey: what happens (`course`), what the markets ask (`markets`) and what they are worth (`prices`).

use domain::id::Text;
use domain::{Competitor, Sport};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Team;
use markets::Hockey;

mod course;
mod markets;
mod prices;

/// Skaters and a goalkeeper.
const PLAYERS: usize = 20;
/// Goals in an hour with both sides complete, before a team's own strength: with power plays about six a game.
const GOALS_PER_HOUR: [f64; 2] = [2.85, 2.65];

/// Plays one game of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let (home, home_team) = side(rng, game * 2 + 1, GOALS_PER_HOUR[0], None);
    let (away, away_team) = side(rng, game * 2 + 2, GOALS_PER_HOUR[1], Some(&home.name));
    let beats = course::play([&home_team, &away_team], rng);
    let fixture = names::fixture(Sport::Hockey, "Matchday Hockey League", [home, away]);
    tell::tell(seed, game, &Hockey { teams: [home_team, away_team] }, fixture, &beats, voice)
}

fn side(rng: &mut ChaCha8Rng, number: u32, goals_per_hour: f64, other: Option<&Text>) -> (Competitor, Team) {
    let competitor = names::team(rng, number, other);
    let strength = 0.8 + 0.4 * rng.random::<f64>();
    let team = Team { players: names::players(rng, PLAYERS), goals_per_hour: goals_per_hour * strength };
    (competitor, team)
}
