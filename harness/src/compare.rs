//! `matchday compare`: whether one run is worse than another by more than repeating it makes of a difference.
//!
//! How much that is comes from repeats alone: see `noise.rs`. Without enough of them nothing is judged but what a run repeats exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::bundle::{self, Document, VERDICT};
use crate::exit::Exit;
use alike::check_alike;
use figures::{Figure, figures};
use noise::{Floor, floors};

mod alike;
mod figures;
mod noise;
mod table;

/// A smaller difference is of no account, however well repeats agree.
const RELEVANT: f64 = 0.05;

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// How it was: a folder of run bundles that repeat one run, best five or more; or one bundle
    before: PathBuf,
    /// How it is: the same of another build or setting
    after: PathBuf,
    /// How much of a difference is noise, 0.1 for a tenth, where there are too few repeats to tell
    #[arg(long, value_name = "SHARE", value_parser = share)]
    noise: Option<f64>,
    /// Judge figures of time, CPU and memory although the runs were on different machines
    #[arg(long)]
    any_machine: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if share > 0.0 && share < 10.0 { Ok(share) } else { Err("a share is above 0 and below 10".to_owned()) }
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
    /// Whether one side has nothing of it.
    pub is_of_one_side: bool,
    /// Whether any difference counts: a run repeats it exactly.
    pub is_exact: bool,
    /// How far it goes up, as a share of what it was: of the geometric means.
    pub difference: f64,
    /// How large a difference repeating alone makes; `None` where that is not known.
    pub noise: Option<f64>,
    /// What that means.
    pub change: Change,
}

/// Every figure that runs of one scenario have, by name. `noise` is the share of a difference that is none, where there
/// are too few repeats to tell.
#[must_use]
pub fn rows(before: &[Document], after: &[Document], noise: Option<f64>) -> Vec<Row> {
    judged(&figures((before, &[]), (after, &[])), noise, true)
}

/// Judges figures; where that cannot be, all but those that a run repeats exactly are unknown.
fn judged(figures: &BTreeMap<String, Figure>, noise: Option<f64>, can_be: bool) -> Vec<Row> {
    let (names, samples): (Vec<&String>, Vec<_>) =
        figures.iter().filter_map(|(name, figure)| Some((name, figure.sample()?))).unzip();
    let found: BTreeMap<&String, Floor> =
        floors(&samples).map(|floors| names.into_iter().zip(floors).collect()).unwrap_or_default();
    let given = noise.map(Floor::of_share);
    let row = |(name, figure): (&String, &Figure)| {
        let floor = found.get(name).copied().or(given).filter(|_| can_be && !figure.is_exact);
        Row {
            name: name.clone(),
            before: figure.shown(&figure.before),
            after: figure.shown(&figure.after),
            is_of_one_side: figure.is_of_one_side(),
            is_exact: figure.is_exact,
            unit: figure.unit,
            difference: figure.difference(),
            noise: floor.map(Floor::share),
            change: change(figure, floor),
        }
    };
    figures.iter().map(row).collect()
}

fn change(figure: &Figure, floor: Option<Floor>) -> Change {
    let difference = figure.difference();
    let is_worse = (difference > 0.0) != figure.is_gain;
    let change = if is_worse { Change::Worse } else { Change::Better };
    match floor {
        _ if figure.is_of_one_side() && !figure.is_exact => Change::Unknown,
        _ if difference == 0.0 => Change::Same,
        _ if figure.is_exact => change,
        _ if difference.abs() <= RELEVANT => Change::Same,
        None => Change::Unknown,
        Some(floor) if floor.holds(difference) => Change::Same,
        Some(_) => change,
    }
}

/// Compares, says how each figure changed, and what that means.
///
/// # Errors
/// When one of them is no bundle, or they are not of the same run.
pub fn compare(args: &CompareArgs, say: impl Fn(&str)) -> Result<Exit> {
    let ((folders_before, before), (folders_after, after)) = (bundles(&args.before)?, bundles(&args.after)?);
    let is_one_machine = check_alike(&before, &after, &say)?;
    let (before, others_before) = parted(&folders_before, before, &say);
    let (after, others_after) = parted(&folders_after, after, &say);
    let figures = figures((&before, &others_before), (&after, &others_after));
    let mut rows = judged(&figures, args.noise, is_one_machine || args.any_machine);
    let mut holds = BTreeSet::new();
    if before.is_empty() || after.is_empty() {
        say(
            "INCONCLUSIVE: of one side no run is left: what was measured there is not the pipeline's, or not all was looked at.",
        );
        holds.insert(Exit::Inconclusive);
        // What was wrong counts all the same.
        rows.retain(|row| row.is_exact);
    }
    say(&table::table(&rows));
    let names = |is_so: &dyn Fn(&Row) -> bool| {
        let rows = rows.iter().filter(|row| is_so(row));
        rows.map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let is_unknown = |row: &Row| row.change == Change::Unknown;
    let missing = names(&|row| is_unknown(row) && row.is_of_one_side);
    if !missing.is_empty() {
        say(&format!("INCONCLUSIVE: what one side has not measured cannot be compared: {missing}."));
        holds.insert(Exit::Inconclusive);
    }
    let unknown = names(&|row| is_unknown(row) && !row.is_of_one_side);
    if !unknown.is_empty() {
        say(&format!(
            "INCONCLUSIVE: some figures differ by more than {:.0} %, and nothing says how much of that is noise: {} runs \
             before and {} after are too few, or on different machines. Repeat each side at least {} times, in turns, or say \
             --noise. They are {unknown}.",
            RELEVANT * 100.0,
            before.len(),
            after.len(),
            noise::REPEATS
        ));
        holds.insert(Exit::Inconclusive);
    }
    let worse = names(&|row| row.change == Change::Worse);
    if !worse.is_empty() {
        say(&format!("REGRESSION: worse by more than the noise and {:.0} %: {worse}.", RELEVANT * 100.0));
        holds.insert(Exit::Regression);
    }
    if holds.is_empty() {
        say(&table::pass(&rows));
    }
    Ok(Exit::first(&holds))
}

/// The bundle in this folder, or all that are directly in it, each with its folder.
fn bundles(folder: &Path) -> Result<(Vec<PathBuf>, Vec<Document>)> {
    if folder.join(VERDICT).is_file() {
        return Ok((vec![folder.to_owned()], vec![bundle::open(folder)?.0]));
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{} is no folder", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.join(VERDICT).is_file());
    folders.sort();
    ensure!(!folders.is_empty(), "{} is no run bundle, and there is none in it", folder.display());
    let documents = folders.iter().map(|path| Ok(bundle::open(path)?.0)).collect::<Result<_>>()?;
    Ok((folders, documents))
}

/// Those whose figures are the pipeline's, and of which all is known; and the others, of which what is wrong counts all the same.
fn parted(
    folders: &[PathBuf],
    documents: Vec<Document>,
    say: &impl Fn(&str),
) -> (Vec<Document>, Vec<Document>) {
    let mut folders = folders.iter();
    documents.into_iter().partition(|document| {
        let folder =
            folders.next().map_or_else(|| document.name.clone(), |folder| folder.display().to_string());
        let why = [
            (Exit::Environment, "not all could be looked at"),
            (Exit::Invalid, "its generator was late"),
            (Exit::Inconclusive, "something that was to be judged was not looked at"),
        ];
        let why = why.into_iter().find(|(exit, _)| document.verdict.holds.contains(exit));
        if let Some((_, why)) = why {
            say(&format!("`{folder}` is left out, but what is wrong in it: {why}"));
        }
        why.is_none()
    })
}

#[cfg(test)]
mod tests;
