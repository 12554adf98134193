//! The run bundle: one folder with everything that is known of a run, for programs and people who were not there.
//!
//! `verdict.json` is [`Document`], `series.json` is [`Series`]; `docs/verdict.schema.json` is the contract of the first. Times of a
//! run are microseconds after its start unless they say otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anomaly::{Example, Kind};
use crate::exit::Exit;

pub use open::{draw, open};

mod hgrm;
mod junit;
pub(crate) mod markdown;
mod open;
mod series;
pub mod write;

/// The file of [`Document`].
pub const VERDICT: &str = "verdict.json";
/// The file of [`Series`].
pub const SERIES: &str = "series.json";
/// The page that people read.
pub const REPORT: &str = "report.html";

/// The version of [`Document`]: another minor version only adds fields.
pub const SCHEMA: &str = "1.1";

/// `verdict.json`: what a run came to, and what that rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: String,
    /// The run's name, which is its folder's.
    pub name: String,
    /// What it came to.
    pub verdict: VerdictPart,
    /// What was played.
    pub scenario: ScenarioPart,
    /// What ran.
    pub versions: Versions,
    /// When it began, in microseconds since the Unix epoch.
    pub started_at: i64,
    /// From the first message's due time until the last one had arrived everywhere.
    pub took_micros: u64,
    /// How the sending went.
    pub drive: DrivePart,
    /// Every gate, those of no scenario included.
    pub gates: Vec<GateResult>,
    /// Every kind of anomaly.
    pub anomalies: Vec<AnomalyPart>,
    /// What was compared in each place.
    pub places: Vec<PlacePart>,
    /// What was compared of each sport.
    pub sports: Vec<SportPart>,
    /// What each client that looked was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientPart>,
    /// How long messages took.
    pub latency: Vec<LatencyPart>,
    /// How long markets were served open that must not be.
    pub unsafe_open: UnsafeOpen,
    /// What went wrong in the feed, as it was planned.
    pub faults: Vec<FaultPart>,
    /// What was done to the stack.
    pub outages: Vec<Outage>,
    /// What each process used.
    pub processes: Vec<ProcessPart>,
    /// The files of the bundle, by what they are.
    pub files: BTreeMap<String, String>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictPart {
    /// The weightiest of `holds`.
    pub exit: Exit,
    /// Its exit code.
    pub exit_code: u8,
    /// All that hold, the weightiest first; none where the run passed.
    pub holds: Vec<Exit>,
    /// It in a sentence.
    pub summary: String,
    /// What could not be looked at when it was judged: nothing behind it was. Absent where all could. Since 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlooked: Option<String>,
}

/// What was played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioPart {
    /// Its name, or its file.
    pub name: String,
    /// What it says it is about.
    pub description: String,
    /// The seed from which all of it follows.
    pub seed: u64,
    /// How long it takes.
    pub seconds: f64,
    /// How long of that messages do not count for the latency yet.
    pub warm_up_seconds: f64,
    /// Messages.
    pub messages: u64,
    /// Games.
    pub games: u64,
    /// The command that repeats it.
    pub repeat: String,
}

/// What ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This program.
    pub matchday: String,
    /// The database server, as it names itself.
    pub database: String,
    /// The machine: its kernel, and how many processors it has.
    pub machine: String,
    /// Whether the stack was started for the run.
    pub is_own_stack: bool,
}

/// How the sending went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrivePart {
    /// Messages of the scenario.
    pub messages: u64,
    /// Sent at least once.
    pub sent: u64,
    /// Accepted.
    pub accepted: u64,
    /// Refused for good; those that had to be are no anomaly.
    pub refused: u64,
    /// Sent again, counted each time.
    pub sent_again: u64,
    /// Without a final answer.
    pub undelivered: u64,
    /// Bytes of all requests.
    pub bytes: u64,
    /// From the first to the last answer.
    pub took_micros: u64,
    /// Accepted messages a second.
    pub messages_per_second: f64,
    /// How late 99 of 100 messages of the warm-up were sent at most; absent where none were. In no gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up_late_p99_micros: Option<u64>,
    /// Messages that could not be sent when they were due because ingestion had not answered those before them; absent where there
    /// are none. In no gate: the latency counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
    /// When the process that sends and judges had no turn, behind the warm-up; absent where it always had one. Messages that waited for an
    /// answer meanwhile count as late of its own. Since 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<Stalled>,
    /// Messages that could not be sent in time because of what was done to the stack; absent where there are none. In no gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_up: Option<HeldUp>,
}

/// Messages that waited for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// How many.
    pub messages: u64,
    /// 99 of 100 of them waited no longer.
    pub p99_micros: u64,
}

/// When a process stood still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// How often.
    pub times: u64,
    /// The longest of these times.
    pub longest_micros: u64,
}

/// Messages that waited while their way was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUp {
    /// How many.
    pub messages: u64,
    /// How late 99 of 100 of them were sent at most.
    pub late_p99_micros: u64,
}

/// Whether a gate held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// It held.
    Pass,
    /// It did not.
    Fail,
    /// Nothing was measured of it.
    Inconclusive,
}

/// A gate, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// What it is about: `anomalies`, `latency at_client p99`, `memory processors-hockey`.
    pub name: String,
    /// What is allowed: at most that, or at least where it is about a rate.
    pub limit: f64,
    /// What was found; absent where nothing was measured.
    pub found: Option<f64>,
    /// The unit of both: `ms`, `s`, `MiB`, `messages/s`; empty of a count.
    pub unit: String,
    /// Whether it held.
    pub state: GateState,
    /// What holds where it did not.
    pub exit: Exit,
}

