//! Ice hockey: what happens (`course`, `goals`) on a scoreboard (`rink`), what the markets ask (`markets`) and what they are worth (`prices`, at the end of
//! regular time by a chain of goals, `late`).

use domain::Sport;
use rand::RngExt;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Team;
use late::Late;
use markets::Hockey;

mod course;
mod goals;
mod late;
mod markets;
mod prices;
mod rink;

/// Those who play, and one more.
const PLAYERS: usize = 21;
/// Goals in an hour with both sides complete, of two teams that are equally strong: with power plays above six a game.
const GOALS_PER_HOUR: [f64; 2] = [2.86, 2.64];
/// How strong teams are, from the weakest to the strongest: a side scores as many times more often as it is stronger.
const STRENGTH: [f64; 2] = [0.88, 1.12];

/// Plays one game of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let numbers = names::numbers(seed, game);
    let home = names::team(rng, numbers[0], None);
    let away = names::team(rng, numbers[1], Some(&home.name));
    let strength = [(); 2].map(|()| STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * rng.random::<f64>());
    let teams = [0, 1].map(|side: usize| Team {
        players: names::players(rng, PLAYERS),
        goals_per_hour: GOALS_PER_HOUR[side] * strength[side] / strength[1 - side],
    });
    let beats = course::play([&teams[0], &teams[1]], rng);
    let fixture = names::fixture(Sport::Hockey, "Matchday Hockey League", [home, away]);
    let late = Late::new([&teams[0], &teams[1]]);
    tell::tell(seed, game, &Hockey { teams, numbers, late }, fixture, &beats, voice)
}
