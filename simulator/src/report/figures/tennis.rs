//! Tennis: every point of Wimbledon 2012's singles; odds of two matches on an exchange.
//!
//! Best of five is held against the men's matches, best of three against the women's.

use domain::{Body, IncidentKind, Side};

use super::{Figure, Known, from};
use crate::report::watched::{Watched, held, number, quantile, yes};

const MEN: &str = "Wimbledon 2012, men";
const WOMEN: &str = "Wimbledon 2012, women";
const BOTH: &str = "Wimbledon 2012, singles";
const EXCHANGE: &str = "Betfair, two matches, 256 minutes";

const ONE_MATCH: &str = "Betfair, Hassan v Haerteis 2020";

const POINTS: [IncidentKind; 3] = [IncidentKind::Point, IncidentKind::Ace, IncidentKind::DoubleFault];

const fn men(mean: f64, deviation: f64) -> Known {
    Known::Mean { mean, deviation, n: 70 }
}

const fn women(mean: f64, deviation: f64) -> Known {
    Known::Mean { mean, deviation, n: 64 }
}

const fn of_minutes(mean: f64, deviation: f64, n: u32) -> Known {
    Known::Mean { mean, deviation, n }
}

/// One figure of a format's matches, held against the men's and against the women's.
struct OfFormat {
    name: &'static str,
    men: Known,
    women: Known,
    of: fn(&Watched) -> Option<f64>,
}

const OF_FORMATS: [OfFormat; 11] = [
    OfFormat {
        name: "points that the server wins",
        men: men(0.6658, 0.0438),
        women: women(0.5845, 0.0563),
        of: |game| share(served(game).map(|point| point.winner == point.server)),
    },
    OfFormat {
        name: "service games held",
        men: men(0.8377, 0.0815),
        women: women(0.6871, 0.1191),
        of: |game| share(served(game).filter_map(|point| Some(point.wins_game? == point.server))),
    },
    OfFormat {
        name: "aces, of the points",
        men: men(0.0970, 0.0322),
        women: women(0.0485, 0.0376),
        of: |game| Some(game.count(&[IncidentKind::Ace]) / game.count(&POINTS)),
    },
    OfFormat {
        name: "double faults, of the points",
        men: men(0.0263, 0.0132),
        women: women(0.0517, 0.0284),
        of: |game| Some(game.count(&[IncidentKind::DoubleFault]) / game.count(&POINTS)),
    },
    OfFormat {
        name: "sets",
        men: men(3.7429, 0.6954),
        women: women(2.3125, 0.4672),
        of: |game| Some(f64::from(game.score().home + game.score().away)),
    },
    OfFormat {
        name: "games",
        men: men(38.2143, 10.0432),
        women: women(21.3281, 6.5078),
        of: |game| Some(game.count(&[IncidentKind::GameWon])),
    },
    OfFormat {
        name: "points",
        men: men(233.4000, 64.4842),
        women: women(138.9062, 45.2277),
        of: |game| Some(game.count(&POINTS)),
    },
    OfFormat {
        name: "won without losing a set",
        men: Known::Share { share: 0.4000, n: 70 },
        women: Known::Share { share: 0.6875, n: 64 },
        of: |game| Some(yes(game.score().home.min(game.score().away) == 0)),
    },
    OfFormat {
        name: "tie-breaks, of the sets",
        men: men(0.2181, 0.2359),
        women: women(0.1068, 0.2210),
        of: |game| share(game.status().period_scores.iter().map(|set| set.home + set.away == 13)),
    },
    OfFormat {
        name: "seconds between points, median",
        men: men(34.8143, 10.2013),
        women: women(34.3906, 7.8914),
        of: |game| quantile(point_gaps(game), 0.5),
    },
    OfFormat {
        name: "points a minute",
        men: men(1.4469, 0.1866),
        women: women(1.4757, 0.1676),
        of: |game| {
            let (begin, end) = game.span()?;
            Some(game.count(&POINTS) / ((end - begin) / 60.0))
        },
    },
];

pub(super) fn figures() -> Vec<Figure> {
    let of_five = OF_FORMATS.into_iter().map(|of| of_format(of.name, of.men, MEN, 3, of.of));
    let of_three = OF_FORMATS.into_iter().map(|of| of_format(of.name, of.women, WOMEN, 2, of.of));
    let both = from(
        BOTH,
        [("won by who is named first", Known::Share { share: 0.5299, n: 134 }, |game| {
            game.is_whole().then(|| yes(game.winner() == Some(Side::Home)))
        })],
    );
    let pace = from(
        BOTH,
        [
            ("points a minute, minutes 0 to 20", of_minutes(1.6429, 0.1620, 134), |game| {
                points_in(game, 0.0)
            }),
            ("points a minute, minutes 20 to 40", of_minutes(1.4731, 0.1947, 134), |game| {
                points_in(game, 20.0)
            }),
            ("points a minute, minutes 40 to 60", of_minutes(1.4091, 0.2236, 126), |game| {
                points_in(game, 40.0)
            }),
            ("points a minute, minutes 60 to 80", of_minutes(1.3905, 0.2449, 105), |game| {
                points_in(game, 60.0)
            }),
        ],
    );
    let ticks = from(
        ONE_MATCH,
        [("prices of the winner a minute", Known::Count { count: 1_231.0, games: 73 }, prices_a_minute)],
    );
    let known = Known::Mean { mean: 0.0355, deviation: 0.0451, n: 256 };
    let moves = from(EXCHANGE, [("odds: move in a minute", known, move_in_a_minute)]);
    of_five.chain(of_three).chain(both).chain(pace).chain(ticks).chain(moves).collect()
}

