//! The loads in hand: each is shared by all who wait for it, and given up when nobody waits any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::EventId;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio_util::task::AbortOnDropHandle;

use super::{Loaded, Unavailable};
use crate::lock::lock;

/// What is loaded: the event, and the version that is wanted. An answer may be shared only with who wants no newer one.
pub(super) type Wanted = (EventId, u64);
/// What those who wait for a load share.
pub(super) type Loading = Shared<BoxFuture<'static, Loaded>>;

/// The loads that somebody waits for. Clones share it.
#[derive(Clone, Default)]
pub(super) struct LoadsInHand(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    begun: u64,
    /// With the number of each: one that ends takes out itself only, not what took its place.
    loads: HashMap<Wanted, (u64, WeakShared<BoxFuture<'static, Loaded>>)>,
}

impl LoadsInHand {
    /// The load of this that is in hand already, or `load`, which begins when it is first waited for.
    pub(super) fn join(
        &self,
        wanted: Wanted,
        load: impl Future<Output = Loaded> + Send + 'static,
    ) -> Loading {
        let mut table = lock(&self.0);
        if let Some(loading) = table.loads.get(&wanted).and_then(|(_, loading)| loading.upgrade()) {
            return loading;
        }
        table.begun += 1;
        let number = table.begun;
        let entry = || Entry { table: Arc::clone(&self.0), wanted: wanted.clone(), number };
        let (waited_for, answered) = (entry(), entry());
        let loading = async move {
            let _waited_for = waited_for;
            // A task of its own goes on while those who wait do something else, and ends with the last of them.
            let task = tokio::spawn(async move {
                let _answered = answered;
                load.await
            });
            AbortOnDropHandle::new(task).await.unwrap_or_else(|error| Err(Unavailable::new(error)))
        };
        let loading = loading.boxed().shared();
        table.loads.extend(loading.downgrade().map(|weak| (wanted, (number, weak))));
        loading
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.0).loads.len()
    }
}

/// A load's place in the table: free as soon as there is an answer, which would grow old there, or nobody waits for one.
struct Entry {
    table: Arc<Mutex<Table>>,
    wanted: Wanted,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        if table.loads.get(&self.wanted).is_some_and(|(number, _)| *number == self.number) {
            table.loads.remove(&self.wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn wanted(version: u64) -> Wanted {
        ("md:match:1".parse().expect("a URN"), version)
    }

    #[tokio::test]
    async fn a_load_is_shared_with_those_who_want_the_same_version() {
        let in_hand = LoadsInHand::default();
        let waits = [0, 7, 7, 8, 0].map(|version| in_hand.join(wanted(version), pending()));
        assert_eq!(in_hand.count(), 3);
        assert!(waits[1].ptr_eq(&waits[2]) && !waits[0].ptr_eq(&waits[1]));
    }

    #[tokio::test]
    async fn a_load_ends_with_the_last_who_waits_for_it() {
        let in_hand = LoadsInHand::default();
        let (held, released) = tokio::sync::oneshot::channel::<()>();
        let load = async move {
            let _held = held;
            pending().await
        };
        let (mut first, mut second) = (in_hand.join(wanted(0), load), in_hand.join(wanted(0), pending()));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(first);
        assert_eq!(in_hand.count(), 1);
        drop(second);
        assert_eq!(in_hand.count(), 0);
        assert!(released.await.is_err(), "the task is gone, and what it held");
    }

    #[tokio::test]
    async fn who_comes_after_the_answer_asks_anew() {
        let in_hand = LoadsInHand::default();
        let first = in_hand.join(wanted(0), ready(Ok(None)));
        assert!(first.clone().await.is_ok_and(|image| image.is_none()));
        let second = in_hand.join(wanted(0), ready(Err(Unavailable::new("away"))));
        assert!(second.await.is_err());
        assert_eq!(in_hand.count(), 0);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_has_fetched_yet_is_not_given_to_others() {
        let in_hand = LoadsInHand::default();
        let mut slow = in_hand.join(wanted(0), async {
            tokio::task::yield_now().await;
            Ok(None)
        });
        assert!((&mut slow).now_or_never().is_none());
        while in_hand.count() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(in_hand.join(wanted(0), ready(Err(Unavailable::new("away")))).await.is_err());
        assert!(slow.await.is_ok());
    }
}
