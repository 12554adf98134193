//! What follows from messages alone is what their worlds had decided, and what is cut holds together. All of one seed, [`SEED`].

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{EventId, Timestamp};

use super::*;
use crate::faults::Effect;
use crate::ledger::LedgerEvent;
use crate::scenario::{READY, Scenario};

const SEED: u64 = 11;
const START: Timestamp = Timestamp(1_760_000_000_000_000);

fn play(name: &str) -> Scene {
    let ready = READY.iter().find(|ready| ready.name == name).unwrap();
    let mut scenario = Scenario::parse(ready.text).unwrap();
    scenario.seed = SEED;
    // Silences take their time.
    scenario.duration = Duration::from_secs(if name == "all-faults" { 60 } else { 15 });
    scenario.play(START).unwrap()
}

/// Each event by its id, its markets and incidents in the order of their keys.
fn events(ledger: &RunLedger) -> BTreeMap<EventId, LedgerEvent> {
    let events = ledger.producers.iter().flat_map(|producer| producer.events.iter().cloned());
    let sorted = events.map(|mut event| {
        event.markets.sort_by(|one, other| one.key.cmp(&other.key));
        event.incidents.sort_by(|one, other| one.incident_id.cmp(&other.incident_id));
        event.due_ns.clear();
        (event.event_id.clone(), event)
    });
    sorted.collect()
}

fn ids(tape: &Tape) -> Vec<EventId> {
    tape.events().into_iter().cloned().collect()
}

#[test]
fn what_messages_tell_is_what_their_worlds_decided() {
    for name in ["all-faults", "goal-rush", "many-providers", "settlement-trouble", "steady-tennis"] {
        let Scene { schedule, ledger } = play(name);
        let told = Tape::of(&schedule, &ledger.faults).scene("told").unwrap();
        let (told_events, decided) = (events(&told.ledger), events(&ledger));
        assert_eq!(told_events.keys().collect::<Vec<_>>(), decided.keys().collect::<Vec<_>>(), "{name}");
        for (event_id, event) in &decided {
            assert_eq!(told_events[event_id], *event, "{name}");
        }
        assert_eq!(told.ledger.stalled.len(), ledger.stalled.len(), "{name}");
        assert_eq!(told.ledger.unannounced.len(), ledger.unannounced.len(), "{name}");
        assert_eq!(told.schedule.len(), schedule.len(), "{name}");
    }
}

#[test]
fn a_tape_is_read_again_as_it_was_written() {
    for name in ["all-faults", "unified-odds-feed"] {
        let Scene { schedule, ledger } = play(name);
        let folder = tempfile::tempdir().unwrap();
        let reel = save(&schedule, &ledger.faults, START, folder.path(), u64::MAX).unwrap();
        assert!(reel.is_whole);
        let json = serde_json::to_vec(&reel).unwrap();
        assert_eq!(serde_json::from_slice::<Reel>(&json).unwrap(), reel);
        let (tape, read) = (Tape::of(&schedule, &ledger.faults), reel.load(folder.path()).unwrap());
        assert_eq!(read.len(), tape.len(), "{name}");
        assert_eq!(read.faults, tape.faults, "{name}");
        for (read, line) in read.lines.iter().zip(&tape.lines) {
            assert_eq!(read.offset_ns, line.offset_ns, "{name}");
            assert_eq!(read.faults, line.faults, "{name}");
            assert_eq!(read.is_fixed, line.is_fixed, "{name}: {}", String::from_utf8_lossy(&line.bytes));
            assert_eq!(read.event_id, line.event_id, "{name}");
            // To the millisecond at worst.
            assert!((read.made_ns - line.made_ns).abs() < 1_000_000, "{name}: {read:?} {line:?}");
        }
        let (again, first) = (read.scene("again").unwrap(), tape.scene("first").unwrap());
        assert_eq!(events(&again.ledger).len(), events(&first.ledger).len());
        assert_eq!(again.ledger.faults, first.ledger.faults, "{name}");
    }
}

#[test]
fn what_is_more_than_may_be_written_is_not_whole() {
    let Scene { schedule, ledger } = play("steady-hockey");
    let folder = tempfile::tempdir().unwrap();
    let reel = save(&schedule, &ledger.faults, START, folder.path(), 100_000).unwrap();
    assert!(!reel.is_whole);
    let read = reel.load(folder.path()).unwrap();
    assert!(!read.is_empty() && read.len() < schedule.len());
}

