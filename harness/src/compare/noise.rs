//! What repeating a run makes of a difference.
//!
//! Were both sides the same, any of their runs could as well have been on the other side. So they are dealt out anew in every way there
//! is, and each time it is seen how far apart the two sides come to be, in the figure in which they are furthest apart. What so many of
//! the deals stay below is noise. That takes nothing for granted of how figures are spread or hang together, and looking at many
//! figures makes no more false alarms than looking at one.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::float::count;

/// At most so many of the comparisons of equal builds may be called a regression.
pub(super) const FALSE_ALARMS: f64 = 0.05;
/// Half of them is left to what machines do from run to run, which no dealing sees.
const LEVEL: f64 = FALSE_ALARMS / 2.0;
/// How many runs of each side are enough for anybody.
pub(super) const REPEATS: usize = 5;
/// With more deals than these some are drawn.
const DEALS_MAX: usize = 1_000;
/// Repeats that agree better than so are taken to differ by that, as a share.
const SPREAD_LEAST: f64 = 0.005;

/// A figure of every run: logarithms, of which a higher one is worse.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
}

/// How far apart the logarithms of two sides come to be by repeating alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Floor(f64);

impl Floor {
    /// Such a share of a difference is none.
    pub(super) fn of_share(share: f64) -> Self {
        Self(share.ln_1p())
    }

    pub(super) fn share(self) -> f64 {
        self.0.exp_m1()
    }

    /// Whether a difference, as a share, lies within it.
    pub(super) fn holds(self, difference: f64) -> bool {
        difference.ln_1p().abs() <= self.0
    }
}

/// The floor of each figure; `None` where there are too few repeats to tell.
pub(super) fn floors(samples: &[Sample]) -> Option<Vec<Floor>> {
    let (before, after) = samples.first().map(|sample| (sample.before.len(), sample.after.len()))?;
    let deals = deals(before + after, after);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of deals")]
    let allowed = (count(deals.len() as u64) * LEVEL) as usize;
    if allowed == 0 {
        return None;
    }
    let all: Vec<Vec<f64>> =
        samples.iter().map(|sample| [&sample.before[..], &sample.after[..]].concat()).collect();
    let furthest = |deal: &Vec<bool>| {
        let apart = all.iter().map(|values| {
            let (difference, spread) = apart(values, deal);
            difference / spread
        });
        apart.fold(f64::NEG_INFINITY, f64::max)
    };
    let mut furthest: Vec<f64> = deals.iter().map(furthest).collect();
    furthest.sort_by(|one, other| other.total_cmp(one));
    let limit = furthest[allowed].max(0.0);
    let is_after: Vec<bool> = (0..before + after).map(|run| run >= before).collect();
    Some(all.iter().map(|values| Floor(limit * apart(values, &is_after).1)).collect())
}

/// By how much the mean of one part of the values is above that of the others, and how sure that is.
fn apart(values: &[f64], is_after: &[bool]) -> (f64, f64) {
    // Deviations from the mean of all: what is squared is small.
    let middle = values.iter().sum::<f64>() / count(values.len() as u64);
    let (mut squares, mut sums) = (0.0, [(0.0, 0.0); 2]);
    for (value, is_after) in values.iter().zip(is_after) {
        let (sum, number) = &mut sums[usize::from(*is_after)];
        let deviation = value - middle;
        (*sum, *number, squares) = (*sum + deviation, *number + 1.0, squares + deviation * deviation);
    }
    let [(before, runs_before), (after, runs_after)] = sums;
    let within = squares - before * before / runs_before - after * after / runs_after;
    let spread = (within.max(0.0) / (runs_before + runs_after - 2.0)).sqrt().max(SPREAD_LEAST);
    (after / runs_after - before / runs_before, spread * (1.0 / runs_before + 1.0 / runs_after).sqrt())
}

/// Every way to put so many of all the runs on one side; some of them, drawn by lot, where there are too many.
fn deals(all: usize, chosen: usize) -> Vec<Vec<bool>> {
    let number =
        (0..chosen).try_fold(1_usize, |number, index| Some(number.checked_mul(all - index)? / (index + 1)));
    if number.is_some_and(|number| number <= DEALS_MAX) {
        let mut deals = Vec::new();
        deal(&mut vec![false; all], 0, chosen, &mut deals);
        return deals;
    }
    // The same every time: who compares twice reads the same twice.
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut deal: Vec<bool> = (0..all).map(|run| run >= all - chosen).collect();
    let mut deals = vec![deal.clone()];
    deals.resize_with(DEALS_MAX, || {
        deal.shuffle(&mut random);
        deal.clone()
    });
    deals
}

