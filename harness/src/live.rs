//! `live.json`: how far a run has come, for whoever watches it. It stands in the folder that becomes the run's bundle, is replaced as
//! a whole once a second, and goes when the run is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use simulator::Scenario;
use simulator::faults::Fault;
use simulator::scenario::Gates;

use crate::anomaly::Anomalies;
use crate::bundle::{FaultPart, GateResult, GateState, write};
use crate::gates::{self, Figures, Gate};
use crate::lateness::Late;
use crate::outage::Planned;
use crate::run::Step;
use crate::site::Site;

/// The file of [`Standing`].
pub const LIVE: &str = "live.json";
/// The version of [`Standing`]: another minor version only adds fields.
pub const SCHEMA: &str = "1.1";
/// Between two times that it is written.
const EVERY: Duration = Duration::from_secs(1);

/// `live.json`: how far a run has come. Times are microseconds after its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// [`SCHEMA`].
    pub schema: String,
    /// The run's name, which is its folder's.
    pub name: String,
    /// The name of the record of the stack that is verified; absent before it is there, and where it has none. Since 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The scenario's name.
    pub scenario: String,
    /// What it says it is about.
    pub description: String,
    /// The seed from which all of it follows.
    pub seed: u64,
    /// How long it takes to send it, in seconds.
    pub seconds: f64,
    /// What is being done.
    pub phase: Phase,
    /// How long messages have been sent.
    pub elapsed_micros: u64,
    /// Messages of the scenario.
    pub messages: u64,
    /// Sent at least once.
    pub sent: u64,
    /// Accepted.
    pub accepted: u64,
    /// Refused for good.
    pub refused: u64,
    /// Sent again, counted each time.
    pub sent_again: u64,
    /// What stands in the way, where nothing has been taken since it was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// Messages in feed topics that no processor had processed; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// Frames so far that did not go on where the one before had ended, of all clients.
    pub breaks: u64,
    /// How often so far a client had been shown what the database did not have.
    #[serde(default)]
    pub ahead: u64,
    /// Messages so far that were answered otherwise than they may be.
    #[serde(default)]
    pub unexpected: u64,
    /// Every gate with what it has come to; inconclusive where that is known at the end only.
    pub gates: Vec<GateResult>,
    /// What goes wrong in the feed, as it was planned.
    pub faults: Vec<FaultPart>,
    /// What is done to the stack, as it was planned.
    pub outages: Vec<PlannedOutage>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The stack is started.
    Starting,
    /// Messages are sent.
    Sending,
    /// All is sent, and has to arrive.
    Settling,
    /// All is compared.
    Judging,
}

/// Something that is to happen to the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOutage {
    /// What, for a person: `kill processors-hockey`.
    pub what: String,
    /// When.
    pub at_micros: i64,
    /// When it is taken back; absent where that is the same moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_micros: Option<i64>,
}

/// What is known of a run before it begins.
pub struct About<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// How many messages it has.
    pub messages: u64,
    /// What goes wrong in them.
    pub faults: &'a [Fault],
    /// What is done to the stack.
    pub outages: &'a [Planned],
}

/// Writes `live.json` while it is kept. Dropped, the file is gone, and the folder too where nothing else came into it.
#[derive(Debug)]
pub struct Live {
    folder: PathBuf,
    gates: Gates,
    standing: Standing,
    /// The most memory that each service had so far.
    resident_max: BTreeMap<String, u64>,
    written: Option<Instant>,
}

