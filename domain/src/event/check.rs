//! What a message must keep to before it may change an event: all checks come first, so a refusal changes nothing.

use std::collections::HashSet;
use std::hash::Hash;

use crate::EventState;
use crate::event::Refusal;
use crate::event::book::Book;
use crate::id::Source;
use crate::limit::{
    DECISIONS_MAX, EVENT_OUTCOMES_MAX, GROUPS_MAX, INCIDENTS_MAX, MARKETS_MAX, OUTCOMES_MAX, PERIODS_MAX,
};
use crate::market::{MarketKey, MarketStatus};
use crate::message::{Body, CancelledMarket, FeedMessage, Groups, Offer, Settlement, Snapshot, Window};
use crate::{Incident, Standing, Status};

type Checked = Result<(), Refusal>;

/// How a message came to its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is the next one of its epoch.
    Next,
    /// It begins another epoch.
    Renewing,
    /// Its source orders by time: what is known of the event may be later, so nothing is compared with it.
    ByTime,
}

/// Checks a message's body against the event it is to change.
pub(super) fn body(state: &EventState, message: &FeedMessage, body: &Body, turn: Turn) -> Checked {
    let source = &message.source;
    if turn == Turn::ByTime && matches!(body, Body::Incident(_) | Body::Snapshot(_)) {
        return Err(Refusal::invalid("/sequence", "incidents and snapshots are told in sequence only"));
    }
    if turn == Turn::Renewing && !matches!(body, Body::Snapshot(_)) {
        let detail =
            format!("a new epoch begins with a snapshot, not with `{}`", body.message_type().as_str());
        return Err(Refusal::invalid("/type", detail));
    }
    match body {
        Body::Fixture(_) | Body::FixtureChange(_) => Ok(()),
        Body::EventStatus(status) => check_status(state, status, "/body", turn == Turn::ByTime),
        Body::Incident(incident) => {
            check_incident_kind(state, incident, || "/body".to_owned())?;
            check_incident_count(state, std::slice::from_ref(incident), "/body")
        }
        Body::OddsChange(odds) => {
            if let Some(status) = &odds.status {
                check_status(state, status, "/body/status", turn == Turn::ByTime)?;
            }
            if let Some(standing) = &odds.standing {
                check_standing(state, standing, turn == Turn::ByTime)?;
            }
            check_offers(state, source, &odds.markets, false)
        }
        Body::BetStop(stop) => match &stop.groups {
            Groups::Named(names) if names.len() > GROUPS_MAX => Err(Refusal::invalid(
                "/body/groups/named",
                format!("{} groups, {GROUPS_MAX} are allowed", names.len()),
            )),
            _ => Ok(()),
        },
        Body::Settlement(settlement) => check_settlement(state, message, settlement, turn),
        Body::SettlementRollback(rollback) => check_rollbacks(state, rollback.markets.iter()),
        Body::Cancel(cancel) => {
            check_window(cancel.window)?;
            check_decisions(state, cancel.markets.iter().map(|market| &market.key), |index, book| {
                let CancelledMarket { void_reason, .. } = &cancel.markets[index];
                turn == Turn::ByTime
                    && book.has_cancel(source, cancel.window, void_reason.as_ref(), message.request_id)
            })
        }
        Body::CancelRollback(rollback) => {
            check_window(rollback.window)?;
            check_rollbacks(state, rollback.markets.iter())
        }
        Body::Snapshot(snapshot) => check_snapshot(state, source, snapshot),
    }
}

fn check_snapshot(state: &EventState, source: &Source, snapshot: &Snapshot) -> Checked {
    if let Some(status) = &snapshot.status {
        check_status(state, status, "/body/status", true)?;
    }
    if let Some(incidents) = &snapshot.incidents {
        let ids = incidents.iter().map(|incident| &incident.incident_id);
        check_list(ids, incidents.len(), INCIDENTS_MAX, || "/body/incidents".to_owned())?;
        for (index, incident) in incidents.iter().enumerate() {
            check_incident_kind(state, incident, || format!("/body/incidents/{index}"))?;
        }
        check_incident_count(state, incidents, "/body/incidents")?;
    }
    check_offers(state, source, &snapshot.markets, true)
}

/// A status that stands `alone`, as a snapshot's does, may say anything that can be true: what came before may have been
/// wrong.
fn check_status(state: &EventState, status: &Status, at: &str, alone: bool) -> Checked {
    if status.period_scores.len() > PERIODS_MAX {
        return Err(Refusal::invalid(format!("{at}/period_scores"), format!("more than {PERIODS_MAX}")));
    }
    let previous = state.head.status.as_ref().map(|known| &known.value).filter(|_| !alone);
    state.sport.rules().check_status(previous, status).map_err(|illegal| {
        let pointer = format!("{at}{}", illegal.pointer);
        Refusal::invalid(pointer, illegal.detail)
    })
}

