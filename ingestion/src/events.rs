//! Of which sport the events are whose fixtures were loaded: for messages whose routing key does not tell.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};

use chassis::kafka::Batch;
use domain::{EventId, Sport};

/// Events that are known at once; for one more the one that was loaded first is forgotten.
const EVENTS_MAX: usize = 100_000;

/// The sports of events.
#[derive(Debug, Default)]
pub struct Events {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sports: HashMap<EventId, Sport>,
    first_loaded_first: VecDeque<EventId>,
}

impl Events {
    /// The sport of an event, where its fixture was loaded.
    pub fn sport(&self, event: &EventId) -> Option<Sport> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).sports.get(event).copied()
    }

    /// Takes note of an event.
    pub fn note(&self, event: &EventId, sport: Sport) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Known { sports, first_loaded_first } = &mut *known;
        if sports.insert(event.clone(), sport).is_some() {
            return;
        }
        first_loaded_first.push_back(event.clone());
        if first_loaded_first.len() > EVENTS_MAX
            && let Some(first) = first_loaded_first.pop_front()
        {
            sports.remove(&first);
        }
    }

    /// Takes note of what the topic says; what it does not say rightly is nothing.
    pub fn read(&self, batch: &Batch) {
        for record in batch.iter() {
            let event = record.key().and_then(|key| EventId::new(str::from_utf8(key).ok()?).ok());
            let sport = str::from_utf8(record.payload()).ok().and_then(|name| name.parse().ok());
            match (event, sport) {
                (Some(event), Some(sport)) => self.note(&event, sport),
                _ => tracing::warn!(
                    offset = record.offset(),
                    "a record of the events' topic names no event and sport"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_that_was_loaded_first_is_forgotten_first() {
        let events = Events::default();
        let event = |number: usize| EventId::new(format!("sr:match:{number}")).unwrap();
        for number in 0..EVENTS_MAX {
            events.note(&event(number), Sport::Tennis);
        }
        events.note(&event(0), Sport::Hockey);
        assert_eq!(events.sport(&event(0)), Some(Sport::Hockey));
        events.note(&event(EVENTS_MAX), Sport::Tennis);
        assert_eq!((events.sport(&event(0)), events.sport(&event(1))), (None, Some(Sport::Tennis)));
    }
}
