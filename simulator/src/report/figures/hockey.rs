//! Ice hockey: seasons of the NHL, and one game play by play.

use domain::{IncidentKind, MatchStatus, Side};

use super::{Figure, Known, by_minute, from};
use crate::report::watched::{Watched, number, quantile, yes};

const SEASON: &str = "NHL 2022-23, Hockey-Reference";
const START: &str = "NHL autumn of 2022, The Sports Daily";
const HOME: &str = "NHL 2021-24, Hockey Arena";
const OVERTIMES: &str = "NHL 2005-13, Sporting Charts";
const SHOOT_OUTS: &str = "NHL since 2015, pvilax.net";
const ATTEMPTS: &str = "NHL 2009-10, nhl.com";
const ONE_GAME: &str = "NHL, Lightning v Panthers 2025";

fn once(count: f64) -> Known {
    Known::Count { count, games: 1 }
}

fn of_both(team: f64, n: u32) -> Known {
    Known::Average { mean: 2.0 * team, n }
}

pub(super) fn figures() -> Vec<Figure> {
    let season = from(
        SEASON,
        [
            ("goals, without the shoot-out", of_both(3.18, 1_312), |game| {
                Some(game.count(&[IncidentKind::Goal]))
            }),
            ("power plays", of_both(3.07, 1_312), |game| Some(game.count(&[IncidentKind::Penalty]))),
            ("goals of the power play", of_both(0.65, 1_312), |game| Some(power_play_goals(game))),
        ],
    );
    let start = from(
        START,
        [("shots on goal", of_both(31.4, 330), |game| {
            Some(game.count(&[IncidentKind::ShotOnGoal, IncidentKind::Goal]))
        })],
    );
    let home = from(
        HOME,
        [("points of the home side, of two", Known::Average { mean: 2.0 * 0.585, n: 3_936 }, |game| {
            let is_late = game.status().match_status != MatchStatus::Ended;
            Some(if game.winner() == Some(Side::Home) { 2.0 } else { yes(is_late) })
        })],
    );
    let overtimes = from(
        OVERTIMES,
        [("games with overtime", Known::Share { share: 2_176.0 / 9_330.0, n: 9_330 }, |game| {
            Some(yes(game.status().match_status != MatchStatus::Ended))
        })],
    );
    let shoot_outs = from(
        SHOOT_OUTS,
        [("games with a shoot-out", Known::Share { share: 0.079, n: 8_000 }, |game| {
            Some(yes(game.status().match_status == MatchStatus::EndedAfterPenalties))
        })],
    );
    let attempts = from(
        ATTEMPTS,
        [("attempts of a shoot-out that score", Known::Average { mean: 0.32, n: 176 }, |game| {
            let scored = game.count(&[IncidentKind::ShootoutGoal]);
            let taken = scored + game.count(&[IncidentKind::ShootoutMiss]);
            (taken > 0.0).then(|| scored / taken)
        })],
    );
    let one_game = from(
        ONE_GAME,
        [
            ("incidents", once(334.0), |game| Some(number(game.incidents().count()))),
            ("incidents, first period", once(117.0), |game| Some(game.in_part(MatchStatus::Period1))),
            ("incidents, second period", once(112.0), |game| Some(game.in_part(MatchStatus::Period2))),
            ("incidents, third period", once(105.0), |game| Some(game.in_part(MatchStatus::Period3))),
            ("hits", once(76.0), |game| Some(game.count(&[IncidentKind::Hit]))),
            ("face-offs", once(60.0), |game| Some(game.count(&[IncidentKind::FaceOff]))),
            ("stoppages", once(50.0), |game| Some(game.count(&[IncidentKind::Stoppage]))),
            ("shots that miss", once(29.0), |game| Some(game.count(&[IncidentKind::MissedShot]))),
            ("shots that are blocked", once(27.0), |game| Some(game.count(&[IncidentKind::BlockedShot]))),
            ("giveaways", once(29.0), |game| Some(game.count(&[IncidentKind::Giveaway]))),
            ("takeaways", once(7.0), |game| Some(game.count(&[IncidentKind::Takeaway]))),
            ("delayed penalties", once(2.0), |game| Some(game.count(&[IncidentKind::DelayedPenalty]))),
            ("clock from one to the next, median", Known::Between { low: 4.0, high: 8.0 }, |game| {
                quantile(game.clock_gaps(|_| true), 0.5)
            }),
            ("clock from one to the next, 9 of 10", Known::Between { low: 27.0, high: 33.0 }, |game| {
                quantile(game.clock_gaps(|_| true), 0.9)
            }),
        ],
    );
    let by_minute = by_minute(
        ONE_GAME,
        [
            ("incidents, first period, 0 to 5", MatchStatus::Period1, 0..5, 29.0),
            ("incidents, first period, 5 to 10", MatchStatus::Period1, 5..10, 21.0),
            ("incidents, first period, 10 to 15", MatchStatus::Period1, 10..15, 30.0),
            ("incidents, first period, 15 to 20", MatchStatus::Period1, 15..21, 37.0),
            ("incidents, second period, 0 to 5", MatchStatus::Period2, 0..5, 31.0),
            ("incidents, second period, 5 to 10", MatchStatus::Period2, 5..10, 28.0),
            ("incidents, second period, 10 to 15", MatchStatus::Period2, 10..15, 22.0),
            ("incidents, second period, 15 to 20", MatchStatus::Period2, 15..21, 31.0),
            ("incidents, third period, 0 to 5", MatchStatus::Period3, 0..5, 21.0),
            ("incidents, third period, 5 to 10", MatchStatus::Period3, 5..10, 31.0),
            ("incidents, third period, 10 to 15", MatchStatus::Period3, 10..15, 29.0),
            ("incidents, third period, 15 to 20", MatchStatus::Period3, 15..21, 24.0),
        ],
        |_| true,
    );
    season
        .chain(start)
        .chain(home)
        .chain(overtimes)
        .chain(shoot_outs)
        .chain(attempts)
        .chain(one_game)
        .chain(by_minute)
        .collect()
}

/// Goals of a side that had more players on the ice: what was told last before each says who was in the penalty box.
fn power_play_goals(game: &Watched) -> f64 {
    let mut goals = 0;
    let mut in_box = domain::Score::default();
    for (_, body) in game.messages() {
        match body {
            domain::Body::EventStatus(status) => in_box = status.penalty_box.unwrap_or_default(),
            domain::Body::Incident(incident) if incident.kind == IncidentKind::Goal => {
                let has_more = match incident.side {
                    Some(Side::Home) => in_box.away > in_box.home,
                    Some(Side::Away) => in_box.home > in_box.away,
                    None => false,
                };
                goals += usize::from(has_more);
            }
            _ => {}
        }
    }
    number(goals)
}
