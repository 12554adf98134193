//! What an event was at one moment: a snapshot in place of all that one producer had said until then.
//!
//! It stands at the beginning of a recording that starts in the middle of a game, and begins an epoch there: the one
//! after that of the messages that it replaces. What follows is counted on from it. A snapshot says how things stand, not
//! how they came about: behind it a rollback leaves a settled market inactive, and a market that is void as a whole stays
//! so.
//!
//! What a source without sequences said has no snapshot. It is said again in its own words, all as of the time of what was
//! said last: the fixture, the state of play with every open market, what is settled, what is void. What is not known of it
//! is lost: stops of markets that had not been seen, and how sure a settlement was, which so is said to be the first.

use domain::id::Source;
use domain::message::{
    Cancel, CancelledMarket, Certainty, OddsChange, Offer, SCHEMA, SettledMarket, SettledOutcome, Settlement,
    Snapshot, Window,
};
use domain::{
    Body, Content, EventMessage, EventState, FeedMessage, Market, MarketStatus, MessageId, Outcome, Position,
    Refusal, Timestamp, update::Value,
};
use sha2::{Digest, Sha256};

use super::{run_on, tells_clock};

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
    /// When that was said, and when the state of play was, in nanoseconds from the recording's start.
    said_at_ns: u64,
    clock_at_ns: u64,
    tells_incidents: bool,
    /// Whether it speaks without sequences.
    is_unordered: bool,
    /// What came before its turn.
    waiting: Vec<(u64, FeedMessage)>,
}

impl Image {
    pub(super) fn new(source: Source, message: &EventMessage) -> Self {
        Self {
            source,
            state: EventState::new(message.event_id.clone(), message.sport),
            applied: None,
            generated_at: Timestamp(0),
            said_at_ns: 0,
            clock_at_ns: 0,
            tells_incidents: false,
            is_unordered: false,
            waiting: Vec::new(),
        }
    }

    /// Takes in what was said before the moment, in the order in which it came.
    pub(super) fn note(&mut self, at_ns: u64, message: FeedMessage) {
        let mut has_advanced = self.apply(at_ns, message);
        // One that was missing lets others go, each of which may let others go.
        while has_advanced && !self.waiting.is_empty() {
            has_advanced = false;
            for (at_ns, message) in std::mem::take(&mut self.waiting) {
                has_advanced |= self.apply(at_ns, message);
            }
        }
    }

    /// Applies a message, if it is its turn.
    fn apply(&mut self, at_ns: u64, message: FeedMessage) -> bool {
        match self.state.apply(&message, message.generated_at) {
            Ok(_) => {
                self.applied = message.position();
                self.is_unordered |= self.applied.is_none();
                if message.generated_at >= self.generated_at {
                    (self.generated_at, self.said_at_ns) = (message.generated_at, at_ns);
                }
                let Content::Event(event) = &message.content else { return false };
                if tells_clock(&event.body) {
                    self.clock_at_ns = at_ns;
                }
                self.tells_incidents |= match &event.body {
                    Body::Incident(_) => true,
                    Body::Snapshot(snapshot) => snapshot.incidents.is_some(),
                    _ => false,
                };
                return true;
            }
            Err(Refusal::Early { .. }) if self.waiting.len() < WAITING_MAX => {
                self.waiting.push((at_ns, message))
            }
            // Repeated or too late: the image says it already. Refused: as it would have been by its receiver.
            Err(_) => {}
        }
        false
    }

    /// What stands for all that was said up to this moment, to which a clock that runs has run on: a snapshot, where anything was
    /// applied, and what waits behind it; or, without sequences, the same in the source's own words.
    pub(super) fn messages(&self, to_ns: u64) -> Vec<FeedMessage> {
        if self.is_unordered {
            let bodies = (1_u32..).zip(bodies_of(self.values(to_ns)));
            // Time is the order there: it is no later than what follows.
            let message =
                |(number, body): (u32, _)| self.message(&number.to_string(), None, self.generated_at, body);
            return bodies.map(message).collect();
        }
        let Some(applied) = self.applied else {
            return self.waiting.iter().map(|(_, message)| message.clone()).collect();
        };
        let position = Position { epoch: applied.epoch + 1, sequence: 1 };
        let snapshot = Body::Snapshot(snapshot_of(self.values(to_ns), self.tells_incidents));
        let since_micros = i64::try_from(to_ns.saturating_sub(self.said_at_ns) / 1_000).unwrap_or(i64::MAX);
        let at = self.generated_at.plus_micros(since_micros);
        let snapshot = self.message(&position.to_string(), Some(position), at, snapshot);
        let waiting = self.waiting.iter().filter_map(|(_, message)| self.renumbered(message.clone()));
        std::iter::once(snapshot).chain(waiting).collect()
    }

