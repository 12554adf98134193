//! Replaying recordings, and saying beforehand what that would be.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::delivery::{Delivery, Ended};
use super::keys::Keys;
use super::{recordings, say};
use crate::control::{Program, Tape};
use crate::drive::{self, DriveOptions, Gauge};
use crate::pacer::{Playhead, Speed};
use crate::playlist::{Entry, Playlist};
use crate::recording::{Inspection, Reader, inspect};
use crate::schedule;

/// What is replayed, and how its time passes.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// The recordings; of a folder, all files that end in `.rec`
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// How many times as fast as recorded, 0.1 to 10000, or `max`
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// So many messages a second, whenever they were sent
    #[arg(long, value_name = "N", conflicts_with_all = ["speed", "max_gap", "offset", "stagger"], value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The longest time in which nothing is sent, before the speed counts, such as `30s`; longer ones shrink to it
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_gap: Option<Duration>,
    /// The minute of each match from which on it takes its time; what was before is sent at once
    #[arg(long, value_name = "MINUTE")]
    from: Option<u32>,
    /// When each recording begins, in their order and separated by commas, such as `0s,10m`; those not named begin at once
    #[arg(long, value_name = "DURATIONS", value_delimiter = ',', value_parser = duration)]
    offset: Vec<Duration>,
    /// How long after the one before it each recording begins
    #[arg(long, value_name = "DURATION", conflicts_with = "offset", value_parser = duration)]
    stagger: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    selection: Selection,
    /// Send messages as recorded, with the times of then: but for line feeds in JSON, and what stands before the element in XML
    #[arg(long)]
    raw: bool,
    /// How often all of it is replayed, each time as other games
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "raw")]
    loops: u32,
    /// Give games and messages ids of their own, so that they are others to whoever receives them; `--loops` does so, too
    #[arg(long, conflicts_with = "raw")]
    fresh: bool,
    /// Stand still before the first message, until a key lets it go
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    delivery: Delivery,
}

#[derive(Debug, Args)]
pub(super) struct DryRun {
    #[command(flatten)]
    selection: Selection,
}

/// A duration such as `90s`, `10m`, `1h 30m` or `250ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a duration such as `90s`, `10m` or `1h 30m`".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

impl Selection {
    fn paths(&self) -> anyhow::Result<Vec<PathBuf>> {
        let paths = self.recordings.iter().map(|path| recordings(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(paths.concat())
    }

    fn playlist(&self, paths: &[PathBuf]) -> anyhow::Result<Playlist> {
        ensure!(
            self.offset.len() <= paths.len(),
            "{} offsets are given for {} recordings",
            self.offset.len(),
            paths.len()
        );
        let offset = |place: usize| match self.stagger {
            Some(stagger) => stagger.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX)),
            None => self.offset.get(place).copied().unwrap_or_default(),
        };
        let entry = |(place, path): (usize, &PathBuf)| Entry {
            path: path.clone(),
            offset: offset(place),
            from_minute: self.from,
        };
        Ok(Playlist {
            entries: paths.iter().enumerate().map(entry).collect(),
            max_gap: self.max_gap,
            messages_per_second: self.rate,
        })
    }
}

pub(super) fn replay(args: &Replay) -> anyhow::Result<Ended> {
    let paths = args.selection.paths()?;
    let is_fresh = args.fresh || args.loops > 1;
    let tape = Tape { playlist: args.selection.playlist(&paths)?, is_raw: args.raw, is_fresh };
    let recorded = tape.playlist.load()?;
    let program = Program::Recordings(tape);
    let playhead = if args.paused { Playhead::held() } else { Playhead::default() };
    let options = DriveOptions {
        speed: args.selection.speed,
        raw: args.raw,
        playhead: playhead.clone(),
        ..args.delivery.options()
    };
    let outlet = args.delivery.open()?;
    let name = match paths.len() {
        1 => "a recording".to_owned(),
        many => format!("{many} recordings"),
    };
    let prepare = || outlet.prepare(&name, &program, None, options.speed);
    let keys = Keys::listen(playhead);
    ensure!(!args.paused || keys.is_some(), "nobody could let it go: `--paused` needs a terminal");
    if !is_fresh {
        prepare();
        return outlet.send_and_tell(recorded, &options);
    }
    // Whatever was replayed before had another time.
    let now = drive::now();
    let mut all = Ended::Well;
    for round in 1..=args.loops {
        let suffix = format!("{}r{round}", schedule::suffix_at(now));
        say::line(&format!("round {round} of {}: ids end in `{suffix}`", args.loops));
        prepare();
        let options = DriveOptions { gauge: Gauge::default(), ..options.clone() };
        let ended = outlet.send_and_tell(recorded.afresh(&suffix)?, &options)?;
        match ended {
            Ended::Well => {}
            Ended::Late => all = ended,
            Ended::Badly | Ended::CutShort => return Ok(ended),
        }
        if args.delivery.is_stopped() && round < args.loops {
            return Ok(Ended::CutShort);
        }
    }
    Ok(all)
}

