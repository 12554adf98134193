//! How long messages took: from the time when they were due, and from hop to hop.
//!
//! Counted from when a message was due, a generator that had to wait for an answer hides nothing (what others call corrected for
//! coordinated omission); counted from when it was sent, it is raw. Kafka's times are whole milliseconds and count at their end.

use std::collections::BTreeMap;

use domain::MessageType;
use hdrhistogram::Histogram;
use simulator::Format;
use simulator::drive::DriveReport;
use simulator::ledger::NEVER;
use simulator::scenario::{Hop, Share};

use crate::bundle::{LatencyPart, Since, Step};
use crate::feed::Feed;
use crate::observe::kafka::{Feeds, Published};
use crate::observe::socket::Seen;
use crate::oracle::{Trace, VersionTrace};
use told::Told;

pub use told::Hearing;

mod told;

/// An hour; what takes longer counts as an hour.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;
/// Steps of a distribution between two powers of two of the share that is left.
const STEPS_PER_HALVING: u32 = 5;

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

/// Which messages a distribution is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// All that were due in the warm-up.
    WarmUp,
    /// All that were due after it.
    All,
    /// Those of a sport.
    Sport(String),
    /// Those of a type.
    Class(&'static str),
    /// Those that were sent in a format.
    Format(Format),
}

/// A distribution, and what does not fit into it.
#[derive(Debug, Clone)]
pub struct Measured {
    /// In microseconds.
    pub micros: Histogram<u64>,
    /// How many were there before they could be.
    pub negative: u64,
}

/// What was measured in a run.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    measured: BTreeMap<(Hop, Since, Group), Measured>,
    /// From due time to the commit, by sport, and to the socket: as its service measured it from `generated_at`, which a drive
    /// sets to the due time: of the slowest minute behind the warm-up, or of the last one.
    told: BTreeMap<(Hop, Option<String>), Told>,
    /// Of everything that was behind a hop: when it was due and when it was there, for whoever draws a line.
    pub at_client: Vec<(i64, i64)>,
    /// The same of updates in Kafka.
    pub published: Vec<(i64, i64)>,
}

/// What is known of one message, in microseconds since the epoch.
struct Times {
    due: i64,
    at: BTreeMap<Hop, i64>,
}

/// What the times of a run are read from.
pub struct Sources<'a> {
    /// What was sent.
    pub feed: &'a Feed,
    /// When it was due and sent.
    pub drive: &'a DriveReport,
    /// What came of it.
    pub traces: &'a BTreeMap<String, Trace>,
    /// When Kafka had it.
    pub feeds: &'a Feeds,
    /// When Kafka had its update.
    pub updates: &'a BTreeMap<String, Vec<Published>>,
    /// What services said of themselves.
    pub hearing: &'a Hearing,
    /// Who read it, without delay.
    pub seen: &'a [&'a Seen],
    /// Messages that were due before that, in microseconds after the start, are the warm-up.
    pub warm_up_micros: i64,
}

