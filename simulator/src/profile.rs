//! Profiles: how the messages of a run are spread over its time.
//!
//! A world spreads its messages evenly. A profile moves them: of a schedule it makes another with the same messages in the
//! same order, its rate rising and falling, its mean and its end what they were. Numbers come from the four basic operations
//! only, so the same profile moves a message to the same nanosecond on every machine.

use std::f64::consts::PI;

use crate::recording::Counts;

/// Into how many parts of equal rate a run is divided where the rate changes continuously.
const SLICES: u32 = 2_000;
/// How often an interval is halved until its ends are one number.
const HALVINGS: u32 = 100;
/// The most parts that may be given.
pub const PARTS_MAX: usize = 10_000;

/// How the rate goes, beside its mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// The same all the time.
    Constant,
    /// Straight from one rate to another; only their ratio counts.
    Ramp {
        /// At the beginning.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// Parts of equal length, each with a rate of its own; only their ratios count.
    Steps(Vec<f64>),
    /// As a recording went, its time stretched or shrunk to the run's.
    Recorded(Counts),
    /// Up and down about the mean.
    Sine {
        /// From one peak to the next, in seconds.
        period_seconds: f64,
        /// How far it goes from the mean, as a part of it: 0 to 1.
        depth: f64,
    },
    /// After each goal, or what is one in the sport, so many times the rate for so long.
    Bursts {
        /// How many times the rate.
        times: f64,
        /// How long.
        seconds: f64,
    },
}

/// Moves moments of a run: a rising broken line through these points.
#[derive(Debug, Clone, PartialEq)]
pub struct Warp {
    /// Moments as a world has them, in nanoseconds, rising, from 0 to the run's end; none where nothing is moved.
    from: Vec<f64>,
    /// Where each of them goes; the first and the last stay.
    to: Vec<f64>,
}

impl Profile {
    /// What it makes of a run of this length; `None` where that depends on what happens, see [`Profile::after`].
    #[must_use]
    pub fn warp(&self, duration_ns: u64) -> Option<Warp> {
        let slices = |rate: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..SLICES).map(|slice| rate((f64::from(slice) + 0.5) / f64::from(SLICES))).collect()
        };
        let rates = match self {
            Self::Constant => return Some(Warp { from: Vec::new(), to: Vec::new() }),
            Self::Ramp { from, to } => slices(&|at| from + (to - from) * at),
            Self::Steps(rates) => rates.clone(),
            Self::Recorded(counts) => return Some(Warp::of_counts(counts, duration_ns)),
            Self::Sine { period_seconds, depth } => {
                let periods = nanoseconds(duration_ns) / (period_seconds * 1e9);
                slices(&|at| 1.0 + depth * sine(at * periods))
            }
            Self::Bursts { .. } => return None,
        };
        Some(Warp::of_rates(&rates, duration_ns))
    }

    /// What it makes of the messages about one event in which these moments, in nanoseconds and rising, are goals.
    #[must_use]
    pub fn after(&self, goals_ns: &[u64], duration_ns: u64) -> Option<Warp> {
        let Self::Bursts { times, seconds } = self else { return self.warp(duration_ns) };
        let end = nanoseconds(duration_ns);
        let goals: Vec<f64> = goals_ns.iter().map(|goal| nanoseconds(*goal).min(end)).collect();
        Some(Warp::of_bursts(&goals, *times, seconds * 1e9, end))
    }
}

impl Warp {
    /// Parts of a run, equally long once it is moved, each with its rate.
    fn of_rates(rates: &[f64], duration_ns: u64) -> Self {
        let end = nanoseconds(duration_ns);
        let total: f64 = rates.iter().sum();
        let count = f64::from(u32::try_from(rates.len()).unwrap_or(u32::MAX));
        let (mut from, mut to) = (vec![0.0], vec![0.0]);
        let (mut share, mut part) = (0.0, 0.0);
        for rate in rates {
            share += rate;
            part += 1.0;
            from.push(end * share / total);
            to.push(end * part / count);
        }
        Self { from, to }
    }

    /// A run whose messages lie in its time as a recording's did in its own.
    fn of_counts(counts: &Counts, duration_ns: u64) -> Self {
        let Counts { messages, part_ns, length_ns } = counts;
        let (end, length) = (nanoseconds(duration_ns), nanoseconds(*length_ns));
        let total = nanoseconds(messages.iter().sum());
        let (mut from, mut to) = (vec![0.0], vec![0.0]);
        let (mut counted, mut passed) = (0, 0);
        for messages in messages {
            counted += messages;
            passed = length_ns.min(&(passed + part_ns)).to_owned();
            from.push(end * nanoseconds(counted) / total);
            to.push(end * nanoseconds(passed) / length);
        }
        Self { from, to }
    }

