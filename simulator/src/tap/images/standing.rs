//! A game as REST tells it, and the image that comes of it: what stands in front of a message from its middle.

use domain::message::{BetStop, Groups, StopStatus};
use domain::update::{Cause, Value};
use domain::{
    Body, Content, EventId, EventMessage, FeedMessage, Fixture, Incident, Market, MessageId, Position,
    Source, Status,
};
use serde::Deserialize;

use super::log::{Log, Reached};
use crate::format::Format;
use crate::recording::{bodies_of, renumbered, run_on, snapshot_of};

/// An event as REST tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    pub(super) version: u64,
    fixture: Option<Fixture>,
    status: Option<Status>,
    markets: Vec<Market>,
    incidents: Vec<Incident>,
}

/// How one producer's part of a game stood.
#[derive(Debug)]
pub(in crate::tap) struct Image {
    pub(in crate::tap) event_id: EventId,
    pub(in crate::tap) source: Source,
    /// Up to where it stands for what was said; absent of a source without sequences.
    pub(in crate::tap) applied: Option<Position>,
    pub(in crate::tap) messages: Vec<FeedMessage>,
    /// Bet stops that had been heard ahead of their turn, counted on from it.
    pub(in crate::tap) stops: Vec<FeedMessage>,
}

impl Standing {
    /// Whether more is known of it than who plays whom.
    pub(super) fn has_begun(&self, source: &Source) -> bool {
        self.status.is_some() || self.markets.iter().any(|market| market.producer == source.producer)
    }

    /// How it stood before the first message, to which a clock that runs has run on.
    pub(super) fn image(
        mut self,
        format: Format,
        first: &FeedMessage,
        event: &EventMessage,
        log: &Log,
        reached: Option<Reached>,
    ) -> Image {
        self.run_on(first, event, log);
        let Self { fixture, status, markets, incidents, .. } = self;
        let own = markets.into_iter().filter(|market| market.producer == first.source.producer);
        let values = fixture
            .map(Value::Fixture)
            .into_iter()
            .chain(status.map(Value::Status))
            .chain(own.map(Value::Market))
            .chain(incidents.into_iter().map(Value::Incident));
        let bodies = match format {
            Format::Uof => bodies_of(values),
            Format::Json | Format::Xml => vec![Body::Snapshot(snapshot_of(values, true))],
        };
        let (applied, ahead) = match reached {
            Some(Reached { applied, ahead }) => (Some(applied), ahead),
            None => (None, Vec::new()),
        };
        let position = applied.map(|applied| Position { epoch: applied.epoch + 1, sequence: 1 });
        // Where time is the order, each is of a millisecond before that of the message that comes next.
        let apart_micros = if position.is_none() { Format::Uof.unit_micros() } else { 0 };
        let first_at = first.generated_at.plus_micros(-apart_micros * bodies.len() as i64);
        let say = |(number, body): (i64, Body)| {
            let id = format!("image-{}-{number}", first.message_id);
            FeedMessage {
                message_id: MessageId::new(id).unwrap_or_else(|_| first.message_id.clone()),
                request_id: None,
                occurred_at: None,
                generated_at: first_at.plus_micros(apart_micros * (number - 1)),
                content: Content::Event(EventMessage { position, body, ..event.clone() }),
                ..first.clone()
            }
        };
        // Where the first message is one of them, it says so itself.
        let unsaid = ahead.into_iter().filter(|cause| cause.position != event.position);
        let stops = unsaid.filter_map(|cause| renumbered(stop(cause, first, event), applied?)).collect();
        let messages = (1..).zip(bodies).map(say).collect();
        Image { event_id: event.event_id.clone(), source: first.source.clone(), applied, messages, stops }
    }

    /// Its clock runs on to the first message from when it was told; where nobody knows when that was, it stays.
    fn run_on(&mut self, first: &FeedMessage, event: &EventMessage, log: &Log) {
        let clock = self.status.as_ref().and_then(|status| status.clock);
        let Some(told_at) = clock.and_then(|clock| log.told_at(clock, self.version)) else { return };
        let micros = u64::try_from(first.generated_at.micros_since(told_at)).unwrap_or_default();
        self.status = self.status.take().map(|status| run_on(status, event.sport, micros / 1_000_000));
    }
}

/// A bet stop that was heard ahead of its turn, before anything was recorded. Which groups it named is known no more: it stops all, so
/// that nothing is open which it shut, until the next offer.
fn stop(cause: Cause, first: &FeedMessage, event: &EventMessage) -> FeedMessage {
    let body = Body::BetStop(BetStop { groups: Groups::All, market_status: StopStatus::Suspended });
    FeedMessage {
        message_id: cause.message_id.unwrap_or_else(|| first.message_id.clone()),
        request_id: None,
        occurred_at: cause.occurred_at,
        generated_at: cause.generated_at.unwrap_or(first.generated_at),
        received_at: None,
        content: Content::Event(EventMessage { position: cause.position, body, ..event.clone() }),
        ..first.clone()
    }
}

#[cfg(test)]
mod tests;
