//! The events in memory. A batch takes those it works on out, and only COMMIT brings them back: what a failed
//! transaction touched is read from the database again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use domain::intake::HoldLimits;
use domain::{EventId, Timestamp};

use crate::batch::WorkingEvent;

/// After how long without odds a live game is not waited for any more.
const ABANDONED_MICROS: i64 = 15 * 60 * 1_000_000;
/// Events whose deadlines are looked after with one transaction; those that are due longest go first.
const OVERDUE_MAX: usize = 256;

/// Events of the owned partitions, up to a limit; all others are in the database only.
#[derive(Debug)]
pub struct Events {
    kept: HashMap<EventId, Kept>,
    /// Events for which messages wait, by when something is to be done about it; they are never dropped.
    waiting: BTreeMap<Timestamp, BTreeSet<EventId>>,
    /// Events whose gap the database refused, and when to try again.
    postponed: HashMap<EventId, Instant>,
    limits: HoldLimits,
    /// Messages that wait of those that are kept.
    held: usize,
    max: usize,
    batch: u64,
}

#[derive(Debug)]
struct Kept {
    event: WorkingEvent,
    /// Where it stands in `waiting`.
    deadline: Option<Timestamp>,
    /// The batch that last worked on it.
    batch: u64,
}

impl Events {
    /// Keeps up to `max` events, besides those for which messages wait.
    #[must_use]
    pub fn new(max: usize, limits: HoldLimits) -> Self {
        let (kept, waiting, postponed) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { kept, waiting, postponed, limits, held: 0, max, batch: 0 }
    }

    /// How many events are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// How many messages wait, of all events that are kept.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// For how many microseconds the live game that waits longest for odds has had none; 0 where no game is live. One for
    /// which nobody has offered odds for a quarter of an hour does not count: whoever did so has left it, and it would hide
    /// the others.
    #[must_use]
    pub fn odds_age_micros_max(&self, now: Timestamp) -> i64 {
        let ages = self.kept.values().filter_map(|kept| kept.event.odds_age_micros(now));
        ages.filter(|age| *age < ABANDONED_MICROS).max().unwrap_or_default()
    }

    /// Takes an event out, where it is kept.
    pub fn take(&mut self, id: &EventId) -> Option<WorkingEvent> {
        let Kept { event, deadline, .. } = self.kept.remove(id)?;
        self.held -= event.intake.held();
        if let Some(deadline) = deadline {
            self.forget_deadline(deadline, id);
        }
        Some(event)
    }

    /// Brings back what a committed batch worked on, and drops the longest unused where there are too many. What is no event yet
    /// is read again when it begins: until then its note may be forgotten, or it may begin with another sport's processor.
    pub fn put_back(&mut self, events: HashMap<EventId, WorkingEvent>) {
        self.batch += 1;
        for (id, event) in events {
            if event.intake.state().is_blank() {
                continue;
            }
            let deadline = event.intake.next_deadline(self.limits);
            if let Some(deadline) = deadline {
                self.waiting.entry(deadline).or_default().insert(id.clone());
            }
            self.held += event.intake.held();
            let before = self.kept.insert(id, Kept { event, deadline, batch: self.batch });
            self.held -= before.map_or(0, |before| before.event.intake.held());
        }
        if self.kept.len() > self.max {
            self.drop_unused();
        }
    }

    /// Forgets the events of partitions that are no longer owned.
    pub fn forget(&mut self, is_gone: impl Fn(i32) -> bool) {
        self.kept.retain(|_, kept| !is_gone(kept.event.partition));
        self.held = self.kept.values().map(|kept| kept.event.intake.held()).sum();
        let Self { kept, waiting, .. } = self;
        waiting.retain(|_, ids| {
            ids.retain(|id| kept.contains_key(id));
            !ids.is_empty()
        });
    }

    /// The first of the events whose deadline has passed, where each partition's feed has been processed up to the time given,
    /// and the partitions they live in. Those whose deadline has not passed are not looked at, however many they are.
    pub fn overdue(&mut self, heard_until: &BTreeMap<i32, Timestamp>, now: Instant) -> Vec<(EventId, i32)> {
        self.postponed.retain(|_, until| *until > now);
        let overdue = self.all_overdue(heard_until, now);
        overdue.take(OVERDUE_MAX).map(|(id, partition)| (id.clone(), partition)).collect()
    }

    /// The partitions of all of those.
    #[must_use]
    pub fn overdue_partitions(&self, heard_until: &BTreeMap<i32, Timestamp>, now: Instant) -> BTreeSet<i32> {
        self.all_overdue(heard_until, now).map(|(_, partition)| partition).collect()
    }

