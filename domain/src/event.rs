//! The state of one event, and what each message makes of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{EventId, IncidentId, Name, Source};
use crate::limit::SOURCES_MAX;
use crate::market::{Market, MarketKey, Suspension};
use crate::message::{Content, EventMessage, FeedMessage, Position, StopStatus};
use crate::update::{Cause, Change, Update, Value};
use crate::{Fixture, Incident, Key, Sport, Status, Timestamp};

use book::{Book, Shut};
pub use by_time::Times;
pub(crate) use feed::Letter;
pub use feed::{Feed, Letters};
use group::Member;
use step::Step;

mod ahead;
pub mod book;
mod by_time;
mod check;
mod closed;
pub mod feed;
mod group;
mod step;
mod times;
mod trust;

/// One event as its processor knows it: the public value of every key, and what is needed to go on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventState {
    event_id: EventId,
    sport: Sport,
    head: Head,
    markets: BTreeMap<MarketKey, MarketEntry>,
    incidents: BTreeMap<IncidentId, Versioned<Option<Incident>>>,
    /// Outcomes of all markets, offered or settled, each once.
    outcomes: usize,
    /// Keys whose stored form changed since the last [`EventState::take_touched`].
    touched: BTreeSet<Key>,
}

/// The part of an event's state that is stored as one: all but markets and incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// Versions count applied messages, declared gaps and what producers going down and up led to, from 1.
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
    /// When sources that order by time said what stands.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub times: Times,
    /// Dead letters of a provider's messages that are ordered by time, where nobody could tell whose they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letters: BTreeMap<Name, Letters>,
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
#[expect(clippy::large_enum_variant, reason = "the large variant is the usual one")]
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
    /// Its source orders by time, and has said later whatever it says.
    #[error("outdated: later messages have said all that it says")]
    Outdated,
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

/// Checks what of a message can be told without knowing its event: that it keeps to its sport's rules and to the limits,
/// names nothing twice, and means times of our days. Whoever takes messages in can say so to their sender.
///
/// # Errors
/// Says what is wrong where.
pub fn check_alone(message: &FeedMessage) -> Result<(), Refusal> {
    times::check(message)?;
    check_apart_from_times(message)
}

