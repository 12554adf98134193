//! Providers that are made silent while a drive goes: they send nothing, and then all that was due meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Name;
use tokio::time::Instant;

/// A handle; clones are of the same silence.
#[derive(Debug, Clone, Default)]
pub struct Hush(Arc<Mutex<BTreeMap<Name, Instant>>>);

impl Hush {
    /// From now on the provider says nothing for so long, or longer where that was said before.
    pub fn silence(&self, provider: Name, length: Duration) {
        let until = Instant::now() + length;
        let mut silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = silent.entry(provider).or_insert(until);
        *known = until.max(*known);
    }

    /// Until when the provider says nothing; `None` where it may speak.
    #[must_use]
    pub fn until(&self, provider: &Name) -> Option<Instant> {
        let silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(provider).copied().filter(|until| *until > Instant::now())
    }
}
