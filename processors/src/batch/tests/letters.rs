//! What a plan comes to where messages lie among the dead letters, or wait for what never comes.

use domain::letter::LetterMark;

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
