//! What all requests hold together, and how much of it one provider may: one alone cannot shut the others out.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use chassis::problem::Problem;
use domain::Name;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limit::{Limits, share};
use crate::metrics;
use crate::refusal;

/// Room for requests. A request that finds none is turned away, not queued: its sender knows better than we do what to
/// send again first.
#[derive(Debug)]
pub struct Admission {
    ledger: Arc<Ledger>,
    decompressors: Semaphore,
}

/// A place among the requests in flight; given back when dropped.
#[derive(Debug)]
pub struct Place {
    holding: Holding,
    _gauge: metrics::Held,
}

/// Memory set aside for a request; given back when dropped.
#[derive(Debug)]
pub struct Memory {
    holding: Holding,
    gauge: metrics::Held,
}

/// What one provider has taken out of the ledger; put back when dropped.
#[derive(Debug)]
struct Holding {
    ledger: Arc<Ledger>,
    provider: Name,
    amount: Amount,
}

#[derive(Debug)]
struct Ledger {
    max: Amount,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: Amount,
    /// Of those only that hold something.
    by_provider: BTreeMap<Name, Amount>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    requests: usize,
    bytes: usize,
}

impl Admission {
    /// Room for as much as the limits say.
    pub fn new(limits: &Limits) -> Self {
        let max = Amount { requests: limits.max_requests_in_flight, bytes: limits.max_bytes_in_flight };
        Self {
            ledger: Arc::new(Ledger { max, used: Mutex::default() }),
            decompressors: Semaphore::new(available_parallelism().map_or(1, NonZeroUsize::get)),
        }
    }

    /// A place for one request of `provider`.
    pub fn request(&self, provider: &Name) -> Result<Place, Problem> {
        let amount = Amount { requests: 1, bytes: 0 };
        let holding = Holding::take(&self.ledger, provider, amount)?;
        Ok(Place { holding, _gauge: metrics::requests_in_flight(1) })
    }

    /// A turn to decompress: no more at once than there are processors, because more would only hold more memory.
    /// Whoever waits for it waits for computation, never for a client.
    pub async fn decompressor(&self) -> SemaphorePermit<'_> {
        self.decompressors.acquire().await.expect("the semaphore is never closed")
    }
}

impl Place {
    /// So many bytes of memory for this request.
    pub fn memory(&self, bytes: usize) -> Result<Memory, Problem> {
        let Holding { ledger, provider, .. } = &self.holding;
        let holding = Holding::take(ledger, provider, Amount { requests: 0, bytes })?;
        Ok(Memory { holding, gauge: metrics::bytes_in_flight(bytes) })
    }
}

impl Memory {
    /// Makes it `bytes` in all, if there is room for what is new.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.holding.amount.bytes);
        self.grow_by(more)
    }

    /// Adds to it, if there is room.
    pub fn grow_by(&mut self, bytes: usize) -> Result<(), Problem> {
        let Holding { ledger, provider, amount } = &mut self.holding;
        let more = Amount { requests: 0, bytes };
        ledger.take(provider, more)?;
        *amount += more;
        self.gauge.increase(bytes);
        Ok(())
    }
}

impl Holding {
    fn take(ledger: &Arc<Ledger>, provider: &Name, amount: Amount) -> Result<Self, Problem> {
        ledger.take(provider, amount)?;
        Ok(Self { ledger: Arc::clone(ledger), provider: provider.clone(), amount })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.ledger.put_back(&self.provider, self.amount);
    }
}

impl Ledger {
    fn take(&self, provider: &Name, amount: Amount) -> Result<(), Problem> {
        let mut used = self.lock();
        let (mut all, mut own) = (used.all, used.by_provider.get(provider).copied().unwrap_or_default());
        all += amount;
        own += amount;
        let over = [
            (all.requests > self.max.requests, "requests_in_flight", "too many requests are in flight"),
            (all.bytes > self.max.bytes, "bytes_in_flight", "too many bytes are in flight"),
            (
                own.requests > share(self.max.requests),
                "provider_requests_in_flight",
                "too many requests of this provider are in flight",
            ),
            (
                own.bytes > share(self.max.bytes),
                "provider_bytes_in_flight",
                "too many bytes of this provider are in flight",
            ),
        ];
        if let Some((_, limit, detail)) = over.into_iter().find(|(is_over, ..)| *is_over) {
            metrics::limited(limit);
            return Err(refusal::overloaded(detail));
        }
        used.all = all;
        match used.by_provider.get_mut(provider) {
            Some(known) => *known = own,
            None => drop(used.by_provider.insert(provider.clone(), own)),
        }
        Ok(())
    }

    fn put_back(&self, provider: &Name, amount: Amount) {
        let mut used = self.lock();
        used.all.requests -= amount.requests;
        used.all.bytes -= amount.bytes;
        if let Some(own) = used.by_provider.get_mut(provider) {
            own.requests -= amount.requests;
            own.bytes -= amount.bytes;
            if *own == Amount::default() {
                used.by_provider.remove(provider);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(requests: usize, bytes: usize) -> Admission {
        let ledger = Arc::new(Ledger { max: Amount { requests, bytes }, used: Mutex::default() });
        Admission { ledger, decompressors: Semaphore::new(1) }
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn turns_away_the_request_for_which_there_is_no_place_and_takes_the_next_when_one_left() {
        let admission = admission(2, 4096);
        let _other = admission.request(&name("a")).unwrap();
        let first = admission.request(&name("b")).unwrap();
        let problem = admission.request(&name("c")).unwrap_err();
        assert!(problem.status == 503 && problem.retry_after.is_some());
        drop(first);
        assert!(admission.request(&name("c")).is_ok());
    }

    #[test]
    fn a_provider_holds_no_more_than_its_share_and_others_have_theirs() {
        let admission = admission(4, 4096);
        let (a, b) = (name("a"), name("b"));
        let places = [(); 2].map(|()| admission.request(&a).unwrap());
        let problem = admission.request(&a).unwrap_err();
        assert!(problem.status == 503 && problem.detail.contains("of this provider"), "{}", problem.detail);
        let mut memory = places[0].memory(2000).unwrap();
        let problem = places[1].memory(49).unwrap_err();
        assert!(problem.status == 503 && problem.detail.contains("of this provider"), "{}", problem.detail);
        let other = admission.request(&b).unwrap();
        let all_of_its = other.memory(2048).unwrap();
        memory.grow_to(2048).unwrap();
        memory.grow_to(10).unwrap();
        assert_eq!(memory.grow_by(1).unwrap_err().status, 503);
        assert_eq!(
            admission.request(&name("c")).unwrap().memory(1).unwrap_err().detail,
            "too many bytes are in flight"
        );
        drop((memory, places, all_of_its, other));
        let used = admission.ledger.lock();
        assert_eq!(used.all, Amount::default());
        assert!(used.by_provider.is_empty(), "a name that holds nothing takes no room");
    }
}
