//! One number over time: what is kept of it, and what a screen's columns show of that.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::part::ProcessNumber;

/// For how long values are kept: the longest window that can be chosen.
pub const KEPT: Duration = Duration::from_secs(15 * 60);

/// Values kept at most, whatever the interval.
const POINTS_MAX: usize = 4096;

/// A value is taken to hold for so long where no other follows, at least.
const HOLDS_AT_LEAST: Duration = Duration::from_secs(3);

/// So many values that go one way, or rest, after others that did not are no chance.
const TURNED: usize = 4;

/// Values rest that differ by less than this part of what all differ by.
const RESTS: f64 = 0.05;

/// The values of the last quarter of an hour, each with when it was measured.
#[derive(Clone, Debug, Default)]
pub struct Series {
    points: VecDeque<(Duration, f64)>,
}

impl Series {
    /// Adds a value, measured later than those before.
    pub fn push(&mut self, at: Duration, value: f64) {
        let oldest = at.saturating_sub(KEPT);
        while self.points.front().is_some_and(|(at, _)| *at < oldest) || self.points.len() >= POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back((at, value));
    }

    /// Whether nothing was measured yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The last value, where it still holds.
    #[must_use]
    pub fn last(&self, now: Duration) -> Option<f64> {
        let (at, value) = self.points.back()?;
        (now.saturating_sub(*at) <= self.holds()).then_some(*value)
    }

    /// The values measured within the last `span`, oldest first.
    pub fn within(&self, now: Duration, span: Duration) -> impl Iterator<Item = (Duration, f64)> + '_ {
        let from = now.saturating_sub(span);
        let start = self.points.partition_point(|(at, _)| *at < from);
        self.points.range(start..).copied()
    }

    /// What the values of the last `span` add up to.
    #[must_use]
    pub fn sum(&self, now: Duration, span: Duration) -> Option<f64> {
        self.within(now, span).map(|(_, value)| value).reduce(|sum, value| sum + value)
    }

    /// The mean of the values of the last `span`.
    #[must_use]
    pub fn mean(&self, now: Duration, span: Duration) -> Option<f64> {
        let (count, sum) =
            self.within(now, span).fold((0_u32, 0.0), |(count, sum), (_, value)| (count + 1, sum + value));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// By how much it rises in a second: the least squares' line through the last `span`; where it has turned since, or come to rest,
    /// through what follows. What was said before nothing was said for a while is not looked at, nor the first value after that,
    /// which is of before. `None` of fewer than three values.
    #[must_use]
    pub fn slope(&self, now: Duration, span: Duration) -> Option<f64> {
        let from = now.saturating_sub(span);
        let begin = self.points.partition_point(|(at, _)| *at < from);
        // With the one before, for a silence may end where the span begins.
        let points = self.points.range(begin.saturating_sub(1)..);
        let values: Vec<(f64, f64)> = points.map(|(at, value)| (at.as_secs_f64(), *value)).collect();
        let holds = self.holds().as_secs_f64();
        let silence = values.windows(2).rposition(|pair| pair[1].0 - pair[0].0 > holds);
        let values = values.get(silence.map_or(begin.min(1), |silence| silence + 2)..)?;
        let last = &values[values.len().saturating_sub(TURNED)..];
        let has_turned = last.len() == TURNED && (goes_on(last) || range(last) < RESTS * range(values));
        if !has_turned {
            return line(values);
        }
        let one_way = |pair: &[(f64, f64)]| (pair[1].1 > pair[0].1) == (last[1].1 > last[0].1);
        let before = values.windows(2).rev().take_while(|pair| goes_on(last) && one_way(pair)).count();
        line(&values[values.len() - (before + 1).max(TURNED)..])
    }

    /// The last `span` in so many columns, oldest first: the mean of the values that fall into each; in one without any, the
    /// value before it for as long as that holds. `None` where nothing was measured.
    #[must_use]
    pub fn columns(&self, now: Duration, span: Duration, columns: usize) -> Vec<Option<f64>> {
        let (holds, from) = (self.holds(), now.saturating_sub(span).as_secs_f64());
        let width = span.as_secs_f64() / columns.max(1) as f64;
        let start_of = |column: usize| from + width * column as f64;
        let mut next = self.points.partition_point(|(at, _)| at.as_secs_f64() < from);
        let mut before = next.checked_sub(1).and_then(|index| self.points.get(index)).copied();
        let mut filled = Vec::with_capacity(columns);
        for column in 0..columns {
            let (mut count, mut sum) = (0.0, 0.0);
            while let Some((at, value)) = self.points.get(next).copied()
                && (at.as_secs_f64() < start_of(column + 1) || column + 1 == columns)
            {
                (count, sum, before, next) = (count + 1.0, sum + value, Some((at, value)), next + 1);
            }
            let held = before.filter(|(at, _)| start_of(column) - at.as_secs_f64() <= holds.as_secs_f64());
            filled.push(if count > 0.0 { Some(sum / count) } else { held.map(|(_, value)| value) });
        }
        filled
    }

    /// Three times as long as the values lie apart.
    fn holds(&self) -> Duration {
        let last = self.points.len().checked_sub(2).and_then(|index| self.points.range(index..).next());
        let apart = last.zip(self.points.back()).map(|((one, _), (other, _))| other.saturating_sub(*one));
        apart.map_or(HOLDS_AT_LEAST, |apart| (apart * 3).clamp(HOLDS_AT_LEAST, Duration::from_secs(60)))
    }
}

