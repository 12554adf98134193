//! What is known of a figure, and what may therefore be expected of so many games: 95 % intervals.
//!
//! The world and the source are two samples of what is held to be one distribution. So the interval allows for both: the
//! source may be a single game, and the report may play few.

/// Standard deviations on either side of the mean within which 95 % of a normal distribution lie.
const Z: f64 = 1.96;

/// Counts below this are so few that the normal law says nothing of them.
const FEW: f64 = 10.0;

/// What a source says of a figure.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// The mean of `n` observations, and their standard deviation.
    Mean { mean: f64, deviation: f64, n: u32 },
    /// The mean of `n` observations whose deviation is not told: that of the world's takes its place.
    Average { mean: f64, n: u32 },
    /// The part of `n` observations of which something is true.
    Share { share: f64, n: u32 },
    /// How often something was counted in `games` games; counts vary as Poisson's do.
    Count { count: f64, games: u32 },
    /// How far `n` observations are from their mean: the standard deviation.
    Spread { deviation: f64, n: u32 },
    /// Bounds that the source gives itself.
    Between { low: f64, high: f64 },
    /// Nothing but chance: differences from what was forecast have a mean of zero.
    Unbiased,
}

/// From where to where, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lowest value expected.
    pub low: f64,
    /// The highest value expected.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    fn around(mean: f64, error: f64) -> Self {
        Self { low: mean - Z * error, high: mean + Z * error }
    }
}

/// Observations, as far as their mean and their deviation go (Welford's way, which loses no digits).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Sample {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.size();
        self.squares += before * (value - self.mean);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    #[expect(clippy::cast_precision_loss, reason = "games are few")]
    fn size(&self) -> f64 {
        self.count as f64
    }

    fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.size() - 1.0)).sqrt() }
    }
}

impl Known {
    /// The figure, as it came out.
    pub(super) fn measured(self, sample: &Sample) -> Option<f64> {
        match self {
            _ if sample.count == 0 => None,
            Self::Spread { .. } => Some(sample.deviation()),
            _ => Some(sample.mean),
        }
    }

    /// What was to be expected of a sample of this size.
    pub(super) fn interval(self, sample: &Sample) -> Interval {
        let ours = sample.size().max(1.0);
        let both = |n: u32| (1.0 / f64::from(n) + 1.0 / ours).sqrt();
        match self {
            Self::Mean { mean, deviation, n } => Interval::around(mean, deviation * both(n)),
            Self::Average { mean, n } => Interval::around(mean, sample.deviation() * both(n)),
            Self::Share { share, n } => Interval::around(share, (share * (1.0 - share)).sqrt() * both(n)),
            Self::Count { count, games } if count < FEW => {
                let mean = count / f64::from(games);
                let ours = Z * Z * mean / ours;
                let [low, high] = rates_of(count).map(|rate| rate / f64::from(games) - mean);
                let [low, high] = [low, high].map(|off| (off * off + ours).sqrt());
                Interval { low: (mean - low).max(f64::MIN_POSITIVE), high: mean + high }
            }
            Self::Count { count, games } => {
                let mean = count / f64::from(games);
                Interval::around(mean, mean.sqrt() * both(games))
            }
            Self::Spread { deviation, n } => {
                Interval::around(deviation, deviation * both(n) / std::f64::consts::SQRT_2)
            }
            Self::Between { low, high } => Interval { low, high },
            Self::Unbiased => Interval::around(0.0, sample.deviation() / ours.sqrt()),
        }
    }
}

/// The rates of a Poisson law between which the one lies, in 95 of 100 cases, of which so many were counted: below, so many or
/// more would be seen in 2.5 of 100 cases, above, so many or fewer (Garwood, Biometrika 28, 1936).
fn rates_of(count: f64) -> [f64; 2] {
    const TAIL: f64 = 0.025;
    // The sum of a law's first terms falls as its rate rises.
    let solve = |most: f64, part: f64| {
        let (mut low, mut high) = (0.0, 10.0 * FEW);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            *(if at_most(most, middle) > part { &mut low } else { &mut high }) = middle;
        }
        (low + high) / 2.0
    };
    [solve(count - 1.0, 1.0 - TAIL), solve(count, TAIL)]
}

/// How likely a Poisson law of this rate gives so many at most.
fn at_most(most: f64, rate: f64) -> f64 {
    let (mut term, mut sum, mut number) = ((-rate).exp(), 0.0, 0.0);
    while number <= most {
        sum += term;
        number += 1.0;
        term *= rate / number;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_few_that_were_counted_none_is_not_among_what_may_be_expected() {
        // The table of Garwood's paper: of 2 from 0.242 to 7.22, of 9 from 4.12 to 17.1.
        for (count, low, high) in [(2.0, 0.242, 7.225), (9.0, 4.115, 17.085)] {
            let [from, to] = rates_of(count);
            assert!((from - low).abs() < 1e-3 && (to - high).abs() < 1e-3, "{count}: {from} to {to}");
        }
        let known = Known::Count { count: 2.0, games: 1 };
        assert!(!known.interval(&sample(&[0.0; 1_000])).contains(0.0), "a world without any is a miss");
    }

    fn sample(values: &[f64]) -> Sample {
        values.iter().fold(Sample::default(), |mut sample, value| {
            sample.add(*value);
            sample
        })
    }

    #[test]
    fn an_interval_allows_for_the_source_and_for_the_games() {
        let many = sample(&[1.0; 100]);
        let Interval { low, high } = Known::Mean { mean: 2.0, deviation: 1.0, n: 100 }.interval(&many);
        assert!((low - (2.0 - 1.96 * 0.02_f64.sqrt())).abs() < 1e-9 && (high + low - 4.0).abs() < 1e-9);
        let few = Known::Mean { mean: 2.0, deviation: 1.0, n: 100 }.interval(&sample(&[1.0; 4]));
        assert!(few.low < low && few.high > high);
        let Interval { low, high } = Known::Count { count: 16.0, games: 1 }.interval(&many);
        assert!(low > 8.0 && low < 8.2 && high > 23.8 && high < 24.0, "{low} to {high}");
    }

    #[test]
    fn a_sample_has_the_mean_and_the_deviation_of_its_values() {
        let sample = sample(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(Known::Unbiased.measured(&sample), Some(5.0));
        let spread = Known::Spread { deviation: 2.0, n: 8 }.measured(&sample).unwrap();
        assert!((spread - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Known::Unbiased.measured(&Sample::default()), None);
    }
}
