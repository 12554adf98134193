//! Plans what producers say of themselves: which of them are trusted, and what that means for events.

use domain::message::{ProducerBody, SnapshotComplete};
use domain::producer::{Moment, Reason, Recovery, Terms};
use domain::{Body, EventId, FeedMessage, Producer, Source, Timestamp};

use super::{FeedRecord, Planner, note, partition_after};
use crate::producers::{Sweep, Watched};

/// Where a sweep begins.
const START: String = String::new();

/// Who is about to say something of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker<'a> {
    /// Who.
    pub(super) source: &'a Source,
    /// What is expected of it.
    pub(super) terms: Terms,
}

impl Planner<'_> {
    /// Takes what a producer says of itself.
    pub(super) fn hear(&mut self, record: &FeedRecord, message: &FeedMessage, body: &ProducerBody) {
        let (partition, source) = (record.partition, &message.source);
        if let ProducerBody::SnapshotComplete(SnapshotComplete { request_id }) = body
            && !self.asked.is_of_producer(source, *request_id)
        {
            return;
        }
        let moment = self.moment(partition, message);
        let terms = self.known.producers.terms(source, record.is_unnumbered());
        let watched = match (self.watched(partition, source), body) {
            (Some(known), _) => {
                let mut watched = known.clone();
                watched.producer.hear(body, moment, terms);
                if watched.producer.is_trusted() != known.producer.is_trusted() {
                    watched.swept_to = Some(START);
                }
                watched
            }
            (None, ProducerBody::Alive(alive)) if self.has_room(partition) => {
                // Events may hold it for down since there was no room for it.
                Watched { producer: Producer::first_heard(alive, moment, terms), swept_to: Some(START) }
            }
            (None, _) => return,
        };
        self.watch(partition, source, watched);
    }

    /// A producer of which an `alive` is not enough is watched from its first message on: without any it has proven nothing.
    /// What fixtures are loaded from offers nothing.
    pub(super) fn meet(&mut self, record: &FeedRecord, message: &FeedMessage, body: &Body) {
        let (partition, source) = (record.partition, &message.source);
        if self.watched(partition, source).is_some() || matches!(body, Body::Fixture(_)) {
            return;
        }
        let terms = self.known.producers.terms(source, record.is_unnumbered());
        if terms.recovery != Recovery::Alive && self.has_room(partition) {
            let producer = Producer::never_alive(self.heard_at(partition, message));
            self.watch(partition, source, Watched { producer, swept_to: Some(START) });
        }
    }

    /// These producers' silence has lasted too long.
    pub fn expire_producers(&mut self, overdue: &[(i32, Source)]) {
        for (partition, source) in overdue {
            let Some(heard_until) = self.known.heard_until.get(partition) else { continue };
            let Some(mut watched) = self.watched(*partition, source).cloned() else { continue };
            let was_trusted = watched.producer.is_trusted();
            if watched.producer.expire(*heard_until, self.known.producers.terms(source, false)) {
                if was_trusted {
                    watched.swept_to = Some(START);
                }
                self.watch(*partition, source, watched);
            }
        }
    }

    /// Goes through some events of a sweep, which then stands at `to`, or is at its end.
    pub fn sweep(&mut self, sweep: &Sweep, events: &[EventId], to: Option<String>) {
        for event_id in events {
            self.tell_event(event_id, None);
        }
        if let Some(watched) = self.watched(sweep.partition, &sweep.source) {
            let watched = Watched { swept_to: to, ..watched.clone() };
            self.watch(sweep.partition, &sweep.source, watched);
        }
    }

    /// Brings what an event holds of its producers up to date, before anything else happens to it: `speaker` is about to
    /// say something of it, for the first time perhaps.
    pub(super) fn tell_event(&mut self, event_id: &EventId, speaker: Option<Speaker<'_>>) {
        let Some(working) = self.working.get(event_id) else { return };
        let (state, partition) = (working.intake.state(), working.partition);
        let known = state.head().feeds.iter().map(|feed| (&feed.source, feed.down));
        let first = speaker.map(|speaker| speaker.source).filter(|source| state.feed(source).is_none());
        // Nobody is watched yet whose `alive` is enough and who says none. There was no room when its event shut it.
        let is_free = |source: &Source| {
            speaker.is_some_and(|it| it.source == source && it.terms.recovery == Recovery::Alive)
        };
        let news: Vec<(Source, Reason)> = known
            .chain(first.map(|source| (source, false)))
            .filter_map(|(source, is_down)| {
                let (is_trusted, reason) = match self.standing(partition, source) {
                    Some(producer) => (producer.is_trusted(), producer.reason),
                    None if is_free(source) => (true, Reason::NotWatched),
                    None => return None,
                };
                (is_trusted == is_down).then(|| (source.clone(), reason))
            })
            .collect();
        for (source, reason) in news {
            let Some(working) = self.working.get_mut(event_id) else { return };
            note(&mut self.before, working);
            let state = working.intake.state_mut();
            let is_down = state.feed(&source).is_some_and(|feed| feed.down);
            let update = match is_down {
                true => state.trust(&source, reason, self.known.now),
                false => state.distrust(&source, reason, self.known.now),
            };
            if let Some(update) = update {
                self.update(event_id, &update);
            }
        }
    }

    /// When a message came, as deadlines count it: its receiver's clock may differ from ours, but what follows in the feed
    /// came no earlier than what was before.
    pub(super) fn heard_at(&self, partition: i32, message: &FeedMessage) -> Timestamp {
        let now = self.known.now;
        let at = message.received_at.map_or(now, |received_at| received_at.min(now));
        self.known.heard_until.get(&partition).map_or(at, |heard_until| at.max(*heard_until))
    }

    /// When a producer said something: its age counts to its receipt, so that a backlog of ours makes nobody late.
    fn moment(&self, partition: i32, message: &FeedMessage) -> Moment {
        let now = self.known.now;
        Moment {
            at: self.heard_at(partition, message),
            received_at: message.received_at.map_or(now, |received_at| received_at.min(now)),
            generated_at: message.generated_at,
        }
    }

    fn watched(&self, partition: i32, source: &Source) -> Option<&Watched> {
        let after = self.watched.get(&partition).and_then(|watched| watched.get(source));
        after.or_else(|| self.known.producers.get(partition, source))
    }

    /// What is to be thought of a producer, where it is watched, or could not be: then nobody notices its silence, and nothing of
    /// it may be open.
    fn standing(&self, partition: i32, source: &Source) -> Option<Producer> {
        let watched = self.watched(partition, source).map(|watched| watched.producer);
        watched.or_else(|| (!self.has_room(partition)).then(|| Producer::not_watched(self.known.now)))
    }

    /// Whether a producer is watched, or would be once that is needed.
    pub(super) fn can_watch(&self, partition: i32, source: &Source) -> bool {
        self.watched(partition, source).is_some() || self.has_room(partition)
    }

    fn has_room(&self, partition: i32) -> bool {
        let producers = self.known.producers;
        let new = self.watched.get(&partition).map_or(0, |watched| {
            watched.keys().filter(|source| producers.get(partition, source).is_none()).count()
        });
        new < producers.room(partition)
    }

    /// The partition's row is fenced although nothing of it may move.
    fn watch(&mut self, partition: i32, source: &Source, watched: Watched) {
        if partition_after(&mut self.after, self.known.partitions, partition).is_some() {
            self.watched.entry(partition).or_default().insert(source.clone(), watched);
        }
    }
}
