//! What a client's messages lead to.

use std::collections::HashSet;
use std::time::Duration;

use domain::EventId;
use tokio::time::Instant;

use super::connection::Connection;
use crate::filter::{Filter, FilterError};
use crate::metrics;
use crate::protocol::{
    CONFLATE_MS_MAX, ClientMessage, Close, ErrorCode, HEARTBEAT_MS, ParseError, SUBSCRIPTION_ID_BYTES,
    ServerMessage, Subscribe,
};
use crate::session::Terms;

/// Why a `subscribe` is refused.
#[derive(Debug, thiserror::Error)]
enum SubscribeError {
    #[error("a subscription of this id is there already")]
    Duplicate,
    #[error("{max} subscriptions are allowed")]
    TooMany { max: usize },
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl SubscribeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Duplicate => ErrorCode::DuplicateSubscription,
            Self::TooMany { .. } => ErrorCode::LimitExceeded,
            Self::Filter(error) => error.code(),
        }
    }

    /// What it is counted as: the limit that was reached, or the error.
    fn reason(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "subscriptions",
            Self::Filter(FilterError::TooMany { part, .. }) => part,
            Self::Duplicate | Self::Filter(_) => self.code().as_str(),
        }
    }
}

impl Connection {
    /// Does what a client's message says, or answers why not.
    pub(super) fn obey(&mut self, text: &str) -> Result<(), Close> {
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Subscribe(subscribe)) => {
                let id = subscribe.id.clone();
                if let Err(error) = self.subscribe(subscribe) {
                    self.answer_error(error.code(), error.reason(), Some(&id), error.to_string());
                }
            }
            Ok(ClientMessage::Unsubscribe(unsubscribe)) => self.unsubscribe(&unsubscribe.id),
            Err(ParseError::Invalid { id, error }) => {
                self.refuse(ErrorCode::Invalid, id.as_deref(), error.to_string());
            }
            Err(error @ ParseError::Malformed(_)) => {
                self.refuse(ErrorCode::Malformed, None, error.to_string());
                return Err(Close::Protocol);
            }
        }
        Ok(())
    }

    /// Answers that something was refused.
    pub(super) fn refuse(&mut self, code: ErrorCode, id: Option<&str>, detail: impl Into<String>) {
        self.answer_error(code, code.as_str(), id, detail.into());
    }

    fn answer_error(&mut self, code: ErrorCode, counted_as: &'static str, id: Option<&str>, detail: String) {
        metrics::refused(counted_as);
        let id = id.filter(|id| SUBSCRIPTION_ID_BYTES.contains(&id.len()));
        self.replies.push_back(ServerMessage::Error { code, id, event_id: None, detail }.encode());
    }

    fn subscribe(&mut self, request: Subscribe) -> Result<(), SubscribeError> {
        let limits = self.server.limits;
        if self.session.has(&request.id) {
            return Err(SubscribeError::Duplicate);
        }
        if self.session.subscriptions() >= limits.socket_subscriptions {
            return Err(SubscribeError::TooMany { max: limits.socket_subscriptions });
        }
        let filter = Filter::new(&request, limits.filter())?;
        let resume = request.resume.filter(|resume| filter.markets.can_resume(resume, &self.store_id));
        let conflate_ms = into_range(request.conflate_ms, 0..=CONFLATE_MS_MAX);
        let heartbeat_ms = into_range(request.heartbeat_ms, HEARTBEAT_MS);
        let answer = ServerMessage::Subscribed {
            id: &request.id,
            store: &filter.markets.token(&self.store_id),
            resumed: resume.is_some(),
            sports: filter.sports.named(),
            events: filter.events.as_deref(),
            markets: filter.markets.named(),
            conflate_ms,
            heartbeat_ms,
        };
        self.replies.push_back(answer.encode());
        let mut versions = resume.map(|resume| resume.versions).unwrap_or_default();
        if let Some(events) = &filter.events {
            let events: HashSet<&EventId> = events.iter().collect();
            versions.retain(|event_id, _| events.contains(event_id));
        }
        self.begin(Terms {
            id: request.id,
            conflate: Duration::from_millis(conflate_ms.into()),
            heartbeat: Duration::from_millis(heartbeat_ms.into()),
            filter,
            resume: versions,
        });
        Ok(())
    }

    fn begin(&mut self, terms: Terms) {
        let events = terms.filter.events.clone();
        let subscriber = self.session.open(terms, Instant::now());
        self.server.metrics.subscriptions.increment(1);
        self.listed.subscribed(self.session.subscriptions());
        let hub = &self.server.hub;
        let missing = match events {
            None => hub.follow_sports(&subscriber),
            Some(mut events) => {
                events.retain(|event_id| !hub.follow(&subscriber, event_id));
                events
            }
        };
        self.loads.add(&subscriber, missing);
    }

    fn unsubscribe(&mut self, id: &str) {
        if self.session.close(id) {
            self.loads.forget_closed();
            self.server.metrics.subscriptions.decrement(1);
            self.listed.subscribed(self.session.subscriptions());
            self.replies.push_back(ServerMessage::Unsubscribed { id }.encode());
        } else {
            self.refuse(ErrorCode::UnknownSubscription, Some(id), "there is no subscription of this id");
        }
    }
}

fn into_range(number: i64, range: std::ops::RangeInclusive<u32>) -> u32 {
    let clamped = number.clamp(i64::from(*range.start()), i64::from(*range.end()));
    u32::try_from(clamped).unwrap_or(*range.end())
}
