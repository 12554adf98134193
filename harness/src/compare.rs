//! `matchday compare`: whether one run is worse than another by more than repeating it makes of a difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::bundle::{self, Document, Since, VERDICT};
use crate::exit::Exit;
use crate::float::count;

/// Less than so much of a difference is never told apart, however well a few repeats agree.
const NOISE_LEAST: f64 = 0.02;

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// A run bundle, or a folder of bundles that repeat one run: how it was
    before: PathBuf,
    /// Another one: how it is
    after: PathBuf,
    /// How much of a difference is noise, 0.1 for a tenth, where neither side is repeated
    #[arg(long, value_name = "SHARE")]
    noise: Option<f64>,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing beyond the noise.
    Same,
    /// It is better.
    Better,
    /// It is worse.
    Worse,
    /// There is a difference, and nothing says how much of it is noise.
    Unknown,
}

/// A figure on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which: `throughput`, `latency at client p99`.
    pub name: String,
    /// The median before.
    pub before: f64,
    /// The median after.
    pub after: f64,
    /// The unit of both.
    pub unit: &'static str,
    /// How far it goes up, as a share of what it was.
    pub difference: f64,
    /// What that means.
    pub change: Change,
}

/// Every figure that runs of one scenario have on both sides, by name. `noise` is the share of a difference that is none, where neither
/// side is repeated.
#[must_use]
pub fn rows(before: &[Document], after: &[Document], noise: Option<f64>) -> Vec<Row> {
    let row = |(name, figure): (String, Figure)| Row {
        name,
        before: median(&figure.before),
        after: median(&figure.after),
        unit: figure.unit,
        difference: figure.difference(),
        change: figure.change(noise),
    };
    figures(before, after).into_iter().map(row).collect()
}

/// A figure of several runs.
#[derive(Debug, Clone, Default)]
struct Figure {
    before: Vec<f64>,
    after: Vec<f64>,
    unit: &'static str,
    /// Whether more of it is better.
    is_gain: bool,
    /// Whether any difference counts: a run repeats it exactly.
    is_exact: bool,
}

/// Compares, says how each figure changed, and what that means.
///
/// # Errors
/// When one of them is no bundle, or they are not of the same scenario.
pub fn compare(args: &CompareArgs, say: impl Fn(&str)) -> Result<Exit> {
    let (before, after) = (bundles(&args.before)?, bundles(&args.after)?);
    let first = &before[0];
    for document in before.iter().chain(&after) {
        ensure!(
            document.scenario.name == first.scenario.name,
            "`{}` and `{}` cannot be compared: {} and {} are other scenarios",
            first.name,
            document.name,
            first.scenario.name,
            document.scenario.name
        );
        if document.versions.machine != first.versions.machine {
            say(&format!(
                "`{}` ran on another machine ({}, not {}): figures of time say little",
                document.name, document.versions.machine, first.versions.machine
            ));
        }
    }
    let figures = figures(&before, &after);
    let changes: Vec<(&String, &Figure, Change)> =
        figures.iter().map(|(name, figure)| (name, figure, figure.change(args.noise))).collect();
    say(&table(&changes, args.noise));
    let worse = changes.iter().filter(|(.., change)| *change == Change::Worse).count();
    let unknown = changes.iter().filter(|(.., change)| *change == Change::Unknown).count();
    Ok(match (worse, unknown) {
        (0, 0) => {
            say("PASS: nothing is worse by more than the noise.");
            Exit::Pass
        }
        (0, _) => {
            say(&format!(
                "INCONCLUSIVE: {unknown} figures differ, and nothing says how much of that is noise: repeat a run into the same \
                 folder, or say --noise"
            ));
            Exit::Inconclusive
        }
        _ => {
            say(&format!("REGRESSION: {worse} figures are worse by more than the noise."));
            Exit::Regression
        }
    })
}

