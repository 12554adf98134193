//! Football: two seasons of the Premier League, the World Cup's knock-out games, one game event by event.

use domain::{IncidentKind, MatchStatus, Score, Side};

use super::{Figure, Known, by_minute, from};
use crate::report::watched::{Watched, held, quantile, yes};

const LEAGUE: &str = "Premier League 2021-23, 760 games";
const REFEREES: &str = "Premier League 2021/22, video referee";
const SPOT: &str = "Premier League 2022/23, penalty kicks";
const KNOCK_OUT: &str = "World Cups 2002-22, knock-out games";
const ONE_GAME: &str = "StatsBomb, Barcelona v Girona 2018";
const CLOSING: &str = "Premier League 2021-23, closing odds";

const SHOTS: [IncidentKind; 4] =
    [IncidentKind::Goal, IncidentKind::ShotOnGoal, IncidentKind::MissedShot, IncidentKind::BlockedShot];
const REGULAR: [MatchStatus; 2] = [MatchStatus::Half1, MatchStatus::Half2];

fn mean(mean: f64, deviation: f64) -> Known {
    Known::Mean { mean, deviation, n: 760 }
}

fn share(share: f64) -> Known {
    Known::Share { share, n: 760 }
}

fn once(count: f64) -> Known {
    Known::Count { count, games: 1 }
}

pub(super) fn figures() -> Vec<Figure> {
    let goals = from(
        LEAGUE,
        [
            ("goals", mean(2.8355, 1.7096), |game| {
                Some(f64::from(regular(game)?.home + regular(game)?.away))
            }),
            ("goals of the home side", mean(1.5737, 1.3745), |game| Some(f64::from(regular(game)?.home))),
            ("goals of the away side", mean(1.2618, 1.2217), |game| Some(f64::from(regular(game)?.away))),
            ("home wins", share(0.4566), |game| Some(yes(leader(regular(game)?) == Some(Side::Home)))),
            ("draws", share(0.2303), |game| Some(yes(leader(regular(game)?).is_none()))),
            ("away wins", share(0.3132), |game| Some(yes(leader(regular(game)?) == Some(Side::Away)))),
            ("lead at the end", mean(1.4855, 1.3147), |game| {
                let Score { home, away } = regular(game)?;
                Some(f64::from(home.abs_diff(away)))
            }),
            ("games without a goal", share(0.0592), |game| Some(yes(regular(game)? == Score::default()))),
            ("games of three goals or more", share(0.5329), |game| {
                Some(yes(regular(game)?.home + regular(game)?.away > 2))
            }),
            ("games in which both score", share(0.5079), |game| {
                Some(yes(regular(game)?.home > 0 && regular(game)?.away > 0))
            }),
            ("goals of the first half", mean(1.2961, 1.1178), |game| {
                regular(game)?;
                let Score { home, away } = game.part(MatchStatus::Half1);
                Some(f64::from(home + away))
            }),
            ("level at half-time", share(0.3908), |game| {
                regular(game)?;
                Some(yes(leader(game.part(MatchStatus::Half1)).is_none()))
            }),
        ],
    );
    let counted = from(
        LEAGUE,
        [
            ("shots", mean(25.4237, 5.6524), |game| count(game, &SHOTS)),
            ("shots on target", mean(8.8118, 3.1132), |game| {
                count(game, &[IncidentKind::Goal, IncidentKind::ShotOnGoal])
            }),
            ("fouls", mean(20.8711, 5.3580), |game| count(game, &[IncidentKind::Foul])),
            ("corner kicks", mean(10.2658, 3.3236), |game| count(game, &[IncidentKind::CornerKick])),
            ("yellow cards", mean(3.4921, 1.9594), |game| count(game, &[IncidentKind::YellowCard])),
            ("red cards", mean(0.0934, 0.3045), |game| {
                count(game, &[IncidentKind::RedCard, IncidentKind::YellowRedCard])
            }),
        ],
    );
    let referees = from(
        REFEREES,
        [("goals that a review takes back", Known::Count { count: 43.0, games: 380 }, |game| {
            let taken = |detail: &domain::id::Text| detail.as_str() == "goal-disallowed";
            let back = game.incidents().filter(|incident| incident.detail.as_ref().is_some_and(taken));
            Some(super::super::watched::number(back.count()))
        })],
    );
    let spot = from(
        SPOT,
        [("penalty kicks", Known::Count { count: 99.0, games: 380 }, |game| {
            count(game, &[IncidentKind::PenaltyKick])
        })],
    );
    let cup = from(
        KNOCK_OUT,
        [
            ("extra time in the cup", Known::Share { share: 33.0 / 96.0, n: 96 }, |game| {
                is_cup(game).then(|| yes(game.status().match_status != MatchStatus::Ended))
            }),
            ("shoot-outs after extra time", Known::Share { share: 21.0 / 33.0, n: 33 }, |game| {
                let is_late = game.is_whole() && game.status().match_status != MatchStatus::Ended;
                is_late.then(|| yes(game.status().match_status == MatchStatus::EndedAfterPenalties))
            }),
        ],
    );
    let one_game = from(
        ONE_GAME,
        [
            ("throw-ins", once(26.0), |game| count(game, &[IncidentKind::ThrowIn])),
            ("goal kicks", once(9.0), |game| count(game, &[IncidentKind::GoalKick])),
            ("free kicks", once(22.0), |game| count(game, &[IncidentKind::FreeKick])),
            ("offsides", once(2.0), |game| count(game, &[IncidentKind::Offside])),
            ("substitutions", once(6.0), |game| count(game, &[IncidentKind::Substitution])),
            (
                "incidents a minute",
                Known::Mean { mean: 131.0 / 96.15, deviation: 11.4 / 96.15, n: 1 },
                |game| {
                    regular(game)?;
                    Some(game.count_in(&REGULAR, &TOLD) / minutes(game)?)
                },
            ),
            ("seconds between two, median", Known::Between { low: 24.0, high: 39.0 }, |game| {
                quantile(game.clock_gaps(|kind| TOLD.contains(&kind)), 0.5)
            }),
            ("seconds between two, nine of ten", Known::Between { low: 87.0, high: 139.0 }, |game| {
                quantile(game.clock_gaps(|kind| TOLD.contains(&kind)), 0.9)
            }),
        ],
    );
    let closing = from(
        CLOSING,
        [
            ("Brier score of 1x2 at kick-off", mean(0.5627, 0.3412), brier),
            ("margin of 1x2 at kick-off", Known::Between { low: 0.0246, high: 0.0547 }, |game| {
                let market = game.main_market();
                let (_, offer) = game.offers(&market.key).next()?;
                let inverse = offer.outcomes.iter().filter_map(|outcome| outcome.odds);
                Some(inverse.map(|odds| 1_000.0 / f64::from(odds.thousandths())).sum::<f64>() - 1.0)
            }),
        ],
    );
    let by_minute = by_minute(
        ONE_GAME,
        [
            ("incidents, first half, 0 to 15", MatchStatus::Half1, 0..15, 20.0),
            ("incidents, first half, 15 to 30", MatchStatus::Half1, 15..30, 16.0),
            ("incidents, first half, 30 to 45", MatchStatus::Half1, 30..45, 13.0),
            ("incidents, second half, 0 to 15", MatchStatus::Half2, 0..15, 18.0),
            ("incidents, second half, 15 to 30", MatchStatus::Half2, 15..30, 28.0),
            ("incidents, second half, 30 to 45", MatchStatus::Half2, 30..45, 25.0),
        ],
        |kind| TOLD.contains(&kind),
    );
    goals
        .chain(counted)
        .chain(referees)
        .chain(spot)
        .chain(cup)
        .chain(one_game)
        .chain(by_minute)
        .chain(closing)
        .collect()
}

