//! What scripts are told of what is played, what goes wrong in it, and what it comes to.

use std::time::Duration;

use harness::bundle::GateState;
use serde::Serialize;

use crate::bundle::{Gate, Phase, Verdict, Verifying};
use crate::model::{Model, Sign, Touch};
use crate::simulator::RunState;

/// What the simulator plays.
#[derive(Clone, Debug, Serialize)]
pub struct PlayingSummary {
    /// What it is.
    pub program: String,
    /// How it stands.
    pub state: RunState,
    /// The seed from which all of it follows.
    pub seed: Option<u64>,
    /// How many times as fast as it was made.
    pub speed: Option<f64>,
    /// Messages a second that are due on average.
    pub rate: Option<f64>,
    /// Messages in all.
    pub messages: u64,
    /// Those accepted.
    pub accepted: u64,
    /// What goes wrong in it on purpose and has happened; none where it has not told yet.
    pub faults_happened: Option<usize>,
    /// In all.
    pub faults: Option<usize>,
}

/// How often the stack has noticed something.
#[derive(Clone, Debug, Serialize)]
pub struct NoticedSummary {
    /// What.
    pub what: Sign,
    /// How often within the window; none where that is not known.
    pub count: Option<f64>,
    /// How many seconds ago it was last.
    pub last_seconds_ago: Option<u64>,
}

/// A producer.
#[derive(Clone, Debug, Serialize)]
pub struct ProducerSummary {
    /// Whose feed it is.
    pub provider: String,
    /// Which of its producers.
    pub producer: String,
    /// Whether it is trusted.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
}

/// A gate, and what it has come to.
#[derive(Clone, Debug, Serialize)]
pub struct GateSummary {
    /// What it is about.
    pub name: String,
    /// What is allowed.
    pub limit: f64,
    /// What was found.
    pub found: Option<f64>,
    /// The unit of both.
    pub unit: String,
    /// Whether it held, or holds so far.
    pub state: GateState,
}

/// A run that is being verified.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyingSummary {
    /// Its name.
    pub name: String,
    /// The name of the record of the stack that it verifies, where that is told.
    pub stack: Option<String>,
    /// Whether that is the stack that is looked at.
    pub is_here: bool,
    /// What is played.
    pub scenario: String,
    /// What is being done: `sending`.
    #[serde(skip)]
    pub phase: &'static str,
    /// As a word for scripts.
    #[serde(rename = "phase")]
    pub phase_name: Phase,
    /// Messages in all.
    pub messages: u64,
    /// Those accepted.
    pub accepted: u64,
    /// What every gate has come to.
    pub gates: Vec<GateSummary>,
}

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// Its name.
    pub name: String,
    /// What was played.
    pub scenario: String,
    /// The seed from which all of it followed.
    pub seed: u64,
    /// What it came to.
    pub exit: &'static str,
    /// It in a sentence.
    pub summary: String,
    /// Accepted messages a second.
    pub per_second: f64,
    /// What one message in a hundred exceeded on its way to a client, in seconds.
    pub p99_seconds: Option<f64>,
    /// Anomalies of all kinds.
    pub anomalies: u64,
    /// Every gate.
    pub gates: Vec<GateSummary>,
}

impl GateSummary {
    fn of(gate: &Gate) -> Self {
        let Gate { name, limit, found, unit, state } = gate;
        Self { name: name.to_string(), limit: *limit, found: *found, unit: unit.to_string(), state: *state }
    }
}

impl VerifyingSummary {
    fn of(run: &Verifying, is_here: bool) -> Self {
        Self {
            name: run.name.to_string(),
            stack: run.stack.as_ref().map(ToString::to_string),
            is_here,
            scenario: run.scenario.to_string(),
            phase: run.phase_word(),
            phase_name: run.phase,
            messages: run.messages,
            accepted: run.accepted,
            gates: run.gates.iter().map(GateSummary::of).collect(),
        }
    }
}

impl RunSummary {
    /// Of a verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            name: verdict.name.to_string(),
            scenario: verdict.scenario.to_string(),
            seed: verdict.seed,
            exit: verdict.exit.as_str(),
            summary: verdict.summary.to_string(),
            per_second: verdict.per_second,
            p99_seconds: verdict.p99_seconds,
            anomalies: verdict.anomalies_found(),
            gates: verdict.gates.iter().map(GateSummary::of).collect(),
        }
    }
}

impl Model {
    pub(super) fn playing_summary(&self) -> Option<PlayingSummary> {
        let run = self.playing().filter(|_| self.control.contact.touch(self.now) == Touch::Fresh)?;
        let faults = self.faults();
        Some(PlayingSummary {
            program: run.program.to_string(),
            state: run.state,
            seed: run.seed,
            speed: run.speed,
            rate: run.rate,
            messages: run.messages,
            accepted: run.accepted,
            faults_happened: faults.as_ref().map(|all| all.iter().filter(|fault| fault.is_past).count()),
            faults: faults.as_ref().map(Vec::len),
        })
    }

    pub(super) fn verifying_summary(&self) -> Option<VerifyingSummary> {
        let run = self.runs.verifying.as_ref()?;
        Some(VerifyingSummary::of(run, self.verifying().is_some()))
    }

    pub(super) fn noticed_summary(&self, window: Duration) -> Vec<NoticedSummary> {
        let of = |what| NoticedSummary {
            what,
            count: self.noticed.within(what, self.now, window),
            last_seconds_ago: self.noticed.last(what, self.now).map(|ago| ago.as_secs()),
        };
        Sign::ALL.map(of).into()
    }

    pub(super) fn producers_summary(&self) -> Vec<ProducerSummary> {
        let producers = self.producers_now().iter();
        producers
            .map(|producer| ProducerSummary {
                provider: producer.provider.to_string(),
                producer: producer.producer.to_string(),
                state: producer.state.to_string(),
                reason: producer.reason.as_ref().map(ToString::to_string),
            })
            .collect()
    }
}
