//! A market as it is listed, and as an answer settles it.

use domain::id::{OutcomeId, Text};
use domain::market::{Market, MarketKey, Millionths, ResultKind, Void};
use domain::message::{SettledMarket, SettledOutcome};
use domain::{MarketStatus, Outcome, OutcomeResult};

use crate::world::Voice;
use crate::world::game::{Answer, Outcomes};

/// Whether it has had a price.
pub(super) fn has_been_open(market: &Market) -> bool {
    market.outcomes.iter().any(|outcome| outcome.odds.is_some())
}

/// A market that has had no price yet.
pub(super) fn market(voice: &Voice, key: MarketKey, outcomes: &Outcomes) -> Market {
    let outcome = |id: &str| Outcome::new(OutcomeId::new(id).expect("numbers and players are outcome ids"));
    Market {
        key,
        producer: voice.source.producer.clone(),
        status: MarketStatus::Inactive,
        suspension: None,
        favourite: false,
        cashout: None,
        outcomes: match outcomes {
            Outcomes::Fixed(ids) => ids.iter().map(|id| outcome(id)).collect(),
            Outcomes::Players(ids) => ids.iter().map(|id| outcome(id)).collect(),
        },
        void_reason: None,
        void_windows: Vec::new(),
    }
}

/// Writes an answer into a market; returns it as a settlement says it.
pub(super) fn settled(market: &mut Market, answer: Answer) -> SettledMarket {
    market.status = MarketStatus::Settled;
    market.suspension = None;
    market.void_reason = match answer {
        Answer::Void(reason) => Some(Text::new(reason).expect("a few words of this program")),
        _ => None,
    };
    let mut outcomes = Vec::with_capacity(market.outcomes.len());
    for (place, outcome) in market.outcomes.iter_mut().enumerate() {
        let result = result_of(answer, place);
        outcome.result = Some(result);
        outcomes.push(SettledOutcome { id: outcome.id.clone(), result });
    }
    SettledMarket { key: market.key.clone(), void_reason: market.void_reason.clone(), outcomes }
}

/// What an answer says of the outcome of this place.
fn result_of(answer: Answer, place: usize) -> OutcomeResult {
    let won = |is_won| if is_won { ResultKind::Won } else { ResultKind::Lost };
    let result = |result, void| OutcomeResult { result, void, dead_heat: None };
    match answer {
        Answer::Wins(winner) => result(won(winner == place), None),
        Answer::HalfWins(winner) => result(won(winner == place), Some(Void::Half)),
        Answer::Void(_) => result(ResultKind::Lost, Some(Void::Full)),
        Answer::Tie(places) => {
            let is_won = places >> place & 1 == 1;
            let share = Millionths::new(1_000_000 / places.count_ones().max(1)).expect("a part of one");
            OutcomeResult { dead_heat: is_won.then_some(share), ..result(won(is_won), None) }
        }
    }
}
