//! Short names for the values of which tests build messages; each panics where its text is not valid.

use domain::id::{OutcomeId, Text};
use domain::market::{Millionths, ResultKind};
use domain::message::SettledOutcome;
use domain::{
    Competitor, EventStatus, MarketKey, MatchStatus, Odds, Outcome, OutcomeResult, PeriodScore, Score,
    Status, Timestamp, Urn,
};

pub fn at(micros: i64) -> Timestamp {
    Timestamp(micros)
}

pub fn urn(text: &str) -> Urn {
    Urn::new(text).expect("a URN")
}

pub fn text(text: &str) -> Text {
    Text::new(text).expect("a text")
}

pub fn market(key: &str) -> MarketKey {
    key.parse().expect("a market key")
}

pub fn odds(thousandths: u32) -> Option<Odds> {
    Some(Odds::from_thousandths(thousandths).expect("in range"))
}

pub fn share(millionths: u32) -> Option<Millionths> {
    Some(Millionths::new(millionths).expect("in range"))
}

pub fn outcome(id: &str, odds: Option<Odds>) -> Outcome {
    Outcome { odds, ..Outcome::new(OutcomeId::new(id).expect("an id")) }
}

pub fn result(result: ResultKind) -> OutcomeResult {
    OutcomeResult { result, void: None, dead_heat: None }
}

pub fn settled(id: &str, result: OutcomeResult) -> SettledOutcome {
    SettledOutcome { id: OutcomeId::new(id).expect("an id"), result }
}

pub fn competitor(id: &str, name: &str, abbreviation: Option<&str>) -> Competitor {
    Competitor { id: urn(id), name: text(name), abbreviation: abbreviation.map(text) }
}

pub fn period(period: MatchStatus, home: u32, away: u32) -> PeriodScore {
    PeriodScore { period, home, away }
}

pub fn status(status: EventStatus, match_status: MatchStatus, home: u32, away: u32) -> Status {
    Status::new(status, match_status, Score { home, away })
}
