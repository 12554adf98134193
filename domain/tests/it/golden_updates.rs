//! Golden bytes of updates: what other programs read from the updates topics.

use domain::market::{ResultKind, Suspension, VoidWindow};
use domain::producer::Reason;
use domain::update::CauseKind;
use domain::{
    Cause, Change, IncidentId, Key, Market, MarketStatus, MessageId, MessageType, Name, Outcome, Position,
    Sport, Timestamp, Update, Value,
};

use crate::build::{at, market, odds, outcome, result, share, text, urn};
use crate::golden::{line, source};

#[track_caller]
fn publishes(name: &str, expected: &Update) {
    assert_eq!(&serde_json::from_str::<Update>(&line(name)).expect("an update"), expected);
}

/// An update of the golden game caused by the message at `sequence` of epoch 1.
fn update(
    version: u64,
    kind: MessageType,
    generated_at: i64,
    received_at: Option<i64>,
    applied_at: i64,
) -> Update {
    Update {
        event_id: urn("md:match:1001"),
        sport: Sport::Hockey,
        version,
        previous_version: version - 1,
        cause: Cause {
            kind: CauseKind::Message(kind),
            source: source(),
            message_id: Some(MessageId::new(format!("1001-1-{version}")).expect("an id")),
            position: Some(Position { epoch: 1, sequence: version }),
            reason: None,
            fixture_change: None,
            occurred_at: None,
            generated_at: Some(at(generated_at)),
            received_at: received_at.map(Timestamp),
        },
        applied_at: at(applied_at),
        changes: Vec::new(),
    }
}

fn public(key: &str, status: MarketStatus, outcomes: Vec<Outcome>) -> Market {
    Market {
        key: market(key),
        producer: Name::new("live").expect("a name"),
        status,
        suspension: None,
        favourite: false,
        cashout: None,
        outcomes,
        void_reason: None,
        void_windows: Vec::new(),
    }
}

fn changed(market: Market) -> Change {
    Change { key: Key::Market(market.key.clone()), value: Some(Value::Market(market)) }
}

#[test]
fn an_update_carries_the_whole_value_of_every_key_that_changed() {
    let winner = vec![
        Outcome { probability: share(512_000), ..outcome("4", odds(1_850)) },
        Outcome { probability: share(488_000), ..outcome("5", odds(1_980)) },
    ];
    let total = vec![outcome("12", odds(2_240)), Outcome { active: false, ..outcome("13", odds(1_640)) }];
    let (generated, received, applied) =
        (1_767_204_993_000_000, 1_767_204_993_002_500, 1_767_204_993_011_000);
    let expected = Update {
        changes: vec![
            changed(public("406", MarketStatus::Active, winner)),
            changed(public("412:total=5.5", MarketStatus::Active, total)),
        ],
        ..update(60, MessageType::OddsChange, generated, Some(received), applied)
    };
    publishes("update_odds_change", &expected);
}

#[test]
fn an_update_says_why_a_market_is_suspended() {
    let stopped = Market {
        suspension: Some(Suspension::BetStop),
        ..public("406", MarketStatus::Suspended, vec![outcome("4", odds(1_700)), outcome("5", odds(2_150))])
    };
    let (generated, received, applied) =
        (1_767_204_912_010_000, 1_767_204_912_013_000, 1_767_204_912_020_000);
    let mut expected = update(55, MessageType::BetStop, generated, Some(received), applied);
    expected.cause.occurred_at = Some(at(1_767_204_911_900_000));
    publishes("update_bet_stop", &Update { changes: vec![changed(stopped)], ..expected });

    let suspended = Market {
        suspension: Some(Suspension::Gap),
        ..public("406", MarketStatus::Suspended, vec![outcome("4", odds(1_850))])
    };
    let expected = Update {
        cause: Cause::gap(source(), Position { epoch: 1, sequence: 61 }),
        changes: vec![changed(suspended)],
        ..update(62, MessageType::BetStop, 0, None, 1_767_205_003_000_000)
    };
    publishes("update_gap", &expected);

    let suspended = Market {
        suspension: Some(Suspension::DeadLetter),
        ..public("406", MarketStatus::Suspended, vec![outcome("4", odds(1_850))])
    };
    let expected = Update {
        cause: Cause::dead_letter(source(), Some(Position { epoch: 1, sequence: 63 })),
        changes: vec![changed(suspended)],
        ..update(65, MessageType::BetStop, 0, None, 1_767_205_006_000_000)
    };
    publishes("update_dead_letter", &expected);
}

