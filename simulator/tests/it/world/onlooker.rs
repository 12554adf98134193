//! What an onlooker knows of each sport: how its score comes about, how it ends, what its markets ask.

use std::collections::BTreeMap;

use domain::market::{Millionths, ResultKind, Void};
use domain::{Incident, IncidentKind, Market, MatchStatus, OutcomeResult, Score, Side, Sport};
use simulator::ledger::LedgerEvent;

use super::tennis;

/// How each outcome of a market must have ended.
pub type Results = BTreeMap<String, OutcomeResult>;

/// The score as it is counted from what has happened.
pub fn counted(event: &LedgerEvent) -> Score {
    let mut score = Score::default();
    let mut attempts = Score::default();
    for incident in &event.incidents {
        let tally = if incident.kind == IncidentKind::ShootoutGoal { &mut attempts } else { &mut score };
        let points =
            if incident.kind == IncidentKind::SetWon { 1 } else { points(event.sport, incident.kind) };
        match incident.side {
            Some(Side::Home) => tally.home += points,
            Some(Side::Away) => tally.away += points,
            None => {}
        }
    }
    if event.sport == Sport::Hockey {
        score.home += u32::from(attempts.home > attempts.away);
        score.away += u32::from(attempts.away > attempts.home);
    }
    score
}

/// What an incident adds to a score that is no tennis match's.
fn points(sport: Sport, kind: IncidentKind) -> u32 {
    match kind {
        _ if sport == Sport::Tennis => 0,
        IncidentKind::Goal
        | IncidentKind::OwnGoal
        | IncidentKind::FreeThrowMade
        | IncidentKind::ShootoutGoal => 1,
        IncidentKind::TwoPointsMade => 2,
        IncidentKind::ThreePointsMade => 3,
        _ => 0,
    }
}

pub fn is_abandoned(event: &LedgerEvent) -> bool {
    event.status.match_status == MatchStatus::Abandoned
}

