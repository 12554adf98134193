//! What became of each message of a drive: when it was due, when it went, when it was answered, and how.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A time of what did not happen.
pub const NEVER: i64 = -1;

/// One entry per message in every list, in the order of the schedule. Times are microseconds after the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// The wall clock at the start.
    pub started_at: Timestamp,
    /// The events by name; those of no event are of the empty one.
    pub events: Vec<Box<str>>,
    /// Of which of them each message is.
    pub event: Vec<u32>,
    /// When it was due.
    pub due_micros: Vec<i64>,
    /// When it went out for the first time; [`NEVER`] where it did not.
    pub sent_micros: Vec<i64>,
    /// When its final answer came; [`NEVER`] where none did.
    pub answered_micros: Vec<i64>,
    /// The HTTP status of that answer, its own in a batch; 0 where none came.
    pub status: Vec<u16>,
    /// How many requests with a message had no answer, of each of which that is known: whether it was taken then nobody can say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unanswered: BTreeMap<u32, u32>,
}

impl Deliveries {
    /// Of nothing, begun at this time.
    #[must_use]
    pub fn none(started_at: Timestamp) -> Self {
        let (times, status) = (Vec::new, Vec::new());
        Self {
            started_at,
            events: Vec::new(),
            event: Vec::new(),
            due_micros: times(),
            sent_micros: times(),
            answered_micros: times(),
            status,
            unanswered: BTreeMap::new(),
        }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        crate::file::write(path, |out| Ok(serde_json::to_writer(out, self)?)).context("the deliveries")
    }

    /// Reads what [`Deliveries::save`] wrote.
    ///
    /// # Errors
    /// When there is no such file, or its lists are not of one length.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<Self> {
            let read: Self = serde_json::from_slice(&std::fs::read(path)?)?;
            let length = read.event.len();
            let others = [&read.due_micros, &read.sent_micros, &read.answered_micros];
            anyhow::ensure!(
                others.iter().all(|list| list.len() == length) && read.status.len() == length,
                "its lists are not of one length"
            );
            Ok(read)
        };
        read().with_context(|| format!("cannot read the deliveries {}", path.display()))
    }
}
