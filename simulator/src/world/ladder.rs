//! From a probability to odds that a bookmaker would show: a margin, then the next lower step of a ladder.

use domain::Odds;
use domain::market::Millionths;

/// By how much the odds' inverses sum to more than one, before rounding: 5 %.
const MARGIN: f64 = 0.05;
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

/// Two outcomes of which one happens: their probabilities and odds, given the first one's probability.
pub(super) fn two_way(first: f64) -> [(Millionths, Odds); 2] {
    let first = first.clamp(CHANCE_MIN, 1.0 - CHANCE_MIN);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1,000,000")]
    let millionths = (first * 1_000_000.0) as u32;
    let share = |millionths| Millionths::new(millionths).expect("a clamped probability is at most one");
    [(share(millionths), odds(first)), (share(1_000_000 - millionths), odds(1.0 - first))]
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
        for percent in 0..=1_000 {
            let [(home, home_odds), (away, away_odds)] = two_way(f64::from(percent) / 1_000.0);
            assert_eq!(home.get() + away.get(), 1_000_000);
            let inverse = |odds: Odds| 1_000.0 / f64::from(odds.thousandths());
            let book = inverse(home_odds) + inverse(away_odds);
            assert!(
                (1.0..1.08).contains(&book),
                "{percent} per mille: {home_odds} and {away_odds} make {book}"
            );
        }
    }
}
