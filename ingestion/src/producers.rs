//! How many producers a provider has: each takes a row per partition in the processors and a place in every event of
//! which it speaks, so that names without end would fill what others need.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use chassis::problem::Problem;
use domain::{Name, Source, Timestamp};

use crate::refusal;

/// Providers whose producers are counted. Only where there is no providers file may there be more.
const PROVIDERS_MAX: usize = 1_000;

/// Whoever has been silent for so long gives up its place to a new one: a name that was a mistake holds none for ever.
const SILENT_MICROS: i64 = 10 * 60 * 1_000_000;

/// The producers that have spoken lately.
#[derive(Debug)]
pub struct Producers {
    /// Of one provider.
    max: usize,
    /// When each was last heard, in microseconds since the Unix epoch.
    heard: RwLock<BTreeMap<Name, BTreeMap<Name, AtomicI64>>>,
}

impl Producers {
    /// None yet.
    pub fn new(max: usize) -> Self {
        Self { max, heard: RwLock::default() }
    }

    /// Whether a producer has spoken before, or there is room for one more; it has not spoken yet.
    pub fn has_room(&self, source: &Source) -> bool {
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        let known = heard.get(&source.provider);
        known.is_none_or(|known| known.len() < self.max || known.contains_key(&source.producer))
    }

    /// Lets a producer speak that has spoken before, or for which there is room.
    pub fn admit(&self, source: &Source, now: Timestamp) -> Result<(), Problem> {
        let Source { provider, producer } = source;
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = heard.get(provider).and_then(|producers| producers.get(producer)) {
            at.store(now.0, Ordering::Relaxed);
            return Ok(());
        }
        drop(heard);
        let mut heard = self.heard.write().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= PROVIDERS_MAX && !heard.contains_key(provider) {
            heard.retain(|_, producers| {
                forget(producers, now);
                !producers.is_empty()
            });
            if heard.len() >= PROVIDERS_MAX {
                let detail = format!("{PROVIDERS_MAX} providers have sent lately, this one is too many");
                return Err(refusal::invalid(detail).at("/provider"));
            }
        }
        let producers = heard.entry(provider.clone()).or_default();
        if producers.len() >= self.max {
            forget(producers, now);
        }
        if producers.len() >= self.max && !producers.contains_key(producer) {
            let names: Vec<&str> = producers.keys().map(Name::as_str).collect();
            let detail = format!(
                "`{producer}` would be one producer too many: a provider may have {}, `{provider}` has {}",
                self.max,
                names.join(", ")
            );
            return Err(refusal::invalid(detail).at("/producer"));
        }
        producers.insert(producer.clone(), AtomicI64::new(now.0));
        Ok(())
    }
}

fn forget(producers: &mut BTreeMap<Name, AtomicI64>, now: Timestamp) {
    producers.retain(|_, heard| now.0 - heard.load(Ordering::Relaxed) < SILENT_MICROS);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

    fn source(provider: &str, producer: &str) -> Source {
        Source { provider: Name::new(provider).unwrap(), producer: Name::new(producer).unwrap() }
    }

    #[test]
    fn a_provider_has_so_many_producers_and_each_provider_its_own() {
        let producers = Producers::new(2);
        for (provider, producer) in [("a", "live"), ("a", "pre"), ("a", "live"), ("b", "x"), ("b", "live")] {
            producers.admit(&source(provider, producer), NOW).unwrap();
        }
        let problem = producers.admit(&source("a", "third"), NOW).unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.pointer.as_deref()), (422, Some("/producer")));
        assert!(problem.detail.contains("may have 2, `a` has live, pre"), "{}", problem.detail);
        let later = Timestamp(NOW.0 + SILENT_MICROS - 1);
        producers.admit(&source("a", "pre"), later).unwrap();
        assert!(producers.admit(&source("a", "third"), later).is_err());
        // `live` has said nothing for long enough, `pre` has.
        let later = Timestamp(NOW.0 + SILENT_MICROS);
        producers.admit(&source("a", "third"), later).unwrap();
        assert!(producers.admit(&source("a", "live"), later).is_err());
    }

    #[test]
    fn invented_providers_are_no_more_than_so_many() {
        let producers = Producers::new(1);
        for number in 0..PROVIDERS_MAX {
            producers.admit(&source(&format!("p{number}"), "live"), NOW).unwrap();
        }
        let problem = producers.admit(&source("one-more", "live"), NOW).unwrap_err();
        assert_eq!(problem.pointer.as_deref(), Some("/provider"));
        producers.admit(&source("p0", "live"), NOW).unwrap();
        producers.admit(&source("one-more", "live"), Timestamp(NOW.0 + SILENT_MICROS)).unwrap();
    }
}
