//! What a plan comes to while producers fall silent and come back.

use domain::producer::{Reason, State};

use super::*;
use crate::producers::Watched;

/// Where the feed is when the silence has lasted too long: the tests' `alive`s come at 1 to 100 microseconds.
const SILENT: Timestamp = Timestamp(SILENCE + 100);

fn source() -> domain::Source {
    let name = |text| domain::Name::new(text).unwrap();
    domain::Source { provider: name("md"), producer: name("live") }
}

/// What a plan has written is what is watched from now on.
fn watching(plan: &Plan) -> Producers {
    let mut producers = nobody();
    producers.committed(&plan.writes.watched);
    producers
}

/// A producer that was alive, and one event of it with an open market.
fn open() -> (Producers, HashMap<EventId, WorkingEvent>) {
    let mut working = unknown_event();
    let plan = plan_with(&mut working, |planner| {
        planner.take(&record(100, &alive(true, 7)));
        planner.take(&record(101, &odds(1)));
    });
    (watching(&plan.unwrap()), working)
}

fn turned(plan: &Plan) -> (State, Reason, Option<&str>) {
    let Watched { producer, swept_to } = &plan.writes.watched[0].watched;
    (producer.state, producer.reason, swept_to.as_deref())
}

/// The producer is down, and the event has not heard of it.
fn silent() -> (Producers, HashMap<EventId, WorkingEvent>) {
    let (producers, mut working) = open();
    let overdue = producers.overdue(&BTreeMap::from([(PARTITION, SILENT)]));
    assert_eq!(overdue, [(PARTITION, source())]);
    let expire = |planner: &mut Planner<'_>| planner.expire_producers(&overdue);
    let plan = plan_knowing(SILENT, &producers, &mut working, expire).unwrap();
    assert_eq!(turned(&plan), (State::Down, Reason::AliveInterval, Some("")));
    assert_eq!((plan.writes.advances.len(), plan.writes.advances[0].is_move()), (1, false));
    assert!(plan.writes.updates.is_empty());
    (watching(&plan), working)
}

fn cause(plan: &Plan, index: usize) -> Value {
    let update: Value = serde_json::from_slice(&plan.writes.updates[index].payload).unwrap();
    update["cause"].clone()
}

fn sweep(producers: &Producers, working: &mut HashMap<EventId, WorkingEvent>) -> Plan {
    let sweep = producers.sweeps().next().unwrap();
    let events = [EventId::new(EVENT).unwrap()];
    let take = |planner: &mut Planner<'_>| planner.sweep(&sweep, &events, None);
    plan_knowing(SILENT, producers, working, take).unwrap()
}

#[test]
fn a_producer_is_watched_from_its_first_alive_on() {
    let plan = plan(&[record(100, &odds(1)), record(101, &alive(true, 7))]).unwrap();
    assert_eq!(turned(&plan), (State::Up, Reason::FirstAlive, None));
    assert_eq!(plan.writes.watched[0].watched.producer.alive_at, Timestamp(8), "when it was received");
    let plan = plan_with(&mut unknown_event(), |planner| planner.take(&record(100, &odds(1)))).unwrap();
    assert!(plan.writes.watched.is_empty());
}

#[test]
fn what_a_producer_said_before_its_first_alive_is_shut_where_a_snapshot_has_to_prove_it() {
    let entry = ["md=snapshot".parse().unwrap()];
    let providers = Providers::new(&entry, &[]).unwrap();
    let producers = Producers::new(ProducerTerms { silence_micros: SILENCE, providers });
    let mut working = unknown_event();
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, |planner| {
        planner.take(&record(100, &odds(1)));
        planner.take(&record(101, &alive(true, 7)));
        planner.take(&record(102, &odds(2)));
    });
    let plan = plan.unwrap();
    assert_eq!(turned(&plan), (State::Recovering, Reason::FirstAlive, Some("")));
    assert_eq!(
        plan.writes.watched[0].watched.producer.trusted_until,
        Timestamp(0),
        "all is to be sent again"
    );
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));
    let told = cause(&plan, 1);
    assert_eq!(
        (told["type"].as_str(), told["reason"].as_str()),
        (Some("producer_down"), Some("first_alive"))
    );
}

#[test]
fn a_deadline_counts_against_the_feed_of_its_partition() {
    let (producers, _) = open();
    let overdue = |partition, micros| producers.overdue(&BTreeMap::from([(partition, Timestamp(micros))]));
    assert!(overdue(PARTITION, SILENCE + 7).is_empty());
    assert!(overdue(PARTITION + 1, i64::MAX).is_empty());
    assert_eq!(overdue(PARTITION, SILENCE + 8), [(PARTITION, source())]);
}

#[test]
fn an_alive_came_no_earlier_than_what_was_before_it_and_no_later_than_now() {
    let alive_at = |heard_until: i64, received_at: i64| {
        let payload = alive(true, received_at - 1);
        let take = |planner: &mut Planner<'_>| planner.take(&record(100, &payload));
        let heard_until = Timestamp(heard_until);
        let plan = plan_knowing(heard_until, &nobody(), &mut unknown_event(), take).unwrap();
        plan.writes.watched[0].watched.producer.alive_at
    };
    assert_eq!(alive_at(0, 10), Timestamp(10));
    assert_eq!(alive_at(500, 10), Timestamp(500), "a receiver whose clock is behind");
    assert_eq!(alive_at(500, NOW.0 * 2), NOW, "one whose clock is ahead");
}

#[test]
fn a_sweep_suspends_and_opens_and_is_told_apart_from_gaps() {
    let (producers, mut working) = silent();
    let plan = sweep(&producers, &mut working);
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));
    let expected =
        json!({"type": "producer_down", "provider": "md", "producer": "live", "reason": "alive_interval"});
    assert_eq!(cause(&plan, 0), expected);
    assert_eq!(turned(&plan), (State::Down, Reason::AliveInterval, None));
    assert!(plan.writes.events[0].is_distrusted && !plan.writes.events[0].is_open);
    assert_eq!((plan.tally.distrusted, plan.tally.gaps), (1, 0));

    let producers = watching(&plan);
    let come_back = |planner: &mut Planner<'_>| planner.take(&record(100, &alive(true, 9)));
    let plan = plan_knowing(SILENT, &producers, &mut working, come_back).unwrap();
    assert_eq!(turned(&plan), (State::Up, Reason::AliveAgain, Some("")));
    let plan = sweep(&watching(&plan), &mut working);
    assert_eq!(plan.writes.events[0].markets[0].status, Some("active"));
    assert!(plan.writes.events[0].is_open && !plan.writes.events[0].is_distrusted);
    assert_eq!((cause(&plan, 0)["type"].as_str(), plan.tally.trusted), (Some("producer_up"), 1));
}

#[test]
fn a_message_finds_its_event_up_to_date_before_any_sweep() {
    let (producers, mut working) = silent();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(2)));
    let plan = plan_knowing(SILENT, &producers, &mut working, take).unwrap();
    let kinds: Vec<Value> = (0..2).map(|index| cause(&plan, index)["type"].clone()).collect();
    assert_eq!(kinds, ["producer_down", "odds_change"]);
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));

    let mut unknown = unknown_event();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(1)));
    let plan = plan_knowing(SILENT, &producers, &mut unknown, take).unwrap();
    assert_eq!((plan.writes.updates.len(), cause(&plan, 0)["type"].as_str()), (1, Some("odds_change")));
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));
}
