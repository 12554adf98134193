//! Gathers the events that a plan works on, from memory or from the database.

use std::collections::HashMap;

use domain::EventId;

use super::committing::Outcome;
use super::{Parts, Processor, now};
use crate::batch::WorkingEvent;
use crate::store::load::{self, LoadError};
use crate::store::{ANSWER_MAX, days, within};

impl Processor {
    /// Every wanted event of our partitions, from memory or from the database. Events stored under another sport are left
    /// out.
    pub(super) fn gather<'e>(
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
}
