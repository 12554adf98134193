//! What the parts of a stack write: the ends of the files in its folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::time::MissedTickBehavior;

use super::{Finding, Sink};
use crate::text::Text;

/// Bytes that are read of a file at its first sight.
const FIRST_BYTES: u64 = 16 << 10;

/// Bytes that are read of a file at once; of more, the newest.
const BYTES_MAX: u64 = 64 << 10;

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Whose it is: the file's name without its ending.
    pub part: Text,
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub text: Text,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Anything else.
    Plain,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

impl LogLevel {
    /// By the word that stands near its beginning, as our services, Kafka and the databases write it.
    fn of(line: &str) -> Self {
        let mut words =
            line.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let level = words.by_ref().take(8).find_map(|word| match word {
            "ERROR" | "FATAL" | "Error" => Some(Self::Error),
            "WARN" | "WARNING" | "Warning" => Some(Self::Warning),
            "INFO" | "DEBUG" | "TRACE" | "Note" => Some(Self::Plain),
            _ => None,
        });
        level.unwrap_or(Self::Plain)
    }
}

/// Reads what was added to the files of `folder` every `interval`.
pub(super) async fn watch(folder: PathBuf, interval: Duration, sink: Sink) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tails = Tails::default();
    loop {
        ticks.tick().await;
        // They lie on this machine and are read a few pages at a time: not worth a thread.
        let read = async { tails.read(&folder).map(Finding::Lines) };
        if sink.report(read).await.is_err() {
            return;
        }
    }
}

/// A line without the day that it begins with, where it begins as our services' do: `2026-11-21T13:35:00.9Z …`.
fn without_day(line: &str) -> &str {
    let is_day = |day: &str| day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match line.split_once('T') {
        Some((day, rest)) if day.len() == 10 && is_day(day) => rest,
        _ => line,
    }
}

/// A line of a part.
pub(super) fn line(part: &str, text: &str) -> LogLine {
    let text = text.trim_end();
    LogLine { part: Text::new(part), level: LogLevel::of(text), text: Text::new(without_day(text)) }
}

/// A line without the colours that a program gave it for a terminal: `ESC [ … m`. What else a terminal would obey stays, to be
/// shown.
pub(super) fn strip_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        match end.map(|end| after.split_at(end)) {
            Some((_, after)) if after.starts_with('m') => rest = &after[1..],
            _ => {
                plain.push_str("\u{1b}[");
                rest = after;
            }
        }
    }
    plain + rest
}

/// How far each file was read.
#[derive(Debug, Default)]
struct Tails(BTreeMap<PathBuf, u64>);

impl Tails {
    fn read(&mut self, folder: &Path) -> anyhow::Result<Vec<LogLine>> {
        let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let files = entries.flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|ending| ending == "log")).collect();
        files.sort();
        let mut lines = Vec::new();
        for file in files {
            // One that has gone since, or cannot be read, takes nothing from the others.
            let Ok(added) = self.read_file(&file) else { continue };
            let part = file.file_stem().unwrap_or_default().to_string_lossy();
            let added = added.lines().filter(|line| !line.trim().is_empty());
            lines.extend(added.map(|text| line(&part, text)));
        }
        Ok(lines)
    }

    /// Whole lines that were added to `path` since the last time.
    fn read_file(&mut self, path: &Path) -> anyhow::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let known = self.0.get(path).copied();
        // One that is shorter than it was began anew.
        let from = known.filter(|read_to| *read_to <= length).unwrap_or_else(|| match known {
            Some(_) => 0,
            None => length.saturating_sub(FIRST_BYTES),
        });
        let start = from.max(length.saturating_sub(BYTES_MAX));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.0.insert(path.to_owned(), start + whole as u64);
        // A line whose beginning was left out is left out.
        let is_cut = start > 0 && known != Some(start);
        let first = if is_cut {
            bytes[..whole].iter().position(|byte| *byte == b'\n').map_or(whole, |end| end + 1)
        } else {
            0
        };
        Ok(String::from_utf8_lossy(&bytes[first..whole]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn only_what_was_added_is_read_and_only_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ingestion.log");
        let mut file = File::create(&path).expect("a file");
        let mut tails = Tails::default();
        write!(file, "one\n\ntwo\nthr").expect("written");
        assert_eq!(texts(&tails.read(folder.path()).expect("read")), ["one", "two"]);
        writeln!(file, "ee \u{1b}[31mred").expect("written");
        let lines = tails.read(folder.path()).expect("read");
        assert_eq!(texts(&lines), [r"three \u{1b}[31mred"]);
        assert_eq!(lines[0].part.as_str(), "ingestion");
        assert!(tails.read(folder.path()).expect("read").is_empty());
        fs::write(&path, "anew\n").expect("written");
        assert_eq!(texts(&tails.read(folder.path()).expect("read")), ["anew"]);
    }

    #[test]
    fn of_a_long_file_the_end_is_read_without_the_line_that_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = "x".repeat(99);
        fs::write(folder.path().join("kafka.log"), format!("{line}\n").repeat(1_000)).expect("written");
        let lines = Tails::default().read(folder.path()).expect("read");
        assert_eq!(lines.len() as u64, FIRST_BYTES / 100);
        assert!(lines.iter().all(|read| read.text.as_str() == line));
    }

    #[test]
    fn colours_are_left_out_and_nothing_else_that_a_terminal_would_obey() {
        assert_eq!(strip_colours("\u{1b}[2m10:00\u{1b}[0m \u{1b}[1;31mERROR\u{1b}[0m x"), "10:00 ERROR x");
        assert_eq!(strip_colours("\u{1b}[2J\u{1b}[3"), "\u{1b}[2J\u{1b}[3");
    }

    #[test]
    fn lines_say_how_much_they_matter() {
        for (line, level) in [
            ("2026-11-21T10:00:00Z  WARN processors::run: not ready reason=\"x\"", LogLevel::Warning),
            ("[2026-11-21 10:00:00,1] ERROR Failed (kafka.Kafka)", LogLevel::Error),
            ("2026-11-21 10:00:00 0 [Note] InnoDB: an ERROR that is none", LogLevel::Plain),
            ("1:M 21 Nov 2026 10:00:00.1 * Ready to accept connections", LogLevel::Plain),
        ] {
            assert_eq!(LogLevel::of(line), level, "{line}");
        }
    }
}