/// Says what a replay would be. Fails where a message would be refused.
pub(super) fn dry_run(args: &DryRun) -> anyhow::Result<bool> {
    let paths = args.selection.paths()?;
    let inspected = paths.iter().map(|path| look(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let schedule = args.selection.playlist(&paths)?.load()?;
    let all = |count: fn(&Inspection) -> u64| inspected.iter().map(count).sum::<u64>();
    let events: u64 = inspected.iter().map(|it| it.events.len() as u64).sum();
    say::line(&format!(
        "messages     {} about {} events",
        say::count(schedule.len() as u64),
        say::count(events)
    ));
    let speed = args.selection.speed;
    let (recorded, takes) =
        (Duration::from_nanos(schedule.duration_ns()), takes(schedule.duration_ns(), speed));
    match takes {
        Some(takes) if takes != recorded => {
            let (recorded, takes) = (say::duration(recorded), say::duration(takes));
            say::line(&format!("duration     {recorded}, {takes} at speed {speed}"));
        }
        Some(_) => say::line(&format!("duration     {}", say::duration(recorded))),
        None => say::line(&format!("duration     {}, as fast as it is taken", say::duration(recorded))),
    }
    if let (Some(takes), Some((peak, at))) = (takes, schedule.peak_per_second(speed)) {
        let mean = schedule.paced() as f64 / takes.as_secs_f64().max(1.0);
        let (peak, at) = (say::count(peak as u64), say::duration(at));
        say::line(&format!("rate         {mean:.1} a second in the mean, at most {peak}, after {at}"));
    }
    let [late, repeated, missing] =
        [all(|it| it.out_of_order), all(|it| it.repeated), all(|it| it.missing)].map(say::count);
    say::line(&format!("order        {late} out of order, {repeated} repeated, {missing} missing"));
    let imaged = all(|it| it.imaged);
    if imaged > 0 {
        say::line(&format!(
            "images       {} events begin in their middle, with an image",
            say::count(imaged)
        ));
    }
    let headless = all(|it| it.headless);
    if headless > 0 {
        let headless = say::count(headless);
        say::line(&format!(
            "beginning    {headless} events are without theirs, and stand still where they are replayed"
        ));
    }
    let refused = all(|it| it.refused);
    say::line(&format!("schema       {} would be refused", say::count(refused)));
    for (path, inspection) in paths.iter().zip(&inspected) {
        for place in &inspection.out_of_order_first {
            say::line(&format!("{}: {place} is out of order", path.display()));
        }
        for (place, why) in &inspection.refused_first {
            say::error(&format!("{}: {place}: {why}", path.display()));
        }
    }
    Ok(refused == 0)
}

/// How long it takes; `None` at top speed.
#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
fn takes(duration_ns: u64, speed: Speed) -> Option<Duration> {
    match speed {
        Speed::Factor(factor) => Some(Duration::from_secs_f64(duration_ns as f64 / factor / 1e9)),
        Speed::Max => None,
    }
}

fn look(path: &Path) -> anyhow::Result<Inspection> {
    let attempt = || -> anyhow::Result<Inspection> {
        let mut recording = Reader::new(BufReader::with_capacity(256 * 1024, File::open(path)?))?;
        Ok(inspect(&mut recording)?)
    };
    attempt().with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn parsed(args: &[&str]) -> Result<Replay, clap::Error> {
        let cli = Cli::try_parse_from([&["simulator", "replay"], args].concat())?;
        let Command::Replay(replay) = cli.command else { panic!("it is a replay") };
        Ok(replay)
    }

    #[test]
    fn a_replay_takes_several_recordings_and_a_speed() {
        let replay = parsed(&["a.rec", "b.rec", "--speed", "max", "--raw"]).unwrap();
        assert_eq!(
            (replay.selection.recordings.len(), replay.selection.speed, replay.raw),
            (2, Speed::Max, true)
        );
        for wrong in [
            &["a.rec", "--speed", "fast"][..],
            &["a.rec", "--speed", "20000"],
            &["a.rec", "--rate", "0"],
            &["a.rec", "--rate", "5", "--speed", "2"],
            &["a.rec", "--rate", "5", "--offset", "10m"],
            &["a.rec", "--rate", "5", "--stagger", "10m"],
            &["a.rec", "--loops", "2", "--raw"],
            &["a.rec", "--offset", "ten"],
            &[],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn recordings_begin_when_they_are_told_to() {
        let offsets = |args: &[&str]| {
            let selection = parsed(args).unwrap().selection;
            let playlist = selection.playlist(&selection.recordings)?;
            Ok::<_, anyhow::Error>(
                playlist.entries.iter().map(|entry| entry.offset.as_secs()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(offsets(&["a", "b", "c", "--offset", "0s,10m"]).unwrap(), [0, 600, 0]);
        assert_eq!(offsets(&["a", "b", "c", "--stagger", "1m 30s"]).unwrap(), [0, 90, 180]);
        let error = offsets(&["a", "--offset", "0s,10m"]).unwrap_err().to_string();
        assert_eq!(error, "2 offsets are given for 1 recordings");
    }
}
