//! Basketball: a season of the NBA, three seasons' overtimes, leads at the end, one game action by action.

use domain::{IncidentKind, MatchStatus, Side};

use super::{Figure, Known, by_minute, from};
use crate::report::watched::{number, quantile, yes};

const SEASON: &str = "NBA 2023-24, Associated Press";
const AVERAGES: &str = "NBA 2023-24, Basketball-Reference";
const OVERTIMES: &str = "NBA 2013-16, RotoGrinders";
const HOME: &str = "NBA 2023-24, Yahoo Sports";
const STERN: &str = "NBA 1992, Stern 1994";
const ONE_GAME: &str = "NBA, Warriors v Nets 2020";

const THREES: [IncidentKind; 2] = [IncidentKind::ThreePointsMade, IncidentKind::ThreePointsMissed];
const FREE_THROWS: [IncidentKind; 2] = [IncidentKind::FreeThrowMade, IncidentKind::FreeThrowMissed];
const SHOTS: [IncidentKind; 4] = [
    IncidentKind::TwoPointsMade,
    IncidentKind::TwoPointsMissed,
    IncidentKind::ThreePointsMade,
    IncidentKind::ThreePointsMissed,
];

/// An average of both teams of 1,230 games, told of one team.
fn of_both(team: f64) -> Known {
    Known::Average { mean: 2.0 * team, n: 1_230 }
}

fn once(count: f64) -> Known {
    Known::Count { count, games: 1 }
}

pub(super) fn figures() -> Vec<Figure> {
    let season = from(
        SEASON,
        [("points", of_both(280_960.0 / 2_460.0), |game| {
            Some(f64::from(game.score().home + game.score().away))
        })],
    );
    let averages = from(
        AVERAGES,
        [
            ("shots from the field", of_both(88.9), |game| Some(game.count(&SHOTS))),
            ("shots for three points", of_both(35.1), |game| Some(game.count(&THREES))),
            ("free throws", of_both(21.7), |game| Some(game.count(&FREE_THROWS))),
            ("turnovers", of_both(13.6), |game| {
                Some(game.count(&[IncidentKind::Turnover, IncidentKind::Violation]))
            }),
            ("steals", of_both(7.5), |game| Some(game.count(&[IncidentKind::Steal]))),
            ("blocks", of_both(5.1), |game| Some(game.count(&[IncidentKind::Block]))),
            ("fouls", of_both(18.7), |game| Some(game.count(&[IncidentKind::Foul]))),
            ("shots that fall", Known::Average { mean: 0.474, n: 1_230 }, |game| {
                let made = [IncidentKind::TwoPointsMade, IncidentKind::ThreePointsMade];
                Some(game.count(&made) / game.count(&SHOTS))
            }),
            ("shots for three that fall", Known::Average { mean: 0.366, n: 1_230 }, |game| {
                Some(game.count(&[IncidentKind::ThreePointsMade]) / game.count(&THREES))
            }),
        ],
    );
    let home = from(
        HOME,
        [("home wins", Known::Share { share: 0.54, n: 1_230 }, |game| {
            Some(yes(game.winner() == Some(Side::Home)))
        })],
    );
    let overtimes = from(
        OVERTIMES,
        [("games with overtime", Known::Share { share: 0.063, n: 3_690 }, |game| {
            Some(yes(game.status().match_status == MatchStatus::EndedAfterOvertime))
        })],
    );
    let stern = from(
        STERN,
        [("spread of home's lead", Known::Spread { deviation: 15.82, n: 493 }, |game| {
            Some(f64::from(game.score().home) - f64::from(game.score().away))
        })],
    );
    let one_game = from(
        ONE_GAME,
        [
            ("incidents", once(610.0), |game| Some(number(game.incidents().count()))),
            ("incidents, first quarter", once(143.0), |game| Some(game.in_part(MatchStatus::Quarter1))),
            ("incidents, second quarter", once(166.0), |game| Some(game.in_part(MatchStatus::Quarter2))),
            ("incidents, third quarter", once(163.0), |game| Some(game.in_part(MatchStatus::Quarter3))),
            ("incidents, fourth quarter", once(138.0), |game| Some(game.in_part(MatchStatus::Quarter4))),
            ("rebounds", once(126.0), |game| Some(game.count(&[IncidentKind::Rebound]))),
            ("substitutions", once(96.0), |game| Some(game.count(&[IncidentKind::Substitution]))),
            ("time-outs", once(9.0), |game| Some(game.count(&[IncidentKind::Timeout]))),
            ("stoppages", once(7.0), |game| Some(game.count(&[IncidentKind::Stoppage]))),
            ("clock from one to the next, median", Known::Between { low: 2.0, high: 3.0 }, |game| {
                quantile(game.clock_gaps(|_| true), 0.5)
            }),
            ("clock from one to the next, 9 of 10", Known::Between { low: 13.0, high: 15.0 }, |game| {
                quantile(game.clock_gaps(|_| true), 0.9)
            }),
            ("share of them with no clock between", Known::Share { share: 0.3970, n: 602 }, |game| {
                let gaps = game.clock_gaps(|_| true);
                let none = gaps.iter().filter(|gap| **gap == 0.0).count();
                Some(number(none) / number(gaps.len()))
            }),
            ("seconds from one to the next, median", Known::Between { low: 2.9, high: 7.0 }, |game| {
                let told: Vec<f64> = game.told().map(|(at, _)| at).collect();
                quantile(told.windows(2).map(|two| two[1] - two[0]).collect(), 0.5)
            }),
        ],
    );
    let by_minute = by_minute(
        ONE_GAME,
        [
            ("incidents, first quarter, 0 to 6", MatchStatus::Quarter1, 0..6, 63.0),
            ("incidents, first quarter, 6 to 12", MatchStatus::Quarter1, 6..13, 80.0),
            ("incidents, second quarter, 0 to 6", MatchStatus::Quarter2, 0..6, 90.0),
            ("incidents, second quarter, 6 to 12", MatchStatus::Quarter2, 6..13, 76.0),
            ("incidents, third quarter, 0 to 6", MatchStatus::Quarter3, 0..6, 76.0),
            ("incidents, third quarter, 6 to 12", MatchStatus::Quarter3, 6..13, 87.0),
            ("incidents, fourth quarter, 0 to 6", MatchStatus::Quarter4, 0..6, 80.0),
            ("incidents, fourth quarter, 6 to 12", MatchStatus::Quarter4, 6..13, 58.0),
        ],
        |_| true,
    );
    season
        .chain(averages)
        .chain(home)
        .chain(overtimes)
        .chain(stern)
        .chain(one_game)
        .chain(by_minute)
        .collect()
}