#[test]
fn without_its_faults_a_tape_has_the_messages_that_its_worlds_told_when_they_told_them() {
    let Scene { schedule, ledger } = play("all-faults");
    let tape = Tape::of(&schedule, &ledger.faults);
    let cured = tape.without_faults(&tape.curable());
    assert!(cured.curable().is_empty());
    for line in &cured.lines {
        assert!(!line.is_fixed);
        assert!((line.made_ns - signed(line.offset_ns)).abs() < 1_000_000, "{line:?}");
    }
    let scene = cured.scene("cured").unwrap();
    assert!(scene.ledger.stalled.is_empty() && scene.ledger.unannounced.is_empty());
    assert_eq!(cured.refusals(), 0);
}

#[test]
fn one_event_alone_comes_to_what_it_came_to_among_others() {
    let Scene { schedule, ledger } = play("all-faults");
    let tape = Tape::of(&schedule, &ledger.faults);
    let decided = events(&ledger);
    for event_id in ids(&tape) {
        let alone = tape.of_events(std::slice::from_ref(&event_id)).scene("alone").unwrap();
        let told = events(&alone.ledger);
        assert_eq!(told.keys().collect::<Vec<_>>(), [&event_id]);
        assert_eq!(told[&event_id], decided[&event_id]);
        let place = |line: &u64| usize::try_from(*line).unwrap() < alone.schedule.len();
        assert!(alone.ledger.faults.faults.iter().flat_map(|fault| &fault.messages).all(place));
    }
}

#[test]
fn messages_behind_one_that_is_left_out_are_counted_anew() {
    let Scene { schedule, ledger } = play("many-providers");
    let whole = Tape::of(&schedule, &ledger.faults);
    let event_id = ids(&whole).remove(0);
    let tape = whole.of_events(std::slice::from_ref(&event_id));
    let spare = tape.spare();
    // Odds that say nothing of the score and incidents are followed by whatever followed them.
    let others: Vec<Said> = spare.iter().skip(20).step_by(2).take(10).cloned().collect();
    let cut = tape.without(&others);
    assert_eq!(cut.len(), tape.len() - 10);
    let scene = cut.scene("cut").unwrap();
    assert!(scene.ledger.stalled.is_empty(), "nothing is missing");
    assert_eq!(events(&scene.ledger)[&event_id].messages, cut.len() as u64);
}

#[test]
fn an_event_of_which_nobody_says_who_plays_is_refused() {
    let Scene { schedule, ledger } = play("steady-hockey");
    let tape = Tape::of(&schedule, &ledger.faults);
    let first = tape.spare().remove(0);
    assert!(matches!(tape.without(&[first]).scene("headless"), Err(TapeError::Untold(_))));
}

#[test]
fn played_afresh_it_tells_the_same_of_other_events() {
    let Scene { schedule, ledger } = play("all-faults");
    let tape = Tape::of(&schedule, &ledger.faults);
    let afresh = tape.afresh("-7").unwrap();
    let scene = afresh.scene("afresh").unwrap();
    let renamed: Vec<String> = events(&ledger).keys().map(|id| format!("{id}-7")).collect();
    assert_eq!(events(&scene.ledger).keys().map(ToString::to_string).collect::<Vec<_>>(), renamed);
    assert_eq!(scene.ledger.faults.faults.len(), tape.scene("x").unwrap().ledger.faults.faults.len());
}

#[test]
fn a_tape_that_ends_before_what_is_missing_is_noticed_is_told_from_one_that_does_not() {
    let Scene { schedule, ledger } = play("all-faults");
    let tape = Tape::of(&schedule, &ledger.faults);
    assert!(tape.ends_after_its_gaps());
    let gap = ledger.faults.faults.iter().find(|fault| matches!(fault.kind, Kind::Gap { .. })).unwrap();
    let event_id = gap.event_id.clone().unwrap();
    let alone = tape.of_events(&[event_id]);
    let early = alone.until(gap.at_ns + 1_500_000_000);
    assert!(early.last_ns() > gap.at_ns && !early.ends_after_its_gaps(), "seed {SEED}");
    let before = alone.until(gap.at_ns.saturating_sub(1));
    assert!(before.ends_after_its_gaps(), "nothing is missing yet");
    let may_be_declared = |tape: &Tape| {
        let outcomes = tape.scene("cut").unwrap().ledger.faults.faults.into_iter().flat_map(|it| it.outcomes);
        outcomes.into_iter().any(|outcome| outcome.effects.contains(&Effect::GapDeclared))
    };
    assert!(may_be_declared(&alone) && !may_be_declared(&before), "nobody waits for what is cut off");
}
