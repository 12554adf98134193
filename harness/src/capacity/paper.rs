//! `capacity.json`: every step of a search, and what it came to; and the same as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use simulator::scenario::{Hop, Share};

use super::CapacityArgs;
use super::search::{Answer, Bounds, Search};
use crate::attempt::Attempted;
use crate::bundle::{GateResult, GateState, Versions, write};
use crate::case::Asked;
use crate::exit::Exit;
use crate::gates::{Gate, failed};
use crate::queues::Growth;
use crate::report::{decimal, grouped};
use crate::site::Site;

mod told;

/// The file of [`Paper`].
pub const CAPACITY: &str = "capacity.json";
/// Its version: another minor version only adds fields.
pub const SCHEMA: &str = "1.0";

/// What a search came to, and what that rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// [`SCHEMA`].
    pub schema: String,
    /// What it exits with.
    pub exit: Exit,
    /// Its exit code.
    pub exit_code: u8,
    /// It in a sentence.
    pub summary: String,
    /// The highest rate that held every gate, as it was asked for; absent where none did.
    pub held: Option<u32>,
    /// How many messages a second were accepted at it.
    pub held_messages_per_second: Option<f64>,
    /// The lowest rate that did not, twice; absent where all held.
    pub missed: Option<u32>,
    /// What stands in the way of more.
    pub limit: Limit,
    /// The queues that grew at the lowest rate that did not hold, whose did first in front.
    pub grown: Vec<Growth>,
    /// The scenario's name.
    pub scenario: String,
    /// What it says it is about.
    pub description: String,
    /// The seed of each step.
    pub seed: u64,
    /// How long each step lasts.
    pub seconds: f64,
    /// Clients that looked.
    pub clients: u16,
    /// The first rate.
    pub from: u32,
    /// The highest that was to be tried.
    pub most: u32,
    /// How closely it was searched, as a share.
    pub resolution: f64,
    /// What ran.
    pub versions: Versions,
    /// When it began, in microseconds since the Unix epoch.
    pub started_at: i64,
    /// Every step, in order.
    pub steps: Vec<Step>,
}

/// What stands in the way of more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The search has not ended.
    Open,
    /// A gate that the pipeline does not keep to.
    Pipeline,
    /// The generator: what the pipeline does at higher rates is not known.
    Generator,
    /// At higher rates nothing was looked at of something that was to be judged.
    Unjudged,
    /// Nobody asked for more.
    Asked,
}

/// One step: a run at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The rate that was asked for, in messages a second.
    pub asked: u32,
    /// What its games came to: those in which much happens have more messages.
    pub offered_per_second: f64,
    /// How many were accepted.
    pub messages_per_second: f64,
    /// What came of it.
    pub answer: Answer,
    /// The verdict on it.
    pub exit: Exit,
    /// From due time until the update was committed and published, in microseconds, by share: `p50`, `p99`.
    pub published_micros: BTreeMap<String, u64>,
    /// The same until a client that reads at once had it.
    pub at_client_micros: BTreeMap<String, u64>,
    /// The gates that did not hold.
    pub missed: Vec<GateResult>,
    /// The queues that grew, whose did first in front.
    pub grown: Vec<Growth>,
    /// The folder of its bundle.
    pub bundle: String,
    /// Whether what was accepted arrived and something was wrong with it all the same.
    pub is_wrong: bool,
}

impl Step {
    /// A run at this rate.
    pub(super) fn of(asked: u32, attempted: &Attempted, offered: f64, bundle: String) -> Self {
        let exit = Exit::first(&attempted.holds);
        let answer = match exit {
            Exit::Pass => Answer::Held,
            Exit::Invalid | Exit::Inconclusive => Answer::Unknown,
            _ => Answer::Missed,
        };
        let latencies = &attempted.outcome.latencies;
        let micros = |hop| {
            let of = |share: Share| Some((share.as_str().to_owned(), latencies.share(hop, share)?));
            [Share::P50, Share::P99].into_iter().filter_map(of).collect()
        };
        let missed: Vec<GateResult> =
            attempted.gates.iter().filter(|gate| gate.state != GateState::Pass).cloned().collect();
        let is = |gate: Gate| failed(&missed, gate);
        // What did not arrive is missing everywhere: that is told by its own gates.
        let is_whole = !is(Gate::Unsettled) && !is(Gate::Unanswered);
        Self {
            asked,
            offered_per_second: offered,
            messages_per_second: attempted.outcome.drive.rate(),
            answer,
            exit,
            published_micros: micros(Hop::Published),
            at_client_micros: micros(Hop::AtClient),
            is_wrong: is_whole && is(Gate::Anomalies),
            missed,
            grown: Vec::new(),
            bundle,
        }
    }

    /// The gates that did not hold, in words.
    #[must_use]
    pub fn gates(&self) -> String {
        self.missed.iter().map(write::gate_text).collect::<Vec<_>>().join("; ")
    }

    /// What came of it, on a line.
    pub(super) fn told(&self) -> String {
        match self.answer {
            Answer::Held => format!("  held: {} accepted a second", decimal(self.messages_per_second, 0)),
            Answer::Missed => format!("  did not hold: {}", self.gates()),
            Answer::Unknown if self.exit == Exit::Invalid => {
                format!("  invalid: {}. That is this machine's limit, not the pipeline's", self.gates())
            }
            Answer::Unknown => format!("  inconclusive: {}", self.gates()),
        }
    }
}

