//! Tennis: where a match stands (`position`) and how the scoreboard shows it (`court`), what happens (`course`), what
//! the markets ask (`markets`) and what they are worth (`prices`, from the `chain` of points).

use domain::Sport;
use rand::RngExt;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::{Player, Style};
use markets::{Format, Tennis};
use prices::Chains;

mod chain;
mod course;
mod court;
mod markets;
mod position;
mod prices;

/// Matches of best of five.
const LONG: f64 = 0.25;

/// Best of three as women play it, best of five as men do.
static OF_THREE: Format = Format {
    style: Style { sets_to_win: 2, aces: 0.082, double_faults: 0.123 },
    on_serve: [0.475, 0.692],
    totals: [41, 43, 45],
    handicaps: [-3, 3],
};
static OF_FIVE: Format = Format {
    style: Style { sets_to_win: 3, aces: 0.144, double_faults: 0.078 },
    on_serve: [0.572, 0.752],
    totals: [75, 77, 79],
    handicaps: [-3, 3],
};

/// Plays one match of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let numbers = names::numbers(seed, game);
    let home = names::player(rng, numbers[0], None);
    let away = names::player(rng, numbers[1], Some(&home.name));
    let format = if rng.random::<f64>() < LONG { &OF_FIVE } else { &OF_THREE };
    let [worst, best] = format.on_serve;
    let players = [&home, &away].map(|competitor| Player {
        name: competitor.name.clone(),
        on_serve: worst + (best - worst) * rng.random::<f64>(),
    });
    let mut fixture = names::fixture(Sport::Tennis, "Matchday Tennis Tour", [home, away]);
    if format.style.sets_to_win == 3 {
        fixture.tournament = Some(names::tournament(51, "Matchday Grand Slam"));
    }
    let on_serve = players.each_ref().map(|player| player.on_serve);
    let chains = Chains::new(format.style.sets_to_win, on_serve);
    let beats = course::play([&players[0], &players[1]], &format.style, rng);
    let tennis = Tennis { format, chains: &chains, on_serve, numbers };
    tell::tell(seed, game, &tennis, fixture, &beats, voice)
}
