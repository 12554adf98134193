//! What goes wrong in a scenario, and what its ledger says must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use domain::Position;
use proptest::prelude::*;
use simulator::Scenario;
use simulator::faults::{Effect, Fault, Kind};
use simulator::pacer::Speed;
use simulator::run_ledger::RunLedger;
use simulator::scenario::Scene;

use super::{START, agrees, message, played};

/// The scenario with room for every fault, and this many of each.
fn with_faults(seed: u64, counts: &[(&str, u32)]) -> Result<Scene, String> {
    let mut text = format!(
        "description = \"d\"\nseed = {seed}\nseconds = 40\n\
         [[producers]]\nprovider = \"md\"\nname = \"live\"\nformat = \"json\"\n\
         [[producers]]\nprovider = \"md\"\nname = \"second\"\nformat = \"xml\"\n\
         [sports.football]\ngames = 8\nrate = 80\n[sports.tennis]\ngames = 8\nrate = 80\n\
         [sports.hockey]\ngames = 8\nrate = 80\n[faults]\nhold_ms = 500\nsilence_seconds = 3\n"
    );
    for (kind, count) in counts {
        text.push_str(&format!("{kind} = {count}\n"));
    }
    Scenario::parse(&text).unwrap().play(START).map_err(|error| error.to_string())
}

