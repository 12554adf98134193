//! Functions of chance by the four basic operations only: the system's own differ in the last bit from machine to
//! machine.

/// One through the square root of twice π.
const NORMAL_PEAK: f64 = 0.398_942_280_401_432_7;
/// Beyond so many standard deviations nothing is held possible.
const NORMAL_MAX: f64 = 8.0;

/// e to the power of -`x`, for 0 ≤ `x` ≤ 50: the series for a 64th of it, squared six times.
pub(super) fn exp_of_minus(x: f64) -> f64 {
    let part = -x / 64.0;
    let mut sum = 1.0;
    for n in (1..=12_u32).rev() {
        sum = 1.0 + sum * part / f64::from(n);
    }
    (0..6).fold(sum, |power, _| power * power)
}

/// How likely 0, 1, 2, … are where `mean` are expected and each comes by itself. The last one stands for itself
/// and all above it.
pub(super) fn poisson<const N: usize>(mean: f64) -> [f64; N] {
    let mut likely = [0.0; N];
    let mut term = exp_of_minus(mean);
    let mut rest = 1.0;
    for (count, slot) in (1_u32..).zip(&mut likely) {
        *slot = term;
        rest -= term;
        term *= mean / f64::from(count);
    }
    likely[N - 1] += rest.max(0.0);
    likely
}

/// How likely a normally distributed number is less than `x` standard deviations above its mean, to 7.5e-8: formula
/// 26.2.17 of Abramowitz and Stegun, "Handbook of Mathematical Functions".
pub(super) fn normal_below(x: f64) -> f64 {
    let far = if x < 0.0 { -x } else { x };
    if far >= NORMAL_MAX {
        return if x < 0.0 { 0.0 } else { 1.0 };
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * far);
    let factors = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let series = factors.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    let beyond = NORMAL_PEAK * exp_of_minus(far * far / 2.0) * series;
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_library_to_a_billionth() {
        for tenth in 0..=200 {
            let x = f64::from(tenth) / 10.0;
            assert!((exp_of_minus(x) - (-x).exp()).abs() < 1e-12, "at {x}");
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        for mean in [0.0, 0.1, 2.5, 7.0] {
            assert!((poisson::<14>(mean).iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        let table =
            [(0.0, 0.5), (0.5, 0.691_462_46), (1.0, 0.841_344_75), (1.96, 0.975_002_1), (3.0, 0.998_650_1)];
        for (x, below) in table {
            assert!((normal_below(x) - below).abs() < 1e-7, "at {x}");
            assert!((normal_below(-x) - (1.0 - below)).abs() < 1e-7, "at -{x}");
        }
        assert!(normal_below(-9.0) < 1e-12 && normal_below(9.0) > 1.0 - 1e-12);
    }
}
