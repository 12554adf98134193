//! The processor: owns feed partitions, turns their records into committed batches, hands those to the publisher.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chassis::kafka::Batch;
use chassis::lifecycle::Shutdown;
use chassis::readiness::Latch;
use domain::intake::HoldLimits;
use domain::letter::REDRIVE_HEADER;
use domain::refused::REFUSED_HEADER;
use domain::{EventId, Sport, Timestamp};
use sqlx::MySqlPool;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::batch::{FeedRecord, Known, OwnedPartition, Plan, Planner, ProducersWritten, WorkingEvent};
use crate::events::Events;
use crate::metrics;
use crate::producers::{ProducerTerms, Producers};
use crate::publish::Job;
use crate::store::commit::{Commit, CommitError};
use crate::store::load::{self, LoadError};
use crate::store::{ANSWER_MAX, days, within};

mod assignment;
mod gaps;
mod producers;
mod redrives;

/// How long revoked partitions may take to be published.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// How often it is said that the partitions are processed.
const BEAT_EVERY: Duration = Duration::from_secs(1);
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
        let events = Events::new(parts.events_in_memory);
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

    /// Says now and then which partitions it processes as their feed comes; not while the database keeps it from that.
    pub fn beat(&mut self) {
        let Parts { jobs, mysql, partitions, .. } = &self.parts;
        let is_due = self.beaten_at.is_none_or(|beaten_at| beaten_at.elapsed() >= BEAT_EVERY);
        if !is_due || !mysql.is_ready() || !partitions.is_ready() {
            return;
        }
        let keeps_up = |until: &Timestamp| now().0 - until.0 <= BEHIND_MICROS_MAX;
        let owned =
            self.owned.keys().filter(|partition| self.heard_until.get(partition).is_some_and(keeps_up));
        let beating: Vec<i32> = owned.copied().collect();
        // Where the queue is full, what is in it has to be published first.
        if !beating.is_empty() && jobs.try_send(Job::Beat(beating)).is_ok() {
            self.beaten_at = Some(Instant::now());
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            sport: self.parts.sport,
            now: now(),
            limits: self.parts.limits,
            partitions: &self.owned,
            heard_until: &self.heard_until,
            producers: &self.producers,
        }
    }

    /// A statement that fails for good is found by halving: the half that commits is done, the other is halved.
    fn commit_halving(&mut self, records: &[FeedRecord]) -> Next {
        let mut stack = vec![records];
        while let Some(records) = stack.pop() {
            match self.commit_records(records, |planner, record| planner.take(record)) {
                Outcome::Done => {}
                Outcome::Rejoin => return Next::Rejoin,
                Outcome::Stop => return Next::Stop,
                Outcome::Refused(error) if records.len() == 1 => {
                    match self.commit_dead_letter(records, &error) {
                        Outcome::Done => {}
                        Outcome::Rejoin => return Next::Rejoin,
                        Outcome::Stop => return Next::Stop,
                        Outcome::Refused(error) => {
                            // Not even the dead letter can be written: going on would lose the message.
                            self.parts.mysql.not_ready(format!("a dead letter cannot be written: {error}"));
                            self.pause();
                            stack.push(records);
                            if self.parts.shutdown.has_begun() {
                                return Next::Stop;
                            }
                        }
                    }
                }
                Outcome::Refused(error) => {
                    tracing::warn!(records = records.len(), %error, "batch refused, halving it");
                    metrics::batch_failed("halved");
                    let (first, second) = records.split_at(records.len() / 2);
                    stack.push(second);
                    stack.push(first);
                }
            }
        }
        Next::Continue
    }

    /// Keeps a record that the database refuses: with the gap that it leaves, or alone where it is the event that is refused.
    fn commit_dead_letter(&mut self, record: &[FeedRecord], error: &sqlx::Error) -> Outcome {
        tracing::warn!(partition = record[0].partition, offset = record[0].offset, %error, "dead letter");
        let reason = format!("the database refuses it: {error}");
        match self.commit_records(record, |planner, record| planner.give_up(record, reason.clone())) {
            Outcome::Refused(_) => {
                self.commit_records(record, |planner, record| planner.set_aside(record, reason.clone()))
            }
            other => other,
        }
    }

    fn commit_records(
        &mut self,
        records: &[FeedRecord],
        plan_one: impl Fn(&mut Planner<'_>, &FeedRecord),
    ) -> Outcome {
        let redriven = match self.redriven(records) {
            Ok(redriven) => redriven,
            Err(outcome) => return outcome,
        };
        let wanted = records.iter().filter_map(|record| Some((record.event_id()?, record.partition)));
        let mut working = match self.gather(wanted) {
            Ok(working) => working,
            Err(outcome) => return outcome,
        };
        let mut planner = Planner::new(self.known(), &mut working);
        planner.leave_out(redriven);
        for record in records {
            plan_one(&mut planner, record);
        }
        let plan = planner.finish();
        self.commit_plan(plan, working, records.len())
    }

    fn commit_plan(
        &mut self,
        plan: Option<Plan>,
        working: HashMap<EventId, WorkingEvent>,
        records: usize,
    ) -> Outcome {
        let Some(mut plan) = plan else {
            self.events.put_back(working);
            return Outcome::Done;
        };
        plan.writes.producers.retain(|row| self.producers_written.is_due(row));
        let Parts { runtime, pool, mysql, shutdown, .. } = &self.parts;
        // PLANTED publish-before-commit
        #[cfg(feature = "planted")]
        if domain::planted::is(domain::planted::Bug::PublishBeforeCommit) {
            let _ = self.parts.jobs.blocking_send(Job::Committed(Box::new(plan.writes.clone())));
        }
        let started = Instant::now();
        let mut commit = Commit::new(pool, &plan.writes);
        loop {
            match runtime.block_on(commit.attempt()) {
                Ok(()) => break,
                Err(CommitError::Refused(error)) => return Outcome::Refused(error),
                Err(error @ CommitError::Fenced { .. }) => {
                    tracing::error!(%error, "fenced: another process has taken the partition");
                    metrics::fence_lost();
                    // All are asked for anew, and nothing of them may be taken before they are.
                    let all: Vec<i32> = self.owned.keys().copied().collect();
                    self.give_up_partitions(&all);
                    return Outcome::Rejoin;
                }
                Err(error @ CommitError::Away(_)) => {
                    metrics::batch_failed("away");
                    mysql.not_ready(error.to_string());
                    if shutdown.has_begun() {
                        return Outcome::Stop;
                    }
                    self.pause();
                }
            }
        }
        self.parts.mysql.ready();
        metrics::committed(records, plan.tally, &plan.generated_at, now(), started.elapsed().as_secs_f64());
        self.owned.extend(plan.partitions);
        self.producers_written.note(&plan.writes.producers);
        plan.writes
            .producers
            .iter()
            .for_each(|row| metrics::producer_heard(&row.source, row.last_message_at));
        self.producers.committed(&plan.writes.watched);
        self.events.put_back(working);
        metrics::holds(self.events.len(), self.owned.len());
        match self.parts.jobs.blocking_send(Job::Committed(Box::new(plan.writes))) {
            Ok(()) => Outcome::Done,
            // The publisher has failed and the process is ending; the outbox keeps what was committed.
            Err(_) => Outcome::Stop,
        }
    }

    /// Every wanted event of our partitions, from memory or from the database. Events stored under another sport are left
    /// out.
    fn gather<'e>(
        &mut self,
        wanted: impl Iterator<Item = (&'e EventId, i32)>,
    ) -> Result<HashMap<EventId, WorkingEvent>, Outcome> {
        let mut working: HashMap<EventId, WorkingEvent> = HashMap::new();
        let mut absent: HashMap<EventId, i32> = HashMap::new();
        for (id, partition) in wanted {
            if working.contains_key(id) || absent.contains_key(id) || !self.owned.contains_key(&partition) {
                continue;
            }
            match self.events.take(id) {
                Some(event) => drop(working.insert(id.clone(), event)),
                None => drop(absent.insert(id.clone(), partition)),
            }
        }
        if !absent.is_empty() {
            let mut ids: Vec<EventId> = absent.keys().cloned().collect();
            ids.sort_unstable();
            let today = days::day_of(now()).to_string();
            for (id, event) in self.load(&ids)? {
                let partition = absent.get(&id).copied().unwrap_or_default();
                let first_seen_day = event.first_seen_day.unwrap_or_else(|| today.clone());
                working.insert(
                    id,
                    WorkingEvent { intake: event.intake, partition, first_seen_day, odds_at: now() },
                );
            }
        }
        Ok(working)
    }

    fn load(&self, ids: &[EventId]) -> Result<HashMap<EventId, load::LoadedEvent>, Outcome> {
        let Parts { runtime, pool, sport, mysql, shutdown, .. } = &self.parts;
        loop {
            match runtime.block_on(within(ANSWER_MAX, load::events(pool, *sport, ids))) {
                Ok(loaded) => return Ok(loaded),
                // Waits for an operator: going on would mean to forget what the event was.
                Err(error @ LoadError::Damaged(_)) => {
                    tracing::error!(%error, "events cannot be read");
                    mysql.not_ready(error.to_string());
                }
                Err(LoadError::Database(error)) => mysql.not_ready(format!("events cannot be read: {error}")),
            }
            if shutdown.has_begun() {
                return Err(Outcome::Stop);
            }
            self.pause();
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

enum Outcome {
    Done,
    Rejoin,
    Stop,
    Refused(sqlx::Error),
}

/// The clock: the only place where a processor looks at it.
pub fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}
