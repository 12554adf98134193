//! Tapes as recordings, one of each feed: every message as it went, when it was due.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context, ensure};
use domain::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Line, Tape, signed, unplaced};
use crate::faults::{FaultPlan, Kind};
use crate::format::Format;
use crate::recording::{Header, Reader, Writer, file_name};
use crate::schedule::{Schedule, Times};

/// A tape in a folder: the recordings, and what they do not say themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reel {
    /// The wall clock at the beginning of all recordings.
    pub started_at: Timestamp,
    /// The recordings' files; of messages due at once those of the first come first.
    pub recordings: Vec<String>,
    /// Whether they hold all messages: else they end where no more bytes were to be written.
    pub is_whole: bool,
    /// What goes wrong; messages by their place among those of all recordings.
    pub faults: FaultPlan,
}

/// Writes a run's messages into a folder as they went, up to so many bytes.
///
/// # Errors
/// When a file cannot be written.
pub fn save(
    schedule: &Schedule,
    faults: &FaultPlan,
    started_at: Timestamp,
    folder: &Path,
    bytes_max: u64,
) -> anyhow::Result<Reel> {
    let tape = Tape::of(schedule, faults);
    let mut faults = unplaced(faults);
    for (place, line) in (0..).zip(&tape.lines) {
        line.faults.iter().for_each(|number| faults.faults[*number as usize].messages.push(place));
    }
    let mut bytes = 0;
    let fits = |line: &&Line| {
        bytes += line.bytes.len() as u64;
        bytes <= bytes_max
    };
    let kept: Vec<&Line> = tape.lines.iter().take_while(fits).collect();
    let mut recordings = Vec::new();
    for (provider, format) in schedule.feeds() {
        let name = file_name(&provider, format);
        let path = folder.join(&name);
        let writing = || format!("cannot write {}", path.display());
        let source = "what was sent in a run, when it was due";
        let header = Header::new(provider.clone(), format, source, Some(faults.seed));
        let out = BufWriter::new(File::create(&path).with_context(writing)?);
        let mut writer = Writer::new(out, header).with_context(writing)?;
        for line in kept.iter().filter(|line| line.provider == provider && line.format == format) {
            writer.write(line.offset_ns, &line.sent(started_at)).with_context(writing)?;
        }
        writer.finish().with_context(writing)?;
        recordings.push(name);
    }
    Ok(Reel { started_at, recordings, is_whole: kept.len() == tape.lines.len(), faults })
}

impl Line {
    /// It as it went in a run that began then.
    fn sent(&self, started_at: Timestamp) -> Vec<u8> {
        let mut builder = crate::schedule::ScheduleBuilder::default();
        let sending = crate::schedule::Sending {
            offset_ns: self.offset_ns,
            // On the schedule, as all of a file.
            late_ns: signed(self.offset_ns) - self.made_ns,
            event_id: None,
            is_fixed: self.is_fixed,
        };
        let mut out = Vec::with_capacity(self.bytes.len());
        // It came out of a schedule, so one takes it.
        if builder.push_as(&self.provider, self.format, &sending, &self.bytes).is_ok() {
            let due_at = started_at.plus_micros(signed(self.offset_ns / 1_000));
            builder.build().write(0, Times::Generated(due_at), &mut out);
        }
        out
    }
}

impl Reel {
    /// Reads the recordings in a folder.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn load(&self, folder: &Path) -> anyhow::Result<Tape> {
        let mut lines: Vec<(usize, Line)> = Vec::new();
        for (feed, name) in self.recordings.iter().enumerate() {
            let path = folder.join(name);
            ensure!(
                Path::new(name).file_name() == Some(name.as_ref()),
                "`{name}` is no file of the folder itself"
            );
            let reading = || format!("cannot read {}", path.display());
            let file = BufReader::with_capacity(256 * 1024, File::open(&path).with_context(reading)?);
            let recording = Reader::new(file).with_context(reading)?;
            let header = recording.header().clone();
            let format = Format::of_content_type(&header.content_type)
                .with_context(|| format!("{} is of `{}`", path.display(), header.content_type))?;
            for message in recording {
                let message = message.with_context(reading)?;
                lines.push((feed, self.line(&header, format, message.offset_ns, message.bytes)));
            }
        }
        lines.sort_by_key(|(feed, line)| (line.offset_ns, *feed));
        let mut lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
        for (number, fault) in (0..).zip(&self.faults.faults) {
            let adds =
                matches!(fault.kind, Kind::Malformed { .. } | Kind::WrongSport { .. } | Kind::UnknownEvent);
            for place in &fault.messages {
                let line = usize::try_from(*place).ok().and_then(|place| lines.get_mut(place));
                let Some(line) = line else {
                    ensure!(!self.is_whole, "a fault is of message {place}, and there are fewer");
                    continue;
                };
                line.faults.push(number);
                if adds {
                    line.event_id.clone_from(&fault.event_id);
                    line.is_fixed |= !matches!(fault.kind, Kind::UnknownEvent);
                    line.made_ns = if line.is_fixed { signed(line.offset_ns) } else { line.made_ns };
                }
            }
        }
        Ok(Tape { lines, faults: unplaced(&self.faults) })
    }

    fn line(&self, header: &Header, format: Format, offset_ns: u64, bytes: Vec<u8>) -> Line {
        let envelope = format.envelope(&bytes).unwrap_or_default();
        let generated_at = envelope.generated_at.and_then(|text| text.parse::<i64>().ok());
        let event_id = envelope.event_id.and_then(|id| EventId::new(id).ok());
        let since = |at: i64| at.saturating_mul(format.unit_micros()).saturating_sub(self.started_at.0);
        let made_ns = generated_at.map(|at| since(at).saturating_mul(1_000));
        let mut line = Line {
            provider: header.provider.clone(),
            producer: None,
            format,
            offset_ns,
            // Times of messages are to the microsecond, or the millisecond: what is as near as that was made when it was due.
            made_ns: match made_ns {
                Some(made_ns) if (signed(offset_ns) - made_ns).abs() >= format.unit_micros() * 1_000 => {
                    made_ns
                }
                _ => signed(offset_ns),
            },
            event_id,
            is_fixed: generated_at.is_none(),
            bytes,
            faults: Vec::new(),
        };
        line.producer = line.message().map(|message| message.source.producer);
        line
    }
}
