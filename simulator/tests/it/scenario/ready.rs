//! The ready-made scenarios: each can be played, and its ledger is true.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventId, Sport};
use simulator::Scenario;
use simulator::scenario::{READY, Scene, Tempo};

use super::{START, agrees, events};

#[test]
fn every_ready_made_scenario_can_be_played_and_its_ledger_is_true() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = READY.iter().map(|ready| format!("{}.toml", ready.name)).collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), names, "every file is part of the program");
    let mut known: BTreeMap<EventId, &str> = BTreeMap::new();
    for ready in READY {
        let scenario = Scenario::load(ready.name).unwrap();
        let scene = scenario.play(START).unwrap();
        let (asked, made) = (scenario.messages(), scene.schedule.len() as u64);
        println!(
            "{}: {made} messages, {asked} asked for, {} faults",
            ready.name,
            scene.ledger.faults.faults.len()
        );
        match scenario.tempo {
            // A Unified Odds Feed says nothing of incidents; games in which much happens have more messages than asked for.
            Tempo::Rate => assert!(
                (asked / 2..asked * 3 / 2).contains(&made),
                "{}: {made} instead of {asked}",
                ready.name
            ),
            Tempo::Own => assert_eq!((asked, made > 4_000), (0, true), "{}: {made} messages", ready.name),
        }
        agrees(&scene);
        for event in events(&scene.ledger) {
            let other = known.insert(event.event_id.clone(), ready.name);
            assert_eq!(other, None, "{} is an event of {}, too", event.event_id, ready.name);
        }
    }
}

#[test]
fn games_that_are_played_without_a_scenario_are_none_of_its() {
    let scenario = Scenario::load("all-faults").unwrap();
    let of_scenario: BTreeSet<EventId> =
        events(&scenario.play(START).unwrap().ledger).map(|event| event.event_id.clone()).collect();
    // The seed of the scenario, and that of the first of its worlds.
    for seed in [scenario.seed, scenario.seed * 32] {
        let games = simulator::control::Games {
            sports: vec![Sport::Hockey],
            games: 3,
            rate: Some(simulator::control::ConstantRate { per_second: 10, seconds: 10 }),
            formats: simulator::world::Formats::Json,
        };
        let played = simulator::world::play(&games.plan(seed, START)).unwrap();
        assert!(played.ledger.events.iter().all(|event| !of_scenario.contains(&event.event_id)), "{seed}");
    }
}

#[test]
fn played_afresh_a_scenario_is_of_other_events_and_its_ledger_is_true_of_them() {
    for name in ["all-faults", "many-providers"] {
        let scenario = Scenario::load(name).unwrap();
        let afresh = Scenario { suffix: "-1767225600000000".to_owned(), ..scenario.clone() };
        let (before, after) = (scenario.play(START).unwrap(), afresh.play(START).unwrap());
        agrees(&after);
        assert_eq!(before.schedule.len(), after.schedule.len());
        let ids = |scene: &Scene| -> BTreeSet<EventId> {
            events(&scene.ledger).map(|event| event.event_id.clone()).collect()
        };
        assert!(ids(&before).is_disjoint(&ids(&after)) && ids(&before).len() == ids(&after).len());
        let concerned = after.ledger.faults.faults.iter().filter_map(|fault| fault.event_id.as_ref());
        assert!(concerned.chain(&after.ledger.stalled).all(|id| ids(&after).contains(id)));
    }
}

#[test]
fn games_of_seeds_far_apart_are_other_events() {
    let text = "seconds = 10\ndescription = \"d\"\nseed = 0\n[sports.tennis]\ngames = 2\nrate = 10\n\
                [sports.football]\ngames = 2\nrate = 10\n";
    let scenario = Scenario::parse(text).unwrap();
    // Next to one another, and apart by what the numbers of ids once were counted to.
    let near = [42, 43, 31_250_042, 1_000_000_042, 1_000_000_043, 1_767_225_600, 42 << 32];
    let far = [42 + (1 << 59), 43 + (1 << 59), 42 + (1 << 63), u64::MAX - 1, u64::MAX];
    let mut known: BTreeMap<EventId, String> = BTreeMap::new();
    for seed in near.into_iter().chain(far) {
        let of_scenario = Scenario { seed, ..scenario.clone() }.play(START).unwrap().ledger;
        let games = simulator::control::Games {
            sports: vec![Sport::Tennis],
            games: 3,
            rate: Some(simulator::control::ConstantRate { per_second: 10, seconds: 10 }),
            formats: simulator::world::Formats::Json,
        };
        let without_one = simulator::world::play(&games.plan(seed, START)).unwrap().ledger;
        let ids = events(&of_scenario).chain(&without_one.events).map(|event| event.event_id.clone());
        for (id, how) in ids.zip(["a scenario"; 4].into_iter().chain(["none"; 3])) {
            let before = known.insert(id.clone(), format!("seed {seed} in {how}"));
            assert_eq!(before, None, "{id} is an event of seed {seed} in {how}, too");
        }
    }
    assert!(known.contains_key(&EventId::new("md:match:42001").unwrap()), "small seeds are part of the ids");
    assert!(known.contains_key(&EventId::new("md:match:1000001344001").unwrap()), "in scenarios, too");
}
