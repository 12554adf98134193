//! How long messages took from the time when they were due.

use std::collections::HashMap;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use simulator::Schedule;
use simulator::pacer::Timeline;

use crate::observe::socket::Arrival;
use crate::stack::{Stack, processors_name};

/// Where a message has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// In MySQL: its transaction is committed.
    Commit,
    /// At a client on the socket.
    Socket,
}

/// An hour; what takes longer counts as an hour.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;

/// A latency's distribution, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Messages measured.
    pub count: u64,
    /// Half of them were faster.
    pub p50: f64,
    /// All but one in a hundred were faster.
    pub p99: f64,
}

/// What was measured in a run.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// From due time to the client, per message: one that came merged with later ones counts when they came.
    socket_micros: Histogram<u64>,
    /// Arrivals before the due time: clocks or the measurement are wrong then.
    pub early: u64,
    /// As the processor measured it, from `generated_at`, which a drive sets to the due time.
    commit: Option<Summary>,
}

impl Latencies {
    /// The latencies at a client. The n-th message sent of an event led to the event's version n.
    #[must_use]
    pub fn of_arrivals(schedule: &Schedule, timeline: &Timeline, arrivals: &[Arrival]) -> Self {
        let mut due: HashMap<&str, Vec<i64>> = HashMap::new();
        for index in 0..schedule.len() {
            if let Some(event_id) = schedule.channels()[schedule.channel(index)].event_id.as_deref() {
                due.entry(event_id).or_default().push(timeline.due_at(schedule.offset_ns(index)).0);
            }
        }
        let bounds = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3);
        let mut socket_micros = bounds.expect("these bounds are within what a histogram allows");
        let mut early = 0;
        for Arrival { event_id, from, to, at_micros } in arrivals {
            let due = due.get(event_id.as_str()).map_or(&[][..], Vec::as_slice);
            let range = place(*from).min(due.len())..place(*to).min(due.len());
            for due in &due[range] {
                match u64::try_from(at_micros - due) {
                    Ok(micros) => socket_micros.saturating_record(micros),
                    Err(_) => early += 1,
                }
            }
        }
        Self { socket_micros, early, commit: None }
    }

    /// Reads what the processors have measured in about the last minute, and keeps the slowest sport's.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn read_commits(&mut self, stack: &Stack) -> Result<()> {
        for sport in domain::Sport::ALL {
            let Ok(url) = stack.url(&processors_name(sport), 0) else { continue };
            let metrics =
                reqwest::get(format!("{url}/metrics")).await?.text().await.context("reading metrics")?;
            let slowest =
                |summary: &Summary| self.commit.as_ref().is_none_or(|known| known.p99 < summary.p99);
            if let Some(summary) = commit_summary(&metrics).filter(slowest) {
                self.commit = Some(summary);
            }
        }
        Ok(())
    }

    /// A hop's distribution; `None` where nothing was measured.
    #[must_use]
    pub fn summary(&self, hop: Hop) -> Option<Summary> {
        match hop {
            Hop::Commit => self.commit,
            Hop::Socket if self.socket_micros.is_empty() => None,
            Hop::Socket => {
                #[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
                let at = |quantile: f64| self.socket_micros.value_at_quantile(quantile) as f64;
                Some(Summary { count: self.socket_micros.len(), p50: at(0.5), p99: at(0.99) })
            }
        }
    }
}

fn place(version: u64) -> usize {
    usize::try_from(version).unwrap_or(usize::MAX)
}

/// What a processor says of the time from `generated_at` to the commit; `None` where nothing was committed.
fn commit_summary(metrics: &str) -> Option<Summary> {
    let value = |suffix: &str| {
        let name = format!("matchday_processor_generated_to_commit_seconds{suffix} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
    };
    let count = value("_count").filter(|count| *count > 0.0)?;
    let (p50, p99) = (value(r#"{quantile="0.5"}"#)?, value(r#"{quantile="0.99"}"#)?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
    Some(Summary { count: count as u64, p50: p50 * 1e6, p99: p99 * 1e6 })
}
