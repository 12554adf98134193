//! What is on its way, by provider: so that each can say for itself that all it had said before has arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Name;

use crate::recovery::RecoveryRequest;

/// How often it is looked whether all that was on its way has landed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The flights of all providers of a drive.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<BTreeMap<Name, OfProvider>>);

#[derive(Debug, Default)]
struct OfProvider {
    /// How many have begun.
    begun: u64,
    /// Those that have not landed, by their number.
    aloft: BTreeSet<u64>,
    /// Whether one was given up.
    has_lost: bool,
    /// Requests of which something was given up that was to be sent once more, until as much is sent whole.
    unanswered: Vec<RecoveryRequest>,
}

/// Messages that go out together; they have landed when this is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    provider: Name,
    number: u64,
}

impl Flights {
    /// Something of a provider goes out.
    pub(crate) fn begin(self: &Arc<Self>, provider: &Name) -> Flight {
        let number = self.of(provider, |it| {
            it.begun += 1;
            it.aloft.insert(it.begun);
            it.begun
        });
        Flight { flights: Arc::clone(self), provider: provider.clone(), number }
    }

    /// Waits until all that is on its way now has landed; what follows is not waited for.
    pub(crate) async fn landed(&self, provider: &Name) {
        let last = self.of(provider, |it| it.begun);
        while self.of(provider, |it| it.aloft.first().is_some_and(|first| *first <= last)) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether something of the provider was given up: it will never arrive, or not before somebody asks for it again.
    pub(crate) fn has_lost(&self, provider: &Name) -> bool {
        self.of(provider, |it| it.has_lost || !it.unanswered.is_empty())
    }

    /// Something was given up of what was to be sent once more.
    pub(crate) fn lost_again(&self, provider: &Name, request: &RecoveryRequest) {
        self.of(provider, |it| {
            it.unanswered.retain(|other| !request.is_of_all_in(other));
            it.unanswered.push(request.clone());
        });
    }

    /// All that was asked for has been sent once more, and taken.
    pub(crate) fn sent_again(&self, provider: &Name, request: &RecoveryRequest) {
        self.of(provider, |it| it.unanswered.retain(|other| !request.is_of_all_in(other)));
    }

    fn of<T>(&self, provider: &Name, look: impl FnOnce(&mut OfProvider) -> T) -> T {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !providers.contains_key(provider) {
            providers.insert(provider.clone(), OfProvider::default());
        }
        look(providers.get_mut(provider).expect("it is there"))
    }
}

impl Flight {
    /// It was given up.
    pub(crate) fn lost(self) {
        self.flights.of(&self.provider, |it| it.has_lost = true);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.of(&self.provider, |it| it.aloft.remove(&self.number));
    }
}
