//! What one session has still to send. It holds events, not messages: an event remembers by version what changed, so
//! all that waits for a slow client is which events to look at.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use domain::EventId;
use tokio::sync::Notify;

use crate::cell::Cell;
use crate::filter::{Filter, Markets, Sports};
use crate::lock::lock;

/// The events of one session in which something is new. Filled by whoever applies updates, emptied by the session.
#[derive(Debug, Default)]
pub struct Outbox {
    pending: Mutex<Pending>,
    wake: Notify,
}

/// What is new since the session last looked. A follower stands in each list once at most.
#[derive(Debug, Default)]
pub struct Pending {
    /// Those with an update that must be seen by itself, ahead of everything else.
    pub urgent: Vec<Arc<Follower>>,
    /// Those with any other news.
    pub dirty: Vec<Arc<Follower>>,
}

impl Outbox {
    /// Moves everything new to the end of `into`, which should be empty so that its memory is used again.
    pub fn take(&self, into: &mut Pending) {
        let mut pending = lock(&self.pending);
        if into.urgent.is_empty() && into.dirty.is_empty() {
            std::mem::swap(&mut *pending, into);
        } else {
            into.urgent.append(&mut pending.urgent);
            into.dirty.append(&mut pending.dirty);
        }
    }

    /// Entries that the session has not taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        let pending = lock(&self.pending);
        pending.urgent.len() + pending.dirty.len()
    }

    /// Waits until something is new. What came since the last wait counts.
    pub async fn filled(&self) {
        self.wake.notified().await;
    }

    fn put(&self, follower: &Arc<Follower>, news: News) {
        let mut pending = lock(&self.pending);
        match news {
            News::Urgent => pending.urgent.push(Arc::clone(follower)),
            News::Dirty => pending.dirty.push(Arc::clone(follower)),
        }
        drop(pending);
        self.wake.notify_one();
    }
}

/// What kind of news an event has for a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Something that may wait and be merged.
    Dirty,
    /// An update that must be seen by itself.
    Urgent,
}

impl News {
    fn bit(self) -> u8 {
        match self {
            Self::Dirty => 1,
            Self::Urgent => 2,
        }
    }
}

/// One subscription, as the events it follows know it.
#[derive(Debug)]
pub struct Subscriber {
    outbox: Arc<Outbox>,
    /// The subscription's number within its session.
    number: u32,
    sports: Sports,
    markets: Markets,
    /// Whether the client named the events: then none of them may be dropped from memory.
    pins: bool,
    closed: AtomicBool,
    /// The versions the client says it has, each used once.
    resume: Mutex<HashMap<EventId, u64>>,
}

impl Subscriber {
    /// A subscription of the session with this outbox.
    #[must_use]
    pub fn new(
        outbox: Arc<Outbox>,
        number: u32,
        filter: &Filter,
        resume: HashMap<EventId, u64>,
    ) -> Arc<Self> {
        Arc::new(Self {
            outbox,
            number,
            sports: filter.sports.clone(),
            markets: filter.markets.clone(),
            pins: filter.names_events(),
            closed: AtomicBool::new(false),
            resume: Mutex::new(resume),
        })
    }

    /// The subscription's number within its session.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The sports it is of.
    #[must_use]
    pub fn sports(&self) -> &Sports {
        &self.sports
    }

    /// The markets it is of.
    #[must_use]
    pub fn markets(&self) -> &Markets {
        &self.markets
    }

    /// Whether the events followed must stay in memory.
    #[must_use]
    pub fn pins(&self) -> bool {
        self.pins
    }

    /// Ends the subscription; the events it follows forget it when they next look at their followers.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the subscription has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The events that the client says it has and that were not followed yet.
    #[must_use]
    pub fn not_resumed(&self) -> Vec<EventId> {
        lock(&self.resume).keys().cloned().collect()
    }

    /// The version of an event that the client says it has and that it does not go on from yet; 0 for none.
    #[must_use]
    pub fn resumed(&self, event_id: &EventId) -> u64 {
        lock(&self.resume).get(event_id).copied().unwrap_or(0)
    }

    fn take_resume(&self, event_id: &EventId) -> u64 {
        lock(&self.resume).remove(event_id).unwrap_or(0)
    }
}

/// How far a subscription has come with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The `to` of its last frame; 0 before the first frame of a subscription that does not resume.
    pub told: u64,
    /// Up to where there is nothing left to tell: at or above `told`, since what a market filter leaves out makes no
    /// frame.
    pub seen: u64,
    /// Whether a first frame has been sent, or none was needed: urgent updates after it are owed one by one.
    pub is_started: bool,
    /// Whether the client has the markets as they are shown while nobody processes the event's part of the feed.
    pub is_silent: bool,
    /// Whether its last frame said that nobody does.
    pub said_silent: bool,
}

/// One event as one subscription sees it.
#[derive(Debug)]
pub struct Follower {
    subscriber: Arc<Subscriber>,
    cell: Arc<Cell>,
    /// Which news stands in the outbox already, as bits of [`News`].
    announced: AtomicU8,
    /// See [`Place`]; these five are read and written under the event's lock only, which orders them.
    told: AtomicU64,
    seen: AtomicU64,
    started: AtomicBool,
    silent: AtomicBool,
    said_silent: AtomicBool,
}

impl Follower {
    /// A subscription that has sent nothing of the event yet.
    pub(crate) fn new(subscriber: Arc<Subscriber>, cell: Arc<Cell>) -> Arc<Self> {
        let resumed = subscriber.take_resume(cell.event_id());
        Arc::new(Self {
            subscriber,
            cell,
            announced: AtomicU8::new(0),
            told: AtomicU64::new(resumed),
            seen: AtomicU64::new(resumed),
            started: AtomicBool::new(false),
            // Who resumes has forgotten what it had of silent events.
            silent: AtomicBool::new(false),
            said_silent: AtomicBool::new(false),
        })
    }

    /// The event.
    #[must_use]
    pub fn cell(&self) -> &Cell {
        &self.cell
    }

    /// The subscription.
    #[must_use]
    pub fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    /// Puts the event into the session's outbox, unless it waits there for the same reason already.
    pub(crate) fn announce(self: &Arc<Self>, news: News) {
        if self.announced.fetch_or(news.bit(), Ordering::AcqRel) & news.bit() == 0 {
            self.subscriber.outbox.put(self, news);
        }
    }

    /// The session is about to look at the event: whatever comes from now on is to be announced again.
    pub(crate) fn attend(&self, news: News) {
        self.announced.fetch_and(!news.bit(), Ordering::AcqRel);
    }

    /// Where it stands. To be called under the event's lock.
    pub(crate) fn place(&self) -> Place {
        Place {
            told: self.told.load(Ordering::Relaxed),
            seen: self.seen.load(Ordering::Relaxed),
            is_started: self.started.load(Ordering::Relaxed),
            is_silent: self.silent.load(Ordering::Relaxed),
            said_silent: self.said_silent.load(Ordering::Relaxed),
        }
    }

    /// Notes what has been handed to the socket. To be called under the event's lock.
    pub(crate) fn advance(&self, place: Place) {
        self.told.store(place.told, Ordering::Relaxed);
        self.seen.store(place.seen, Ordering::Relaxed);
        self.started.store(place.is_started, Ordering::Relaxed);
        self.silent.store(place.is_silent, Ordering::Relaxed);
        self.said_silent.store(place.said_silent, Ordering::Relaxed);
    }
}
