//! Commits what was planned, each plan in one transaction; of a batch that the database refuses, what of it it takes.

use std::collections::HashMap;
use std::time::Instant;

use domain::EventId;

use super::{Next, Parts, Processor, now};
use crate::batch::{FeedRecord, Plan, Planner, WorkingEvent};
use crate::metrics;
use crate::publish::Job;
use crate::store::commit::{Commit, CommitError};

/// What became of a plan.
pub(super) enum Outcome {
    /// It is committed, or there was nothing to commit.
    Done,
    /// A partition was lost to another process.
    Rejoin,
    /// The process is stopping.
    Stop,
    /// The database refuses it for good.
    Refused(sqlx::Error),
}

impl Processor {
    /// A statement that fails for good is found by halving: the half that commits is done, the other is halved.
    pub(super) fn commit_halving(&mut self, records: &[FeedRecord]) -> Next {
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
        let asked = match self.asked_for(records) {
            Ok(asked) => asked,
            Err(outcome) => return outcome,
        };
        let wanted = records.iter().filter_map(|record| Some((record.event_id()?, record.partition)));
        let mut working = match self.gather(wanted) {
            Ok(working) => working,
            Err(outcome) => return outcome,
        };
        let mut planner = Planner::new(self.known(), &mut working);
        planner.leave_out(redriven);
        planner.expect(asked);
        for record in records {
            plan_one(&mut planner, record);
        }
        let plan = planner.finish();
        self.commit_plan(plan, working, records.len())
    }

    pub(super) fn commit_plan(
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
        metrics::holds(self.events.len(), self.events.held(), self.owned.len());
        match self.parts.jobs.blocking_send(Job::Committed(Box::new(plan.writes))) {
            Ok(()) => Outcome::Done,
            // The publisher has failed and the process is ending; the outbox keeps what was committed.
            Err(_) => Outcome::Stop,
        }
    }
}
