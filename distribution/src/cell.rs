//! One event in memory: its image, who follows it, and the urgent updates not yet sent to all of them.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use domain::{EventId, Sport};
use tokio::time::Instant;

use crate::frame::Frame;
use crate::image::{Image, RawUpdate, Step};
use crate::lock::lock;
use crate::outbox::{Follower, News, Subscriber};

mod frames;

use frames::Encoded;
pub use frames::{FrameBudget, Overflow, Scope};

/// Updates kept while an image is loaded; if more come, another is loaded that has them.
const WAITING_MAX: usize = 1_000;
/// Followers among which those that have ended are not looked for.
const FOLLOWERS_UNSWEPT: usize = 8;

/// One event, shared by the reader of updates and all sessions.
#[derive(Debug)]
pub struct Cell {
    event_id: EventId,
    sport: Sport,
    /// Urgent updates a follower may be behind by.
    urgent_max: usize,
    /// Whether subscriptions to its whole sport follow it.
    listed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    image: Image,
    /// Whether nobody processes the event's part of the feed.
    is_unprocessed: bool,
    /// What came while the image is being loaded; `None` while it is whole.
    waiting: Option<Waiting>,
    /// The version of the last image that took the place of another: what led to it was not seen here, so nobody who
    /// is behind it can be told of urgent updates one by one.
    replaced_at: u64,
    followers: Vec<Arc<Follower>>,
    /// How many followers there may be before those that have ended are looked for: whoever subscribes and unsubscribes
    /// in a loop must not pile them up.
    swept_at: usize,
    /// Oldest first; those that every follower has been sent are forgotten.
    urgent: VecDeque<Arc<RawUpdate>>,
    /// The version of the last urgent update forgotten before every follower had been sent it.
    urgent_lost: u64,
    encoded: Encoded,
    touched_at: Instant,
    /// Whether the event has left the hub: nobody would tell it of updates.
    evicted: bool,
}

/// Updates that an image which is being loaded may not have.
#[derive(Debug, Default)]
struct Waiting {
    updates: Vec<RawUpdate>,
    /// The version of the last update for which there was no room, or which could not be read; 0 where there was none.
    dropped_at: u64,
}

impl Waiting {
    /// An update is missing from those that wait; none before it is needed any more.
    fn miss(&mut self, version: u64) {
        self.dropped_at = self.dropped_at.max(version);
        self.updates.retain(|update| update.version > version);
    }

    fn last_version(&self) -> u64 {
        self.updates.last().map_or(0, |last| last.version).max(self.dropped_at)
    }
}

/// What an update led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The event has a new version.
    Applied,
    /// It came before.
    Duplicate,
    /// It waits for the image that is being loaded.
    Waiting,
    /// It waits; the caller must load an image of this version at least and hand it to [`Cell::load`].
    Reload {
        /// The version the image must have.
        at_least: u64,
    },
}

impl Taken {
    /// Its name as a label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Waiting => "waiting",
            Self::Reload { .. } => "hole",
        }
    }
}

/// It came too late: the event has left the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evicted;

