//! Who is made silent while a drive goes: a provider, or one producer of it, sends nothing, and then all that was due meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Name, Source};
use tokio::time::Instant;

/// A handle; clones are of the same silence.
#[derive(Debug, Clone, Default)]
pub struct Hush(Arc<Mutex<Silent>>);

/// Until when.
#[derive(Debug, Default)]
struct Silent {
    providers: BTreeMap<Name, Instant>,
    producers: BTreeMap<Source, Instant>,
}

impl Hush {
    /// From now on the provider says nothing for so long, or longer where that was said before.
    pub fn silence(&self, provider: Name, length: Duration) {
        self.with(|silent| extend(&mut silent.providers, provider, length));
    }

    /// The same of one of its producers.
    pub fn silence_producer(&self, source: Source, length: Duration) {
        self.with(|silent| extend(&mut silent.producers, source, length));
    }

    /// Until when the provider as a whole says nothing; `None` where it may speak.
    #[must_use]
    pub fn until(&self, provider: &Name) -> Option<Instant> {
        self.with(|silent| still(silent.providers.get(provider)))
    }

    /// Until when the producer says nothing, by itself or with its provider; `None` where it may speak.
    #[must_use]
    pub fn producer_until(&self, source: &Source) -> Option<Instant> {
        let by_itself = self.with(|silent| still(silent.producers.get(source)));
        by_itself.max(self.until(&source.provider))
    }

    /// Whether a single producer says nothing.
    #[must_use]
    pub fn is_of_producers(&self) -> bool {
        self.with(|silent| silent.producers.values().any(|until| still(Some(until)).is_some()))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Silent) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn extend<K: Ord>(all: &mut BTreeMap<K, Instant>, who: K, length: Duration) {
    let until = Instant::now() + length;
    let known = all.entry(who).or_insert(until);
    *known = until.max(*known);
}

fn still(until: Option<&Instant>) -> Option<Instant> {
    until.copied().filter(|until| *until > Instant::now())
}
