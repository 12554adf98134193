//! What a plan comes to where messages lie among the dead letters, or wait for what never comes.

use domain::letter::LetterMark;
use domain::refused::RefusedMessage;
use domain::{Name, Position};

use super::*;

/// Odds without a sequence, as of this time.
fn timed(at: i64) -> Vec<u8> {
    let mut message: Value = serde_json::from_slice(&odds(1)).unwrap();
    for field in ["epoch", "sequence"] {
        message.as_object_mut().unwrap().remove(field);
    }
    message["message_id"] = json!(format!("at-{at}"));
    message["generated_at"] = json!(at);
    message.to_string().into_bytes()
}

/// A record that tells of a refused message without a sequence, whose letter keeps these bytes.
fn refused_in_time(offset: i64, at: i64, letter: &[u8]) -> FeedRecord {
    let told = json!({
        "schema": "1.1", "provider": "md", "sport": "hockey", "event_id": EVENT, "generated_at": at,
        "mark": LetterMark::of(letter).to_string(), "received_at": at,
    });
    FeedRecord::refused(PARTITION, offset, Some(EVENT.as_bytes()), told.to_string().as_bytes())
}

/// A record that tells of a refused message at this place.
fn refused_in_sequence(offset: i64, sequence: u64) -> FeedRecord {
    let told = json!({
        "schema": "1.1", "provider": "md", "producer": "live", "sport": "hockey", "event_id": EVENT, "epoch": 1,
        "sequence": sequence, "mark": LetterMark::of(b"oops").to_string(), "received_at": 1,
    });
    FeedRecord::refused(PARTITION, offset, Some(EVENT.as_bytes()), told.to_string().as_bytes())
}

/// Of the provider an `alive` is enough, although its messages have no sequence.
fn trusting() -> Producers {
    producers_of(Providers::new(&["md=alive".parse().unwrap()], &[]).unwrap())
}

#[test]
fn an_event_is_shut_until_each_of_its_letters_is_put_right() {
    let (mut working, producers) = (unknown_event(), trusting());
    let letters = [&b"<first"[..], b"<second"];
    plan_knowing(NOW, &producers, &mut working, |planner| {
        planner.take(&record(100, &timed(5)));
        planner.take(&refused_in_time(101, 9, letters[0]));
        planner.take(&refused_in_time(102, 9, letters[1]));
    })
    .unwrap();
    let mut redrive = |offset: i64, letter: &[u8], at: i64| {
        let header = format!("0/{offset}/000000000000beef/{}", LetterMark::of(letter));
        let record = record(100, &timed(at)).with_redrive(Some(header.as_bytes()));
        plan_knowing(NOW, &producers, &mut working, |planner| planner.take(&record))
            .unwrap()
            .writes
            .events
            .remove(0)
    };
    let first = redrive(17, letters[0], 7);
    assert!(!first.is_open, "the other letter of the same time stands");
    assert!(redrive(18, letters[1], 8).is_open);
}

#[test]
fn what_waited_in_vain_is_a_letter_and_the_one_whose_place_it_took_is_superseded() {
    let mut working = unknown_event();
    plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
    plan_with(&mut working, |planner| planner.take(&redriven(101, &odds(3)))).unwrap();
    let expire = |working: &mut HashMap<EventId, WorkingEvent>, micros| {
        let writes = plan_knowing(Timestamp(micros), &nobody(), working, |planner| planner.expire());
        writes.map(|plan| plan.writes)
    };
    let gap = expire(&mut working, 6_000_000).unwrap();
    assert!(gap.events[0].has_gap && gap.dead_letters.is_empty());
    assert!(expire(&mut working, 65_999_999).is_none());
    let writes = expire(&mut working, 66_000_000).unwrap();
    assert_eq!(writes.released, [(PARTITION, 101)]);
    assert_eq!((writes.dead_letters[0].feed_offset, &writes.dead_letters[0].payload), (101, &odds(3)));
    assert_eq!(writes.passed_over[0].feed_offset, 101);
    assert!(writes.events[0].has_gap, "what is missing may still be sent");
    let filled = plan_with(&mut working, |planner| planner.take(&record(102, &odds(2)))).unwrap();
    assert!(!filled.writes.events[0].has_gap, "what is missing now was refused, and nobody asks for it");
}

