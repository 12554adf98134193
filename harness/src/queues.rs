//! How many messages lay before each hop of their way, look by look, and whose queue grew first.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use simulator::ledger::NEVER;

use crate::float::count;
use crate::run::Outcome;

/// Less than what comes in within so long is no queue: it is what a look finds on its way.
const USUAL: Duration = Duration::from_millis(100);
/// Nor are fewer messages than these, at a low rate.
const USUAL_LEAST: f64 = 20.0;
/// By how much a queue must exceed what it was where all went well.
const TIMES_CALM: f64 = 3.0;
/// A queue has grown for good where it stays grown in so many of the looks that follow.
const STAYS: f64 = 0.75;
/// And in so many of them at least: one look alone may have met a hiccup.
const LOOKS_LEAST: usize = 2;

/// Where messages lie, in the order of their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Due, and not sent although nothing was in the way.
    Generator,
    /// Sent, and without a final answer, or held back until what went before them has one: at ingestion, or on their way into Kafka.
    Ingestion,
    /// In the feed topics, and not committed by a processor.
    Feed,
    /// Committed, and not published.
    Outbox,
    /// In the updates topics, and not read by distribution.
    Updates,
    /// Read by distribution, and not at a client that reads at once.
    Sockets,
}

impl Queue {
    /// All of them, in the order of a message's way.
    pub const ALL: [Self; 6] =
        [Self::Generator, Self::Ingestion, Self::Feed, Self::Outbox, Self::Updates, Self::Sockets];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Ingestion => "ingestion",
            Self::Feed => "feed",
            Self::Outbox => "outbox",
            Self::Updates => "updates",
            Self::Sockets => "sockets",
        }
    }

    /// Whose it is, and what lies in it.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Generator => "generator: due, not sent",
            Self::Ingestion => "ingestion: sent or held back, not answered",
            Self::Feed => "processors: in the feed topics, not committed",
            Self::Outbox => "processors' outbox: committed, not published",
            Self::Updates => "distribution: in the updates topics, not read",
            Self::Sockets => "sockets: read by distribution, not at the client",
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What lay where at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// When, in microseconds after the start.
    pub at_micros: i64,
    /// Messages in each queue; those are absent of which nothing was learnt.
    pub waiting: BTreeMap<Queue, u64>,
}

/// A queue that grew and stayed so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Whose.
    pub queue: Queue,
    /// When it was seen grown, in seconds after the start.
    pub at_seconds: f64,
    /// So many messages were no queue yet.
    pub usual: u64,
    /// The most that lay in it.
    pub most: u64,
    /// Every look at it while messages were sent: seconds after the start, messages.
    pub samples: Vec<(f64, u64)>,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grouped = crate::report::grouped;
        let Self { queue, at_seconds, usual, most, .. } = self;
        let (usual, most) = (grouped(*usual), grouped(*most));
        write!(f, "{queue} (above {usual} from second {at_seconds:.0} on, {most} at most)")
    }
}

/// What lay where whenever the stack was looked at. What was sent, answered and read is known of each message; the rest was asked.
#[must_use]
pub fn looks(outcome: &Outcome) -> Vec<Look> {
    let deliveries = &outcome.drive.deliveries;
    let started = outcome.drive.timeline.started_at.0;
    let sorted = |times: &mut dyn Iterator<Item = i64>| {
        let mut times: Vec<i64> = times.collect();
        times.sort_unstable();
        times
    };
    let happened = |times: &[i64]| sorted(&mut times.iter().copied().filter(|at| *at != NEVER));
    let due = sorted(&mut deliveries.due_micros.iter().copied());
    let answered = happened(&deliveries.answered_micros);
    let handed_over = happened(&handed_over(&deliveries.sent_micros, &outcome.drive.waited_micros));
    let since_start = |lines: &[(i64, i64)]| sorted(&mut lines.iter().map(|(_, at)| at - started));
    let published = since_start(&outcome.latencies.published);
    let at_client = since_start(&outcome.latencies.at_client);
    let look = |sample: &crate::monitor::Sample| {
        let by = |times: &[i64]| times.partition_point(|at| *at <= sample.at_micros) as u64;
        let between = |before: &[i64], after: &[i64]| Some(by(before).saturating_sub(by(after)));
        // Where nobody read at once, nothing is known of what clients waited for.
        let to_read = if at_client.is_empty() { None } else { between(&published, &at_client) };
        let found = [
            (Queue::Generator, between(&due, &handed_over)),
            (Queue::Ingestion, between(&handed_over, &answered)),
            (Queue::Feed, sample.lag),
            (Queue::Outbox, sample.outbox),
            (Queue::Updates, sample.unread),
            (Queue::Sockets, to_read.zip(sample.unread).map(|(all, unread)| all.saturating_sub(unread))),
        ];
        let waiting = found.into_iter().filter_map(|(queue, waiting)| Some((queue, waiting?)));
        Look { at_micros: sample.at_micros, waiting: waiting.collect() }
    };
    outcome.samples.iter().map(look).collect()
}

