//! What an onlooker knows of tennis: points make games, games make sets, and a player may give up.

use std::collections::BTreeMap;

use domain::message::Content;
use domain::{Body, IncidentKind, Market, MatchStatus, PeriodScore, Score, Side, Sport, Status};
use simulator::ledger::LedgerEvent;

use super::{SEEDS, many, messages, onlooker, play, share, within};

fn is_retired(event: &LedgerEvent) -> bool {
    matches!(event.status.match_status, MatchStatus::HomeRetired | MatchStatus::AwayRetired)
}

fn is_won(set: &PeriodScore) -> bool {
    let (more, less) = (set.home.max(set.away), set.home.min(set.away));
    (more == 6 && less <= 4) || (more == 7 && (5..=6).contains(&less))
}

/// Sets that win the match.
fn sets_to_win(event: &LedgerEvent) -> u32 {
    match event.fixture.tournament.as_ref().unwrap().name.as_str() {
        "Matchday Tennis Tour" => 2,
        "Matchday Grand Slam" => 3,
        other => panic!("no such tournament: {other}"),
    }
}

/// Sets that have begun, after a look at what was told: games and sets won one by one, and who gave up where the match
/// was left.
pub fn sets(event: &LedgerEvent) -> usize {
    let told = |kind, side| {
        let of_side = event.incidents.iter().filter(|incident| incident.side == Some(side));
        u32::try_from(of_side.filter(|incident| incident.kind == kind).count()).unwrap()
    };
    let Status { score: Score { home, away }, period_scores: sets, .. } = &event.status;
    let games = sets.iter().fold((0, 0), |sum, set| (sum.0 + set.home, sum.1 + set.away));
    assert_eq!((told(IncidentKind::GameWon, Side::Home), told(IncidentKind::GameWon, Side::Away)), games);
    let won = sets.iter().filter(|set| is_won(set)).count();
    assert_eq!(won, (home + away) as usize);
    let retired = told(IncidentKind::Retirement, Side::Home) + told(IncidentKind::Retirement, Side::Away);
    assert_eq!(retired == 1, is_retired(event));
    assert_eq!(home.max(away) == &sets_to_win(event), !is_retired(event));
    // The winner, three totals, and each set that has begun or was about to.
    assert_eq!(event.markets.len(), 4 + sets.len());
    won + usize::from(is_retired(event))
}

/// The fewest and the most games that the match could still have come to.
fn games_possible(event: &LedgerEvent) -> (u32, u32) {
    let sets = &event.status.period_scores;
    let played = sets.iter().map(|set| set.home + set.away).sum();
    if !is_retired(event) {
        return (played, played);
    }
    let Score { home, away } = event.status.score;
    let to_win = sets_to_win(event);
    let left = sets.last().map_or((0, 0), |set| (set.home, set.away));
    // What a side still needs for the set: six with two more than the other, else seven.
    let needs = |own: u32, others: u32| if others <= 4 { 6 - own } else { 7 - own };
    let by_home = needs(left.0, left.1) + 6 * (to_win - home - 1);
    let by_away = needs(left.1, left.0) + 6 * (to_win - away - 1);
    let most = 13 * (2 * to_win - 1 - home - away) - left.0 - left.1;
    (played + by_home.min(by_away), played + most)
}

/// Whether each outcome of a market wins; `None` where stakes go back.
pub fn results(market: &Market, event: &LedgerEvent) -> Option<BTreeMap<&'static str, bool>> {
    let home_or_away = |home: u32, away: u32| Some([("4", home > away), ("5", home < away)].into());
    match (market.key.id, market.key.specifiers.as_str().split_once('=')) {
        (186, None) if is_retired(event) => None,
        (186, None) => home_or_away(event.status.score.home, event.status.score.away),
        (202, Some(("setnr", set))) => {
            let set = event.status.period_scores.get(set.parse::<usize>().unwrap() - 1)?;
            if is_won(set) { home_or_away(set.home, set.away) } else { None }
        }
        (189, Some(("total", line))) => {
            let line: f64 = line.parse().unwrap();
            let (least, most) = games_possible(event);
            let (over, under) = (f64::from(least) > line, f64::from(most) < line);
            (over || under).then(|| [("12", over), ("13", under)].into())
        }
        _ => panic!("no such market is offered: {}", market.key),
    }
}

/// Follows the score as it is told, point by point.
#[test]
fn points_games_and_sets_follow_each_other() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let played = play(&[Sport::Tennis], seed, 1, 4_000);
        let mut before: Option<Status> = None;
        for (_, message) in messages(&played) {
            let Content::Event(event) = &message.content else { panic!("the world speaks of events") };
            let Body::EventStatus(status) = &event.body else { continue };
            if let Some(before) = before.replace(status.clone()) {
                check_step(&before, status);
            }
        }
    }
}

fn check_step(before: &Status, after: &Status) {
    let games = |status: &Status| status.period_scores.iter().map(|set| set.home + set.away).sum::<u32>();
    let (Some(points), Some(next)) = (before.game_score, after.game_score) else { return };
    if games(before) == games(after) {
        let gains = u32::from(points.home != next.home) + u32::from(points.away != next.away);
        assert!(gains <= 1, "one point at a time: {before:?} {after:?}");
        assert_eq!(before.tie_break, after.tie_break);
        assert!(after.tie_break || before.server == after.server, "{before:?} {after:?}");
    } else {
        assert_eq!(games(before) + 1, games(after));
        assert_eq!(next, Score::default());
        let last = before.period_scores.last().unwrap();
        assert_eq!(before.tie_break, (last.home, last.away) == (6, 6));
        assert!(before.tie_break || before.server != after.server, "{before:?} {after:?}");
    }
}

#[test]
fn games_are_like_tennis() {
    let (retired, played): (Vec<LedgerEvent>, Vec<LedgerEvent>) =
        many(Sport::Tennis).into_iter().partition(is_retired);
    let all = retired.len() + played.len();
    within("retirements", retired.len() as f64 / all as f64, 0.02..0.03);
    within("home wins", share(&played, |event| onlooker::winner(event) == Some(Side::Home)), 0.47..0.53);
    let sets: Vec<&PeriodScore> = played.iter().flat_map(|event| &event.status.period_scores).collect();
    let tie_breaks = sets.iter().filter(|set| set.home + set.away == 13).count();
    within("tie-breaks", tie_breaks as f64 / sets.len() as f64, 0.15..0.25);
    let (of_three, of_five): (Vec<LedgerEvent>, Vec<LedgerEvent>) =
        played.into_iter().partition(|event| sets_to_win(event) == 2);
    within("third sets", share(&of_three, |event| event.status.period_scores.len() == 3), 0.35..0.5);
    within("best of five", of_five.len() as f64 / all as f64, 0.2..0.3);
    within("games of half of them", median_games(&of_three), 21.5..23.6);
    within("games of half of them", median_games(&of_five), 39.5..41.6);
}

fn median_games(events: &[LedgerEvent]) -> f64 {
    let mut games: Vec<u32> = events.iter().map(|event| games_possible(event).0).collect();
    games.sort_unstable();
    f64::from(games[games.len() / 2])
}
