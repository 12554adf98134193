//! What a plan comes to while producers fall silent and come back.

use domain::producer::{Reason, State};

use super::*;
use crate::producers::Watched;
use crate::recovery::{Asked, Request, Target};
use crate::store::rows::WatchedRow;
use domain::limit::WATCHED_MAX;

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
    assert_eq!(turned(&plan), (State::Up, Reason::FirstAlive, Some("")), "it may have had no room before");
    assert_eq!(plan.writes.watched[0].watched.producer.alive_at, Timestamp(8), "when it was received");
    let plan = plan_with(&mut unknown_event(), |planner| planner.take(&record(100, &odds(1)))).unwrap();
    assert!(plan.writes.watched.is_empty());
}

/// A producer that has to prove itself by a recovery.
fn proving() -> Producers {
    let entry = ["md=snapshot@http://127.0.0.1:1".parse().unwrap()];
    producers_of(Providers::new(&entry, &[]).unwrap())
}

#[test]
fn what_a_producer_says_before_its_first_alive_is_shut_where_a_snapshot_has_to_prove_it() {
    let (producers, mut working) = (proving(), unknown_event());
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(1)));
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    assert_eq!(turned(&plan), (State::Down, Reason::NeverAlive, Some("")), "others may be open from before");
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));

    let mut producers = producers;
    producers.committed(&plan.writes.watched);
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, |planner| {
        planner.take(&record(100, &alive(true, 7)));
        planner.take(&record(101, &odds(2)));
    });
    let plan = plan.unwrap();
    assert_eq!(turned(&plan), (State::Recovering, Reason::FirstAlive, Some("")));
    let trusted_until = plan.writes.watched[0].watched.producer.trusted_until;
    assert_eq!(trusted_until, Timestamp(0), "all is to be sent again");
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));
}

/// As a Unified Odds Feed's messages are: without a sequence, and marked where that cannot be seen.
fn unnumbered(offset: i64, mut message: Value) -> FeedRecord {
    let fields = message.as_object_mut().unwrap();
    fields.remove("epoch");
    fields.remove("sequence");
    record(offset, message.to_string().as_bytes()).with_unnumbered(Some(b"true"))
}

#[test]
fn what_is_unnumbered_is_shut_unless_somebody_is_asked_or_its_alive_is_said_to_be_enough() {
    let value = |payload: Vec<u8>| serde_json::from_slice::<Value>(&payload).unwrap();
    let told = |settled: &[&str]| {
        let entries: Vec<_> = settled.iter().map(|text| text.parse().unwrap()).collect();
        let producers = producers_of(Providers::new(&entries, &[]).unwrap());
        let plan = plan_knowing(Timestamp(0), &producers, &mut unknown_event(), |planner| {
            planner.take(&unnumbered(100, value(alive(true, 7))));
            planner.take(&unnumbered(101, value(odds(1))));
        });
        let plan = plan.unwrap();
        let (state, reason, _) = turned(&plan);
        (state, reason, plan.writes.events[0].markets[0].status)
    };
    assert_eq!(told(&[]), (State::Down, Reason::RecoveryNotConfigured, Some("suspended")));
    assert_eq!(told(&["other=alive"]), told(&[]));
    let asked = told(&["md=uof@http://127.0.0.1:1"]);
    assert_eq!(asked, (State::Recovering, Reason::FirstAlive, Some("suspended")));
    assert_eq!(told(&["md=alive"]), (State::Up, Reason::FirstAlive, Some("active")));

    // Its odds alone: nobody has said that it is alive.
    let mut working = unknown_event();
    let take = |planner: &mut Planner<'_>| planner.take(&unnumbered(100, value(odds(1))));
    let plan = plan_knowing(Timestamp(0), &nobody(), &mut working, take).unwrap();
    assert_eq!(turned(&plan), (State::Down, Reason::NeverAlive, Some("")));
    assert_eq!(plan.writes.events[0].markets[0].status, Some("suspended"));
}

