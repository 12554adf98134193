//! Order: messages that come before their turn are held until it comes, or until it is too late.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::{Feed, Letter};
use crate::id::Source;
use crate::letter::{LetterMark, Redrive};
use crate::message::{FeedMessage, Position};
use crate::refused::{Asked, Place, RefusedMessage};
use crate::{Applied, EventState, Refusal, Timestamp, Update};

/// One event with the messages that wait for their turn.
///
/// Every call may change how far a source has come, so [`crate::event::Head`] is to be stored after each, updates or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    state: EventState,
    /// What waits, of each source of which something does.
    waiting: BTreeMap<Source, BTreeMap<Position, HeldMessage>>,
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
    /// Which dead letter's place it takes, where it takes one.
    pub redrive: Option<Redrive>,
}

impl Arrival {
    /// By what its dead letter would be known: where it is sent in a letter's place, that letter stays, and who sent it may not
    /// have told its mark.
    fn letter_mark(&self) -> Option<LetterMark> {
        self.redrive.map_or_else(|| Some(LetterMark::of(&self.payload)), |redrive| redrive.mark)
    }
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
    /// Microseconds for which a message goes on waiting once what is missing is a gap. Then it is a dead letter: a gap that
    /// nobody fills must not keep it for ever.
    pub kept_micros: i64,
}

