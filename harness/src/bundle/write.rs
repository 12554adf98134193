//! Writes a run bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use simulator::Scenario;
use simulator::faults::{Fault, Kind as FaultKind};
use simulator::run_ledger::RunLedger;

use super::series::series;
use super::{
    AnomalyPart, ClientPart, Document, DrivePart, FaultPart, GateResult, GateState, HeldUp, Outage,
    PlacePart, ProcessPart, REPORT, SCHEMA, SERIES, ScenarioPart, SportPart, Stalled, UnsafeOpen, VERDICT,
    VerdictPart, Versions, Waited, hgrm, junit, markdown,
};
use crate::anomaly::{Anomalies, Kind};
use crate::exit::Exit;
use crate::gates;
use crate::judge::Tally;
use crate::lateness::Lateness;
use crate::observe::socket::{Ended, Seen};
use crate::report::{decimal, grouped};
use crate::run::Outcome;
use crate::site::Site;

/// A run that is over.
pub struct Played<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// The text of its file.
    pub text: &'a str,
    /// The command that repeats it.
    pub repeat: String,
    /// What was played.
    pub scenario: &'a Scenario,
    /// What that came to, before it was sent.
    pub ledger: &'a RunLedger,
    /// How it went.
    pub outcome: &'a Outcome,
    /// What was done to the stack.
    pub outages: &'a [Outage],
    /// Every gate.
    pub gates: Vec<GateResult>,
    /// All that holds.
    pub holds: BTreeSet<Exit>,
    /// How long messages did not count for the latency.
    pub warm_up: Duration,
    /// Where it ran.
    pub site: &'a Site<'a>,
    /// Where the logs of its processes are.
    pub logs: Option<&'a Path>,
    /// The files that repeat it, by what they are.
    pub case: BTreeMap<String, String>,
}

/// Writes everything that is known of a run into a new folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, played: Played) -> Result<Document> {
    let writing = || format!("writing the run bundle {}", folder.display());
    fs::create_dir_all(folder).with_context(writing)?;
    let mut ledger = played.ledger.clone();
    ledger.deliveries = Some(played.outcome.drive.deliveries.clone());
    ledger.save(&folder.join("ledger.json"))?;
    fs::write(folder.join("scenario.toml"), played.text).with_context(writing)?;
    let series = series(played.outcome);
    fs::write(folder.join(SERIES), serde_json::to_vec(&series).with_context(writing)?)
        .with_context(writing)?;
    let has_logs = played.logs.map(|logs| copy_logs(logs, &folder.join("logs"))).transpose()?.is_some();
    let mut document = document(folder, played, has_logs);
    document.files.extend(hgrm::files(&document));
    let json = serde_json::to_vec_pretty(&document).with_context(writing)?;
    fs::write(folder.join(VERDICT), json).with_context(writing)?;
    fs::write(folder.join("junit.xml"), junit::junit(&document)).with_context(writing)?;
    fs::write(folder.join("summary.md"), markdown::markdown(&document)).with_context(writing)?;
    super::draw(folder, &document, &series)?;
    Ok(document)
}

/// Copies the logs of a stack's folder.
pub(crate) fn copy_logs(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying the logs in {}", from.display());
    fs::create_dir_all(to).with_context(copying)?;
    for entry in fs::read_dir(from).with_context(copying)? {
        let path = entry.with_context(copying)?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(name) = path.file_name()
        {
            fs::copy(&path, to.join(name)).with_context(copying)?;
        }
    }
    Ok(())
}

fn document(folder: &Path, played: Played, has_logs: bool) -> Document {
    let Played { outcome, scenario, site, .. } = &played;
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let unsafe_times = outcome.unsafe_times;
    Document {
        schema: SCHEMA.to_owned(),
        name,
        verdict: verdict(&played),
        scenario: ScenarioPart {
            name: played.name.to_owned(),
            description: scenario.description.clone(),
            seed: scenario.seed,
            seconds: scenario.duration.as_secs_f64(),
            warm_up_seconds: played.warm_up.as_secs_f64(),
            messages: outcome.drive.messages,
            games: outcome.sports.iter().map(|share| share.games as u64).sum(),
            repeat: played.repeat.clone(),
        },
        versions: versions(site, &outcome.database),
        started_at: outcome.drive.timeline.started_at.0,
        took_micros: micros(outcome.took),
        drive: drive(outcome),
        gates: played.gates.clone(),
        anomalies: Kind::ALL.into_iter().map(|kind| anomaly(kind, &outcome.verdict.anomalies)).collect(),
        places: outcome.verdict.places.iter().map(|(place, tally)| place_part(place, tally)).collect(),
        sports: sports(outcome),
        clients: outcome.seen.iter().map(client).collect(),
        latency: outcome.latencies.parts(),
        unsafe_open: UnsafeOpen {
            checked: unsafe_times.checked,
            longest_micros: unsafe_times.longest_micros,
            exposed_micros: unsafe_times.exposed_micros,
        },
        faults: played.ledger.faults.faults.iter().map(fault).collect(),
        outages: played.outages.to_vec(),
        processes: outcome.cpu.iter().map(process).collect(),
        files: files(has_logs, &played.case),
    }
}

