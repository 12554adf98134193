//! How long messages took from the time when they were due.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use domain::Sport;
use hdrhistogram::Histogram;
use simulator::Format;
use simulator::pacer::Timeline;

use crate::feed::Feed;
use crate::observe::socket::Arrival;
use crate::stack::{Stack, processors_name};

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

impl Summary {
    /// Of a histogram of microseconds; `None` where nothing was measured.
    #[must_use]
    pub fn of(micros: &Histogram<u64>) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
        let at = |quantile: f64| micros.value_at_quantile(quantile) as f64;
        (!micros.is_empty()).then(|| Self { count: micros.len(), p50: at(0.5), p99: at(0.99) })
    }
}

/// What was measured in a run.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// From due time to the client, per message, by sport and by the format in which it was sent: one that came merged with
    /// later ones counts when they came.
    socket_micros: BTreeMap<(String, Format), Histogram<u64>>,
    /// Arrivals before the due time: clocks or the measurement are wrong then.
    pub early: u64,
    /// From due time to the commit, by sport: as its processor measured it, from `generated_at`, which a drive sets to the due
    /// time, in about the last minute.
    commits: BTreeMap<String, Summary>,
}

impl Latencies {
    /// The latencies at a client. The n-th message sent of an event led to the n-th of the event's versions, without the
    /// `turns` that no message led to, in order.
    #[must_use]
    pub fn of_arrivals(
        feed: &Feed,
        timeline: &Timeline,
        arrivals: &[Arrival],
        turns: &BTreeMap<String, Vec<u64>>,
    ) -> Self {
        let schedule = &feed.schedule;
        let mut due: HashMap<&str, (Format, Vec<i64>)> = HashMap::new();
        for index in 0..schedule.len() {
            let channel = &schedule.channels()[schedule.channel(index)];
            if let Some(event_id) = channel.event_id.as_deref() {
                let (_, due) = due.entry(event_id).or_insert_with(|| (channel.format, Vec::new()));
                due.push(timeline.due_at(schedule.offset_ns(index)).0);
            }
        }
        let mut latencies = Self { socket_micros: BTreeMap::new(), early: 0, commits: BTreeMap::new() };
        for Arrival { event_id, from, to, at_micros } in arrivals {
            let Some(expected) = feed.expected.get(event_id) else { continue };
            let Some((format, due)) = due.get(event_id.as_str()) else { continue };
            let class = (expected.sport.clone(), *format);
            let micros = latencies.socket_micros.entry(class).or_insert_with(histogram);
            let turns = turns.get(event_id).map(Vec::as_slice).unwrap_or_default();
            let messages = |version| place(version) - turns.partition_point(|turn| *turn <= version);
            let range = messages(*from).min(due.len())..messages(*to).min(due.len());
            for due in &due[range] {
                match u64::try_from(at_micros - due) {
                    Ok(latency) => micros.saturating_record(latency),
                    Err(_) => latencies.early += 1,
                }
            }
        }
        latencies
    }

    /// Reads what the sports' processors have measured.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn read_commits(&mut self, stack: &Stack) -> Result<()> {
        for sport in Sport::ALL {
            // A stack need not have every sport.
            let Ok(url) = stack.url(&processors_name(sport), 0) else { continue };
            let answer = reqwest::get(format!("{url}/metrics")).await?;
            let metrics = answer.text().await.context("reading metrics")?;
            self.commits.extend(commits(&metrics).map(|summary| (sport.to_string(), summary)));
        }
        Ok(())
    }

    /// From due time to the commit, of a sport's messages; `None` where nothing was measured.
    #[must_use]
    pub fn commit(&self, sport: &str) -> Option<Summary> {
        self.commits.get(sport).copied()
    }

    /// From due time to the client, of the messages of these sports that were sent in these formats; `None` where nothing was
    /// measured.
    #[must_use]
    pub fn socket(&self, counts: impl Fn(&str, Format) -> bool) -> Option<Summary> {
        let mut all = histogram();
        for ((sport, format), micros) in &self.socket_micros {
            if counts(sport, *format) {
                all += micros;
            }
        }
        Summary::of(&all)
    }

    /// The formats in which messages were sent.
    #[must_use]
    pub fn formats(&self) -> BTreeSet<Format> {
        self.socket_micros.keys().map(|(_, format)| *format).collect()
    }
}

fn histogram() -> Histogram<u64> {
    let bounds = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3);
    bounds.expect("these bounds are within what a histogram allows")
}

fn place(version: u64) -> usize {
    usize::try_from(version).unwrap_or(usize::MAX)
}

/// What a processor says of the time from `generated_at` to the commit; `None` where nothing was committed.
fn commits(metrics: &str) -> Option<Summary> {
    let value = |suffix: &str| {
        let name = format!("matchday_processor_generated_to_commit_seconds{suffix} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
    };
    let count = value("_count").filter(|count| *count > 0.0)?;
    let (p50, p99) = (value(r#"{quantile="0.5"}"#)?, value(r#"{quantile="0.99"}"#)?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
    Some(Summary { count: count as u64, p50: p50 * 1e6, p99: p99 * 1e6 })
}
