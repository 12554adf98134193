//! Decides in memory what a batch comes to: which events move on, which messages wait, which are refused.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::codec::json::DecodeError;
use domain::intake::HoldLimits;
use domain::{Body, Content, EventId, FeedMessage, Timestamp};

use super::producers::Heard;
use super::redrives::{Letter, Redrives};
use super::{FeedRecord, Known, OwnedPartition, Plan, Said, Tally, WorkingEvent};
use crate::producers::ByPartition;
use crate::recovery::Asked;
use crate::store::rows::{
    Advance, DeadLetterRow, EventRows, ForeseenRow, HeldRow, OF_ANOTHER_SPORT, UpdateRow, WatchedRow, Writes,
};

/// Messages that one transaction makes dead letters of because they have waited too long.
const GIVEN_UP_MAX: usize = 256;

use trust::Speaker;

mod refused;
mod rows;
mod trust;

/// Plans one batch.
pub struct Planner<'a> {
    known: Known<'a>,
    working: &'a mut HashMap<EventId, WorkingEvent>,
    after: BTreeMap<i32, OwnedPartition>,
    before: HashMap<EventId, Before>,
    updates: Vec<UpdateRow>,
    held: Vec<HeldRow>,
    released: Vec<(i32, i64)>,
    dead_letters: Vec<DeadLetterRow>,
    redrives: Redrives,
    /// The recoveries that are under way.
    asked: Asked,
    heard: Heard,
    /// Producers of which the batch knows something new.
    watched: ByPartition,
    tally: Tally,
    generated_at: Vec<Timestamp>,
    /// How many more messages may wait.
    held_room: usize,
}

impl<'a> Planner<'a> {
    /// Begins a plan: `working` must hold every event of the batch.
    pub fn new(known: Known<'a>, working: &'a mut HashMap<EventId, WorkingEvent>) -> Self {
        let held: usize = working.values().map(|working| working.intake.held()).sum();
        let held_room = known.held_room.saturating_sub(held);
        Self {
            known,
            working,
            after: BTreeMap::new(),
            before: HashMap::new(),
            updates: Vec::new(),
            held: Vec::new(),
            released: Vec::new(),
            dead_letters: Vec::new(),
            redrives: Redrives::default(),
            asked: Asked::default(),
            heard: Heard::default(),
            watched: ByPartition::new(),
            tally: Tally::default(),
            generated_at: Vec::new(),
            held_room,
        }
    }

    /// Says which dead letters have had their effect: their messages have none.
    pub fn leave_out(&mut self, done: HashSet<Letter>) {
        self.redrives = Redrives::of(done);
    }

    /// Says which recoveries are under way: that another is over means nothing here.
    pub fn expect(&mut self, asked: Asked) {
        self.asked = asked;
    }

    /// Takes one record. Records of partitions that this process does not own are skipped.
    pub fn take(&mut self, record: &FeedRecord) {
        if !self.move_on(record) {
            return;
        }
        if self.redrives.is_done(record) {
            self.tally.duplicate += 1;
            return;
        }
        let message = match &record.decoded {
            Ok(Said::Message(message)) => message,
            Ok(Said::Refused(refused)) => return self.hear_of_refused(refused),
            Err(error) => {
                let (reason, pointer) = match error {
                    DecodeError::Syntax { .. } => (error.to_string(), ""),
                    DecodeError::Schema { pointer, detail } => (detail.clone(), pointer.as_str()),
                };
                self.refuse(record, reason, pointer);
                let refusals = record.refusals(self.known.now);
                return refusals.iter().for_each(|refused| self.hear_of_refused(refused));
            }
        };
        let event = match &message.content {
            Content::Event(event) => event,
            Content::Producer(body) => {
                self.heard.note(record.partition, message, self.known.now);
                self.hear(record, message, body);
                self.tally.producer += 1;
                return;
            }
        };
        // Before anything is noted of the event: its rows belong to the other sport's processor.
        let sport = self.known.sport;
        if event.sport != sport {
            let reason = format!("this is the feed of {sport}, the message is of {}", event.sport);
            return self.refuse(record, reason, "/sport");
        }
        let Some(working) = self.working.get_mut(&event.event_id) else {
            let reason = format!("event {} belongs to another sport than {sport}", event.event_id);
            return self.refuse(record, reason, OF_ANOTHER_SPORT);
        };
        if matches!(event.body, Body::OddsChange(_)) {
            working.odds_at = self.known.now;
        }
        note(&mut self.before, working);
        // Before it is told whether its producer is trusted.
        working.intake.make_room_for(&message.source);
        self.heard.note(record.partition, message, self.known.now);
        self.meet(record, message, &event.body);
        let terms = self.known.producers.terms(&message.source, record.is_unnumbered());
        self.tell_event(&event.event_id, Some(Speaker { source: &message.source, terms }));
        if !self.can_watch(record.partition, &message.source) {
            self.tally.unwatched += 1;
        }
        let limits = self.limits_of(record.partition, message);
        if let (Some(arrival), Some(working)) = (record.arrival(), self.working.get_mut(&event.event_id)) {
            let effects = working.intake.accept(arrival, self.known.now, limits);
            let effects = self.redrives.settle(record, effects, self.known.now);
            self.record(&event.event_id, effects);
        }
        if let Some(redrive) = record.redrive.filter(|_| self.redrives.is_done(record)) {
            self.put_right(&event.event_id, message, redrive);
        }
    }

