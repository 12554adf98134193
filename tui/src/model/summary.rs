//! Everything that scripts are told, in one document.

use std::time::Duration;

use serde::Serialize;

use super::pipeline::{Place, Row};
use super::{Level, Model, Touch, Warning};

mod faults;
mod topics;

pub use faults::{
    GateSummary, NoticedSummary, PlayingSummary, ProducerSummary, RunSummary, VerifyingSummary,
};
pub use topics::{HotPartition, TopicSummary};

/// Everything that scripts are told.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The version of this document: a change of its first number may change or remove what was there.
    pub schema: &'static str,
    /// The stack.
    pub stack: String,
    /// When, in microseconds since the Unix epoch.
    pub at: u64,
    /// The worst of all states.
    pub state: Level,
    /// What somebody should look at, the worst first.
    pub warnings: Vec<Warning>,
    /// The hops, in the order in which messages pass.
    pub hops: Vec<Row>,
    /// The sports.
    pub sports: Vec<Row>,
    /// The topics, by name; none where Kafka has told nothing.
    pub topics: Vec<TopicSummary>,
    /// How many games are live; `None` where that is not known.
    pub live_games: Option<usize>,
    /// How many sockets are open.
    pub sessions: Option<f64>,
    /// How many of them do not keep up.
    pub sessions_behind: Option<f64>,
    /// What the simulator plays.
    pub playing: Option<PlayingSummary>,
    /// What the stack has noticed within the window, by what it is.
    pub noticed: Vec<NoticedSummary>,
    /// The producers, and whether each is trusted.
    pub producers: Vec<ProducerSummary>,
    /// The run that is being verified, be it on this stack or on another one.
    pub verifying: Option<VerifyingSummary>,
    /// What the run that was verified last came to.
    pub last_run: Option<RunSummary>,
}

impl Model {
    /// Everything that scripts are told, at this time of day.
    #[must_use]
    pub fn summary(&self, window: Duration, since_epoch: Duration) -> Summary {
        let hops: Vec<Row> = Place::HOPS.into_iter().map(|place| self.row(place, window)).collect();
        let is_told = self.games.contact.touch(self.now) == Touch::Fresh;
        Summary {
            schema: "1.6",
            stack: self.stack.to_string(),
            at: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
            state: self.state(),
            warnings: self.warnings(),
            hops,
            sports: self.sports().map(|sport| self.row(Place::Sport(sport), window)).collect(),
            topics: self.topics_summary(),
            live_games: is_told.then_some(self.games.live.len()),
            sessions: self.clients.sessions.last(self.now),
            sessions_behind: self.clients.behind.last(self.now),
            playing: self.playing_summary(),
            noticed: self.noticed_summary(window),
            producers: self.producers_summary(),
            verifying: self.verifying_summary(),
            last_run: self.runs.last().map(RunSummary::of),
        }
    }
}
