//! Topics and partitions: how fast they are written, how much waits in them, and whether that grows.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Sport, Topics};

use super::contact::Contact;
use super::series::{Counter, Series};
use crate::source::{Part, PartitionOffsets, Samples};

mod reader;

pub use reader::Reader;

/// Over how long the slope of a lag is taken.
pub(super) const SLOPE_OVER: Duration = Duration::from_secs(15);

/// A lag below this is what is just under way, even where it grows.
const GROWING_FROM: f64 = 200.0;

/// A lag grows that rises by so many messages a second.
const GROWING_BY: f64 = 5.0;

/// A partition is hot that takes so many times its share of the topic's messages.
const HOT: f64 = 1.5;

/// Messages a second of a topic below which no partition is called hot.
const HOT_RATE_MIN: f64 = 20.0;

/// What waits in topics.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// Whether it answers.
    pub contact: Contact,
    /// Whether its address is known.
    pub is_asked: bool,
    /// Our topics that are there, by name.
    pub topics: BTreeMap<String, TopicHistory>,
    /// What waits for each reader, as he says himself.
    told: BTreeMap<Reader, Unread>,
}

/// What waits for one reader.
#[derive(Clone, Debug, Default)]
struct Unread {
    /// In all partitions together.
    all: Series,
    /// In each.
    partitions: BTreeMap<i32, Series>,
    /// What he has read, where he says so of each sport.
    read: Counter,
}

/// One topic.
#[derive(Clone, Debug, Default)]
pub struct TopicHistory {
    /// Who reads it and says how far he is.
    pub reader: Option<Reader>,
    /// What is written to it, all partitions together.
    pub written: Counter,
    /// What its group has read of it, all partitions together, as far as it has told Kafka.
    pub read: Counter,
    /// What waits in it, all partitions together, as far as its group has told Kafka.
    pub lag: Series,
    /// Its partitions.
    pub partitions: BTreeMap<i32, PartitionHistory>,
}

/// One partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionHistory {
    /// The offset that the next record will get.
    pub end: i64,
    /// Where its group has come to.
    pub committed: Option<i64>,
    /// What is written to it.
    pub written: Counter,
    /// What waits in it, as far as its group has told Kafka.
    pub lag: Series,
}

