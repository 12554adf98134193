//! All events in memory, and which subscriptions follow a whole sport.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use domain::{EventId, Sport};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use crate::cell::{Cell, FrameBudget, Taken};
use crate::clock::now;
use crate::heartbeats::Silent;
use crate::image::{Image, RawUpdate, UpdateHead};
use crate::lock::lock;
use crate::metrics;
use crate::outbox::Subscriber;
use crate::store::database::OpenEvent;
use crate::store::{Store, Unavailable};

/// Images loaded at once when the hub is filled.
const LOADS_MAX: usize = 16;
/// Bytes of encoded frames kept for sessions in step, of all events together.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// Between attempts to load an image that is needed.
const RETRY_PAUSE: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(5);

/// How much the hub keeps.
#[derive(Debug, Clone, Copy)]
pub struct HubLimits {
    /// Events in memory; beyond that the longest untouched that nobody asked for by name make room.
    pub events_max: usize,
    /// How long an event that is over stays in memory after its last update.
    pub keep_final: Duration,
    /// Urgent updates of one event that a client may be behind by.
    pub urgent_max: usize,
}

/// The events, kept up to date by the reader of the updates topics and followed by sessions.
pub struct Hub {
    store: Store,
    limits: HubLimits,
    frame_budget: Arc<FrameBudget>,
    cells: RwLock<HashMap<EventId, Arc<Cell>>>,
    silent: RwLock<Arc<Silent>>,
    /// Subscriptions to all events of a sport. Locked before `cells`, so that a subscription and a new event
    /// cannot miss one another.
    sports: Mutex<HashMap<Sport, Vec<Arc<Subscriber>>>>,
}

