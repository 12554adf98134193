//! Playlists: which recordings are replayed, each from where in it and when, and how their time is made shorter.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::format::Format;
use crate::recording::{Reader, minute};
use crate::schedule::{Schedule, ScheduleBuilder};
use crate::tap::ANSWER_TIMEOUT;

/// What is replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playlist {
    /// The recordings, side by side.
    pub entries: Vec<Entry>,
    /// The longest time in which nothing is due; longer ones shrink to it.
    pub max_gap: Option<Duration>,
    /// How many messages are due each second, in place of when they were sent.
    pub messages_per_second: Option<u32>,
}

/// A recording on a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// How long after the others' start it begins.
    pub offset: Duration,
    /// The minute of its match from which on it takes its time. What was said before is due at once, so that whoever
    /// listens knows all that led there, in the same versions; from a snapshot it would know less.
    pub from_minute: Option<u32>,
}

impl Playlist {
    /// Recordings as they are, each from its own start.
    #[must_use]
    pub fn of(recordings: &[impl AsRef<Path>]) -> Self {
        let entry = |path: &Path| Entry { path: path.to_owned(), offset: Duration::ZERO, from_minute: None };
        let entries = recordings.iter().map(|path| entry(path.as_ref())).collect();
        Self { entries, ..Self::default() }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a recording cannot be read, holds what cannot be sent, or does not come to the minute.
    pub fn load(&self) -> anyhow::Result<Schedule> {
        let mut builder = ScheduleBuilder::default();
        for entry in &self.entries {
            entry
                .load_into(&mut builder)
                .with_context(|| format!("cannot replay {}", entry.path.display()))?;
        }
        let mut schedule = builder.build();
        if let Some(max_gap) = self.max_gap {
            schedule = schedule.with_gaps_of_at_most(nanos(max_gap));
        }
        Ok(match self.messages_per_second {
            Some(rate) => {
                // What was said before a minute that is sought is due at once.
                let is_sought = self.entries.iter().any(|entry| entry.from_minute.is_some());
                let sought = if is_sought { schedule.due_by(0) } else { 0 };
                schedule.at_rate(rate, sought)
            }
            None => schedule,
        })
    }
}

impl Entry {
    /// Adds its messages.
    fn load_into(&self, builder: &mut ScheduleBuilder) -> anyhow::Result<()> {
        let from_ns = match self.from_minute {
            Some(minute) => minute::offset_ns(self.open()?, None, minute)?,
            None => 0,
        };
        let recording = self.open()?;
        let header = recording.header().clone();
        let Some(format) = Format::of_content_type(&header.content_type) else {
            bail!(
                "its messages are `{}`; `application/json` and `application/xml` can be replayed",
                header.content_type
            );
        };
        let (offset_ns, first) = (nanos(self.offset), builder.len());
        for (index, message) in recording.enumerate() {
            let message = message?;
            builder
                .push(&header.provider, format, message.offset_ns, &in_one_line(format, &message.bytes))
                .with_context(|| format!("message {}", index + 1))?;
        }
        if format == Format::Uof {
            // A tap writes down what was answered, be it in another order than it was said.
            builder.order_by_time(first, nanos(ANSWER_TIMEOUT));
        }
        builder.retime(first, from_ns, offset_ns);
        Ok(())
    }

    fn open(&self) -> anyhow::Result<Reader<BufReader<File>>> {
        Ok(Reader::new(BufReader::with_capacity(256 * 1024, File::open(&self.path)?))?)
    }
}

/// JSON that came over several lines is sent in one, be it malformed: between its parts a tab is as good as a line feed, and within
/// a text as wrong, so that what was no JSON is none afterwards.
fn in_one_line(format: Format, message: &[u8]) -> Cow<'_, [u8]> {
    if format != Format::Json || !message.contains(&b'\n') {
        return message.into();
    }
    message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b'\t' } else { *byte }).collect()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Header, Writer};

    #[test]
    fn json_over_several_lines_is_sent_in_one() {
        let line =
            |format, text: &'static str| String::from_utf8(in_one_line(format, text.as_bytes()).into_owned());
        assert_eq!(line(Format::Json, "{\r\n \"a\": 1\n}").unwrap(), "{\t\t \"a\": 1\t}");
        for (format, text) in [(Format::Xml, "<a>\n</a>"), (Format::Json, "{}")] {
            assert_eq!(line(format, text).unwrap(), text, "it stays");
        }
    }

    #[test]
    fn a_unified_odds_feed_is_replayed_in_the_order_in_which_it_was_made() {
        let stop = |made: u32| {
            format!(
                r#"hi.-.live.bet_stop.4.md:match.7.- <bet_stop product="1" event_id="md:match:7" timestamp="{made}" groups="all"/>"#
            )
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let header = Header::new(domain::Name::new("uof").unwrap(), Format::Uof, "a tap", None);
        let mut writer = Writer::new(file.as_file_mut(), header).unwrap();
        // The one made second was answered last, and its file is in the order of answers.
        for (second, made) in [(1, 100), (2, 300), (3, 200), (4, 400)] {
            writer.write(second * 1_000_000_000, stop(made).as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let schedule = Playlist::of(&[file.path()]).load().unwrap();
        let due = |line: usize| {
            (
                schedule.offset_ns(line) / 1_000_000_000,
                std::str::from_utf8(schedule.message(line)).unwrap().to_owned(),
            )
        };
        let expected = [(1, 100), (2, 200), (2, 300), (4, 400)].map(|(second, made)| (second, stop(made)));
        assert_eq!((0..schedule.len()).map(due).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_was_refused_keeps_no_recording_from_being_replayed_and_would_be_refused_again() {
        let provider = domain::Name::new("md").unwrap();
        for malformed in ["{\n \"a\": 1,\n", "{\"a\": \"b\nc\"}", "{\"a\": 1}\r\n}", "{\"a\": \"b\\\n\"}"] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let header = Header::new(provider.clone(), Format::Json, "a test", None);
            let mut writer = Writer::new(file.as_file_mut(), header).unwrap();
            writer.write(0, malformed.as_bytes()).unwrap();
            writer.finish().unwrap();
            let schedule = Playlist::of(&[file.path()]).load().unwrap();
            let sent = serde_json::from_slice::<serde_json::Value>(schedule.message(0));
            assert!(sent.is_err(), "{malformed}: {sent:?}");
        }
    }
}