/// Whether each value is above the one before, or each below.
fn goes_on(values: &[(f64, f64)]) -> bool {
    let rises = |pair: &[(f64, f64)]| pair[1].1 > pair[0].1;
    let falls = |pair: &[(f64, f64)]| pair[1].1 < pair[0].1;
    values.windows(2).all(rises) || values.windows(2).all(falls)
}

/// From the lowest value to the highest.
fn range(values: &[(f64, f64)]) -> f64 {
    let all = || values.iter().map(|(_, value)| *value);
    all().fold(f64::MIN, f64::max) - all().fold(f64::MAX, f64::min)
}

/// The slope of the least squares' line through values at these seconds, where there are three.
fn line(values: &[(f64, f64)]) -> Option<f64> {
    let from = values.first()?.0;
    let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, value) in values {
        let seconds = at - from;
        n += 1.0;
        x += seconds;
        y += value;
        xx += seconds * seconds;
        xy += seconds * value;
    }
    let spread = n * xx - x * x;
    (n >= 3.0 && spread > 1e-9).then(|| (n * xy - x * y) / spread)
}

/// Makes rates of a counter's values, or of those of several processes, which add up.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    before: BTreeMap<ProcessNumber, (Duration, f64)>,
    /// What was added in a second.
    pub rate: Series,
    /// What was added since the value before.
    pub added: Series,
}

impl Counter {
    /// Takes the counter's value. One that is lower than the last is of a process that began anew: what it counted is what was
    /// added.
    pub fn push(&mut self, at: Duration, value: f64) {
        self.push_each(at, [(0, value)]);
    }

