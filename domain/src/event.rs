//! The state of one event, and what each message makes of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{EventId, IncidentId, MessageId, Source};
use crate::market::{Market, MarketKey};
use crate::message::{Body, Content, EventMessage, FeedMessage, Groups, Offer, Position, Snapshot, StopStatus};
use crate::update::{Cause, Change, Update, Value};
use crate::{Fixture, Incident, IncidentAction, Key, Sport, Status, Timestamp};

use book::{Book, Shut};
pub use feed::Feed;
use feed::Place;

pub mod book;
mod check;
pub mod feed;

/// One event as its processor knows it: the public value of every key, and what is needed to go on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventState {
    event_id: EventId,
    sport: Sport,
    head: Head,
    markets: BTreeMap<MarketKey, MarketEntry>,
    incidents: BTreeMap<IncidentId, Versioned<Option<Incident>>>,
    /// Keys whose stored form changed since the last [`EventState::take_touched`].
    touched: BTreeSet<Key>,
}

/// The part of an event's state that is stored as one: all but markets and incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// Versions count applied messages and declared gaps, from 1.
    pub version: u64,
    /// Who plays whom and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<Versioned<Fixture>>,
    /// The state of play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Versioned<Status>>,
    /// How far each source has come.
    #[serde(default)]
    pub feeds: Vec<Feed>,
}

/// A value and the event version at which it last changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The event version.
    pub version: u64,
    /// The value since then.
    pub value: T,
}

/// A market's book and the value derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MarketEntry {
    book: Book,
    public: Versioned<Option<Market>>,
}

/// What applying a message led to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the small variant is the rare one")]
pub enum Applied {
    /// The event has a new version.
    Updated(Update),
    /// A bet stop whose effect had come ahead of its turn: nothing more to see.
    Reached,
}

/// Why a message was not applied. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This very message has been applied before.
    #[error("duplicate")]
    Duplicate,
    /// A later message of the same source has been applied before.
    #[error("stale: {applied} has been applied")]
    Stale {
        /// The last position applied.
        applied: Position,
    },
    /// Messages before it are missing.
    #[error("early: {expected} is expected")]
    Early {
        /// The first position that is missing.
        expected: Position,
    },
    /// It cannot be true, or is too large.
    #[error("invalid at `{pointer}`: {detail}")]
    Invalid {
        /// JSON pointer into the message.
        pointer: String,
        /// What is wrong there.
        detail: String,
    },
}

impl Refusal {
    pub(crate) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { pointer: pointer.into(), detail: detail.into() }
    }
}

impl EventState {
    /// An event of which nothing is known.
    #[must_use]
    pub fn new(event_id: EventId, sport: Sport) -> Self {
        Self {
            event_id,
            sport,
            head: Head::default(),
            markets: BTreeMap::new(),
            incidents: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// An event as it was stored.
    #[must_use]
    pub fn restore(
        event_id: EventId,
        sport: Sport,
        head: Head,
        books: impl IntoIterator<Item = (MarketKey, Versioned<Book>)>,
        incidents: impl IntoIterator<Item = (IncidentId, Versioned<Option<Incident>>)>,
    ) -> Self {
        let mut state = Self { head, incidents: incidents.into_iter().collect(), ..Self::new(event_id, sport) };
        for (key, Versioned { version, value: book }) in books {
            let value = book.value(&key, state.shut(&book.owner, key.id));
            state.markets.insert(key, MarketEntry { book, public: Versioned { version, value } });
        }
        state
    }

    /// The event.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// Its sport.
    #[must_use]
    pub fn sport(&self) -> Sport {
        self.sport
    }

    /// How many updates it has had.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.head.version
    }

    /// All that is stored besides markets and incidents.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// A market's stored form, and its public value (`None`: it went away) since the version named.
    #[must_use]
    pub fn market(&self, key: &MarketKey) -> Option<(&Book, &Versioned<Option<Market>>)> {
        self.markets.get(key).map(|entry| (&entry.book, &entry.public))
    }

    /// An incident (`None`: deleted) since the version named.
    #[must_use]
    pub fn incident(&self, id: &IncidentId) -> Option<&Versioned<Option<Incident>>> {
        self.incidents.get(id)
    }

    /// Every key ever set, with the version at which it last changed and its value; `None` where it went away.
    pub fn entries(&self) -> impl Iterator<Item = (Key, u64, Option<Value>)> + '_ {
        let fixture = self.head.fixture.iter().map(|f| (Key::Fixture, f.version, Some(Value::Fixture(f.value.clone()))));
        let status = self.head.status.iter().map(|s| (Key::Status, s.version, Some(Value::Status(s.value.clone()))));
        let markets = self.markets.iter().map(|(key, entry)| {
            (Key::Market(key.clone()), entry.public.version, entry.public.value.clone().map(Value::Market))
        });
        let incidents = self
            .incidents
            .iter()
            .map(|(id, entry)| (Key::Incident(id.clone()), entry.version, entry.value.clone().map(Value::Incident)));
        fixture.chain(status).chain(markets).chain(incidents)
    }

