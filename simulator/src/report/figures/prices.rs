//! Prices of all sports: whether what is held likely happens as often, and whether odds move as news does.
//!
//! Each is zero but for chance where prices are right. Moves: the squares of all moves of a price add up, on average, to
//! the uncertainty that they took away (Augenblick and Rabin, "Belief movement, uncertainty reduction, and rational
//! updating", The Quarterly Journal of Economics 136, 2021).

use super::{Figure, Known, from};
use crate::report::watched::{Watched, has_won, held, yes};

const RIGHT: &str = "a price that is right";

pub(super) fn figures() -> impl Iterator<Item = Figure> {
    from(
        RIGHT,
        [
            ("winner before play", Known::Unbiased, |game| surprise(game, 0.0, 0.0..1.01)),
            ("before play, held below 0.2", Known::Unbiased, |game| surprise(game, 0.0, 0.0..0.2)),
            ("before play, held 0.2 to 0.4", Known::Unbiased, |game| surprise(game, 0.0, 0.2..0.4)),
            ("before play, held 0.4 to 0.6", Known::Unbiased, |game| surprise(game, 0.0, 0.4..0.6)),
            ("before play, held 0.6 to 0.8", Known::Unbiased, |game| surprise(game, 0.0, 0.6..0.8)),
            ("before play, held 0.8 and above", Known::Unbiased, |game| surprise(game, 0.0, 0.8..1.01)),
            ("winner half-way", Known::Unbiased, |game| surprise(game, 0.5, 0.0..1.01)),
            ("half-way, held below 0.2", Known::Unbiased, |game| surprise(game, 0.5, 0.0..0.2)),
            ("half-way, held 0.2 to 0.4", Known::Unbiased, |game| surprise(game, 0.5, 0.2..0.4)),
            ("half-way, held 0.4 to 0.6", Known::Unbiased, |game| surprise(game, 0.5, 0.4..0.6)),
            ("half-way, held 0.6 to 0.8", Known::Unbiased, |game| surprise(game, 0.5, 0.6..0.8)),
            ("half-way, held 0.8 and above", Known::Unbiased, |game| surprise(game, 0.5, 0.8..1.01)),
            ("all other markets, first price", Known::Unbiased, others),
            ("moves beyond the news", Known::Unbiased, restless),
        ],
    )
}

/// By how much more often than held likely the first outcome of the main market came, of prices `held` so at this part
/// of the game.
fn surprise(game: &Watched, at: f64, range: std::ops::Range<f64>) -> Option<f64> {
    let market = game.main_market();
    let came = has_won(market, 0)?;
    let (begin, end) = game.span()?;
    let until = begin + (end - begin) * at;
    let (_, offer) = game.offers(&market.key).take_while(|(seconds, _)| *seconds <= until).last()?;
    let likely = held(offer, 0)?;
    range.contains(&likely).then_some(yes(came) - likely)
}

/// By how much more often than held likely, when they were first priced, the first outcomes of the other markets came;
/// on average over a game's markets.
fn others(game: &Watched) -> Option<f64> {
    let main = &game.main_market().key;
    let (mut sum, mut count) = (0.0, 0.0);
    for market in game.event.markets.iter().filter(|market| market.key != *main) {
        let first = game.offers(&market.key).next();
        if let (Some(came), Some(likely)) = (has_won(market, 0), first.and_then(|(_, offer)| held(offer, 0)))
        {
            sum += yes(came) - likely;
            count += 1.0;
        }
    }
    (count > 0.0).then(|| sum / count)
}

/// The squares of all moves of the main market's first price, less the uncertainty that they took away.
fn restless(game: &Watched) -> Option<f64> {
    let market = game.main_market();
    let came = yes(has_won(market, 0)?);
    let mut prices = game.offers(&market.key).filter_map(|(_, offer)| held(offer, 0));
    let first = prices.next()?;
    let (mut last, mut moves) = (first, 0.0);
    for price in prices.chain([came]) {
        moves += (price - last) * (price - last);
        last = price;
    }
    Some(moves - first * (1.0 - first))
}