/// A figure of whole matches that so many sets win.
fn of_format(
    name: &'static str,
    known: Known,
    source: &'static str,
    sets: u32,
    of: fn(&Watched) -> Option<f64>,
) -> Figure {
    let is_meant = move |game: &Watched| game.is_whole() && game.score().home.max(game.score().away) == sets;
    Figure { name, known, source, of: Box::new(move |game| if is_meant(game) { of(game) } else { None }) }
}

/// A point: who served it, who won it, and who won the game by it.
struct Served {
    server: Side,
    winner: Side,
    /// Where it won a game that was no tie-break.
    wins_game: Option<Side>,
}

/// Every point as it was told: a status says who serves the next one.
fn served(game: &Watched) -> impl Iterator<Item = Served> {
    let mut points: Vec<Served> = Vec::new();
    let (mut server, mut tie_break) = (None, false);
    let mut was_tie_break = false;
    for (_, body) in game.messages() {
        match body {
            Body::EventStatus(status) => (server, tie_break) = (status.server, status.tie_break),
            Body::Incident(incident) if POINTS.contains(&incident.kind) => {
                if let (Some(server), Some(winner)) = (server, incident.side) {
                    points.push(Served { server, winner, wins_game: None });
                    was_tie_break = tie_break;
                }
            }
            Body::Incident(incident) if incident.kind == IncidentKind::GameWon && !was_tie_break => {
                if let Some(last) = points.last_mut() {
                    last.wins_game = incident.side;
                }
            }
            _ => {}
        }
    }
    points.into_iter()
}

/// The part of them that is true.
fn share(of: impl Iterator<Item = bool>) -> Option<f64> {
    let (all, those) = of.fold((0, 0), |(all, those), is| (all + 1, those + usize::from(is)));
    (all > 0).then(|| number(those) / number(all))
}

/// Seconds from point to point within a game.
fn point_gaps(game: &Watched) -> Vec<f64> {
    let mut gaps = Vec::new();
    let mut before = None;
    for (at, incident) in game.told() {
        match incident.kind {
            IncidentKind::GameWon => before = None,
            kind if POINTS.contains(&kind) => gaps.extend(before.replace(at).map(|before| at - before)),
            _ => {}
        }
    }
    gaps
}

/// By how much the price of the player named first moves from one minute to the next, on average.
fn move_in_a_minute(game: &Watched) -> Option<f64> {
    let (begin, end) = game.span()?;
    let (mut sum, mut minutes) = (0.0, 0.0);
    let mut at_last: Option<f64> = None;
    let mut until = begin;
    let mut price = None;
    for (at, offer) in game.offers(&game.main_market().key) {
        while at >= until && until < end {
            if let (Some(before), Some(now)) = (at_last, price) {
                sum += f64::abs(now - before);
                minutes += 1.0;
            }
            at_last = price;
            until += 60.0;
        }
        price = held(offer, 0);
    }
    (minutes > 0.0).then(|| sum / minutes)
}

/// Points a minute in twenty minutes of a match that was long enough, from this minute on.
fn points_in(game: &Watched, from: f64) -> Option<f64> {
    const MINUTES: f64 = 20.0;
    let points: Vec<f64> =
        game.told().filter(|(_, told)| POINTS.contains(&told.kind)).map(|(at, _)| at / 60.0).collect();
    let (first, last) = (points.first()?, points.last()?);
    let until = from + MINUTES;
    let falls = |at: &&f64| (from..until).contains(&(*at - first));
    (last - first >= until).then(|| number(points.iter().filter(falls).count()) / MINUTES)
}

/// How often a minute the winner was priced anew while the match was played.
fn prices_a_minute(game: &Watched) -> Option<f64> {
    let (begin, end) = game.span()?;
    let (mut changes, mut before) = (0, None);
    for (_, offer) in game.offers(&game.main_market().key).filter(|(at, _)| (begin..=end).contains(at)) {
        let odds: Vec<_> = offer.outcomes.iter().map(|outcome| outcome.odds).collect();
        changes += usize::from(before.replace(odds.clone()).is_some_and(|before| before != odds));
    }
    Some(number(changes) / ((end - begin) / 60.0))
}