impl Kafka {
    pub(super) fn new(interval: Duration, is_asked: bool) -> Self {
        let contact = Contact::new(interval);
        Self { contact, is_asked, topics: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// What the processes of a service say of the partitions that they read. Of one that several tell of, the most counts: each
    /// distribution reads all, and a partition of processors may just have gone from one to another.
    pub(super) fn take_told(&mut self, at: Duration, part: Part, told: &[Samples]) {
        let take = |kafka: &mut Self, reader, name, labels: &[(&str, &str)]| {
            let mut partitions: BTreeMap<i32, f64> = BTreeMap::new();
            for (partition, lag) in
                told.iter().flat_map(|samples| samples.by_where(name, "partition", labels))
            {
                let Ok(partition) = partition.parse() else { continue };
                let most = partitions.entry(partition).or_insert(lag);
                *most = most.max(lag);
            }
            kafka.take_partitions(at, reader, partitions);
        };
        match part {
            Part::Processors(sport) => {
                take(self, Reader::Processors(sport), "matchday_processor_lag", &[]);
            }
            Part::Distribution => {
                for sport in Sport::ALL {
                    let labels = [("sport", sport.as_str())];
                    take(self, Reader::Distribution(sport), "matchday_distribution_lag", &labels);
                    let read = told.iter().zip(0..).filter_map(|(samples, process)| {
                        Some((process, samples.sum("matchday_distribution_updates_total", &labels)?))
                    });
                    let unread = self.told.entry(Reader::Distribution(sport)).or_default();
                    unread.read.push_each(at, read);
                }
            }
            Part::Simulator | Part::Ingestion => {}
        }
    }

    fn take_partitions(&mut self, at: Duration, reader: Reader, partitions: BTreeMap<i32, f64>) {
        let mut all = None;
        for (partition, lag) in partitions {
            all = Some(all.unwrap_or_default() + lag);
            let unread = self.told.entry(reader).or_default();
            unread.partitions.entry(partition).or_default().push(at, lag);
        }
        if let Some(all) = all {
            self.told.entry(reader).or_default().all.push(at, all);
        }
    }

    /// What waits for a reader, as he says.
    pub(super) fn told(&self, reader: Reader) -> Option<&Series> {
        self.told.get(&reader).map(|unread| &unread.all)
    }

    /// What a reader has read, where he says so of this alone.
    pub(super) fn read_as_told(&self, reader: Reader) -> Option<&Counter> {
        self.told.get(&reader).map(|unread| &unread.read).filter(|read| !read.added.is_empty())
    }

    /// As [`Self::told`], in one partition, where he says so now.
    pub(super) fn told_of(&self, reader: Reader, partition: i32, now: Duration) -> Option<&Series> {
        self.told.get(&reader)?.partitions.get(&partition).filter(|lag| lag.last(now).is_some())
    }

    pub(super) fn take(&mut self, at: Duration, topics: &Topics, offsets: Vec<PartitionOffsets>) {
        let mut totals: BTreeMap<String, (f64, Option<f64>)> = BTreeMap::new();
        for PartitionOffsets { topic, partition, end, committed } in offsets {
            let reader = Reader::of(topics, &topic);
            let has_group = matches!(reader, Some(Reader::Processors(_)));
            // Nothing committed yet: everything waits.
            let lag = has_group.then(|| (end - committed.unwrap_or_default()).max(0) as f64);
            let total = totals.entry(topic.clone()).or_default();
            total.0 += end as f64;
            total.1 = total.1.map_or(lag, |sum| lag.map(|lag| sum + lag));
            let history = self.topics.entry(topic).or_default();
            history.reader = reader;
            let history = history.partitions.entry(partition).or_default();
            (history.end, history.committed) = (end, committed);
            history.written.push(at, end as f64);
            if let Some(lag) = lag {
                history.lag.push(at, lag);
            }
        }
        self.topics.retain(|name, _| totals.contains_key(name));
        for (name, (end, lag)) in totals {
            let Some(history) = self.topics.get_mut(&name) else { continue };
            history.written.push(at, end);
            if let Some(lag) = lag {
                history.read.push(at, end - lag);
                history.lag.push(at, lag);
            }
        }
    }

    /// The feed topics.
    pub fn feeds(&self) -> impl Iterator<Item = &TopicHistory> {
        self.topics.values().filter(|topic| matches!(topic.reader, Some(Reader::Processors(_))))
    }

    /// The topic that this one reads.
    #[must_use]
    pub fn read_by(&self, reader: Reader) -> Option<&TopicHistory> {
        self.topics.values().find(|topic| topic.reader == Some(reader))
    }
}

impl TopicHistory {
    /// The partition that takes far more than its share, with its share of all.
    #[must_use]
    pub fn hot(&self, now: Duration) -> Option<(i32, f64)> {
        let rate =
            |partition: &PartitionHistory| partition.written.rate.mean(now, SLOPE_OVER).unwrap_or_default();
        let rates = self.partitions.iter().map(|(number, partition)| (*number, rate(partition)));
        let total: f64 = self.partitions.values().map(rate).sum();
        let (number, most) = rates.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let share = most / total;
        let is_hot = total >= HOT_RATE_MIN && share * self.partitions.len() as f64 >= HOT;
        (is_hot && self.partitions.len() > 1).then_some((number, share))
    }
}

/// By how much a lag grows in a second.
#[must_use]
pub fn slope(lag: &Series, now: Duration) -> Option<f64> {
    lag.slope(now, SLOPE_OVER)
}

/// Whether what waits is so much, and becomes more so fast, that it will not be gone by itself.
#[must_use]
pub fn grows(lag: &Series, now: Duration) -> bool {
    lag.last(now).is_some_and(|waits| waits >= GROWING_FROM)
        && slope(lag, now).is_some_and(|slope| slope >= GROWING_BY)
}

/// How long a lag that shrinks takes until it is gone; `None` where it does not shrink, or there is none.
#[must_use]
pub fn drains_in(lag: &Series, now: Duration) -> Option<Duration> {
    let (waits, slope) = (lag.last(now)?, slope(lag, now)?);
    (waits >= 1.0 && slope < -0.1).then(|| Duration::from_secs_f64((waits / -slope).min(86_400.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(kafka: &mut Kafka, seconds: u64, ends: [i64; 2], committed: [i64; 2]) {
        let partition = |number: usize| PartitionOffsets {
            topic: "sports-feed-hockey".to_owned(),
            partition: number as i32,
            end: ends[number],
            committed: Some(committed[number]),
        };
        kafka.take(Duration::from_secs(seconds), &Topics::default(), vec![partition(0), partition(1)]);
    }

    #[test]
    fn a_lag_that_shrinks_says_when_it_will_be_gone_and_one_partition_is_hot() {
        let mut kafka = Kafka::new(Duration::from_secs(1), true);
        for second in 0..10 {
            let n = second as i64;
            feed(&mut kafka, second, [1000 + 90 * n, 500 + 10 * n], [700 + 100 * n, 400 + 10 * n]);
        }
        let (topic, now) =
            (kafka.read_by(Reader::Processors(Sport::Hockey)).expect("there"), Duration::from_secs(9));
        assert_eq!(topic.lag.last(now), Some(310.0));
        assert_eq!(drains_in(&topic.lag, now).map(|time| time.as_secs()), Some(31));
        assert!(!grows(&topic.lag, now));
        let (partition, share) = topic.hot(now).expect("hot");
        assert_eq!(partition, 0);
        assert!((share - 0.9).abs() < 1e-9);
    }

    #[test]
    fn what_distribution_has_not_read_is_known_of_each_sport_and_partition() {
        let mut kafka = Kafka::new(Duration::from_secs(1), true);
        let metrics = "matchday_distribution_lag{sport=\"hockey\",partition=\"0\"} 40\n\
                       matchday_distribution_lag{sport=\"hockey\",partition=\"1\"} 2\n\
                       matchday_distribution_lag{sport=\"tennis\",partition=\"0\"} 9\n";
        let now = Duration::from_secs(1);
        kafka.take_told(now, Part::Distribution, &[Samples::parse(metrics)]);
        let told = |sport| kafka.told(Reader::Distribution(sport)).and_then(|lag| lag.last(now));
        assert_eq!(Sport::ALL.map(told).into_iter().flatten().sum::<f64>(), 51.0, "each is counted once");
        assert_eq!((told(Sport::Hockey), told(Sport::Football)), (Some(42.0), None));
        let lag = kafka.told_of(Reader::Distribution(Sport::Hockey), 1, now).expect("it is told");
        assert_eq!(lag.last(now), Some(2.0));
    }

    #[test]
    fn a_topic_that_was_deleted_is_not_shown() {
        let mut kafka = Kafka::new(Duration::from_secs(1), true);
        feed(&mut kafka, 1, [1, 1], [1, 1]);
        kafka.take(Duration::from_secs(2), &Topics::default(), Vec::new());
        assert!(kafka.topics.is_empty());
    }
}
