//! Makes rows of what has been decided: updates, messages that wait or do so no longer, dead letters.

use domain::update::CauseKind;
use domain::{Effect, EventId, Refusal, Update};

use super::{Planner, partition_after};
use crate::batch::FeedRecord;
use crate::store::rows::{self, DeadLetterRow, HeldRow, UpdateRow};

impl Planner<'_> {
    fn next_number(&mut self, partition: i32) -> i64 {
        match partition_after(&mut self.after, self.known.partitions, partition) {
            Some(owned) => {
                owned.next_number += 1;
                owned.next_number - 1
            }
            None => unreachable!("an event lives in a partition that this process owns"),
        }
    }

    pub(super) fn record(&mut self, event_id: &EventId, effects: Vec<Effect>) {
        let mut released = None;
        for effect in effects {
            match effect {
                Effect::Updated(update) => self.update(event_id, &update),
                Effect::Held(held) => {
                    self.tally.held += 1;
                    self.held.push(HeldRow {
                        partition: self.partition_of(event_id),
                        feed_offset: held.arrival.feed_offset,
                        event_id: event_id.clone(),
                        deadline: held.deadline.0,
                        payload: held.arrival.payload,
                    });
                }
                Effect::Released { feed_offset, .. } => {
                    let partition = self.partition_of(event_id);
                    released = Some(feed_offset);
                    // Held and released within one batch: the row was never written.
                    match self
                        .held
                        .iter()
                        .position(|row| (row.partition, row.feed_offset) == (partition, feed_offset))
                    {
                        Some(unwritten) => drop(self.held.swap_remove(unwritten)),
                        None => self.released.push((partition, feed_offset)),
                    }
                }
                Effect::Refused { refusal: Refusal::Duplicate, .. } => self.tally.duplicate += 1,
                Effect::Refused {
                    arrival,
                    refusal: refusal @ (Refusal::Stale { .. } | Refusal::Outdated | Refusal::Early { .. }),
                } => {
                    self.tally.stale += 1;
                    if released == Some(arrival.feed_offset) {
                        let place = (self.partition_of(event_id), arrival.feed_offset);
                        self.redrives.pass_over(place, &refusal.to_string(), self.known.now);
                    }
                }
                Effect::Refused { arrival, refusal: Refusal::Invalid { pointer, detail } } => {
                    let partition = self.partition_of(event_id);
                    if released == Some(arrival.feed_offset) {
                        let reason = format!("a dead letter of its own: {detail}");
                        self.redrives.pass_over((partition, arrival.feed_offset), &reason, self.known.now);
                    }
                    let key = Some(event_id.as_str().as_bytes().to_vec());
                    self.dead_letter(partition, arrival.feed_offset, key, detail, &pointer, &arrival.payload);
                }
            }
        }
    }

    pub(super) fn update(&mut self, event_id: &EventId, update: &Update) {
        match update.cause.kind {
            CauseKind::Message(_) => {
                self.tally.applied += 1;
                self.generated_at.extend(update.cause.generated_at);
            }
            CauseKind::Gap | CauseKind::DeadLetter => self.tally.gaps += 1,
            CauseKind::ProducerDown => self.tally.distrusted += 1,
            CauseKind::ProducerUp => self.tally.trusted += 1,
        }
        let Some(working) = self.working.get(event_id) else { return };
        let (partition, first_seen_day) = (working.partition, working.first_seen_day.clone());
        let payload = serde_json::to_vec(update).expect("the domain's types have string keys only").into();
        let number = self.next_number(partition);
        self.updates.push(UpdateRow {
            partition,
            number,
            first_seen_day,
            event_id: event_id.clone(),
            version: update.version,
            payload,
        });
    }

    pub(super) fn refuse(&mut self, record: &FeedRecord, reason: String, pointer: &str) {
        if self.redrives.refuse(record, &reason, pointer, self.known.now) {
            return;
        }
        self.dead_letter(
            record.partition,
            record.offset,
            record.key.clone(),
            reason,
            pointer,
            &record.payload,
        );
    }

    pub(super) fn dead_letter(
        &mut self,
        partition: i32,
        feed_offset: i64,
        key: Option<Vec<u8>>,
        reason: String,
        pointer: &str,
        payload: &[u8],
    ) {
        self.tally.dead_letters += 1;
        let number = self.next_number(partition);
        self.dead_letters.push(DeadLetterRow {
            partition,
            number,
            feed_offset,
            key: rows::key(key),
            reason: rows::reason(reason),
            pointer: rows::pointer(pointer.to_owned()),
            refused_at: self.known.now.0,
            payload: payload.to_vec(),
        });
    }
}