/// How many parts a game has that ended so, the shoot-out included; `None` where it was abandoned.
pub fn parts(event: &LedgerEvent) -> Option<usize> {
    Some(match (event.sport, event.status.match_status) {
        (_, MatchStatus::Abandoned) => return None,
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
    })
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

/// What an onlooker says of a market.
pub enum Says {
    /// Every outcome ended so.
    Ended(Results),
    /// Stakes go back.
    Void,
    /// Not enough was told to know.
    Unknown,
}

/// What must have come of a market of a game that was played to its end. What players did is known only where all
/// of it `is_whole`.
pub fn says(market: &Market, event: &LedgerEvent, is_whole: bool) -> Says {
    if event.sport == Sport::Tennis {
        return tennis::says(market, event, is_whole);
    }
    let score = event.status.score;
    let part = |names: &[MatchStatus]| fell_in(event, names);
    let regular = match event.sport {
        Sport::Football => part(&[MatchStatus::Half1, MatchStatus::Half2]),
        Sport::Hockey => part(&[MatchStatus::Period1, MatchStatus::Period2, MatchStatus::Period3]),
        _ => score,
    };
    let quarter = || {
        let quarters =
            [MatchStatus::Quarter1, MatchStatus::Quarter2, MatchStatus::Quarter3, MatchStatus::Quarter4];
        part(&[quarters[number(market, "quarternr") - 1]])
    };
    let period = || {
        let periods = [MatchStatus::Period1, MatchStatus::Period2, MatchStatus::Period3];
        part(&[periods[number(market, "periodnr") - 1]])
    };
    match market.key.id {
        1 => Says::Ended(three_way(["1", "2", "3"], regular)),
        60 => Says::Ended(three_way(["1", "2", "3"], part(&[MatchStatus::Half1]))),
        235 => Says::Ended(three_way(["1", "2", "3"], quarter())),
        443 => Says::Ended(three_way(["1", "2", "3"], period())),
        29 => Says::Ended(one_of(["74", "76"], usize::from(regular.home == 0 || regular.away == 0))),
        219 | 406 => Says::Ended(one_of(["4", "5"], usize::from(score.home < score.away))),
        16 => handicap(market, regular),
        223 | 410 => handicap(market, score),
        18 => total(market, regular),
        225 | 412 => total(market, score),
        68 => total(market, part(&[MatchStatus::Half1])),
        236 => total(market, quarter()),
        446 => total(market, period()),
        8 => {
            let goals = goals(event);
            let place = match goals.get(number(market, "goalnr") - 1) {
                Some(Side::Home) => 0,
                None => 1,
                Some(Side::Away) => 2,
            };
            Says::Ended(one_of(["6", "7", "8"], place))
        }
        domain::sport::PLAYER_SCORES if is_whole => {
            let Some((side, name)) = player(event, text(market, "player")) else { return Says::Unknown };
            let scored = |incident: &&Incident| {
                incident.kind == IncidentKind::Goal
                    && incident.side == Some(side)
                    && incident.player.as_ref().is_some_and(|player| player.as_str() == name)
                    && is_regular(incident)
            };
            let scored = event.incidents.iter().filter(scored).count() > 0;
            if scored || took_part(event, side, &name) {
                Says::Ended(one_of(["74", "76"], usize::from(!scored)))
            } else {
                Says::Void
            }
        }
        domain::sport::PLAYER_POINTS if is_whole => {
            let Some((side, name)) = player(event, text(market, "player")) else { return Says::Unknown };
            if took_part(event, side, &name) {
                line(decimal(market, "total"), points_of(event, side, &name).into(), ["12", "13"])
            } else {
                Says::Void
            }
        }
        domain::sport::RACE_TO_POINTS if is_whole => race(event, number(market, "pointnr")),
        domain::sport::TOP_SCORER if is_whole => top_scorer(market, event),
        domain::sport::PLAYER_SCORES
        | domain::sport::PLAYER_POINTS
        | domain::sport::RACE_TO_POINTS
        | domain::sport::TOP_SCORER => Says::Unknown,
        _ => panic!("no such market is offered: {}", market.key),
    }
}

/// Whether a market says of each outcome what an onlooker says.
pub fn is_settled_right(market: &Market, event: &LedgerEvent, is_whole: bool) -> bool {
    match says(market, event, is_whole) {
        Says::Unknown => true,
        Says::Void => {
            let is_void = |outcome: &domain::Outcome| outcome.result.unwrap().void == Some(Void::Full);
            market.void_reason.is_some() && market.outcomes.iter().all(is_void)
        }
        Says::Ended(results) => {
            let found =
                market.outcomes.iter().map(|outcome| (outcome.id.to_string(), outcome.result.unwrap()));
            market.void_reason.is_none() && found.collect::<Results>() == results
        }
    }
}

/// What fell in some parts of a game.
pub fn fell_in(event: &LedgerEvent, parts: &[MatchStatus]) -> Score {
    let fell = event.status.period_scores.iter().filter(|score| parts.contains(&score.period));
    fell.fold(Score::default(), |sum, part| Score { home: sum.home + part.home, away: sum.away + part.away })
}

fn text<'m>(market: &'m Market, name: &str) -> &'m str {
    let specifiers = market.key.specifiers.as_str();
    let mut pairs = specifiers.split('|').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("{} has no {name}", market.key)).1
}

pub fn number(market: &Market, name: &str) -> usize {
    text(market, name).parse().unwrap()
}

pub fn decimal(market: &Market, name: &str) -> f64 {
    text(market, name).parse().unwrap()
}

fn won(is_won: bool, void: Option<Void>) -> OutcomeResult {
    let result = if is_won { ResultKind::Won } else { ResultKind::Lost };
    OutcomeResult { result, void, dead_heat: None }
}

pub fn one_of<const N: usize>(ids: [&str; N], winner: usize) -> Results {
    ids.into_iter().enumerate().map(|(place, id)| (id.to_owned(), won(place == winner, None))).collect()
}

fn three_way(ids: [&str; 3], Score { home, away }: Score) -> Results {
    one_of(
        ids,
        if home > away {
            0
        } else if home == away {
            1
        } else {
            2
        },
    )
}

/// Of two outcomes: over a line and under it. Hit means stakes back, a quarter beside it half of them.
pub fn line(line: f64, value: f64, ids: [&str; 2]) -> Says {
    let over = value - line;
    if over == 0.0 {
        return Says::Void;
    }
    let void = (over.abs() < 0.3).then_some(Void::Half);
    let results = ids.into_iter().enumerate();
    Says::Ended(results.map(|(place, id)| (id.to_owned(), won((place == 0) == (over > 0.0), void))).collect())
}

fn total(market: &Market, Score { home, away }: Score) -> Says {
    line(decimal(market, "total"), f64::from(home + away), ["12", "13"])
}