#[test]
fn an_update_says_why_a_producer_is_trusted_or_not() {
    let silent = Market {
        suspension: Some(Suspension::ProducerDown),
        ..public("406", MarketStatus::Suspended, vec![outcome("4", odds(1_850))])
    };
    let expected = Update {
        cause: Cause::producer(CauseKind::ProducerDown, source(), Reason::AliveInterval),
        changes: vec![changed(silent)],
        ..update(63, MessageType::Alive, 0, None, 1_767_205_020_000_000)
    };
    publishes("update_producer_down", &expected);
    let open = public("406", MarketStatus::Active, vec![outcome("4", odds(1_850))]);
    let expected = Update {
        cause: Cause::producer(CauseKind::ProducerUp, source(), Reason::SnapshotComplete),
        changes: vec![changed(open)],
        ..update(64, MessageType::Alive, 0, None, 1_767_205_032_500_000)
    };
    publishes("update_producer_up", &expected);
}

#[test]
fn an_update_removes_a_key_with_null() {
    let key = Key::Incident(IncidentId::new("g-3").expect("an id"));
    let expected = Update {
        changes: vec![Change { key, value: None }],
        ..update(58, MessageType::Incident, 1_767_204_988_000_000, None, 1_767_204_988_009_000)
    };
    publishes("update_incident_deleted", &expected);
}

#[test]
fn an_update_shows_what_is_void() {
    let lost = Outcome { result: Some(result(ResultKind::Lost)), ..outcome("12", odds(2_240)) };
    let won = Outcome { result: Some(result(ResultKind::Won)), active: false, ..outcome("13", odds(1_640)) };
    let window = VoidWindow {
        start_time: Some(at(1_767_204_905_000_000)),
        end_time: Some(at(1_767_204_912_010_000)),
        void_reason: Some(text("wrong odds after a late bet stop")),
    };
    let total = Market {
        void_windows: vec![window],
        ..public("412:total=5.5", MarketStatus::Settled, vec![lost, won])
    };
    let (generated, received, applied) =
        (1_767_210_060_000_000, 1_767_210_060_002_000, 1_767_210_060_011_000);
    let expected = update(206, MessageType::Cancel, generated, Some(received), applied);
    publishes("update_cancel", &Update { changes: vec![changed(total)], ..expected });

    let won = Outcome { result: Some(result(ResultKind::Won)), ..outcome("4", odds(1_850)) };
    let lost = Outcome { result: Some(result(ResultKind::Lost)), ..outcome("5", odds(1_980)) };
    let winner = Market {
        void_reason: Some(text("match to be replayed")),
        ..public("406", MarketStatus::Cancelled, vec![won, lost])
    };
    let expected = update(207, MessageType::Cancel, 1_767_210_070_000_000, None, 1_767_210_070_011_000);
    publishes("update_cancel_whole", &Update { changes: vec![changed(winner)], ..expected });
}

#[test]
fn an_update_says_what_a_fixture_change_said_also_of_a_fixture_that_is_not_known() {
    let message = br#"{"schema":"1.0","message_id":"m","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:1","epoch":1,"sequence":1,"type":"fixture_change","generated_at":5,"body":{"change":"start_time","scheduled_start":9}}"#;
    let cause = Cause::message(&domain::codec::json::decode(message).expect("a message"));
    let said = serde_json::to_value(&cause).expect("string keys only");
    assert_eq!(said["fixture_change"], serde_json::json!({"change": "start_time", "scheduled_start": 9}));
    assert_eq!(serde_json::from_value::<Cause>(said).expect("a cause"), cause);
}