#[test]
fn what_is_open_and_what_a_producer_keeps_shut_is_said_of_each_event() {
    let plan = plan(&[record(100, &odds(1))]).unwrap();
    let row = &plan.writes.events[0];
    assert_eq!((row.is_open, row.is_distrusted, row.has_gap), (true, false, false));
    let stop = message(2, "hockey", "bet_stop", json!({"groups": "all"}));
    let stopped = [record(100, &odds(1)), record(101, &stop)];
    let stopped = plan_with(&mut unknown_event(), |planner| stopped.iter().for_each(|it| planner.take(it)));
    let stopped = stopped.unwrap();
    let row = &stopped.writes.events[0];
    assert_eq!((row.is_open, row.is_distrusted), (false, false), "its producer shut it");
}

#[test]
fn an_event_of_which_only_letters_are_known_is_none_until_something_right_of_it_comes() {
    let mut working = unknown_event();
    let nothing = record(100, b"not even json");
    let take = |planner: &mut Planner<'_>| {
        [nothing, refused_in_sequence(101, 1)].iter().for_each(|it| planner.take(it));
    };
    let writes = plan_with(&mut working, take).unwrap().writes;
    assert_eq!((writes.events.len(), writes.updates.len(), writes.no_longer_foreseen.len()), (0, 0, 0));
    let foreseen = &writes.foreseen[0];
    assert_eq!((writes.foreseen.len(), foreseen.event_id.as_str(), foreseen.noted_at), (1, EVENT, NOW));

    // As it is read again.
    let head = serde_json::from_str(&foreseen.state).unwrap();
    let state = EventState::restore(EventId::new(EVENT).unwrap(), Sport::Hockey, head, [], []);
    working.values_mut().for_each(|event| event.intake = Intake::new(state.clone(), []));
    let writes = plan_with(&mut working, |planner| planner.take(&record(100, &odds(2)))).unwrap().writes;
    assert_eq!(
        (writes.foreseen.len(), writes.no_longer_foreseen.as_slice()),
        (0, &[EventId::new(EVENT).unwrap()][..])
    );
    let update: Value = serde_json::from_slice(&writes.updates[0].payload).unwrap();
    assert_eq!((&update["version"], &update["cause"]["type"]), (&json!(1), &json!("dead_letter")));
    assert_eq!(update["cause"]["sequence"], 1);
    assert!(!writes.events[0].has_gap, "what is missing was refused, and nobody asks for it");

    let writes = plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap().writes;
    assert!(writes.no_longer_foreseen.is_empty() && writes.events[0].is_open, "put right");
}

#[test]
fn an_event_of_which_the_only_letter_is_closed_is_foreseen_no_longer() {
    let mut working = unknown_event();
    let take = |record: FeedRecord, working: &mut HashMap<EventId, WorkingEvent>| {
        plan_with(working, |planner| planner.take(&record)).unwrap().writes
    };
    assert_eq!(take(refused_in_sequence(100, 1), &mut working).foreseen.len(), 1);
    let md = Name::new("md").unwrap();
    let (event_id, live) = (EventId::new(EVENT).unwrap(), Name::new("live").unwrap());
    let (place, mark) = (Some(Position { epoch: 1, sequence: 1 }), LetterMark::of(b"oops"));
    let closed = RefusedMessage::closed((&md, Some(&live)), &event_id, place, mark, Timestamp(i64::MAX));
    let told = closed.iter().find(|closed| closed.sport == Sport::Hockey).unwrap();
    let told = FeedRecord::refused(PARTITION, 101, Some(EVENT.as_bytes()), &told.encode());
    assert_eq!(told.heard_at(), None, "the clock of who closes it says nothing of the feed");
    let writes = take(told, &mut working);
    assert_eq!((writes.foreseen.len(), writes.events.len()), (0, 0));
    assert_eq!(writes.no_longer_foreseen, [event_id]);
    let writes = take(record(102, &odds(1)), &mut working);
    assert!(writes.events[0].is_open && writes.no_longer_foreseen.is_empty());
}

