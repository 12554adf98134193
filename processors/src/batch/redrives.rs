//! What becomes of messages that are sent in a dead letter's place: each letter has its effect once, whoever sends it how
//! often, for its fate is committed with its effect.

use std::collections::HashSet;

use domain::letter::{LetterId, Redrive, RedriveOutcome};
use domain::{Effect, Name, Refusal, Timestamp};

use super::FeedRecord;
use crate::store::rows::{self, RedriveRow};

/// A letter, and the provider whose message takes its place.
pub type Letter = (Name, LetterId);

/// The letters of one batch.
#[derive(Debug, Default)]
pub(super) struct Redrives {
    /// Those about which nothing more is to be done.
    done: HashSet<Letter>,
    rows: Vec<RedriveRow>,
    /// Messages whose turn has passed while they waited; a letter's may be among them.
    passed_over: Vec<PassedOver>,
}

/// A message that waited in vain: its place in the feed, and why its turn will not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub feed_offset: i64,
    /// What has taken its place.
    pub reason: String,
}

impl FeedRecord {
    /// The letter whose place it takes, where it is readable and takes one.
    #[must_use]
    pub fn letter(&self) -> Option<Letter> {
        let (redrive, message) = (self.redrive?, self.message()?);
        Some((message.source.provider.clone(), redrive.letter))
    }
}

impl Redrives {
    pub(super) fn of(done: HashSet<Letter>) -> Self {
        Self { done, ..Self::default() }
    }

    /// Whether the record's letter has had its effect before.
    pub(super) fn is_done(&self, record: &FeedRecord) -> bool {
        record.letter().is_some_and(|letter| self.done.contains(&letter))
    }

    /// Notes that the record was refused. `false` where it takes no letter's place, and is to become a letter itself.
    pub(super) fn refuse(
        &mut self,
        record: &FeedRecord,
        reason: &str,
        pointer: &str,
        now: Timestamp,
    ) -> bool {
        self.decide(record, (RedriveOutcome::Refused, reason, pointer), now)
    }

    /// Notes what the record led to. What is left of the effects makes no letter of it.
    pub(super) fn settle(
        &mut self,
        record: &FeedRecord,
        mut effects: Vec<Effect>,
        now: Timestamp,
    ) -> Vec<Effect> {
        if record.letter().is_none() {
            return effects;
        }
        let own = effects.iter().position(|effect| match effect {
            Effect::Refused { arrival, .. } => arrival.feed_offset == record.offset,
            Effect::Held(held) => held.arrival.feed_offset == record.offset,
            Effect::Updated(_) | Effect::Released { .. } => false,
        });
        match own.map(|own| (own, &effects[own])) {
            Some((own, Effect::Refused { refusal: Refusal::Invalid { pointer, detail }, .. })) => {
                self.refuse(record, detail, pointer, now);
                effects.remove(own);
            }
            Some((_, Effect::Refused { refusal, .. })) => {
                self.decide(record, (RedriveOutcome::Superseded, &refusal.to_string(), ""), now);
            }
            Some((_, Effect::Held(_))) => {
                self.decide(record, (RedriveOutcome::Waiting, "messages before it are missing", ""), now);
            }
            _ => {
                self.decide(record, (RedriveOutcome::Applied, "", ""), now);
            }
        }
        effects
    }

    /// A message has waited in vain. Where it was sent in a letter's place, the letter is superseded.
    pub(super) fn pass_over(&mut self, (partition, feed_offset): (i32, i64), reason: &str, now: Timestamp) {
        let reason = rows::reason(reason.to_owned());
        let is_it = |row: &&RedriveRow| (row.partition, row.feed_offset) == (partition, feed_offset);
        match self.rows.iter().find(is_it).cloned() {
            Some(row) => self.rows.push(RedriveRow {
                outcome: RedriveOutcome::Superseded,
                reason,
                decided_at: now,
                ..row
            }),
            None => self.passed_over.push(PassedOver { partition, feed_offset, reason }),
        }
    }

    /// Those of earlier batches that waited in vain.
    pub(super) fn take_passed_over(&mut self) -> Vec<PassedOver> {
        std::mem::take(&mut self.passed_over)
    }

    /// The rows, sorted by primary key, each once.
    pub(super) fn into_rows(mut self) -> Vec<RedriveRow> {
        // The last word on a letter is the one that stands.
        self.rows.reverse();
        self.rows.sort_by(|a, b| a.key().cmp(&b.key()));
        self.rows.dedup_by(|later, kept| later.key() == kept.key());
        self.rows
    }

    fn decide(
        &mut self,
        record: &FeedRecord,
        (outcome, reason, pointer): (RedriveOutcome, &str, &str),
        now: Timestamp,
    ) -> bool {
        let Some((provider, letter)) = record.letter() else { return false };
        if outcome.is_final() {
            self.done.insert((provider.clone(), letter));
        }
        let attempt = record.redrive.map_or(0, |Redrive { attempt, .. }| attempt);
        self.rows.push(RedriveRow {
            provider,
            letter,
            attempt,
            outcome,
            reason: rows::reason(reason.to_owned()),
            pointer: rows::pointer(pointer.to_owned()),
            partition: record.partition,
            feed_offset: record.offset,
            decided_at: now,
        });
        true
    }
}