impl Paper {
    /// Of a search that has not begun.
    pub(super) fn begin(asked: &Asked, args: &CapacityArgs, bounds: Bounds, site: &Site<'_>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            exit: Exit::Inconclusive,
            exit_code: Exit::Inconclusive.code(),
            summary: "Nothing is known yet.".to_owned(),
            held: None,
            held_messages_per_second: None,
            missed: None,
            limit: Limit::Open,
            grown: Vec::new(),
            scenario: asked.name.clone(),
            description: asked.scenario.description.clone(),
            seed: asked.scenario.seed,
            seconds: asked.scenario.duration.as_secs_f64(),
            clients: args.clients,
            from: bounds.from,
            most: bounds.most,
            resolution: bounds.resolution,
            versions: write::versions(site, &site.database),
            started_at: jiff::Timestamp::now().as_microsecond(),
            steps: Vec::new(),
        }
    }

    /// Says what is known by now.
    pub(super) fn sum_up(&mut self, search: &Search, is_over: bool) {
        let last = |rate: Option<u32>, held: bool| {
            let is_such = |step: &&Step| Some(step.asked) == rate && (step.answer == Answer::Held) == held;
            self.steps.iter().rev().find(is_such)
        };
        self.held = search.held();
        self.missed = search.missed().map(|(rate, _)| rate);
        let (held, missed) = (last(self.held, true), last(self.missed, false));
        self.held_messages_per_second = held.map(|step| step.messages_per_second);
        self.grown = missed.map(|step| step.grown.clone()).unwrap_or_default();
        self.limit = match missed.map(|step| (step.answer, step.exit)) {
            _ if !is_over => Limit::Open,
            None | Some((Answer::Held, _)) => Limit::Asked,
            Some((Answer::Missed, _)) => Limit::Pipeline,
            Some((Answer::Unknown, Exit::Invalid)) => Limit::Generator,
            Some((Answer::Unknown, _)) => Limit::Unjudged,
        };
        let missed_exit = missed.map_or(Exit::Inconclusive, |step| step.exit);
        let (text, wrong) = (self.sentence(missed), self.wrong());
        self.exit = match self.limit {
            // Load may make it slow, never wrong.
            _ if !wrong.is_empty() => Exit::Correctness,
            Limit::Open => Exit::Inconclusive,
            Limit::Pipeline | Limit::Asked if self.held.is_some() => Exit::Pass,
            _ => missed_exit,
        };
        self.exit_code = self.exit.code();
        self.summary = text + &wrong;
    }

    fn sentence(&self, missed: Option<&Step>) -> String {
        let mut text = match (self.held, self.held_messages_per_second) {
            (Some(held), Some(accepted)) => format!(
                "{} messages a second hold every gate ({} were accepted a second).",
                grouped(held.into()),
                decimal(accepted, 0)
            ),
            _ => "No rate is known that holds every gate.".to_owned(),
        };
        let Some(step) = missed else {
            if self.limit == Limit::Asked {
                text.push_str(" More was not asked for.");
            }
            return text;
        };
        let asked = grouped(step.asked.into());
        let _ = match (step.answer, step.exit) {
            (Answer::Unknown, Exit::Invalid) => write!(
                text,
                " At {asked} the generator was late: that is this machine's limit, what the pipeline can do beyond is not known."
            ),
            (Answer::Unknown, _) => write!(text, " At {asked} it is not known: {}.", step.gates()),
            _ => write!(text, " {asked} do not: {}.", step.gates()),
        };
        let _ = match self.grown.as_slice() {
            [] => write!(text, " No queue grew for good."),
            [first, rest @ ..] => {
                let _ = write!(text, " The first queue to grow there: {first}, {}", first.queue.meaning());
                let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
                if rest.is_empty() { write!(text, ".") } else { write!(text, "; then {}.", rest.join(", ")) }
            }
        };
        text
    }

    /// Of rates at which something was wrong.
    fn wrong(&self) -> String {
        let wrong: Vec<String> =
            self.steps.iter().filter(|step| step.is_wrong).map(|step| grouped(step.asked.into())).collect();
        match wrong.as_slice() {
            [] => String::new(),
            _ => format!(" Something was WRONG at {}: load may make it slow, never wrong.", wrong.join(", ")),
        }
    }
}

impl Step {
    /// In a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (self.answer, self.exit) {
            (Answer::Held, _) => "held",
            (Answer::Missed, _) => "missed",
            (Answer::Unknown, Exit::Invalid) => "late",
            (Answer::Unknown, _) => "unjudged",
        }
    }

    /// Published p50 and p99, at a client p50 and p99.
    #[must_use]
    pub fn latencies(&self) -> [String; 4] {
        let of = |micros: &BTreeMap<String, u64>, share: Share| {
            let micros = micros.get(share.as_str());
            micros.map_or_else(
                || "–".to_owned(),
                |micros| format!("{} ms", decimal(crate::float::count(*micros) / 1e3, 1)),
            )
        };
        let (published, client) = (&self.published_micros, &self.at_client_micros);
        [of(published, Share::P50), of(published, Share::P99), of(client, Share::P50), of(client, Share::P99)]
    }
}

#[cfg(test)]
pub(crate) mod tests;
