//! Order: messages that come before their turn are held until it comes, or until it is too late.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::feed::Place;
use crate::id::Source;
use crate::message::{FeedMessage, Position};
use crate::{Applied, EventState, Refusal, Timestamp, Update};

/// One event with the messages that wait for their turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    state: EventState,
    held: BTreeMap<(Source, Position), HeldMessage>,
}

/// A message as it came from the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The message.
    pub message: FeedMessage,
    /// Its bytes in the feed, kept for a dead letter.
    pub payload: Arc<[u8]>,
    /// Its offset in the feed.
    pub feed_offset: i64,
}

/// A message that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    /// What came.
    pub arrival: Arrival,
    /// When the messages before it are given up as missing.
    pub deadline: Timestamp,
}

/// How long and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLimits {
    /// Microseconds for which a message waits before what is missing is a gap.
    pub wait_micros: i64,
    /// Messages that may wait per event.
    pub held_max: usize,
}

/// One consequence of an arrival or of time passing, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the large variants are the frequent ones")]
pub enum Effect {
    /// The event has a new version.
    Updated(Update),
    /// The arrival waits for its turn, until its deadline at first.
    Held(HeldMessage),
    /// A message waits no longer: its turn has come, or it has passed.
    Released {
        /// Whose it was.
        source: Source,
        /// Its place.
        position: Position,
        /// Its offset in the feed.
        feed_offset: i64,
    },
    /// A message was not applied, and will not be.
    Refused {
        /// What came.
        arrival: Arrival,
        /// Why it was not applied.
        refusal: Refusal,
    },
}

impl Intake {
    /// An event with the messages held for it when it was stored.
    #[must_use]
    pub fn new(state: EventState, held: impl IntoIterator<Item = HeldMessage>) -> Self {
        let mut intake = Self { state, held: BTreeMap::new() };
        for message in held {
            if let Ok((_, position)) = intake.state.address(&message.arrival.message) {
                intake.held.insert((message.arrival.message.source.clone(), position), message);
            }
        }
        intake
    }

    /// The event.
    #[must_use]
    pub fn state(&self) -> &EventState {
        &self.state
    }

    /// The event, to store it.
    pub fn state_mut(&mut self) -> &mut EventState {
        &mut self.state
    }

    /// How many messages wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// When [`Intake::expire`] will next have something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let waiting = self.held.iter().filter(|((source, _), _)| !self.has_gap(source));
        waiting.map(|(_, held)| held.deadline).min()
    }

    /// Takes one message from the feed.
    pub fn accept(&mut self, arrival: Arrival, now: Timestamp, limits: HoldLimits) -> Vec<Effect> {
        let message = &arrival.message;
        let position = match self.state.address(message) {
            Ok((_, position)) => position,
            Err(refusal) => return vec![Effect::Refused { arrival, refusal }],
        };
        let source = message.source.clone();
        match self.state.place(&source, position, &message.message_id) {
            Place::Next => {
                let mut effects = Vec::with_capacity(1);
                self.take_turn(source, position, arrival, now, &mut effects);
                effects
            }
            Place::Early { expected } => self.hold((source, position), expected, arrival, now, limits),
            Place::Duplicate => vec![Effect::Refused { arrival, refusal: Refusal::Duplicate }],
            Place::Stale => {
                let applied = self.state.feed(&source).map_or(position, |feed| feed.applied);
                vec![Effect::Refused { arrival, refusal: Refusal::Stale { applied } }]
            }
        }
    }

    /// Declares the gaps whose deadline has passed.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut overdue: Vec<Source> = self
            .held
            .iter()
            .filter(|(_, held)| held.deadline <= now)
            .map(|((source, _), _)| source.clone())
            .collect();
        overdue.dedup();
        overdue.iter().filter_map(|source| self.state.declare_gap(source, now)).map(Effect::Updated).collect()
    }

    fn hold(
        &mut self,
        key: (Source, Position),
        expected: Position,
        arrival: Arrival,
        now: Timestamp,
        limits: HoldLimits,
    ) -> Vec<Effect> {
        if let Some(other) = self.held.get(&key) {
            let other_id = &other.arrival.message.message_id;
            let refusal = if *other_id == arrival.message.message_id {
                Refusal::Duplicate
            } else {
                Refusal::invalid("/sequence", format!("message {other_id} waits at {} already", key.1))
            };
            return vec![Effect::Refused { arrival, refusal }];
        }
        let mut effects = Vec::with_capacity(2);
        if let Some(update) = self.state.overtake(&arrival.message, now) {
            effects.push(Effect::Updated(update));
        }
        if self.held.len() >= limits.held_max {
            let detail = format!("{} messages wait for {expected} already", self.held.len());
            effects.push(Effect::Refused { arrival, refusal: Refusal::invalid("/sequence", detail) });
            effects.extend(self.state.declare_gap(&key.0, now).map(Effect::Updated));
            return effects;
        }
        let held = HeldMessage { arrival, deadline: now.plus_micros(limits.wait_micros) };
        effects.push(Effect::Held(held.clone()));
        self.held.insert(key, held);
        effects
    }

    /// Applies a message whose turn it is, then those that have waited for it.
    fn take_turn(
        &mut self,
        source: Source,
        position: Position,
        arrival: Arrival,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        // The same place may hold another message: this one came first to its turn.
        self.drop_passed(&source, position, effects);
        let mut turn = Some((position, arrival));
        while let Some((position, arrival)) = turn.take() {
            let still_missing = self.is_missing_after(&source, position);
            match self.state.apply_next(&arrival.message, now, still_missing) {
                Ok(Applied::Updated(update)) => effects.push(Effect::Updated(update)),
                Ok(Applied::Reached) => {}
                Err(refusal) => {
                    effects.push(Effect::Refused { arrival, refusal });
                    effects.extend(self.state.declare_gap(&source, now).map(Effect::Updated));
                    return;
                }
            }
            let next = Position { sequence: position.sequence.saturating_add(1), ..position };
            if let Some(held) = self.held.remove(&(source.clone(), next)) {
                let feed_offset = held.arrival.feed_offset;
                effects.push(Effect::Released { source: source.clone(), position: next, feed_offset });
                turn = Some((next, held.arrival));
            }
        }
    }

    /// Messages at or before a position whose turn has come have missed theirs.
    fn drop_passed(&mut self, source: &Source, position: Position, effects: &mut Vec<Effect>) {
        let passed: Vec<Position> = self
            .held
            .keys()
            .filter(|(holder, waiting)| holder == source && *waiting <= position)
            .map(|(_, waiting)| *waiting)
            .collect();
        for waiting in passed {
            if let Some(held) = self.held.remove(&(source.clone(), waiting)) {
                let feed_offset = held.arrival.feed_offset;
                effects.push(Effect::Released { source: source.clone(), position: waiting, feed_offset });
                let refusal = Refusal::Stale { applied: position };
                effects.push(Effect::Refused { arrival: held.arrival, refusal });
            }
        }
    }

    /// Whether a message still waits behind a hole once `position` and what follows it directly are applied.
    fn is_missing_after(&self, source: &Source, position: Position) -> bool {
        let mut next = position.sequence;
        for (holder, waiting) in self.held.keys() {
            if holder != source || *waiting <= position {
                continue;
            }
            next = next.saturating_add(1);
            if waiting.epoch != position.epoch || waiting.sequence != next {
                return true;
            }
        }
        false
    }

    fn has_gap(&self, source: &Source) -> bool {
        self.state.feed(source).is_some_and(|feed| feed.gap)
    }
}

