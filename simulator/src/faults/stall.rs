//! An event of which something never comes: the state in which it stands still.

use domain::market::Suspension;
use domain::message::StopStatus;
use domain::{Body, FeedMessage, MarketStatus, Name};

use super::renumber::body;
use crate::ledger::{Account, LedgerEvent};

/// The event stands as it was before what is missing, and what was open then is shut: by a bet stop where one lies beyond it,
/// for that is heard at once, else for want of what is missing.
pub(crate) fn stall(
    event: &mut LedgerEvent,
    producer: &Name,
    before: impl Iterator<Item = FeedMessage>,
    mut beyond: impl Iterator<Item = FeedMessage>,
) {
    let mut account = Account::new(producer.clone());
    event.messages = 0;
    for message in before {
        event.messages += 1;
        account.enter(body(&message));
    }
    if let (Some(fixture), Some(status)) = (account.fixture.clone(), account.status.clone()) {
        (event.fixture, event.status) = (fixture, status);
    }
    event.markets = account.markets();
    let stop = beyond.find_map(|message| match body(&message) {
        Body::BetStop(stop) => Some(stop.market_status),
        _ => None,
    });
    let (status, suspension) = match stop {
        Some(StopStatus::Suspended) => (MarketStatus::Suspended, Suspension::BetStop),
        Some(StopStatus::Inactive) => (MarketStatus::Inactive, Suspension::BetStop),
        None => (MarketStatus::Suspended, Suspension::Gap),
    };
    for market in event.markets.iter_mut().filter(|market| market.status == MarketStatus::Active) {
        (market.status, market.suspension) = (status, Some(suspension));
    }
    event.incidents = account.incidents;
}
