//! The requests that are being made: one to each provider at a time, and no two to one within its pace. So a provider that does
//! not answer keeps nobody but itself waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::Name;
use tokio::task::{AbortHandle, JoinSet};

/// The last request to each provider. Those that have not been answered end with this.
#[derive(Debug, Default)]
pub struct Asking {
    tasks: JoinSet<()>,
    last: BTreeMap<Name, Asked>,
}

/// A request.
#[derive(Debug)]
struct Asked {
    at: Instant,
    task: AbortHandle,
}

impl Asking {
    /// Whether a provider may be asked now: it has answered, and `every` has passed since it was asked.
    pub fn is_free(&self, provider: &Name, every: Duration, now: Instant) -> bool {
        let last = self.last.get(provider);
        last.is_none_or(|last| last.task.is_finished() && now.saturating_duration_since(last.at) >= every)
    }

    /// Makes a request of a provider, beside those of others.
    pub fn begin(
        &mut self,
        provider: Name,
        now: Instant,
        request: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(request);
        self.last.insert(provider, Asked { at: now, task });
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
        asking.begin(slow.clone(), began, std::future::pending());
        asking.begin(quick.clone(), began, std::future::ready(()));
        asking.tasks.join_next().await.unwrap().unwrap();
        let free = |provider: &Name, after: Duration| asking.is_free(provider, EVERY, began + after);
        let just_before = EVERY - Duration::from_micros(1);
        assert_eq!((free(&quick, just_before), free(&quick, EVERY)), (false, true));
        assert!(!free(&slow, EVERY * 100), "it has not answered");
        assert!(free(&other, Duration::ZERO), "nobody else waits for it");
    }
}