/// What was found of one kind of anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyPart {
    /// The kind.
    pub kind: Kind,
    /// How often it was looked for it; 0: of this kind nothing is known.
    pub checked: u64,
    /// How often it was found.
    pub found: u64,
    /// The first ones.
    pub examples: Vec<Example>,
}

/// What was compared in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacePart {
    /// Where.
    pub place: String,
    /// Values compared.
    pub compared: u64,
    /// Those that did not agree.
    pub differ: u64,
    /// How often it was looked there while messages were sent, and nothing was answered.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unanswered: u64,
}

/// What a client was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPart {
    /// Its name: `socket 2 (slow)`.
    pub name: String,
    /// Frames of events.
    pub frames: u64,
    /// Those of them that were images.
    pub images: u64,
    /// How often its connection ended without its doing, by how: `closed with 4008 (too many urgent updates wait)`, `broke`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, u64>,
}

/// One sport's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SportPart {
    /// The sport.
    pub sport: String,
    /// Its games.
    pub games: u64,
    /// Messages of them that count.
    pub messages: u64,
    /// Values compared.
    pub compared: u64,
    /// Those that did not agree.
    pub differ: u64,
}

/// From when it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// From when it was due: a generator that waited for an answer does not hide what the waiting cost.
    Due,
    /// From when it was sent: raw.
    Sent,
    /// From the hop before.
    HopBefore,
}

/// How long a group of messages took until a hop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyPart {
    /// How far they had come: see `simulator::scenario::Hop`.
    pub hop: String,
    /// From when it is counted.
    pub since: Since,
    /// Whether these are messages of the warm-up; else those behind it.
    pub is_warm_up: bool,
    /// Of this sport alone; absent: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<String>,
    /// Of this type of message alone (`odds_change`); absent: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Messages measured.
    pub count: u64,
    /// Those of them that were there before they could be: a clock is wrong, or one is read to the millisecond only. They are in
    /// no percentile.
    pub negative: u64,
    /// Percentiles in microseconds, by name: `p50`, `p90`, `p99`, `p99_9`, `p99_99`, `max`. Empty where nothing was measured.
    pub micros: BTreeMap<String, u64>,
    /// The whole distribution, where it is of all messages: what a `.hgrm` file says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distribution: Vec<Step>,
}

/// One step of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// A latency.
    pub micros: u64,
    /// The share of messages that took no longer, 0 to 1.
    pub quantile: f64,
    /// How many those are.
    pub count: u64,
}

/// Markets that were served open although they could not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsafeOpen {
    /// How often a market had to be shut because of what was not heard in time.
    pub checked: u64,
    /// The longest time that one was open after the deadline by which that had to be noticed.
    pub longest_micros: u64,
    /// The longest time that one was open before it, which nobody can avoid.
    pub exposed_micros: u64,
}

/// A fault of the feed, on the time axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPart {
    /// What went wrong.
    pub kind: String,
    /// When, as planned.
    pub at_micros: i64,
    /// Until when, where it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_micros: Option<i64>,
    /// The event, where it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// Something that was done to the stack while messages were sent, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// What was done to what, for a person: `kill processors-hockey`, `flush redis`.
    pub what: String,
    /// The part of the stack: `processors-hockey`, `kafka`.
    pub part: String,
    /// When.
    pub at_micros: i64,
    /// When it was taken back or was over; absent where that is the same moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_micros: Option<i64>,
    /// How long after its end (or itself) everything worked again; absent where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after_micros: Option<u64>,
}

/// What a process used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPart {
    /// Its name in the stack.
    pub name: String,
    /// CPU time.
    pub cpu_micros: u64,
    /// The messages that it had to do with.
    pub messages: u64,
    /// The most memory that it had at once, as far as was looked: once a second.
    pub resident_bytes_max: u64,
}

/// `series.json`: one value a second in every list, from the start on; `null` where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The end of each second, in microseconds after the start.
    pub at_micros: Vec<i64>,
    /// Messages sent within it.
    pub sent: Vec<Option<u64>>,
    /// Messages accepted within it.
    pub accepted: Vec<Option<u64>>,
    /// Updates that were in Kafka within it.
    pub published: Vec<Option<u64>>,
    /// Updates that clients read within it.
    pub at_client: Vec<Option<u64>>,
    /// Messages in feed topics that no processor had processed at its end.
    pub lag: Vec<Option<u64>>,
    /// Messages that lay before each hop at its end: see [`crate::queues::Queue`].
    #[serde(default)]
    pub queues: BTreeMap<String, Vec<Option<u64>>>,
    /// Latency from due to client, of what came within it: half of it was faster.
    pub at_client_p50_micros: Vec<Option<u64>>,
    /// And 99 of 100.
    pub at_client_p99_micros: Vec<Option<u64>>,
    /// Latency from due to the update's being in Kafka: half of what came within it was faster.
    pub published_p50_micros: Vec<Option<u64>>,
    /// And 99 of 100.
    pub published_p99_micros: Vec<Option<u64>>,
    /// Resident memory of each process at its end, in bytes.
    pub resident_bytes: BTreeMap<String, Vec<Option<u64>>>,
    /// CPU time of each process within it, in microseconds.
    pub cpu_micros: BTreeMap<String, Vec<Option<u64>>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_none(count: &u64) -> bool {
    *count == 0
}
