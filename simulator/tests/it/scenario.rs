//! Scenarios played in memory, against an account of what is sent.

use std::collections::{BTreeMap, BTreeSet};

use domain::market::Suspension;
use domain::{Body, Content, EventId, FeedMessage, MarketStatus, Position, Timestamp};
use simulator::faults::Kind;
use simulator::ledger::{Account, LedgerEvent};
use simulator::run_ledger::RunLedger;
use simulator::scenario::Scene;
use simulator::{Format, Scenario, uof};

mod bytes;
mod faults;
mod outcomes;
mod pace;
mod ready;
mod tellers;

const START: Timestamp = Timestamp(1_767_225_600_000_000);

fn played(text: &str) -> Scene {
    Scenario::parse(text).unwrap().play(START).unwrap()
}

/// The message at a place of the schedule, where it is one.
fn message(scene: &Scene, index: usize) -> Option<FeedMessage> {
    let channel = &scene.schedule.channels()[scene.schedule.channel(index)];
    let bytes = scene.schedule.message(index);
    match channel.format {
        Format::Json => domain::codec::json::decode(bytes).ok(),
        Format::Xml => domain::codec::xml::decode(bytes).ok(),
        Format::Uof => uof::decode(bytes, &channel.provider),
    }
}

fn events(ledger: &RunLedger) -> impl Iterator<Item = &LedgerEvent> {
    ledger.producers.iter().flat_map(|ledger| &ledger.events)
}

/// What a receiver makes of the events that are counted: every message in its turn, once.
#[derive(Default)]
struct Receiver {
    next: BTreeMap<EventId, Position>,
    held: BTreeMap<EventId, BTreeMap<Position, FeedMessage>>,
    accounts: BTreeMap<EventId, Account>,
    applied: BTreeMap<EventId, u64>,
    unreadable: usize,
    late: usize,
}

impl Receiver {
    fn of(scene: &Scene) -> Self {
        let mut receiver = Self::default();
        for index in 0..scene.schedule.len() {
            match message(scene, index) {
                Some(message) if domain::check_alone(&message).is_ok() => receiver.take(message),
                _ => receiver.unreadable += 1,
            }
        }
        receiver
    }

    fn take(&mut self, message: FeedMessage) {
        let Content::Event(event) = &message.content else { return };
        let (id, position) = (event.event_id.clone(), event.position);
        let account = self
            .accounts
            .entry(id.clone())
            .or_insert_with(|| Account::new(message.source.producer.clone(), event.sport));
        let Some(position) = position else {
            account.enter(&event.body);
            *self.applied.entry(id).or_default() += 1;
            return;
        };
        let next = self.next.entry(id.clone()).or_insert(Position { epoch: 1, sequence: 1 });
        let begins = position.sequence == 1 && position.epoch > next.epoch;
        if position < *next {
            self.late += 1;
            return;
        }
        if begins {
            self.held.remove(&id);
            *next = position;
        }
        let held = self.held.entry(id.clone()).or_default();
        held.insert(position, message);
        while let Some(message) = held.remove(next) {
            let Content::Event(event) = &message.content else { continue };
            account.enter(&event.body);
            *self.applied.entry(id.clone()).or_default() += 1;
            *next = next.next();
        }
    }
}

/// Holds a run's ledger against an account of its messages, event by event.
fn agrees(scene: &Scene) {
    let receiver = Receiver::of(scene);
    let ledger = &scene.ledger;
    for event in events(ledger) {
        let account = &receiver.accounts[&event.event_id];
        let id = &event.event_id;
        assert_eq!(receiver.applied[id], event.messages, "{id}");
        assert_eq!(event.due_ns.len() as u64, event.messages, "{id}");
        assert_eq!(account.fixture.as_ref(), Some(&event.fixture), "{id}");
        let is_uof = message_format(scene, id) == Format::Uof;
        assert_eq!(account.status.as_ref(), Some(&event.status), "{id}");
        assert_eq!(account.incidents, event.incidents, "{id}");
        let by_key = |markets: &[domain::Market]| -> BTreeMap<String, domain::Market> {
            markets.iter().map(|market| (market.key.to_string(), market.clone())).collect()
        };
        let (found, mut expected) = (account.markets(), by_key(&event.markets));
        if ledger.stalled.contains(id) {
            assert!(event.markets.iter().all(|market| market.status != MarketStatus::Active), "{id}");
        }
        // The reason of a void is not told by a snapshot.
        let is_restarted =
            ledger.faults.faults.iter().any(|fault| {
                matches!(fault.kind, Kind::Restart { .. }) && fault.event_id.as_ref() == Some(id)
            });
        let mut found = by_key(&found);
        if ledger.stalled.contains(id) {
            // What was open is shut, by a bet stop that waits where there is one, and nothing else is otherwise than it was said.
            let is_stop = |message: &FeedMessage| matches!(&message.content, Content::Event(event) if matches!(event.body, Body::BetStop(_)));
            let is_stopped = receiver.held[id].values().any(is_stop);
            let reason = if is_stopped { Suspension::BetStop } else { Suspension::Gap };
            for market in found.values_mut().filter(|market| market.status == MarketStatus::Active) {
                market.status = MarketStatus::Suspended;
                market.suspension = Some(reason);
            }
        }
        if is_uof {
            // The first of whom anything is heard is who tells fixtures.
            for (key, market) in &mut found {
                expected.get(key).inspect(|meant| market.producer.clone_from(&meant.producer));
            }
        }
        if is_restarted {
            found.values_mut().chain(expected.values_mut()).for_each(|market| market.void_reason = None);
        }
        assert_eq!(found, expected, "{id}");
    }
    let known: BTreeSet<&EventId> = events(ledger).map(|event| &event.event_id).collect();
    let others: Vec<&EventId> = receiver.accounts.keys().filter(|id| !known.contains(id)).collect();
    assert_eq!(others, ledger.unannounced.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

fn message_format(scene: &Scene, id: &EventId) -> Format {
    let channels = scene.schedule.channels();
    channels.iter().find(|channel| channel.event_id.as_deref() == Some(id.as_str())).unwrap().format
}