#[test]
fn only_what_was_asked_for_here_completes_a_recovery() {
    let complete = |request_id: u64| {
        let message = json!({
            "schema": "1.0", "message_id": "complete", "provider": "md", "producer": "live",
            "type": "snapshot_complete", "generated_at": 9, "received_at": 9, "body": {"request_id": request_id},
        });
        message.to_string().into_bytes()
    };
    let request = |source: domain::Source, asked_at: i64| {
        let target = Target { source, event_id: None };
        let asked_at = Timestamp(asked_at);
        (target, Request { asked_at, is_taken: true, failures: 0, recovered_at: None })
    };
    let asked = |source, asked_at| [request(source, asked_at)].into_iter().collect::<Asked>();
    let state = |asked: Asked, request_id: u64| {
        let plan = plan_knowing(Timestamp(0), &proving(), &mut unknown_event(), |planner| {
            planner.expect(asked);
            planner.take(&record(100, &alive(true, 7)));
            planner.take(&record(101, &complete(request_id)));
        });
        turned(&plan.unwrap()).0
    };
    assert_eq!(state(asked(source(), 20), 20), State::Up);
    assert_eq!(state(asked(source(), 20), 21), State::Recovering, "somebody else asked for it");
    let again = || [20, 50].map(|at| request(source(), at)).into_iter().collect::<Asked>();
    assert_eq!(state(again(), 20), State::Up, "that it was asked for again takes nothing from the first");
    assert_eq!(state(again(), 50), State::Up);
    assert_eq!(state(Asked::default(), 20), State::Recovering, "nobody did");
    let other = domain::Source { producer: domain::Name::new("pre").unwrap(), ..source() };
    assert_eq!(state(asked(other, 20), 20), State::Recovering, "it was asked of another producer");
}

#[test]
fn an_alive_that_was_old_when_it_came_shuts_what_is_open_and_a_backlog_does_not() {
    let (producers, mut working) = open();
    let mut late: Value = serde_json::from_slice(&alive(true, 9)).unwrap();
    late["generated_at"] = json!(9 - SILENCE);
    let late = late.to_string().into_bytes();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &late));
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    assert_eq!(turned(&plan), (State::Down, Reason::Delayed, Some("")));
    let told = sweep(&watching(&plan), &mut working);
    assert_eq!(told.writes.events[0].markets[0].status, Some("suspended"));
    assert_eq!(cause(&told, 0)["reason"], "delayed");

    // Read long after it was received: who is behind is not the producer.
    let (producers, mut working) = open();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &alive(true, 9)));
    let behind = Timestamp(NOW.0 + 10 * SILENCE);
    let plan = plan_knowing(behind, &producers, &mut working, take).unwrap();
    assert_eq!(turned(&plan).0, State::Up);
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

/// So many producers of others are up.
fn watch_others(producers: &mut Producers, count: usize) {
    let rows = (0..count).map(|number| {
        let provider = domain::Name::new(format!("p{number}")).unwrap();
        let producer = domain::Producer { state: State::Up, ..domain::Producer::never_alive(NOW) };
        let watched = Watched { producer, swept_to: None };
        WatchedRow { partition: PARTITION, source: domain::Source { provider, ..source() }, watched }
    });
    producers.committed(&rows.collect::<Vec<_>>());
}

#[test]
fn what_a_producer_offers_that_cannot_be_watched_is_shut_and_says_why() {
    for (mut producers, is_proving) in [(nobody(), false), (proving(), true)] {
        watch_others(&mut producers, WATCHED_MAX);
        let mut working = unknown_event();
        let take = |planner: &mut Planner<'_>| {
            planner.take(&record(100, &alive(true, 7)));
            planner.take(&record(101, &odds(1)));
            planner.take(&record(102, &odds(2)));
        };
        let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
        assert!(plan.writes.watched.is_empty(), "there is no room for it");
        assert_eq!(plan.tally.unwatched, 2);
        let market: Value =
            serde_json::from_str(plan.writes.events[0].markets[0].value.as_ref().unwrap()).unwrap();
        let shown = (&market["status"], &market["suspension"]);
        assert_eq!(shown, (&json!("suspended"), &json!("producer_down")), "proving: {is_proving}");
    }
    // What it had opened before is shut as soon as anything happens to the event, and says why.
    let mut working = unknown_event();
    let mut producers = nobody();
    let plan = plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
    assert!(plan.writes.events[0].is_open, "of one that never says that it is alive nothing is expected");
    watch_others(&mut producers, WATCHED_MAX);
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(2)));
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    assert_eq!(
        (&cause(&plan, 0)["type"], &cause(&plan, 0)["reason"]),
        (&json!("producer_down"), &json!("not_watched"))
    );
    assert!(!plan.writes.events[0].is_open);
}