impl Latencies {
    /// Reads all times.
    #[must_use]
    pub fn of(sources: &Sources) -> Self {
        let mut latencies = Self { told: sources.hearing.told().collect(), ..Self::default() };
        let arrivals = arrivals(sources.seen);
        let in_kafka: BTreeMap<u32, i64> = sources
            .feeds
            .messages
            .iter()
            .filter_map(|(id, at)| Some((sources.feed.oracle.line(id)?, end_of_millisecond(at.at_ms))))
            .collect();
        for (event_id, trace) in sources.traces {
            let published = first_published(sources.updates.get(event_id));
            let sport = sources.feed.sport(event_id);
            let seen = arrivals.get(event_id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let is_skewed = sources.feed.is_skewed(event_id);
            for (version, known) in &trace.versions {
                let Some(mut times) = times(sources, known, is_skewed) else { continue };
                if let Some(at) = known.line.and_then(|line| in_kafka.get(&line)) {
                    times.at.insert(Hop::InKafka, *at);
                }
                times.at.insert(Hop::Applied, known.applied_at);
                times.at.extend(published.get(version).map(|at| (Hop::Published, *at)));
                times.at.extend(first_arrival(seen, *version).map(|at| (Hop::AtClient, at)));
                latencies.record(sources, known, sport, &times);
            }
        }
        latencies
    }

    fn record(&mut self, sources: &Sources, known: &VersionTrace, sport: &str, times: &Times) {
        let is_warm_up = times.due - sources.drive.timeline.started_at.0 < sources.warm_up_micros;
        let sent = times.at.get(&Hop::Sent).copied();
        let mut before = Some(times.due);
        for hop in Hop::ALL {
            let Some(at) = times.at.get(&hop).copied() else { continue };
            let mut note = |since, group, from: i64| self.note((hop, since, group), at - from);
            let group = if is_warm_up { Group::WarmUp } else { Group::All };
            note(Since::Due, group.clone(), times.due);
            if let Some(sent) = sent.filter(|_| hop != Hop::Sent) {
                note(Since::Sent, group.clone(), sent);
            }
            if let Some(before) = before.replace(at) {
                note(Since::HopBefore, group, before);
            }
            if is_warm_up {
                continue;
            }
            let class = known.class.map(|class| Group::Class(class.as_str()));
            for group in class.into_iter().chain([Group::Sport(sport.to_owned())]) {
                if let Some(sent) = sent.filter(|_| hop != Hop::Sent) {
                    note(Since::Sent, group.clone(), sent);
                }
                note(Since::Due, group, times.due);
            }
            if let Some(format) =
                known.line.map(|line| sources.feed.format(line)).filter(|_| hop == Hop::AtClient)
            {
                note(Since::Due, Group::Format(format), times.due);
            }
        }
        let line = |hop| times.at.get(&hop).map(|at| (times.due, *at));
        self.at_client.extend(line(Hop::AtClient));
        self.published.extend(line(Hop::Published));
    }

    fn note(&mut self, key: (Hop, Since, Group), micros: i64) {
        let is_hop = key.1 == Since::HopBefore;
        let measured = self.measured.entry(key).or_insert_with(Measured::none);
        // Kafka tells times to the millisecond, of which the end is taken: what follows within it seems to come before it.
        let is_rounded = is_hop && (-MILLISECOND..0).contains(&micros);
        match u64::try_from(if is_rounded { 0 } else { micros }) {
            Ok(micros) => measured.micros += micros.min(LATENCY_MICROS_MAX),
            Err(_) => measured.negative += 1,
        }
    }

    /// A distribution from due time on, behind the warm-up; `None` where nothing was measured.
    #[must_use]
    pub fn due_to(&self, hop: Hop, group: Group) -> Option<&Measured> {
        self.measured.get(&(hop, Since::Due, group))
    }

    /// From due time to the commit, of a sport's messages; `None` where nothing was measured.
    #[must_use]
    pub fn commit(&self, sport: &str) -> Option<Summary> {
        let told = self.told.get(&(Hop::Committed, Some(sport.to_owned())))?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let at = |share: Share| told.micros.get(share.as_str()).map(|micros| *micros as f64);
        Some(Summary { count: told.count, p50: at(Share::P50)?, p99: at(Share::P99)? })
    }

    /// From due time to a hop, of all messages behind the warm-up: the share's latency in microseconds; `None` where it was not
    /// measured. Of what services say themselves the worst sport counts.
    #[must_use]
    pub fn share(&self, hop: Hop, share: Share) -> Option<u64> {
        let told = self.told.iter().filter(|((of, _), _)| *of == hop);
        let told = told.filter_map(|(_, told)| told.micros.get(share.as_str())).max().copied();
        let measured = self.due_to(hop, Group::All).filter(|measured| !measured.micros.is_empty());
        measured.map(|measured| measured.micros.value_at_quantile(share.quantile())).or(told)
    }

    /// The formats in which messages were sent.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.measured.keys().filter_map(|(_, _, group)| match group {
            Group::Format(format) => Some(*format),
            _ => None,
        })
    }

    /// How many were at a client before they were due: clocks or the measurement are wrong then.
    #[must_use]
    pub fn early(&self) -> u64 {
        let groups = [Group::All, Group::WarmUp].into_iter();
        groups.filter_map(|group| self.due_to(Hop::AtClient, group)).map(|measured| measured.negative).sum()
    }

    /// All of it, as the bundle has it.
    #[must_use]
    pub fn parts(&self) -> Vec<LatencyPart> {
        let measured = self.measured.iter().filter_map(|((hop, since, group), measured)| {
            let (sport, class) = match group {
                Group::Sport(sport) => (Some(sport.clone()), None),
                Group::Class(class) => (None, Some((*class).to_owned())),
                Group::WarmUp | Group::All => (None, None),
                Group::Format(_) => return None,
            };
            let is_whole = *group == Group::All;
            Some(LatencyPart {
                hop: hop.to_string(),
                since: *since,
                is_warm_up: *group == Group::WarmUp,
                sport,
                class,
                count: measured.micros.len(),
                negative: measured.negative,
                micros: shares(&measured.micros),
                distribution: if is_whole { distribution(&measured.micros) } else { Vec::new() },
            })
        });
        let told = self.told.iter().map(|((hop, sport), told)| LatencyPart {
            hop: hop.to_string(),
            since: Since::Due,
            is_warm_up: false,
            sport: sport.clone(),
            class: None,
            count: told.count,
            negative: 0,
            micros: told.micros.clone(),
            distribution: Vec::new(),
        });
        measured.chain(told).collect()
    }
}