/// Why a subscription cannot follow an event.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FollowError {
    /// The event is not stored anywhere.
    #[error("nothing is known of this event")]
    Unknown,
    /// It is of a sport that the subscription leaves out.
    #[error("the event is of {0}, which the filter leaves out")]
    Excluded(Sport),
    /// It cannot be loaded at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Hub {
    /// A hub without events.
    #[must_use]
    pub fn new(store: Store, limits: HubLimits) -> Arc<Self> {
        let frame_budget = FrameBudget::new(FRAME_BYTES_MAX);
        let (cells, silent, sports) = Default::default();
        Arc::new(Self { store, limits, frame_budget, cells, silent, sports })
    }

    /// Where its images come from.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// An event, where it is in memory.
    #[must_use]
    pub fn get(&self, event_id: &EventId) -> Option<Arc<Cell>> {
        self.read().get(event_id).cloned()
    }

    /// Every event in memory, in no order.
    #[must_use]
    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.read().values().cloned().collect()
    }

    /// Whether nobody processes the event's part of the feed.
    #[must_use]
    pub fn is_silent(&self, sport: Sport, event_id: &EventId) -> bool {
        self.silent.read().unwrap_or_else(PoisonError::into_inner).concerns(sport, event_id)
    }

    /// The sports of which a part of the feed is processed by nobody.
    #[must_use]
    pub fn silent_sports(&self) -> BTreeSet<Sport> {
        let silent = self.silent.read().unwrap_or_else(PoisonError::into_inner);
        silent.counts().filter(|(_, partitions)| *partitions > 0).map(|(sport, _)| sport).collect()
    }

    /// Takes note of who is silent.
    pub fn heed(&self, silent: Silent) {
        let silent = Arc::new(silent);
        let before = {
            let mut known = self.silent.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, Arc::clone(&silent))
        };
        // Also where nothing has changed: an event may have come while the last change was told.
        if silent.is_any() || before.is_any() {
            for cell in self.cells() {
                cell.set_silent(silent.concerns(cell.sport(), cell.event_id()));
            }
        }
    }

    /// Takes one record of an updates topic.
    pub fn apply(self: &Arc<Self>, payload: &[u8]) {
        let mut update = match RawUpdate::parse(payload) {
            Ok(update) => update,
            Err(error) => {
                metrics::unreadable_update();
                return self.miss(payload, &error);
            }
        };
        let (sport, generated_at) = (update.sport, update.origin.generated_at);
        loop {
            let cell = self.listed(&update.event_id, update.sport);
            match cell.take(update, Instant::now()) {
                Ok(taken) => {
                    metrics::updates(sport, taken.name());
                    if let (Taken::Applied, Some(generated_at)) = (taken, generated_at) {
                        metrics::in_hub(generated_at, now());
                    }
                    return self.reload_after(&cell, taken);
                }
                // It left the hub between the two steps; the next round brings it back.
                Err(returned) => update = returned,
            }
        }
    }

    /// Takes a record that cannot be read. Where it says which version it leads to, its event's image is loaded at that version;
    /// else the event's next update finds a hole where this one was.
    fn miss(self: &Arc<Self>, payload: &[u8], error: &serde_json::Error) {
        let Ok(UpdateHead { event_id, sport, version }) = UpdateHead::parse(payload) else {
            tracing::error!(%error, "an update cannot be read");
            return;
        };
        tracing::warn!(%event_id, version, %error, "an update cannot be read, its event is loaded instead");
        loop {
            let cell = self.listed(&event_id, sport);
            // Not taken where it left the hub between the two steps; the next round brings it back.
            if let Ok(taken) = cell.miss(version, Instant::now()) {
                return self.reload_after(&cell, taken);
            }
        }
    }

    /// Loads every event that is not over, and every event in memory anew: each at the version MySQL has at least,
    /// since Redis may have been away when the last update was written.
    pub async fn fill(self: &Arc<Self>) -> Result<usize, Unavailable> {
        self.store.id().await?;
        let mut events: HashMap<EventId, Option<OpenEvent>> =
            self.read().keys().map(|event_id| (event_id.clone(), None)).collect();
        let open = self.store.open_events().await?;
        events.extend(open.into_iter().map(|event| (event.event_id.clone(), Some(event))));
        let loads = stream::iter(events).map(async |(event_id, open)| match open {
            Some(open) => self.store.load_at_least(&event_id, Some(open.sport), open.version).await,
            None => self.store.load_latest(&event_id).await,
        });
        let mut images = std::pin::pin!(loads.buffer_unordered(LOADS_MAX));
        let mut filled = 0;
        while let Some(image) = images.try_next().await? {
            let Some(image) = image else { continue };
            let cell = self.listed(image.event_id(), image.sport());
            let taken = cell.load(Arc::unwrap_or_clone(image));
            self.reload_after(&cell, taken);
            filled += 1;
        }
        Ok(filled)
    }

    /// Lets a subscription follow every event of its sports, those to come included. Returns the events that it wants
    /// to resume and that are not in memory, or not as far as the client has them.
    pub fn follow_sports(&self, subscriber: &Arc<Subscriber>) -> Vec<EventId> {
        let mut sports = lock(&self.sports);
        for sport in subscriber.sports().iter() {
            sports.entry(sport).or_default().push(Arc::clone(subscriber));
        }
        let is_taken = |cell: &Cell| cell.is_listed() && subscriber.sports().takes(cell.sport());
        let cells: Vec<_> = self.read().values().filter(|cell| is_taken(cell)).cloned().collect();
        drop(sports);
        for cell in cells.into_iter().filter(|cell| !is_behind(cell, subscriber)) {
            // One that leaves at this moment comes back with its next update, and finds the subscription then.
            let _ = cell.follow_first(subscriber);
        }
        subscriber.not_resumed()
    }

    /// Lets a subscription follow one event, where that is in memory, as far as the client has it, and of its sports.
    pub fn follow(&self, subscriber: &Arc<Subscriber>, event_id: &EventId) -> bool {
        let cell = self.get(event_id).filter(|cell| subscriber.sports().takes(cell.sport()));
        let cell = cell.filter(|cell| !is_behind(cell, subscriber));
        cell.is_some_and(|cell| cell.follow_first(subscriber).is_ok())
    }

    /// Lets a subscription follow one event, which must be of its sports and must perhaps be loaded first: a client that was told
    /// more elsewhere is not taken back to what was known here.
    pub async fn load_and_follow(
        self: &Arc<Self>,
        subscriber: &Arc<Subscriber>,
        event_id: &EventId,
    ) -> Result<(), FollowError> {
        let sports = subscriber.sports();
        loop {
            let cell = match self.get(event_id) {
                Some(cell) => cell,
                None => {
                    let image = self.store.load(event_id, None).await?.ok_or(FollowError::Unknown)?;
                    if !sports.takes(image.sport()) {
                        return Err(FollowError::Excluded(image.sport()));
                    }
                    self.hold(Arc::unwrap_or_clone(image))
                }
            };
            if !sports.takes(cell.sport()) {
                return Err(FollowError::Excluded(cell.sport()));
            }
            if is_behind(&cell, subscriber) {
                self.catch_up(&cell, subscriber.resumed(event_id)).await;
            }
            if cell.follow(subscriber).is_ok() {
                return Ok(());
            }
        }
    }

    /// Forgets ended subscriptions and events that need not be in memory. To be called now and then.
    pub fn sweep(&self, now: Instant) {
        for subscribers in lock(&self.sports).values_mut() {
            subscribers.retain(|subscriber| !subscriber.is_closed());
        }
        let mut idle = Vec::new();
        for cell in self.cells() {
            cell.sweep();
            idle.extend(cell.idle().map(|(since, over)| (since, over, cell)));
        }
        idle.sort_unstable_by_key(|(since, ..)| *since);
        let mut cells = self.write();
        let surplus = cells.len().saturating_sub(self.limits.events_max);
        for (index, (since, over, cell)) in idle.into_iter().enumerate() {
            let expired = over && now.duration_since(since) >= self.limits.keep_final;
            if (expired || index < surplus) && cell.evict() {
                cells.remove(cell.event_id());
            }
        }
        metrics::events(cells.len());
    }

    /// The event, in memory and among its sport's, so that those who follow the sport follow it.
    fn listed(&self, event_id: &EventId, sport: Sport) -> Arc<Cell> {
        if let Some(cell) = self.get(event_id)
            && cell.is_listed()
        {
            return cell;
        }
        let mut sports = lock(&self.sports);
        let cell = self.hold(Image::empty(event_id.clone(), sport));
        let subscribers = sports.entry(sport).or_default();
        subscribers.retain(|subscriber| !subscriber.is_closed());
        cell.list(subscribers);
        cell
    }

    /// The event in memory: as it is there, or from this image.
    fn hold(&self, mut image: Image) -> Arc<Cell> {
        let mut cells = self.write();
        // Not before: who heeds a change in between goes through the cells without this one.
        image.set_silent(self.is_silent(image.sport(), image.event_id()));
        match cells.entry(image.event_id().clone()) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => {
                let budget = Arc::clone(&self.frame_budget);
                let cell = Cell::new(image, self.limits.urgent_max, budget, Instant::now());
                Arc::clone(entry.insert(cell))
            }
        }
    }

    /// Takes an event from the stores as it is there: what any client was told of it was stored before.
    async fn catch_up(self: &Arc<Self>, cell: &Arc<Cell>, version: u64) {
        match self.store.load_at_least(cell.event_id(), Some(cell.sport()), version).await {
            Ok(Some(image)) => {
                let taken = cell.load(Arc::unwrap_or_clone(image));
                self.reload_after(cell, taken);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(event_id = %cell.event_id(), version, %error, "a client is ahead, and no store says of what");
            }
        }
    }

    /// Loads an image in the background where an update found a hole before it.
    fn reload_after(self: &Arc<Self>, cell: &Arc<Cell>, taken: Taken) {
        if let Taken::Reload { at_least } = taken {
            let (hub, cell) = (Arc::clone(self), Arc::clone(cell));
            tokio::spawn(async move { hub.reload(&cell, at_least).await });
        }
    }

    /// Loads an image until it is new enough for the updates that wait.
    async fn reload(&self, cell: &Cell, mut at_least: u64) {
        let mut pause = RETRY_PAUSE.start;
        loop {
            match self.store.load_at_least(cell.event_id(), Some(cell.sport()), at_least).await {
                Ok(Some(image)) => match cell.load(Arc::unwrap_or_clone(image)) {
                    Taken::Reload { at_least: more } => at_least = more,
                    Taken::Applied | Taken::Duplicate | Taken::Waiting => return,
                },
                Ok(None) => {
                    tracing::warn!(event_id = %cell.event_id(), at_least, "an update is ahead of the store")
                }
                Err(error) => tracing::warn!(event_id = %cell.event_id(), %error, "image not loaded"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_PAUSE.end);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<EventId, Arc<Cell>>> {
        // The map is whole whenever a holder could panic.
        self.cells.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<EventId, Arc<Cell>>> {
        self.cells.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a client that resumes has more of an event than is known here.
fn is_behind(cell: &Cell, subscriber: &Subscriber) -> bool {
    cell.with_image(Image::version) < subscriber.resumed(cell.event_id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Filter, Markets, Sports};

    /// An update of one market to this status, caused by this and changing this key.
    fn record(version: u64, cause: &str, key: &str, status: &str) -> String {
        let previous = version - 1;
        format!(
            r#"{{"event_id":"md:match:1","sport":"hockey","version":{version},"previous_version":{previous},"cause":{{"type":"{cause}","provider":"md","producer":"live"}},"applied_at":7,"changes":[{{"key":"{key}","value":{{"id":406,"status":"{status}"}}}}]}}"#
        )
    }

    fn hub() -> (Arc<Hub>, Store) {
        let store = Store::stuck();
        let limits = HubLimits { events_max: 10, keep_final: Duration::ZERO, urgent_max: 10 };
        (Hub::new(store.clone(), limits), store)
    }

    fn shown(hub: &Hub) -> (u64, String) {
        let cell = hub.get(&"md:match:1".parse().expect("a URN")).expect("it is in memory");
        cell.with_image(|image| {
            let key = "market:406".parse().expect("a key");
            (image.version(), image.shown(&key, image.value(&key).expect("a market")).into_owned())
        })
    }

    #[tokio::test]
    async fn a_cause_that_is_not_known_shuts_its_market() {
        let (hub, store) = hub();
        hub.apply(record(1, "odds_change", "market:406", "active").as_bytes());
        hub.apply(record(2, "integrity_alert", "market:406", "suspended").as_bytes());
        assert_eq!(shown(&hub), (2, r#"{"id":406,"status":"suspended"}"#.to_owned()));
        assert_eq!(store.loads(), 0);
    }

    #[tokio::test]
    async fn who_was_told_more_elsewhere_follows_once_that_is_known_here() {
        let (hub, _store) = hub();
        let event_id: EventId = "md:match:1".parse().expect("a URN");
        for version in 1..4 {
            hub.apply(record(version, "odds_change", "market:406", "active").as_bytes());
        }
        for (resumed, is_behind) in [(2, false), (3, false), (4, true)] {
            for events in [None, Some(vec![event_id.clone()])] {
                let is_named = events.is_some();
                let filter = Filter { sports: Sports::default(), events, markets: Markets::default() };
                let resume = [(event_id.clone(), resumed)].into();
                let subscriber = Subscriber::new(Arc::default(), 0, &filter, resume);
                if is_named {
                    assert_eq!(hub.follow(&subscriber, &event_id), !is_behind, "{resumed}");
                } else {
                    assert_eq!(hub.follow_sports(&subscriber).is_empty(), !is_behind, "{resumed}");
                }
                assert_eq!(subscriber.resumed(&event_id), if is_behind { resumed } else { 0 });
            }
        }
    }

    #[tokio::test]
    async fn an_update_that_cannot_be_read_is_loaded_at_once_and_what_comes_after_it_waits() {
        let (hub, store) = hub();
        hub.apply(record(1, "odds_change", "market:406", "active").as_bytes());
        hub.apply(record(2, "bet_stop", "line_up:9", "suspended").as_bytes());
        while store.loads() == 0 {
            tokio::task::yield_now().await;
        }
        let cell = hub.get(&"md:match:1".parse().expect("a URN")).expect("it is in memory");
        assert!(cell.idle().is_none(), "it waits for its image");
        hub.apply(record(3, "odds_change", "market:412", "active").as_bytes());
        let mut image = cell.with_image(Image::clone);
        image.apply(
            &RawUpdate::parse(record(2, "bet_stop", "market:406", "suspended").as_bytes())
                .expect("an update"),
        );
        assert_eq!(cell.load(image), Taken::Applied);
        assert_eq!(shown(&hub), (3, r#"{"id":406,"status":"suspended"}"#.to_owned()));
        hub.apply(record(2, "bet_stop", "line_up:9", "suspended").as_bytes());
        assert!(cell.idle().is_some(), "it came twice");
    }

    #[tokio::test]
    async fn nothing_that_came_is_lost_where_an_image_is_older_than_what_could_not_be_read() {
        let (hub, _store) = hub();
        hub.apply(record(1, "odds_change", "market:406", "active").as_bytes());
        let cell = hub.get(&"md:match:1".parse().expect("a URN")).expect("it is in memory");
        let mut image = cell.with_image(Image::clone);
        let mut stored = |version| {
            let update = record(version, "odds_change", "market:406", &format!("at {version}"));
            image.apply(&RawUpdate::parse(update.as_bytes()).expect("an update"));
            image.clone()
        };
        hub.apply(record(3, "odds_change", "market:406", "at 3").as_bytes());
        hub.apply(record(4, "odds_change", "line_up:9", "at 4").as_bytes());
        hub.apply(record(5, "odds_change", "market:406", "at 5").as_bytes());
        assert_eq!(cell.load(stored(2)), Taken::Reload { at_least: 4 });
        let _ = stored(3);
        assert_eq!(cell.load(stored(4)), Taken::Applied);
        assert_eq!(shown(&hub), (5, r#"{"id":406,"status":"at 5"}"#.to_owned()));
    }
}
