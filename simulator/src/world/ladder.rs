//! From a probability to odds that a bookmaker would show: a margin, then the next lower step of a ladder. And whether they
//! still are what a bookmaker would show.

use domain::market::Millionths;
use domain::{Odds, Outcome};

use super::game::Chances;

/// By how much the odds' inverses sum to more than one, before rounding: 4.5 %.
const MARGIN: f64 = 0.045;
/// A probability nearer to certainty than this is priced as this: no outcome is offered as good as decided.
const CHANCE_MIN: f64 = 0.02;

/// The steps between odds, in thousandths: below each bound they are this far apart. The steps of betting
/// exchanges, which bookmakers' odds follow.
const STEPS: [(u32, u32); 8] = [
    (2_000, 10),
    (3_000, 20),
    (4_000, 50),
    (6_000, 100),
    (10_000, 200),
    (20_000, 500),
    (30_000, 1_000),
    (u32::MAX, 2_000),
];
const LOWEST_THOUSANDTHS: u32 = 1_010;
/// What a stake may be worth at most before odds are told anew. Where none is worth more than itself, however markets are
/// taken together, no bets on them win whatever happens; the little below it is for what models round.
const WORTH_MAX: f64 = 0.995;

/// The probabilities and odds of a market's outcomes.
pub(super) fn book(chances: Chances) -> Vec<(Millionths, Odds)> {
    match chances {
        Chances::Two(first) => priced([first, 1.0 - first]).into(),
        Chances::Three(first, second) => priced([first, second, 1.0 - first - second]).into(),
        Chances::Many(chances) => priced(chances).into(),
    }
}

/// Whether a stake on one of a market's outcomes is worth too much by now, at the odds on offer. The lowest odds never are:
/// what else there is to bet on costs more than they bring.
pub(super) fn is_too_good(chances: Chances, outcomes: &[Outcome]) -> bool {
    let is = |chances: &[f64]| {
        chances.iter().zip(outcomes).any(|(chance, outcome)| {
            let thousandths = outcome.odds.map_or(0, Odds::thousandths);
            thousandths > LOWEST_THOUSANDTHS && chance * f64::from(thousandths) > 1_000.0 * WORTH_MAX
        })
    };
    match chances {
        Chances::Two(first) => is(&[first, 1.0 - first]),
        Chances::Three(first, second) => is(&[first, second, 1.0 - first - second]),
        Chances::Many(chances) => is(&chances),
    }
}

/// Brings outcomes of which one happens away from certainty, and prices them: what the unlikely ones get more, the
/// likeliest gets less.
fn priced<const N: usize>(mut chances: [f64; N]) -> [(Millionths, Odds); N] {
    let likeliest = (0..N).fold(0, |most, place| if chances[place] > chances[most] { place } else { most });
    let others = (0..N).filter(|&place| place != likeliest);
    chances[likeliest] = others.fold(1.0, |rest, place| {
        chances[place] = chances[place].max(CHANCE_MIN);
        rest - chances[place]
    });
    let mut shares = chances.map(in_millionths);
    shares[N - 1] = 1_000_000 - shares[..N - 1].iter().sum::<u32>();
    let share = |millionths| Millionths::new(millionths).expect("a part of one");
    std::array::from_fn(|place| (share(shares[place]), odds(chances[place])))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1,000,000")]
fn in_millionths(chance: f64) -> u32 {
    (chance * 1_000_000.0) as u32
}

/// The odds for a probability of at least [`CHANCE_MIN`].
fn odds(chance: f64) -> Odds {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "odds are small and above zero"
    )]
    let fair_thousandths = (1_000.0 / (chance * (1.0 + MARGIN))) as u32;
    Odds::from_thousandths(step_down(fair_thousandths)).expect("the ladder lies within what odds may be")
}

fn step_down(thousandths: u32) -> u32 {
    let step = STEPS.iter().find(|(below, _)| thousandths < *below).map_or(2_000, |(_, step)| *step);
    (thousandths - thousandths % step).max(LOWEST_THOUSANDTHS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_stand_on_the_ladder_at_or_below_the_price() {
        let steps = [
            (1_000, 1_010),
            (1_857, 1_850),
            (2_019, 2_000),
            (2_021, 2_020),
            (5_190, 5_100),
            (47_619, 46_000),
        ];
        for (price, step) in steps {
            assert_eq!(step_down(price), step);
        }
    }

    #[test]
    fn the_book_is_never_below_one_nor_far_above_its_margin() {
        let inverse = |odds: Odds| 1_000.0 / f64::from(odds.thousandths());
        let check = |chances, bound: f64| {
            let prices = book(chances);
            assert_eq!(prices.iter().map(|(share, _)| share.get()).sum::<u32>(), 1_000_000);
            let book: f64 = prices.iter().map(|(_, odds)| inverse(*odds)).sum();
            assert!((1.0..bound).contains(&book), "{chances:?} make {book}: {prices:?}");
        };
        for first in 0..=100 {
            let first = f64::from(first) / 100.0;
            check(Chances::Two(first), 1.08);
            for second in 0..=100 {
                check(Chances::Three(first, (1.0 - first) * f64::from(second) / 100.0), 1.10);
            }
        }
    }
}