    /// Takes a record only to keep it as a dead letter, since the database has refused what it leads to. From here on it is
    /// missing: its event has a gap at once.
    pub fn give_up(&mut self, record: &FeedRecord, reason: String) {
        if !self.move_on(record) {
            return;
        }
        if self.passes_over(record, &reason) {
            return;
        }
        self.refuse(record, reason, "");
        let (Some(arrival), Some(id)) = (record.arrival(), record.event_id()) else {
            return self.leave_open(record);
        };
        let Some(working) = self.working.get_mut(id) else { return };
        note(&mut self.before, working);
        if let Some(update) = working.intake.give_up(&arrival, self.known.now) {
            self.update(id, &update);
        }
    }

    /// Takes a record only to keep it as a dead letter, where the database does not even take the gap.
    pub fn set_aside(&mut self, record: &FeedRecord, reason: String) {
        if self.move_on(record) && !self.passes_over(record, &reason) {
            self.refuse(record, reason, "");
            self.leave_open(record);
        }
    }

    /// A letter is kept, and the database does not take what it means for its event: that stays as it was.
    fn leave_open(&mut self, record: &FeedRecord) {
        let FeedRecord { partition, offset, .. } = record;
        if let Some(event_id) = record.event_id().filter(|id| self.working.contains_key(*id)) {
            tracing::error!(partition, offset, %event_id, "an event is not shut by a dead letter of it");
            self.tally.untold += 1;
        }
    }

    /// What tells of a dead letter is none itself: whoever looks after the stack must know that its event is not shut by it.
    fn passes_over(&mut self, record: &FeedRecord, reason: &str) -> bool {
        let Ok(Said::Refused(refused)) = &record.decoded else { return false };
        let FeedRecord { partition, offset, .. } = record;
        let (provider, event_id) = (&refused.provider, &refused.event_id);
        tracing::error!(partition, offset, %provider, %event_id, reason, "an event is not shut by a dead letter of it");
        self.tally.untold += 1;
        true
    }

    /// Declares gaps whose deadline has passed, of all events in work, and gives up what has waited too long behind others:
    /// of that no more than one transaction is to hold, and what is left is due again at once.
    pub fn expire(&mut self) {
        let Known { heard_until, limits, .. } = self.known;
        let due = |(id, working): (&EventId, &WorkingEvent)| {
            let heard_until = *heard_until.get(&working.partition)?;
            (working.intake.next_deadline(limits)? <= heard_until).then(|| (id.clone(), heard_until))
        };
        let due: Vec<(EventId, Timestamp)> = self.working.iter().filter_map(due).collect();
        for (id, heard_until) in due {
            if let Some(working) = self.working.get_mut(&id) {
                note(&mut self.before, working);
                let room = GIVEN_UP_MAX.saturating_sub(self.dead_letters.len());
                let mut effects = working.intake.expire(heard_until);
                effects.extend(working.intake.give_up_waiting(heard_until, limits, room));
                self.record(&id, effects);
            }
        }
    }

