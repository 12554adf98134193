//! What goes into a run, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use domain::{Key, Market, Sport};
use simulator::faults::{FaultPlan, Kind as FaultKind};
use simulator::ledger::LedgerEvent;
use simulator::run_ledger::RunLedger;
use simulator::world::{self, Plan};
use simulator::{Format, Schedule};

use crate::judge::{Expected, ExpectedMarket};
use crate::oracle::Oracle;
use crate::unsafe_open::Patience;

/// Messages, and the state in which they must end.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The messages.
    pub schedule: Arc<Schedule>,
    /// What must come of each event.
    pub expected: BTreeMap<String, Expected>,
    /// What must be true on the way there.
    pub oracle: Oracle,
    /// What goes wrong, as planned.
    pub faults: FaultPlan,
    /// Events that stand still before messages that never come.
    pub stalled: BTreeSet<String>,
    /// When the stack has to notice what is missing.
    pub patience: Patience,
}

impl Feed {
    /// Messages of which nothing goes wrong, and what must come of them.
    #[must_use]
    pub fn of(schedule: Schedule, expected: BTreeMap<String, Expected>) -> Self {
        let oracle = Oracle::of(&schedule);
        let (schedule, faults) = (Arc::new(schedule), FaultPlan::none(0));
        Self { schedule, expected, oracle, faults, stalled: BTreeSet::new(), patience: Patience::USUAL }
    }

    /// Games that the simulator's world plays; what must come of them is what its ledger says.
    ///
    /// # Errors
    /// When there is no such plan.
    pub fn played(plan: &Plan) -> Result<Self> {
        let played = world::play(plan)?;
        let expected = played.ledger.events.iter().map(|event| (event.event_id.to_string(), expected(event)));
        let expected = expected.collect();
        Ok(Self::of(played.schedule, expected))
    }

    /// A scenario, and what its ledger says.
    #[must_use]
    pub fn of_scenario(schedule: Arc<Schedule>, ledger: &RunLedger) -> Self {
        let events = ledger.producers.iter().flat_map(|producer| &producer.events);
        Self {
            expected: events.map(|event| (event.event_id.to_string(), expected(event))).collect(),
            oracle: Oracle::of_scenario(&schedule, ledger),
            schedule,
            faults: ledger.faults.clone(),
            stalled: ledger.stalled.iter().map(ToString::to_string).collect(),
            patience: Patience { hold_micros: i64::from(ledger.faults.hold_ms) * 1_000, ..Patience::USUAL },
        }
    }

    /// The sports of its events.
    #[must_use]
    pub fn sports(&self) -> BTreeSet<&str> {
        self.expected.values().map(|expected| expected.sport.as_str()).collect()
    }

    /// The same as values.
    #[must_use]
    pub fn played_sports(&self) -> Vec<Sport> {
        let names = self.sports();
        Sport::ALL.into_iter().filter(|sport| names.contains(sport.as_str())).collect()
    }

    /// The sport of an event; empty where it is not known.
    #[must_use]
    pub fn sport(&self, event_id: &str) -> &str {
        self.oracle.events().get(event_id).map_or("", |told| told.sport.as_str())
    }

    /// The format in which a line of the schedule is sent.
    #[must_use]
    pub fn format(&self, line: u32) -> Format {
        self.schedule.channels()[self.schedule.channel(line as usize)].format
    }

    /// Whether an event's producer tells it by a wrong clock, as planned.
    #[must_use]
    pub fn is_skewed(&self, event_id: &str) -> bool {
        self.faults.faults.iter().any(|fault| {
            let is_of_it = fault.event_id.as_ref().is_some_and(|id| id.as_str() == event_id);
            is_of_it && matches!(fault.kind, FaultKind::ClockSkew { .. })
        })
    }

    /// Events of which there is a message, but of which nobody keeps a ledger.
    pub fn unannounced(&self) -> impl Iterator<Item = &str> {
        self.oracle.events().keys().map(String::as_str).filter(|id| !self.expected.contains_key(*id))
    }

    /// How many messages there are, of those that count.
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