fn deal(made: &mut Vec<bool>, from: usize, chosen: usize, deals: &mut Vec<Vec<bool>>) {
    if chosen == 0 {
        deals.push(made.clone());
        return;
    }
    for place in from..=made.len() - chosen {
        made[place] = true;
        deal(made, place + 1, chosen - 1, deals);
        made[place] = false;
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    /// Figures of so many runs, of which those from `changed` on are slowed down; each run is faster or slower as a whole, as real ones
    /// are, and each figure of its own.
    fn samples(
        seed: u64,
        (before, after): (usize, usize),
        figures: usize,
        slower: f64,
        changed: usize,
    ) -> Vec<Sample> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || (0..12).map(|_| random.random_range(-0.5..0.5)).sum::<f64>();
        let whole: Vec<f64> = (0..before + after).map(|_| 0.03 * normal()).collect();
        let figure = |figure: usize| {
            let run = |run: usize| {
                let is_slower = run >= before && figure >= changed;
                (100.0_f64).ln() + whole[run] + 0.04 * normal() + if is_slower { slower.ln_1p() } else { 0.0 }
            };
            let values: Vec<f64> = (0..before + after).map(run).collect();
            Sample { before: values[..before].to_vec(), after: values[before..].to_vec() }
        };
        let mut figure = figure;
        (0..figures).map(&mut figure).collect()
    }

    /// How many figures are beyond their floor and of account.
    fn worse(samples: &[Sample]) -> usize {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count(values.len() as u64);
        let is_worse = |(sample, floor): (&Sample, Floor)| {
            let difference = (mean(&sample.after) - mean(&sample.before)).exp_m1();
            difference > super::super::RELEVANT && !floor.holds(difference)
        };
        let floors = floors(samples).expect("repeats enough");
        samples.iter().zip(floors).filter(|pair| is_worse(*pair)).count()
    }

    #[test]
    fn of_equal_builds_few_are_called_a_regression() {
        for sides in [(5, 5), (4, 6)] {
            let alarms: Vec<u64> =
                (0..200).filter(|seed| worse(&samples(*seed, sides, 40, 0.0, 0)) > 0).collect();
            let share = count(alarms.len() as u64) / 200.0;
            assert!(share <= FALSE_ALARMS, "{sides:?}: {share}, seeds {alarms:?}");
        }
    }

    #[test]
    fn a_fifth_more_is_found_behind_a_noise_of_a_twentieth() {
        let found = (0..100).filter(|seed| worse(&samples(*seed, (5, 5), 40, 0.2, 20)) > 0).count();
        assert!(found >= 97, "{found} of 100");
        let alone = (0..100).filter(|seed| worse(&samples(*seed, (10, 10), 40, 0.2, 39)) == 1).count();
        assert!(alone >= 95, "a single figure of 40: {alone} of 100");
    }

    #[test]
    fn too_few_repeats_have_no_floor() {
        for sides in [(1, 1), (2, 2), (3, 3), (5, 1)] {
            assert_eq!(floors(&samples(1, sides, 3, 0.5, 0)), None, "{sides:?}");
        }
        assert!(floors(&samples(1, (4, 4), 3, 0.5, 0)).is_some());
        assert_eq!(floors(&[]), None);
    }

    #[test]
    fn repeats_that_agree_to_the_digit_have_a_floor_all_the_same() {
        let sample = Sample { before: vec![1.0; 5], after: vec![1.1; 5] };
        let floor = floors(&[sample]).expect("repeats enough")[0];
        assert!(!floor.holds(0.1_f64.exp_m1()) && floor.holds(0.0), "{floor:?}");
    }

    #[test]
    fn runs_are_dealt_out_in_every_way_or_in_many() {
        assert_eq!(deals(10, 5).len(), 252);
        let all: std::collections::BTreeSet<Vec<bool>> = deals(8, 3).into_iter().collect();
        assert_eq!(all.len(), 56);
        assert!(all.iter().all(|deal| deal.iter().filter(|is_after| **is_after).count() == 3));
        let drawn = deals(30, 15);
        assert_eq!((drawn.len(), &drawn), (DEALS_MAX, &deals(30, 15)));
    }
}
