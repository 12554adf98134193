//! The search for the highest rate that holds: doubled until one does not, then what lies between is halved.

use serde::{Deserialize, Serialize};

/// Where it is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The first rate, in messages a second.
    pub from: u32,
    /// No higher rate is tried.
    pub most: u32,
    /// It ends where the lowest rate that did not hold is higher than the highest that did by no more than this share of it.
    pub resolution: f64,
}

/// What came of a run at some rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Every gate held.
    Held,
    /// One did not.
    Missed,
    /// What the pipeline does at this rate is not known: the generator was late, or nothing was looked at of something.
    Unknown,
}

/// How far a search has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    bounds: Bounds,
    held: Option<u32>,
    missed: Option<(u32, Answer)>,
    /// A rate that did not hold once: believed where it does not a second time.
    doubted: Option<u32>,
}

impl Search {
    /// Nothing has been tried yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, held: None, missed: None, doubted: None }
    }

    /// The rate to try; `None` where nothing is left to be learnt.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        if self.doubted.is_some() {
            return self.doubted;
        }
        let Bounds { from, most, resolution } = self.bounds;
        match (self.held, self.missed) {
            (None, None) => Some(from.min(most)),
            (None, Some(_)) => None,
            (Some(held), None) => (held < most).then(|| held.saturating_mul(2).min(most)),
            (Some(held), Some((missed, _))) => {
                let between = missed.saturating_sub(held);
                let is_wide = f64::from(between) > f64::from(held) * resolution;
                (is_wide && between > 1).then_some(held + between / 2)
            }
        }
    }

    /// Whether the next rate has been tried, and did not hold.
    #[must_use]
    pub fn is_repeating(&self) -> bool {
        self.doubted.is_some()
    }

    /// The rate that was to be tried next came to this.
    pub fn note(&mut self, answer: Answer) {
        let Some(rate) = self.next() else { return };
        let is_second = self.doubted.take().is_some();
        match answer {
            Answer::Held => self.held = Some(rate),
            Answer::Missed | Answer::Unknown if is_second => self.missed = Some((rate, answer)),
            Answer::Missed | Answer::Unknown => self.doubted = Some(rate),
        }
    }

    /// The highest rate that held; `None` before one has.
    #[must_use]
    pub fn held(&self) -> Option<u32> {
        self.held
    }

    /// The lowest rate that did not hold, twice, and what came of it the second time.
    #[must_use]
    pub fn missed(&self) -> Option<(u32, Answer)> {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const BOUNDS: Bounds = Bounds { from: 250, most: 64_000, resolution: 0.05 };

    /// Searches a system that answers so; every rate that was asked for, in order.
    fn search(bounds: Bounds, mut answer: impl FnMut(u32) -> Answer) -> (Search, Vec<u32>) {
        let (mut search, mut asked) = (Search::new(bounds), Vec::new());
        while let Some(rate) = search.next() {
            asked.push(rate);
            assert!(asked.len() < 100, "it ends: {asked:?}");
            search.note(answer(rate));
        }
        (search, asked)
    }

    #[test]
    fn rates_are_doubled_then_halved_between_and_what_does_not_hold_is_repeated() {
        let system = |rate| if rate <= 1_300 { Answer::Held } else { Answer::Missed };
        let (found, asked) = search(BOUNDS, system);
        assert_eq!(asked, [250, 500, 1_000, 2_000, 2_000, 1_500, 1_500, 1_250, 1_375, 1_375, 1_312, 1_312]);
        assert_eq!((found.held(), found.missed()), (Some(1_250), Some((1_312, Answer::Missed))));
    }

    #[test]
    fn one_failure_alone_is_not_believed() {
        let mut failed = false;
        let (found, asked) = search(Bounds { most: 1_000, ..BOUNDS }, |rate| {
            let is_first = rate == 500 && !std::mem::replace(&mut failed, rate == 500);
            if is_first { Answer::Missed } else { Answer::Held }
        });
        assert_eq!(asked, [250, 500, 500, 1_000]);
        assert_eq!((found.held(), found.missed()), (Some(1_000), None), "no more was asked for");
    }

    #[test]
    fn where_the_lowest_rate_does_not_hold_nothing_is_found() {
        let (found, asked) = search(BOUNDS, |_| Answer::Unknown);
        assert_eq!(asked, [250, 250]);
        assert_eq!((found.held(), found.missed()), (None, Some((250, Answer::Unknown))));
    }

    #[test]
    fn a_late_generator_is_told_from_a_missed_gate() {
        let system = |rate| match rate {
            ..=900 => Answer::Held,
            901..=1_500 => Answer::Missed,
            _ => Answer::Unknown,
        };
        let (found, _) = search(BOUNDS, system);
        assert!(matches!(found.missed(), Some((901..=950, Answer::Missed))), "{found:?}");
        let (found, _) = search(BOUNDS, |rate| if rate <= 900 { Answer::Held } else { Answer::Unknown });
        assert!(matches!(found.missed(), Some((901..=950, Answer::Unknown))), "{found:?}");
    }

    #[test]
    fn of_noisy_systems_the_capacity_is_found() {
        let mut off = Vec::new();
        for seed in 0..200 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let capacity = f64::from(random.random_range(600..20_000_u32));
            // From run to run it is another by some per cent, and one run in fifty is spoilt by something else.
            let (found, asked) = search(BOUNDS, |rate| {
                let noise: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
                let is_spoilt = random.random_range(0..50) == 0;
                let holds = f64::from(rate) <= capacity * (1.0 + 0.03 * noise) && !is_spoilt;
                if holds { Answer::Held } else { Answer::Missed }
            });
            assert!(asked.len() <= 28, "seed {seed}: {asked:?}");
            let (held, missed) = (found.held().unwrap(), found.missed().unwrap().0);
            assert!(held < missed && f64::from(missed - held) <= f64::from(held) * 0.05, "seed {seed}");
            off.push((f64::from(held) / capacity - 1.0, seed));
        }
        let far: Vec<_> = off.iter().filter(|(off, _)| off.abs() > 0.12).collect();
        assert!(far.len() <= 4, "of 200 these are off by more than an eighth: {far:?}");
    }
}