fn verdict(played: &Played) -> VerdictPart {
    let holds: Vec<Exit> = Exit::BY_WEIGHT.into_iter().filter(|exit| played.holds.contains(exit)).collect();
    let exit = Exit::first(&played.holds);
    VerdictPart {
        exit,
        exit_code: exit.code(),
        unlooked: played.outcome.unlooked.clone(),
        summary: summary(exit, &holds, played),
        holds,
    }
}

/// The verdict in a sentence, what makes it invalid first.
fn summary(exit: Exit, holds: &[Exit], played: &Played) -> String {
    let Outcome { verdict, drive, unlooked, .. } = played.outcome;
    if exit == Exit::Pass {
        return format!(
            "PASS: {} messages accepted, {} values compared in {} places, no anomaly, every gate held.",
            grouped(drive.accepted),
            grouped(verdict.compared()),
            verdict.places.len()
        );
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(unlooked) = unlooked {
        let _ = write!(text, "ENVIRONMENT: not all could be looked at ({unlooked}); the rest is judged. ");
    }
    if let Some(why) = gates::invalid(&played.gates) {
        let _ = write!(text, "INVALID: {why}. ");
    }
    let names: Vec<&str> = holds.iter().map(|exit| exit.as_str()).collect();
    let failed = played.gates.iter().filter(|gate| gate.state != GateState::Pass).map(gate_text);
    let _ = write!(text, "Not passed ({}): {}.", names.join(", "), failed.collect::<Vec<_>>().join("; "));
    text
}

/// A gate in words.
pub(crate) fn gate_text(gate: &GateResult) -> String {
    let GateResult { name, limit, found, unit, state, .. } = gate;
    let found = found.map_or_else(|| "not measured".to_owned(), |found| figure(found, unit));
    match (state, unit.as_str()) {
        (GateState::Fail, "messages/s") => {
            format!("{name} {found}, must be at least {}", figure(*limit, unit))
        }
        (GateState::Fail, _) => format!("{name} {found}, may be {}", figure(*limit, unit)),
        _ => format!("{name} {found}"),
    }
}

fn figure(value: f64, unit: &str) -> String {
    // Counts are whole.
    let digits = usize::from(value.fract() != 0.0);
    format!("{} {unit}", decimal(value, digits)).trim_end().to_owned()
}

/// Every gate on a line, for a terminal.
#[must_use]
pub fn gates_text(document: &Document) -> String {
    let mut text =
        String::from("  gate                                            found              limit\n");
    for GateResult { name, limit, found, unit, state, .. } in &document.gates {
        let sign = match state {
            GateState::Pass => " ",
            GateState::Fail => "x",
            GateState::Inconclusive => "?",
        };
        let found = found.map_or_else(|| "-".to_owned(), |found| figure(found, unit));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{sign} {name:<34} {found:>18} {:>18}", figure(*limit, unit));
    }
    let unchecked: Vec<&str> =
        document.anomalies.iter().filter(|part| part.checked == 0).map(|part| part.kind.as_str()).collect();
    if !unchecked.is_empty() {
        let _ = writeln!(text, "  nothing was looked at for: {}", unchecked.join(", "));
    }
    let unseen: Vec<&str> =
        document.places.iter().filter(|part| part.compared == 0).map(|part| part.place.as_str()).collect();
    if !unseen.is_empty() {
        let _ = writeln!(text, "  nothing was looked at in: {}", unseen.join(", "));
    }
    text
}

fn drive(outcome: &Outcome) -> DrivePart {
    let (drive, Lateness { warm_up, waited, held_up, stalls, stalled_micros, .. }) =
        (&outcome.drive, outcome.lateness);
    DrivePart {
        messages: drive.messages,
        sent: drive.sent,
        accepted: drive.accepted,
        refused: drive.refused,
        sent_again: drive.sent_again,
        undelivered: drive.undelivered,
        bytes: drive.bytes,
        took_micros: micros(drive.elapsed),
        messages_per_second: drive.rate(),
        warm_up_late_p99_micros: warm_up.p99_micros,
        waited: waited.p99_micros.map(|p99| Waited { messages: waited.messages, p99_micros: p99 }),
        stalled: stalled_micros
            .filter(|longest| *longest > 0)
            .map(|longest_micros| Stalled { times: stalls, longest_micros }),
        held_up: held_up.p99_micros.map(|p99| HeldUp { messages: held_up.messages, late_p99_micros: p99 }),
    }
}

fn anomaly(kind: Kind, anomalies: &Anomalies) -> AnomalyPart {
    let count = anomalies.of(kind);
    AnomalyPart { kind, checked: count.checked, found: count.found, examples: count.examples.clone() }
}

fn place_part(place: &str, tally: &Tally) -> PlacePart {
    let Tally { compared, differ, unanswered } = *tally;
    PlacePart { place: place.to_owned(), compared, differ, unanswered }
}

fn client((name, seen): (&String, &Seen)) -> ClientPart {
    let mut ended = BTreeMap::new();
    for Ended { end, .. } in &seen.ends {
        *ended.entry(end.name()).or_default() += 1;
    }
    ClientPart { name: name.clone(), frames: seen.arrivals.len() as u64, images: seen.images, ended }
}

fn sports(outcome: &Outcome) -> Vec<SportPart> {
    let part = |share: &crate::run::SportOutcome| {
        let Tally { compared, differ, .. } =
            outcome.verdict.sports.get(&share.sport).copied().unwrap_or_default();
        let (sport, games, messages) = (share.sport.clone(), share.games as u64, share.messages);
        SportPart { sport, games, messages, compared, differ }
    };
    outcome.sports.iter().map(part).collect()
}

/// A fault on the time axis.
pub(crate) fn fault(fault: &Fault) -> FaultPart {
    let kind = serde_json::to_value(&fault.kind).ok();
    let name = kind.as_ref().and_then(|kind| kind["kind"].as_str()).unwrap_or_default().to_owned();
    let at = |ns: u64| i64::try_from(ns / 1_000).unwrap_or(i64::MAX);
    let ended = match &fault.kind {
        FaultKind::Silence { for_ns, .. } => Some(*for_ns),
        FaultKind::GapFilled { after_ns, .. } | FaultKind::ReorderBeyond { after_ns } => Some(*after_ns),
        FaultKind::Late { by_ns } => Some(*by_ns),
        _ => None,
    };
    FaultPart {
        kind: name,
        at_micros: at(fault.at_ns),
        ended_micros: ended.map(|length| at(fault.at_ns + length)),
        event_id: fault.event_id.as_ref().map(ToString::to_string),
    }
}

fn process(used: &crate::run::CpuUse) -> ProcessPart {
    ProcessPart {
        name: used.process.clone(),
        cpu_micros: used.micros,
        messages: used.messages,
        resident_bytes_max: used.resident_max,
    }
}

fn files(has_logs: bool, case: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut files = vec![
        ("scenario", "scenario.toml"),
        ("ledger", "ledger.json"),
        ("faults", "ledger.json.faults.json"),
        ("series", SERIES),
        ("report", REPORT),
        ("verdict", VERDICT),
        ("junit", "junit.xml"),
        ("summary", "summary.md"),
    ];
    if has_logs {
        files.push(("logs", "logs"));
    }
    let files = files.into_iter().map(|(what, file)| (what.to_owned(), file.to_owned()));
    files.chain(case.clone()).collect()
}

/// What ran there, with this database.
pub(crate) fn versions(site: &Site, database: &str) -> Versions {
    Versions {
        matchday: env!("CARGO_PKG_VERSION").to_owned(),
        database: database.to_owned(),
        machine: machine(),
        is_own_stack: site.own().is_some(),
    }
}

/// The machine, for whoever compares figures.
fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Linux {}, {processors} processors", kernel.trim())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