impl Live {
    /// Makes the folder, and writes what is known before the run begins.
    ///
    /// # Errors
    /// When nothing can be written there: a run whose bundle has no room is better not begun.
    pub fn begin(folder: &Path, about: About<'_>) -> Result<Self> {
        let About { name, scenario, messages, faults, outages } = about;
        let writing = || format!("writing into {}", folder.display());
        fs::create_dir_all(folder).with_context(writing)?;
        let standing = Standing {
            schema: SCHEMA.to_owned(),
            name: folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            stack: None,
            scenario: name.to_owned(),
            description: scenario.description.clone(),
            seed: scenario.seed,
            seconds: scenario.duration.as_secs_f64(),
            phase: Phase::Starting,
            elapsed_micros: 0,
            messages,
            sent: 0,
            accepted: 0,
            refused: 0,
            sent_again: 0,
            obstacle: None,
            lag: None,
            breaks: 0,
            ahead: 0,
            unexpected: 0,
            gates: Vec::new(),
            faults: faults.iter().map(write::fault).collect(),
            outages: outages.iter().map(planned).collect(),
        };
        let mut live = Self {
            folder: folder.to_owned(),
            gates: scenario.gates.clone(),
            standing,
            resident_max: BTreeMap::new(),
            written: None,
        };
        live.write().with_context(writing)?;
        Ok(live)
    }

    /// The stack is there.
    pub fn name_stack(&mut self, record: Option<&str>) {
        self.standing.stack = record.map(str::to_owned);
        // As in `hear`: the run itself needs nobody who watches.
        let _ = self.write();
    }

    /// The run has come so far.
    pub fn hear(&mut self, step: &Step) {
        let before = self.standing.phase;
        match step {
            Step::Sending(progress) => {
                self.standing.phase = Phase::Sending;
                self.standing.elapsed_micros =
                    u64::try_from(progress.elapsed.as_micros()).unwrap_or(u64::MAX);
                self.standing.sent = progress.sent;
                self.standing.accepted = progress.accepted;
                self.standing.refused = progress.refused;
                self.standing.unexpected = progress.unexpected;
                self.standing.sent_again = progress.sent_again;
                self.standing.obstacle.clone_from(&progress.obstacle);
            }
            Step::Looked(sample) => {
                (self.standing.lag, self.standing.breaks) = (sample.lag, sample.breaks);
                self.standing.ahead = sample.ahead;
                for (name, (_, bytes)) in sample.processes.iter().filter(|(name, _)| Site::is_service(name)) {
                    let most = self.resident_max.entry(name.clone()).or_default();
                    *most = (*most).max(*bytes);
                }
            }
            Step::Settling => self.standing.phase = Phase::Settling,
            Step::Judging => self.standing.phase = Phase::Judging,
        }
        let is_due = self.written.is_none_or(|written| written.elapsed() >= EVERY);
        if is_due || self.standing.phase != before {
            // Whoever watches sees that it stands still; the run itself needs nobody who watches.
            let _ = self.write();
        }
    }

    fn write(&mut self) -> std::io::Result<()> {
        self.written = Some(Instant::now());
        self.standing.gates = self.so_far();
        let whole = self.folder.join("live.json.new");
        fs::write(&whole, serde_json::to_vec(&self.standing)?)?;
        fs::rename(whole, self.folder.join(LIVE))
    }

    /// What every gate has come to, as far as it can be known while messages are sent.
    fn so_far(&self) -> Vec<GateResult> {
        let standing = &self.standing;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let (accepted, found) =
            (standing.accepted as f64, (standing.breaks + standing.ahead + standing.unexpected) as f64);
        let seconds = Duration::from_micros(standing.elapsed_micros).as_secs_f64();
        let figures = Figures {
            anomalies: &Anomalies::default(),
            unseen_places: 0,
            unread_outages: 0,
            undelivered: 0,
            is_settled: true,
            late: Late::default(),
            stalled_micros: None,
            early: 0,
            unsafe_open_micros: None,
            must_shut: false,
            messages_per_second: if seconds > 0.0 { accepted / seconds } else { 0.0 },
            outages: &[],
            resident_bytes: self.resident_max.clone().into_iter().collect(),
        };
        let mut results = gates::judge(&self.gates, &figures, |_| None);
        for gate in &mut results {
            let is_open = Gate::AT_THE_END.iter().any(|late| gate.is(*late));
            if is_open || gate.is(Gate::Throughput) && seconds == 0.0 {
                (gate.found, gate.state) = (None, GateState::Inconclusive);
            } else if gate.is(Gate::Anomalies) {
                // Most of what can be wrong is looked for at the end: that nothing was found by now proves nothing.
                gate.found = Some(found);
                gate.state = if found <= gate.limit { GateState::Inconclusive } else { GateState::Fail };
            }
        }
        results
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // What cannot be removed is old in a few seconds, and told from what goes on by that.
        let _ = fs::remove_file(self.folder.join(LIVE));
        let _ = fs::remove_dir(&self.folder);
    }
}

