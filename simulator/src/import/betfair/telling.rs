//! What of a market's book is told, and how.

use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::market::{ResultKind, Void};
use domain::message::{Offer, SettledOutcome};
use domain::{Body, Competitor, Fixture, MarketKey, MarketStatus, Odds, Outcome, OutcomeResult, Timestamp};

use super::PROVIDER;
use super::book::{MarketBook, RunnerKey};
use super::markets::{Counterpart, outcome_id};
use super::stream::{Definition, MarketState, Runner, RunnerState};
use crate::import::tale::urn;
use crate::import::{ImportError, text};

/// Who plays whom, where a market names both; when it begins, whenever that is another time than was told.
pub(super) fn fixture(
    line: usize,
    definition: &Definition,
    counterpart: &Counterpart,
    told: Option<Timestamp>,
) -> Result<Option<(Body, Timestamp)>, ImportError> {
    let Some([home, away]) = counterpart.competitors else { return Ok(None) };
    let scheduled_start = definition.market_time;
    let body = match told {
        Some(told) if told == scheduled_start => return Ok(None),
        Some(_) => Body::FixtureChange(FixtureChange {
            change: FixtureChangeKind::StartTime,
            scheduled_start: Some(scheduled_start),
            next_live_time: None,
        }),
        None => {
            let competitor = |place: usize| -> Result<Option<Competitor>, ImportError> {
                let runner = &definition.runners[place];
                let Some(name) = &runner.name else { return Ok(None) };
                let name = text(name, || format!("line {line}: marketDefinition.runners[{place}].name"))?;
                Ok(Some(Competitor { id: urn(PROVIDER, "selection", runner.id), name, abbreviation: None }))
            };
            let (Some(home), Some(away)) = (competitor(home)?, competitor(away)?) else { return Ok(None) };
            Body::Fixture(Fixture { scheduled_start, tournament: None, home, away })
        }
    };
    Ok(Some((body, scheduled_start)))
}

/// A market as it is offered; `has_offers` says whether the file holds what is offered at all.
pub(super) fn offer(
    line: usize,
    book: &MarketBook,
    definition: &Definition,
    counterpart: &Counterpart,
    has_offers: bool,
) -> Result<Offer, ImportError> {
    let status = match definition.status {
        MarketState::Open => MarketStatus::Active,
        MarketState::Suspended => MarketStatus::Suspended,
        MarketState::Inactive | MarketState::Closed => MarketStatus::Inactive,
    };
    let outcome = |(place, id): &(usize, &'static str)| {
        let runner = &definition.runners[*place];
        let price = book
            .runners
            .get(&RunnerKey::new(runner.id, runner.hc))
            .and_then(|runner| if has_offers { runner.best_back() } else { runner.last_traded });
        let odds = price.map(|price| odds(line, runner, price)).transpose()?;
        Ok(Outcome { odds, active: runner.status == RunnerState::Active, ..Outcome::new(outcome_id(id)) })
    };
    let outcomes = counterpart.outcomes.iter().map(outcome).collect::<Result<Vec<_>, ImportError>>()?;
    Ok(Offer::new(
        MarketKey { id: counterpart.market_id, specifiers: counterpart.specifiers.clone() },
        status,
        outcomes,
    ))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are looked at first")]
fn odds(line: usize, runner: &Runner, price: f64) -> Result<Odds, ImportError> {
    let thousandths = (price * 1_000.0).round();
    let within = (0.0..=f64::from(u32::MAX)).contains(&thousandths);
    let odds =
        within.then_some(thousandths as u32).and_then(|thousandths| Odds::from_thousandths(thousandths).ok());
    odds.ok_or_else(|| {
        ImportError::new(format!("line {line}"), format!("{price} are no odds of runner {}", runner.id))
    })
}

/// How a market ended, once it is closed and somebody has won or lost.
pub(super) fn results(definition: &Definition, counterpart: &Counterpart) -> Option<Vec<SettledOutcome>> {
    if definition.status != MarketState::Closed {
        return None;
    }
    let is_decided = |(place, _): &(usize, _)| definition.runners[*place].status != RunnerState::Active;
    if !counterpart.outcomes.iter().all(is_decided) {
        return None;
    }
    let result = |(place, id): &(usize, &'static str)| {
        let (result, void) = match definition.runners[*place].status {
            RunnerState::Winner | RunnerState::Placed => (ResultKind::Won, None),
            RunnerState::Loser => (ResultKind::Lost, None),
            // Bets on it are void.
            _ => (ResultKind::Lost, Some(Void::Full)),
        };
        SettledOutcome { id: outcome_id(id), result: OutcomeResult { result, void, dead_heat: None } }
    };
    Some(counterpart.outcomes.iter().map(result).collect())
}
