//! What a plan comes to, held against rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::intake::HoldLimits;
use domain::letter::RedriveOutcome;
use domain::{EventId, EventState, Intake, Sport, Timestamp};
use serde_json::{Value, json};

use super::{FeedRecord, Known, OwnedPartition, Plan, Planner, ProducersWritten, WorkingEvent};
use crate::producers::{ProducerTerms, Producers};
use crate::recovery::Providers;
use crate::store::rows::{AliveColumns, POINTER_CHARS_MAX, REASON_CHARS_MAX};

mod letters;
mod trust;

const EVENT: &str = "md:match:1";
const PARTITION: i32 = 3;
const BEFORE: OwnedPartition = OwnedPartition { generation: 7, next_offset: 100, next_number: 40 };
const LIMITS: HoldLimits = HoldLimits { wait_micros: 1_000_000, held_max: 10, kept_micros: 60_000_000 };
/// Of all events together.
const HELD_ROOM: usize = 15;
const NOW: Timestamp = Timestamp(5_000_000);
const SILENCE: i64 = 20_000_000;

fn message(sequence: u64, sport: &str, message_type: &str, body: Value) -> Vec<u8> {
    let message = json!({
        "schema": "1.0", "message_id": format!("m{sequence}"), "provider": "md", "producer": "live", "sport": sport,
        "event_id": EVENT, "epoch": 1, "sequence": sequence, "type": message_type, "generated_at": 1, "body": body
    });
    message.to_string().into_bytes()
}

