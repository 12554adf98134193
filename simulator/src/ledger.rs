//! The ledger: what a world sent, and the state in which everything must end.
//!
//! A world writes it as it decides. Neither the sports' rules nor the event state of the processors have a part
//! in it, so it can be held against them.

use std::path::Path;

use anyhow::Context;
use domain::{EventId, Fixture, Incident, Market, Name, Sport, Status};
use serde::{Deserialize, Serialize};

use crate::faults::FaultPlan;
use crate::file;

pub use account::Account;
pub use deliveries::{Deliveries, NEVER};

mod account;
mod deliveries;

/// All events of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The seed from which all of it follows.
    pub seed: u64,
    /// The provider that spoke.
    pub provider: Name,
    /// Its producer.
    pub producer: Name,
    /// The events, in the order in which they were planned.
    pub events: Vec<LedgerEvent>,
}

/// One event: what was said of it and what is true when all of that has been applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEvent {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// How many messages were sent, which is the last sequence and the version the event must reach.
    pub messages: u64,
    /// When each was due, in nanoseconds from the start, from sequence 1 on.
    pub due_ns: Vec<u64>,
    /// Who plays whom.
    pub fixture: Fixture,
    /// The state of play at the end: status, score, score of each period.
    pub status: Status,
    /// Every incident that stands, in the order in which they were first told.
    pub incidents: Vec<Incident>,
    /// Every market as it ends: its status, the odds offered last and the results.
    pub markets: Vec<Market>,
}

impl Ledger {
    /// Messages of all events.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.events.iter().map(|event| event.messages).sum()
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        file::write(path, |out| Ok(serde_json::to_writer(out, self)?)).context("the ledger")
    }

    /// Reads what [`Ledger::save`] wrote.
    ///
    /// # Errors
    /// When there is no such file, or it is no ledger.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<Self> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
        read().with_context(|| format!("cannot read the ledger {}", path.display()))
    }
}

/// All of one run: what each of its producers sent, what went wrong in it, and what became of each message.
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

impl RunLedger {
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
