//! Cutting and merging recordings.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use clap::Args;
use domain::EventId;

use super::replay::duration;
use super::{recordings, say};
use crate::file;
use crate::recording::merge::MergeError;
use crate::recording::{self, Cut, Header, Reader, minute};

#[derive(Debug, Args)]
pub(super) struct CutArgs {
    /// The recording
    recording: PathBuf,
    /// Where to write what is cut out
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only these events; may be given several times
    #[arg(long = "event", value_name = "ID")]
    events: Vec<EventId>,
    /// From here on, such as `10m`; each game then begins with a snapshot of how it stood
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    from: Option<Duration>,
    /// Up to here
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    to: Option<Duration>,
    /// From this minute of the match on, of one game
    #[arg(long, value_name = "MINUTE", conflicts_with = "from")]
    from_minute: Option<u32>,
    /// Up to this minute of the match
    #[arg(long, value_name = "MINUTE", conflicts_with = "to")]
    to_minute: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The recordings; of a folder, all files that end in `.rec`
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// Where to write what they make together
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// When each recording begins, in their order and separated by commas; those not named begin at once
    #[arg(long, value_name = "DURATIONS", value_delimiter = ',', value_parser = duration)]
    offset: Vec<Duration>,
}

pub(super) fn cut(args: &CutArgs) -> anyhow::Result<bool> {
    let cannot = || format!("cannot cut {}", args.recording.display());
    refuse_same(&args.output, &args.recording)?;
    let minute = |minute: Option<u32>| -> anyhow::Result<Option<u64>> {
        let Some(minute) = minute else { return Ok(None) };
        ensure!(args.events.len() <= 1, "a minute is one game's: name one event");
        Ok(Some(minute::offset_ns(open(&args.recording)?, args.events.first(), minute)?))
    };
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let from_ns = minute(args.from_minute).with_context(cannot)?.or(args.from.map(nanos)).unwrap_or(0);
    let to_ns = minute(args.to_minute).with_context(cannot)?.or(args.to.map(nanos));
    ensure!(to_ns.is_none_or(|to_ns| from_ns <= to_ns), "what is cut out begins after its end");
    let cut = Cut { from_ns, to_ns, events: args.events.iter().cloned().collect() };
    let done =
        file::write(&args.output, |out| recording::cut(&args.recording, &cut, out).with_context(cannot))?;
    tell(&args.output, &done.header);
    for (count, what) in [
        (done.repeated, "messages left out that the snapshots say already"),
        (done.unreadable, "messages before it could not be read, so the snapshots know nothing of them"),
    ] {
        if count > 0 {
            say::line(&format!("{} {what}", say::count(count)));
        }
    }
    Ok(true)
}

pub(super) fn merge(args: &MergeArgs) -> anyhow::Result<bool> {
    let paths = args.recordings.iter().map(|path| recordings(path)).collect::<Result<Vec<_>, _>>()?.concat();
    ensure!(
        args.offset.len() <= paths.len(),
        "{} offsets are given for {} recordings",
        args.offset.len(),
        paths.len()
    );
    ensure!(
        paths.len() <= recording::merge::RECORDINGS_MAX,
        "{} recordings; at most {} can be merged",
        paths.len(),
        recording::merge::RECORDINGS_MAX
    );
    let mut parts = Vec::with_capacity(paths.len());
    for (place, path) in paths.iter().enumerate() {
        refuse_same(&args.output, path)?;
        let shift = args.offset.get(place).copied().unwrap_or_default();
        let reader = open(path).with_context(|| format!("cannot read {}", path.display()))?;
        parts.push((reader, u64::try_from(shift.as_nanos()).unwrap_or(u64::MAX)));
    }
    let named = |error| match error {
        MergeError::Recording(number, why) => anyhow!("cannot read {}: {why}", paths[number - 1].display()),
        MergeError::Twice { event, producer, first, second } => anyhow!(
            "{} and {} both tell `{event}` as `{producer}` does, over the same time: one of them would be repetitions",
            paths[first - 1].display(),
            paths[second - 1].display()
        ),
        error => error.into(),
    };
    let header = file::write(&args.output, |out| recording::merge(parts, out).map_err(named))?;
    tell(&args.output, &header);
    Ok(true)
}

fn open(path: &Path) -> anyhow::Result<Reader<BufReader<File>>> {
    Ok(Reader::new(BufReader::with_capacity(256 * 1024, File::open(path)?))?)
}

/// Writing over what is being read would leave neither.
fn refuse_same(output: &Path, input: &Path) -> anyhow::Result<()> {
    let is_same = match (std::fs::canonicalize(output), std::fs::canonicalize(input)) {
        (Ok(output), Ok(input)) => output == input,
        _ => false,
    };
    ensure!(!is_same, "{} is read, so it cannot be written", output.display());
    Ok(())
}

fn tell(output: &Path, header: &Header) {
    let messages = say::count(header.messages.unwrap_or_default());
    let duration = Duration::from_nanos(header.duration_ns.unwrap_or_default());
    let mut line = format!("{}: {messages} messages over {}", output.display(), say::duration(duration));
    if let Some(images) = header.images {
        line.push_str(&format!(", {} of them say how games stood", say::count(images)));
    }
    say::line(&line);
}
