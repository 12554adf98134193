//! What becomes of messages that are sent in a dead letter's place: each letter has its effect once, whoever sends it how
//! often, for its fate is committed with its effect.

use std::collections::HashSet;

use domain::letter::{LetterId, Redrive, RedriveOutcome};
use domain::{Effect, Name, Refusal, Timestamp};

use super::FeedRecord;
use super::planner::{POINTER_CHARS_MAX, REASON_CHARS_MAX, cut};
use crate::store::rows::RedriveRow;

/// A letter, and the provider whose message takes its place.
pub type Letter = (Name, LetterId);

/// The letters of one batch.
#[derive(Debug, Default)]
pub(super) struct Redrives {
    /// Those about which nothing more is to be done.
    done: HashSet<Letter>,
    rows: Vec<RedriveRow>,
}

impl FeedRecord {
    /// The letter whose place it takes, where it is readable and takes one.
    #[must_use]
    pub fn letter(&self) -> Option<Letter> {
        let (redrive, message) = (self.redrive?, self.decoded.as_ref().ok()?);
        Some((message.source.provider.clone(), redrive.letter))
    }
}

impl Redrives {
    pub(super) fn of(done: HashSet<Letter>) -> Self {
        Self { done, rows: Vec::new() }
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
            reason: cut(reason.to_owned(), REASON_CHARS_MAX),
            pointer: cut(pointer.to_owned(), POINTER_CHARS_MAX),
            partition: record.partition,
            feed_offset: record.offset,
            decided_at: now,
        });
        true
    }
}