/// The bundle in this folder, or all that are directly in it.
fn bundles(folder: &Path) -> Result<Vec<Document>> {
    if folder.join(VERDICT).is_file() {
        return Ok(vec![bundle::open(folder)?.0]);
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{} is no folder", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.join(VERDICT).is_file());
    folders.sort();
    ensure!(!folders.is_empty(), "{} is no run bundle, and there is none in it", folder.display());
    folders.iter().map(|path| Ok(bundle::open(path)?.0)).collect()
}

fn figures(before: &[Document], after: &[Document]) -> BTreeMap<String, Figure> {
    let mut figures: BTreeMap<String, Figure> = BTreeMap::new();
    for (documents, is_before) in [(before, true), (after, false)] {
        for document in documents {
            for (name, value, kind) in of_run(document) {
                let figure = figures.entry(name).or_insert_with(|| kind.clone());
                let side = if is_before { &mut figure.before } else { &mut figure.after };
                side.push(value);
            }
        }
    }
    // What only one side has cannot be compared.
    figures.retain(|_, figure| !figure.before.is_empty() && !figure.after.is_empty());
    figures
}

/// Every figure of a run that is worth comparing.
fn of_run(document: &Document) -> Vec<(String, f64, Figure)> {
    let loss = |unit| Figure { unit, ..Figure::default() };
    let gain = |unit| Figure { unit, is_gain: true, ..Figure::default() };
    let exact = Figure { is_exact: true, ..Figure::default() };
    let anomalies: u64 = document.anomalies.iter().map(|part| part.found).sum();
    let mut figures = vec![
        ("anomalies".to_owned(), count(anomalies), exact),
        ("throughput".to_owned(), document.drive.messages_per_second, gain("messages/s")),
        ("unsafe open".to_owned(), count(document.unsafe_open.longest_micros) / 1e3, loss("ms")),
    ];
    for part in &document.latency {
        if part.since != Since::Due || part.is_warm_up || part.sport.is_some() || part.class.is_some() {
            continue;
        }
        // The rarest ones are another from run to run, whatever was changed.
        for share in ["p50", "p90", "p99", "p99_9"] {
            if let Some(micros) = part.micros.get(share) {
                let name = format!("latency {} {}", part.hop, share).replace('_', " ");
                figures.push((name, count(*micros) / 1e3, loss("ms")));
            }
        }
    }
    for part in document.processes.iter().filter(|part| part.messages > 0) {
        let each = count(part.cpu_micros) / count(part.messages);
        figures.push((format!("CPU a message {}", part.name), each, loss("us")));
        let mebibytes = count(part.resident_bytes_max) / 1_048_576.0;
        figures.push((format!("memory {}", part.name), mebibytes, loss("MiB")));
    }
    let recovered: Option<Vec<u64>> =
        document.outages.iter().map(|outage| outage.recovered_after_micros).collect();
    if let Some(slowest) = recovered.and_then(|all| all.into_iter().max()) {
        figures.push(("slowest recovery".to_owned(), count(slowest) / 1e6, loss("s")));
    }
    figures
}

impl Figure {
    /// How far the figure goes up, as a share of what it was.
    fn difference(&self) -> f64 {
        let (before, after) = (median(&self.before), median(&self.after));
        if before == after { 0.0 } else { (after - before) / before.abs().max(1e-9) }
    }

    /// How far runs that should be alike are apart, as a share; `None` where none was repeated.
    fn noise(&self, otherwise: Option<f64>) -> Option<f64> {
        let sides = [&self.before, &self.after];
        let repeated = sides.into_iter().filter(|side| side.len() > 1).map(|side| {
            let (low, high) = range(side);
            (high - low) / median(side).abs().max(1e-9)
        });
        repeated.reduce(f64::max).or(otherwise).map(|noise| noise.max(NOISE_LEAST))
    }

    fn change(&self, otherwise: Option<f64>) -> Change {
        let (difference, is_worse) = (self.difference(), (self.difference() > 0.0) != self.is_gain);
        let change = if is_worse { Change::Worse } else { Change::Better };
        if self.is_exact {
            return if difference == 0.0 { Change::Same } else { change };
        }
        let ((low, high), (new_low, new_high)) = (range(&self.before), range(&self.after));
        let overlaps = new_low <= high && low <= new_high;
        match self.noise(otherwise) {
            _ if difference.abs() <= NOISE_LEAST => Change::Same,
            None => Change::Unknown,
            Some(noise) if difference.abs() <= noise || overlaps => Change::Same,
            Some(_) => change,
        }
    }
}

fn table(changes: &[(&String, &Figure, Change)], noise: Option<f64>) -> String {
    let mut text = format!(
        "  {:<34} {:>12} {:>12} {:<11} {:>8} {:>7}\n",
        "figure", "before", "after", "", "change", "noise"
    );
    for (name, figure, change) in changes {
        let word = match change {
            Change::Same => "",
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Unknown => "?",
        };
        let noise = match figure.noise(noise) {
            _ if figure.is_exact => "none".to_owned(),
            Some(noise) => format!("{:.0} %", noise * 100.0),
            None => "?".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {name:<34} {:>12.2} {:>12.2} {:<11} {:>+7.1}% {noise:>7} {word}",
            median(&figure.before),
            median(&figure.after),
            figure.unit,
            figure.difference() * 100.0
        );
    }
    text
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(middle), 1) => *middle,
        (Some(upper), _) => (upper + sorted[sorted.len() / 2 - 1]) / 2.0,
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: &[f64], after: &[f64], noise: Option<f64>) -> Change {
        Figure { before: before.to_vec(), after: after.to_vec(), ..Figure::default() }.change(noise)
    }

    #[test]
    fn a_difference_counts_only_beyond_what_repeating_makes() {
        assert_eq!(change(&[10.0, 11.0, 10.5], &[12.5, 12.9, 12.6], None), Change::Worse);
        assert_eq!(change(&[12.5, 12.9, 12.6], &[10.0, 11.0, 10.5], None), Change::Better);
        assert_eq!(change(&[10.0, 13.0, 10.5], &[12.5, 12.9, 12.6], None), Change::Same, "they overlap");
        assert_eq!(change(&[10.0, 12.0, 11.0], &[12.5], None), Change::Same, "repeats are a fifth apart");
        assert_eq!(change(&[10.0], &[14.0], None), Change::Unknown, "nothing says how much is noise");
        assert_eq!(change(&[10.0], &[14.0], Some(0.1)), Change::Worse);
        assert_eq!(change(&[10.0], &[10.1], None), Change::Same);
        let throughput =
            Figure { before: vec![100.0, 101.0], after: vec![80.0], is_gain: true, ..Figure::default() };
        assert_eq!(throughput.change(None), Change::Worse, "less of it is worse");
        let anomalies = Figure { before: vec![0.0], after: vec![1.0], is_exact: true, ..Figure::default() };
        assert_eq!(anomalies.change(None), Change::Worse, "one is too many, repeated or not");
    }

    #[test]
    fn bundles_are_compared_with_their_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let write = |side: &str, run: u32, p99: u64| {
            let (mut document, series) = crate::page::tests::passed();
            let client = document.latency.iter_mut().find(|part| part.hop == "at_client").unwrap();
            client.micros.insert("p99".to_owned(), p99);
            let bundle = folder.path().join(side).join(run.to_string());
            fs::create_dir_all(&bundle).unwrap();
            fs::write(bundle.join(VERDICT), serde_json::to_vec(&document).unwrap()).unwrap();
            fs::write(bundle.join(bundle::SERIES), serde_json::to_vec(&series).unwrap()).unwrap();
            bundle
        };
        for (run, p99) in [(1, 200_000), (2, 210_000), (3, 205_000)] {
            write("before", run, p99);
            write("after", run, p99 * 2);
        }
        let said = std::cell::RefCell::new(String::new());
        let compare = |before: &str, after: &str| {
            said.borrow_mut().clear();
            let (before, after) = (folder.path().join(before), folder.path().join(after));
            compare(&CompareArgs { before, after, noise: None }, |line| said.borrow_mut().push_str(line))
                .unwrap()
        };
        assert_eq!(compare("before", "before"), Exit::Pass);
        assert_eq!(compare("before", "after"), Exit::Regression);
        let line = said.borrow().lines().find(|line| line.contains("WORSE")).unwrap().to_owned();
        assert!(line.contains("latency at client p99") && line.contains("+100.0%"), "{line}");
        assert_eq!(compare("after", "before"), Exit::Pass, "better is no regression");
        assert_eq!(compare("before/1", "after/1"), Exit::Inconclusive, "nothing says how much is noise");

        let bundle = write("drawn", 1, 1);
        let (document, series) = bundle::open(&bundle).unwrap();
        bundle::draw(&bundle, &document, &series).unwrap();
        assert!(bundle.join(bundle::REPORT).is_file() && bundle.join("latency-due-at_client.hgrm").is_file());
        let error = bundle::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is no run bundle: no verdict.json"), "{error}");
    }
}
