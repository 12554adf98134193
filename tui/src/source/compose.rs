//! What the containers of a Compose project write: `docker compose logs`, followed for as long as it is of use.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::logs::{line, strip_colours};
use super::{Finding, LogLine, Sink};

/// Lines of each container that are shown at first.
const FIRST: [&str; 2] = ["--tail", "100"];
/// What is asked for once it was followed to its end: what was written since.
const AGAIN: [&str; 2] = ["--since", "6s"];
/// Lines that may wait between two reports; the engine waits where there are more.
const LINES_MAX: usize = 2_000;
/// Bytes of a line; of longer ones the rest is left out.
const LINE_BYTES_MAX: usize = 16 << 10;
/// After so long it is tried again where there was nothing to follow.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Bytes of what the engine complains of.
const COMPLAINT_BYTES_MAX: u64 = 4 << 10;

/// Follows what the project in `project` writes, and reports every `interval` what was added.
pub(super) async fn follow(docker: PathBuf, project: PathBuf, interval: Duration, sink: Sink) {
    let mut from = FIRST;
    loop {
        let ended = follow_once((&docker, &project, from), interval, &sink).await;
        // Containers went, or none is there yet, or no engine: a complaint is shown, and that is all.
        match ended {
            Ok(Unwanted(true)) => return,
            Ok(Unwanted(false)) => {
                from = AGAIN;
                // There may have been nothing to follow.
                if sink.report(async { Ok(Finding::Lines(Vec::new())) }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if sink.report(async { Err(error) }).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Whether nobody wants reports any more.
struct Unwanted(bool);

async fn follow_once(
    (docker, project, from): (&Path, &Path, [&str; 2]),
    interval: Duration,
    sink: &Sink,
) -> anyhow::Result<Unwanted> {
    let mut child = start(docker, project, from)?;
    let output = child.stdout.take().context("following the logs")?;
    let (sender, mut lines) = mpsc::channel(LINES_MAX);
    let reading = tokio::spawn(read(BufReader::new(output), sender));
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut added = Vec::new();
        while added.len() < LINES_MAX
            && let Ok(line) = lines.try_recv()
        {
            added.push(line);
        }
        if added.is_empty() && reading.is_finished() && lines.is_empty() {
            break;
        }
        if sink.report(async { Ok(Finding::Lines(added)) }).await.is_err() {
            return Ok(Unwanted(true));
        }
    }
    complaint(child).await.map(|()| Unwanted(false))
}

fn start(docker: &Path, project: &Path, from: [&str; 2]) -> anyhow::Result<Child> {
    Command::new(docker)
        .arg("compose")
        .arg("--project-directory")
        .arg(project)
        .args(["--profile", "*", "logs", "--follow", "--no-color"])
        .args(from)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", docker.display()))
}

/// How it ended: with the last that it complained of, where it failed.
async fn complaint(mut child: Child) -> anyhow::Result<()> {
    let mut said = Vec::new();
    if let Some(errors) = child.stderr.take() {
        errors.take(COMPLAINT_BYTES_MAX).read_to_end(&mut said).await?;
    }
    let status = child.wait().await?;
    let said = String::from_utf8_lossy(&said);
    match said.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        _ if status.success() => Ok(()),
        Some(last) => bail!("docker compose logs: {last}"),
        None => bail!("docker compose logs ended with {status}"),
    }
}

/// Reads whole lines until the output ends or nobody wants them.
async fn read(mut output: impl AsyncBufRead + Unpin, lines: mpsc::Sender<LogLine>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if !next_line(&mut output, &mut bytes).await? {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some(line) = of_compose(&strip_colours(&text))
            && lines.send(line).await.is_err()
        {
            return Ok(());
        }
    }
}

/// The next line, cut where it is too long; `false` at the end.
async fn next_line(output: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let ready = output.fill_buf().await?;
        if ready.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = ready.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(ready.len());
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend_from_slice(&ready[..taken.min(room)]);
        output.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// What some versions of Compose write before each line, wherever it goes: that the terminal clear its row.
const CLEAR_ROW: &str = "\u{1b}[2K";

/// `ingestion-1  | text`, as Compose writes it, with the number left out that says which of several containers it is.
fn of_compose(text: &str) -> Option<LogLine> {
    let (name, text) = text.split_once('|')?;
    let name = name.trim_start_matches(CLEAR_ROW).trim();
    let part = name.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok());
    let text = text.trim_end();
    let text = text.strip_prefix(' ').unwrap_or(text);
    (!text.trim().is_empty()).then(|| line(part.map_or(name, |(part, _)| part), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::LogLevel;

    #[test]
    fn a_line_of_compose_is_told_apart_into_its_part_and_its_text() {
        let line =
            of_compose("processors-hockey-1  | 2026-11-21T10:00:00Z  WARN x: y | z\r").expect("a line");
        assert_eq!((line.part.as_str(), line.level), ("processors-hockey", LogLevel::Warning));
        assert_eq!(line.text.as_str(), "10:00:00Z  WARN x: y | z");
        let line = of_compose("\u{1b}[2Kspeaker-1  | ready\u{1b}[2K").expect("a line");
        assert_eq!((line.part.as_str(), line.text.as_str()), ("speaker", "ready\\u{1b}[2K"));
        assert_eq!(of_compose("mysql-1  | "), None);
        assert_eq!(of_compose("no container"), None);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let text = format!("a-1 | {}\nb-1 | next\nc-1 | last", "x".repeat(100_000));
        let (sender, mut lines) = mpsc::channel(8);
        read(BufReader::new(text.as_bytes()), sender).await.expect("read");
        let mut parts = Vec::new();
        while let Some(line) = lines.recv().await {
            parts.push((line.part.to_string(), line.text.as_str().len() > 300));
        }
        let expected = [("a", true), ("b", false), ("c", false)];
        assert_eq!(parts, expected.map(|(part, is_long)| (part.to_owned(), is_long)));
    }
}
