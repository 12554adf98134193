//! What an event was at one moment: a snapshot in place of all that one producer had said until then.
//!
//! It stands at the beginning of a recording that starts in the middle of a game, and begins an epoch there: the one
//! after that of the messages that it replaces. What follows is counted on from it. A snapshot says how things stand, not
//! how they came about: behind it a rollback leaves a settled market inactive, and a market that is void as a whole stays
//! so.

use domain::id::Source;
use domain::message::{Offer, SCHEMA, Snapshot};
use domain::{
    Body, Content, EventMessage, EventState, FeedMessage, Market, MarketStatus, MessageId, Position, Refusal,
    Timestamp, update::Value,
};
use sha2::{Digest, Sha256};

/// The most messages that may wait for one that is missing, of one producer and event.
const WAITING_MAX: usize = 10_000;

/// One producer's part of an event.
#[derive(Debug)]
pub(super) struct Image {
    source: Source,
    state: EventState,
    /// The position applied last.
    applied: Option<Position>,
    generated_at: Timestamp,
    tells_incidents: bool,
    /// What came before its turn.
    waiting: Vec<FeedMessage>,
}

impl Image {
    pub(super) fn new(source: Source, message: &EventMessage) -> Self {
        Self {
            source,
            state: EventState::new(message.event_id.clone(), message.sport),
            applied: None,
            generated_at: Timestamp(0),
            tells_incidents: false,
            waiting: Vec::new(),
        }
    }

    /// Takes in what was said before the moment, in the order in which it came.
    pub(super) fn note(&mut self, message: FeedMessage) {
        let mut has_advanced = self.apply(message);
        // One that was missing lets others go, each of which may let others go.
        while has_advanced && !self.waiting.is_empty() {
            has_advanced = false;
            for message in std::mem::take(&mut self.waiting) {
                has_advanced |= self.apply(message);
            }
        }
    }

    /// Applies a message, if it is its turn.
    fn apply(&mut self, message: FeedMessage) -> bool {
        match self.state.apply(&message, message.generated_at) {
            Ok(_) => {
                self.applied = message.position();
                self.generated_at = self.generated_at.max(message.generated_at);
                let Content::Event(event) = &message.content else { return false };
                self.tells_incidents |= match &event.body {
                    Body::Incident(_) => true,
                    Body::Snapshot(snapshot) => snapshot.incidents.is_some(),
                    _ => false,
                };
                return true;
            }
            Err(Refusal::Early { .. }) if self.waiting.len() < WAITING_MAX => self.waiting.push(message),
            // Repeated or too late: the image says it already. Refused: as it would have been by its receiver.
            Err(_) => {}
        }
        false
    }

    /// The snapshot, where anything was applied, and what waits behind it.
    pub(super) fn messages(&self) -> Vec<FeedMessage> {
        let Some(applied) = self.applied else { return self.waiting.clone() };
        let position = Position { epoch: applied.epoch + 1, sequence: 1 };
        let snapshot = FeedMessage {
            schema: SCHEMA,
            message_id: self.message_id(position),
            source: self.source.clone(),
            request_id: None,
            occurred_at: None,
            generated_at: self.generated_at,
            received_at: None,
            content: Content::Event(EventMessage {
                sport: self.state.sport(),
                event_id: self.state.event_id().clone(),
                position: Some(position),
                body: Body::Snapshot(self.snapshot()),
            }),
        };
        let waiting = self.waiting.iter().cloned().filter_map(|message| self.renumbered(message));
        std::iter::once(snapshot).chain(waiting).collect()
    }

    /// Whether there is a snapshot.
    pub(super) fn is_there(&self) -> bool {
        self.applied.is_some()
    }

    /// A message that comes after the moment, counted from the snapshot on; `None` where the snapshot says it already.
    pub(super) fn renumbered(&self, mut message: FeedMessage) -> Option<FeedMessage> {
        let Some(applied) = self.applied else { return Some(message) };
        let Content::Event(event) = &mut message.content else { return Some(message) };
        let position = event.position.as_mut()?;
        if *position <= applied {
            return None;
        }
        if position.epoch == applied.epoch {
            position.sequence = position.sequence - applied.sequence + 1;
        }
        position.epoch += 1;
        Some(message)
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { fixture: None, status: None, markets: Vec::new(), incidents: None };
        let mut incidents = Vec::new();
        for (_, _, value) in self.state.entries() {
            match value {
                Some(Value::Fixture(fixture)) => snapshot.fixture = Some(fixture),
                Some(Value::Status(status)) => snapshot.status = Some(status),
                Some(Value::Market(market)) => snapshot.markets.push(offer(market)),
                Some(Value::Incident(incident)) => incidents.push(incident),
                None => {}
            }
        }
        snapshot.incidents = self.tells_incidents.then_some(incidents);
        snapshot
    }

    /// The same of the same moment.
    fn message_id(&self, position: Position) -> MessageId {
        let Source { provider, producer } = &self.source;
        let of = format!("{provider}|{producer}|{}|{position}", self.state.event_id());
        let digest = Sha256::digest(of.as_bytes());
        let hexadecimal: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        MessageId::new(format!("image-{hexadecimal}")).expect("hexadecimal digits are visible")
    }
}

/// A market as its producer would offer it now.
fn offer(market: Market) -> Offer {
    let Market { key, status, favourite, cashout, mut outcomes, .. } = market;
    if status != MarketStatus::Settled {
        for outcome in &mut outcomes {
            outcome.result = None;
        }
    }
    Offer { favourite, cashout, ..Offer::new(key, status, outcomes) }
}
