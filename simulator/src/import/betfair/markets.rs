//! Which of our markets is which of Betfair's: only where both mean the same.
//!
//! Event types and market types as the Betfair Exchange's documentation and its historical data name them.

use domain::Sport;
use domain::id::OutcomeId;
use domain::market::Specifiers;

use super::stream::{Definition, Runner};

/// "The Draw", in every market of football and hockey that has one.
const DRAW: u64 = 58_805;

/// One of Betfair's markets in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counterpart {
    pub(super) market_id: u32,
    pub(super) specifiers: Specifiers,
    /// Each of our outcomes with the place of its runner in the definition.
    pub(super) outcomes: Vec<(usize, &'static str)>,
    /// The places of the runners that are the home and the away competitor, where they are.
    pub(super) competitors: Option<[usize; 2]>,
}

/// The sport of an event type.
pub(super) fn sport(event_type_id: &str) -> Result<Sport, String> {
    match event_type_id {
        "1" => Ok(Sport::Football),
        "2" => Ok(Sport::Tennis),
        "7522" => Ok(Sport::Basketball),
        "7524" => Ok(Sport::Hockey),
        other => Err(format!(
            "event type {other} has no counterpart here; 1 (football), 2 (tennis), 7522 (basketball) and 7524 (ice \
             hockey) do"
        )),
    }
}

/// What a market is here, where it is anything.
pub(super) fn counterpart(sport: Sport, definition: &Definition) -> Option<Counterpart> {
    let mut places: Vec<usize> = (0..definition.runners.len()).collect();
    places.sort_by_key(|&place| definition.runners[place].sort_priority);
    let kind = definition.market_type.as_deref()?;
    match (sport, kind) {
        (Sport::Football, "MATCH_ODDS") => {
            let draw = take_draw(&mut places, definition)?;
            Some(three_way(competitors(&places, definition)?, draw))
        }
        // A game that may be drawn is one of regular time; one that may not goes on until somebody has won.
        (Sport::Hockey, "MATCH_ODDS") => match take_draw(&mut places, definition) {
            Some(draw) => Some(three_way(competitors(&places, definition)?, draw)),
            None => Some(winner(406, competitors(&places, definition)?)),
        },
        (Sport::Football, "BOTH_TEAMS_TO_SCORE") => {
            let named = |name| place_of(&definition.runners, |found| found == name);
            Some(plain(29, vec![(named("Yes")?, "74"), (named("No")?, "76")]))
        }
        (Sport::Football, kind) => {
            let tenths: u32 = kind.strip_prefix("OVER_UNDER_")?.parse().ok()?;
            let named = |name: &str| place_of(&definition.runners, |found| found.starts_with(name));
            let outcomes = vec![(named("Over ")?, "12"), (named("Under ")?, "13")];
            let specifiers = Specifiers::parse(&format!("total={}.{}", tenths / 10, tenths % 10)).ok()?;
            Some(Counterpart { specifiers, ..plain(18, outcomes) })
        }
        (Sport::Tennis, "MATCH_ODDS") => Some(winner(186, competitors(&places, definition)?)),
        (Sport::Basketball, "MATCH_ODDS") => Some(winner(219, competitors(&places, definition)?)),
        _ => None,
    }
}

/// The place of the draw, taken from the others.
fn take_draw(places: &mut Vec<usize>, definition: &Definition) -> Option<usize> {
    let draw = places.iter().position(|&place| definition.runners[place].id == DRAW)?;
    Some(places.remove(draw))
}

/// The places of the home and the away competitor, where there are two. American events name the guests first.
fn competitors(places: &[usize], definition: &Definition) -> Option<[usize; 2]> {
    let mut competitors: [usize; 2] = places.try_into().ok()?;
    if definition.event_name.as_deref().is_some_and(|name| name.contains(" @ ")) {
        competitors.reverse();
    }
    Some(competitors)
}

fn three_way([home, away]: [usize; 2], draw: usize) -> Counterpart {
    let outcomes = vec![(home, "1"), (draw, "2"), (away, "3")];
    Counterpart { competitors: Some([home, away]), ..plain(1, outcomes) }
}

fn winner(market_id: u32, [home, away]: [usize; 2]) -> Counterpart {
    Counterpart { competitors: Some([home, away]), ..plain(market_id, vec![(home, "4"), (away, "5")]) }
}

fn plain(market_id: u32, outcomes: Vec<(usize, &'static str)>) -> Counterpart {
    Counterpart { market_id, specifiers: Specifiers::default(), outcomes, competitors: None }
}

fn place_of(runners: &[Runner], is_it: impl Fn(&str) -> bool) -> Option<usize> {
    runners.iter().position(|runner| runner.name.as_deref().is_some_and(&is_it))
}

pub(super) fn outcome_id(id: &str) -> OutcomeId {
    OutcomeId::new(id).expect("a number is an outcome id")
}