impl Cell {
    /// An event with what is known of it.
    #[must_use]
    pub fn new(image: Image, urgent_max: usize, budget: Arc<FrameBudget>, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            event_id: image.event_id().clone(),
            sport: image.sport(),
            urgent_max,
            listed: AtomicBool::new(false),
            state: Mutex::new(State {
                is_unprocessed: image.is_silent(),
                image,
                waiting: None,
                replaced_at: 0,
                followers: Vec::new(),
                swept_at: FOLLOWERS_UNSWEPT,
                urgent: VecDeque::new(),
                urgent_lost: 0,
                encoded: Encoded::new(budget),
                touched_at: now,
                evicted: false,
            }),
        })
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

    /// Looks at the image; nothing else happens to the event meanwhile.
    pub fn with_image<T>(&self, look: impl FnOnce(&Image) -> T) -> T {
        look(&lock(&self.state).image)
    }

    /// Notes whether somebody processes the event's part of the feed; where that is news, every follower is told.
    pub fn set_silent(&self, is_silent: bool) {
        let mut state = lock(&self.state);
        state.is_unprocessed = is_silent;
        state.heed();
    }

    /// The last version that is known to exist; it may have yet to be loaded.
    #[must_use]
    pub fn last_version(&self) -> u64 {
        let state = lock(&self.state);
        let waiting = state.waiting.as_ref().map_or(0, Waiting::last_version);
        waiting.max(state.image.version())
    }

    /// Takes an update from the topic; gives it back where the event has left the hub.
    pub fn take(&self, update: RawUpdate, now: Instant) -> Result<Taken, RawUpdate> {
        let mut state = lock(&self.state);
        if state.evicted {
            return Err(update);
        }
        state.touched_at = now;
        if let Some(waiting) = &mut state.waiting {
            if waiting.updates.len() < WAITING_MAX {
                waiting.updates.push(update);
            } else {
                waiting.dropped_at = waiting.dropped_at.max(update.version);
            }
            return Ok(Taken::Waiting);
        }
        let taken = state.apply(update, self.urgent_max);
        state.heed();
        Ok(taken)
    }

    /// Takes note of an update of which no more can be read than the version that it leads to: an image must have it.
    pub fn miss(&self, version: u64, now: Instant) -> Result<Taken, Evicted> {
        let mut state = lock(&self.state);
        if state.evicted {
            return Err(Evicted);
        }
        state.touched_at = now;
        if version <= state.image.version() {
            return Ok(Taken::Duplicate);
        }
        let is_asked_for = state.waiting.is_some();
        state.waiting.get_or_insert_default().miss(version);
        state.heed();
        Ok(if is_asked_for { Taken::Waiting } else { Taken::Reload { at_least: version } })
    }

    /// Takes the image that was asked for, then the updates that waited for it. Says whether another is needed.
    pub fn load(&self, mut image: Image) -> Taken {
        let mut state = lock(&self.state);
        image.set_silent(state.image.is_silent());
        if image.version() > state.image.version() {
            state.replaced_at = image.version();
            state.image = image;
            state.encoded.clear();
            // Something urgent may be among what was missed.
            state.tell(News::Urgent);
        }
        let Waiting { updates, dropped_at } = state.waiting.take().unwrap_or_default();
        let mut taken = Taken::Applied;
        for update in updates {
            match &mut state.waiting {
                Some(waiting) => waiting.updates.push(update),
                None => {
                    if let reload @ Taken::Reload { .. } = state.apply(update, self.urgent_max) {
                        taken = reload;
                    }
                }
            }
        }
        if dropped_at > state.image.version() {
            state.waiting.get_or_insert_default().miss(dropped_at);
            taken = Taken::Reload { at_least: dropped_at };
        }
        state.heed();
        taken
    }

    /// Lets a subscription follow the event, from nothing or from the version it resumes at. One that follows it
    /// already, because the event came among its sport's meanwhile, goes on as it did.
    pub fn follow(self: &Arc<Self>, subscriber: &Arc<Subscriber>) -> Result<(), Evicted> {
        self.follow_unless(subscriber, |state| {
            state.followers.iter().any(|follower| Arc::ptr_eq(follower.subscriber(), subscriber))
        })
    }

    /// As [`Cell::follow`], for a subscription that cannot follow the event yet: its followers, of which there may be
    /// as many as sessions, are not looked through.
    pub fn follow_first(self: &Arc<Self>, subscriber: &Arc<Subscriber>) -> Result<(), Evicted> {
        self.follow_unless(subscriber, |_| false)
    }

    fn follow_unless(
        self: &Arc<Self>,
        subscriber: &Arc<Subscriber>,
        is_known: impl FnOnce(&State) -> bool,
    ) -> Result<(), Evicted> {
        let mut state = lock(&self.state);
        if state.evicted {
            return Err(Evicted);
        }
        if !is_known(&state) {
            state.add(Follower::new(Arc::clone(subscriber), Arc::clone(self)));
        }
        Ok(())
    }

    /// Whether subscriptions to its whole sport follow it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }

    /// Puts the event among its sport's: the sport's `subscribers` follow it, those that had named it once only.
    pub fn list(self: &Arc<Self>, subscribers: &[Arc<Subscriber>]) {
        let mut state = lock(&self.state);
        self.listed.store(true, Ordering::Release);
        let known: HashSet<_> =
            state.followers.iter().map(|follower| Arc::as_ptr(follower.subscriber())).collect();
        for subscriber in subscribers.iter().filter(|subscriber| !known.contains(&Arc::as_ptr(subscriber))) {
            state.add(Follower::new(Arc::clone(subscriber), Arc::clone(self)));
        }
    }

    /// Appends the frames that bring a follower up to date within `scope`, each going on from the one before:
    /// one for every urgent update, one for the rest; or an image where what happened since is not known.
    pub fn write_frames(
        &self,
        follower: &Follower,
        scope: Scope,
        out: &mut Vec<Frame>,
    ) -> Result<(), Overflow> {
        lock(&self.state).write_frames(follower, scope, out)
    }

    /// Forgets followers whose subscription has ended, and frames that sessions in step have had time to share. To be
    /// called now and then.
    pub fn sweep(&self) {
        let mut state = lock(&self.state);
        state.forget_closed();
        state.encoded.forget();
    }

    /// When the event was last heard of, and whether it is over; `None` while it must stay in memory, because a
    /// client asked for it by name or an image is being loaded.
    #[must_use]
    pub fn idle(&self) -> Option<(Instant, bool)> {
        let state = lock(&self.state);
        let over = state.image.status().is_some_and(domain::EventStatus::is_final);
        (!state.is_kept()).then_some((state.touched_at, over))
    }

    /// Marks the event as gone from the hub, unless it must stay; says whether it is gone.
    #[must_use]
    pub fn evict(&self) -> bool {
        let mut state = lock(&self.state);
        if !state.is_kept() {
            state.evicted = true;
            state.followers.clear();
        }
        state.evicted
    }
}