    fn message(
        &self,
        number: &str,
        position: Option<Position>,
        generated_at: Timestamp,
        body: Body,
    ) -> FeedMessage {
        FeedMessage {
            schema: SCHEMA,
            message_id: self.message_id(number),
            source: self.source.clone(),
            request_id: None,
            occurred_at: None,
            generated_at,
            received_at: None,
            content: Content::Event(EventMessage {
                sport: self.state.sport(),
                event_id: self.state.event_id().clone(),
                position,
                body,
            }),
        }
    }

    /// Whether it speaks without sequences.
    pub(super) fn is_unordered(&self) -> bool {
        self.is_unordered
    }

    /// Whether what follows is counted on from it.
    pub(super) fn is_counted(&self) -> bool {
        self.applied.is_some()
    }

    /// A message that comes after the moment, counted from the snapshot on; `None` where the snapshot says it already.
    pub(super) fn renumbered(&self, message: FeedMessage) -> Option<FeedMessage> {
        match self.applied {
            Some(applied) => renumbered(message, applied),
            None => Some(message),
        }
    }

    fn values(&self, to_ns: u64) -> impl Iterator<Item = Value> {
        let (sport, seconds) = (self.state.sport(), to_ns.saturating_sub(self.clock_at_ns) / 1_000_000_000);
        self.state.entries().filter_map(|(_, _, value)| value).map(move |value| match value {
            Value::Status(status) => Value::Status(run_on(status, sport, seconds)),
            value => value,
        })
    }

    /// The same of the same moment.
    fn message_id(&self, number: &str) -> MessageId {
        let Source { provider, producer } = &self.source;
        let of = format!("{provider}|{producer}|{}|{number}", self.state.event_id());
        let digest = Sha256::digest(of.as_bytes());
        let hexadecimal: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        MessageId::new(format!("image-{hexadecimal}")).expect("hexadecimal digits are visible")
    }
}

/// A message counted on from a snapshot that stands for all up to `applied`, and begins the next epoch; `None` where it is one
/// of those.
pub(crate) fn renumbered(mut message: FeedMessage, applied: Position) -> Option<FeedMessage> {
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

/// How things stand, as a snapshot; incidents are told where its producer tells of some.
pub(crate) fn snapshot_of(values: impl Iterator<Item = Value>, tells_incidents: bool) -> Snapshot {
    let mut snapshot = Snapshot { fixture: None, status: None, markets: Vec::new(), incidents: None };
    let mut incidents = Vec::new();
    for value in values {
        match value {
            Value::Fixture(fixture) => snapshot.fixture = Some(fixture),
            Value::Status(status) => snapshot.status = Some(status),
            Value::Market(market) => snapshot.markets.push(offer(market)),
            Value::Incident(incident) => incidents.push(incident),
        }
    }
    snapshot.incidents = tells_incidents.then_some(incidents);
    snapshot
}

/// How things stand, without a snapshot.
pub(crate) fn bodies_of(values: impl Iterator<Item = Value>) -> Vec<Body> {
    let (mut bodies, mut status, mut markets) = (Vec::new(), None, Vec::new());
    let (mut settled, mut cancelled, mut windows) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let mut market = match value {
            Value::Fixture(fixture) => {
                bodies.push(Body::Fixture(fixture));
                continue;
            }
            Value::Status(of) => {
                status = Some(of);
                continue;
            }
            Value::Market(market) => market,
            Value::Incident(_) => continue,
        };
        let void = CancelledMarket { key: market.key.clone(), void_reason: market.void_reason.clone() };
        for window in std::mem::take(&mut market.void_windows) {
            let void_reason = window.void_reason;
            let span = Window { start_time: window.start_time, end_time: window.end_time };
            windows.push((span, CancelledMarket { void_reason, ..void.clone() }));
        }
        match market.status {
            MarketStatus::Settled => {
                let result =
                    |outcome: Outcome| Some(SettledOutcome { id: outcome.id, result: outcome.result? });
                let outcomes = market.outcomes.into_iter().filter_map(result).collect();
                settled.push(SettledMarket { key: market.key, void_reason: market.void_reason, outcomes });
            }
            MarketStatus::Cancelled => cancelled.push(void),
            _ => markets.push(offer(market)),
        }
    }
    if status.is_some() || !markets.is_empty() {
        bodies.push(Body::OddsChange(OddsChange { status, ..OddsChange::of(markets) }));
    }
    if !settled.is_empty() {
        bodies.push(Body::Settlement(Settlement { certainty: Certainty::LiveScouted, markets: settled }));
    }
    let cancel = |window, markets| Body::Cancel(Cancel { markets, window, superseded_by: None });
    if !cancelled.is_empty() {
        bodies.push(cancel(Window::default(), cancelled));
    }
    bodies.extend(windows.into_iter().map(|(window, market)| cancel(window, vec![market])));
    bodies
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