fn check_standing(state: &EventState, standing: &Standing, alone: bool) -> Checked {
    let rules = state.sport.rules();
    let known = state.head.status.as_ref().map(|known| &known.value).filter(|_| !alone);
    let checked = rules.check_standing(standing).and_then(|()| match known {
        Some(known) => rules.check_status(Some(known), &standing.over(known)),
        None => Ok(()),
    });
    checked.map_err(|illegal| Refusal::invalid(format!("/body/standing{}", illegal.pointer), illegal.detail))
}

fn check_incident_kind(state: &EventState, incident: &Incident, at: impl FnOnce() -> String) -> Checked {
    let rules = state.sport.rules();
    if rules.incidents.contains(&incident.kind) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("{}/kind", at()), format!("this does not happen in {}", rules.name)))
}

fn check_incident_count(state: &EventState, incidents: &[Incident], at: &str) -> Checked {
    let known = state.incidents.len();
    if known + incidents.len() <= INCIDENTS_MAX {
        return Ok(());
    }
    let new =
        incidents.iter().filter(|incident| !state.incidents.contains_key(&incident.incident_id)).count();
    if known + new > INCIDENTS_MAX {
        return Err(Refusal::invalid(at, format!("the event would have over {INCIDENTS_MAX} incidents")));
    }
    Ok(())
}

fn check_offers(state: &EventState, source: &Source, offers: &[Offer], in_snapshot: bool) -> Checked {
    check_markets(state, offers.iter().map(|offer| &offer.key))?;
    for (index, offer) in offers.iter().enumerate() {
        let at = || format!("/body/markets/{index}/outcomes");
        check_list(offer.outcomes.iter().map(|outcome| &outcome.id), offer.outcomes.len(), OUTCOMES_MAX, at)?;
        check_group_count(state, source, offer, || format!("/body/markets/{index}/groups"))?;
        let may_have_results = in_snapshot && offer.status == MarketStatus::Settled;
        if let Some(outcome) =
            offer.outcomes.iter().position(|o| o.result.is_some()).filter(|_| !may_have_results)
        {
            let detail = "only a settled market of a snapshot has results; else a settlement says them";
            return Err(Refusal::invalid(format!("{}/{outcome}/result", at()), detail));
        }
    }
    check_outcome_count(state, source, offers)
}

fn check_group_count(
    state: &EventState,
    source: &Source,
    offer: &Offer,
    at: impl FnOnce() -> String,
) -> Checked {
    if offer.groups.is_empty() {
        return Ok(());
    }
    let known = state.markets.get(&offer.key).map(|entry| entry.book.groups_of(source));
    let new = offer.groups.iter().filter(|name| known.is_none_or(|known| !known.contains(*name))).count();
    if known.map_or(0, std::collections::BTreeSet::len) + new <= GROUPS_MAX {
        return Ok(());
    }
    Err(Refusal::invalid(at(), format!("the market would be in over {GROUPS_MAX} groups")))
}

/// Counts exactly only where the limit is near: most messages are far from it.
fn check_outcome_count(state: &EventState, source: &Source, offers: &[Offer]) -> Checked {
    let offered: usize = offers.iter().map(|offer| offer.outcomes.len()).sum();
    if state.outcomes + offered <= EVENT_OUTCOMES_MAX {
        return Ok(());
    }
    let offers = offers.iter().filter(|offer| !offer.outcomes.is_empty());
    check_outcomes(
        state,
        offers.map(|offer| {
            let (known, ids) = (book(state, &offer.key), offer.outcomes.iter().map(|outcome| &outcome.id));
            (
                known.map_or(0, Book::outcomes),
                known.map_or(ids.len(), |book| book.outcomes_with(Some(source), ids)),
            )
        }),
    )
}

/// Of each market how many outcomes it has, and how many it would have.
fn check_outcomes(state: &EventState, markets: impl Iterator<Item = (usize, usize)>) -> Checked {
    let (before, after) = markets.fold((0, 0), |(before, after), (had, has)| (before + had, after + has));
    if state.outcomes - before + after <= EVENT_OUTCOMES_MAX {
        return Ok(());
    }
    Err(too_many_outcomes())
}

fn book<'s>(state: &'s EventState, key: &MarketKey) -> Option<&'s Book> {
    state.markets.get(key).map(|entry| &entry.book)
}

fn too_many_outcomes() -> Refusal {
    Refusal::invalid("/body/markets", format!("the event would have over {EVENT_OUTCOMES_MAX} outcomes"))
}

