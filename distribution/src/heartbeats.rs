//! Which parts of the feed are processed as they come. A partition of which no heartbeat has been heard, or none for too long,
//! is silent, and nothing that its events offer can be trusted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use chassis::kafka::partition_of;
use domain::{EventId, Sport};
use tokio::time::Instant;

use crate::lock::lock;

/// When each partition was last heard of.
#[derive(Debug)]
pub struct Heartbeats {
    /// How long one may be silent.
    patience: Duration,
    /// By how much the clocks of Kafka and of this machine may differ.
    tolerance: Duration,
    /// By the partitions' numbers; `None` of those that nothing was heard of.
    heard_at: Mutex<HashMap<Sport, Vec<Option<Instant>>>>,
}

/// The partitions that are silent.
#[derive(Debug, Default)]
pub struct Silent {
    /// With how many partitions each sport has.
    sports: HashMap<Sport, (i32, BTreeSet<i32>)>,
}

impl Heartbeats {
    /// Of partitions that may be silent for so long, where clocks may differ by so much.
    #[must_use]
    pub fn new(patience: Duration, tolerance: Duration) -> Self {
        Self { patience, tolerance, heard_at: Mutex::default() }
    }

    /// Takes note of how many partitions a sport has.
    pub fn know(&self, sport: Sport, partitions: usize) {
        lock(&self.heard_at).entry(sport).or_default().resize(partitions, None);
    }

    /// Takes note of a heartbeat that is so old when it is read; says whether it is news enough that its partition is not
    /// silent. What counts is when it was said: who reads an old one has not heard of anybody who is at work now.
    pub fn heard(&self, sport: Sport, partition: i32, age: Duration, now: Instant) -> bool {
        let Some(said_at) = now.checked_sub(age.saturating_sub(self.tolerance)) else { return false };
        let mut heard_at = lock(&self.heard_at);
        let known = heard_at.get_mut(&sport).zip(usize::try_from(partition).ok());
        if let Some(known) = known.and_then(|(partitions, index)| partitions.get_mut(index)) {
            *known = Some(known.map_or(said_at, |known| known.max(said_at)));
        }
        now.duration_since(said_at) <= self.patience
    }

    /// Who is silent now.
    #[must_use]
    pub fn silent(&self, now: Instant) -> Silent {
        let silent = |partitions: &Vec<Option<Instant>>| {
            let is_silent = |heard_at: &Option<Instant>| {
                heard_at.is_none_or(|heard_at| now.duration_since(heard_at) > self.patience)
            };
            let numbered = (0..).zip(partitions);
            numbered.filter(|(_, heard_at)| is_silent(heard_at)).map(|(number, _)| number).collect()
        };
        let sports = lock(&self.heard_at)
            .iter()
            .map(|(sport, partitions)| {
                (*sport, (i32::try_from(partitions.len()).unwrap_or(i32::MAX), silent(partitions)))
            })
            .collect();
        Silent { sports }
    }
}

impl Silent {
    /// Whether the event is in a silent partition. Of a sport that is not known, every one is.
    #[must_use]
    pub fn concerns(&self, sport: Sport, event_id: &EventId) -> bool {
        self.sports.get(&sport).is_none_or(|(partitions, silent)| {
            !silent.is_empty() && silent.contains(&partition_of(event_id.as_str().as_bytes(), *partitions))
        })
    }

    /// Whether any is.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.sports.is_empty() || self.sports.values().any(|(_, silent)| !silent.is_empty())
    }

    /// How many of each sport's are.
    pub fn counts(&self) -> impl Iterator<Item = (Sport, usize)> + '_ {
        self.sports.iter().map(|(sport, (_, silent))| (*sport, silent.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);
    const TOLERANCE: Duration = Duration::from_secs(1);
    const NEW: Duration = Duration::ZERO;

    fn event(id: &str) -> EventId {
        id.parse().expect("a URN")
    }

    #[test]
    fn a_partition_is_silent_once_its_time_is_over_and_only_until_it_is_heard_of() {
        let (heartbeats, start) = (Heartbeats::new(PATIENCE, TOLERANCE), Instant::now());
        heartbeats.know(Sport::Hockey, 2);
        let ids = ["md:match:1", "md:match:2", "md:match:3", "md:match:4"];
        let of = |partition| {
            let id = ids.iter().find(|id| partition_of(id.as_bytes(), 2) == partition);
            event(id.expect("one of four is there"))
        };
        let concerned = |at| {
            let silent = heartbeats.silent(at);
            [0, 1].map(|partition| silent.concerns(Sport::Hockey, &of(partition)))
        };
        assert_eq!(concerned(start), [true, true], "who was never heard of");
        heartbeats.heard(Sport::Hockey, 0, NEW, start);
        heartbeats.heard(Sport::Hockey, 1, NEW, start);
        assert_eq!(concerned(start + PATIENCE), [false, false]);
        heartbeats.heard(Sport::Hockey, 1, NEW, start + PATIENCE);
        let later = start + PATIENCE + Duration::from_millis(1);
        assert_eq!(concerned(later), [true, false]);
        assert!(heartbeats.silent(later).concerns(Sport::Tennis, &of(0)), "of a sport that is not known");
        assert_eq!(heartbeats.silent(later).counts().collect::<Vec<_>>(), [(Sport::Hockey, 1)]);
        heartbeats.heard(Sport::Hockey, 0, NEW, later);
        assert!(!heartbeats.silent(later).is_any());
        // Who begins to read again does not forget who was heard of.
        heartbeats.know(Sport::Hockey, 2);
        assert_eq!(concerned(later), [false, false]);
        heartbeats.heard(Sport::Hockey, 7, NEW, later);
        assert!(Silent::default().concerns(Sport::Hockey, &of(0)), "before anything is known");
    }
    #[test]
    fn a_heartbeat_counts_from_when_it_was_said_and_clocks_may_differ_a_little() {
        let heartbeats = Heartbeats::new(PATIENCE, TOLERANCE);
        // Far enough from the clock's beginning that there is a time before it.
        let now = Instant::now() + Duration::from_secs(3_600);
        heartbeats.know(Sport::Hockey, 1);
        let hears = |age: Duration, now| heartbeats.heard(Sport::Hockey, 0, age, now);
        let is_silent = |now| heartbeats.silent(now).is_any();
        assert!(!hears(Duration::from_secs(60), now), "read while catching up");
        assert!(is_silent(now));
        assert!(hears(PATIENCE + TOLERANCE, now), "just not too old");
        assert!(!is_silent(now) && is_silent(now + Duration::from_millis(1)));
        assert!(hears(NEW, now));
        // What was said before that, and is read after it, changes nothing.
        hears(Duration::from_secs(4), now);
        assert!(!is_silent(now + PATIENCE) && is_silent(now + PATIENCE + Duration::from_millis(1)));
    }
}