    /// The keys whose stored form changed since the last call. The head is always to be stored.
    pub fn take_touched(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.touched)
    }

    /// Applies the next message of its source, or says why not.
    pub fn apply(&mut self, message: &FeedMessage, at: Timestamp) -> Result<Applied, Refusal> {
        self.apply_next(message, at, false)
    }

    /// As [`EventState::apply`]; while messages after this one are `still_missing`, a declared gap stays.
    pub(crate) fn apply_next(
        &mut self,
        message: &FeedMessage,
        at: Timestamp,
        still_missing: bool,
    ) -> Result<Applied, Refusal> {
        let (event, position) = self.address(message)?;
        let feed = match self.feed(&message.source) {
            Some(feed) => feed.clone(),
            None => Feed::new(message.source.clone()),
        };
        match feed.place(position, &message.message_id) {
            Place::Next => {}
            Place::Early { expected } => return Err(Refusal::Early { expected }),
            Place::Duplicate => return Err(Refusal::Duplicate),
            Place::Stale => return Err(Refusal::Stale { applied: feed.applied }),
        }
        check::body(self, &message.source, &event.body, feed.renews(position))?;

        let was_shut = feed.gap || feed.barriers() > 0;
        let reached = feed.has_barrier_at(position);
        let feed = self.feed_entry(&message.source);
        feed.advance(position, &message.message_id);
        feed.gap &= still_missing;
        let version = self.head.version.saturating_add(1);
        let mut changes = self.change(&message.source, &event.body, version);
        if was_shut {
            self.refresh_source(&message.source, version, &mut changes);
        }
        if reached && changes.is_empty() {
            return Ok(Applied::Reached);
        }
        Ok(Applied::Updated(self.publish(Cause::message(message), at, changes)))
    }

    /// A bet stop that came before its turn shuts its markets at once, until the turn comes. `None` where it is
    /// no such message, or has done so before.
    pub(crate) fn overtake(&mut self, message: &FeedMessage, at: Timestamp) -> Option<Update> {
        let (event, position) = self.address(message).ok()?;
        let Body::BetStop(stop) = &event.body else { return None };
        let feed = self.feed_entry(&message.source);
        if feed.has_barrier_at(position) || feed.barriers() >= crate::limit::BARRIERS_MAX {
            return None;
        }
        feed.raise_barrier(position, stop.clone());
        Some(self.publish_refreshed(&message.source, Cause::message(message), at))
    }

    /// Messages of `source` are missing: its open markets are suspended until they come. `None` where that was
    /// said before.
    pub fn declare_gap(&mut self, source: &Source, at: Timestamp) -> Option<Update> {
        if self.feed(source).is_none() && self.head.feeds.len() >= crate::limit::SOURCES_MAX {
            return None;
        }
        let feed = self.feed_entry(source);
        if feed.gap {
            return None;
        }
        feed.gap = true;
        let missing = feed.expected();
        Some(self.publish_refreshed(source, Cause::gap(source.clone(), missing), at))
    }

    /// How far `source` has come with this event.
    #[must_use]
    pub fn feed(&self, source: &Source) -> Option<&Feed> {
        self.head.feeds.iter().find(|feed| feed.source == *source)
    }

    /// Where a message stands, without looking at what it says.
    pub(crate) fn place(&self, source: &Source, position: Position, id: &MessageId) -> Place {
        match self.feed(source) {
            Some(feed) => feed.place(position, id),
            None => Feed::new(source.clone()).place(position, id),
        }
    }

    /// The event part of a message and its position, where both concern this event.
    pub(crate) fn address<'m>(&self, message: &'m FeedMessage) -> Result<(&'m EventMessage, Position), Refusal> {
        let Content::Event(event) = &message.content else {
            return Err(Refusal::invalid("/type", "a producer's message concerns no event"));
        };
        if event.event_id != self.event_id || event.sport != self.sport {
            return Err(Refusal::invalid(
                "/event_id",
                format!("{} {} is not {} {}", event.sport, event.event_id, self.sport, self.event_id),
            ));
        }
        let position = event.position.ok_or_else(|| Refusal::invalid("/sequence", "the message has no sequence"))?;
        Ok((event, position))
    }

    fn feed_entry(&mut self, source: &Source) -> &mut Feed {
        let index = match self.head.feeds.iter().position(|feed| feed.source == *source) {
            Some(index) => index,
            None => {
                self.head.feeds.push(Feed::new(source.clone()));
                self.head.feeds.len() - 1
            }
        };
        &mut self.head.feeds[index]
    }

    fn shut(&self, owner: &Source, market_id: u32) -> Option<Shut> {
        use crate::market::Suspension::{BetStop, Gap};
        let feed = self.feed(owner)?;
        if let Some(stop) = feed.barrier_for(self.sport.rules(), market_id) {
            return Some(Shut { status: stop.market_status, reason: BetStop });
        }
        feed.gap.then_some(Shut { status: StopStatus::Suspended, reason: Gap })
    }

    fn publish(&mut self, cause: Cause, applied_at: Timestamp, changes: Vec<Change>) -> Update {
        let previous_version = self.head.version;
        self.head.version = previous_version.saturating_add(1);
        Update {
            event_id: self.event_id.clone(),
            sport: self.sport,
            version: self.head.version,
            previous_version,
            cause,
            applied_at,
            changes,
        }
    }

    fn publish_refreshed(&mut self, source: &Source, cause: Cause, at: Timestamp) -> Update {
        let mut changes = Vec::new();
        self.refresh_source(source, self.head.version.saturating_add(1), &mut changes);
        self.publish(cause, at, changes)
    }

    /// Makes of a checked body what it says; returns the keys whose public value is another now.
    fn change(&mut self, source: &Source, body: &Body, version: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        match body {
            Body::Fixture(fixture) => self.set_fixture(fixture.clone(), version, &mut changes),
            Body::FixtureChange(change) => {
                let known = self.head.fixture.as_ref().map(|fixture| fixture.value.clone());
                if let (Some(fixture), Some(scheduled_start)) = (known, change.scheduled_start) {
                    self.set_fixture(Fixture { scheduled_start, ..fixture }, version, &mut changes);
                }
            }
            Body::EventStatus(status) => self.set_status(status.clone(), version, &mut changes),
            Body::Incident(incident) => self.set_incident(incident, version, &mut changes),
            Body::OddsChange(odds) => {
                for offer in &odds.markets {
                    self.edit(source, &offer.key, version, &mut changes, |book| book.offer(source, offer));
                }
            }
            Body::BetStop(stop) => self.stop(source, &stop.groups, stop.market_status, version, &mut changes),
            Body::Settlement(settlement) => {
                for market in &settlement.markets {
                    self.edit(source, &market.key, version, &mut changes, |book| {
                        book.settle(settlement.certainty, market);
                    });
                }
            }
            Body::SettlementRollback(rollback) => {
                for key in &rollback.markets {
                    self.edit(source, key, version, &mut changes, Book::roll_back_settlement);
                }
            }
            Body::Cancel(cancel) => {
                for market in &cancel.markets {
                    self.edit(source, &market.key, version, &mut changes, |book| {
                        book.cancel(cancel.window, market.void_reason.clone());
                    });
                }
            }
            Body::CancelRollback(rollback) => {
                for key in &rollback.markets {
                    self.edit(source, key, version, &mut changes, |book| book.roll_back_cancel(rollback.window));
                }
            }
            Body::Snapshot(snapshot) => self.restate(source, snapshot, version, &mut changes),
        }
        changes
    }

    fn set_fixture(&mut self, fixture: Fixture, version: u64, changes: &mut Vec<Change>) {
        if self.head.fixture.as_ref().is_none_or(|known| known.value != fixture) {
            changes.push(Change { key: Key::Fixture, value: Some(Value::Fixture(fixture.clone())) });
            self.head.fixture = Some(Versioned { version, value: fixture });
        }
    }

    fn set_status(&mut self, status: Status, version: u64, changes: &mut Vec<Change>) {
        if self.head.status.as_ref().is_none_or(|known| known.value != status) {
            changes.push(Change { key: Key::Status, value: Some(Value::Status(status.clone())) });
            self.head.status = Some(Versioned { version, value: status });
        }
    }

    fn set_incident(&mut self, incident: &Incident, version: u64, changes: &mut Vec<Change>) {
        let id = &incident.incident_id;
        let value = (incident.action != IncidentAction::Deleted).then(|| incident.clone());
        if self.incidents.get(id).is_some_and(|known| known.value == value) {
            return;
        }
        let key = Key::Incident(id.clone());
        self.touched.insert(key.clone());
        changes.push(Change { key, value: value.clone().map(Value::Incident) });
        self.incidents.insert(id.clone(), Versioned { version, value });
    }

    fn stop(
        &mut self,
        source: &Source,
        groups: &Groups,
        status: StopStatus,
        version: u64,
        changes: &mut Vec<Change>,
    ) {
        let rules = self.sport.rules();
        let mut stopped = Vec::new();
        for (key, entry) in &mut self.markets {
            if entry.book.owner == *source && feed::concerns(groups, rules, key.id) && entry.book.stop(status) {
                stopped.push(key.clone());
            }
        }
        for key in stopped {
            self.touched.insert(Key::Market(key.clone()));
            self.refresh(&key, version, changes);
        }
    }

    fn restate(&mut self, source: &Source, snapshot: &Snapshot, version: u64, changes: &mut Vec<Change>) {
        if let Some(fixture) = &snapshot.fixture {
            self.set_fixture(fixture.clone(), version, changes);
        }
        if let Some(status) = &snapshot.status {
            self.set_status(status.clone(), version, changes);
        }
        let listed: BTreeMap<&MarketKey, &Offer> = snapshot.markets.iter().map(|offer| (&offer.key, offer)).collect();
        let unlisted: Vec<MarketKey> = self
            .markets
            .iter()
            .filter(|(key, entry)| entry.book.owner == *source && !listed.contains_key(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in unlisted {
            self.edit(source, &key, version, changes, Book::withdraw);
        }
        for (key, offer) in listed {
            self.edit(source, key, version, changes, |book| book.restate(source, offer));
        }
        if let Some(incidents) = &snapshot.incidents {
            self.restate_incidents(incidents, version, changes);
        }
    }

    fn restate_incidents(&mut self, incidents: &[Incident], version: u64, changes: &mut Vec<Change>) {
        let listed: BTreeSet<&IncidentId> = crate::message::incident_ids(incidents).collect();
        let unlisted: Vec<Incident> = self
            .incidents
            .iter()
            .filter(|(id, _)| !listed.contains(id))
            .filter_map(|(_, known)| known.value.clone())
            .collect();
        for incident in unlisted {
            self.set_incident(&Incident { action: IncidentAction::Deleted, ..incident }, version, changes);
        }
        for incident in incidents {
            self.set_incident(incident, version, changes);
        }
    }

    fn edit(
        &mut self,
        source: &Source,
        key: &MarketKey,
        version: u64,
        changes: &mut Vec<Change>,
        edit: impl FnOnce(&mut Book),
    ) {
        let entry = self.markets.entry(key.clone()).or_insert_with(|| MarketEntry {
            book: Book::new(source.clone()),
            public: Versioned { version, value: None },
        });
        edit(&mut entry.book);
        self.touched.insert(Key::Market(key.clone()));
        self.refresh(key, version, changes);
    }

    fn refresh_source(&mut self, source: &Source, version: u64, changes: &mut Vec<Change>) {
        let keys: Vec<MarketKey> =
            self.markets.iter().filter(|(_, entry)| entry.book.owner == *source).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.refresh(&key, version, changes);
        }
    }

    /// Derives a market's public value anew; where it is another than before, that is a change.
    fn refresh(&mut self, key: &MarketKey, version: u64, changes: &mut Vec<Change>) {
        let Some(entry) = self.markets.get(key) else { return };
        let value = entry.book.value(key, self.shut(&entry.book.owner, key.id));
        let Some(entry) = self.markets.get_mut(key) else { return };
        if entry.public.value == value {
            return;
        }
        entry.public = Versioned { version, value: value.clone() };
        let key = Key::Market(key.clone());
        self.touched.insert(key.clone());
        changes.push(Change { key, value: value.map(Value::Market) });
    }
}
