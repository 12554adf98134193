//! The command line: import a recorded game, look at a recording, replay some, let a world play, or measure it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand};
use domain::{Sport, Timestamp};

use crate::control::{ConstantRate, Games, Program, clock_seed, next_seed};
use crate::drive::{self, DriveOptions};
use crate::faults::FaultPlan;
use crate::file;
use crate::format::Format;
use crate::pacer::Speed;
use crate::recording::Header;
use crate::run_ledger::RunLedger;
use crate::scenario::Tempo;
use crate::schedule::suffix_at;
use crate::world::{self, Formats, Played};

mod ctl;
mod delivery;
mod edit;
mod import;
mod info;
mod keys;
mod record;
mod replay;
mod run;
mod say;
mod serve;
mod signals;

use self::delivery::{Delivery, Ended, Outlet};

/// Plays a provider: replays recorded games and plays its own
#[derive(Debug, Parser)]
#[command(name = "simulator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Which log lines are written to stderr, in the syntax of tracing's `EnvFilter`
    #[arg(long, env = "MATCHDAY_LOG", default_value = "warn", value_name = "FILTER", global = true)]
    log: String,
    /// The memory that messages may take which are made or read before they are sent
    #[arg(
        long,
        env = "MATCHDAY_MEMORY_MIB",
        default_value_t = crate::schedule::BYTES_MAX >> 20,
        value_name = "N",
        global = true,
        value_parser = memory_mib
    )]
    memory_mib: usize,
}

/// So many MiB that their bytes can be counted.
fn memory_mib(text: &str) -> Result<usize, String> {
    let mib = text.parse().ok().filter(|mib: &usize| (1..=1 << 20).contains(mib));
    mib.ok_or_else(|| "not a number of 1 to 1048576 MiB".to_owned())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a recording of a game that others have recorded
    #[command(subcommand)]
    Import(import::Import),
    /// Say what is in a recording, and whether it is as it was written
    Info {
        /// The recording
        recording: PathBuf,
    },
    /// Say what a replay would be, without sending anything: how long, how fast, and what would be refused
    DryRun(replay::DryRun),
    /// Cut out some games, or some of their time
    Cut(edit::CutArgs),
    /// Put recordings of one provider together
    Merge(edit::MergeArgs),
    /// Stand between a provider and ingestion, and record what passes
    Record(record::Record),
    /// Send recordings as their provider sent them, side by side
    Replay(replay::Replay),
    /// Play games from a seed and send what happens
    Play(Play),
    /// Play a scenario: games of several sports, at a rate with a profile, with faults
    Run(run::Run),
    /// List the ready-made scenarios
    Scenarios,
    /// Wait to be told over HTTP what to play
    Serve(serve::Serve),
    /// Tell a simulator that serves what to play
    Ctl(ctl::Ctl),
    /// Play many games, send none, and say how far they are like real ones; fails where a figure is not as expected
    Report(Report),
}

/// Messages a second where nothing is said.
const RATE_BY_DEFAULT: u32 = 1_000;
/// How long games are played where nothing is said.
const SECONDS_BY_DEFAULT: u32 = 60;

/// Games of a seed.
#[derive(Debug, Args)]
struct GamesArgs {
    /// The sports that are played, separated by commas: games are dealt to them in turn
    #[arg(long = "sport", value_name = "SPORT", value_delimiter = ',', default_values_t = Sport::ALL)]
    sports: Vec<Sport>,
    /// Games played at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(world::GAMES_MAX)))]
    games: u32,
    /// What says when messages are due
    #[arg(long, value_enum, default_value_t = Tempo::Rate, value_name = "PACE")]
    pace: Tempo,
    /// Messages a second, of all games together; 1000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How long they are played, in seconds; 60
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// In which formats they are told; a recording holds one
    #[arg(long, value_enum, default_value_t = Formats::Json, value_name = "FORMATS")]
    formats: Formats,
}