    /// A run in which each of these moments of the world is followed by so many times the rate: for `length` of the run's own
    /// time, or up to the next one, or to the end.
    fn of_bursts(goals: &[f64], times: f64, length: f64, end: f64) -> Self {
        // The slower it goes between bursts, the longer all of it takes: so one rate there makes it end when it is to.
        let (mut low, mut high) = (times.min(1.0 / times), times.max(1.0 / times));
        for _ in 0..HALVINGS {
            let base = (low + high) / 2.0;
            let takes = Self::with_base(goals, times, length, end, base).to.last().copied();
            *(if takes > Some(end) { &mut low } else { &mut high }) = base;
        }
        let mut warp = Self::with_base(goals, times, length, end, high);
        for moment in &mut warp.to {
            *moment = moment.min(end);
        }
        if let Some(last) = warp.to.last_mut() {
            *last = end;
        }
        warp
    }

    /// The same with this rate between bursts, a part of the mean; it ends when it does.
    fn with_base(goals: &[f64], times: f64, length: f64, end: f64, base: f64) -> Self {
        let first = goals.first().copied().unwrap_or(end);
        let (mut from, mut to) = (vec![0.0, first], vec![0.0, first / base]);
        for (index, goal) in goals.iter().enumerate() {
            let next = goals.get(index + 1).copied().unwrap_or(end);
            let burst = (length * times * base).min(next - goal);
            let over = to[to.len() - 1] + burst / (times * base);
            from.extend([goal + burst, next]);
            to.extend([over, over + (next - goal - burst) / base]);
        }
        Self { from, to }
    }