fn planned(planned: &Planned) -> PlannedOutage {
    let micros = |ms: u64| i64::try_from(ms * 1_000).unwrap_or(i64::MAX);
    PlannedOutage {
        what: planned.what(),
        at_micros: micros(planned.at_ms),
        ended_micros: (planned.for_ms > 0).then(|| micros(planned.at_ms + planned.for_ms)),
    }
}

#[cfg(test)]
mod tests {
    use simulator::drive::Progress;
    use simulator::scenario::READY;

    use super::*;
    use crate::monitor::Sample;

    fn read(folder: &Path) -> Standing {
        serde_json::from_slice(&fs::read(folder.join(LIVE)).unwrap()).unwrap()
    }

    fn begin(folder: &Path) -> Live {
        let ready = READY.iter().find(|ready| ready.name == "steady-hockey").unwrap();
        let mut scenario = Scenario::parse(ready.text).unwrap();
        scenario.gates =
            Gates { messages_per_second_min: Some(100.0), memory_mib_max: Some(64), ..Gates::RIGHT };
        let about =
            About { name: ready.name, scenario: &scenario, messages: 3_000, faults: &[], outages: &[] };
        Live::begin(folder, about).unwrap()
    }

    fn gate<'a>(standing: &'a Standing, name: &str) -> &'a GateResult {
        standing.gates.iter().find(|gate| gate.name == name).unwrap()
    }

    #[test]
    fn gates_say_what_they_have_come_to_and_what_is_known_at_the_end_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("steady-hockey-20260101T000000");
        let mut live = begin(&folder);
        assert_eq!((read(&folder).phase, read(&folder).stack), (Phase::Starting, None));
        live.name_stack(Some("verify-7"));
        assert_eq!(read(&folder).stack.as_deref(), Some("verify-7"));
        assert_eq!(gate(&read(&folder), "throughput").state, GateState::Inconclusive);
        let anomalies = (Some(0.0), GateState::Inconclusive);
        assert_eq!(
            (gate(&read(&folder), "anomalies").found, gate(&read(&folder), "anomalies").state),
            anomalies
        );
        let processes =
            BTreeMap::from([("ingestion".to_owned(), (1, 65 << 20)), ("kafka".to_owned(), (1, 1 << 30))]);
        live.hear(&Step::Looked(&Sample {
            at_micros: 1,
            lag: Some(7),
            breaks: 2,
            ahead: 1,
            processes,
            ..Sample::default()
        }));
        live.hear(&Step::Sending(&Progress {
            elapsed: Duration::from_secs(2),
            messages: 3_000,
            sent: 500,
            accepted: 400,
            refused: 1,
            unexpected: 4,
            sent_again: 3,
            obstacle: None,
        }));
        let standing = read(&folder);
        assert_eq!((standing.phase, standing.lag, standing.accepted), (Phase::Sending, Some(7), 400));
        let told = |name: &str| (gate(&standing, name).found, gate(&standing, name).state);
        assert_eq!(told("throughput"), (Some(200.0), GateState::Pass));
        assert_eq!(told("anomalies"), (Some(7.0), GateState::Fail), "2 breaks, 1 ahead, 4 answers");
        assert_eq!(told("memory ingestion"), (Some(65.0), GateState::Fail));
        assert_eq!(told("not all arrived"), (None, GateState::Inconclusive));
        assert!(!standing.gates.iter().any(|gate| gate.name == "memory kafka"), "it is no service of ours");
    }

    #[test]
    fn it_goes_with_the_run_and_takes_an_empty_folder_along() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("one");
        drop(begin(&folder));
        assert!(!folder.exists());
        let live = begin(&folder);
        fs::write(folder.join("verdict.json"), "{}").unwrap();
        drop(live);
        assert!(folder.join("verdict.json").is_file() && !folder.join(LIVE).exists());
    }
}
