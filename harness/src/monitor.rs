//! Looks at a stack once a second while a run goes: how far behind it is, and what its processes use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chassis::kafka::{EndsReader, TopicOffset};
use domain::{Sport, Topics};
use tokio::time::MissedTickBehavior;

use crate::latency::Hearing;
use crate::observe::mysql::{Mysql, Standing};
use crate::site::Site;
use crate::stack::ProcessId;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long Kafka or a service may take to answer; what is not answered is not known.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// What distribution says of how many records it has read from the updates topics.
const READ: &str = "matchday_kafka_consumed_total ";

/// What was seen at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// When, in microseconds after the start.
    pub at_micros: i64,
    /// Messages in feed topics that no processor had processed; `None` where that was not to be learnt.
    pub lag: Option<u64>,
    /// Updates that were committed and not published; `None` where that was not to be learnt.
    pub outbox: Option<u64>,
    /// Records in the updates topics that distribution had not read; `None` where that was not to be learnt.
    pub unread: Option<u64>,
    /// Frames so far that did not go on where the one before had ended, of all clients.
    pub breaks: u64,
    /// How often so far a client had been shown what the database did not have.
    pub ahead: u64,
    /// What each process had used until then: CPU time in microseconds, resident memory in bytes.
    pub processes: BTreeMap<String, (u64, u64)>,
}

/// What looks.
pub struct Monitor {
    kafka: EndsReader,
    mysql: Mysql,
    client: reqwest::Client,
    topics: Topics,
    /// The sports whose feeds are watched.
    sports: Vec<Sport>,
    /// By how much the ends of the updates topics were ahead of what distribution counts when least was to be read: it counts
    /// from its own start on.
    ahead: Option<i64>,
    /// What it had counted when it was asked last.
    read: i64,
    /// Counts those frames.
    pub breaks: Arc<AtomicU64>,
    /// Counts what clients were shown and the database did not have.
    pub ahead_of_database: Arc<AtomicU64>,
    /// The services that had ended though nobody had ended them, each with how.
    pub deaths: BTreeMap<String, String>,
    /// What services said of how long messages took.
    pub hearing: Hearing,
    /// Messages that are due before that are the warm-up.
    warm_up: Duration,
    /// What was seen, in order.
    pub samples: Vec<Sample>,
}

/// How much waited at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Messages in feed topics that are not committed.
    pub feed: u64,
    /// Updates that are committed and not published.
    pub outbox: u64,
    /// Where all the updates topics end, added up.
    updates: i64,
}

impl Monitor {
    /// Of the feeds of these sports, of which so long is warm-up.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(site: &Site<'_>, sports: &[Sport], warm_up: Duration) -> Result<Self> {
        let kafka = EndsReader::new(&site.kafka, "matchday-monitor", ANSWER_WITHIN)
            .context("making a Kafka client")?;
        Ok(Self {
            kafka,
            mysql: Mysql::new(&site.places.mysql)?,
            client: reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?,
            topics: site.topics.clone(),
            sports: sports.to_vec(),
            ahead: None,
            read: 0,
            breaks: Arc::default(),
            ahead_of_database: Arc::default(),
            deaths: BTreeMap::new(),
            hearing: Hearing::default(),
            warm_up,
            samples: Vec::new(),
        })
    }

    /// Looks until it is dropped; says each time what it saw.
    pub async fn run(&mut self, site: &Site<'_>, started: Instant, mut see: impl FnMut(&Sample)) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.deaths.extend(site.deaths());
            self.listen(site, started).await;
            let (waiting, read) = tokio::join!(self.waiting(), self.read(&site.places.rest));
            let waiting = waiting.ok();
            let sample = Sample {
                at_micros: i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX),
                lag: waiting.map(|waiting| waiting.feed),
                outbox: waiting.map(|waiting| waiting.outbox),
                unread: waiting.zip(read).map(|(waiting, read)| self.unread(waiting.updates, read)),
                breaks: self.breaks.load(Ordering::Relaxed),
                ahead: self.ahead_of_database.load(Ordering::Relaxed),
                processes: processes(site),
            };
            see(&sample);
            self.samples.push(sample);
        }
    }

    /// Asks services for what they have measured.
    pub async fn listen(&mut self, site: &Site<'_>, started: Instant) {
        let warm_for = started.elapsed().saturating_sub(self.warm_up);
        self.hearing.ask(&self.client, site, warm_for).await;
    }

    /// How much waits now.
    ///
    /// # Errors
    /// When the database or Kafka do not answer in time.
    pub async fn waiting(&self) -> Result<Waiting> {
        let standing = tokio::time::timeout(EVERY, self.mysql.standing()).await??;
        let mut partitions = Vec::with_capacity(2 * standing.len());
        for (sport, partition) in standing.keys() {
            let sport: Sport = sport.parse()?;
            for topic in [self.topics.feed(sport), self.topics.updates(sport)] {
                partitions.push(TopicOffset { topic: topic.into(), partition: *partition, offset: 0 });
            }
        }
        let ends = self.kafka.ends(&partitions).await.context("asking Kafka how far it is")?;
        let end = |topic: String, partition: i32| {
            let end = ends.iter().find(|end| *end.topic == *topic && end.partition == partition);
            end.map(|end| end.offset).context("Kafka left out a partition")
        };
        let mut waiting = Waiting::default();
        for ((sport, partition), Standing { next_offset, unpublished }) in &standing {
            let sport: Sport = sport.parse()?;
            // Distribution counts what it reads of all sports.
            waiting.updates += end(self.topics.updates(sport), *partition)?;
            if self.sports.contains(&sport) {
                let feed = end(self.topics.feed(sport), *partition)? - next_offset;
                waiting.feed += u64::try_from(feed).unwrap_or_default();
                waiting.outbox += unpublished;
            }
        }
        Ok(waiting)
    }

    /// By how much the ends of the updates topics are ahead of what distribution counts since its own start; `None` where that is not
    /// to be learnt.
    pub async fn ahead(&self, site: &Site<'_>) -> Option<i64> {
        let (waiting, read) = tokio::join!(self.waiting(), self.read(&site.places.rest));
        Some(waiting.ok()?.updates - read?)
    }

    /// How many records distribution says that it has read; `None` where it does not say.
    async fn read(&self, distribution: &str) -> Option<i64> {
        let answer = self.client.get(format!("{distribution}/metrics")).send().await.ok()?;
        let metrics = answer.text().await.ok()?;
        let value = metrics.lines().find_map(|line| line.strip_prefix(READ)?.trim().parse::<f64>().ok())?;
        #[expect(clippy::cast_possible_truncation, reason = "a count of records")]
        Some(value as i64)
    }

    /// How many of them are to be read, where the topics end there and so many were counted.
    fn unread(&mut self, end: i64, read: i64) -> u64 {
        // Started anew, it counts from nothing.
        if read < std::mem::replace(&mut self.read, read) {
            self.ahead = None;
        }
        let ahead = end - read;
        let least = self.ahead.map_or(ahead, |least| least.min(ahead));
        self.ahead = Some(least);
        u64::try_from(ahead - least).unwrap_or_default()
    }
}

/// What every process has used so far, this one included.
fn processes(site: &Site<'_>) -> BTreeMap<String, (u64, u64)> {
    let own = std::iter::once((OWN.to_owned(), ProcessId::own()));
    let used = |(name, id): (String, ProcessId)| Some((name, (id.cpu_micros()?, id.resident_bytes()?)));
    own.chain(site.processes()).filter_map(used).collect()
}

/// The name of this process among those of a stack.
pub const OWN: &str = "simulator and judge";
