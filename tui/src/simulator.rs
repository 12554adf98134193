//! What the simulator's control tells, as far as it is of use here, every text of it [safe to show](Text).

use serde::Deserialize;

use crate::text::Text;

/// `/v1/run`.
#[derive(Clone, Debug, Deserialize)]
pub struct RunAnswer {
    /// How the run stands, or the last one ended; none before the first.
    pub run: Option<Run>,
}

/// A run of the simulator.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Run {
    /// Counts the runs of its process, from 1.
    pub number: u64,
    /// What is played.
    pub program: Text,
    /// How it stands.
    pub state: RunState,
    /// The seed from which all of it follows, once known.
    pub seed: Option<u64>,
    /// How many times as fast as it was made; none at top speed.
    pub speed: Option<f64>,
    /// Messages a second that are due on average at that speed.
    pub rate: Option<f64>,
    /// Seconds since the first message was due.
    pub elapsed_seconds: f64,
    /// Messages in all.
    pub messages: u64,
    /// Messages that have gone out at least once.
    pub sent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// What goes wrong in it, as it was planned.
    pub faults: u64,
    /// How it ended, once it has.
    pub end: Option<End>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its messages are being made.
    Preparing,
    /// Messages go out when they are due.
    Playing,
    /// It stands still.
    Paused,
    /// It has been told to end.
    Stopping,
    /// All was sent.
    Complete,
    /// It was ended before its time.
    Stopped,
    /// It could not be played, or sent.
    Failed,
}

impl RunState {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Playing => "playing",
            Self::Paused => "PAUSED",
            Self::Stopping => "stopping",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Complete | Self::Stopped | Self::Failed)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct End {
    /// Messages without a final answer.
    pub undelivered: u64,
    /// Answers that are none of those that may come of its faults.
    pub unexpected: u64,
    /// What went wrong, where something did.
    pub error: Option<Text>,
}

/// `/v1/scenarios`.
#[derive(Clone, Debug, Deserialize)]
pub struct ScenarioList {
    /// Every ready-made one.
    pub scenarios: Vec<Scenario>,
}

/// A ready-made scenario.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: Text,
    /// What it is about.
    pub description: Text,
    /// How long it takes.
    pub seconds: u64,
    /// How many messages it has.
    pub messages: u64,
}

/// `/v1/run/faults`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FaultList {
    /// Those that were planned.
    pub faults: Vec<Fault>,
    /// Those that were asked for.
    pub injected: Vec<Injected>,
}

/// Something that goes wrong in the feed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: Text,
    /// With which event, where it is one.
    pub event_id: Option<Text>,
    /// When, in nanoseconds after the start, at the speed at which it was made.
    pub at_ns: u64,
}

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Injected {
    /// What, once it has happened.
    pub kind: Option<Text>,
    /// With which event.
    pub event_id: Option<Text>,
    /// When, in nanoseconds after the start.
    pub at_ns: Option<u64>,
    /// Of a copy, how it was answered: an HTTP status, 0 where nobody answered.
    pub answer: Option<u16>,
    /// Whether it has happened.
    pub has_happened: bool,
}