impl GamesArgs {
    fn games(&self) -> anyhow::Result<Games> {
        let Self { sports, games, pace, rate, seconds, formats } = self;
        let rate = match (pace, rate, seconds) {
            (Tempo::Own, None, None) => None,
            (Tempo::Own, ..) => bail!("at their own pace games have no `--rate` and no `--seconds`"),
            (Tempo::Rate, rate, seconds) => Some(ConstantRate {
                per_second: rate.unwrap_or(RATE_BY_DEFAULT),
                seconds: seconds.unwrap_or(SECONDS_BY_DEFAULT),
            }),
        };
        Ok(Games { sports: sports.clone(), games: *games, rate, formats: *formats })
    }
}

#[derive(Debug, Args)]
struct Play {
    #[command(flatten)]
    games: GamesArgs,
    /// The same seed plays the same games
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The time that the messages' own times count from, such as 2026-01-01T12:00:00Z; now. So a recording of what is not sent is
    /// the same, byte for byte, each time: what is sent has the times of its sending
    #[arg(long, value_name = "TIME", value_parser = import::start)]
    start: Option<Timestamp>,
    /// How many times as fast, or `max`
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// When they are over, play others, until told to stop: each time the clock gives a seed, which is said
    #[arg(long, conflicts_with_all = ["seed", "ledger", "record"])]
    endless: bool,
    /// Give games and messages ids of their own, so that they are others to whoever has had those of this seed
    #[arg(long)]
    fresh: bool,
    /// Write here what was decided, what must result and what was answered, as JSON
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write here what was sent and when, as a recording; with `--sink null` what would have been, and when it was due
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    delivery: Delivery,
}

