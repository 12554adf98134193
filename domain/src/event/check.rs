//! What a message must keep to before it may change an event: all checks come first, so a refusal changes nothing.

use crate::EventState;
use crate::event::Refusal;
use crate::id::Source;
use crate::limit::{DECISIONS_MAX, INCIDENTS_MAX, MARKETS_MAX, OUTCOMES_MAX, PERIODS_MAX, SOURCES_MAX};
use crate::market::{MarketKey, MarketStatus, Outcome};
use crate::message::{self, Body, Offer, Snapshot, Window};
use crate::{Incident, Status};

type Checked = Result<(), Refusal>;

/// Checks a body against the event it is to change. `renews` says that it begins another epoch.
pub(super) fn body(state: &EventState, source: &Source, body: &Body, renews: bool) -> Checked {
    if state.feed(source).is_none() && state.head.feeds.len() >= SOURCES_MAX {
        return Err(Refusal::invalid("/producer", format!("over {SOURCES_MAX} producers speak of this event")));
    }
    if renews && !matches!(body, Body::Snapshot(_)) {
        let detail = format!("a new epoch begins with a snapshot, not with `{}`", body.message_type().as_str());
        return Err(Refusal::invalid("/type", detail));
    }
    match body {
        Body::Fixture(_) | Body::FixtureChange(_) | Body::BetStop(_) => Ok(()),
        Body::EventStatus(status) => check_status(state, status, "/body", false),
        Body::Incident(incident) => check_incidents(state, std::slice::from_ref(incident), "/body"),
        Body::OddsChange(odds) => check_offers(state, &odds.markets, false),
        Body::Settlement(settlement) => {
            for (index, market) in settlement.markets.iter().enumerate() {
                let ids = market.outcomes.iter().map(|outcome| &outcome.id);
                check_list(ids, market.outcomes.len(), OUTCOMES_MAX, &format!("/body/markets/{index}/outcomes"))?;
            }
            check_decisions(state, settlement.markets.iter().map(|market| &market.key))
        }
        Body::SettlementRollback(rollback) => check_decisions(state, rollback.markets.iter()),
        Body::Cancel(cancel) => {
            check_window(cancel.window)?;
            check_decisions(state, cancel.markets.iter().map(|market| &market.key))
        }
        Body::CancelRollback(rollback) => {
            check_window(rollback.window)?;
            check_decisions(state, rollback.markets.iter())
        }
        Body::Snapshot(snapshot) => check_snapshot(state, snapshot),
    }
}

fn check_snapshot(state: &EventState, snapshot: &Snapshot) -> Checked {
    if let Some(status) = &snapshot.status {
        check_status(state, status, "/body/status", true)?;
    }
    if let Some(incidents) = &snapshot.incidents {
        check_list(message::incident_ids(incidents), incidents.len(), INCIDENTS_MAX, "/body/incidents")?;
        check_incidents(state, incidents, "/body/incidents")?;
    }
    check_offers(state, &snapshot.markets, true)
}

/// A snapshot may say anything that can be true by itself: what came before it may have been wrong.
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

fn check_incidents(state: &EventState, incidents: &[Incident], at: &str) -> Checked {
    let rules = state.sport.rules();
    for incident in incidents {
        if !rules.incidents.contains(&incident.kind) {
            let detail = format!("`{:?}` does not happen in {}", incident.kind, rules.name);
            return Err(Refusal::invalid(format!("{at}/kind"), detail));
        }
    }
    let new = message::incident_ids(incidents).filter(|id| !state.incidents.contains_key(*id)).count();
    if state.incidents.len() + new > INCIDENTS_MAX {
        return Err(Refusal::invalid(at, format!("the event would have over {INCIDENTS_MAX} incidents")));
    }
    Ok(())
}

fn check_offers(state: &EventState, offers: &[Offer], results_allowed: bool) -> Checked {
    check_markets(state, offers.iter().map(|offer| &offer.key))?;
    for (index, offer) in offers.iter().enumerate() {
        let at = format!("/body/markets/{index}/outcomes");
        check_list(offer.outcomes.iter().map(|outcome| &outcome.id), offer.outcomes.len(), OUTCOMES_MAX, &at)?;
        let may_have_results = results_allowed && offer.status == MarketStatus::Settled;
        if let Some(outcome) = offer.outcomes.iter().position(has_result).filter(|_| !may_have_results) {
            let detail = "only a settled market of a snapshot has results; else a settlement says them";
            return Err(Refusal::invalid(format!("{at}/{outcome}/result"), detail));
        }
    }
    Ok(())
}

fn has_result(outcome: &Outcome) -> bool {
    outcome.result.is_some()
}

fn check_decisions<'a>(state: &EventState, keys: impl Iterator<Item = &'a MarketKey> + Clone) -> Checked {
    check_markets(state, keys.clone())?;
    for (index, key) in keys.enumerate() {
        if state.market(key).is_some_and(|(book, _)| book.decisions() >= DECISIONS_MAX) {
            let detail = format!("market {key} has {DECISIONS_MAX} settlements and cancels; it takes no more");
            return Err(Refusal::invalid(format!("/body/markets/{index}"), detail));
        }
    }
    Ok(())
}

fn check_markets<'a>(state: &EventState, keys: impl Iterator<Item = &'a MarketKey> + Clone) -> Checked {
    if let Some(index) = message::first_repeated(keys.clone()) {
        return Err(Refusal::invalid(format!("/body/markets/{index}"), "the message names this market twice"));
    }
    let new = keys.filter(|key| !state.markets.contains_key(key)).count();
    if state.markets.len() + new > MARKETS_MAX {
        return Err(Refusal::invalid("/body/markets", format!("the event would have over {MARKETS_MAX} markets")));
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

fn check_list<'a, T: Eq + std::hash::Hash + 'a>(
    items: impl Iterator<Item = &'a T>,
    len: usize,
    max: usize,
    at: &str,
) -> Checked {
    if len > max {
        return Err(Refusal::invalid(at, format!("{len} entries, {max} are allowed")));
    }
    match message::first_repeated(items) {
        Some(index) => Err(Refusal::invalid(format!("{at}/{index}"), "this id stands there twice")),
        None => Ok(()),
    }
}