/// When ingestion was to have each message. What waits for the answer to another one waits for ingestion: only so many may be on
/// their way to it.
fn handed_over(sent_micros: &[i64], waited_micros: &[i64]) -> Vec<i64> {
    let of = |(sent, waited): (&i64, &i64)| match *sent {
        NEVER => NEVER,
        sent => sent - (*waited).max(0),
    };
    sent_micros.iter().zip(waited_micros).map(of).collect()
}

/// How long what lay in each queue takes to come in, in seconds: half of the looks found no more. `rate` is how much comes in.
#[must_use]
pub fn calm(looks: &[Look], rate: f64) -> BTreeMap<Queue, f64> {
    let middle = |queue: Queue| {
        let mut waiting: Vec<u64> =
            looks.iter().filter_map(|look| look.waiting.get(&queue).copied()).collect();
        waiting.sort_unstable();
        Some((queue, count(*waiting.get(waiting.len() / 2)?) / rate.max(1.0)))
    };
    Queue::ALL.into_iter().filter_map(middle).collect()
}

/// The queues that grew and stayed so, whose did first in front. `rate` is how much comes in a second, `calm` what
/// [`calm`] said of a run in which all went well; nothing where there was none.
///
/// Where several are seen grown at the same look, one that could not take more stands before what waited for it: the generator can only
/// send what ingestion answers. Of others the longest comes first.
#[must_use]
pub fn grown(looks: &[Look], rate: f64, calm: &BTreeMap<Queue, f64>) -> Vec<Growth> {
    let mut grown: Vec<Growth> =
        Queue::ALL.into_iter().filter_map(|queue| growth(looks, queue, rate, calm)).collect();
    let full = grown.iter().find(|growth| growth.queue == Queue::Ingestion).map(|growth| growth.at_seconds);
    let waits =
        |growth: &Growth| growth.queue == Queue::Generator && full.is_some_and(|at| at <= growth.at_seconds);
    grown.sort_by(|one, other| {
        let by_time = one.at_seconds.total_cmp(&other.at_seconds);
        by_time.then(waits(one).cmp(&waits(other))).then(other.most.cmp(&one.most))
    });
    grown
}

