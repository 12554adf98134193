//! The report: how far simulated games are like real ones, figure by figure, beside what is known of those.
//!
//! Games are played in memory, each in its own time, and looked at as a client sees them: by their messages and by how
//! they ended. Which figures were written down before the worlds were tuned, and which afterwards, docs/realism.md says; one
//! that lies outside of what can be expected is a miss, and the report says so.

use std::fmt;

use domain::Sport;

use crate::world;
use figures::Figure;
use known::{Interval, Sample};
use watched::Watched;

pub use rates::Rates;

mod figures;
mod known;
mod rates;
mod watched;

/// How the games of one sport came out.
#[derive(Debug, Clone)]
pub struct SportReport {
    /// The sport.
    pub sport: Sport,
    /// How many games were played.
    pub games: u32,
    /// The figures, in the order in which they are listed.
    pub lines: Vec<Line>,
    /// How many messages there were, when and of which type.
    pub rates: Rates,
}

/// One figure.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is of.
    pub name: &'static str,
    /// How many observations there were; each game gives one at most.
    pub observations: u64,
    /// What came out; `None` where nothing was observed.
    pub measured: Option<f64>,
    /// What was to be expected.
    pub expected: Interval,
    /// Where that is known from.
    pub source: &'static str,
}

/// Fewer observations than this say nothing.
const OBSERVATIONS_MIN: u64 = 30;

impl Line {
    /// Whether what came out is not what was to be expected.
    #[must_use]
    pub fn is_miss(&self) -> bool {
        !self.is_unjudged() && !self.measured.is_some_and(|measured| self.expected.contains(measured))
    }

    fn is_unjudged(&self) -> bool {
        self.observations < OBSERVATIONS_MIN
    }
}

impl SportReport {
    /// How many figures are judged: those with enough observations.
    #[must_use]
    pub fn judged(&self) -> usize {
        self.lines.iter().filter(|line| !line.is_unjudged()).count()
    }

    /// The figures that are not as expected.
    pub fn misses(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.is_miss())
    }
}

/// Plays so many games of a sport from a seed and measures them.
#[must_use]
pub fn report(sport: Sport, seed: u64, games: u32) -> SportReport {
    let figures: Vec<Figure> = figures::of(sport);
    let (mut samples, mut rates) = (vec![Sample::default(); figures.len()], Rates::new());
    for game in 0..games {
        let mut messages = Vec::new();
        let event = world::watch(sport, seed, game, &mut |due_ns, body| messages.push((due_ns, body)));
        let watched = Watched::new(event, messages);
        rates.add(&watched);
        for (figure, sample) in figures.iter().zip(&mut samples) {
            if let Some(value) = (figure.of)(&watched) {
                sample.add(value);
            }
        }
    }
    let line = |(figure, sample): (&Figure, &Sample)| Line {
        name: figure.name,
        observations: sample.count(),
        measured: figure.known.measured(sample),
        expected: figure.known.interval(sample),
        source: figure.source,
    };
    SportReport { sport, games, lines: figures.iter().zip(&samples).map(line).collect(), rates }
}

impl fmt::Display for SportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misses = self.misses().count();
        let Self { sport, games, lines, rates } = self;
        let judged = self.judged();
        writeln!(f, "{sport}: {games} games, {} figures, {judged} judged, {misses} missed", lines.len())?;
        writeln!(f, "{:38} {:>9}  {:>18}        source", "", "measured", "expected")?;
        for line in &self.lines {
            let measured = line.measured.map_or("none".to_owned(), rounded);
            let expected = format!("{} to {}", rounded(line.expected.low), rounded(line.expected.high));
            let (expected, verdict) = match line {
                _ if line.is_unjudged() => (format!("too few ({})", line.observations), ""),
                _ if line.is_miss() => (expected, "MISS"),
                _ => (expected, ""),
            };
            writeln!(f, "{:38} {measured:>9}  {expected:>18}  {verdict:4}  {}", line.name, line.source)?;
        }
        writeln!(f)?;
        rates.fmt(f)
    }
}

/// As many digits as say something.
fn rounded(value: f64) -> String {
    match value.abs() {
        far if far >= 100.0 => format!("{value:.1}"),
        near if near >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
