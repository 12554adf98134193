//! An event of which something never comes: the state in which it stands still.

use domain::message::BetStop;
use domain::{Body, FeedMessage, Name};

use super::renumber::body;
use crate::ledger::{Account, LedgerEvent, applied, before_a_hole};

/// Of all that arrives of an event whose messages are counted something may be missing: then it stands as it was before that, and
/// where more comes behind it what was open then is shut, by a bet stop where one is among that, for it is heard at once, else for
/// want of what is missing. Whether it is shut so is the answer.
pub(crate) fn stall(
    event: &mut LedgerEvent,
    producer: &Name,
    arriving: impl Iterator<Item = FeedMessage>,
) -> bool {
    let messages = applied(&event.event_id, event.sport, arriving.map(|message| ((), message)));
    let whole = before_a_hole(messages.iter().map(|(_, message)| message.position()));
    if whole as u64 == event.messages {
        return false;
    }
    let (before, beyond) = messages.split_at(whole);
    let mut account = Account::new(producer.clone(), event.sport);
    for (_, message) in before {
        account.enter(body(message));
    }
    if !beyond.is_empty() {
        let stop = |message| match body(message) {
            Body::BetStop(stop) => Some(stop),
            _ => None,
        };
        let ahead: Vec<&BetStop> = beyond.iter().filter_map(|(_, message)| stop(message)).collect();
        account.shut(&ahead);
    }
    event.messages = whole as u64;
    event.due_ns.truncate(whole);
    event.markets = account.markets();
    event.incidents = account.incidents;
    if let (Some(fixture), Some(status)) = (account.fixture, account.status) {
        (event.fixture, event.status) = (fixture, status);
    }
    !beyond.is_empty()
}