#[test]
fn what_is_open_of_who_is_not_watched_is_shut_when_the_last_room_is_taken() {
    let (mut producers, mut working) = (nobody(), unknown_event());
    let plan = plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
    assert!(plan.writes.events[0].is_open);
    watch_others(&mut producers, WATCHED_MAX - 1);
    let last = String::from_utf8(alive(true, 7)).unwrap().replace("\"md\"", "\"last\"");
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, last.as_bytes()));
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    assert!(!producers.sweeps().any(|sweep| sweep.is_full));
    producers.committed(&plan.writes.watched);
    let sweeps: Vec<bool> = producers.sweeps().map(|sweep| sweep.is_full).collect();
    assert_eq!(sweeps, [true], "open events are gone through, too");
    let plan = sweep(&producers, &mut working);
    assert!(!plan.writes.events[0].is_open);
    assert_eq!(cause(&plan, 0)["reason"], "not_watched");
}

#[test]
fn who_takes_the_place_of_letters_in_an_event_is_shut_where_it_is_not_trusted() {
    let letters = (0_i64..).take(domain::limit::SOURCES_MAX).map(|index| {
        let told = json!({
            "schema": "1.1", "provider": "md", "producer": format!("p{index}"), "sport": "hockey", "event_id": EVENT,
            "epoch": 1, "sequence": 1, "received_at": 1,
        });
        FeedRecord::refused(PARTITION, 100 + index, Some(EVENT.as_bytes()), told.to_string().as_bytes())
    });
    let plan = plan_knowing(Timestamp(0), &proving(), &mut unknown_event(), |planner| {
        letters.for_each(|letter| planner.take(&letter));
        planner.take(&record(200, &odds(1)));
    });
    let writes = plan.unwrap().writes;
    assert!(writes.dead_letters.is_empty(), "there is a place for it");
    assert_eq!(writes.events[0].markets[0].status, Some("suspended"));
    assert!(writes.events[0].is_distrusted);
}

/// The event of a producer for which there was no room when it spoke.
fn shut_for_want_of_room() -> HashMap<EventId, WorkingEvent> {
    let (mut producers, mut working) = (nobody(), unknown_event());
    watch_others(&mut producers, WATCHED_MAX);
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(1)));
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    assert!(plan.writes.events[0].is_distrusted && !plan.writes.events[0].is_open);
    working
}

#[test]
fn who_could_not_be_watched_is_open_again_once_there_is_room() {
    // One that says that it is alive, by a sweep.
    let mut working = shut_for_want_of_room();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &alive(true, 7)));
    let plan = plan_knowing(Timestamp(0), &nobody(), &mut working, take).unwrap();
    assert_eq!(turned(&plan), (State::Up, Reason::FirstAlive, Some("")));
    let plan = sweep(&watching(&plan), &mut working);
    assert!(plan.writes.events[0].is_open && !plan.writes.events[0].is_distrusted);
    assert_eq!(cause(&plan, 0)["type"], "producer_up");

    // One that never does, with what it says next.
    let mut working = shut_for_want_of_room();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(2)));
    let plan = plan_knowing(Timestamp(0), &nobody(), &mut working, take).unwrap();
    assert_eq!(
        (&cause(&plan, 0)["type"], &cause(&plan, 0)["reason"]),
        (&json!("producer_up"), &json!("not_watched"))
    );
    assert_eq!(cause(&plan, 1)["type"], "odds_change");
    assert!(plan.writes.events[0].is_open && plan.writes.watched.is_empty());

    // One of which more is asked is watched from then on, and has yet to prove itself.
    let mut working = shut_for_want_of_room();
    let take = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(2)));
    let plan = plan_knowing(Timestamp(0), &proving(), &mut working, take).unwrap();
    assert_eq!(turned(&plan), (State::Down, Reason::NeverAlive, Some("")));
    assert!(!plan.writes.events[0].is_open);
}

#[test]
fn one_batch_brings_no_more_producers_than_can_be_watched() {
    let (mut producers, mut working) = (nobody(), unknown_event());
    watch_others(&mut producers, WATCHED_MAX - 1);
    let other = String::from_utf8(alive(true, 8)).unwrap().replace(r#""live""#, r#""other""#);
    let take = |planner: &mut Planner<'_>| {
        planner.take(&record(100, &alive(true, 7)));
        planner.take(&record(101, other.as_bytes()));
    };
    let plan = plan_knowing(Timestamp(0), &producers, &mut working, take).unwrap();
    let watched: Vec<_> = plan.writes.watched.iter().map(|row| &row.source).collect();
    assert_eq!(watched, [&source()]);
}
