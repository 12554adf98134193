//! Ice hockey: what happens (`course`), what of it has to be said (`script`), what the markets are worth
//! (`prices`), and how a producer tells all of it (`feed`).

use domain::id::{Text, Urn};
use domain::{Competitor, Fixture, Timestamp, Tournament};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::{Chance, Plan, Voice, chance, names};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use course::Team;

mod beat;
mod course;
mod feed;
mod prices;
mod script;

/// Skaters and a goalkeeper.
const PLAYERS: usize = 20;
/// Goals in an hour with both sides complete, before a team's own strength: with power plays about six a game.
const GOALS_PER_HOUR: [f64; 2] = [2.85, 2.65];

/// Plays one game of a plan and tells it; returns what is true of it in the end.
pub(super) fn play(plan: &Plan, game: u32, voice: &mut Voice) -> Result<LedgerEvent, ScheduleError> {
    let rng = &mut chance(plan.seed, game, Chance::Play);
    let home = side(rng, game * 2 + 1, GOALS_PER_HOUR[0], None);
    let away = side(rng, game * 2 + 2, GOALS_PER_HOUR[1], Some(&home.0.name));
    let beats = course::play(&home.1, &away.1, rng);
    let fixture = Fixture {
        scheduled_start: Timestamp(0),
        tournament: Some(Tournament {
            id: Urn::new("md:tournament:4").expect("a number is an id"),
            name: Text::new("Matchday Hockey League").expect("a short name"),
        }),
        home: home.0,
        away: away.0,
    };
    feed::tell(plan, game, fixture, [&home.1, &away.1], &beats, voice)
}

fn side(rng: &mut ChaCha8Rng, number: u32, goals_per_hour: f64, other: Option<&Text>) -> (Competitor, Team) {
    let (name, abbreviation) = names::team(rng, other);
    let id = Urn::new(format!("md:competitor:{number}")).expect("a number is an id");
    let strength = 0.8 + 0.4 * rng.random::<f64>();
    let team = Team { players: names::players(rng, PLAYERS), goals_per_hour: goals_per_hour * strength };
    (Competitor { id, name, abbreviation: Some(abbreviation) }, team)
}
