//! What holds for every message: reading after writing is the identity, and no bytes make the reader panic.

use domain::codec::json;
use domain::producer::Reason;
use domain::update::CauseKind;
use domain::{Body, Cause, Change, Content, Key, MarketKey, Update, Value};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::any;

proptest! {
    #[test]
    fn a_message_reads_back_as_it_was_written(message in any::message()) {
        let bytes = json::encode(&message);
        prop_assert!(!bytes.contains(&b'\n'), "one line");
        let read = json::decode(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &message);
        prop_assert_eq!(json::encode(&read), bytes);
    }

    #[test]
    fn a_message_cut_short_is_refused(message in any::message(), cut in any::<Index>()) {
        let bytes = json::encode(&message);
        prop_assert!(json::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn damaged_bytes_are_read_or_refused_and_never_panic(
        message in any::message(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        moved in (any::<Index>(), any::<Index>()),
    ) {
        let mut bytes = json::encode(&message);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        // What can be read can be written, and means the same again.
        if let Ok(read) = json::decode(&bytes) {
            prop_assert_eq!(json::decode(&json::encode(&read)), Ok(read));
        }
        let (from, to) = (moved.0.index(bytes.len()), moved.1.index(bytes.len()));
        bytes.swap(from, to);
        let _ = json::decode(&bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::decode(&bytes);
    }

    #[test]
    fn an_update_reads_back_as_it_was_written(message in any::message(), version in 1..u64::MAX) {
        let mut update = update(&message, version);
        prop_assert_eq!(&read(&update), &update);
        update.cause = Cause::gap(message.source.clone(), message.position().unwrap_or(POSITION));
        prop_assert_eq!(&read(&update), &update);
        prop_assert_eq!(update.cause.kind, CauseKind::Gap);
        update.cause = Cause::producer(CauseKind::ProducerDown, message.source.clone(), Reason::NotSubscribed);
        prop_assert_eq!(&read(&update), &update);
    }

    #[test]
    fn a_key_reads_back_from_its_text(message in any::message()) {
        for change in update(&message, 1).changes {
            let text = change.key.to_string();
            prop_assert_eq!(text.parse::<Key>(), Ok(change.key));
        }
    }
}

const POSITION: domain::Position = domain::Position { epoch: 1, sequence: 1 };

fn read(update: &Update) -> Update {
    let text = serde_json::to_string(update).expect("JSON");
    serde_json::from_str(&text).expect("an update")
}

/// An update that carries what it can of a message's parts.
fn update(message: &domain::FeedMessage, version: u64) -> Update {
    let mut changes = vec![Change { key: Key::Market(MarketKey::plain(7)), value: None }];
    let mut event_id = domain::Urn::new("md:match:1").expect("a URN");
    if let Content::Event(event) = &message.content {
        event_id.clone_from(&event.event_id);
        match event.body.clone() {
            Body::Fixture(fixture) => changes.push(change(Key::Fixture, Value::Fixture(fixture))),
            Body::EventStatus(status) => changes.push(change(Key::Status, Value::Status(status))),
            Body::Incident(incident) => {
                changes.push(change(Key::Incident(incident.incident_id.clone()), Value::Incident(incident)));
            }
            Body::OddsChange(odds) => {
                changes.extend(odds.markets.into_iter().map(|offer| public(message, offer)))
            }
            _ => {}
        }
    }
    Update {
        event_id,
        sport: domain::Sport::Hockey,
        version,
        previous_version: version - 1,
        cause: Cause::message(message),
        applied_at: message.generated_at,
        changes,
    }
}

fn change(key: Key, value: Value) -> Change {
    Change { key, value: Some(value) }
}

fn public(message: &domain::FeedMessage, offer: domain::message::Offer) -> Change {
    use domain::market::{Suspension, VoidWindow};
    let window =
        VoidWindow { start_time: message.occurred_at, end_time: message.received_at, void_reason: None };
    let market = domain::Market {
        key: offer.key,
        producer: message.source.producer.clone(),
        status: offer.status,
        suspension: offer.outcomes.first().map(|_| Suspension::Gap),
        favourite: offer.favourite,
        cashout: offer.cashout,
        outcomes: offer.outcomes,
        void_reason: None,
        void_windows: message.occurred_at.map(|_| window).into_iter().collect(),
    };
    change(Key::Market(market.key.clone()), Value::Market(market))
}
