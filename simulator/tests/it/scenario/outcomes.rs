//! What a restart and a gap come to, held against what a receiver makes of the messages.

use std::collections::BTreeMap;

use domain::market::Suspension;
use domain::{Body, Content, EventId, MarketStatus};
use simulator::Scenario;

use super::{START, events, message};

/// A snapshot with which an event begins anew, held against what its receiver makes of all that it stands for. The receiver's own
/// state shares nothing with the account from which the snapshot was made.
#[test]
fn a_restart_says_all_that_was_said_before() {
    let text = "description = \"d\"\nseed = 11\nseconds = 60\n[sports.hockey]\ngames = 8\nrate = 200\n[faults]\nrestart = 8\n";
    let scene = Scenario::parse(text).unwrap().play(START).unwrap();
    let mut states: BTreeMap<EventId, domain::EventState> = BTreeMap::new();
    let (mut held, mut incidents) = (0, 0);
    for message in (0..scene.schedule.len()).filter_map(|index| message(&scene, index)) {
        let Content::Event(event) = &message.content else { continue };
        let id = event.event_id.clone();
        let fresh = || domain::EventState::new(id.clone(), event.sport);
        if matches!(event.body, Body::Snapshot(_)) {
            let before = values(&states[&id]);
            let mut anew = fresh();
            anew.apply(&message, START).unwrap();
            let mut after = values(&anew);
            // A snapshot does not say why a market is void.
            let without_reason = |(key, value): (String, String)| {
                (key, value.split(", void_reason").next().unwrap().to_owned())
            };
            let before: BTreeMap<_, _> = before.into_iter().map(without_reason).collect();
            after = after.into_iter().map(without_reason).collect();
            assert_eq!(after, before, "{id}");
            incidents += before.keys().filter(|key| key.contains("ncident")).count();
            held += 1;
            states.insert(id, anew);
        } else {
            states.entry(id.clone()).or_insert_with(fresh).apply(&message, START).unwrap();
        }
    }
    assert!(held == 8 && incidents > 20, "{held} snapshots with {incidents} incidents");
}

/// What stands of an event, by its key.
fn values(state: &domain::EventState) -> BTreeMap<String, String> {
    // A snapshot does not say what has suspended a market.
    let said = |value: domain::update::Value| {
        format!("{value:?}").replace("suspension: Some(BetStop)", "suspension: None")
    };
    let told = state.entries().filter_map(|(key, _, value)| Some((format!("{key:?}"), said(value?))));
    told.collect()
}

/// What an event with a gap comes to, told by hand: what was said before it stands, and what was open is shut for want of it.
#[test]
fn an_event_stands_still_before_what_never_comes() {
    let text = "description = \"d\"\nseed = 12\nseconds = 60\n[sports.hockey]\ngames = 6\nrate = 120\n[faults]\ngap = 6\n";
    let scene = Scenario::parse(text).unwrap().play(START).unwrap();
    let mut shut = 0;
    for fault in &scene.ledger.faults.faults {
        let (id, missing) = (fault.event_id.clone().unwrap(), fault.sequence.unwrap());
        let event = events(&scene.ledger).find(|event| event.event_id == id).unwrap();
        assert_eq!(event.messages, missing - 1, "{id}");
        // The last status, and of each market the last offer, that came before.
        let (mut status, mut offers, mut stopped) = (None, BTreeMap::new(), false);
        for message in (0..scene.schedule.len()).filter_map(|index| message(&scene, index)) {
            let Content::Event(said) = &message.content else { continue };
            if said.event_id != id {
                continue;
            }
            if said.position.unwrap().sequence > missing {
                stopped |= matches!(said.body, Body::BetStop(_));
                continue;
            }
            match &said.body {
                Body::EventStatus(now) => status = Some(now.clone()),
                Body::OddsChange(odds) => {
                    for offer in &odds.markets {
                        offers.insert(offer.key.to_string(), offer.status);
                    }
                }
                Body::BetStop(_) => offers
                    .values_mut()
                    .filter(|it| **it == MarketStatus::Active)
                    .for_each(|it| *it = MarketStatus::Suspended),
                Body::Settlement(settlement) => {
                    for market in &settlement.markets {
                        offers.insert(market.key.to_string(), MarketStatus::Settled);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(Some(&event.status), status.as_ref(), "{id}");
        for market in &event.markets {
            let last = offers[&market.key.to_string()];
            let expected = if last == MarketStatus::Active { MarketStatus::Suspended } else { last };
            assert_eq!(market.status, expected, "{id} {}", market.key);
            if last == MarketStatus::Active {
                let reason = if stopped { Suspension::BetStop } else { Suspension::Gap };
                assert_eq!(market.suspension, Some(reason), "{id} {}", market.key);
                shut += 1;
            }
        }
    }
    assert!(shut > 6, "{shut} markets were open");
}