fn odds(sequence: u64) -> Vec<u8> {
    let outcomes = json!([{"id": "4", "odds": 1_500}]);
    message(
        sequence,
        "hockey",
        "odds_change",
        json!({"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]}),
    )
}

fn record(offset: i64, payload: &[u8]) -> FeedRecord {
    FeedRecord::new(PARTITION, offset, Some(EVENT.as_bytes()), payload)
}

fn unknown_event() -> HashMap<EventId, WorkingEvent> {
    let id = EventId::new(EVENT).unwrap();
    let intake = Intake::new(EventState::new(id.clone(), Sport::Hockey), []);
    HashMap::from([(
        id,
        WorkingEvent {
            intake,
            partition: PARTITION,
            first_seen_day: "2026-01-01".to_owned(),
            odds_at: Timestamp(0),
        },
    )])
}

/// The plan of one batch, where the feed has been processed up to `heard_until` and `producers` are watched.
fn plan_knowing(
    heard_until: Timestamp,
    producers: &Producers,
    working: &mut HashMap<EventId, WorkingEvent>,
    take: impl FnOnce(&mut Planner<'_>),
) -> Option<Plan> {
    let partitions = &BTreeMap::from([(PARTITION, BEFORE)]);
    let heard_until = &BTreeMap::from([(PARTITION, heard_until)]);
    let (sport, held_room) = (Sport::Hockey, HELD_ROOM);
    let known = Known { sport, now: NOW, limits: LIMITS, held_room, partitions, heard_until, producers };
    let mut planner = Planner::new(known, working);
    take(&mut planner);
    planner.finish()
}

/// The plan of one batch for one event.
fn plan_with(
    working: &mut HashMap<EventId, WorkingEvent>,
    take: impl FnOnce(&mut Planner<'_>),
) -> Option<Plan> {
    plan_knowing(Timestamp(0), &nobody(), working, take)
}

/// No producer is watched yet.
fn nobody() -> Producers {
    producers_of(Providers::default())
}

/// Nobody, of providers with whom this is settled.
fn producers_of(providers: Providers) -> Producers {
    Producers::new(ProducerTerms { silence_micros: SILENCE, delay_micros: SILENCE, providers })
}

fn plan(records: &[FeedRecord]) -> Option<Plan> {
    plan_with(&mut unknown_event(), |planner| records.iter().for_each(|record| planner.take(record)))
}

#[test]
fn held_and_released_within_one_batch_writes_no_row() {
    let records = [record(100, &odds(3)), record(101, &odds(2)), record(102, &odds(1))];
    let plan = plan(&records).unwrap();
    assert_eq!((plan.writes.held.len(), plan.writes.released.len()), (0, 0));
    assert_eq!(
        plan.writes.updates.iter().map(|row| (row.number, row.version)).collect::<Vec<_>>(),
        [(40, 1), (41, 2), (42, 3)]
    );
    let advance = plan.writes.advances[0];
    assert_eq!((advance.generation, advance.offset_before, advance.offset_after), (7, 100, 103));
    assert_eq!((advance.number_before, advance.number_after), (40, 43));
}

#[test]
fn what_waits_beyond_its_batch_is_a_row_and_leaves_it_when_its_turn_comes() {
    let mut working = unknown_event();
    let held = plan_with(&mut working, |planner| planner.take(&record(100, &odds(2)))).unwrap().writes.held;
    assert_eq!(
        held.iter().map(|row| (row.feed_offset, row.deadline)).collect::<Vec<_>>(),
        [(100, 6_000_000)]
    );
    let plan = plan_with(&mut working, |planner| planner.take(&record(101, &odds(1)))).unwrap();
    assert_eq!(plan.writes.released, [(PARTITION, 100)]);
    assert_eq!(plan.writes.updates.len(), 2);
}

#[test]
fn of_all_events_together_no_more_wait_than_there_is_room_for() {
    const OTHER: &str = "md:match:other";
    let mut working = unknown_event();
    let intake = Intake::new(EventState::new(EventId::new(OTHER).unwrap(), Sport::Hockey), []);
    let first_seen_day = "2026-01-01".to_owned();
    let other = WorkingEvent { intake, partition: PARTITION, first_seen_day, odds_at: Timestamp(0) };
    working.insert(EventId::new(OTHER).unwrap(), other);
    let early = (2..10).flat_map(|sequence| {
        let of = String::from_utf8(odds(sequence)).unwrap();
        [of.replace(EVENT, OTHER), of]
    });
    let records: Vec<FeedRecord> =
        (100..).zip(early).map(|(offset, payload)| record(offset, payload.as_bytes())).collect();
    let plan = plan_with(&mut working, |planner| records.iter().for_each(|record| planner.take(record)));
    let writes = plan.unwrap().writes;
    assert_eq!((writes.held.len(), writes.dead_letters.len()), (HELD_ROOM, 1));
    assert!(writes.dead_letters[0].reason.contains("there is no room"), "{:?}", writes.dead_letters);
    // What waits already counts, and what is next is taken all the same.
    let next = record(120, &odds(1));
    let writes = plan_with(&mut working, |planner| planner.take(&next)).unwrap().writes;
    assert_eq!(writes.dead_letters.len(), 0);
}

#[test]
fn what_waits_has_done_so_since_it_was_received_as_far_as_the_feed_agrees() {
    let deadline = |received_at: i64| {
        let mut message: Value = serde_json::from_slice(&odds(2)).unwrap();
        message["received_at"] = json!(received_at);
        let early = record(100, message.to_string().as_bytes());
        let heard_until = Timestamp(4_000_000);
        let plan = plan_knowing(heard_until, &nobody(), &mut unknown_event(), |planner| planner.take(&early));
        plan.unwrap().writes.held[0].deadline
    };
    assert_eq!(deadline(4_700_000), 5_700_000);
    assert_eq!(
        deadline(1_000_000),
        5_000_000,
        "its receiver's clock is behind: this came after what was before it"
    );
    assert_eq!(deadline(9_000_000), 6_000_000, "its receiver's clock is ahead");
}

#[test]
fn records_below_the_next_offset_and_of_foreign_partitions_are_skipped() {
    let foreign = FeedRecord::new(PARTITION + 1, 100, None, &odds(1));
    assert!(plan(&[record(98, &odds(1)), record(99, b"not even json"), foreign]).is_none());
    let plan = plan(&[record(99, &odds(1)), record(100, &odds(1))]).unwrap();
    assert_eq!(plan.writes.updates.len(), 1);
}

#[test]
fn a_refused_record_keeps_its_bytes_and_says_where_it_is_wrong() {
    let plan = plan(&[
        record(100, b"oops"),
        record(101, &message(1, "hockey", "odds_change", json!({"markets": 5}))),
    ]);
    let writes = plan.unwrap().writes;
    let letters = writes.dead_letters;
    assert_eq!(
        (letters[0].payload.as_slice(), letters[0].feed_offset, letters[0].number),
        (&b"oops"[..], 100, 40)
    );
    assert_eq!((letters[1].pointer.as_str(), letters[1].number), ("/body/markets", 41));
    assert_eq!(letters[1].key.as_deref(), Some(EVENT.as_bytes()));
    assert!(writes.events.is_empty(), "it begins no event");
    assert_eq!(writes.foreseen.len(), 1, "the one that says of which event it is will shut it");
}

#[test]
fn a_message_of_another_sport_leaves_no_trace_of_its_event() {
    // `football` may not be known to this build: then it cannot be read, which is refused as well.
    let plan = plan(&[record(100, &message(1, "football", "bet_stop", json!({"groups": "all"})))]).unwrap();
    assert_eq!(plan.writes.dead_letters.len(), 1);
    assert_eq!(plan.writes.dead_letters[0].pointer, "/sport");
    assert!(plan.writes.events.is_empty());
}

#[test]
fn a_record_given_up_is_a_dead_letter_and_shuts_its_event() {
    let mut working = unknown_event();
    plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
    let give_up = |planner: &mut Planner<'_>| planner.give_up(&record(101, &odds(2)), "poison".to_owned());
    let writes = plan_with(&mut working, give_up).unwrap().writes;
    assert_eq!((writes.dead_letters.len(), writes.updates.len()), (1, 1));
    assert_eq!(writes.events[0].markets[0].status, Some("suspended"));
    let update: Value = serde_json::from_slice(&writes.updates[0].payload).unwrap();
    assert_eq!(update["cause"]["type"], "dead_letter");

    let set_aside =
        |planner: &mut Planner<'_>| planner.set_aside(&record(101, &odds(2)), "poison".to_owned());
    let writes = plan_with(&mut working, set_aside).unwrap().writes;
    assert_eq!((writes.dead_letters.len(), writes.updates.len(), writes.events.len()), (1, 0, 0));
}

#[test]
fn reasons_and_keys_are_cut_to_their_columns() {
    let mut working = unknown_event();
    let long = FeedRecord::new(PARTITION, 100, Some(&[b'k'; 2_000]), b"oops");
    let plan = plan_with(&mut working, |planner| planner.set_aside(&long, "\u{e9}".repeat(2_000))).unwrap();
    let letter = &plan.writes.dead_letters[0];
    assert_eq!(letter.key, None, "half a key is another key");
    assert_eq!(letter.reason.chars().count(), REASON_CHARS_MAX);
    assert!(letter.pointer.chars().count() <= POINTER_CHARS_MAX);
}

#[test]
fn a_gap_moves_the_outbox_and_not_the_feed() {
    let mut working = unknown_event();
    plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
    plan_with(&mut working, |planner| planner.take(&record(101, &odds(3)))).unwrap();
    let mut expire = |micros| {
        plan_knowing(Timestamp(micros), &nobody(), &mut working, |planner: &mut Planner<'_>| planner.expire())
    };
    assert!(expire(5_999_999).is_none());
    let plan = expire(6_000_000).unwrap();
    let advance = plan.writes.advances[0];
    assert_eq!((advance.offset_before, advance.offset_after), (100, 100));
    assert_eq!((advance.number_before, advance.number_after), (40, 41));
    assert_eq!(plan.tally.gaps, 1);
}

fn alive(subscribed: bool, generated_at: i64) -> Vec<u8> {
    let message = json!({
        "schema": "1.0", "message_id": format!("alive-{generated_at}"), "provider": "md", "producer": "live",
        "type": "alive", "generated_at": generated_at, "received_at": generated_at + 1, "body": {"subscribed": subscribed}
    });
    message.to_string().into_bytes()
}

#[test]
fn a_batch_writes_one_row_of_a_producer_with_its_last_alive() {
    let plan = plan(&[record(100, &alive(false, 7)), record(101, &odds(1)), record(102, &alive(true, 9))]);
    let rows = plan.unwrap().writes.producers;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].partition, rows[0].source.to_string().as_str()), (PARTITION, "md/live"));
    let last =
        AliveColumns { subscribed: true, generated_at: Timestamp(9), received_at: Some(Timestamp(10)) };
    assert_eq!((rows[0].alive, rows[0].last_message_at), (Some(last), NOW));
}

#[test]
fn that_a_producer_speaks_is_written_once_a_second_and_its_alive_always() {
    let rows = |payload: &[u8]| plan(&[record(100, payload)]).unwrap().writes.producers;
    let mut written = ProducersWritten::default();
    let mut row = rows(&odds(1)).remove(0);
    assert!(written.is_due(&row));
    written.note(std::slice::from_ref(&row));
    row.last_message_at = Timestamp(NOW.0 + 999_999);
    assert!(!written.is_due(&row));
    row.last_message_at = Timestamp(NOW.0 + 1_000_000);
    assert!(written.is_due(&row));
    assert!(written.is_due(&rows(&alive(true, 7))[0]));
    row.partition += 1;
    assert!(written.is_due(&row), "each partition has a row of its own");
}

/// A record that takes the place of the letter at 17.
fn redriven(offset: i64, payload: &[u8]) -> FeedRecord {
    record(offset, payload).with_redrive(Some(b"0/17/000000000000beef"))
}

#[test]
fn a_letter_has_its_effect_once_and_what_becomes_of_it_is_written_with_it() {
    let plan = plan(&[redriven(100, &odds(1)), redriven(101, &odds(2))]).unwrap();
    assert_eq!(plan.writes.updates.len(), 1);
    let [row] = &plan.writes.redrives[..] else { panic!("{:?}", plan.writes.redrives) };
    assert_eq!((row.outcome, row.attempt, row.feed_offset), (RedriveOutcome::Applied, 0xbeef, 100));
    assert_eq!(plan.tally.duplicate, 1);

    let done = HashSet::from([redriven(100, &odds(1)).letter().unwrap()]);
    let plan = plan_with(&mut unknown_event(), |planner| {
        planner.leave_out(done);
        planner.take(&redriven(100, &odds(1)));
    });
    let writes = plan.unwrap().writes;
    assert_eq!((writes.updates.len(), writes.redrives.len(), writes.advances[0].offset_after), (0, 0, 101));
}

#[test]
fn a_letter_that_is_refused_again_makes_no_other_and_can_be_put_right() {
    let twice = json!({"markets": [{"id": 406, "status": "active"}, {"id": 406, "status": "active"}]});
    let wrong = message(1, "hockey", "odds_change", twice);
    let of_football = message(1, "football", "bet_stop", json!({"groups": "all"}));
    for wrong in [wrong, of_football] {
        let plan = plan(&[redriven(100, &wrong), redriven(101, &odds(1))]).unwrap();
        assert!(plan.writes.dead_letters.is_empty());
        let outcomes: Vec<_> = plan.writes.redrives.iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, [RedriveOutcome::Applied], "the last word stands");
    }
    let plan =
        plan(&[redriven(100, &odds(3)), record(101, b"oops").with_redrive(Some(b"0/18/000000000000beef"))]);
    let writes = plan.unwrap().writes;
    assert_eq!(writes.redrives[0].outcome, RedriveOutcome::Waiting);
    assert_eq!(writes.dead_letters.len(), 1, "what does not say whose it is takes nobody's place");
}

/// A record that tells of a refused message.
fn refused(offset: i64, sequence: u64, sport: &str) -> FeedRecord {
    let told = json!({
        "schema": "1.1", "provider": "md", "producer": "live", "sport": sport, "event_id": EVENT, "epoch": 1,
        "sequence": sequence, "received_at": 5
    });
    FeedRecord::refused(PARTITION, offset, Some(EVENT.as_bytes()), told.to_string().as_bytes())
}

#[test]
fn what_ingestion_refused_shuts_its_event_and_makes_no_other_letter() {
    let told = [record(100, &odds(1)), refused(101, 2, "hockey"), refused(102, 2, "hockey")];
    assert_eq!(told[1].heard_at(), Some((PARTITION, Timestamp(5))));
    let mut working = unknown_event();
    let writes = plan_with(&mut working, |planner| told.iter().for_each(|record| planner.take(record)));
    let writes = writes.unwrap().writes;
    assert_eq!((writes.updates.len(), writes.dead_letters.len()), (2, 0));
    assert_eq!(
        (writes.advances[0].offset_after, writes.events[0].markets[0].status),
        (103, Some("suspended"))
    );
    let update: Value = serde_json::from_slice(&writes.updates[1].payload).unwrap();
    assert_eq!((&update["cause"]["type"], &update["cause"]["sequence"]), (&json!("dead_letter"), &json!(2)));
    let put_right = plan_with(&mut working, |planner| planner.take(&redriven(100, &odds(2)))).unwrap().writes;
    assert_eq!(put_right.events[0].markets[0].status, Some("active"));
    assert_eq!(put_right.redrives[0].outcome, RedriveOutcome::Applied);
}

#[test]
fn what_was_refused_begins_no_event_and_is_no_letter_where_it_cannot_be_stored() {
    let plan = plan(&[refused(100, 1, "hockey"), refused(101, 1, "tennis")]).unwrap();
    assert!(plan.writes.events.is_empty() && plan.writes.updates.is_empty());
    let mut working = unknown_event();
    let told = refused(100, 1, "hockey");
    let ways: [&dyn Fn(&mut Planner<'_>); 2] =
        [&|planner| planner.give_up(&told, "poison".to_owned()), &|planner| {
            planner.set_aside(&told, "poison".to_owned())
        }];
    for way in ways {
        let writes = plan_with(&mut working, way).unwrap().writes;
        assert_eq!((writes.dead_letters.len(), writes.advances[0].offset_after), (0, 101));
    }
}

#[test]
fn a_letter_that_waits_for_what_a_new_epoch_makes_void_is_superseded() {
    let mut snapshot: Value =
        serde_json::from_slice(&message(1, "hockey", "snapshot", json!({"markets": []}))).unwrap();
    snapshot["epoch"] = json!(2);
    snapshot["message_id"] = json!("anew");
    let snapshot = snapshot.to_string();
    let begun = |planner: &mut Planner<'_>| planner.take(&record(100, &odds(1)));
    let waits = |planner: &mut Planner<'_>| planner.take(&redriven(101, &odds(3)));
    let anew = |planner: &mut Planner<'_>| planner.take(&record(102, snapshot.as_bytes()));

    let mut working = unknown_event();
    plan_with(&mut working, begun).unwrap();
    let at_once = plan_with(&mut working, |planner| {
        waits(planner);
        anew(planner);
    });
    let writes = at_once.unwrap().writes;
    assert_eq!((writes.redrives[0].outcome, writes.passed_over.len()), (RedriveOutcome::Superseded, 0));

    let mut working = unknown_event();
    plan_with(&mut working, begun).unwrap();
    plan_with(&mut working, waits).unwrap();
    let later = plan_with(&mut working, anew).unwrap().writes;
    let place = later.passed_over.iter().map(|over| (over.partition, over.feed_offset)).collect::<Vec<_>>();
    assert_eq!((place, later.redrives.len()), (vec![(PARTITION, 101)], 0));
}