    /// As [`Self::push`], of every process that tells.
    pub fn push_each(&mut self, at: Duration, values: impl IntoIterator<Item = (ProcessNumber, f64)>) {
        let (mut rate, mut all) = (None, None);
        for (process, value) in values {
            let before = self.before.insert(process, (at, value));
            let Some((before_at, before)) = before else { continue };
            let seconds = at.saturating_sub(before_at).as_secs_f64();
            if seconds > 0.0 {
                let added = if value < before { value } else { value - before };
                rate = Some(rate.unwrap_or_default() + added / seconds);
                all = Some(all.unwrap_or_default() + added);
            }
        }
        if let (Some(rate), Some(all)) = (rate, all) {
            self.rate.push(at, rate);
            self.added.push(at, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_slope_is_of_what_goes_on_and_not_of_what_was_before_it_turned() {
        let span = seconds(15);
        let slope = |values: &[(u64, f64)]| {
            let mut series = Series::default();
            values.iter().for_each(|(at, value)| series.push(seconds(*at), *value));
            series.slope(seconds(values.last().expect("some").0), span)
        };
        // Twenty seconds without an answer, the first of which is of before: what waits is worked off.
        let drains = [(1, 120.0), (2, 125.0), (24, 125.0), (25, 39_000.0), (26, 35_000.0), (27, 31_000.0)];
        assert_eq!(slope(&drains), Some(-4_000.0));
        assert_eq!(slope(&drains[..5]), None, "two values say too little");
        // It grew for a while, and is worked off since.
        let turned: Vec<(u64, f64)> = (1..=8).map(|at| (at, 1_000.0 * at as f64)).collect();
        let worked_off = (9..=12).map(|at| (at, 8_000.0 - 2_000.0 * (at - 8) as f64));
        assert_eq!(slope(&[turned.clone(), worked_off.collect()].concat()), Some(-2_000.0));
        // It is gone, and rests.
        let rests = [turned, vec![(9, 4.0), (10, 3.0), (11, 5.0), (12, 4.0)]].concat();
        assert!(slope(&rests).expect("a slope").abs() < 1.0);
        // What goes up and down says what it does on the whole.
        let waves: Vec<(u64, f64)> =
            (0..15).map(|at| (at, 10.0 * at as f64 + if at % 2 == 0 { 80.0 } else { 0.0 })).collect();
        assert!((slope(&waves).expect("a slope") - 10.0).abs() < 2.0);
    }

    #[test]
    fn rates_come_of_counters_and_survive_a_restart() {
        let mut counter = Counter::default();
        for (at, value) in [(1, 100.0), (2, 400.0), (4, 1000.0), (5, 50.0)] {
            counter.push(seconds(at), value);
        }
        let rates: Vec<f64> = counter.rate.within(seconds(5), seconds(60)).map(|(_, rate)| rate).collect();
        assert_eq!(rates, [300.0, 300.0, 50.0]);
        assert_eq!(counter.added.sum(seconds(5), seconds(60)), Some(950.0));
    }

    #[test]
    fn what_several_processes_count_adds_up_whoever_of_them_tells() {
        let mut counter = Counter::default();
        counter.push_each(seconds(1), [(0, 100.0), (1, 9_000.0)]);
        counter.push_each(seconds(2), [(0, 150.0), (1, 9_007.0)]);
        // One is silent for a second, one began anew, and a third is heard of for the first time.
        counter.push_each(seconds(3), [(0, 20.0)]);
        counter.push_each(seconds(4), [(0, 30.0), (1, 9_027.0), (2, 1_000_000.0)]);
        let rates: Vec<f64> = counter.rate.within(seconds(4), seconds(60)).map(|(_, rate)| rate).collect();
        assert_eq!(rates, [57.0, 20.0, 20.0]);
        assert_eq!(counter.added.sum(seconds(4), seconds(60)), Some(107.0));
    }

    #[test]
    fn a_value_that_nothing_follows_stops_holding() {
        let mut series = Series::default();
        series.push(seconds(10), 7.0);
        series.push(seconds(11), 8.0);
        assert_eq!(series.last(seconds(12)), Some(8.0));
        assert_eq!(series.last(seconds(30)), None);
    }

    #[test]
    fn a_gap_in_what_was_measured_is_a_gap_on_the_screen() {
        let mut series = Series::default();
        for at in (0..10).chain(30..40) {
            series.push(seconds(at), 1.0);
        }
        let columns = series.columns(seconds(40), seconds(40), 40);
        assert!(columns[..10].iter().all(Option::is_some));
        assert!(columns[20..30].iter().all(Option::is_none), "{columns:?}");
        assert!(columns[30..].iter().all(Option::is_some));
    }

    #[test]
    fn more_columns_than_values_are_filled_by_those_before() {
        let mut series = Series::default();
        for at in 0..=10 {
            series.push(seconds(at), at as f64);
        }
        let columns = series.columns(seconds(10), seconds(10), 100);
        assert_eq!(columns.len(), 100);
        assert!(columns.iter().all(Option::is_some));
    }

    #[test]
    fn the_slope_is_that_of_the_line() {
        let mut series = Series::default();
        for at in 0..20 {
            series.push(seconds(at), 100.0 + 7.0 * at as f64);
        }
        let slope = series.slope(seconds(19), seconds(15)).expect("enough values");
        assert!((slope - 7.0).abs() < 1e-6, "{slope}");
        assert_eq!(Series::default().slope(seconds(19), seconds(15)), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut series = Series::default();
        for at in 0..10_000 {
            series.push(Duration::from_millis(at), 1.0);
        }
        assert_eq!(series.points.len(), POINTS_MAX);
        series.push(seconds(4_000), 1.0);
        assert_eq!(series.points.len(), 1);
    }
}