impl Measured {
    fn none() -> Self {
        // It grows with what is put into it: there are many of them.
        let mut micros = Histogram::new(3).expect("three digits are within what a histogram allows");
        micros.auto(true);
        Self { micros, negative: 0 }
    }
}

/// What is known of a version's message; `None` where no message led to it, or when it was due is known by a wrong clock alone.
fn times(sources: &Sources, known: &VersionTrace, is_skewed: bool) -> Option<Times> {
    let Sources { feed, drive, .. } = sources;
    let started = drive.timeline.started_at.0;
    let mut at = BTreeMap::new();
    let due = match known.line {
        Some(line) => {
            let sent = drive.deliveries.sent_micros.get(line as usize).copied().unwrap_or(NEVER);
            if sent != NEVER {
                at.insert(Hop::Sent, started + sent);
            }
            drive.timeline.due_at(feed.schedule.offset_ns(line as usize)).0
        }
        None if is_skewed => return None,
        None => known.generated_at?,
    };
    at.extend(known.received_at.map(|received| (Hop::Received, received)));
    Some(Times { due, at })
}

/// In microseconds.
const MILLISECOND: i64 = 1_000;

/// The end of a time that is known to the millisecond, in microseconds.
fn end_of_millisecond(at_ms: i64) -> i64 {
    at_ms * MILLISECOND + MILLISECOND - 1
}

/// When each version was in Kafka first.
fn first_published(published: Option<&Vec<Published>>) -> BTreeMap<u64, i64> {
    let mut first = BTreeMap::new();
    for update in published.into_iter().flatten() {
        first.entry(update.version).or_insert_with(|| end_of_millisecond(update.at_ms));
    }
    first
}

/// Each event's frames, in the order in which they came: the version reached, and when.
fn arrivals<'a>(seen: &'a [&'a Seen]) -> BTreeMap<&'a str, Vec<(u64, i64)>> {
    let mut arrivals: BTreeMap<&str, Vec<(u64, i64)>> = BTreeMap::new();
    for arrival in seen.iter().flat_map(|seen| &seen.arrivals) {
        arrivals.entry(&arrival.event_id).or_default().push((arrival.to, arrival.at_micros));
    }
    // Several clients may have seen an event; the first that did counts.
    arrivals.values_mut().for_each(|frames| frames.sort_unstable_by_key(|(to, at)| (*at, *to)));
    for frames in arrivals.values_mut() {
        let mut reached = 0;
        frames.retain(|(to, _)| {
            let is_news = *to > reached;
            reached = reached.max(*to);
            is_news
        });
    }
    arrivals
}

/// When a version had been reached.
fn first_arrival(frames: &[(u64, i64)], version: u64) -> Option<i64> {
    let place = frames.partition_point(|(to, _)| *to < version);
    frames.get(place).map(|(_, at)| *at)
}

fn shares(micros: &Histogram<u64>) -> BTreeMap<String, u64> {
    if micros.is_empty() {
        return BTreeMap::new();
    }
    let at = |share: Share| (share.as_str().to_owned(), micros.value_at_quantile(share.quantile()));
    Share::ALL.into_iter().map(at).collect()
}

fn distribution(micros: &Histogram<u64>) -> Vec<Step> {
    let step = |at: hdrhistogram::iterators::IterationValue<u64>| Step {
        micros: at.value_iterated_to(),
        quantile: at.quantile(),
        count: micros.count_between(0, at.value_iterated_to()),
    };
    micros.iter_quantiles(STEPS_PER_HALVING).map(step).collect()
}

/// The type of a message, by its name.
#[must_use]
pub fn class(name: &str) -> Option<MessageType> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_arrived_with_the_first_frame_that_reaches_it() {
        let frames = [(1, 10), (4, 40), (5, 50)];
        let at = |version| first_arrival(&frames, version);
        assert_eq!([at(1), at(2), at(4), at(5), at(6)], [Some(10), Some(40), Some(40), Some(50), None]);
    }
}