#[test]
fn what_tells_of_a_letter_is_none_itself_and_is_counted_where_the_database_refuses_it() {
    type Way = fn(&mut Planner<'_>, &FeedRecord, String);
    let ways: [(Way, u64); 2] = [
        (|planner, record, reason| planner.give_up(record, reason), 0),
        (|planner, record, reason| planner.set_aside(record, reason), 1),
    ];
    for (way, left_open) in ways {
        let take = |planner: &mut Planner<'_>| {
            way(planner, &refused_in_sequence(100, 1), "poison".to_owned());
            way(planner, &record(101, &odds(1)), "poison".to_owned());
        };
        let plan = plan_with(&mut unknown_event(), take).unwrap();
        assert_eq!((plan.writes.dead_letters.len(), plan.tally.untold), (1, 1 + left_open));
        assert_eq!(plan.writes.advances[0].offset_after, 102);
    }
}

/// The message as a newer writer of the feed may send it: of a type, or with a body, that nobody here knows.
fn undecodable(message: &[u8]) -> [Vec<u8>; 2] {
    [("type", json!("line_up")), ("body", json!({"markets": "all"}))].map(|(field, value)| {
        let mut message: Value = serde_json::from_slice(message).unwrap();
        message[field] = value;
        message.to_string().into_bytes()
    })
}

#[test]
fn what_cannot_be_decoded_shuts_its_event_at_once_until_its_place_is_taken() {
    for unknown in undecodable(&odds(2)) {
        let record_of_it = record(101, &unknown);
        assert_eq!(record_of_it.event_id().map(EventId::as_str), Some(EVENT), "its event is loaded for it");
        let mut working = unknown_event();
        plan_with(&mut working, |planner| planner.take(&record(100, &odds(1)))).unwrap();
        let writes = plan_with(&mut working, |planner| planner.take(&record_of_it)).unwrap().writes;
        assert_eq!((writes.dead_letters.len(), &writes.dead_letters[0].payload), (1, &unknown));
        assert_eq!((writes.updates.len(), writes.events[0].is_open), (1, false));
        let cause = &serde_json::from_slice::<Value>(&writes.updates[0].payload).unwrap()["cause"];
        assert_eq!((&cause["type"], &cause["sequence"]), (&json!("dead_letter"), &json!(2)));

        let again = plan_with(&mut working, |planner| planner.take(&record(102, &unknown))).unwrap().writes;
        assert!(again.updates.is_empty(), "it is said once");
        let right = plan_with(&mut working, |planner| planner.take(&redriven(103, &odds(2)))).unwrap().writes;
        assert!(right.events[0].is_open);
    }
}

#[test]
fn what_cannot_be_decoded_of_an_event_without_sequences_shuts_it_until_its_letter_is_put_right() {
    for unknown in undecodable(&timed(9)) {
        let (mut working, producers) = (unknown_event(), trusting());
        let mut open = |record: FeedRecord| {
            let take = |planner: &mut Planner<'_>| planner.take(&record);
            plan_knowing(NOW, &producers, &mut working, take).unwrap().writes.events[0].is_open
        };
        assert!(open(record(100, &timed(5))));
        assert!(!open(record(101, &unknown)));
        let header = format!("0/17/000000000000beef/{}", LetterMark::of(&unknown));
        assert!(open(record(102, &timed(7)).with_redrive(Some(header.as_bytes()))));
    }
}

#[test]
fn of_an_event_without_sequences_a_letter_before_its_beginning_is_kept() {
    let (mut working, producers) = (unknown_event(), trusting());
    let take = |planner: &mut Planner<'_>| planner.take(&refused_in_time(100, 9, b"<first"));
    let writes = plan_knowing(NOW, &producers, &mut working, take).unwrap().writes;
    assert_eq!((writes.events.len(), writes.foreseen.len()), (0, 1));
    let mut open = |at: i64| {
        let take = |planner: &mut Planner<'_>| planner.take(&record(100, &timed(at)));
        plan_knowing(NOW, &producers, &mut working, take).unwrap().writes.events[0].is_open
    };
    assert!(!open(8), "it may have said something of this offer");
    assert!(open(10));
}
