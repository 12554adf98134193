//! Functions of chance by the four basic operations only: the system's own differ in the last bit from machine to
//! machine.

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
}