fn growth(looks: &[Look], queue: Queue, rate: f64, calm: &BTreeMap<Queue, f64>) -> Option<Growth> {
    let calm = calm.get(&queue).copied().unwrap_or_default() * TIMES_CALM;
    let usual = (rate * USUAL.as_secs_f64().max(calm)).max(USUAL_LEAST);
    let seconds = |micros: i64| Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
    let samples: Vec<(f64, u64)> =
        looks.iter().filter_map(|look| Some((seconds(look.at_micros), *look.waiting.get(&queue)?))).collect();
    let is_grown: Vec<bool> = samples.iter().map(|(_, waiting)| count(*waiting) > usual).collect();
    let stays = |from: &usize| {
        let rest = &is_grown[*from..];
        let grown = rest.iter().filter(|is_grown| **is_grown).count();
        rest[0] && grown >= LOOKS_LEAST && count(grown as u64) >= STAYS * count(rest.len() as u64)
    };
    let first = (0..samples.len()).find(stays)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of messages, for people"
    )]
    let usual = usual as u64;
    let most = samples.iter().map(|(_, waiting)| *waiting).max().unwrap_or_default();
    Some(Growth { queue, at_seconds: samples[first].0, usual, most, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1_000.0;

    /// A look a second at queues that held so much.
    fn looks(queues: &[(Queue, &[u64])]) -> Vec<Look> {
        let length = queues.iter().map(|(_, waiting)| waiting.len()).max().unwrap();
        let look = |second: usize| Look {
            at_micros: i64::try_from(second).unwrap() * 1_000_000,
            waiting: queues.iter().filter_map(|(queue, found)| Some((*queue, *found.get(second)?))).collect(),
        };
        (0..length).map(look).collect()
    }

    fn names(looks: &[Look], calm: &BTreeMap<Queue, f64>) -> Vec<(Queue, f64)> {
        grown(looks, RATE, calm).iter().map(|growth| (growth.queue, growth.at_seconds)).collect()
    }

    #[test]
    fn the_queue_that_grew_first_is_named_with_what_was_seen_of_it() {
        let looks = looks(&[
            (Queue::Generator, &[0, 2, 1, 0, 3, 200, 900, 2_000]),
            (Queue::Ingestion, &[9, 9, 9, 8, 9, 9, 8, 9]),
            (Queue::Feed, &[5, 60, 90, 800, 2_000, 3_300, 4_500, 6_000]),
            (Queue::Outbox, &[5, 5, 20, 90, 150, 160, 170, 140]),
        ]);
        assert_eq!(
            names(&looks, &BTreeMap::new()),
            [(Queue::Feed, 3.0), (Queue::Outbox, 4.0), (Queue::Generator, 5.0)]
        );
        let first = &grown(&looks, RATE, &BTreeMap::new())[0];
        assert_eq!((first.usual, first.most, first.samples[3]), (100, 6_000, (3.0, 800)));
        assert_eq!(first.to_string(), "feed (above 100 from second 3 on, 6,000 at most)");
    }

    #[test]
    fn what_goes_back_or_was_like_that_before_has_not_grown() {
        let cold =
            looks(&[(Queue::Feed, &[900, 700, 30, 20, 10, 20, 10, 5]), (Queue::Sockets, &[0, 0, 0, 900, 0])]);
        assert_eq!(names(&cold, &BTreeMap::new()), []);
        let held = looks(&[(Queue::Outbox, &[80, 90, 100, 90, 80])]);
        let usual = calm(&held, RATE);
        let double = looks(&[(Queue::Outbox, &[180, 170, 190, 180])]);
        assert_eq!(names(&double, &usual), [], "twice what it was is no growth");
        assert_eq!(names(&double, &BTreeMap::new()), [(Queue::Outbox, 0.0)]);
        assert_eq!(names(&looks(&[(Queue::Outbox, &[180, 900, 990])]), &usual), [(Queue::Outbox, 1.0)]);
    }

    #[test]
    fn what_waits_for_an_answer_lies_at_ingestion() {
        assert_eq!(handed_over(&[500, 900, NEVER], &[NEVER, 700, 300]), [500, 200, NEVER]);
    }

    #[test]
    fn a_full_queue_stands_before_what_waits_for_it() {
        let waits = (Queue::Generator, &[0, 900, 2_900, 4_900][..]);
        let full = looks(&[waits, (Queue::Ingestion, &[9, 2_000, 2_000, 2_000])]);
        assert_eq!(names(&full, &BTreeMap::new()), [(Queue::Ingestion, 1.0), (Queue::Generator, 1.0)]);
        let alone = looks(&[waits, (Queue::Ingestion, &[9, 9, 9, 9]), (Queue::Feed, &[0, 150, 150, 150])]);
        assert_eq!(names(&alone, &BTreeMap::new()), [(Queue::Generator, 1.0), (Queue::Feed, 1.0)]);
    }

    #[test]
    fn what_was_not_seen_is_in_no_queue() {
        let mut seen = looks(&[(Queue::Feed, &[0, 500, 900, 1_400])]);
        seen[2].waiting.clear();
        assert_eq!(names(&seen, &BTreeMap::new()), [(Queue::Feed, 1.0)]);
        assert_eq!(names(&[], &BTreeMap::new()), []);
    }
}
