//! The processor: owns feed partitions, turns their records into committed batches, hands those to the publisher.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chassis::kafka::Batch;
use chassis::lifecycle::Shutdown;
use chassis::readiness::Latch;
use domain::intake::HoldLimits;
use domain::letter::REDRIVE_HEADER;
use domain::producer::UNNUMBERED_HEADER;
use domain::refused::REFUSED_HEADER;
use domain::{Sport, Timestamp};
use sqlx::MySqlPool;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::batch::{FeedRecord, Known, OwnedPartition, ProducersWritten};
use crate::events::Events;
use crate::metrics;
use crate::producers::{ProducerTerms, Producers};
use crate::publish::{Heartbeat, Job};

mod assignment;
mod committing;
mod gaps;
mod gathering;
mod producers;
mod redrives;

use committing::Outcome;

/// How long revoked partitions may take to be published.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// How often it is said that the partitions are processed.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Who is further behind than this, in microseconds, does not know what is true now, and does not say that it processes.
const BEHIND_MICROS_MAX: i64 = 5_000_000;
/// Between attempts while the database is away.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// When what the database refused although no message asked for it is tried again.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);

/// What a processor works with.
pub struct Parts {
    /// Its sport.
    pub sport: Sport,
    /// The Kafka cluster it reads from.
    pub cluster_id: String,
    /// The database.
    pub pool: MySqlPool,
    /// How long and how many early messages wait.
    pub limits: HoldLimits,
    /// How many wait of all events together.
    pub held_total_max: usize,
    /// What is expected of producers.
    pub producer_terms: ProducerTerms,
    /// Events kept in memory.
    pub events_in_memory: usize,
    /// The publisher's queue.
    pub jobs: mpsc::Sender<Job>,
    /// Says whether the database takes batches.
    pub mysql: Latch,
    /// Says whether partitions are owned as they should be.
    pub partitions: Latch,
    /// Ends the wait for a database that is away.
    pub shutdown: Shutdown,
    /// Where the database is talked to: this thread's own.
    pub runtime: Arc<Runtime>,
}

/// One sport's processor.
pub struct Processor {
    parts: Parts,
    owned: BTreeMap<i32, OwnedPartition>,
    events: Events,
    /// The time up to which each owned partition's feed has been processed.
    heard_until: BTreeMap<i32, Timestamp>,
    /// What need not be written again yet.
    producers_written: ProducersWritten,
    /// Which producers are trusted.
    producers: Producers,
    /// Events that the database does not let hear of them.
    refused: producers::Refused,
    /// Whether the group has said which partitions are ours, be it none.
    is_assigned: bool,
    /// When it was last said that the partitions are processed.
    beaten_at: Option<Instant>,
}

/// What is to be done after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Go on.
    Continue,
    /// A partition was lost to another process: join the group again.
    Rejoin,
    /// The process is stopping and the batch was not committed.
    Stop,
}

impl Processor {
    /// A processor that owns no partition yet.
    pub fn new(parts: Parts) -> Self {
        let events = Events::new(parts.events_in_memory, parts.limits);
        let producers = Producers::new(parts.producer_terms.clone());
        Self {
            parts,
            owned: BTreeMap::new(),
            events,
            heard_until: BTreeMap::new(),
            producers_written: ProducersWritten::default(),
            producers,
            refused: producers::Refused::default(),
            is_assigned: false,
            beaten_at: None,
        }
    }

    /// The feed offset that is next, per owned partition.
    pub fn next_offsets(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.owned.iter().map(|(&partition, owned)| (partition, owned.next_offset))
    }

    /// Measures how long ago odds came in of the live game that waits longest for them.
    pub fn report_odds_age(&self) {
        metrics::odds_age(self.events.odds_age_micros_max(now()));
    }

    /// Commits a batch, or what of it the database takes; what it refuses becomes a dead letter.
    pub fn process(&mut self, batch: &Batch) -> Next {
        let records: Vec<FeedRecord> = batch
            .iter()
            .map(|message| {
                let read = match message.header(REFUSED_HEADER) {
                    None => FeedRecord::new,
                    Some(_) => FeedRecord::refused,
                };
                read(message.partition(), message.offset(), message.key(), message.payload())
                    .with_redrive(message.header(REDRIVE_HEADER))
                    .with_unnumbered(message.header(UNNUMBERED_HEADER))
            })
            .collect();
        if let Some(skipped) = self.first_skipped(&records) {
            tracing::error!(
                partition = skipped.partition,
                offset = skipped.offset,
                "records before this one were not seen, reading again from where the database is"
            );
            return Next::Rejoin;
        }
        let heard: Vec<(i32, Timestamp)> = records.iter().filter_map(FeedRecord::heard_at).collect();
        let next = self.commit_halving(&records);
        if next == Next::Continue {
            heard.into_iter().for_each(|(partition, at)| self.caught_up(partition, at));
        }
        next
    }

