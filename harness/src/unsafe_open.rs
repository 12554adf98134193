//! How long clients were shown markets open that could not be trusted any more.

use std::collections::BTreeMap;

use simulator::DriveReport;
use simulator::ledger::NEVER;

use crate::feed::Feed;
use crate::observe::kafka::Feeds;
use crate::observe::socket::Seen;
use crate::oracle::{ShutBy, Told, Trace};

/// What was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnsafeTimes {
    /// How often an event had to be shut because of what was not heard in time.
    pub checked: u64,
    /// The longest time after the deadline by which that had to be noticed, in microseconds.
    pub longest_micros: u64,
    /// The longest time before it, which nobody can avoid.
    pub exposed_micros: u64,
}

/// After which time what is missing has to be noticed, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Messages.
    pub hold_micros: i64,
    /// Producers.
    pub silence_micros: i64,
}

impl Patience {
    /// That of processors which are told nothing else: `MATCHDAY_HOLD_MS` and `MATCHDAY_PRODUCER_SILENCE_MS`.
    pub const USUAL: Self = Self { hold_micros: 3_000_000, silence_micros: 20_000_000 };
}

/// From the last sign of life, or the first message that had to wait, until every steady client had been told.
#[must_use]
pub fn measure(
    feed: &Feed,
    drive: &DriveReport,
    traces: &BTreeMap<String, Trace>,
    feeds: &Feeds,
    seen: &[&Seen],
) -> UnsafeTimes {
    let mut times = UnsafeTimes::default();
    for (event_id, trace) in traces {
        let Some(told) = feed.oracle.events().get(event_id) else { continue };
        for (version, known) in &trace.versions {
            let Some(shut_by) = known.shut_by else { continue };
            let began = match shut_by {
                ShutBy::Silence => {
                    feeds.alive.get(&told.source).and_then(|heard| last_before(heard, known.applied_at))
                }
                ShutBy::Gap => known.missing.and_then(|turn| waited_since(told, turn, drive)),
            };
            let patience = match shut_by {
                ShutBy::Silence => feed.patience.silence_micros,
                ShutBy::Gap => feed.patience.hold_micros,
            };
            let shown = seen.iter().filter_map(|seen| shown_at(seen, event_id, *version)).max();
            let Some((began, shown)) = began.zip(shown) else { continue };
            times.checked += 1;
            let open = u64::try_from(shown - began - patience).unwrap_or_default();
            times.longest_micros = times.longest_micros.max(open);
            let exposed = u64::try_from((shown - began).min(patience)).unwrap_or_default();
            times.exposed_micros = times.exposed_micros.max(exposed);
        }
    }
    times
}

/// When the first message was sent that had to wait for this one.
fn waited_since(told: &Told, missing: usize, drive: &DriveReport) -> Option<i64> {
    let later = told.lines.iter().chain(&told.beyond).skip(missing + 1);
    let sent =
        later.filter_map(|line| drive.deliveries.sent_micros.get(*line as usize)).filter(|at| **at != NEVER);
    sent.min().map(|at| drive.timeline.started_at.0 + at)
}

fn last_before(heard: &[i64], at: i64) -> Option<i64> {
    heard.partition_point(|heard| *heard < at).checked_sub(1).map(|last| heard[last])
}

/// When a client had been told of a version.
fn shown_at(seen: &Seen, event_id: &str, version: u64) -> Option<i64> {
    let frames = seen.arrivals.iter().filter(|arrival| arrival.event_id == event_id);
    frames.filter(|arrival| arrival.to >= version).map(|arrival| arrival.at_micros).min()
}
