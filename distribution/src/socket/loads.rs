//! The events that a session's subscriptions wait for: a few are loaded at once, the others wait for their turn, and a
//! subscription that ends takes its own with it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use domain::EventId;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use crate::hub::{FollowError, Hub};
use crate::outbox::Subscriber;

/// Events loaded at once for one session, so that no session takes every turn at the stores.
const AT_ONCE_MAX: usize = 8;

/// What one session waits for. At most as many events as its subscriptions may name.
pub(super) struct Loads {
    hub: Arc<Hub>,
    waiting: VecDeque<(Arc<Subscriber>, EventId)>,
    running: FuturesUnordered<Load>,
}

/// An event that a subscription waited for, and what became of it.
pub(super) struct Loaded {
    pub(super) subscription: u32,
    pub(super) event_id: EventId,
    pub(super) outcome: Result<(), FollowError>,
}

struct Load {
    subscriber: Arc<Subscriber>,
    event_id: EventId,
    outcome: BoxFuture<'static, Result<(), FollowError>>,
}

impl Loads {
    /// Nothing to wait for.
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, waiting: VecDeque::new(), running: FuturesUnordered::new() }
    }

    /// Lets a subscription follow these events as they are loaded.
    pub(super) fn add(&mut self, subscriber: &Arc<Subscriber>, events: Vec<EventId>) {
        self.waiting.extend(events.into_iter().map(|event_id| (Arc::clone(subscriber), event_id)));
        self.begin();
    }

    /// Gives up what only subscriptions that have ended wait for.
    pub(super) fn forget_closed(&mut self) {
        self.waiting.retain(|(subscriber, _)| !subscriber.is_closed());
        let running = std::mem::take(&mut self.running);
        self.running = running.into_iter().filter(|load| !load.subscriber.is_closed()).collect();
        self.begin();
    }

    /// The next event that has been loaded; `None` where none is waited for. Nothing is lost where this is given up.
    pub(super) async fn next(&mut self) -> Option<Loaded> {
        let loaded = self.running.next().await?;
        self.begin();
        Some(loaded)
    }

    fn begin(&mut self) {
        while self.running.len() < AT_ONCE_MAX
            && let Some((subscriber, event_id)) = self.waiting.pop_front()
        {
            let (hub, follower, wanted) = (Arc::clone(&self.hub), Arc::clone(&subscriber), event_id.clone());
            let outcome = async move { hub.load_and_follow(&follower, &wanted).await }.boxed();
            self.running.push(Load { subscriber, event_id, outcome });
        }
    }
}

impl Future for Load {
    type Output = Loaded;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Loaded> {
        let outcome = ready!(self.outcome.as_mut().poll(context));
        let (subscription, event_id) = (self.subscriber.number(), self.event_id.clone());
        Poll::Ready(Loaded { subscription, event_id, outcome })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::filter::{Filter, Markets, Sports};
    use crate::hub::HubLimits;
    use crate::outbox::Outbox;
    use crate::store::Store;

    fn subscriber(number: u32) -> Arc<Subscriber> {
        let filter =
            Filter { sports: Sports::default(), events: Some(Vec::new()), markets: Markets::default() };
        Subscriber::new(Arc::<Outbox>::default(), number, &filter, Default::default())
    }

    fn events(numbers: std::ops::Range<usize>) -> Vec<EventId> {
        numbers.map(|number| format!("md:match:{number}").parse().expect("a URN")).collect()
    }

    #[tokio::test]
    async fn whoever_subscribes_and_unsubscribes_in_a_loop_keeps_nothing_loading() {
        let store = Store::stuck();
        let limits = HubLimits { events_max: 1, keep_final: Duration::ZERO, urgent_max: 1 };
        let mut loads = Loads::new(Hub::new(store.clone(), limits));
        let other = subscriber(0);
        loads.add(&other, events(0..2));
        for number in 1..50 {
            let subscriber = subscriber(number);
            loads.add(&subscriber, events(2..1_002));
            assert!(loads.next().now_or_never().is_none(), "no store answers");
            assert_eq!((loads.running.len(), store.loads()), (AT_ONCE_MAX, AT_ONCE_MAX));
            subscriber.close();
            loads.forget_closed();
            assert_eq!((loads.waiting.len(), loads.running.len(), store.loads()), (0, 2, 2));
        }
        assert!(loads.running.iter().all(|load| Arc::ptr_eq(&load.subscriber, &other)));
    }
}
