//! A processor in small: takes messages in any order, publishes to a client and writes rows to a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::event::book::Book;
use domain::event::{Head, Versioned};
use domain::intake::{Arrival, HoldLimits};
use domain::letter::LetterMark;
use domain::producer::Reason;
use domain::refused::RefusedMessage;
use domain::{
    Effect, EventState, FeedMessage, HeldMessage, Incident, IncidentId, Intake, Key, Market, MarketKey,
    Position, Refusal, Sport, Timestamp, Update, Value,
};

use crate::feed::{Who, event_id};

/// Long enough for everything.
pub const PATIENT: HoldLimits = HoldLimits { wait_micros: i64::MAX, held_max: 10_000, kept_micros: i64::MAX };

/// One event at its processor.
pub struct Desk {
    pub intake: Intake,
    pub limits: HoldLimits,
    pub updates: Vec<Update>,
    pub now: i64,
    client: BTreeMap<Key, (u64, Option<Value>)>,
    store: Store,
}

/// The rows of one event, as JSON texts.
#[derive(Default)]
struct Store {
    head: String,
    markets: BTreeMap<String, (u64, String)>,
    incidents: BTreeMap<String, (u64, String)>,
    held: BTreeMap<i64, HeldMessage>,
}

impl Desk {
    pub fn new(limits: HoldLimits) -> Self {
        let intake = Intake::new(EventState::new(event_id(), Sport::Hockey), []);
        let mut desk = Self {
            intake,
            limits,
            updates: Vec::new(),
            now: 0,
            client: BTreeMap::new(),
            store: Store::default(),
        };
        desk.store();
        desk
    }

    /// A desk that has taken these messages, a millisecond each.
    pub fn with(messages: &[FeedMessage]) -> Self {
        let mut desk = Self::new(PATIENT);
        for message in messages {
            desk.take(message);
        }
        desk
    }

    /// Takes a message, a millisecond after the one before.
    pub fn take(&mut self, message: &FeedMessage) -> Vec<Effect> {
        self.now += 1_000;
        let payload = Arc::from(message.message_id.as_str().as_bytes());
        let arrival = Arrival { message: message.clone(), payload, feed_offset: self.now, redrive: None };
        let effects = self.intake.accept(arrival, Timestamp(self.now), self.limits);
        self.record(&effects);
        effects
    }

    /// Lets time pass, and gaps be declared.
    pub fn wait(&mut self, micros: i64) -> Vec<Effect> {
        self.now += micros;
        let now = Timestamp(self.now);
        let mut effects = self.intake.expire(now);
        effects.extend(self.intake.give_up_waiting(now, self.limits, usize::MAX));
        self.record(&effects);
        effects
    }

    /// Hears of a message that ingestion refused.
    pub fn hear_of_refused(&mut self, refused: &RefusedMessage) -> Vec<Update> {
        self.now += 1_000;
        let updates = self.intake.hear_of_refused(refused, Timestamp(self.now), self.limits);
        self.record(&updates.iter().cloned().map(Effect::Updated).collect::<Vec<_>>());
        updates
    }

    /// Nobody can store what the message leads to.
    pub fn give_up(&mut self, message: &FeedMessage, now: Timestamp) -> Option<Update> {
        let arrival =
            Arrival { message: message.clone(), payload: Arc::from([]), feed_offset: now.0, redrive: None };
        self.intake.give_up(&arrival, now)
    }

    /// Something was sent in a letter's place.
    pub fn put_right(&mut self, message: &FeedMessage, mark: Option<LetterMark>) -> Option<Update> {
        self.now += 1_000;
        let update = self.intake.state_mut().put_right(message, mark, Timestamp(self.now));
        self.record(&update.clone().map(Effect::Updated).into_iter().collect::<Vec<_>>());
        update
    }

    /// The producer goes down, or comes up again.
    pub fn trusts(&mut self, who: Who, is_trusted: bool) -> Option<Update> {
        self.now += 1_000;
        let (state, source, at) = (self.intake.state_mut(), who.source(), Timestamp(self.now));
        let update = match is_trusted {
            true => state.trust(&source, Reason::AliveAgain, at),
            false => state.distrust(&source, Reason::AliveInterval, at),
        };
        self.record(&update.clone().map(Effect::Updated).into_iter().collect::<Vec<_>>());
        update
    }

