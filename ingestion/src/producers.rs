//! How many producers a provider has: each takes a row per partition in the processors and a place in every event of
//! which it speaks, so that names without end would fill what others need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use chassis::problem::Problem;
use domain::{Name, Source};

use crate::refusal;

/// Providers whose producers are counted. Only where there is no providers file may there be more.
const PROVIDERS_MAX: usize = 1_000;

/// The producers that have spoken since this process began.
#[derive(Debug)]
pub struct Producers {
    /// Of one provider.
    max: usize,
    known: RwLock<BTreeMap<Name, BTreeSet<Name>>>,
}

impl Producers {
    /// None yet.
    pub fn new(max: usize) -> Self {
        Self { max, known: RwLock::default() }
    }

    /// Lets a producer speak that has spoken before, or for which there is room.
    pub fn admit(&self, source: &Source) -> Result<(), Problem> {
        let Source { provider, producer } = source;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.get(provider).is_some_and(|producers| producers.contains(producer)) {
            return Ok(());
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PROVIDERS_MAX && !known.contains_key(provider) {
            let detail = format!("{PROVIDERS_MAX} providers have sent already, this one is too many");
            return Err(refusal::invalid(detail).at("/provider"));
        }
        let producers = known.entry(provider.clone()).or_default();
        if producers.len() >= self.max && !producers.contains(producer) {
            let names: Vec<&str> = producers.iter().map(Name::as_str).collect();
            let detail = format!(
                "`{producer}` would be one producer too many: a provider may have {}, `{provider}` has {}",
                self.max,
                names.join(", ")
            );
            return Err(refusal::invalid(detail).at("/producer"));
        }
        producers.insert(producer.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(provider: &str, producer: &str) -> Source {
        Source { provider: Name::new(provider).unwrap(), producer: Name::new(producer).unwrap() }
    }

    #[test]
    fn a_provider_has_so_many_producers_and_each_provider_its_own() {
        let producers = Producers::new(2);
        for (provider, producer) in [("a", "live"), ("a", "pre"), ("a", "live"), ("b", "x"), ("b", "live")] {
            producers.admit(&source(provider, producer)).unwrap();
        }
        let problem = producers.admit(&source("a", "third")).unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.pointer.as_deref()), (422, Some("/producer")));
        assert!(problem.detail.contains("may have 2, `a` has live, pre"), "{}", problem.detail);
        producers.admit(&source("a", "pre")).unwrap();
    }

    #[test]
    fn invented_providers_are_no_more_than_so_many() {
        let producers = Producers::new(1);
        for number in 0..PROVIDERS_MAX {
            producers.admit(&source(&format!("p{number}"), "live")).unwrap();
        }
        let problem = producers.admit(&source("one-more", "live")).unwrap_err();
        assert_eq!(problem.pointer.as_deref(), Some("/provider"));
        producers.admit(&source("p0", "live")).unwrap();
    }
}