    /// The first record of an owned partition that does not follow the one before it: feed topics have no holes.
    fn first_skipped<'r>(&self, records: &'r [FeedRecord]) -> Option<&'r FeedRecord> {
        let mut next: BTreeMap<i32, i64> = self.next_offsets().collect();
        records.iter().find(|record| {
            let Some(next) = next.get_mut(&record.partition) else { return false };
            let skips = record.offset > *next;
            *next = record.offset + 1;
            skips
        })
    }

    /// Everything that was in a partition's feed at this time has been processed.
    pub fn caught_up(&mut self, partition: i32, at: Timestamp) {
        // The time may be another machine's, whose clock may be ahead.
        let at = at.min(now());
        let heard_until = self.heard_until.entry(partition).or_insert(at);
        *heard_until = at.max(*heard_until);
    }

    /// Whether a deadline has passed by the clock: whether in the feed, too, is to be asked.
    pub fn has_deadline_passed(&mut self) -> bool {
        let now_everywhere = self.owned.keys().map(|partition| (*partition, now())).collect();
        !self.events.overdue(&now_everywhere, Instant::now()).is_empty()
            || !self.producers.overdue(&now_everywhere).is_empty()
    }

    /// How long the feed may be waited for without a deadline passing unnoticed, `wait` at most.
    pub fn until_deadline(&self, wait: Duration) -> Duration {
        let now = now();
        let deadlines = [self.events.next_deadline(now), self.producers.next_deadline(now)];
        let Some(next) = deadlines.into_iter().flatten().min() else { return wait };
        wait.min(Duration::from_micros(next.0.abs_diff(now.0)))
    }

    /// Does what no message asks for: gaps, producers' silences, and events that have yet to hear of those.
    pub fn tend(&mut self) -> Next {
        for work in [Self::expire, Self::expire_producers, Self::sweep] {
            let next = work(self);
            if next != Next::Continue {
                return next;
            }
        }
        Next::Continue
    }

    /// Says now and then which partitions it processes as their feed comes; not while the database keeps it from that, and
    /// not of those where events are open that have yet to hear why they must not be.
    pub fn beat(&mut self) {
        let Parts { jobs, mysql, partitions, .. } = &self.parts;
        let is_due = self.beaten_at.is_none_or(|beaten_at| beaten_at.elapsed() >= BEAT_EVERY);
        if !is_due || !mysql.is_ready() || !partitions.is_ready() {
            return;
        }
        let at = now();
        let keeps_up = |until: &Timestamp| at.0 - until.0 <= BEHIND_MICROS_MAX;
        let unsafe_open = self.unsafe_open();
        let owned = self.owned.keys().filter(|partition| {
            self.heard_until.get(partition).is_some_and(keeps_up) && !unsafe_open.contains(partition)
        });
        let heartbeat = Heartbeat { partitions: owned.copied().collect(), at, said: Instant::now() };
        // Where the queue is full, what is in it has to be published first.
        if !heartbeat.partitions.is_empty() && jobs.try_send(Job::Beat(heartbeat)).is_ok() {
            self.beaten_at = Some(Instant::now());
        }
    }

    /// The partitions of which an event may be open that must not be, as far as is known: its gap is overdue, or its producer
    /// is not trusted. Those that the database refuses hold up nobody.
    fn unsafe_open(&self) -> BTreeSet<i32> {
        let gaps = self.events.overdue_partitions(&self.heard_until, Instant::now()).into_iter();
        let silences = self.producers.overdue(&self.heard_until).into_iter();
        let sweeps = self.sweeps().filter(|sweep| !sweep.is_trusted);
        gaps.chain(silences.map(|(partition, _)| partition))
            .chain(sweeps.map(|sweep| sweep.partition))
            .collect()
    }

    fn known(&self) -> Known<'_> {
        Known {
            sport: self.parts.sport,
            now: now(),
            limits: self.parts.limits,
            held_room: self.parts.held_total_max.saturating_sub(self.events.held()),
            partitions: &self.owned,
            heard_until: &self.heard_until,
            producers: &self.producers,
        }
    }

    fn pause(&self) {
        self.parts.runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(RETRY_EVERY) => {}
                () = self.parts.shutdown.begun() => {}
            }
        });
    }
}

/// The clock: the only place where a processor looks at it.
pub fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}
