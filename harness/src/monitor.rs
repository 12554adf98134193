//! Looks at a stack once a second while a run goes: how far behind it is, and what its processes use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use domain::Sport;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::time::MissedTickBehavior;

use crate::observe::mysql::Mysql;
use crate::site::Site;
use crate::stack::ProcessId;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long Kafka may take to answer; what it does not answer is not known.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What was seen at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// When, in microseconds after the start.
    pub at_micros: i64,
    /// Messages in feed topics that no processor had processed; `None` where that was not to be learnt.
    pub lag: Option<u64>,
    /// Frames so far that did not go on where the one before had ended, of all clients.
    pub breaks: u64,
    /// What each process had used until then: CPU time in microseconds, resident memory in bytes.
    pub processes: BTreeMap<String, (u64, u64)>,
}

/// What looks.
pub struct Monitor {
    consumer: Arc<BaseConsumer>,
    mysql: Mysql,
    /// Feed topics, with their sport and partition.
    partitions: Vec<(String, String, i32)>,
    /// Counts those frames.
    pub breaks: Arc<AtomicU64>,
    /// What was seen, in order.
    pub samples: Vec<Sample>,
}

impl Monitor {
    /// Of the feeds of these sports.
    ///
    /// # Errors
    /// When the database knows no partitions, or no client can be made.
    pub async fn new(site: &Site<'_>, sports: &[Sport]) -> Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &site.kafka)
            .set("group.id", "matchday-monitor")
            .set("enable.auto.commit", "false")
            .create()
            .context("making a Kafka client")?;
        let mysql = Mysql::new(&site.places.mysql)?;
        let places = mysql.next_offsets().await?;
        let partitions = places.into_keys().filter_map(|(sport, partition)| {
            let of = sports.iter().find(|of| of.as_str() == sport)?;
            Some((site.topics.feed(*of), sport, partition))
        });
        Ok(Self {
            consumer: Arc::new(consumer),
            mysql,
            partitions: partitions.collect(),
            breaks: Arc::default(),
            samples: Vec::new(),
        })
    }

    /// Looks until it is dropped; says each time what it saw.
    pub async fn run(&mut self, site: &Site<'_>, started: Instant, mut see: impl FnMut(&Sample)) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let lag = self.lag().await.ok();
            let at_micros = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
            let breaks = self.breaks.load(Ordering::Relaxed);
            let sample = Sample { at_micros, lag, breaks, processes: processes(site) };
            see(&sample);
            self.samples.push(sample);
        }
    }

    /// How many messages lie in the feed that no processor has processed.
    async fn lag(&self) -> Result<u64> {
        let next = tokio::time::timeout(EVERY, self.mysql.next_offsets()).await??;
        let (consumer, partitions) = (Arc::clone(&self.consumer), self.partitions.clone());
        let ends = tokio::task::spawn_blocking(move || {
            let end = |(topic, sport, partition): (String, String, i32)| {
                let (_, end) = consumer.fetch_watermarks(&topic, partition, ANSWER_WITHIN)?;
                Ok(((sport, partition), end))
            };
            partitions.into_iter().map(end).collect::<Result<Vec<_>>>()
        });
        let behind = |(place, end): ((String, i32), i64)| {
            let next = next.get(&place).copied().unwrap_or_default();
            u64::try_from(end - next).unwrap_or_default()
        };
        Ok(ends.await??.into_iter().map(behind).sum())
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
