//! `simulator run`: a scenario is sent, and every answer held against what may come of its faults.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use domain::{Name, Timestamp};

use super::delivery::{Delivery, Ended};
use super::{import, say};
use crate::control::Program;
use crate::drive::{self, DriveOptions};
use crate::file;
use crate::format::Format;
use crate::pacer::Speed;
use crate::recording::{self, Header, RecordingError};
use crate::scenario::{READY, Scenario, Tempo};
use crate::schedule::{Schedule, suffix_at};

#[derive(Debug, Args)]
pub(super) struct Run {
    /// A scenario's file, or the name of a ready-made one: `simulator scenarios` lists them
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Give games and messages ids of their own, so that they are others to whoever has had those of this seed
    #[arg(long)]
    fresh: bool,
    /// The time that the messages' own times count from, such as 2026-01-01T12:00:00Z; now. So a recording of what is not sent is
    /// the same, byte for byte, each time: what is sent has the times of its sending
    #[arg(long, value_name = "TIME", value_parser = import::start)]
    start: Option<Timestamp>,
    /// How many times as fast as the scenario says, or `max`
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// What says when messages are due: `own` lets the games of a scenario with rates take their own time instead
    #[arg(long, value_enum, value_name = "PACE")]
    pace: Option<Tempo>,
    /// Write here what was decided, what must result and what was answered, as JSON; what goes wrong beside it, before it does
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write what was sent and when, as recordings: one of each provider and format; with `--check` or `--sink null` what would
    /// have been, and when it was due
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    delivery: Delivery,
}

/// Whether all that was sent was answered as it may be.
pub(super) fn run(args: &Run) -> anyhow::Result<Ended> {
    let mut scenario = Scenario::load(&args.scenario)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(tempo) = args.pace {
        scenario = scenario.at(tempo).with_context(|| args.scenario.clone())?;
    }
    let now = args.start.unwrap_or_else(drive::now);
    if args.fresh {
        scenario.suffix = suffix_at(drive::now());
    }
    // As compilers say it, so that editors jump there.
    let scene = scenario.play_for(now, args.speed).map_err(|error| match error {
        error if error.has_place() => anyhow!("{}:{error}", args.scenario),
        error => anyhow!(error).context(args.scenario.clone()),
    })?;
    let (silences, mut ledger) = (scene.silences(), scene.ledger);
    let schedule = Arc::new(scene.schedule);
    let (events, faults) =
        (ledger.producers.iter().map(|it| it.events.len()).sum::<usize>(), &ledger.faults.faults);
    say::line(&format!("{} (seed {})", scenario.description, scenario.seed));
    say::line(&format!(
        "{} messages of {events} games over {}, {} faults",
        say::count(schedule.len() as u64),
        say::duration(match scenario.tempo {
            Tempo::Rate => scenario.duration,
            Tempo::Own => Duration::from_nanos(schedule.duration_ns()),
        }),
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
    if args.check {
        args.record(&scenario, &schedule, |header, out| schedule.record_feed(header, out))?;
        return Ok(Ended::Well);
    }
    args.record_feeds(&schedule)?.iter().try_for_each(|(path, ..)| file::check(path))?;
    let outlet = args.delivery.open()?;
    let program = Program::Scenario(Box::new(scenario.clone()));
    outlet.prepare(&args.scenario, &program, Some(scenario.seed), args.speed);
    let options = DriveOptions { speed: args.speed, silences, abandons: true, ..args.delivery.options() };
    let mut report = outlet.send(Arc::clone(&schedule), Arc::new(ledger.faults.clone()), &options)?;
    if args.delivery.is_dropped() {
        // Nobody answered.
        args.record(&scenario, &schedule, |header, out| schedule.record_feed(header, out))?;
        say::report(&report);
        return Ok(Ended::in_time(&report));
    }
    // What became of the messages is told in any case.
    let recorded =
        args.record(&scenario, &schedule, |header, out| report.record_feed(&schedule, header, out));
    let in_time = Ended::in_time(&report);
    let unexpected = ledger.faults.unexpected(&report.deliveries);
    let planned = ledger.faults.answers();
    report.refused_first.retain(|place, _| unexpected.iter().any(|it| it.message == *place as u64));
    let refused = unexpected.iter().filter(|it| it.status != 0).count();
    say::report_refusing(&report, refused as u64);
    if !planned.is_empty() {
        let asked: usize = planned.len();
        say::line(&format!(
            "{} messages sent because of faults; {} answers are not as they may be",
            asked,
            unexpected.len()
        ));
    }
    let ended = match (refused, &report.gave_up, report.is_stopped) {
        (0, None, true) => Ended::CutShort,
        (0, None, false) if unexpected.is_empty() => in_time,
        _ => Ended::Badly,
    };
    if let Some(path) = &args.ledger {
        ledger.end(report);
        ledger.save(path)?;
    }
    recorded?;
    Ok(ended)
}

impl Run {
    /// Which recordings there are to be, in a folder that is there.
    fn record_feeds(&self, schedule: &Schedule) -> anyhow::Result<Vec<(PathBuf, Name, Format)>> {
        let Some(folder) = &self.record else { return Ok(Vec::new()) };
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = |provider: &Name, format| folder.join(recording::file_name(provider, format));
        let feeds = schedule.feeds().into_iter();
        Ok(feeds.map(|(provider, format)| (path(&provider, format), provider, format)).collect())
    }

    /// Writes a recording of each feed where that is asked for; replaying the folder replays them all.
    fn record(
        &self,
        scenario: &Scenario,
        schedule: &Schedule,
        write: impl Fn(Header, &mut BufWriter<File>) -> Result<Header, RecordingError>,
    ) -> anyhow::Result<()> {
        let source = format!("{}, played by the simulator", scenario.description.trim_end_matches('.'));
        for (path, provider, format) in self.record_feeds(schedule)? {
            let header = Header::new(provider, format, &source, Some(scenario.seed));
            let written = file::write(&path, |out| Ok(write(header, out)?))?;
            let messages = say::count(written.messages.unwrap_or_default());
            say::line(&format!("{}: {messages} messages", path.display()));
        }
        Ok(())
    }
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