fn check_settlement(
    state: &EventState,
    message: &FeedMessage,
    settlement: &Settlement,
    turn: Turn,
) -> Checked {
    for (index, market) in settlement.markets.iter().enumerate() {
        let ids = market.outcomes.iter().map(|outcome| &outcome.id);
        check_list(ids, market.outcomes.len(), OUTCOMES_MAX, || format!("/body/markets/{index}/outcomes"))?;
    }
    check_decisions(state, settlement.markets.iter().map(|market| &market.key), |index, book| {
        let market = &settlement.markets[index];
        turn == Turn::ByTime
            && book.has_settlement(&message.source, settlement.certainty, market, message.request_id)
    })?;
    let settled: usize = settlement.markets.iter().map(|market| market.outcomes.len()).sum();
    if state.outcomes + settled <= EVENT_OUTCOMES_MAX {
        return Ok(());
    }
    check_outcomes(
        state,
        settlement.markets.iter().map(|market| {
            let (known, ids) = (book(state, &market.key), market.outcomes.iter().map(|outcome| &outcome.id));
            (known.map_or(0, Book::outcomes), known.map_or(ids.len(), |book| book.outcomes_with(None, ids)))
        }),
    )
}

/// What only says again what is known takes no room.
fn check_decisions<'a>(
    state: &EventState,
    keys: impl ExactSizeIterator<Item = &'a MarketKey> + Clone,
    is_known: impl Fn(usize, &Book) -> bool,
) -> Checked {
    let has_room = |index: usize, book: &Book| book.verdicts() < DECISIONS_MAX || is_known(index, book);
    check_room(state, keys, has_room, "settlements and cancels")
}

/// Rollbacks have room of their own: whatever was settled or cancelled can be taken back.
fn check_rollbacks<'a>(
    state: &EventState,
    keys: impl ExactSizeIterator<Item = &'a MarketKey> + Clone,
) -> Checked {
    check_room(state, keys, |_, book| book.rollbacks() < DECISIONS_MAX, "rollbacks")
}

fn check_room<'a>(
    state: &EventState,
    keys: impl ExactSizeIterator<Item = &'a MarketKey> + Clone,
    has_room: impl Fn(usize, &Book) -> bool,
    of_what: &str,
) -> Checked {
    check_markets(state, keys.clone())?;
    for (index, key) in keys.enumerate() {
        if book(state, key).is_some_and(|book| !has_room(index, book)) {
            let detail = format!("market {key} has {DECISIONS_MAX} {of_what}; it takes no more");
            return Err(Refusal::invalid(format!("/body/markets/{index}"), detail));
        }
    }
    Ok(())
}

fn check_markets<'a>(
    state: &EventState,
    keys: impl ExactSizeIterator<Item = &'a MarketKey> + Clone,
) -> Checked {
    if let Some(index) = first_repeated(keys.clone(), keys.len()) {
        return Err(Refusal::invalid(
            format!("/body/markets/{index}"),
            "the message names this market twice",
        ));
    }
    let known = state.markets.len();
    if known + keys.len() <= MARKETS_MAX {
        return Ok(());
    }
    let new = keys.filter(|key| !state.markets.contains_key(key)).count();
    if known + new > MARKETS_MAX {
        return Err(Refusal::invalid(
            "/body/markets",
            format!("the event would have over {MARKETS_MAX} markets"),
        ));
    }
    Ok(())
}

fn check_window(window: Window) -> Checked {
    match (window.start_time, window.end_time) {
        (Some(start), Some(end)) if end <= start => {
            Err(Refusal::invalid("/body/end_time", "the window ends before it begins"))
        }
        _ => Ok(()),
    }
}

fn check_list<'a, T: Eq + Hash + 'a>(
    items: impl Iterator<Item = &'a T> + Clone,
    len: usize,
    max: usize,
    at: impl FnOnce() -> String,
) -> Checked {
    if len > max {
        return Err(Refusal::invalid(at(), format!("{len} entries, {max} are allowed")));
    }
    match first_repeated(items, len) {
        Some(index) => Err(Refusal::invalid(format!("{}/{index}", at()), "this id stands there twice")),
        None => Ok(()),
    }
}

/// The place of the first item that stands there a second time.
fn first_repeated<'a, T: Eq + Hash + 'a>(
    items: impl Iterator<Item = &'a T> + Clone,
    len: usize,
) -> Option<usize> {
    /// Up to here comparing each with each is faster than hashing.
    const FEW: usize = 8;
    if len <= FEW {
        let mut rest = items.clone().enumerate();
        return rest
            .find(|(index, item)| items.clone().take(*index).any(|before| before == *item))
            .map(|(i, _)| i);
    }
    let mut seen = HashSet::with_capacity(len);
    items.enumerate().find(|(_, item)| !seen.insert(*item)).map(|(index, _)| index)
}