    fn all_overdue<'a>(
        &'a self,
        heard_until: &'a BTreeMap<i32, Timestamp>,
        now: Instant,
    ) -> impl Iterator<Item = (&'a EventId, i32)> {
        let passed = heard_until.values().max().map(|latest| self.waiting.range(..=*latest));
        let passed = passed.into_iter().flatten();
        passed.flat_map(|(deadline, ids)| ids.iter().map(move |id| (deadline, id))).filter_map(
            move |(deadline, id)| {
                let partition = self.kept.get(id)?.event.partition;
                let is_postponed = self.postponed.get(id).is_some_and(|until| *until > now);
                (deadline <= heard_until.get(&partition)? && !is_postponed).then_some((id, partition))
            },
        )
    }

    /// The first deadline that has not passed at `now`.
    #[must_use]
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiting.range(now.plus_micros(1)..).next().map(|(deadline, _)| *deadline)
    }

    /// Leaves an event out of [`Self::overdue`] for a while.
    pub fn postpone(&mut self, id: EventId, until: Instant) {
        self.postponed.insert(id, until);
    }

    fn forget_deadline(&mut self, deadline: Timestamp, id: &EventId) {
        if let Some(ids) = self.waiting.get_mut(&deadline) {
            ids.remove(id);
            if ids.is_empty() {
                self.waiting.remove(&deadline);
            }
        }
    }

    /// Down to three quarters of the limit, so that this does not run for every batch.
    fn drop_unused(&mut self) {
        let mut batches: Vec<u64> = self.kept.values().map(|kept| kept.batch).collect();
        batches.sort_unstable();
        let dropped = batches.len() - self.max * 3 / 4;
        let oldest_kept = batches.get(dropped).copied().unwrap_or(self.batch);
        self.kept.retain(|_, kept| kept.batch >= oldest_kept || kept.deadline.is_some());
    }
}

#[cfg(test)]
mod tests {
    use domain::codec::json;
    use domain::intake::Arrival;
    use domain::refused::RefusedMessage;
    use domain::{EventState, Intake, Sport};

    use super::*;

    const FOREVER: Timestamp = Timestamp(i64::MAX);
    const LIMITS: HoldLimits = HoldLimits { wait_micros: 10, held_max: 10, kept_micros: 1_000 };

    fn keeping(max: usize) -> Events {
        Events::new(max, LIMITS)
    }

    fn id(number: usize) -> EventId {
        EventId::new(format!("md:match:{number}")).unwrap()
    }

    /// Of which nothing is known.
    fn blank(number: usize, partition: i32) -> (EventId, WorkingEvent) {
        let intake = Intake::new(EventState::new(id(number), Sport::Hockey), []);
        (
            id(number),
            WorkingEvent {
                intake,
                partition,
                first_seen_day: "2026-01-01".to_owned(),
                odds_at: Timestamp(0),
            },
        )
    }

    /// An event of which nothing waits.
    fn event(number: usize, partition: i32) -> (EventId, WorkingEvent) {
        stopped(number, partition, 1)
    }

    /// An event whose second message came before its first.
    fn waiting(number: usize, partition: i32) -> (EventId, WorkingEvent) {
        stopped(number, partition, 2)
    }

    fn stopped(number: usize, partition: i32, sequence: u64) -> (EventId, WorkingEvent) {
        let (id, mut event) = blank(number, partition);
        let payload = format!(
            r#"{{"schema":"1.0","message_id":"m","provider":"md","producer":"live","sport":"hockey","event_id":"{id}","epoch":1,"sequence":{sequence},"type":"bet_stop","generated_at":5,"body":{{"groups":"all"}}}}"#
        );
        let message = json::decode(payload.as_bytes()).unwrap();
        let payload = payload.into_bytes().into();
        let arrival = Arrival { message, payload, feed_offset: 1, redrive: None };
        event.intake.accept(arrival, Timestamp(100), LIMITS);
        (id, event)
    }

    #[test]
    fn the_longest_unused_go_first_and_those_with_waiting_messages_stay() {
        let mut events = keeping(8);
        events.put_back(HashMap::from([waiting(0, 0)]));
        for number in 1..=8 {
            events.put_back(HashMap::from([event(number, 0)]));
        }
        assert!(events.len() <= 8, "{}", events.len());
        assert!(events.take(&id(1)).is_none());
        assert!(events.take(&id(0)).is_some());
        assert!(events.take(&id(8)).is_some());
    }

    #[test]
    fn only_a_live_game_waits_for_odds() {
        let mut events = keeping(8);
        for (number, status) in [(1, "not_started"), (2, "live"), (3, "ended")] {
            let (id, mut event) = blank(number, 0);
            let payload = format!(
                r#"{{"schema":"1.0","message_id":"m","provider":"md","producer":"live","sport":"hockey","event_id":"{id}","epoch":1,"sequence":1,"type":"event_status","generated_at":5,"body":{{"status":"{status}","match_status":"{}","score":{{"home":0,"away":0}}}}}}"#,
                if status == "live" { "period_1" } else { status },
            );
            let message = json::decode(payload.as_bytes()).unwrap();
            event.intake.state_mut().apply(&message, Timestamp(100)).unwrap();
            event.odds_at = Timestamp(1_000 - i64::try_from(number).unwrap());
            events.put_back(HashMap::from([(id, event)]));
        }
        assert_eq!(events.odds_age_micros_max(Timestamp(1_000)), 2);
        assert_eq!(events.odds_age_micros_max(Timestamp(998 + ABANDONED_MICROS)), 0);
        assert_eq!(keeping(8).odds_age_micros_max(Timestamp(1_000)), 0);
    }