impl State {
    /// Shows the event as silent while nobody processes its part of the feed, and while it is known that something has
    /// happened to it but not what: that may have shut it. Where that is news, every follower is told.
    fn heed(&mut self) {
        let is_silent = self.is_unprocessed || self.waiting.is_some();
        if self.image.is_silent() != is_silent {
            self.image.set_silent(is_silent);
            self.encoded.clear();
            self.tell(News::Urgent);
        }
    }

    fn is_kept(&self) -> bool {
        let mut subscribers = self.followers.iter().map(|follower| follower.subscriber());
        self.waiting.is_some() || subscribers.any(|subscriber| subscriber.pins() && !subscriber.is_closed())
    }

    fn apply(&mut self, update: RawUpdate, urgent_max: usize) -> Taken {
        match self.image.apply(&update) {
            Step::Duplicate => Taken::Duplicate,
            Step::Hole => {
                let at_least = update.previous_version;
                self.waiting = Some(Waiting { updates: vec![update], dropped_at: 0 });
                Taken::Reload { at_least }
            }
            Step::Applied => {
                self.encoded.clear();
                if update.origin.is_urgent() {
                    self.keep_urgent(update, urgent_max);
                    self.tell(News::Urgent);
                } else {
                    self.tell(News::Dirty);
                }
                Taken::Applied
            }
        }
    }

    /// Keeps an urgent update as long as a follower has not been sent it.
    fn keep_urgent(&mut self, update: RawUpdate, urgent_max: usize) {
        let sent_to_all = self
            .followers
            .iter()
            .filter(|follower| !follower.subscriber().is_closed())
            .map(|follower| follower.place())
            .filter(|place| place.is_started)
            .map(|place| place.seen)
            .min();
        let Some(sent_to_all) = sent_to_all else {
            self.urgent.clear();
            return;
        };
        while self.urgent.front().is_some_and(|kept| kept.version <= sent_to_all) {
            self.urgent.pop_front();
        }
        self.urgent.push_back(Arc::new(update));
        if self.urgent.len() > urgent_max
            && let Some(lost) = self.urgent.pop_front()
        {
            self.urgent_lost = lost.version;
        }
    }

    fn tell(&mut self, news: News) {
        self.followers.retain(|follower| {
            let open = !follower.subscriber().is_closed();
            if open {
                // Before its first frame everything is one piece of news, which waits in the outbox already.
                follower.announce(if follower.place().is_started { news } else { News::Dirty });
            }
            open
        });
    }

    fn add(&mut self, follower: Arc<Follower>) {
        if self.followers.len() >= self.swept_at {
            self.forget_closed();
            // At twice as many it costs no more than they did to add.
            self.swept_at = (2 * self.followers.len()).max(FOLLOWERS_UNSWEPT);
        }
        follower.announce(News::Dirty);
        self.followers.push(follower);
    }

    fn forget_closed(&mut self) {
        self.followers.retain(|follower| !follower.subscriber().is_closed());
    }
}