    /// Where a moment goes, in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the end")]
    pub fn of(&self, moment_ns: u64) -> u64 {
        let moment = nanoseconds(moment_ns);
        let after = self.from.partition_point(|from| *from <= moment);
        let (Some(before), true) = (after.checked_sub(1), after < self.from.len()) else {
            return moment_ns;
        };
        let width = self.from[after] - self.from[before];
        let part = if width > 0.0 { (moment - self.from[before]) / width } else { 0.0 };
        (self.to[before] + part * (self.to[after] - self.to[before])) as u64
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for a hundred days")]
fn nanoseconds(ns: u64) -> f64 {
    ns as f64
}

/// The sine of so many turns, to 0.002: the approximation of Bhaskara I, which needs the four basic operations only.
fn sine(turns: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "runs have fewer turns than that")]
    let whole = turns as i32;
    let turn = turns - f64::from(whole);
    let (x, sign) = if turn < 0.5 { (turn, 1.0) } else { (turn - 0.5, -1.0) };
    let x = x * 2.0 * PI;
    sign * 16.0 * x * (PI - x) / (5.0 * PI * PI - 4.0 * x * (PI - x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const END: u64 = 100 * SECOND;

    /// How many of 100,000 messages, spread evenly at first, go out within each tenth of the run.
    fn tenths(warp: &Warp) -> Vec<u64> {
        let mut tenths = vec![0; 10];
        for index in 0..100_000_u64 {
            let at = warp.of(END / 100_000 * index);
            tenths[usize::try_from(at * 10 / END).unwrap()] += 1;
        }
        tenths
    }

    fn is_near(found: &[u64], expected: &[u64], within: u64) {
        let far = found.iter().zip(expected).any(|(found, expected)| found.abs_diff(*expected) > within);
        assert!(!far, "{found:?} is not {expected:?}");
    }

    #[test]
    fn a_constant_rate_moves_nothing() {
        let warp = Profile::Constant.warp(END).unwrap();
        assert!((0..=100).all(|second| warp.of(second * SECOND) == second * SECOND));
    }

    #[test]
    fn a_ramp_rises_evenly_and_keeps_the_mean() {
        let warp = Profile::Ramp { from: 0.0, to: 200.0 }.warp(END).unwrap();
        let expected: Vec<u64> = (0..10).map(|tenth| 1_000 + 2_000 * tenth).collect();
        is_near(&tenths(&warp), &expected, 20);
    }

    #[test]
    fn steps_have_their_ratios() {
        let warp = Profile::Steps(vec![1.0, 4.0, 0.0, 3.0, 2.0]).warp(END).unwrap();
        let expected = [5, 5, 20, 20, 0, 0, 15, 15, 10, 10].map(|thousands| thousands * 1_000);
        is_near(&tenths(&warp), &expected, 2);
    }

    #[test]
    fn a_recorded_day_is_as_busy_as_it_was_whatever_its_length() {
        let counts = Counts { messages: vec![10, 40, 0, 25], part_ns: 20, length_ns: 70 };
        let warp = Profile::Recorded(counts).warp(END).unwrap();
        // In sevenths: two with 10, two with 40, two with nothing, one with 25.
        let mut sevenths = vec![0; 7];
        for index in 0..75_000_u64 {
            sevenths[usize::try_from(warp.of(END / 75_000 * index) * 7 / END).unwrap()] += 1;
        }
        is_near(&sevenths, &[5_000, 5_000, 20_000, 20_000, 0, 0, 25_000], 2);
        assert_eq!((warp.of(0), warp.of(END)), (0, END));
    }

    #[test]
    fn a_sine_swings_about_the_mean() {
        let warp = Profile::Sine { period_seconds: 20.0, depth: 0.5 }.warp(END).unwrap();
        let half = 10_000.0 * 0.5 * 2.0 / PI;
        let (high, low) = ((10_000.0 + half) as u64, (10_000.0 - half) as u64);
        is_near(&tenths(&warp), &[[high, low]; 5].concat(), 60);
        for tenth in 0..40 {
            let turns = f64::from(tenth) / 10.0;
            assert!((sine(turns) - (turns * 2.0 * PI).sin()).abs() < 0.002, "at {turns}");
        }
    }

    #[test]
    fn after_a_goal_come_so_many_times_as_many() {
        let bursts = Profile::Bursts { times: 8.0, seconds: 2.0 };
        assert!(bursts.warp(END).is_none());
        let warp = bursts.after(&[30 * SECOND, 60 * SECOND], END).unwrap();
        let rate = |at: u64| 1.0 / (warp.of(at + SECOND) - warp.of(at)) as f64;
        let ratio = rate(31 * SECOND) / rate(5 * SECOND);
        assert!((ratio - 8.0).abs() < 0.01, "{ratio}");
        assert!((rate(50 * SECOND) / rate(5 * SECOND) - 1.0).abs() < 0.01);
        assert_eq!((warp.of(0), warp.of(END)), (0, END));
        assert!((0..1_000).all(|step| warp.of(step * END / 1_000) <= warp.of((step + 1) * END / 1_000)));
        let without = bursts.after(&[], END).unwrap();
        assert_eq!(without.of(7 * SECOND), 7 * SECOND);
    }

    #[test]
    fn a_burst_lasts_as_long_as_it_says_after_every_goal() {
        let goals = [20, 40, 55, 75, 95, 110].map(|second| second * SECOND);
        let end = 120 * SECOND;
        let warp = Profile::Bursts { times: 8.0, seconds: 3.0 }.after(&goals, end).unwrap();
        let rate = |at: u64| 1e6 / (warp.of(at + 1_000_000) - warp.of(at)) as f64;
        let calm = rate(SECOND);
        // Five bursts are whole; the sixth lasts up to the end, for what is left of the game is told within it.
        let expected = (110.0 + 10.0 / 8.0) / (120.0 + 5.0 * 7.0 * 3.0);
        assert!((calm - expected).abs() < 0.001, "{calm} is not {expected}");
        let burst = (8.0 * calm * 3.0 * 1e9) as u64;
        for goal in goals.into_iter().filter(|goal| goal + burst < end) {
            let length = warp.of(goal + burst) - warp.of(goal);
            assert!(length.abs_diff(3 * SECOND) < 1_000_000, "{length} ns after {goal}");
            assert!((rate(goal + SECOND) / calm - 8.0).abs() < 0.01, "after {goal}");
            assert!((rate(goal + burst + SECOND) / calm - 1.0).abs() < 0.01, "after {goal}");
            assert!((rate(goal - SECOND) / calm - 1.0).abs() < 0.01, "before {goal}");
        }
        assert_eq!((warp.of(0), warp.of(end)), (0, end));
    }

    #[test]
    fn goals_at_the_same_moment_and_at_the_end_break_nothing() {
        let bursts = Profile::Bursts { times: 8.0, seconds: 5.0 };
        let warp = bursts.after(&[10 * SECOND, 10 * SECOND, END], END).unwrap();
        assert_eq!((warp.of(0), warp.of(END)), (0, END));
        assert!((0..1_000).all(|step| warp.of(step * END / 1_000) <= warp.of((step + 1) * END / 1_000)));
    }
}