/// One consequence of an arrival or of time passing, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let mut intake = Self { state, waiting: BTreeMap::new() };
        for message in held {
            let FeedMessage { source, generated_at, .. } = &message.arrival.message;
            if let Some(position) = message.arrival.message.position() {
                intake.state.hear(source, position, *generated_at);
            }
            intake.wait(message);
        }
        intake
    }

    /// The event.
    #[must_use]
    pub fn state(&self) -> &EventState {
        &self.state
    }

    /// The event, to store it, or to say whether its producers are trusted.
    pub fn state_mut(&mut self) -> &mut EventState {
        &mut self.state
    }

    /// How many messages wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.waiting.values().map(BTreeMap::len).sum()
    }

    /// When [`Intake::expire`] or [`Intake::give_up_waiting`] will next have something to do. There is such a time wherever
    /// messages wait.
    #[must_use]
    pub fn next_deadline(&self, limits: HoldLimits) -> Option<Timestamp> {
        let deadlines = self.waiting.iter().filter_map(|(source, held)| {
            let first = held.values().map(|held| held.deadline).min()?;
            Some(if self.has_gap(source) { first.plus_micros(limits.kept_micros) } else { first })
        });
        deadlines.min()
    }

    /// A message of `source` has come. Where so many sources are known that there is no place for another, it takes that of one of
    /// which nothing but letters is: they must not keep out who speaks.
    pub fn make_room_for(&mut self, source: &Source) {
        if !self.state.has_place(source) {
            let waiting = &self.waiting;
            self.state.free_place(|source| waiting.contains_key(source));
        }
    }

    /// Takes one message from the feed.
    pub fn accept(&mut self, arrival: Arrival, now: Timestamp, limits: HoldLimits) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(1);
        self.make_room_for(&arrival.message.source);
        let had_unsaid_letter = self.state.has_unsaid_letter(&arrival.message.source);
        match self.state.turn(&arrival.message) {
            Ok((_, Some(position))) => self.take_turn(position, arrival, now, &mut effects),
            Ok((_, None)) => self.take_by_time(arrival, now, &mut effects),
            Err(Refusal::Early { expected }) => self.hold(expected, arrival, now, limits, &mut effects),
            Err(refusal) => {
                let is_stale = matches!(refusal, Refusal::Stale { .. });
                let doubt = is_stale.then(|| self.state.contradict(&arrival.message, now)).flatten();
                effects.push(Effect::Refused { arrival, refusal });
                effects.extend(doubt.map(Effect::Updated));
            }
        }
        // Whoever began the event.
        if had_unsaid_letter || !self.state.is_blank() {
            effects.extend(self.state.say_refused(now).into_iter().map(Effect::Updated));
        }
        effects
    }

    /// Declares the gaps whose deadline has passed.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Effect> {
        let Self { state, waiting } = self;
        let overdue = waiting.iter().filter(|(_, held)| held.values().any(|held| held.deadline <= now));
        overdue.filter_map(|(source, _)| state.declare_gap(source, now)).map(Effect::Updated).collect()
    }

    /// Messages have waited for what is missing as long as they may, and are refused: `max` of them at most, the first ones
    /// first.
    pub fn give_up_waiting(&mut self, now: Timestamp, limits: HoldLimits, max: usize) -> Vec<Effect> {
        let is_over = |held: &HeldMessage| held.deadline.plus_micros(limits.kept_micros) <= now;
        let over =
            self.waiting.iter().filter(|(source, _)| self.has_gap(source)).flat_map(|(source, held)| {
                let over = held.iter().filter(|(_, held)| is_over(held));
                over.map(|(position, _)| (source.clone(), *position))
            });
        let over: Vec<(Source, Position)> = over.take(max).collect();
        let mut effects = Vec::with_capacity(over.len() * 2);
        for (source, position) in over {
            let Some(waiting) = self.waiting.get_mut(&source) else { continue };
            let Some(HeldMessage { arrival, .. }) = waiting.remove(&position) else { continue };
            if waiting.is_empty() {
                self.waiting.remove(&source);
            }
            let missing = self.state.feed(&source).map_or(position, Feed::missing);
            let refusal = Refusal::invalid("/sequence", format!("it has waited for {missing} in vain"));
            let (feed_offset, said_at, mark) =
                (arrival.feed_offset, arrival.message.generated_at, arrival.letter_mark());
            effects.push(Effect::Released { source: source.clone(), position, feed_offset });
            effects.push(Effect::Refused { arrival, refusal });
            effects.extend(self.state.refuse(&source, (position, mark), said_at, now).map(Effect::Updated));
        }
        effects
    }

    /// A message of this event is lost for a reason that is not in it: nobody could store what it leads to. From here on it
    /// is missing, as if the rules had refused it. `None` where that changes nothing: its turn is over or never was, or it
    /// is not the first.
    pub fn give_up(&mut self, arrival: &Arrival, now: Timestamp) -> Option<Update> {
        let message = &arrival.message;
        let (Ok(_) | Err(Refusal::Early { .. })) = self.state.turn(message) else { return None };
        match message.position() {
            Some(position) => {
                let letter = (position, arrival.letter_mark());
                self.state.refuse(&message.source, letter, message.generated_at, now)
            }
            None => self.refuse_by_time(arrival, now),
        }
    }

    /// Ingestion has refused a message of this event: it is missing, as if it had been refused here. An event of which nothing
    /// else is known does not begin with it; it is only noted. No update where it changes nothing that clients see: then, and
    /// where its turn is over, a right one waits there, or it stands further ahead than any may wait. What is refused may be
    /// wrong about its place, too. Of one whose letter is closed the opposite: from now on it keeps nothing shut.
    pub fn hear_of_refused(
        &mut self,
        refused: &RefusedMessage,
        now: Timestamp,
        limits: HoldLimits,
    ) -> Vec<Update> {
        if refused.closed {
            return self.state.close_letter(refused, now);
        }
        match (refused.place, refused.source()) {
            (Place::Sequence(position), Some(source)) => {
                let waits = self.waiting.get(&source).is_some_and(|held| held.contains_key(&position));
                if waits || !self.state.awaits(&source, position, limits.held_max) {
                    return Vec::new();
                }
                let letter = (position, refused.mark);
                if self.state.is_blank() {
                    self.state.foresee_refused(&source, letter, refused.received_at);
                    return Vec::new();
                }
                self.state.refuse(&source, letter, refused.received_at, now).into_iter().collect()
            }
            (Place::Sequence(_), None) => Vec::new(),
            (Place::Time { generated_at: said_at }, source) => {
                let letter = Letter { said_at, mark: refused.mark, asked: refused.asked };
                match source {
                    Some(source) => self.state.refuse_by_time(&source, letter, now).into_iter().collect(),
                    None => self.state.refuse_anyones(&refused.provider, letter, now),
                }
            }
        }
    }

    /// Applies a message that has no turn.
    fn take_by_time(&mut self, arrival: Arrival, now: Timestamp, effects: &mut Vec<Effect>) {
        match self.state.apply(&arrival.message, now) {
            Ok(Applied::Updated(update)) => effects.push(Effect::Updated(update)),
            Ok(Applied::Reached) => {}
            Err(refusal) => {
                let is_letter = matches!(refusal, Refusal::Invalid { .. });
                let shut = if is_letter { self.refuse_by_time(&arrival, now) } else { None };
                effects.push(Effect::Refused { arrival, refusal });
                effects.extend(shut.map(Effect::Updated));
            }
        }
    }

    /// A message without a turn becomes a dead letter, or stays the one in whose place it was sent.
    fn refuse_by_time(&mut self, arrival: &Arrival, now: Timestamp) -> Option<Update> {
        let mark = arrival.letter_mark()?;
        let FeedMessage { source, generated_at, request_id, .. } = &arrival.message;
        let asked = if arrival.redrive.is_some() || request_id.is_some() { Asked::Yes } else { Asked::No };
        self.state.refuse_by_time(source, Letter { said_at: *generated_at, mark: Some(mark), asked }, now)
    }

    fn hold(
        &mut self,
        expected: Position,
        arrival: Arrival,
        now: Timestamp,
        limits: HoldLimits,
        effects: &mut Vec<Effect>,
    ) {
        let Some(position) = arrival.message.position() else { return };
        let (source, said_at) = (arrival.message.source.clone(), arrival.message.generated_at);
        if let Some(refusal) = self.taken(&source, position, &arrival.message) {
            effects.push(Effect::Refused { arrival, refusal });
            return;
        }
        self.state.hear(&source, position, said_at);
        effects.extend(self.state.overtake(&arrival.message, now).map(Effect::Updated));
        let held = self.held();
        if held >= limits.held_max {
            let refusal = Refusal::invalid(
                "/sequence",
                format!("{held} messages wait for {expected} already: there is no room"),
            );
            let mark = arrival.letter_mark();
            effects.push(Effect::Refused { arrival, refusal });
            effects.extend(self.state.refuse(&source, (position, mark), said_at, now).map(Effect::Updated));
            return;
        }
        let message = HeldMessage { arrival, deadline: now.plus_micros(limits.wait_micros) };
        effects.push(Effect::Held(message.clone()));
        self.wait(message);
        effects.extend(self.state.put_right_ahead(&source, position, now).map(Effect::Updated));
    }

    fn wait(&mut self, message: HeldMessage) {
        if let Some(position) = message.arrival.message.position() {
            self.waiting.entry(message.arrival.message.source.clone()).or_default().insert(position, message);
        }
    }

    /// Why a message cannot wait at its position: another does, or this very one.
    fn taken(&self, source: &Source, position: Position, message: &FeedMessage) -> Option<Refusal> {
        let other = &self.waiting.get(source)?.get(&position)?.arrival.message.message_id;
        Some(if *other == message.message_id {
            Refusal::Duplicate
        } else {
            Refusal::invalid("/sequence", format!("message {other} waits at {position} already"))
        })
    }

    /// Applies a message whose turn it is, then those that have waited for it.
    fn take_turn(&mut self, position: Position, arrival: Arrival, now: Timestamp, effects: &mut Vec<Effect>) {
        let source = arrival.message.source.clone();
        let mut turn = Some((position, arrival));
        while let Some((position, arrival)) = turn.take() {
            let waiting = self.waiting.get(&source);
            let follows = waiting.is_some_and(|waiting| waiting.contains_key(&position.next()));
            match self.state.apply_before(&arrival.message, follows, now) {
                Ok(Applied::Updated(update)) => effects.push(Effect::Updated(update)),
                Ok(Applied::Reached) => {}
                Err(refusal) => {
                    let (said_at, mark) = (arrival.message.generated_at, arrival.letter_mark());
                    effects.push(Effect::Refused { arrival, refusal });
                    effects.extend(
                        self.state.refuse(&source, (position, mark), said_at, now).map(Effect::Updated),
                    );
                    return;
                }
            }
            turn = self.release(&source, position, effects);
        }
    }

    /// Takes the message that waits for `applied`, and gives up those whose turn has passed with it, since a new epoch leaves
    /// messages of the old one behind, and those whose epoch or place is none.
    fn release(
        &mut self,
        source: &Source,
        applied: Position,
        effects: &mut Vec<Effect>,
    ) -> Option<(Position, Arrival)> {
        let waiting = self.waiting.get_mut(source)?;
        let mut turn = None;
        while let Some(first) = waiting.first_entry().filter(|first| *first.key() <= applied.next()) {
            let (position, HeldMessage { arrival, .. }) = first.remove_entry();
            effects.push(Effect::Released {
                source: source.clone(),
                position,
                feed_offset: arrival.feed_offset,
            });
            if position > applied {
                turn = Some((position, arrival));
            } else {
                effects.push(Effect::Refused { arrival, refusal: Refusal::Stale { applied } });
            }
        }
        let feed = self.state.feed(source);
        let is_void = |position: &Position| feed.is_some_and(|feed| !feed.is_yet_to_come(*position));
        // The one whose turn it is has been taken out: from here on all are later.
        for (position, HeldMessage { arrival, .. }) in waiting.extract_if(.., |position, _| is_void(position))
        {
            let (source, feed_offset) = (source.clone(), arrival.feed_offset);
            effects.push(Effect::Released { source, position, feed_offset });
            let (pointer, what) = match position.epoch == applied.epoch {
                true => ("/sequence", "there is no such place"),
                false => ("/epoch", "it never began"),
            };
            let detail = format!("{what}: its producer goes on at {applied}");
            effects.push(Effect::Refused { arrival, refusal: Refusal::invalid(pointer, detail) });
        }
        if waiting.is_empty() {
            self.waiting.remove(source);
        }
        turn
    }

    fn has_gap(&self, source: &Source) -> bool {
        self.state.feed(source).is_some_and(|feed| feed.gap)
    }
}
