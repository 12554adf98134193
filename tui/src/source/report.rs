//! What a source reports: who was asked, when he answered, and what.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::Sport;
use serde::{Serialize, Serializer};

use super::{LogLine, PartitionOffsets, Producer, RunList, Scrape, SessionList};
use crate::bundle;
use crate::game::{Game, Match, Update};
use crate::order::Order;
use crate::simulator::{FaultList, Run, Scenario};
use crate::text::Text;

/// A process that has `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Plays a provider; one need not be there.
    Simulator,
    /// Takes the feed.
    Ingestion,
    /// Works on one sport.
    Processors(Sport),
    /// Serves REST and sockets.
    Distribution,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulator => formatter.pad("simulator"),
            Self::Ingestion => formatter.pad("ingestion"),
            Self::Processors(sport) => formatter.pad(&format!("processors-{sport}")),
            Self::Distribution => formatter.pad("distribution"),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A process, for its metrics and readiness.
    Part(Part),
    /// Kafka, for its offsets.
    Kafka,
    /// Distribution's REST, for all games that are live.
    Matches,
    /// Distribution's REST, for the game that is open.
    Game,
    /// The logs of the stack.
    Logs,
    /// The simulator's control.
    Control,
    /// Distribution's REST, for the producers.
    Producers,
    /// Distribution, for the sockets that keep up least.
    Sessions,
    /// The folder of run bundles.
    Runs,
    /// A bundle that is open.
    Bundle,
}

/// What came of one question.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who was asked.
    pub source: Source,
    /// When the answer was there, since this program started.
    pub at: Duration,
    /// The answer, or why there is none.
    pub found: Result<Finding, Text>,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of the processes of a part: what each of them told, by its address, or why it told nothing.
    Scrapes(Vec<(String, Result<Scrape, Text>)>),
    /// Of Kafka.
    Offsets(Vec<PartitionOffsets>),
    /// Of all games that are live.
    Matches(Vec<Match>),
    /// Of the game that is open: how it is, and what was added to its log since the answer before.
    Game(Box<Game>, Vec<Update>),
    /// What was logged since the answer before.
    Lines(Vec<LogLine>),
    /// Of the simulator's run; of its scenarios and faults where those were asked for.
    Run {
        /// How it stands; none before the first.
        run: Option<Run>,
        /// The ready-made scenarios.
        scenarios: Option<Vec<Scenario>>,
        /// What goes wrong in it on purpose.
        faults: Option<FaultList>,
    },
    /// What came of an order: how the run stands since, as far as that is told; why it was refused, where it was.
    Told(Order, Result<Option<Run>, Text>),
    /// Of the producers.
    Producers(Vec<Producer>),
    /// Of the sockets that keep up least.
    Sessions(SessionList),
    /// Of the folder of run bundles.
    Runs(RunList),
    /// Of a bundle that was opened: the run, or why it cannot be shown.
    Bundle(PathBuf, Result<Arc<bundle::Run>, Text>),
}
