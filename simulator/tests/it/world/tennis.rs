//! What an onlooker knows of tennis: points make games, games make sets, and a player may give up.

use std::collections::BTreeMap;

use domain::message::Content;
use domain::{Body, IncidentKind, Market, MatchStatus, PeriodScore, Score, Side, Sport, Status};
use simulator::ledger::LedgerEvent;

use super::onlooker::{self, Says};
use super::{SEEDS, messages, play};

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

/// By how many games, and by how many sets, home could still have come to lead: at least and at most. Follows every way in
/// which a match could have gone on from these sets and the games of the one that is on.
fn leads_possible(sets: [u32; 2], games: [u32; 2], to_win: u32, known: &mut Leads) -> [[i32; 2]; 2] {
    let by = |two: [u32; 2]| two[0].cast_signed() - two[1].cast_signed();
    if sets.contains(&to_win) {
        return [[0; 2], [by(sets); 2]];
    }
    if let Some(leads) = known.get(&(sets, games)) {
        return *leads;
    }
    let ways = [0, 1].map(|winner: usize| {
        let (mut sets, mut games) = (sets, games);
        games[winner] += 1;
        if (games[winner] == 6 && games[1 - winner] <= 4) || games[winner] == 7 {
            sets[winner] += 1;
            games = [0; 2];
        }
        let [games, sets] = leads_possible(sets, games, to_win, known);
        let one = if winner == 0 { 1 } else { -1 };
        [games.map(|lead| lead + one), sets]
    });
    let extremes = |of: usize| [ways[0][of][0].min(ways[1][of][0]), ways[0][of][1].max(ways[1][of][1])];
    let leads = [extremes(0), extremes(1)];
    known.insert((sets, games), leads);
    leads
}

type Leads = BTreeMap<([u32; 2], [u32; 2]), [[i32; 2]; 2]>;

/// What must have come of a handicap in games, or in sets.
fn handicap(market: &Market, event: &LedgerEvent, in_games: bool) -> Says {
    let Score { home, away } = event.status.score;
    let periods = &event.status.period_scores;
    let lead = periods.iter().map(|set| set.home.cast_signed() - set.away.cast_signed()).sum::<i32>();
    let left = periods.last().filter(|set| !is_won(set)).map_or([0; 2], |set| [set.home, set.away]);
    let [games, sets] = leads_possible([home, away], left, sets_to_win(event), &mut Leads::new());
    let leads = if in_games { games.map(|more| lead + more) } else { sets };
    let line = -onlooker::decimal(market, "hcp");
    match leads.map(|lead| f64::from(lead) > line) {
        [true, true] => Says::Ended(onlooker::one_of(["1714", "1715"], 0)),
        [false, false] => Says::Ended(onlooker::one_of(["1714", "1715"], 1)),
        _ => Says::Void,
    }
}

/// What must have come of a market.
pub fn says(market: &Market, event: &LedgerEvent, is_whole: bool) -> Says {
    let ids = ["4", "5"];
    let home_or_away = |home: u32, away: u32| Says::Ended(onlooker::one_of(ids, usize::from(home < away)));
    let set = |number: usize| event.status.period_scores.get(number - 1).copied();
    match market.key.id {
        186 if is_retired(event) => Says::Void,
        186 => home_or_away(event.status.score.home, event.status.score.away),
        187 => handicap(market, event, true),
        188 => handicap(market, event, false),
        202 => match set(onlooker::number(market, "setnr")).filter(is_won) {
            Some(set) => home_or_away(set.home, set.away),
            None => Says::Void,
        },
        189 => {
            let (least, most) = games_possible(event);
            between(onlooker::decimal(market, "total"), least, most)
        }
        204 => match set(onlooker::number(market, "setnr")) {
            Some(set) if is_won(&set) => {
                let games = set.home + set.away;
                between(onlooker::decimal(market, "total"), games, games)
            }
            Some(set) => between(onlooker::decimal(market, "total"), set.home + set.away, 13),
            None => Says::Void,
        },
        210 => {
            let before: u32 = (1..onlooker::number(market, "setnr"))
                .map(|number| set(number).map_or(0, |set| set.home + set.away))
                .sum();
            let of_set = set(onlooker::number(market, "setnr")).map_or(0, |set| set.home + set.away);
            let game = u32::try_from(onlooker::number(market, "gamenr")).unwrap();
            let won = event.incidents.iter().filter(|incident| incident.kind == IncidentKind::GameWon);
            match won.clone().nth((before + game - 1) as usize).filter(|_| game <= of_set) {
                Some(won) => Says::Ended(onlooker::one_of(ids, won.side.unwrap() as usize)),
                None => Says::Void,
            }
        }
        domain::sport::PLAYER_ACES if is_whole => {
            let is_home = market.key.specifiers.as_str().contains(&format!(
                "md:player:{}00",
                event.fixture.home.id.to_string().strip_prefix("md:competitor:").unwrap()
            ));
            let side = if is_home { Side::Home } else { Side::Away };
            let is_ace = |incident: &&domain::Incident| {
                incident.kind == IncidentKind::Ace && incident.side == Some(side)
            };
            let aces = u32::try_from(event.incidents.iter().filter(is_ace).count()).unwrap();
            between(onlooker::decimal(market, "total"), aces, if is_retired(event) { 999 } else { aces })
        }
        domain::sport::PLAYER_ACES => Says::Unknown,
        _ => panic!("no such market is offered: {}", market.key),
    }
}

/// What is said of a line that is reached by at least and at most so many: stakes go back where that does not decide it.
fn between(line: f64, least: u32, most: u32) -> Says {
    match (f64::from(least) > line, f64::from(most) < line) {
        (false, false) => Says::Void,
        (is_over, _) => Says::Ended(onlooker::one_of(["12", "13"], usize::from(!is_over))),
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
            if let Some(before) = before.replace(status.clone()).filter(|_| !status.correction) {
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