    /// Stops and starts again with what the store holds.
    pub fn restart(&mut self) {
        self.intake = self.restored();
    }

    /// The event as the store holds it.
    pub fn restored(&self) -> Intake {
        let head: Head = serde_json::from_str(&self.store.head).expect("a head");
        let books = self.store.markets.iter().map(|(key, (version, book))| {
            let value: Book = serde_json::from_str(book).expect("a book");
            (key.parse().expect("a market key"), Versioned { version: *version, value })
        });
        let incidents = self.store.incidents.iter().map(|(id, (version, incident))| {
            let value: Option<Incident> = serde_json::from_str(incident).expect("an incident");
            (IncidentId::new(id).expect("an id"), Versioned { version: *version, value })
        });
        let state = EventState::restore(event_id(), Sport::Hockey, head, books, incidents);
        Intake::new(state, self.store.held.values().cloned())
    }

    /// Every key with its value, as it stands in the state.
    pub fn values(&self) -> BTreeMap<Key, Value> {
        self.intake.state().entries().filter_map(|(key, _, value)| Some((key, value?))).collect()
    }

    /// Every key with its version and value, as it stands in the state.
    pub fn entries(&self) -> BTreeMap<Key, (u64, Option<Value>)> {
        self.intake.state().entries().map(|(key, version, value)| (key, (version, value))).collect()
    }

    /// Every key with its version and value, as a client has put it together from the updates.
    pub fn client(&self) -> &BTreeMap<Key, (u64, Option<Value>)> {
        &self.client
    }

    /// The markets that clients see as the offer of `who`.
    pub fn markets(&self, who: Who) -> Vec<Market> {
        let producer = who.source().producer;
        self.markets_of_all().into_iter().filter(|market| market.producer == producer).collect()
    }

    /// The markets that clients see.
    pub fn markets_of_all(&self) -> Vec<Market> {
        let markets = self.values().into_values().filter_map(|value| match value {
            Value::Market(market) => Some(market),
            _ => None,
        });
        markets.collect()
    }

    /// One market as clients see it.
    pub fn market(&self, key: &MarketKey) -> Option<Market> {
        self.intake.state().market(key)?.1.value.clone()
    }

    /// How far `who` has come.
    pub fn applied(&self, who: Who) -> Option<Position> {
        self.intake.state().feed(&who.source()).map(|feed| feed.applied)
    }

    pub fn has_gap(&self, who: Who) -> bool {
        self.intake.state().feed(&who.source()).is_some_and(|feed| feed.gap)
    }

    fn record(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Updated(update) => {
                    for change in &update.changes {
                        self.client.insert(change.key.clone(), (update.version, change.value.clone()));
                    }
                    self.updates.push(update.clone());
                }
                Effect::Held(held) => {
                    self.store.held.insert(held.arrival.feed_offset, held.clone());
                }
                Effect::Released { feed_offset, .. } => {
                    self.store.held.remove(feed_offset).expect("only what was held is released");
                }
                Effect::Refused { .. } => {}
            }
        }
        self.store();
    }

    /// Writes what was touched, and no more.
    fn store(&mut self) {
        let state = self.intake.state_mut();
        state.note_unasked();
        for key in state.take_touched() {
            match key {
                Key::Market(key) => {
                    let (book, public) = state.market(&key).expect("what was touched is there");
                    let book = serde_json::to_string(book).expect("JSON");
                    self.store.markets.insert(key.to_string(), (public.version, book));
                }
                Key::Incident(id) => {
                    let Versioned { version, value } =
                        state.incident(&id).expect("what was touched is there");
                    let incident = serde_json::to_string(value).expect("JSON");
                    self.store.incidents.insert(id.to_string(), (*version, incident));
                }
                Key::Fixture | Key::Status => {}
            }
        }
        self.store.head = serde_json::to_string(state.head()).expect("JSON");
    }
}

/// The refusals among effects.
pub fn refusals(effects: &[Effect]) -> Vec<&Refusal> {
    let refused = effects.iter().filter_map(|effect| match effect {
        Effect::Refused { refusal, .. } => Some(refusal),
        _ => None,
    });
    refused.collect()
}
