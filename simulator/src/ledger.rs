//! The ledger: what a world sent, and the state in which everything must end.
//!
//! A world writes it as it decides. Neither the sports' rules nor the event state of the processors have a part
//! in it, so it can be held against them.

use domain::{EventId, Fixture, Incident, Market, Name, Sport, Status};
use serde::{Deserialize, Serialize};

pub use account::Account;
pub(crate) use applied::applied;
pub use deliveries::{Deliveries, NEVER};
pub use whole::before_a_hole;

mod account;
mod applied;
mod deliveries;
mod groups;
mod standing;
mod whole;

/// All events of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The seed from which all of it follows.
    pub seed: u64,
    /// The provider that spoke.
    pub provider: Name,
    /// Its producer.
    pub producer: Name,
    /// The events, in the order in which they were planned.
    pub events: Vec<LedgerEvent>,
}

/// One event: what was said of it and what is true when all of that has been applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEvent {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// How many messages were sent, which is the last sequence and the version the event must reach.
    pub messages: u64,
    /// When each was due, in nanoseconds from the start, from sequence 1 on.
    pub due_ns: Vec<u64>,
    /// Who plays whom.
    pub fixture: Fixture,
    /// The state of play at the end: status, score, score of each period.
    pub status: Status,
    /// Every incident that stands, in the order in which they were first told.
    pub incidents: Vec<Incident>,
    /// Every market as it ends: its status, the odds offered last and the results.
    pub markets: Vec<Market>,
}

impl Ledger {
    /// Messages of all events.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.events.iter().map(|event| event.messages).sum()
    }
}
