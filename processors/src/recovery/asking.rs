//! The requests that are being made: one to each provider at a time, and no two to one within its pace. So a provider that does
//! not answer keeps nobody but itself waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use domain::Name;
use tokio::task::{AbortHandle, JoinSet};

/// The last request to each provider. Those that have not been answered end with this.
#[derive(Debug, Default)]
pub struct Asking {
    tasks: JoinSet<()>,
    last: BTreeMap<Name, Asked>,
    /// Since when this process asks. Who asked before may have done so just then.
    since: Option<Instant>,
}

/// A request.
#[derive(Debug)]
struct Asked {
    at: Instant,
    task: AbortHandle,
    /// For how long after its answer the provider wants no other.
    rest: Arc<OnceLock<Instant>>,
}

impl Asking {
    /// Whether it is this process that asks now.
    pub fn is_ours(&mut self, is_ours: bool, now: Instant) {
        self.since = is_ours.then(|| self.since.unwrap_or(now));
    }

    /// Whether a provider may be asked now: it has answered, and wants no rest, and `every` has passed since it was asked, be it
    /// by the process that asked before this one.
    pub fn is_free(&self, provider: &Name, every: Duration, now: Instant) -> bool {
        let has_passed = |since: Instant| now.saturating_duration_since(since) >= every;
        let is_over = |last: &Asked| {
            last.task.is_finished()
                && has_passed(last.at)
                && last.rest.get().is_none_or(|until| *until <= now)
        };
        self.since.is_some_and(has_passed) && self.last.get(provider).is_none_or(is_over)
    }

    /// Makes a request of a provider, beside those of others. It says for how long after its answer none is wanted.
    pub fn begin(
        &mut self,
        provider: Name,
        now: Instant,
        request: impl Future<Output = Option<Duration>> + Send + 'static,
    ) {
        let rest = Arc::new(OnceLock::new());
        let rests = Arc::clone(&rest);
        let task = self.tasks.spawn(async move {
            if let Some(until) = request.await.and_then(|rest| Instant::now().checked_add(rest)) {
                // Nobody else says so of this request.
                let _ = rests.set(until);
            }
        });
        self.last.insert(provider, Asked { at: now, task, rest });
    }

    /// Lets go of those that are over.
    pub fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a request for a recovery ended by panic");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_provider_is_asked_again_once_it_has_answered_and_its_pace_allows() {
        let name = |text| Name::new(text).unwrap();
        let (slow, quick, other) = (name("slow"), name("quick"), name("other"));
        let (mut asking, began) = (Asking::default(), Instant::now());
        asking.is_ours(true, began - EVERY);
        asking.begin(slow.clone(), began, std::future::pending());
        asking.begin(quick.clone(), began, std::future::ready(None));
        asking.tasks.join_next().await.unwrap().unwrap();
        let free = |provider: &Name, after: Duration| asking.is_free(provider, EVERY, began + after);
        let just_before = EVERY - Duration::from_micros(1);
        assert_eq!((free(&quick, just_before), free(&quick, EVERY)), (false, true));
        assert!(!free(&slow, EVERY * 100), "it has not answered");
        assert!(free(&other, Duration::ZERO), "nobody else waits for it");
    }

    #[tokio::test]
    async fn a_provider_that_wants_rest_has_it_however_short_the_pace_is() {
        let provider = Name::new("md").unwrap();
        let (mut asking, began) = (Asking::default(), Instant::now());
        asking.is_ours(true, began - EVERY);
        asking.begin(provider.clone(), began, std::future::ready(Some(EVERY * 10)));
        asking.tasks.join_next().await.unwrap().unwrap();
        let free = |after: Duration| asking.is_free(&provider, EVERY, began + after);
        assert_eq!((free(EVERY * 9), free(EVERY * 11)), (false, true));
    }

    #[test]
    fn who_takes_over_asks_nobody_whom_the_one_before_may_just_have_asked() {
        let provider = Name::new("md").unwrap();
        let (mut asking, began) = (Asking::default(), Instant::now());
        let is_free = |asking: &Asking, after: Duration| asking.is_free(&provider, EVERY, began + after);
        assert!(!is_free(&asking, EVERY * 100), "another one asks");
        asking.is_ours(true, began);
        asking.is_ours(true, began + EVERY / 2);
        assert_eq!((is_free(&asking, EVERY / 2), is_free(&asking, EVERY)), (false, true));
        // Who lost the right and has it again is no better.
        asking.is_ours(false, began + EVERY);
        asking.is_ours(true, began + EVERY * 2);
        assert_eq!((is_free(&asking, EVERY * 2), is_free(&asking, EVERY * 3)), (false, true));
    }
}