fn handicap(market: &Market, Score { home, away }: Score) -> Says {
    line(-decimal(market, "hcp"), f64::from(home) - f64::from(away), ["1714", "1715"])
}

fn is_regular(incident: &Incident) -> bool {
    !matches!(
        incident.match_status,
        MatchStatus::ExtraTime1 | MatchStatus::ExtraTime2 | MatchStatus::Overtime | MatchStatus::Penalties
    )
}

/// Whose the goals of regular time were, in order.
fn goals(event: &LedgerEvent) -> Vec<Side> {
    let is_goal = |incident: &&Incident| {
        matches!(incident.kind, IncidentKind::Goal | IncidentKind::OwnGoal) && is_regular(incident)
    };
    event.incidents.iter().filter(is_goal).filter_map(|incident| incident.side).collect()
}

fn line_up(event: &LedgerEvent, side: Side) -> Vec<&Incident> {
    let of_side = |incident: &&Incident| incident.kind == IncidentKind::LineUp && incident.side == Some(side);
    event.incidents.iter().filter(of_side).collect()
}

/// A player by the id that markets give: the team's number, and the place in its line-up. `None` where somebody else
/// took that place.
fn player(event: &LedgerEvent, id: &str) -> Option<(Side, String)> {
    let number = id.strip_prefix("md:player:").unwrap();
    let (team, place) = number.split_at(number.len() - 2);
    let competitor = |of: &domain::Competitor| of.id.to_string() == format!("md:competitor:{team}");
    let side = if competitor(&event.fixture.home) { Side::Home } else { Side::Away };
    assert!(side == Side::Home || competitor(&event.fixture.away), "{id} plays in this game");
    let place: usize = place.parse().unwrap();
    // A hockey player who cannot play is not listed: then another one is.
    let is_certain = event.sport != Sport::Hockey || place != 13;
    let listed = line_up(event, side).get(place)?.player.as_ref()?.to_string();
    is_certain.then_some((side, listed))
}

fn took_part(event: &LedgerEvent, side: Side, name: &str) -> bool {
    let is = |incident: &&Incident| {
        incident.side == Some(side) && incident.player.as_ref().is_some_and(|player| player.as_str() == name)
    };
    let begins =
        |incident: &Incident| incident.detail.as_ref().is_some_and(|detail| detail.as_str() == "starts");
    let mut told = event.incidents.iter().filter(is);
    told.any(|incident| match incident.kind {
        IncidentKind::LineUp => begins(incident),
        // Markets on football's players are of regular time.
        IncidentKind::Substitution => {
            !matches!(incident.match_status, MatchStatus::ExtraTime1 | MatchStatus::ExtraTime2)
        }
        _ => false,
    })
}

fn points_of(event: &LedgerEvent, side: Side, name: &str) -> u32 {
    let is = |incident: &&Incident| {
        incident.side == Some(side) && incident.player.as_ref().is_some_and(|player| player.as_str() == name)
    };
    event.incidents.iter().filter(is).map(|incident| points(event.sport, incident.kind)).sum()
}

/// Who came to so many points first, basket by basket as they stand in the end.
fn race(event: &LedgerEvent, to: usize) -> Says {
    let mut score = [0; 2];
    for incident in &event.incidents {
        let Some(side) = incident.side else { continue };
        score[side as usize] += points(event.sport, incident.kind) as usize;
        if score[side as usize] >= to {
            return Says::Ended(one_of(["4", "5"], side as usize));
        }
    }
    Says::Void
}

/// Who has most points of those named; where several have, each wins its share.
fn top_scorer(market: &Market, event: &LedgerEvent) -> Says {
    let scored = |id: &str| player(event, id).map(|(side, name)| points_of(event, side, &name));
    let stars: Vec<(String, Option<u32>)> =
        market.outcomes.iter().map(|outcome| (outcome.id.to_string(), scored(outcome.id.as_str()))).collect();
    let most = stars.iter().filter_map(|(_, points)| *points).max().unwrap();
    let best = u32::try_from(stars.iter().filter(|(_, points)| *points == Some(most)).count()).unwrap();
    let share = (best > 1).then(|| Millionths::new(1_000_000 / best).unwrap());
    let result = |points: Option<u32>| {
        let is_best = points == Some(most);
        OutcomeResult { dead_heat: share.filter(|_| is_best), ..won(is_best, None) }
    };
    Says::Ended(stars.into_iter().map(|(id, points)| (id, result(points))).collect())
}
