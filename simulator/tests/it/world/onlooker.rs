//! What an onlooker knows of each sport: how its score comes about, how it ends, what its markets ask.

use std::collections::BTreeMap;

use domain::market::Void;
use domain::{IncidentKind, Market, MatchStatus, Score, Side, Sport};
use simulator::ledger::LedgerEvent;

use super::tennis;

/// The score as it is counted from what has happened.
pub fn counted(event: &LedgerEvent) -> Score {
    let mut score = Score::default();
    let mut attempts = Score::default();
    for incident in &event.incidents {
        let (tally, points) = match incident.kind {
            IncidentKind::Goal
            | IncidentKind::OwnGoal
            | IncidentKind::FreeThrowMade
            | IncidentKind::SetWon => (&mut score, 1),
            IncidentKind::TwoPointsMade => (&mut score, 2),
            IncidentKind::ThreePointsMade => (&mut score, 3),
            IncidentKind::ShootoutGoal => (&mut attempts, 1),
            _ => continue,
        };
        match incident.side.unwrap() {
            Side::Home => tally.home += points,
            Side::Away => tally.away += points,
        }
    }
    if event.sport == Sport::Hockey {
        score.home += u32::from(attempts.home > attempts.away);
        score.away += u32::from(attempts.away > attempts.home);
    }
    score
}

/// How many parts a game has that ended so, the shoot-out included.
pub fn parts(event: &LedgerEvent) -> usize {
    match (event.sport, event.status.match_status) {
        (Sport::Football, MatchStatus::Ended) => 2,
        (Sport::Football, MatchStatus::EndedAfterOvertime) => 4,
        (Sport::Football, MatchStatus::EndedAfterPenalties) => 5,
        (Sport::Basketball, MatchStatus::Ended) => 4,
        (Sport::Tennis, _) => tennis::sets(event),
        (Sport::Basketball, MatchStatus::EndedAfterOvertime) => 5,
        (Sport::Hockey, MatchStatus::Ended) => 3,
        (Sport::Hockey, MatchStatus::EndedAfterOvertime) => 4,
        (Sport::Hockey, MatchStatus::EndedAfterPenalties) => 5,
        (sport, other) => panic!("a game of {sport} does not end as {other}"),
    }
}

/// Who has won, where somebody has.
pub fn winner(event: &LedgerEvent) -> Option<Side> {
    match event.status.match_status {
        MatchStatus::HomeRetired => return Some(Side::Away),
        MatchStatus::AwayRetired => return Some(Side::Home),
        _ => {}
    }
    let shoot_out = event.status.period_scores.iter().find(|score| score.period == MatchStatus::Penalties);
    let Score { home, away } = event.status.score;
    let (home, away) = match shoot_out {
        Some(shoot_out) => (shoot_out.home, shoot_out.away),
        None => (home, away),
    };
    match home.cmp(&away) {
        std::cmp::Ordering::Greater => Some(Side::Home),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(Side::Away),
    }
}

/// Whether each outcome of a market wins; `None` where stakes go back.
pub fn results(market: &Market, event: &LedgerEvent) -> Option<BTreeMap<&'static str, bool>> {
    let Score { home, away } = match event.sport {
        Sport::Football => regular_time(event),
        _ => event.status.score,
    };
    let line = || -> f64 { market.key.specifiers.as_str().strip_prefix("total=").unwrap().parse().unwrap() };
    match market.key.id {
        186 | 189 | 202 => tennis::results(market, event),
        1 => Some([("1", home > away), ("2", home == away), ("3", home < away)].into()),
        29 => Some([("74", home > 0 && away > 0), ("76", home == 0 || away == 0)].into()),
        219 | 406 => Some([("4", home > away), ("5", home < away)].into()),
        18 | 225 | 412 => {
            let total = f64::from(home + away);
            (total != line()).then(|| [("12", total > line()), ("13", total < line())].into())
        }
        _ => panic!("no such market is offered: {}", market.key),
    }
}

/// Whether a market says of each outcome what an onlooker says.
pub fn is_settled_right(market: &Market, event: &LedgerEvent) -> bool {
    let result = |outcome: &domain::Outcome| outcome.result.unwrap();
    match results(market, event) {
        Some(results) => {
            market.void_reason.is_none()
                && market.outcomes.len() == results.len()
                && market.outcomes.iter().all(|outcome| {
                    let won = result(outcome).result == domain::market::ResultKind::Won;
                    result(outcome).void.is_none() && results[outcome.id.as_str()] == won
                })
        }
        None => {
            let is_void = |outcome| result(outcome).void == Some(Void::Full);
            market.void_reason.is_some() && market.outcomes.iter().all(is_void)
        }
    }
}

fn regular_time(event: &LedgerEvent) -> Score {
    event
        .status
        .period_scores
        .iter()
        .take(2)
        .fold(Score::default(), |sum, half| Score { home: sum.home + half.home, away: sum.away + half.away })
}
