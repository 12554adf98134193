//! Run bundles: those that are there, the one that is being made, and those that are open.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harness::bundle::{self, VERDICT};
use harness::live::{LIVE, Standing};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{Finding, Report, Sink};
use crate::bundle::{Run, Verdict, Verifying};
use crate::text::Text;

/// The most runs that are listed: the newest.
const RUNS_MAX: usize = 200;
/// How many are read at once: with many of them the list grows from look to look.
const READ_AT_ONCE: usize = 20;
/// A run that has not said for so long how far it is goes on no more.
const LIVE_FOR: Duration = Duration::from_secs(10);

/// What lies in a folder of runs.
#[derive(Clone, Debug, Default)]
pub struct RunList {
    /// The run that goes on.
    pub verifying: Option<Verifying>,
    /// Those that are over, the newest first.
    pub finished: Vec<Arc<Verdict>>,
}

/// Looks into `folder` every `interval`.
pub(super) async fn watch_all(folder: PathBuf, interval: Duration, sink: Sink) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shelf = Shelf::default();
    loop {
        ticks.tick().await;
        let folder = folder.clone();
        // The first look may have megabytes to read.
        let looked = super::aside(move || {
            let list = shelf.look(&folder);
            (shelf, list)
        });
        let list;
        (shelf, list) = looked.await;
        if sink.report(async { Ok(Finding::Runs(list)) }).await.is_err() {
            return;
        }
    }
}

/// Reads each bundle that is opened, once.
pub(super) async fn watch_open(mut opened: watch::Receiver<Vec<PathBuf>>, sink: Sink) {
    loop {
        let folders = opened.borrow_and_update().clone();
        for folder in folders {
            let read = {
                let folder = folder.clone();
                super::aside(move || read(folder)).await
            };
            let run = read.map(Arc::new);
            let found = Finding::Bundle(folder, run.map_err(|error| Text::new(&format!("{error:#}"))));
            let report = Report { source: sink.source, at: sink.clock.now(), found: Ok(found) };
            if sink.reports.send(report).await.is_err() {
                return;
            }
        }
        if opened.changed().await.is_err() {
            // Nobody opens any more; all sources are stopped together.
            return std::future::pending().await;
        }
    }
}

/// The bundle in a folder.
///
/// # Errors
/// When there is none, or one of another major version.
pub fn read(folder: PathBuf) -> anyhow::Result<Run> {
    let (document, series) = bundle::open(&folder)?;
    Ok(Run::new(folder, document, &series))
}

/// What was read already, by its folder, with when it was written.
#[derive(Debug, Default)]
struct Shelf(BTreeMap<PathBuf, (SystemTime, Option<Arc<Verdict>>)>);

impl Shelf {
    fn look(&mut self, folder: &Path) -> RunList {
        // No run has been made yet, or the folder went with a `git clean`.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        let written = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
        let verifying = folders
            .iter()
            .filter_map(|folder| Some((written(folder.join(LIVE))?, folder)))
            .filter(|(at, _)| at.elapsed().is_ok_and(|age| age <= LIVE_FOR))
            .max()
            .and_then(|(_, folder)| standing(folder));
        let over = folders.into_iter().filter_map(|folder| Some((written(folder.join(VERDICT))?, folder)));
        let mut over: Vec<(SystemTime, PathBuf)> = over.collect();
        over.sort_by(|one, other| other.cmp(one));
        over.truncate(RUNS_MAX);
        self.0.retain(|known, (at, _)| over.contains(&(*at, known.clone())));
        let unknown = over.iter().filter(|(_, folder)| !self.0.contains_key(folder));
        let to_read: Vec<_> = unknown.take(READ_AT_ONCE).cloned().collect();
        for (at, folder) in to_read {
            // One that cannot be read is none, and is not tried again before it is written anew.
            let verdict = bundle::open(&folder).ok();
            let verdict = verdict.map(|(document, _)| Arc::new(Verdict::new(folder.clone(), &document)));
            self.0.insert(folder, (at, verdict));
        }
        let finished = over.iter().filter_map(|(_, folder)| self.0.get(folder)?.1.clone()).collect();
        RunList { verifying, finished }
    }
}

fn standing(folder: &Path) -> Option<Verifying> {
    let standing: Standing = serde_json::from_slice(&fs::read(folder.join(LIVE)).ok()?).ok()?;
    Some(Verifying::new(&standing))
}
