//! Images from outside this process: Redis first, MySQL behind it, one loader per event.
//!
//! Redis can only make this faster. A dead one is left alone for a while, a flushed one misses, one that lags or
//! holds what cannot be read counts as a miss: MySQL, which was written first, then answers.

use std::sync::Arc;
use std::time::Duration;

use domain::{EventId, Sport};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::image::Image;
use crate::metrics;

pub mod cache;
pub mod database;
mod loading;

use cache::{Cache, Lookup};
use database::sports::SportFigures;
use database::{Database, EventPage, EventRow, LogPage, LogRange, OpenEvent, Producer};
use loading::LoadsInHand;

/// How long an image may take to load. A caller that waited this long tells its client to come again.
const LOAD_MAX: Duration = Duration::from_secs(5);
/// How long it holds what was found of the sports.
const SPORTS_KEPT: Duration = Duration::from_secs(1);

/// Where images are loaded from. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    cache: Cache,
    database: Database,
    /// Which store this is; read from the database once.
    id: OnceCell<Arc<str>>,
    loads: LoadsInHand,
    turns: Semaphore,
    /// What is known of the sports, and when that was asked.
    sports: tokio::sync::Mutex<Option<(Instant, Arc<SportFigures>)>>,
}

type Loaded = Result<Option<Arc<Image>>, Unavailable>;

/// The database does not answer, or what it says cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the event cannot be loaded: {0}")]
pub struct Unavailable(Arc<str>);

impl Unavailable {
    fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

impl From<anyhow::Error> for Unavailable {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format_args!("{error:#}"))
    }
}

impl Store {
    /// A store that connects when it is first asked. Loads so many images and reads so many lists at once; others wait
    /// for their turn.
    #[must_use]
    pub fn new(cache: Cache, database: Database, reads_max: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                cache,
                database,
                id: OnceCell::new(),
                loads: LoadsInHand::default(),
                turns: Semaphore::new(reads_max),
                sports: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Which store this is: 32 hexadecimal digits that a fresh database chooses.
    pub async fn id(&self) -> Result<Arc<str>, Unavailable> {
        let id =
            self.inner.id.get_or_try_init(|| async { self.inner.database.store_id().await.map(Arc::from) });
        bounded(id).await.map(Arc::clone)
    }

    /// The event as it is stored; `None` where it is not. Callers that ask while it is being loaded share the answer.
    /// Redis does not tell the sport: where it is not known either, MySQL is asked.
    pub async fn load(&self, event_id: &EventId, sport: Option<Sport>) -> Loaded {
        self.load_at_least(event_id, sport, 0).await
    }

    /// As [`Store::load`], at a version that is known to have been reached; `None` where the event has not.
    pub async fn load_at_least(&self, event_id: &EventId, sport: Option<Sport>, version: u64) -> Loaded {
        let (store, wanted) = (self.clone(), event_id.clone());
        let load = async move { bounded(store.load_now(&wanted, sport, version)).await };
        self.inner.loads.join((event_id.clone(), version), load).await
    }

    /// The event as MySQL has it now; `None` where it does not. For who cannot tell which version is the latest.
    pub async fn load_latest(&self, event_id: &EventId) -> Loaded {
        let load = async {
            let _turn = self.inner.turns.acquire().await.map_err(Unavailable::new)?;
            self.load_stored(event_id).await
        };
        bounded(load).await
    }

    /// The events that are not over.
    pub async fn open_events(&self) -> Result<Vec<OpenEvent>, Unavailable> {
        bounded(self.inner.database.open_events()).await
    }

    /// One page of a list of events.
    pub async fn page(&self, page: &EventPage) -> Result<Vec<EventRow>, Unavailable> {
        self.in_turn("events", self.inner.database.page(page)).await
    }

    /// A part of an event's update log; `None` where nothing is known of the event.
    pub async fn log(&self, event_id: &EventId, range: LogRange) -> Result<Option<LogPage>, Unavailable> {
        self.in_turn("updates", self.inner.database.log(event_id, range)).await
    }

    /// What is known of each producer.
    pub async fn producers(&self) -> Result<Vec<Producer>, Unavailable> {
        self.in_turn("producers", self.inner.database.producers()).await
    }

    /// What is known of the sports; up to a second old, since all events are looked at.
    pub async fn sports(&self) -> Result<Arc<SportFigures>, Unavailable> {
        // Who waits for another's answer takes no turn from those who ask something else.
        let look = async {
            let mut sports = self.inner.sports.lock().await;
            if let Some((_, figures)) = sports.as_ref().filter(|(at, _)| at.elapsed() < SPORTS_KEPT) {
                return Ok::<_, Unavailable>(Arc::clone(figures));
            }
            let figures = Arc::new(self.in_turn("sports", self.inner.database.sports()).await?);
            *sports = Some((Instant::now(), Arc::clone(&figures)));
            Ok(figures)
        };
        bounded(look).await
    }

    /// Asks the database when it is this question's turn.
    async fn in_turn<T>(
        &self,
        question: &'static str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> Result<T, Unavailable> {
        let answer = bounded(async {
            let _turn = self.inner.turns.acquire().await.map_err(Unavailable::new)?;
            Ok::<T, Unavailable>(work.await?)
        });
        let answer = answer.await;
        metrics::store_read(question, answer.is_ok());
        answer
    }

    async fn load_now(&self, event_id: &EventId, sport: Option<Sport>, version: u64) -> Loaded {
        let _turn = self.inner.turns.acquire().await.map_err(Unavailable::new)?;
        if let Some(sport) = sport {
            let store_id = self.id().await?;
            let lookup = self.inner.cache.load(&store_id, event_id, sport).await.at_least(version);
            metrics::cache_lookup(lookup.name());
            if let Lookup::Hit(image) = lookup {
                return Ok(Some(Arc::new(image)));
            }
        }
        Ok(self.load_stored(event_id).await?.filter(|image| image.version() >= version))
    }

    async fn load_stored(&self, event_id: &EventId) -> Loaded {
        Ok(self.inner.database.load(event_id).await?.map(Arc::new))
    }
}

/// One deadline for everything that an answer waits for: its turn, a connection, the query.
async fn bounded<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, Unavailable>
where
    Unavailable: From<E>,
{
    match tokio::time::timeout(LOAD_MAX, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Unavailable::new("the database does not answer in time")),
    }
}

#[cfg(test)]
impl Store {
    /// A store of which nothing answers, and no turn comes.
    pub fn stuck() -> Self {
        let cache = Cache::new("redis://127.0.0.1:1").expect("an address");
        let database = Database::new("mysql://nobody@127.0.0.1:1/none", 1).expect("an address");
        Self::new(cache, database, 0)
    }

    /// How many images are being loaded.
    pub fn loads(&self) -> usize {
        self.inner.loads.count()
    }
}