/// Each fault did what it says, and its messages are where it says.
fn shows(scene: &Scene, fault: &Fault) {
    let id = fault.event_id.as_ref();
    let messages: Vec<usize> = fault.messages.iter().map(|place| *place as usize).collect();
    let is_of_event = |place: &usize| {
        let channel = &scene.schedule.channels()[scene.schedule.channel(*place)];
        id.is_none_or(|id| channel.event_id.as_deref() == Some(id.as_str()))
    };
    assert!(messages.iter().all(is_of_event), "{fault:?}");
    assert!(!fault.outcomes.is_empty(), "{fault:?}");
    if let Kind::Reorder { .. } = &fault.kind {
        may_be_noticed(scene, fault, 500_000_000);
    }
    if scene.silences().iter().any(|quiet| quiet.during_ns.end > fault.at_ns) {
        return;
    }
    let due = |place: usize| scene.schedule.offset_ns(place);
    let read = |place: usize| message(scene, place);
    match &fault.kind {
        Kind::Duplicate { .. } | Kind::UnknownEvent => assert_eq!(messages.len(), 1, "{fault:?}"),
        Kind::Gap { .. } => {
            assert!(messages.is_empty() && scene.ledger.stalled.contains(id.unwrap()), "{fault:?}");
        }
        Kind::Reorder { .. } => assert!(due(messages[0]) - fault.at_ns <= 250_000_001, "{fault:?}"),
        Kind::ReorderBeyond { after_ns } | Kind::GapFilled { after_ns, .. } => {
            assert!(
                *after_ns > 500_000_000 && messages.iter().all(|&place| due(place) >= fault.at_ns + after_ns)
            );
        }
        Kind::Silence { .. } => assert!(messages.is_empty(), "{fault:?}"),
        Kind::Late { .. } => {
            let late = |&place: &usize| {
                let made = read(place).map(|message| message.generated_at.micros_since(START));
                made.is_none_or(|made| made <= i64::try_from(due(place) / 1_000).unwrap())
            };
            assert!(messages.iter().all(late), "{fault:?}");
        }
        Kind::ClockSkew { ahead_ns, .. } => {
            for &place in &messages {
                let made = read(place).unwrap().generated_at.micros_since(START);
                let skew = made - i64::try_from(due(place) / 1_000).unwrap();
                assert!((skew - ahead_ns / 1_000).abs() <= 3_000_001, "{fault:?}: {skew}");
            }
        }
        Kind::Malformed { .. } => {
            let bytes = scene.schedule.message(messages[0]);
            let is_taken = read(messages[0]).is_some_and(|message| {
                message.source.provider.as_str() == "md"
                    && domain::check_alone(&message).is_ok()
                    && bytes.len() < 262_144
            });
            assert!(!is_taken && fault.outcomes[0].answers == [400, 422], "{fault:?}");
        }
        Kind::WrongSport { .. } => {
            let message = read(messages[0]).unwrap();
            assert!(domain::check_alone(&message).is_err(), "{fault:?}");
        }
        Kind::Restart { epoch } => {
            let first = read(messages[0]).unwrap().position().unwrap();
            assert_eq!(first, Position { epoch: *epoch, sequence: 1 }, "{fault:?}");
        }
        Kind::SettlementRollback { markets } => {
            assert_eq!(messages.len(), 3, "{fault:?}");
            let types: Vec<&str> =
                messages.iter().map(|&place| read(place).unwrap().message_type().as_str()).collect();
            assert_eq!(types, ["settlement", "settlement_rollback", "settlement"]);
            assert!(*markets > 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_the_ledger_says_what_must_come_of_it(
        seed in 0_u64..1_000_000,
        single in prop::array::uniform5(0_u32..6),
        owning in prop::array::uniform7(0_u32..3),
        silence in 0_u32..2,
    ) {
        println!("seed {seed}");
        let names = ["duplicate", "reorder", "malformed", "wrong_sport", "unknown_event"];
        let owners =
            ["reorder_beyond", "gap", "gap_filled", "late", "clock_skew", "restart", "settlement_rollback"];
        let counts: Vec<(&str, u32)> = names.into_iter().zip(single).chain(owners.into_iter().zip(owning))
            .chain([("silence", silence)]).collect();
        let wanted: u32 = counts.iter().map(|(_, count)| count).sum();
        let scene = with_faults(seed, &counts).unwrap();
        prop_assert_eq!(scene.ledger.faults.faults.len(), wanted as usize);
        agrees(&scene);
        for fault in &scene.ledger.faults.faults {
            shows(&scene, fault);
        }
    }
}

#[test]
fn nobody_speaks_while_a_producer_is_silent() {
    let scene = with_faults(5, &[("silence", 2), ("duplicate", 20)]).unwrap();
    let silences = scene.silences();
    assert_eq!(silences.len(), 2);
    for index in 0..scene.schedule.len() {
        let source = message(&scene, index).unwrap().source;
        let at = scene.schedule.offset_ns(index);
        let is_silent =
            silences.iter().any(|quiet| quiet.producer == source.producer && quiet.during_ns.contains(&at));
        assert!(!is_silent, "message {index} of {} at {at}", source.producer);
    }
}

#[test]
fn producers_of_one_name_and_two_providers_may_be_silent_at_once() {
    // No two silences of one producer have room.
    let mut scenario = Scenario::parse(
        "description = \"d\"\nseed = 5\nseconds = 40\n\
         [[producers]]\nprovider = \"md\"\nname = \"live\"\nformat = \"json\"\n\
         [[producers]]\nprovider = \"other\"\nname = \"second\"\nformat = \"json\"\n\
         [sports.hockey]\ngames = 4\nrate = 80\n[faults]\nsilence = 2\nsilence_seconds = 20\n",
    )
    .unwrap();
    scenario.producers[1].name = scenario.producers[0].name.clone();
    let silences = scenario.play(START).unwrap().silences();
    let [first, second] = &silences[..] else { panic!("{silences:?}") };
    assert!(first.producer == second.producer && first.provider != second.provider, "{silences:?}");
    assert!(first.during_ns.contains(&second.during_ns.start), "{silences:?}");
}

#[test]
fn behind_what_never_comes_no_more_waits_than_may() {
    for seed in 0..5 {
        println!("seed {seed}");
        let scene = played(&format!(
            "description = \"A long game\"\nseed = {seed}\nseconds = 600\n[sports.football]\ngames = 1\nrate = 10\n[faults]\ngap = 1\n"
        ));
        let messages = scene.schedule.len() as u64;
        let first = scene.ledger.faults.faults[0].sequence.unwrap();
        assert!(messages > 5_000 && messages - first <= 900, "message {first} of {messages} is missing");
    }
}

/// Four games with these faults, to be sent at this speed.
fn at_speed(faults: &str, speed: Speed) -> Result<Scene, String> {
    let seed = 3;
    println!("seed {seed}: {faults} at {speed}");
    let text = format!(
        "description = \"Games\"\nseed = {seed}\nseconds = 600\n[sports.hockey]\ngames = 4\nrate = 20\n[faults]\n{faults}\n"
    );
    Scenario::parse(&text).unwrap().play_for(START, speed).map_err(|error| error.to_string())
}

#[test]
fn lengths_are_of_the_receivers_clock_at_any_speed() {
    let micros = |ns: u64| i64::try_from(ns / 1_000).unwrap();
    for factor in [1_u32, 4] {
        let times = u64::from(factor);
        let one = |faults: &str| {
            let scene = at_speed(faults, Speed::Factor(f64::from(factor))).unwrap();
            let [fault] = &scene.ledger.faults.faults[..] else { panic!("one fault") };
            let fault = fault.clone();
            // How far from its place in the schedule it lets its first message go, and how late that says it is.
            let moved = fault.messages.first().map(|place| {
                let place = *place as usize;
                (scene.schedule.offset_ns(place) - fault.at_ns, scene.schedule.late_micros(place).unwrap())
            });
            (
                fault.kind,
                moved,
                scene.silences().iter().map(|it| it.during_ns.end - it.during_ns.start).collect::<Vec<u64>>(),
            )
        };
        let (Kind::Silence { for_ns, .. }, None, silent) = one("silence = 1") else { panic!("a silence") };
        assert_eq!((for_ns, silent), (25_000_000_000, vec![times * 25_000_000_000]));
        let (Kind::ReorderBeyond { after_ns }, Some((after, late)), _) =
            one("reorder_beyond = 1\nhold_ms = 1000")
        else {
            panic!("one that comes too late")
        };
        assert!((3_000_000_000..=4_000_000_000).contains(&after_ns), "{after_ns}");
        assert_eq!((after, late), (after_ns * times, micros(after_ns)));
        let (Kind::Late { by_ns }, Some((after, late)), _) = one("late = 1") else { panic!("late ones") };
        assert!(by_ns <= 10_000_000_000);
        assert_eq!((after, late), (by_ns * times, micros(by_ns)));
        let (Kind::Duplicate { after_ns }, Some((after, late)), _) = one("duplicate = 1") else {
            panic!("a copy")
        };
        assert!(after_ns <= 5_000_000_000);
        assert_eq!((after, late), (after_ns * times, micros(after_ns)));
        let (Kind::ClockSkew { ahead_ns, .. }, Some((after, late)), _) = one("clock_skew = 1") else {
            panic!("a wrong clock")
        };
        assert_eq!((after, late), (0, -ahead_ns / 1_000), "it is due when it was");
    }
}

#[test]
fn at_top_speed_nothing_can_come_too_late() {
    let error = at_speed("reorder_beyond = 1\nsilence = 1", Speed::Max).unwrap_err();
    let expected = "8:18: at top speed everything is due at once, and nothing can come too late: play it without `reorder_beyond`, or at a speed";
    assert_eq!(error, expected);
}

/// The longest that one of an event's messages waits for one before it, by the times at which they are due.
fn longest_wait_ns(scene: &Scene, fault: &Fault) -> u64 {
    let refused = scene
        .ledger
        .faults
        .faults
        .iter()
        .filter(|fault| matches!(fault.kind, Kind::Malformed { .. } | Kind::WrongSport { .. }));
    let refused: BTreeSet<u64> = refused.flat_map(|fault| fault.messages.iter().copied()).collect();
    let of_event = |index: &usize| {
        let channel = &scene.schedule.channels()[scene.schedule.channel(*index)];
        channel.event_id.as_deref() == fault.event_id.as_ref().map(|id| id.as_str())
            && !refused.contains(&(*index as u64))
    };
    // Of copies the one that comes first.
    let mut due: BTreeMap<Position, u64> = BTreeMap::new();
    for index in (0..scene.schedule.len()).filter(of_event) {
        let (position, at) =
            (message(scene, index).unwrap().position().unwrap(), scene.schedule.offset_ns(index));
        due.entry(position).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
    let waits = due.iter().map(|(position, at)| {
        let later = due.range((Bound::Excluded(position), Bound::Unbounded)).map(|(_, at)| *at).min();
        at.saturating_sub(later.unwrap_or(u64::MAX))
    });
    waits.max().unwrap_or_default()
}

/// Which of its outcomes say that a gap was declared.
fn declared(fault: &Fault) -> Vec<bool> {
    fault.outcomes.iter().map(|outcome| outcome.effects.contains(&Effect::GapDeclared)).collect()
}

/// Of messages that come in another order within a window of so long: whether somebody must notice that, or may, is what its outcomes
/// say; the answer is how many of them say that he did not, and that he did.
fn may_be_noticed(scene: &Scene, fault: &Fault, hold_ns: u64) -> [usize; 2] {
    let waits_ns = longest_wait_ns(scene, fault);
    let expected: &[bool] = match waits_ns {
        _ if waits_ns > hold_ns * 3 / 2 => &[true],
        _ if waits_ns > hold_ns / 2 => &[false, false, true],
        _ => &[false, false],
    };
    assert_eq!(declared(fault), expected, "{waits_ns} of {hold_ns}: {fault:?}");
    [false, true].map(|is_declared| expected.iter().filter(|it| **it == is_declared).count())
}

#[test]
fn a_silence_that_cuts_through_messages_in_another_order_is_among_what_may_come_of_them() {
    // The silence is shorter than what nobody need notice, and far longer.
    for (hold_ms, silence_seconds, expected) in [(1_000, 1, [2, 1]), (500, 3, [0, 1])] {
        let mut cut_through = 0;
        for seed in 0..4 {
            println!("seed {seed}");
            let scene = played(&format!(
                "description = \"d\"\nseed = {seed}\nseconds = 20\n[sports.hockey]\ngames = 150\nrate = 1500\n\
                 [faults]\nhold_ms = {hold_ms}\nreorder = 100\nsilence = 3\nsilence_seconds = {silence_seconds}\n"
            ));
            let faults = scene.ledger.faults.faults.iter();
            for fault in faults.filter(|fault| matches!(fault.kind, Kind::Reorder { .. })) {
                let found = may_be_noticed(&scene, fault, hold_ms * 1_000_000);
                cut_through += usize::from(found == expected);
            }
        }
        assert!(cut_through > 0, "{hold_ms} ms, {silence_seconds} s");
    }
}

#[test]
fn where_a_silence_holds_up_what_waits_nobody_has_to_notice_what_is_missing() {
    let (mut must, mut need_not) = (0, 0);
    for seed in 0..8 {
        println!("seed {seed}");
        let scene = played(&format!(
            "description = \"d\"\nseed = {seed}\nseconds = 60\n[sports.hockey]\ngames = 8\nrate = 80\n\
             [faults]\nhold_ms = 500\ngap_filled = 4\nreorder_beyond = 4\nsilence = 1\nsilence_seconds = 35\n"
        ));
        for fault in
            scene.ledger.faults.faults.iter().filter(|fault| !matches!(fault.kind, Kind::Silence { .. }))
        {
            let is_noticed = longest_wait_ns(&scene, fault) > 750_000_000;
            let expected: &[bool] = if is_noticed { &[true] } else { &[true, false, false] };
            assert_eq!(declared(fault), expected, "{fault:?}");
            *if is_noticed { &mut must } else { &mut need_not } += 1;
        }
    }
    assert!(must > 0 && need_not > 0, "{must} must be noticed, {need_not} need not");
}

#[test]
fn more_faults_than_there_is_room_for_are_refused() {
    let refused = with_faults(1, &[("gap", 30)]).unwrap_err();
    assert!(refused.starts_with("24:7: 24 of 30 faults `gap` found room; "), "{refused}");
}

#[test]
fn a_silence_that_is_longer_than_there_is_room_for_says_so() {
    // Of 40 seconds two thirds are for silences of three: eight each of two producers fit at most.
    let refused = with_faults(1, &[("silence", 30)]).unwrap_err();
    assert!(
        refused.contains("faults `silence` found room; each lies within the first two thirds"),
        "{refused}"
    );
}

#[test]
fn a_run_is_written_down_with_its_faults_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let scene = with_faults(2, &[("gap", 1), ("malformed", 3)]).unwrap();
    scene.ledger.save(&path).unwrap();
    assert_eq!(RunLedger::load(&path).unwrap(), scene.ledger);
    let beside = std::fs::read(RunLedger::faults_path(&path)).unwrap();
    let plan: simulator::faults::FaultPlan = serde_json::from_slice(&beside).unwrap();
    assert_eq!(plan, scene.ledger.faults);
    let of_gap = plan.faults.iter().find(|fault| matches!(fault.kind, Kind::Gap { .. })).unwrap();
    assert_eq!(of_gap.outcomes[0].effects, [Effect::GapDeclared, Effect::Stalled]);
}