    /// The plan; `None` where there is nothing to write.
    pub fn finish(mut self) -> Option<Plan> {
        let mut advances = Vec::with_capacity(self.after.len());
        for (&partition, after) in &self.after {
            let before = self.known.partitions.get(&partition)?;
            if before == after && !self.watched.contains_key(&partition) {
                continue;
            }
            advances.push(Advance {
                partition,
                generation: before.generation,
                offset_before: before.next_offset,
                offset_after: after.next_offset,
                number_before: before.next_number,
                number_after: after.next_number,
            });
        }
        if advances.is_empty() {
            return None;
        }
        let Events { events, foreseen, no_longer_foreseen } = self.events();
        self.updates.sort_by_key(|row| (row.partition, row.number));
        self.held.sort_by_key(|row| (row.partition, row.feed_offset));
        self.released.sort_unstable();
        self.dead_letters.sort_by_key(|row| (row.partition, row.number));
        let writes = Writes {
            sport: self.known.sport,
            advances,
            events,
            foreseen,
            no_longer_foreseen,
            updates: self.updates,
            held: self.held,
            released: self.released,
            dead_letters: self.dead_letters,
            passed_over: self.redrives.take_passed_over(),
            redrives: self.redrives.into_rows(),
            producers: self.heard.into_rows(),
            watched: WatchedRow::all_of(self.watched),
        };
        Some(Plan { writes, partitions: self.after, tally: self.tally, generated_at: self.generated_at })
    }

    /// The rows of the events that were worked on. One of which nothing is known is not stored.
    fn events(&mut self) -> Events {
        let mut rows = Events::default();
        for (id, before) in &self.before {
            let Some(WorkingEvent { intake, partition, first_seen_day, .. }) = self.working.get_mut(id)
            else {
                continue;
            };
            let is_foreseen = intake.state().is_foreseen();
            if is_foreseen {
                rows.foreseen.push(ForeseenRow::of(intake.state(), self.known.now));
            }
            rows.no_longer_foreseen.extend((before.is_foreseen && !is_foreseen).then(|| id.clone()));
            if intake.state().is_blank() {
                continue;
            }
            rows.events.push(EventRows::of(intake.state_mut(), *partition, first_seen_day, before.version));
        }
        rows.events.sort_unstable_by(|a, b| a.event_id.cmp(&b.event_id));
        rows.foreseen.sort_unstable_by(|a, b| a.event_id.cmp(&b.event_id));
        rows.no_longer_foreseen.sort_unstable();
        rows
    }

    fn move_on(&mut self, record: &FeedRecord) -> bool {
        let Some(partition) = partition_after(&mut self.after, self.known.partitions, record.partition)
        else {
            return false;
        };
        if record.offset < partition.next_offset {
            return false;
        }
        partition.next_offset = record.offset + 1;
        true
    }

    /// A message that must wait has done so since it was received, and only where there is room: whoever takes the partition over
    /// reads all that waits at once.
    fn limits_of(&self, partition: i32, message: &FeedMessage) -> HoldLimits {
        let waited = self.known.now.micros_since(self.heard_at(partition, message));
        let limits = self.known.limits;
        let held_max = if self.held.len() < self.held_room { limits.held_max } else { 0 };
        HoldLimits { wait_micros: limits.wait_micros.saturating_sub(waited), held_max, ..limits }
    }

    fn partition_of(&self, event_id: &EventId) -> i32 {
        self.working.get(event_id).map_or(-1, |working| working.partition)
    }
}

/// How an event was before the batch.
#[derive(Debug, Clone, Copy)]
struct Before {
    version: u64,
    is_foreseen: bool,
}

/// What a batch writes of events.
#[derive(Debug, Default)]
struct Events {
    events: Vec<EventRows>,
    foreseen: Vec<ForeseenRow>,
    no_longer_foreseen: Vec<EventId>,
}

fn note(known: &mut HashMap<EventId, Before>, working: &WorkingEvent) {
    let state = working.intake.state();
    if !known.contains_key(state.event_id()) {
        let before = Before { version: state.version(), is_foreseen: state.is_foreseen() };
        known.insert(state.event_id().clone(), before);
    }
}

fn partition_after<'p>(
    after: &'p mut BTreeMap<i32, OwnedPartition>,
    before: &BTreeMap<i32, OwnedPartition>,
    partition: i32,
) -> Option<&'p mut OwnedPartition> {
    use std::collections::btree_map::Entry;
    match after.entry(partition) {
        Entry::Occupied(entry) => Some(entry.into_mut()),
        Entry::Vacant(entry) => Some(entry.insert(*before.get(&partition)?)),
    }
}
