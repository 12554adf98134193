//! Without a terminal: one line per interval, or one document for scripts.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::bundle::Run;
use crate::clock;
use crate::model::pipeline::{Place, Row};
use crate::model::summary::{RunSummary, Summary};
use crate::model::{Level, Touch};
use crate::watch::Watch;

/// Over how long errors are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How long `--once` waits for rates, which two answers make, beyond twice the interval.
const ONCE_WITHIN: Duration = Duration::from_secs(5);

/// Writes a line, or a document, every interval until told to end, or until nobody reads.
///
/// # Errors
/// When a source broke down.
pub async fn follow(mut watch: Watch, interval: Duration, as_json: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to Ctrl-C")?;
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    // Before two answers there are no rates: nothing would be told to be idle.
    let (deadline, mut has_begun) = (Instant::now() + interval * 2 + ONCE_WITHIN, false);
    loop {
        tokio::select! {
            report = watch.next() => watch.take(report?),
            _ = ticks.tick() => {
                watch.look()?;
                watch.step();
                has_begun = has_begun || is_told(&watch) || Instant::now() >= deadline;
                if !has_begun {
                    continue;
                }
                // Whoever reads may have gone, as `head` does.
                if say(&watch, as_json).is_err() {
                    return Ok(());
                }
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Writes one line, or one document, as soon as every part has answered twice or failed, and says whether anything answered.
///
/// # Errors
/// When nothing answered, or a source broke down.
pub async fn once(mut watch: Watch, interval: Duration, as_json: bool) -> anyhow::Result<()> {
    watch.settle().await?;
    let deadline = Instant::now() + interval * 2 + ONCE_WITHIN;
    loop {
        let report = tokio::time::timeout_at(deadline, watch.next()).await;
        let Ok(report) = report else { break };
        watch.take(report?);
        if is_told(&watch) {
            break;
        }
    }
    watch.step();
    match say(&watch, as_json) {
        // Whoever reads may have what he wants.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        said => said.context("writing")?,
    }
    let answered =
        watch.model.parts.values().any(|state| state.contact.touch(watch.model.now) == Touch::Fresh);
    ensure!(answered, "nothing answers at {}", watch.model.stack);
    Ok(())
}

/// Writes what each run came to: a line, or a document.
///
/// # Errors
/// When nobody reads.
pub fn verdicts(runs: &[Run], as_json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for Run { verdict, .. } in runs {
        let text = match as_json {
            true => serde_json::to_string(&RunSummary::of(verdict))?,
            false => format!("{}: {}: {}", verdict.name, verdict.exit.as_str(), verdict.summary),
        };
        writeln!(out, "{text}").context("writing")?;
    }
    out.flush().context("writing")
}

/// Whether there is nothing more to wait for: each part has a rate or does not answer, and Kafka and REST have spoken.
fn is_told(watch: &Watch) -> bool {
    let model = &watch.model;
    let has_rate = |part| {
        model
            .hops
            .iter()
            .filter(|(hop, _)| hop.part() == part)
            .any(|(_, history)| history.passed.rate.last(model.now).is_some())
    };
    let parts = model.parts.keys().all(|part| match model.part_level(*part) {
        Level::Waiting => false,
        Level::Down | Level::Absent => true,
        _ => has_rate(*part),
    });
    let heard = |is_asked: bool, touch| !is_asked || touch != Touch::Waiting;
    let kafka = match model.kafka.contact.touch(model.now) {
        Touch::Fresh => model.kafka.feeds().all(|topic| topic.written.rate.last(model.now).is_some()),
        touch => heard(model.kafka.is_asked, touch),
    };
    parts && kafka && heard(model.games.is_asked, model.games.contact.touch(model.now))
}

fn say(watch: &Watch, as_json: bool) -> io::Result<()> {
    let now = clock::since_epoch();
    let summary = watch.model.summary(WINDOW, now);
    let text = if as_json { serde_json::to_string(&summary)? } else { line(&summary, now) };
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Everything in one line: the time, how it is, every hop's rate, the slowest latency, what waits, what went wrong.
fn line(summary: &Summary, since_epoch: Duration) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    let seconds = since_epoch.as_secs() % 86_400;
    let mut told = vec![
        format!("{:02}:{:02}:{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        summary.state.word().to_owned(),
    ];
    let hops = summary.hops.iter();
    told.extend(hops.map(|row| format!("{} {}/s", row.place.name(), number(row.per_second))));
    let slowest =
        summary.hops.iter().chain(&summary.sports).filter_map(|row| row.p99_seconds).reduce(f64::max);
    told.push(format!("p99 {} ms", number(slowest.map(|seconds| seconds * 1e3))));
    // Of messages alone: requests and sockets have others.
    let waits = |row: &&Row| matches!(row.place, Place::FeedTopics | Place::Distribution);
    let lag = summary.hops.iter().filter(waits).filter_map(|row| row.lag).reduce(|sum, lag| sum + lag);
    told.push(format!("lag {}", number(lag)));
    let errors = summary.hops.iter().filter_map(|row| row.errors).reduce(|sum, errors| sum + errors);
    told.push(format!("errors {}", number(errors)));
    told.extend(summary.verifying.as_ref().map(|run| {
        let place = if run.is_here { "" } else { " on another stack" };
        format!("verify {}{place}: {}", run.scenario, run.phase)
    }));
    told.extend(summary.warnings.first().map(|first| format!("{}: {}", first.place, first.what)));
    told.join(", ")
}
