//! When messages are due: at rates with a profile, or when their games say them.

use domain::Sport;
use simulator::Scenario;

use super::{START, agrees, events, message, played};

/// A game of each sport, at its own pace.
const OWN_PACE: &str = "description = \"d\"\nseed = 4\npace = \"own\"\n[sports.football]\ngames = 1\n[sports.basketball]\ngames = 1\n[sports.tennis]\ngames = 1\n[sports.hockey]\ngames = 1\n[faults]\nrestart = 1\nsilence = 1\n";

#[test]
fn at_their_own_pace_games_take_as_long_as_real_ones_and_say_everything_when_it_happens() {
    let scenario = Scenario::parse(OWN_PACE).unwrap();
    let scene = scenario.play(START).unwrap();
    assert_eq!(scene, scenario.play(START).unwrap());
    agrees(&scene);
    let quiet = scene.silences()[0].during_ns.clone();
    for event in events(&scene.ledger) {
        let minutes = *event.due_ns.iter().max().unwrap() / 60_000_000_000;
        // Its breaks are shorter than real ones, as docs/realism.md says.
        let real = if event.sport == Sport::Tennis { 45..330 } else { 80..200 };
        println!("{}: {minutes} minutes, {} messages", event.sport, event.messages);
        assert!(real.contains(&minutes), "{}: {minutes} minutes", event.sport);
    }
    // On the field it happened when it is said, or, where its producer was silent, before.
    let mut told = 0;
    for (index, message) in
        (0..scene.schedule.len()).filter_map(|index| Some((index, message(&scene, index)?)))
    {
        let due = START.plus_micros(i64::try_from(scene.schedule.offset_ns(index) / 1_000).unwrap());
        let Some(occurred_at) = message.occurred_at else { continue };
        let held_up = (quiet.end - quiet.start) / 1_000;
        let late = u64::try_from(due.micros_since(occurred_at)).unwrap();
        assert!(late == 0 || late <= held_up, "{message:?}");
        told += usize::from(late == 0);
    }
    assert!(told > 1_000, "{told} were told when they happened");
}

#[test]
fn a_scenario_with_rates_can_be_played_at_its_games_own_pace_but_for_one_with_outages() {
    use simulator::scenario::Tempo;
    let own = Scenario::load("final").unwrap().at(Tempo::Own).unwrap();
    let scene = own.play(START).unwrap();
    agrees(&scene);
    assert!(scene.schedule.duration_ns() > 90 * 60 * 1_000_000_000);
    let error = Scenario::load("redis-flush").unwrap().at(Tempo::Own).unwrap_err().to_string();
    assert!(error.contains("its outages have their times"), "{error}");
    assert!(own.at(Tempo::Rate).is_err(), "nobody says at which");
    for (from, to, expected) in [
        (
            "[sports.football]\ngames = 1",
            "[sports.football]\ngames = 1\nrate = 5",
            "6:8: rate: games at their own pace",
        ),
        ("seed = 4", "seed = 4\nseconds = 60", "3:11: seconds: games at their own pace"),
        ("pace = \"own\"", "pace = \"slow\"", "3:8: unknown variant `slow`"),
        ("pace = \"own\"\n", "", "1:1: missing field `seconds`"),
        ("restart = 1", "restart = 9", "13:11: "),
    ] {
        let text = OWN_PACE.replacen(from, to, 1);
        let found = match Scenario::parse(&text) {
            Err(error) => error.to_string(),
            Ok(scenario) => scenario.play(START).unwrap_err().to_string(),
        };
        assert!(found.starts_with(expected), "{to}: {found}");
    }
}

#[test]
fn messages_say_the_times_at_which_they_are_due_whatever_the_profile() {
    for profile in
        ["ramp = { from = 1, to = 9 }", "bursts = { times = 10, seconds = 1 }", "steps = [1, 0, 5]"]
    {
        let scene = played(&format!(
            "description = \"d\"\nseed = 4\nseconds = 20\n[sports.hockey]\ngames = 3\nrate = 100\nprofile.{profile}\n"
        ));
        for index in 0..scene.schedule.len() {
            let due = i64::try_from(scene.schedule.offset_ns(index) / 1_000).unwrap();
            assert_eq!(message(&scene, index).unwrap().generated_at.micros_since(START), due);
        }
        agrees(&scene);
    }
}

#[test]
fn a_hot_game_has_its_share() {
    let scene = played(
        "description = \"d\"\nseed = 4\nseconds = 60\n[sports.football]\ngames = 6\nrate = 400\nhot = { games = 1, share = 0.7 }\n",
    );
    let all: u64 = events(&scene.ledger).map(|event| event.messages).sum();
    let most = events(&scene.ledger).map(|event| event.messages).max().unwrap();
    assert!((0.68..0.72).contains(&(most as f64 / all as f64)), "{most} of {all}");
}
