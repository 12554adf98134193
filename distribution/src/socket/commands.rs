//! What a client's messages lead to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::{EventId, Sport};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::connection::{Connection, Loaded};
use crate::metrics;
use crate::outbox::Subscriber;
use crate::protocol::{
    CONFLATE_MS_MAX, ClientMessage, Close, ErrorCode, HEARTBEAT_MS, SUBSCRIPTION_ID_BYTES_MAX, ServerMessage,
    Subscribe,
};
use crate::session::Terms;

/// Which events a subscription is of, after validation.
enum Filter {
    Sport(Sport),
    Events(Vec<EventId>),
}

impl Connection {
    /// Does what a client's message says, or answers why not.
    pub(super) fn obey(&mut self, text: &str) -> Result<(), Close> {
        match serde_json::from_str(text) {
            Ok(ClientMessage::Subscribe(subscribe)) => {
                let id = subscribe.id.clone();
                if let Err((code, detail)) = self.subscribe(subscribe) {
                    self.refuse(code, Some(&id), detail);
                }
            }
            Ok(ClientMessage::Unsubscribe(unsubscribe)) => self.unsubscribe(&unsubscribe.id),
            Err(error) if error.is_data() => {
                let id = subscription_named(text);
                self.refuse(ErrorCode::Invalid, id.as_deref(), error.to_string());
            }
            Err(error) => {
                self.refuse(ErrorCode::Malformed, None, error.to_string());
                return Err(Close::Protocol);
            }
        }
        Ok(())
    }

    /// Answers that something was refused.
    pub(super) fn refuse(&mut self, code: ErrorCode, id: Option<&str>, detail: impl Into<String>) {
        metrics::refused("message");
        let error = ServerMessage::Error { code, id, event_id: None, detail: detail.into() };
        self.replies.push_back(error.encode());
    }

    fn subscribe(&mut self, request: Subscribe) -> Result<(), (ErrorCode, String)> {
        let limits = self.server.limits;
        if self.session.has(&request.id) {
            return Err((
                ErrorCode::DuplicateSubscription,
                "a subscription of this id is there already".to_owned(),
            ));
        }
        if self.session.subscriptions() >= limits.socket_subscriptions {
            let detail = format!("{} subscriptions are allowed", limits.socket_subscriptions);
            return Err((ErrorCode::LimitExceeded, detail));
        }
        let filter = filter(&request).map_err(|detail| (ErrorCode::Invalid, detail.to_owned()))?;
        let resumed = request.resume.as_ref().is_some_and(|resume| *resume.store == *self.store_id);
        let mut resume = request.resume.filter(|_| resumed).map(|resume| resume.versions).unwrap_or_default();
        let named = match &filter {
            Filter::Sport(_) => resume.len(),
            Filter::Events(events) => events.len(),
        };
        if named > limits.socket_events {
            let detail = format!("{} events are allowed", limits.socket_events);
            return Err((ErrorCode::LimitExceeded, detail));
        }
        if let Filter::Events(events) = &filter {
            let events: HashSet<&EventId> = events.iter().collect();
            resume.retain(|event_id, _| events.contains(event_id));
        }
        let conflate_ms = into_range(request.conflate_ms, 0..=CONFLATE_MS_MAX);
        let heartbeat_ms = into_range(request.heartbeat_ms, HEARTBEAT_MS);
        let (sport, events) = match &filter {
            Filter::Sport(sport) => (Some(*sport), None),
            Filter::Events(events) => (None, Some(events.as_slice())),
        };
        let (id, store) = (request.id.as_str(), &*self.store_id);
        let answer =
            ServerMessage::Subscribed { id, store, resumed, sport, events, conflate_ms, heartbeat_ms };
        self.replies.push_back(answer.encode());
        self.begin(&filter, request.id, resume, (conflate_ms, heartbeat_ms));
        Ok(())
    }

    fn begin(
        &mut self,
        filter: &Filter,
        id: String,
        resume: HashMap<EventId, u64>,
        (conflate_ms, heartbeat_ms): (u32, u32),
    ) {
        let terms = Terms {
            id,
            conflate: Duration::from_millis(conflate_ms.into()),
            heartbeat: Duration::from_millis(heartbeat_ms.into()),
            pins: matches!(filter, Filter::Events(_)),
            resume,
        };
        let subscriber = self.session.open(terms, Instant::now());
        self.server.metrics.subscriptions.increment(1);
        let (missing, sport) = match filter {
            Filter::Sport(sport) => (self.server.hub.follow_sport(&subscriber, *sport), Some(*sport)),
            Filter::Events(events) => {
                let hub = &self.server.hub;
                (events.iter().filter(|id| !hub.follow(&subscriber, id)).cloned().collect(), None)
            }
        };
        for event_id in missing {
            self.load(&subscriber, event_id, sport);
        }
    }

    fn load(&mut self, subscriber: &Arc<Subscriber>, event_id: EventId, sport: Option<Sport>) {
        let (hub, subscriber) = (Arc::clone(&self.server.hub), Arc::clone(subscriber));
        let load = async move {
            let outcome = hub.load_and_follow(&subscriber, &event_id, sport).await;
            Loaded { subscription: subscriber.number(), event_id, outcome }
        };
        self.loads.push(load.boxed());
    }

    fn unsubscribe(&mut self, id: &str) {
        if self.session.close(id) {
            self.server.metrics.subscriptions.decrement(1);
            self.replies.push_back(ServerMessage::Unsubscribed { id }.encode());
        } else {
            self.refuse(ErrorCode::UnknownSubscription, Some(id), "there is no subscription of this id");
        }
    }
}

fn filter(request: &Subscribe) -> Result<Filter, &'static str> {
    if !(1..=SUBSCRIPTION_ID_BYTES_MAX).contains(&request.id.len()) {
        return Err("`id` must have 1 to 64 bytes");
    }
    match (request.sport, &request.events) {
        (Some(sport), None) => Ok(Filter::Sport(sport)),
        (None, Some(events)) if !events.is_empty() => {
            let mut seen = HashSet::new();
            Ok(Filter::Events(events.iter().filter(|event_id| seen.insert(*event_id)).cloned().collect()))
        }
        (None, Some(_)) => Err("`events` is empty"),
        _ => Err("exactly one of `sport` and `events` is needed"),
    }
}

/// The subscription that a message names although the message as a whole is not understood.
fn subscription_named(text: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(text).ok()?;
    let id = message.get("id")?.as_str()?;
    (id.len() <= SUBSCRIPTION_ID_BYTES_MAX).then(|| id.to_owned())
}

fn into_range(number: i64, range: std::ops::RangeInclusive<u32>) -> u32 {
    let clamped = number.clamp(i64::from(*range.start()), i64::from(*range.end()));
    u32::try_from(clamped).unwrap_or(*range.end())
}
