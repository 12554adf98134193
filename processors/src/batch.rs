//! What a batch of feed records comes to: decided in memory, written by one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::codec::json::{self, DecodeError};
use domain::intake::{Arrival, HoldLimits};
use domain::{Content, Effect, EventId, FeedMessage, Intake, Refusal, Sport, Timestamp, Update};

use crate::store::rows::{Advance, DeadLetterRow, EventRows, HeldRow, UpdateRow, Writes};

/// One record of the feed topic, decoded once.
#[derive(Debug)]
pub struct FeedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// What they say.
    pub decoded: Result<FeedMessage, DecodeError>,
}

impl FeedRecord {
    /// Decodes a record.
    #[must_use]
    pub fn new(partition: i32, offset: i64, key: Option<&[u8]>, payload: &[u8]) -> Self {
        let decoded = json::decode(payload);
        Self { partition, offset, key: key.map(<[u8]>::to_vec), payload: Arc::from(payload), decoded }
    }

    /// Its partition, and when ingestion received it, where it says so.
    #[must_use]
    pub fn heard_at(&self) -> Option<(i32, Timestamp)> {
        Some((self.partition, self.decoded.as_ref().ok()?.received_at?))
    }

    /// The event it concerns, where it is readable and concerns one.
    #[must_use]
    pub fn event_id(&self) -> Option<&EventId> {
        match &self.decoded.as_ref().ok()?.content {
            Content::Event(event) => Some(&event.event_id),
            Content::Producer(_) => None,
        }
    }
}

/// A partition that this process owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedPartition {
    /// The fence: how often the partition has been taken.
    pub generation: i64,
    /// The next feed offset.
    pub next_offset: i64,
    /// The next outbox number.
    pub next_number: i64,
}

/// An event a batch works on. Taken out of memory before, and put back only after COMMIT.
#[derive(Debug)]
pub struct WorkingEvent {
    /// Its state and what waits for it.
    pub intake: Intake,
    /// The feed partition it lives in.
    pub partition: i32,
    /// The UTC day on which it was first seen, `YYYY-MM-DD`.
    pub first_seen_day: String,
}

impl WorkingEvent {
    /// Whether a gap is to be declared: its partition's feed has been processed beyond the deadline, and what is
    /// missing was not in it.
    #[must_use]
    pub fn is_overdue(&self, heard_until: &BTreeMap<i32, Timestamp>) -> bool {
        let heard_until = heard_until.get(&self.partition);
        heard_until
            .zip(self.intake.next_deadline())
            .is_some_and(|(heard_until, deadline)| deadline <= *heard_until)
    }
}

/// What became of the messages, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages applied.
    pub applied: u64,
    /// Messages seen before.
    pub duplicate: u64,
    /// Messages whose turn had passed.
    pub stale: u64,
    /// Messages that wait.
    pub held: u64,
    /// Messages refused.
    pub dead_letters: u64,
    /// Gaps declared.
    pub gaps: u64,
    /// Messages of producers as a whole.
    pub producer: u64,
}

/// The outcome of planning.
#[derive(Debug)]
pub struct Plan {
    /// What to commit.
    pub writes: Writes,
    /// The partitions as they are after it.
    pub partitions: BTreeMap<i32, OwnedPartition>,
    /// What became of the messages.
    pub tally: Tally,
    /// When each applied message was generated, for the latency.
    pub generated_at: Vec<Timestamp>,
}

/// Plans one batch.
pub struct Planner<'a> {
    sport: Sport,
    now: Timestamp,
    limits: HoldLimits,
    working: &'a mut HashMap<EventId, WorkingEvent>,
    before: &'a BTreeMap<i32, OwnedPartition>,
    after: BTreeMap<i32, OwnedPartition>,
    versions_before: HashMap<EventId, u64>,
    updates: Vec<UpdateRow>,
    held: Vec<HeldRow>,
    released: Vec<(i32, i64)>,
    dead_letters: Vec<DeadLetterRow>,
    tally: Tally,
    generated_at: Vec<Timestamp>,
}

impl<'a> Planner<'a> {
    /// Begins a plan: `working` must hold every event of the batch, `before` every partition of it.
    pub fn new(
        sport: Sport,
        now: Timestamp,
        limits: HoldLimits,
        working: &'a mut HashMap<EventId, WorkingEvent>,
        before: &'a BTreeMap<i32, OwnedPartition>,
    ) -> Self {
        Self {
            sport,
            now,
            limits,
            working,
            before,
            after: BTreeMap::new(),
            versions_before: HashMap::new(),
            updates: Vec::new(),
            held: Vec::new(),
            released: Vec::new(),
            dead_letters: Vec::new(),
            tally: Tally::default(),
            generated_at: Vec::new(),
        }
    }

    /// Takes one record. Records of partitions that this process does not own are skipped.
    pub fn take(&mut self, record: &FeedRecord) {
        if !self.move_on(record) {
            return;
        }
        let message = match &record.decoded {
            Ok(message) => message,
            Err(error) => {
                let (reason, pointer) = match error {
                    DecodeError::Syntax { .. } => (error.to_string(), ""),
                    DecodeError::Schema { pointer, detail } => (detail.clone(), pointer.as_str()),
                };
                return self.refuse(record, reason, pointer);
            }
        };
        let Content::Event(event) = &message.content else {
            self.tally.producer += 1;
            return;
        };
        let Some(working) = self.working.get_mut(&event.event_id) else {
            let reason = format!("event {} belongs to another sport than {}", event.event_id, self.sport);
            return self.refuse(record, reason, "/event_id");
        };
        note_version(&mut self.versions_before, working);
        let arrival = Arrival {
            message: message.clone(),
            payload: Arc::clone(&record.payload),
            feed_offset: record.offset,
        };
        let effects = working.intake.accept(arrival, self.now, self.limits);
        self.record(&event.event_id, effects);
    }

