//! `simulator run`: a scenario is sent, and every answer held against what may come of its faults.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::delivery::Delivery;
use super::say;
use crate::drive::{self, DriveOptions};
use crate::file;
use crate::pacer::Speed;
use crate::recording::{self, Header};
use crate::scenario::{READY, Scenario};
use crate::schedule::Schedule;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// A scenario's file, or the name of a ready-made one: `simulator scenarios` lists them
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many times as fast as the scenario says, or `max`
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// Write here what was decided, what must result and what was answered, as JSON; what goes wrong beside it, before it does
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write what is sent here before it is, as recordings: one of each provider and format, with the times of its making
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    delivery: Delivery,
}

/// Whether all that was sent was answered as it may be.
pub(super) fn run(args: &Run) -> anyhow::Result<bool> {
    let mut scenario = Scenario::load(&args.scenario)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let scene = scenario.play_for(drive::now(), args.speed)?;
    let (silences, mut ledger) = (scene.silences(), scene.ledger);
    let (events, faults) =
        (ledger.producers.iter().map(|it| it.events.len()).sum::<usize>(), &ledger.faults.faults);
    say::line(&format!("{} (seed {})", scenario.description, scenario.seed));
    say::line(&format!(
        "{} messages of {events} games over {}, {} faults",
        say::count(scene.schedule.len() as u64),
        say::duration(scenario.duration),
        faults.len()
    ));
    if !scenario.outages.is_empty() {
        say::line(&format!(
            "its {} outages of the stack do not happen: `matchday verify` makes them",
            scenario.outages.len()
        ));
    }
    if let Some(path) = &args.ledger {
        ledger.save(path)?;
    }
    if let Some(folder) = &args.record {
        let source = format!("{}, played by the simulator", scenario.description.trim_end_matches('.'));
        record(&scene.schedule, folder, &source, scenario.seed)?;
    }
    if args.check {
        return Ok(true);
    }
    let outlet = args.delivery.open()?;
    let options = DriveOptions { speed: args.speed, silences, abandons: true, ..args.delivery.options() };
    let mut report = outlet.send(scene.schedule, &options)?;
    if args.delivery.is_dropped() {
        // Nobody answered.
        say::report(&report);
        return Ok(true);
    }
    let unexpected = ledger.faults.unexpected(&report.deliveries);
    let planned = ledger.faults.answers();
    report.refused_first.retain(|place, _| unexpected.iter().any(|it| it.message == *place as u64));
    say::report(&report);
    if !planned.is_empty() {
        let asked: usize = planned.len();
        say::line(&format!(
            "{} messages sent because of faults; {} answers are not as they may be",
            asked,
            unexpected.len()
        ));
    }
    if let Some(path) = &args.ledger {
        ledger.deliveries = Some(report.deliveries);
        ledger.save(path)?;
    }
    let is_refused = unexpected.iter().any(|it| it.status != 0);
    Ok(!is_refused && report.gave_up.is_none() && (unexpected.is_empty() || report.is_stopped))
}

/// Writes a recording of each feed; replaying the folder replays them all.
fn record(schedule: &Schedule, folder: &Path, source: &str, seed: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (provider, format) in schedule.feeds() {
        let path = folder.join(recording::file_name(&provider, format));
        let header = Header::new(provider, format, source, Some(seed));
        let written = file::write(&path, |out| Ok(schedule.record_feed(header, out)?))?;
        let messages = say::count(written.messages.unwrap_or_default());
        say::line(&format!("{}: {messages} messages", path.display()));
    }
    Ok(())
}

/// Lists the ready-made scenarios.
pub(super) fn list() -> anyhow::Result<bool> {
    let width = READY.iter().map(|ready| ready.name.len()).max().unwrap_or_default();
    for ready in READY {
        let scenario = Scenario::parse(ready.text)?;
        say::line(&format!("{:width$}  {}", ready.name, scenario.description));
    }
    Ok(true)
}
