//! Tennis: where a match stands (`position`) and how the scoreboard shows it (`court`), what happens (`course`), what
//! the markets ask (`markets`) and what they are worth (`prices`, from the `chain` of points).

use domain::id::Text;
use domain::{Competitor, Sport};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::{Chance, Voice, chance, names, tell};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Player;
use markets::{Format, Tennis};
use prices::Chains;

mod chain;
mod course;
mod court;
mod markets;
mod position;
mod prices;

/// How likely a player wins a point that he or she serves, at worst and at best.
const ON_SERVE: [f64; 2] = [0.60, 0.68];
/// Matches of best of five.
const LONG: f64 = 0.25;

static OF_THREE: Format = Format { sets_to_win: 2, totals: [("21.5", 22), ("22.5", 23), ("23.5", 24)] };
static OF_FIVE: Format = Format { sets_to_win: 3, totals: [("39.5", 40), ("40.5", 41), ("41.5", 42)] };

/// Plays one match of a seed and tells it; returns what is true of it in the end.
pub(super) fn play(seed: u64, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(seed, game, Chance::Play);
    let (home, home_player) = side(rng, game * 2 + 1, None);
    let (away, away_player) = side(rng, game * 2 + 2, Some(&home.name));
    let mut fixture = names::fixture(Sport::Tennis, "Matchday Tennis Tour", [home, away]);
    let format = if rng.random::<f64>() < LONG {
        fixture.tournament = Some(names::tournament(51, "Matchday Grand Slam"));
        &OF_FIVE
    } else {
        &OF_THREE
    };
    let chains = Chains::new(format.sets_to_win, [home_player.on_serve, away_player.on_serve]);
    let beats = course::play([&home_player, &away_player], format.sets_to_win, rng);
    tell::tell(seed, game, &Tennis { format, chains: &chains }, fixture, &beats, voice)
}

fn side(rng: &mut ChaCha8Rng, number: u32, other: Option<&Text>) -> (Competitor, Player) {
    let competitor = names::player(rng, number, other);
    let [worst, best] = ON_SERVE;
    let player =
        Player { name: competitor.name.clone(), on_serve: worst + (best - worst) * rng.random::<f64>() };
    (competitor, player)
}
