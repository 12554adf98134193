//! Recovery: whoever lacks messages asks for them again, and is told at once where nobody could send them.
//!
//! A desk takes requests, a drive answers them while it goes. What nobody answers is not taken: a request that waits for the
//! next drive would be about messages that were never in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::codec::uof::PRODUCTS;
use domain::{EventId, Name, Timestamp};
use tokio::sync::mpsc;

/// Requests that wait for those before them; more are told to come again.
pub const WAITING_MAX: usize = 64;

/// Somebody asks a producer for what it has said already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryRequest {
    /// Whom, by the name that messages have, or of a Unified Odds Feed by that of its API.
    pub producer: Name,
    /// Of which event; `None`: of all.
    pub event_id: Option<EventId>,
    /// Nothing from before this.
    pub after: Option<Timestamp>,
    /// What every message of the answer carries.
    pub request_id: u64,
}

impl RecoveryRequest {
    /// Whether this producer is asked. Paths do not tell whose it is: whoever is called so, is.
    pub(crate) fn is_to(&self, producer: &Name) -> bool {
        let in_api = || PRODUCTS.iter().find(|product| product.path == self.producer.as_str());
        *producer == self.producer || in_api().is_some_and(|product| product.number == producer.as_str())
    }

    /// Whether it is of the same producer, and of all events that another one is of. From when on is left to who asks: what is asked
    /// for last is what is still missing.
    pub(crate) fn is_of_all_in(&self, other: &Self) -> bool {
        let is_of_its_events = self.event_id.is_none() || self.event_id == other.event_id;
        is_of_its_events && self.producer == other.producer
    }
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryRefused {
    /// There is nobody to answer.
    #[error("nothing is being played, so nothing can be sent again")]
    Idle,
    /// No such producer speaks.
    #[error("no producer `{0}` speaks in what is being played")]
    Producer(Name),
    /// Nobody speaks of such an event.
    #[error("`{0}` is no event of what is being played")]
    Event(EventId),
    /// Too many wait.
    #[error("{WAITING_MAX} requests wait already")]
    Full,
}

/// Where requests are made. Clones are of the same desk.
#[derive(Debug, Clone)]
pub struct Desk {
    requests: mpsc::Sender<RecoveryRequest>,
    answering: Arc<Mutex<Option<Cast>>>,
}

/// Where they arrive: held by the drive that goes.
#[derive(Debug)]
pub struct Inbox {
    pub(crate) requests: mpsc::Receiver<RecoveryRequest>,
    answering: Arc<Mutex<Option<Cast>>>,
}

/// Who speaks in a drive, and of what.
#[derive(Debug, Default)]
pub(crate) struct Cast {
    pub(crate) producers: BTreeSet<Name>,
    pub(crate) events: BTreeSet<EventId>,
}

/// A drive answers until this is dropped.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Mutex<Option<Cast>>>);

/// A desk, and where what it takes arrives.
#[must_use]
pub fn desk() -> (Desk, Inbox) {
    let (requests, taken) = mpsc::channel(WAITING_MAX);
    let answering = Arc::default();
    (Desk { requests, answering: Arc::clone(&answering) }, Inbox { requests: taken, answering })
}

impl Desk {
    /// Asks.
    ///
    /// # Errors
    /// When nobody would answer.
    pub fn ask(&self, request: RecoveryRequest) -> Result<(), RecoveryRefused> {
        let answering = lock(&self.answering);
        let Some(Cast { producers, events }) = &*answering else { return Err(RecoveryRefused::Idle) };
        if !producers.iter().any(|producer| request.is_to(producer)) {
            return Err(RecoveryRefused::Producer(request.producer));
        }
        if let Some(event_id) = request.event_id.as_ref().filter(|it| !events.contains(*it)) {
            return Err(RecoveryRefused::Event(event_id.clone()));
        }
        self.requests.try_send(request).map_err(|_| RecoveryRefused::Full)
    }
}

impl Inbox {
    /// Where nobody asks.
    #[must_use]
    pub fn of_nobody() -> Self {
        desk().1
    }

    /// From now on a drive answers. What was asked of the one before it is forgotten: its asker asks again.
    pub(crate) fn open(&mut self, cast: Cast) -> Answering {
        let mut answering = lock(&self.answering);
        while self.requests.try_recv().is_ok() {}
        *answering = Some(cast);
        Answering(Arc::clone(&self.answering))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        *lock(&self.0) = None;
    }
}

fn lock(answering: &Mutex<Option<Cast>>) -> MutexGuard<'_, Option<Cast>> {
    answering.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(producer: &str, event_id: Option<&str>) -> RecoveryRequest {
        RecoveryRequest {
            producer: Name::new(producer).unwrap(),
            event_id: event_id.map(|id| EventId::new(id).unwrap()),
            after: None,
            request_id: 7,
        }
    }

    fn cast() -> Cast {
        Cast {
            producers: BTreeSet::from([Name::new("live").unwrap()]),
            events: BTreeSet::from([EventId::new("md:match:1").unwrap()]),
        }
    }

    #[test]
    fn only_what_would_be_answered_is_taken() {
        let (desk, mut inbox) = desk();
        assert_eq!(desk.ask(request("live", None)), Err(RecoveryRefused::Idle));
        let answering = inbox.open(cast());
        assert_eq!(desk.ask(request("live", None)), Ok(()));
        assert_eq!(desk.ask(request("live", Some("md:match:1"))), Ok(()));
        let stranger = desk.ask(request("pre", None)).unwrap_err().to_string();
        assert_eq!(stranger, "no producer `pre` speaks in what is being played");
        let former = desk.ask(request("live", Some("md:match:9"))).unwrap_err().to_string();
        assert_eq!(former, "`md:match:9` is no event of what is being played");
        for _ in 2..WAITING_MAX {
            desk.ask(request("live", None)).unwrap();
        }
        assert_eq!(desk.ask(request("live", None)), Err(RecoveryRefused::Full));
        drop(answering);
        assert_eq!(desk.ask(request("live", None)), Err(RecoveryRefused::Idle));
    }

    #[test]
    fn a_unified_odds_feeds_producers_are_known_by_the_names_of_its_api_too() {
        let name = |text| Name::new(text).unwrap();
        assert!(request("liveodds", None).is_to(&name("1")) && request("1", None).is_to(&name("1")));
        assert!(request("pre", None).is_to(&name("3")) && request("pre", None).is_to(&name("pre")));
        assert!(!request("liveodds", None).is_to(&name("3")) && !request("1", None).is_to(&name("liveodds")));
        let (desk, mut inbox) = desk();
        let _answering = inbox.open(Cast { producers: BTreeSet::from([name("1")]), ..cast() });
        assert_eq!(desk.ask(request("liveodds", None)), Ok(()));
        assert_eq!(desk.ask(request("pre", None)), Err(RecoveryRefused::Producer(name("pre"))));
    }

    #[test]
    fn what_was_asked_of_one_drive_is_not_answered_by_the_next() {
        let (desk, mut inbox) = desk();
        let first = inbox.open(cast());
        desk.ask(request("live", None)).unwrap();
        drop(first);
        let _second = inbox.open(cast());
        assert!(inbox.requests.try_recv().is_err());
    }
}