/// The same of messages whose times have their unit from their schema: there any time is meant.
///
/// # Errors
/// Says what is wrong where.
pub fn check_apart_from_times(message: &FeedMessage) -> Result<(), Refusal> {
    match &message.content {
        Content::Producer(_) => Ok(()),
        Content::Event(event) => {
            let unknown = EventState::new(event.event_id.clone(), event.sport);
            check::body(&unknown, message, &event.body, check::Turn::Next)
        }
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
            outcomes: 0,
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
        let mut state =
            Self { head, incidents: incidents.into_iter().collect(), ..Self::new(event_id, sport) };
        for (key, Versioned { version, value: book }) in books {
            let value = book.value(&key, state.head.shut(sport, &book, key.id));
            state.outcomes += book.outcomes();
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
        let fixture = self
            .head
            .fixture
            .iter()
            .map(|f| (Key::Fixture, f.version, Some(Value::Fixture(f.value.clone()))));
        let status =
            self.head.status.iter().map(|s| (Key::Status, s.version, Some(Value::Status(s.value.clone()))));
        let markets = self.markets.iter().map(|(key, entry)| {
            (Key::Market(key.clone()), entry.public.version, entry.public.value.clone().map(Value::Market))
        });
        let incidents = self.incidents.iter().map(|(id, entry)| {
            (Key::Incident(id.clone()), entry.version, entry.value.clone().map(Value::Incident))
        });
        fixture.chain(status).chain(markets).chain(incidents)
    }

    /// The keys whose stored form changed since the last call. The head is always to be stored.
    pub fn take_touched(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.touched)
    }

    /// Applies the next message of its source, or says why not.
    pub fn apply(&mut self, message: &FeedMessage, at: Timestamp) -> Result<Applied, Refusal> {
        self.apply_before(message, false, at)
    }

    /// The same where the message after it may be at hand, to be applied next: then what a letter had kept waiting goes on, and
    /// is shut for that letter until all of it is applied.
    pub(crate) fn apply_before(
        &mut self,
        message: &FeedMessage,
        follows: bool,
        at: Timestamp,
    ) -> Result<Applied, Refusal> {
        let (event, position) = self.turn(message)?;
        let Some(position) = position else { return self.apply_by_time(message, event, at) };
        let source = &message.source;
        let renews = self.feed(source).is_some_and(|feed| feed.renews(position));
        let turn = if renews { check::Turn::Renewing } else { check::Turn::Next };
        check::body(self, message, &event.body, turn)?;

        let feed = self.head.feed_entry(source);
        let reached = feed.has_barrier_at(position);
        let freed = feed.advance(position, message, follows);
        let mut step = Step::new(self, source);
        step.change(&event.body);
        if freed {
            step.refresh_all();
        }
        let changes = step.finish();
        if reached && changes.is_empty() {
            return Ok(Applied::Reached);
        }
        Ok(Applied::Updated(self.publish(Cause::message(message), at, changes)))
    }

    /// The event part of a message and its position, where it is the message's turn; otherwise why it is not. Without a
    /// position it is always its turn: what it says finds its place by its time.
    pub(crate) fn turn<'m>(
        &self,
        message: &'m FeedMessage,
    ) -> Result<(&'m EventMessage, Option<Position>), Refusal> {
        let Content::Event(event) = &message.content else {
            return Err(Refusal::invalid("/type", "a producer's message concerns no event"));
        };
        if event.event_id != self.event_id || event.sport != self.sport {
            let detail =
                format!("{} {} is not {} {}", event.sport, event.event_id, self.sport, self.event_id);
            return Err(Refusal::invalid("/event_id", detail));
        }
        let unheard_of;
        let feed = match self.feed(&message.source) {
            Some(feed) => feed,
            None if !self.has_place(&message.source) => {
                let detail = format!("{SOURCES_MAX} producers speak of this event already");
                return Err(Refusal::invalid("/producer", detail));
            }
            None => {
                unheard_of = Feed::new(message.source.clone(), Letters::default());
                &unheard_of
            }
        };
        match event.position {
            Some(position) => feed.turn(position, message)?,
            None => feed.turn_without_position(&message.message_id)?,
        }
        Ok((event, event.position))
    }

    /// How far `source` has come with this event.
    #[must_use]
    pub fn feed(&self, source: &Source) -> Option<&Feed> {
        self.head.feeds.iter().find(|feed| feed.source == *source)
    }

    /// Whether there is a place for what is known of `source`: it has one already, or there are places left.
    pub(crate) fn has_place(&self, source: &Source) -> bool {
        self.feed(source).is_some() || self.head.feeds.len() < SOURCES_MAX
    }

    /// Takes the place of the first source that has said nothing, but for what was refused of it. `is_waiting` tells of whom
    /// messages wait.
    pub(crate) fn free_place(&mut self, is_waiting: impl Fn(&Source) -> bool) {
        let is_free = |feed: &Feed| feed.has_said_nothing() && !is_waiting(&feed.source);
        let Some(index) = self.head.feeds.iter().position(is_free) else { return };
        let Feed { source, letters, .. } = self.head.feeds.remove(index);
        // It may yet speak: whatever it offered until then is not open.
        if !letters.is_empty()
            && let Some(anyones) = self.head.anyones_letters(&source.provider)
        {
            anyones.add_all(letters);
        }
    }

    fn publish_refreshed(&mut self, source: &Source, cause: Cause, at: Timestamp) -> Update {
        let mut step = Step::new(self, source);
        step.refresh_all();
        let changes = step.finish();
        self.publish(cause, at, changes)
    }

    /// As [`Self::publish_refreshed`], where that changes anything for clients.
    fn publish_if_changed(&mut self, source: &Source, cause: Cause, at: Timestamp) -> Option<Update> {
        let mut step = Step::new(self, source);
        step.refresh_all();
        let changes = step.finish();
        (!changes.is_empty()).then(|| self.publish(cause, at, changes))
    }

    /// The same of several sources at once.
    fn publish_freed(&mut self, sources: &[Source], cause: Cause, at: Timestamp) -> Option<Update> {
        let mut changes = Vec::new();
        for source in sources {
            let mut step = Step::new(self, source);
            step.refresh_all();
            changes.extend(step.finish());
        }
        (!changes.is_empty()).then(|| self.publish(cause, at, changes))
    }

    fn publish(&mut self, cause: Cause, applied_at: Timestamp, changes: Vec<Change>) -> Update {
        let previous_version = self.head.version;
        self.head.version = self.next_version();
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

    fn next_version(&self) -> u64 {
        self.head.version.saturating_add(1)
    }
}

impl Head {
    /// The letters of a provider of which nobody can tell whose they are; `None` where there are too many providers.
    fn anyones_letters(&mut self, provider: &Name) -> Option<&mut Letters> {
        let has_room = self.letters.contains_key(provider) || self.letters.len() < SOURCES_MAX;
        has_room.then(|| self.letters.entry(provider.clone()).or_default())
    }

    fn feed_entry(&mut self, source: &Source) -> &mut Feed {
        let index = self.feeds.iter().position(|feed| feed.source == *source).unwrap_or_else(|| {
            // What may have been anybody's may have been this one's, too.
            let letters = self.letters.get(&source.provider).cloned().unwrap_or_default();
            self.feeds.push(Feed::new(source.clone(), letters));
            self.feeds.len() - 1
        });
        &mut self.feeds[index]
    }

    /// What keeps a market of this id shut although the owner of its book offers it. A bet stop says how it is shut; why, a
    /// dead letter before all others, for only that waits for somebody to put it right.
    fn shut(&self, sport: Sport, book: &Book, market_id: u32) -> Option<Shut> {
        let owner = book.owner()?;
        let market = Member { rules: sport.rules(), market_id, told: book.groups_of(owner) };
        let feed = self.feeds.iter().find(|feed| feed.source == *owner)?;
        let stopped = || feed.stopped_since(market, book.offered_at()?);
        let stop = feed.barrier_for(market).map(|stop| stop.market_status).or_else(stopped);
        let has_dead_letter =
            feed.is_shut_by_letter() || book.offered_at().is_some_and(|at| feed.letters.has_since(at));
        let reason = match (has_dead_letter, stop, feed.gap, feed.down) {
            (true, ..) => Suspension::DeadLetter,
            (false, Some(_), ..) => Suspension::BetStop,
            (false, None, true, _) => Suspension::Gap,
            (false, None, false, true) => Suspension::ProducerDown,
            (false, None, false, false) => return None,
        };
        Some(Shut { status: stop.unwrap_or(StopStatus::Suspended), reason })
    }
}
