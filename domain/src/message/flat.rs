//! How bodies are read whose parts stand side by side on the wire.
//!
//! serde's `flatten` writes them well, but to read them it would buffer every value and forget where each stood,
//! which costs time on the hot path and the JSON pointer in an error.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::Timestamp;
use crate::id::{EventId, Name, OutcomeId, Text};
use crate::market::{
    Cashout, MarketKey, MarketStatus, Millionths, Outcome, OutcomeResult, ResultKind, Specifiers, Void,
};
use crate::message::{self, Window};

#[derive(Deserialize)]
pub(super) struct Offer {
    id: u32,
    #[serde(default)]
    specifiers: Specifiers,
    status: MarketStatus,
    #[serde(default)]
    favourite: bool,
    cashout: Option<Cashout>,
    #[serde(default)]
    groups: BTreeSet<Name>,
    #[serde(default)]
    outcomes: Vec<Outcome>,
}

impl From<Offer> for message::Offer {
    fn from(Offer { id, specifiers, status, favourite, cashout, groups, outcomes }: Offer) -> Self {
        Self { key: MarketKey { id, specifiers }, status, favourite, cashout, groups, outcomes }
    }
}

#[derive(Deserialize)]
pub(super) struct SettledMarket {
    id: u32,
    #[serde(default)]
    specifiers: Specifiers,
    void_reason: Option<Text>,
    outcomes: Vec<message::SettledOutcome>,
}

impl From<SettledMarket> for message::SettledMarket {
    fn from(SettledMarket { id, specifiers, void_reason, outcomes }: SettledMarket) -> Self {
        Self { key: MarketKey { id, specifiers }, void_reason, outcomes }
    }
}

#[derive(Deserialize)]
pub(super) struct SettledOutcome {
    id: OutcomeId,
    result: ResultKind,
    void: Option<Void>,
    dead_heat: Option<Millionths>,
}

impl From<SettledOutcome> for message::SettledOutcome {
    fn from(SettledOutcome { id, result, void, dead_heat }: SettledOutcome) -> Self {
        Self { id, result: OutcomeResult { result, void, dead_heat } }
    }
}

#[derive(Deserialize)]
pub(super) struct CancelledMarket {
    id: u32,
    #[serde(default)]
    specifiers: Specifiers,
    void_reason: Option<Text>,
}

impl From<CancelledMarket> for message::CancelledMarket {
    fn from(CancelledMarket { id, specifiers, void_reason }: CancelledMarket) -> Self {
        Self { key: MarketKey { id, specifiers }, void_reason }
    }
}

#[derive(Deserialize)]
pub(super) struct Cancel {
    markets: Vec<message::CancelledMarket>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    superseded_by: Option<EventId>,
}

impl From<Cancel> for message::Cancel {
    fn from(Cancel { markets, start_time, end_time, superseded_by }: Cancel) -> Self {
        Self { markets, window: Window { start_time, end_time }, superseded_by }
    }
}

#[derive(Deserialize)]
pub(super) struct CancelRollback {
    markets: Vec<MarketKey>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
}

impl From<CancelRollback> for message::CancelRollback {
    fn from(CancelRollback { markets, start_time, end_time }: CancelRollback) -> Self {
        Self { markets, window: Window { start_time, end_time } }
    }
}
