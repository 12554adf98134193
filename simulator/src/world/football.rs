//! Football: what happens (`course`, `goals`) on a scoreboard (`pitch`), what the markets ask (`markets`) and what they are worth (`prices`).

use domain::Sport;
use rand::RngExt;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::{Format, Team};
use markets::Football;

mod course;
mod goals;
mod markets;
mod pitch;
mod prices;

/// Eleven, and twelve on the bench.
const PLAYERS: usize = 23;
/// Goals in an hour of open play of two teams that are equally strong: with penalty kicks about 2.8 a game.
const GOALS_PER_HOUR: [f64; 2] = [0.93, 0.74];
/// How strong teams are, from the weakest to the strongest: a side scores as many times more often as it is stronger.
const STRENGTH: [f64; 2] = [0.6, 1.4];
/// How many games are of the cup, where somebody has to win.
const CUP_SHARE: f64 = 0.25;

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
    let mut fixture = names::fixture(Sport::Football, "Matchday League", [home, away]);
    let format = if rng.random::<f64>() < CUP_SHARE { Format::Cup } else { Format::League };
    if format == Format::Cup {
        fixture.tournament = Some(names::tournament(11, "Matchday Cup"));
    }
    let beats = course::play([&teams[0], &teams[1]], format, rng);
    tell::tell(seed, game, &Football { teams, numbers }, fixture, &beats, voice)
}
