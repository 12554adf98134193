//! The events in memory. A batch takes those it works on out, and only COMMIT brings them back: what a failed
//! transaction touched is read from the database again.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{EventId, Timestamp};

use crate::batch::WorkingEvent;

/// Events of the owned partitions, up to a limit; all others are in the database only.
#[derive(Debug)]
pub struct Events {
    kept: HashMap<EventId, Kept>,
    /// Events for which messages wait; they are never dropped.
    waiting: HashSet<EventId>,
    max: usize,
    batch: u64,
}

#[derive(Debug)]
struct Kept {
    event: WorkingEvent,
    /// The batch that last worked on it.
    batch: u64,
}

impl Events {
    /// Keeps up to `max` events, besides those for which messages wait.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { kept: HashMap::new(), waiting: HashSet::new(), max, batch: 0 }
    }

    /// How many events are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Takes an event out, where it is kept.
    pub fn take(&mut self, id: &EventId) -> Option<WorkingEvent> {
        self.waiting.remove(id);
        self.kept.remove(id).map(|kept| kept.event)
    }

    /// Brings back what a committed batch worked on, and drops the longest unused where there are too many.
    pub fn put_back(&mut self, events: HashMap<EventId, WorkingEvent>) {
        self.batch += 1;
        for (id, event) in events {
            if event.intake.held() > 0 {
                self.waiting.insert(id.clone());
            }
            self.kept.insert(id, Kept { event, batch: self.batch });
        }
        if self.kept.len() > self.max {
            self.drop_unused();
        }
    }

    /// Forgets the events of partitions that are no longer owned.
    pub fn forget(&mut self, is_gone: impl Fn(i32) -> bool) {
        self.kept.retain(|_, kept| !is_gone(kept.event.partition));
        let Self { kept, waiting, .. } = self;
        waiting.retain(|id| kept.contains_key(id));
    }

    /// The events with a gap to declare, where each partition's feed has been processed up to the time given.
    #[must_use]
    pub fn overdue(&self, heard_until: &BTreeMap<i32, Timestamp>) -> Vec<EventId> {
        let is_due =
            |id: &&EventId| self.kept.get(*id).is_some_and(|kept| kept.event.is_overdue(heard_until));
        self.waiting.iter().filter(is_due).cloned().collect()
    }

    /// Down to three quarters of the limit, so that this does not run for every batch.
    fn drop_unused(&mut self) {
        let mut batches: Vec<u64> = self.kept.values().map(|kept| kept.batch).collect();
        batches.sort_unstable();
        let dropped = batches.len() - self.max * 3 / 4;
        let oldest_kept = batches.get(dropped).copied().unwrap_or(self.batch);
        let waiting = &self.waiting;
        self.kept.retain(|id, kept| kept.batch >= oldest_kept || waiting.contains(id));
    }
}
