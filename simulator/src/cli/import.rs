//! Recordings made of games that others have recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use domain::Timestamp;
use domain::limit::{TIME_END_MICROS, TIME_MIN_MICROS};

use super::say;
use crate::file;
use crate::import::{Imported, betfair, nba, nhl, slam, sportec, statsbomb};

/// The largest file that is imported, in bytes.
const IMPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// An event's markets from Betfair's exchange stream, a change a line, packed by bzip2 or not
    Betfair {
        /// A file of the historical data service, or what was written down of a stream
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// The NBA's live play-by-play, as cdn.nba.com serves it
    Nba {
        /// The game, JSON of `liveData/playbyplay/playbyplay_{id}.json`
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// The NHL's play-by-play, as api-web.nhle.com serves it
    Nhl {
        /// The game, JSON of `/v1/gamecenter/{id}/play-by-play`
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Grand Slam tennis, from the tables of tennis_slam_pointbypoint; all matches, unless some are named
    Slam(Slam),
    /// A football match from Sportec's event feed, XML of one `PutDataRequest`
    Sportec {
        /// The match
        file: PathBuf,
        /// The id of the team that is at home; else the one on the left at kick-off is named first
        #[arg(long, value_name = "ID")]
        home: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// A football match from StatsBomb's open data
    Statsbomb {
        /// The match, JSON of `data/events/{match_id}.json`
        file: PathBuf,
        /// The match's id, which the file has only in its name
        #[arg(long = "match", value_name = "ID")]
        match_id: Option<u64>,
        /// When it was kicked off, which is not in the file
        #[arg(long, default_value = "2000-01-01T12:00:00Z", value_name = "TIME", value_parser = time)]
        kick_off: Timestamp,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args)]
pub(super) struct Slam {
    /// The points, CSV of `{year}-{slam}-points.csv`
    points: PathBuf,
    /// Who played, CSV of `{year}-{slam}-matches.csv`; by default the file of that name beside the points
    #[arg(long, value_name = "FILE")]
    matches: Option<PathBuf>,
    /// Only this match, such as `2012-wimbledon-1701`; may be given several times
    #[arg(long = "match", value_name = "ID")]
    only: Vec<String>,
    /// The folder for the recordings, one `{match}.rec` each
    #[arg(short, long, default_value = ".", value_name = "FOLDER")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// Where to write the recording; by default the file's name with the ending `.rec`, in this directory
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A time as it is written by people and machines.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "not a time such as 2018-09-23T18:45:00Z".to_owned())?;
    Ok(Timestamp(time.as_microsecond()))
}

/// How far a run's start is from the ends of the time of which messages are taken, in microseconds: it takes a day at most, and tells of
/// games that begin within it.
const START_MARGIN_MICROS: i64 = 2 * 86_400 * 1_000_000;

/// A time from which those in a run's messages can count.
pub(super) fn start(text: &str) -> Result<Timestamp, String> {
    let start = time(text)?;
    let (first, end) = (TIME_MIN_MICROS + START_MARGIN_MICROS, TIME_END_MICROS - START_MARGIN_MICROS);
    if (first..end).contains(&start.0) {
        return Ok(start);
    }
    let [first, end] =
        [first, end].map(|micros| jiff::Timestamp::from_microsecond(micros).expect("of this century"));
    Err(format!("not from {first} on and before {end}: nobody takes messages of other times"))
}

/// Imports what is asked for.
pub(super) fn import(what: Import) -> anyhow::Result<bool> {
    match what {
        Import::Betfair { file, target } => one(&file, target, betfair::import),
        Import::Nba { file, target } => one(&file, target, nba::import),
        Import::Nhl { file, target } => one(&file, target, nhl::import),
        Import::Slam(slam) => matches(&slam),
        Import::Sportec { file, home, target } => {
            one(&file, target, |xml| sportec::import(xml, home.as_deref()))
        }
        Import::Statsbomb { file, match_id, kick_off, target } => {
            let match_id = match match_id {
                Some(match_id) => match_id,
                None => number_in_name(&file).with_context(|| {
                    format!("{} has no match id in its name: add `--match ID`", file.display())
                })?,
            };
            one(&file, target, |json| statsbomb::import(json, match_id, kick_off))
        }
    }
}

/// The first number in a file's name.
fn number_in_name(file: &Path) -> Option<u64> {
    let name = file.file_stem()?.to_str()?;
    name.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok())
}

fn one(
    file: &Path,
    target: Target,
    read: impl FnOnce(&[u8]) -> Result<Imported, crate::import::ImportError>,
) -> anyhow::Result<bool> {
    let cannot = || format!("cannot import {}", file.display());
    let imported = read(&read_file(file)?).and_then(Imported::checked).with_context(cannot)?;
    let output = match target.output {
        Some(output) => output,
        None => Path::new(file.file_name().with_context(cannot)?).with_extension("rec"),
    };
    write(&imported, &output)?;
    Ok(true)
}

fn matches(slam: &Slam) -> anyhow::Result<bool> {
    let cannot = || format!("cannot import {}", slam.points.display());
    let beside = || {
        let name = slam.points.file_name()?.to_str()?.strip_suffix("-points.csv")?;
        Some(slam.points.with_file_name(format!("{name}-matches.csv")))
    };
    let matches = slam.matches.clone().or_else(beside).with_context(|| {
        format!("{} is not named `{{year}}-{{slam}}-points.csv`: add `--matches FILE`", slam.points.display())
    })?;
    let (points, matches) = (read_file(&slam.points)?, read_file(&matches)?);
    let tables = slam::Tables::read(&points, &matches).with_context(cannot)?;
    std::fs::create_dir_all(&slam.output)
        .with_context(|| format!("cannot make the folder {}", slam.output.display()))?;
    let output = |match_id: &String| slam.output.join(format!("{match_id}.rec"));
    for match_id in &slam.only {
        let imported = tables.import(match_id).and_then(Imported::checked).with_context(cannot)?;
        write(&imported, &output(match_id))?;
    }
    let mut is_whole = true;
    // What is wrong with one of all matches keeps no other from being imported.
    for match_id in tables.matches().iter().filter(|_| slam.only.is_empty()) {
        match tables.import(match_id).and_then(Imported::checked) {
            Ok(imported) => write(&imported, &output(match_id))?,
            Err(error) => {
                is_whole = false;
                say::error(&format!("{}: {error}", cannot()));
            }
        }
    }
    Ok(is_whole)
}

fn read_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot import {}", file.display());
    let bytes = std::fs::metadata(file).with_context(cannot)?.len();
    ensure!(
        bytes <= IMPORT_BYTES_MAX,
        "{} has {bytes} bytes; at most {IMPORT_BYTES_MAX} are read",
        file.display()
    );
    std::fs::read(file).with_context(cannot)
}

fn write(imported: &Imported, output: &Path) -> anyhow::Result<()> {
    let header = file::write(output, |out| Ok(imported.write(out)?))?;
    let messages = say::count(header.messages.unwrap_or_default());
    let duration = Duration::from_nanos(header.duration_ns.unwrap_or_default());
    say::line(&format!("{}: {messages} messages over {}", output.display(), say::duration(duration)));
    for (kind, count) in &imported.left_out {
        say::line(&format!("left out: {} `{kind}`", say::count(*count)));
    }
    Ok(())
}