    #[test]
    fn what_is_no_event_yet_is_not_kept() {
        let mut events = keeping(8);
        let (foreseen, mut known_by_a_letter) = blank(2, 0);
        let told = format!(
            r#"{{"schema":"1.1","provider":"md","producer":"live","sport":"hockey","event_id":"{foreseen}","epoch":1,"sequence":1,"received_at":5}}"#
        );
        let refused = RefusedMessage::decode(told.as_bytes()).unwrap();
        known_by_a_letter.intake.hear_of_refused(&refused, Timestamp(100), LIMITS);
        assert!(known_by_a_letter.intake.state().is_foreseen());
        events.put_back(HashMap::from([blank(1, 0), (foreseen, known_by_a_letter), event(3, 0)]));
        assert!(events.take(&id(1)).is_none() && events.take(&id(2)).is_none());
        assert!(events.take(&id(3)).is_some());
    }

    #[test]
    fn one_event_may_be_all_that_there_is_room_for() {
        let mut events = keeping(1);
        events.put_back(HashMap::from([event(1, 0)]));
        events.put_back(HashMap::from([event(2, 0), event(3, 0)]));
        assert!(events.take(&id(1)).is_none());
    }

    #[test]
    fn events_of_partitions_given_up_are_forgotten() {
        let mut events = keeping(8);
        events.put_back(HashMap::from([waiting(1, 0), waiting(2, 1)]));
        events.forget(|partition| partition == 0);
        let heard = BTreeMap::from([(0, FOREVER), (1, FOREVER)]);
        assert_eq!(events.overdue(&heard, Instant::now()), [(id(2), 1)]);
        assert_eq!(events.held(), 1);
    }

    #[test]
    fn what_waits_is_counted_of_all_events_together() {
        let mut events = keeping(1);
        events.put_back(HashMap::from([waiting(1, 0), waiting(2, 0), event(3, 0)]));
        assert_eq!(events.held(), 2);
        let taken = events.take(&id(1)).unwrap();
        assert_eq!(events.held(), 1);
        for _ in 0..2 {
            events.put_back(HashMap::from([waiting(1, 0)]));
        }
        assert_eq!((events.held(), taken.intake.held()), (2, 1));
        events.put_back(HashMap::from([event(2, 0)]));
        assert_eq!(events.held(), 1);
    }

    #[test]
    fn a_deadline_counts_against_the_feed_of_its_own_partition() {
        let mut events = keeping(8);
        events.put_back(HashMap::from([waiting(1, 0)]));
        let now = Instant::now();
        assert!(events.overdue(&BTreeMap::from([(1, FOREVER)]), now).is_empty());
        assert!(events.overdue(&BTreeMap::from([(0, Timestamp(109))]), now).is_empty());
        assert_eq!(events.overdue(&BTreeMap::from([(0, Timestamp(110))]), now), [(id(1), 0)]);
    }

    #[test]
    fn thousands_that_are_stuck_keep_nobody_from_being_due() {
        let mut events = keeping(8);
        let stuck = (1..=3_000).map(|number| {
            let (id, mut event) = waiting(number, 0);
            event.intake.expire(Timestamp(110));
            (id, event)
        });
        events.put_back(stuck.collect());
        events.put_back(HashMap::from([waiting(4_000, 0)]));
        let (heard, now) = (BTreeMap::from([(0, Timestamp(1_109))]), Instant::now());
        assert_eq!(events.overdue(&heard, now), [(id(4_000), 0)], "their gap is declared, and not over yet");
        assert_eq!(events.next_deadline(Timestamp(110)), Some(Timestamp(1_110)));
        let heard = BTreeMap::from([(0, Timestamp(1_110))]);
        let overdue = events.overdue(&heard, now);
        assert_eq!((overdue.len(), &overdue[0]), (OVERDUE_MAX, &(id(4_000), 0)), "it is due longest");
        for (id, _) in overdue {
            events.take(&id);
        }
        assert_eq!(events.overdue(&heard, now).len(), OVERDUE_MAX, "the next ones");
    }

    #[test]
    fn what_is_postponed_is_overdue_again_later() {
        let mut events = keeping(8);
        events.put_back(HashMap::from([waiting(1, 0)]));
        let (now, heard) = (Instant::now(), BTreeMap::from([(0, FOREVER)]));
        let later = now + std::time::Duration::from_secs(5);
        events.postpone(id(1), later);
        assert!(events.overdue(&heard, now).is_empty());
        assert_eq!(events.overdue(&heard, later), [(id(1), 0)]);
    }
}
