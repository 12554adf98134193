//! What goes into a run, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use domain::{Key, Market};
use simulator::Schedule;
use simulator::ledger::LedgerEvent;
use simulator::world::{self, Plan};

use crate::judge::{Expected, ExpectedMarket};

/// Messages, and the state in which they must end.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The messages.
    pub schedule: Arc<Schedule>,
    /// What must come of each event.
    pub expected: BTreeMap<String, Expected>,
}

impl Feed {
    /// Games that the simulator's world plays; what must come of them is what its ledger says.
    ///
    /// # Errors
    /// When there is no such plan.
    pub fn played(plan: &Plan) -> Result<Self> {
        let played = world::play(plan)?;
        let expected = played.ledger.events.iter().map(|event| (event.event_id.to_string(), expected(event)));
        Ok(Self { expected: expected.collect(), schedule: Arc::new(played.schedule) })
    }

    /// The sports of its events.
    #[must_use]
    pub fn sports(&self) -> BTreeSet<&str> {
        self.expected.values().map(|expected| expected.sport.as_str()).collect()
    }

    /// How many messages there are.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.expected.values().map(|expected| expected.messages).sum()
    }
}

fn expected(event: &LedgerEvent) -> Expected {
    let status = &event.status;
    let mut exact = BTreeMap::new();
    let json = |value: Result<serde_json::Value, _>| value.expect("the domain's types have string keys only");
    exact.insert(Key::Fixture.to_string(), json(serde_json::to_value(&event.fixture)));
    for incident in &event.incidents {
        let key = Key::Incident(incident.incident_id.clone());
        exact.insert(key.to_string(), json(serde_json::to_value(incident)));
    }
    let periods = status.period_scores.iter().map(|score| (score.period.to_string(), score.home, score.away));
    Expected {
        sport: event.sport.to_string(),
        messages: event.messages,
        turns: 0,
        status: status.status.as_str().to_owned(),
        match_status: status.match_status.to_string(),
        score: (status.score.home, status.score.away),
        periods: Some(periods.collect()),
        markets: Some(
            event.markets.iter().map(|market| (market.key.to_string(), expected_market(market))).collect(),
        ),
        exact,
    }
}

fn expected_market(market: &Market) -> ExpectedMarket {
    let outcomes = market.outcomes.iter().map(|outcome| {
        let result =
            outcome.result.map(|result| serde_json::to_value(result).expect("a result has string keys only"));
        (outcome.id.to_string(), (outcome.odds.map(domain::Odds::thousandths), result))
    });
    ExpectedMarket { status: market.status.as_str().to_owned(), outcomes: outcomes.collect() }
}
