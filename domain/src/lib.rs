//! What a message of a live betting feed means: pure types and rules, without I/O, clock or randomness.
//!
//! A [`FeedMessage`] comes in, [`EventState::apply`] decides what it changes, an [`Update`] goes out.
//! Time is an argument everywhere; nothing here can fail for a reason that is not in its input.

pub mod codec;
pub mod event;
pub mod fixture;
pub mod id;
pub mod incident;
pub mod intake;
pub mod key;
pub mod letter;
pub mod limit;
pub mod market;
pub mod message;
#[cfg(feature = "planted")]
pub mod planted;
pub mod producer;
pub mod refused;
pub mod sport;
pub mod status;
mod text;
pub mod time;
pub mod topic;
pub mod update;

pub use event::{Applied, EventState, Refusal, check_alone, check_apart_from_times};
pub use fixture::{Competitor, Fixture, Tournament};
pub use id::{EventId, IncidentId, MessageId, Name, Source, Urn};
pub use incident::{Incident, IncidentAction, IncidentKind, Side};
pub use intake::{Effect, HeldMessage, Intake};
pub use key::Key;
pub use market::{Cashout, Market, MarketKey, MarketStatus, Odds, Outcome, OutcomeResult};
pub use message::{Body, Content, EventMessage, FeedMessage, MessageType, Position};
pub use producer::Producer;
pub use sport::{Rules, Sport};
pub use status::{Clock, EventStatus, MatchStatus, PeriodScore, Score, Standing, Statistics, Status};
pub use time::Timestamp;
pub use topic::Topics;
pub use update::{Cause, Change, Update, Value};