#[derive(Debug, Args)]
struct Report {
    /// The sports that are measured, separated by commas
    #[arg(long = "sport", value_name = "SPORT", value_delimiter = ',', default_values_t = Sport::ALL)]
    sports: Vec<Sport>,
    /// Games of each sport
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    games: u32,
    /// The same seed plays the same games
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// Does what the command line says. Fails when a message was refused or could not be delivered; where a signal ended before its
/// time what was to be sent, the code is 130, and where it was sent later than it was due 13.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    crate::schedule::limit_bytes(cli.memory_mib << 20);
    let done = chassis::telemetry::log_to_stderr(&cli.log).and_then(|()| match cli.command {
        Command::Import(what) => import::import(what).map(Ended::from),
        Command::Info { recording } => info::tell(&recording).map(Ended::from),
        Command::DryRun(args) => replay::dry_run(&args).map(Ended::from),
        Command::Cut(args) => edit::cut(&args).map(Ended::from),
        Command::Merge(args) => edit::merge(&args).map(Ended::from),
        Command::Record(args) => record::record(&args).map(Ended::from),
        Command::Replay(args) => replay::replay(&args),
        Command::Play(args) => play(&args),
        Command::Run(args) => run::run(&args),
        Command::Scenarios => run::list().map(Ended::from),
        Command::Serve(args) => serve::serve(&args).map(Ended::from),
        Command::Ctl(args) => ctl::ctl(&args).map(Ended::from),
        Command::Report(args) => Ok(report(&args).into()),
    });
    match done {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Badly) => ExitCode::FAILURE,
        Ok(Ended::CutShort) => ExitCode::from(signals::INTERRUPTED),
        Ok(Ended::Late) => ExitCode::from(delivery::LATE),
        Err(error) => {
            say::error(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The recording itself, or all that are in a folder, by name.
fn recordings(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let cannot = || format!("cannot read {}", path.display());
    let entries = std::fs::read_dir(path).with_context(cannot)?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut files = files.with_context(cannot)?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == crate::recording::ENDING));
    ensure!(!files.is_empty(), "there is no recording (*.rec) in {}", path.display());
    files.sort();
    Ok(files)
}

fn play(args: &Play) -> anyhow::Result<Ended> {
    let outlet = args.delivery.open()?;
    if !args.endless {
        return play_once(args, args.seed, &outlet);
    }
    let mut seed = clock_seed();
    loop {
        say::line(&format!("seed {seed}"));
        match play_once(args, seed, &outlet)? {
            Ended::Badly => return Ok(Ended::Badly),
            // What goes on until it is told to stop has come to no other end.
            _ if args.delivery.is_stopped() => return Ok(Ended::Well),
            _ => {}
        }
        seed = next_seed(seed);
    }
}

fn play_once(args: &Play, seed: u64, outlet: &Outlet) -> anyhow::Result<Ended> {
    let games = args.games.games()?;
    let recorded = match games.formats {
        Formats::Json => Some(Format::Json),
        Formats::Xml => Some(Format::Xml),
        Formats::Half => None,
    };
    ensure!(
        args.record.is_none() || recorded.is_some(),
        "a recording holds one format: add `--formats json` or `--formats xml`"
    );
    args.record.as_deref().map_or(Ok(()), file::check)?;
    let program = Program::Games(games.clone());
    outlet.prepare(&program.to_string(), &program, Some(seed), args.speed);
    let now = args.start.unwrap_or_else(drive::now);
    let suffix = if args.fresh { suffix_at(drive::now()) } else { String::new() };
    let Played { schedule, ledger } = world::play_afresh(&games.plan(seed, now), &suffix)?;
    let schedule = Arc::new(schedule);
    let provider = ledger.provider.clone();
    let mut ledger = RunLedger::of(ledger, program.to_string());
    if let Some(path) = &args.ledger {
        ledger.save(path)?;
    }
    let options = DriveOptions { speed: args.speed, abandons: true, ..args.delivery.options() };
    let faults = Arc::new(FaultPlan::none(seed));
    let report = outlet.send(Arc::clone(&schedule), faults, &options)?;
    if let (Some(path), Some(format)) = (&args.record, recorded) {
        let sports = games.sports.iter().map(|sport| sport.as_str()).collect::<Vec<_>>().join(", ");
        let source = format!("{} games of {sports} played by the simulator", games.games);
        let header = Header::new(provider, format, source, Some(seed));
        file::write(path, |out| match args.delivery.is_dropped() {
            true => Ok(schedule.record(header, out)?),
            false => Ok(report.record_feed(&schedule, header, out)?),
        })?;
    }
    say::report(&report);
    let ended = Ended::of(&report, report.is_complete());
    // Where messages are dropped, nobody answers.
    if let (Some(path), false) = (&args.ledger, args.delivery.is_dropped()) {
        ledger.end(report);
        ledger.save(path)?;
    }
    Ok(ended)
}

/// Measures the games of each sport; says whether every figure was as expected. Nothing judged is nothing shown.
fn report(args: &Report) -> bool {
    let (mut misses, mut is_judged) = (0, true);
    for &sport in &args.sports {
        let report = crate::report::report(sport, args.seed, args.games);
        misses += report.misses().count();
        say::line(&report.to_string());
        if report.judged() == 0 {
            is_judged = false;
            say::error(&format!("{sport}: no figure could be judged: play more games (--games)"));
        }
    }
    misses == 0 && is_judged
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn games_are_of_all_sports_or_of_those_named() {
        let sports = |args: &[&str]| {
            let cli = Cli::try_parse_from([&["simulator", "play"], args].concat())?;
            let Command::Play(play) = cli.command else { panic!("it is played") };
            Ok::<_, clap::Error>(play.games.sports)
        };
        assert_eq!(sports(&[]).unwrap(), Sport::ALL);
        assert_eq!(sports(&["--sport", "hockey,football"]).unwrap(), [Sport::Hockey, Sport::Football]);
        assert!(sports(&["--sport", "curling"]).is_err());
    }

    #[test]
    fn a_folder_stands_for_the_recordings_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(recordings(folder.path()).is_err(), "there are none");
        for name in ["b.rec", "a.rec", "a.json"] {
            File::create(folder.path().join(name)).unwrap();
        }
        let found = recordings(folder.path()).unwrap();
        assert_eq!(found, ["a.rec", "b.rec"].map(|name| folder.path().join(name)));
        let missing = folder.path().join("c.rec");
        assert_eq!(recordings(&missing).unwrap(), [missing]);
    }
}