/// What is told of the one game that is known event by event, in kinds that both have.
pub(super) const TOLD: [IncidentKind; 12] = [
    IncidentKind::Goal,
    IncidentKind::ShotOnGoal,
    IncidentKind::MissedShot,
    IncidentKind::BlockedShot,
    IncidentKind::Foul,
    IncidentKind::ThrowIn,
    IncidentKind::FreeKick,
    IncidentKind::CornerKick,
    IncidentKind::GoalKick,
    IncidentKind::Offside,
    IncidentKind::Substitution,
    IncidentKind::Injury,
];

/// The score after ninety minutes of a game that was played so long.
fn regular(game: &Watched) -> Option<Score> {
    game.is_whole().then(|| game.parts(&REGULAR))
}

/// What happened in the ninety minutes of a game that was played so long.
fn count(game: &Watched, kinds: &[IncidentKind]) -> Option<f64> {
    game.is_whole().then(|| game.count_in(&REGULAR, kinds))
}

/// Minutes played in both halves, with what was added.
fn minutes(game: &Watched) -> Option<f64> {
    let end = |part| {
        let of_part = game.incidents().filter(move |incident| incident.match_status == part);
        of_part.filter_map(|incident| incident.elapsed_seconds).max()
    };
    Some(f64::from(end(MatchStatus::Half1)? + end(MatchStatus::Half2)?) / 60.0)
}

fn is_cup(game: &Watched) -> bool {
    let cup = |name: &str| name.ends_with("Cup");
    game.is_whole() && game.event.fixture.tournament.as_ref().is_some_and(|of| cup(of.name.as_str()))
}

fn leader(score: Score) -> Option<Side> {
    match score.home.cmp(&score.away) {
        std::cmp::Ordering::Greater => Some(Side::Home),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(Side::Away),
    }
}

/// The sum of the squared differences between what was held likely of each outcome and what came of it.
fn brier(game: &Watched) -> Option<f64> {
    let Score { home, away } = regular(game)?;
    let came = [home > away, home == away, home < away];
    let (_, offer) = game.offers(&game.main_market().key).next()?;
    let mut sum = 0.0;
    for (place, came) in came.into_iter().enumerate() {
        let off = held(offer, place)? - yes(came);
        sum += off * off;
    }
    Some(sum)
}
