//! What is measured of each sport's games, beside what is known of it. Where each number comes from is told in
//! docs/realism.md.

use std::ops::Range;

use domain::{IncidentKind, MatchStatus, Sport};

use super::known::Known;
use super::watched::Watched;

mod basketball;
#[cfg(test)]
mod corpus;
mod football;
mod hockey;
mod prices;
mod tennis;

/// One figure: what is known of it, and what a game adds to it.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) known: Known,
    pub(super) source: &'static str,
    pub(super) of: Box<Of>,
}

/// What one game says of a figure, where it says anything.
type Of = dyn Fn(&Watched) -> Option<f64>;

/// A figure of some source: its name, what is known of it, what a game says of it.
type Entry = (&'static str, Known, fn(&Watched) -> Option<f64>);

/// The figures of a sport: its own, and those of prices.
pub(super) fn of(sport: Sport) -> Vec<Figure> {
    let own = match sport {
        Sport::Football => football::figures(),
        Sport::Basketball => basketball::figures(),
        Sport::Tennis => tennis::figures(),
        Sport::Hockey => hockey::figures(),
    };
    own.into_iter().chain(prices::figures()).collect()
}

/// Figures of one source, of games that were played to their end.
fn from<const N: usize>(source: &'static str, figures: [Entry; N]) -> impl Iterator<Item = Figure> {
    figures.into_iter().map(move |(name, known, of)| {
        let of = move |game: &Watched| if game.is_whole() { of(game) } else { None };
        Figure { name, known, source, of: Box::new(of) }
    })
}

/// How many incidents one game had in some minutes of the clock of one of its parts.
type Minutes = (&'static str, MatchStatus, Range<u32>, f64);

/// The same of one game that is known incident by incident, of those kinds that are meant.
fn by_minute<const N: usize>(
    source: &'static str,
    minutes: [Minutes; N],
    is_meant: fn(IncidentKind) -> bool,
) -> impl Iterator<Item = Figure> {
    minutes.into_iter().map(move |(name, part, minutes, count)| {
        let of =
            move |game: &Watched| game.is_whole().then(|| game.in_minutes(part, minutes.clone(), is_meant));
        Figure { name, known: Known::Count { count, games: 1 }, source, of: Box::new(of) }
    })
}