    /// Takes a record only to keep it as a dead letter: the database has refused what it leads to.
    pub fn give_up(&mut self, record: &FeedRecord, reason: String) {
        if self.move_on(record) {
            self.refuse(record, reason, "");
        }
    }

    /// Declares gaps whose deadline has passed, of all events in work; see [`WorkingEvent::is_overdue`].
    pub fn expire(&mut self, heard_until: &BTreeMap<i32, Timestamp>) {
        let due = |(id, working): (&EventId, &WorkingEvent)| {
            let heard_until = *heard_until.get(&working.partition)?;
            (working.intake.next_deadline()? <= heard_until).then(|| (id.clone(), heard_until))
        };
        let due: Vec<(EventId, Timestamp)> = self.working.iter().filter_map(due).collect();
        for (id, heard_until) in due {
            if let Some(working) = self.working.get_mut(&id) {
                note_version(&mut self.versions_before, working);
                let effects = working.intake.expire(heard_until);
                self.record(&id, effects);
            }
        }
    }

    /// The plan; `None` where there is nothing to write.
    pub fn finish(mut self) -> Option<Plan> {
        let mut advances = Vec::with_capacity(self.after.len());
        for (&partition, after) in &self.after {
            let before = self.before.get(&partition)?;
            advances.push(Advance {
                partition,
                generation: before.generation,
                offset_before: before.next_offset,
                offset_after: after.next_offset,
                number_after: after.next_number,
            });
        }
        if advances.is_empty() {
            return None;
        }
        let mut events: Vec<EventRows> = Vec::with_capacity(self.versions_before.len());
        for (id, version_before) in &self.versions_before {
            if let Some(working) = self.working.get_mut(id) {
                let WorkingEvent { intake, partition, first_seen_day } = working;
                events.push(EventRows::of(intake.state_mut(), *partition, first_seen_day, *version_before));
            }
        }
        events.sort_unstable_by(|a, b| a.event_id.cmp(&b.event_id));
        self.updates.sort_by_key(|row| (row.partition, row.number));
        self.held.sort_by_key(|row| (row.partition, row.feed_offset));
        self.released.sort_unstable();
        self.dead_letters.sort_by_key(|row| (row.partition, row.number));
        let writes = Writes {
            sport: self.sport,
            advances,
            events,
            updates: self.updates,
            held: self.held,
            released: self.released,
            dead_letters: self.dead_letters,
        };
        Some(Plan { writes, partitions: self.after, tally: self.tally, generated_at: self.generated_at })
    }

    fn move_on(&mut self, record: &FeedRecord) -> bool {
        let Some(partition) = partition_after(&mut self.after, self.before, record.partition) else {
            return false;
        };
        if record.offset < partition.next_offset {
            return false;
        }
        partition.next_offset = record.offset + 1;
        true
    }

    fn next_number(&mut self, partition: i32) -> i64 {
        match partition_after(&mut self.after, self.before, partition) {
            Some(owned) => {
                owned.next_number += 1;
                owned.next_number - 1
            }
            None => unreachable!("an event lives in a partition that this process owns"),
        }
    }

    fn record(&mut self, event_id: &EventId, effects: Vec<Effect>) {
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
                Effect::Refused { refusal: Refusal::Stale { .. } | Refusal::Early { .. }, .. } => {
                    self.tally.stale += 1
                }
                Effect::Refused { arrival, refusal: Refusal::Invalid { pointer, detail } } => {
                    let partition = self.partition_of(event_id);
                    let key = Some(event_id.as_str().as_bytes().to_vec());
                    self.dead_letter(partition, arrival.feed_offset, key, detail, &pointer, &arrival.payload);
                }
            }
        }
    }

    fn update(&mut self, event_id: &EventId, update: &Update) {
        match update.cause.generated_at {
            Some(generated_at) => {
                self.tally.applied += 1;
                self.generated_at.push(generated_at);
            }
            None => self.tally.gaps += 1,
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

    fn refuse(&mut self, record: &FeedRecord, reason: String, pointer: &str) {
        self.dead_letter(
            record.partition,
            record.offset,
            record.key.clone(),
            reason,
            pointer,
            &record.payload,
        );
    }

    fn dead_letter(
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
            key: key.filter(|key| key.len() <= KEY_BYTES_MAX),
            reason: cut(reason, REASON_CHARS_MAX),
            pointer: cut(pointer.to_owned(), POINTER_CHARS_MAX),
            refused_at: self.now.0,
            payload: payload.to_vec(),
        });
    }

    fn partition_of(&self, event_id: &EventId) -> i32 {
        self.working.get(event_id).map_or(-1, |working| working.partition)
    }
}

/// As the columns of `dead_letters`.
const KEY_BYTES_MAX: usize = 1_024;
const REASON_CHARS_MAX: usize = 1_024;
const POINTER_CHARS_MAX: usize = 512;

fn cut(text: String, chars_max: usize) -> String {
    if text.len() <= chars_max { text } else { text.chars().take(chars_max).collect() }
}

fn note_version(versions: &mut HashMap<EventId, u64>, working: &WorkingEvent) {
    let state = working.intake.state();
    if !versions.contains_key(state.event_id()) {
        versions.insert(state.event_id().clone(), state.version());
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
