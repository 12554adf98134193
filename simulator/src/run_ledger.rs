//! The ledger of a run: what each of its producers sent, what went wrong in it, and what became of each message. A scenario's worlds
//! write it; of messages alone it can be told, too.

use std::path::Path;

use anyhow::Context;
use domain::EventId;
use serde::{Deserialize, Serialize};

use crate::drive::DriveReport;
use crate::faults::{Fault, FaultPlan, Kind, stall};
use crate::file;
use crate::ledger::{Deliveries, Ledger, applied};
use crate::schedule::Schedule;

pub use told::Untold;

mod told;

/// All of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLedger {
    /// What the scenario says it is about.
    pub description: String,
    /// The seed from which all of it follows.
    pub seed: u64,
    /// What each producer sent, and the state in which it must end.
    pub producers: Vec<Ledger>,
    /// Events with messages that never come: their ledger is the state that they stand still in. Where a bet stop lies beyond
    /// what is missing, it is what shuts their markets, and has given them a further version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalled: Vec<EventId>,
    /// Events that nobody has announced: each has one message, and may be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unannounced: Vec<EventId>,
    /// What went wrong, and what may come of it.
    pub faults: FaultPlan,
    /// That it ended before its time; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<CutShort>,
    /// What became of each message; absent until the run is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Deliveries>,
}

/// A run that ended before all was sent. What must result of an event is then true only where all of its messages were taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutShort {
    /// What stood in the way, where something did; else somebody ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The events of which was said, and taken, that they are abandoned and what was open in them is void.
    pub abandoned: Vec<EventId>,
}

impl CutShort {
    /// That of a drive; `None` where it came to its end.
    pub(crate) fn of(report: &DriveReport) -> Option<Self> {
        let is_cut_short = report.is_stopped || report.gave_up.is_some();
        let why = report.gave_up.clone().or_else(|| report.obstacle.clone());
        is_cut_short.then(|| Self { why, abandoned: report.abandoned_events.clone() })
    }
}

impl RunLedger {
    /// What one producer sent, where nothing was to go wrong.
    #[must_use]
    pub fn of(ledger: Ledger, description: String) -> Self {
        Self {
            description,
            seed: ledger.seed,
            faults: FaultPlan::none(ledger.seed),
            producers: vec![ledger],
            stalled: Vec::new(),
            unannounced: Vec::new(),
            cut_short: None,
            deliveries: None,
        }
    }

    /// The run is over: what became of each message. Where it ended before its time, what it says of the whole is not true: it is told
    /// so, and of which games it is known that they are abandoned.
    pub fn end(&mut self, report: DriveReport) {
        self.cut_short = CutShort::of(&report);
        self.deliveries = Some(report.deliveries);
    }

    /// Something went wrong besides, in a run of this schedule: it is written down with the plan, and what must result is changed
    /// as it is for what was planned. Where what never came was sent after all, `is_recovered`, nothing stands still. A copy that
    /// went wrong is none of the schedule's messages.
    pub fn add(&mut self, mut fault: Fault, is_recovered: bool, schedule: &Schedule) {
        let first = fault.messages.first().and_then(|line| usize::try_from(*line).ok());
        let at_ns = fault.at_ns;
        match (&fault.kind, &fault.event_id, first) {
            (Kind::Gap { .. }, Some(event_id), Some(first)) if !is_recovered => {
                self.stands_still(event_id, first, &fault.messages, schedule);
            }
            (Kind::Restart { .. }, Some(event_id), Some(first)) => {
                self.says_more(event_id, first, &[at_ns], schedule);
            }
            (Kind::SettlementRollback { .. }, Some(event_id), Some(first)) => {
                self.says_more(event_id, first + 1, &[at_ns, at_ns], schedule);
            }
            (Kind::UnknownEvent, Some(nobody), _) => self.unannounced.push(nobody.clone()),
            _ => {}
        }
        if fault.kind.is_of_a_copy() {
            fault.messages.clear();
        }
        self.faults.faults.push(fault);
        self.faults.faults.sort_by_key(|fault| fault.at_ns);
    }

    /// These lines never come: the event stands as it was before the first of them of which no copy does.
    fn stands_still(&mut self, event_id: &EventId, first: usize, lost: &[u64], schedule: &Schedule) {
        let channel = schedule.channel(first);
        for ledger in &mut self.producers {
            let Some(event) = ledger.events.iter_mut().find(|event| event.event_id == *event_id) else {
                continue;
            };
            let comes = |line: &usize| schedule.channel(*line) == channel && !lost.contains(&(*line as u64));
            let arriving = (0..schedule.len()).filter(comes).filter_map(|line| schedule.read(line));
            if stall(event, &ledger.producer, arriving) {
                self.stalled.push(event_id.clone());
            }
        }
    }

    /// So many messages more are said of the event before this line, due at these times: each gives it a version.
    fn says_more(&mut self, event_id: &EventId, line: usize, due_ns: &[u64], schedule: &Schedule) {
        let said = |line: &usize| {
            schedule.channels()[schedule.channel(*line)].event_id.as_deref() == Some(event_id.as_str())
        };
        let events = self.producers.iter_mut().flat_map(|ledger| &mut ledger.events);
        for event in events.filter(|event| event.event_id == *event_id) {
            let before = (0..line.min(schedule.len())).filter(said).filter_map(|line| schedule.read(line));
            let before = applied(event_id, event.sport, before.map(|message| ((), message)));
            let place = before.len().min(event.due_ns.len());
            event.messages += due_ns.len() as u64;
            event.due_ns.splice(place..place, due_ns.iter().copied());
        }
    }

    /// Writes it as JSON, and its faults beside it, as `{path}.faults.json`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        file::write(path, |out| Ok(serde_json::to_writer(out, self)?)).context("the ledger")?;
        self.faults.save(&Self::faults_path(path))
    }

    /// Reads what [`RunLedger::save`] wrote.
    ///
    /// # Errors
    /// When there is no such file, or it is no such ledger.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<Self> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
        read().with_context(|| format!("cannot read the ledger {}", path.display()))
    }

    /// Where the faults of the ledger at `path` are.
    #[must_use]
    pub fn faults_path(path: &Path) -> std::path::PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".faults.json");
        name.into()
    }
}

#[cfg(test)]
pub(crate) mod tests;
