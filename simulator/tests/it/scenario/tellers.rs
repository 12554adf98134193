//! Who tells which games, and in which format.

use std::collections::BTreeMap;

use domain::{Body, Content, MatchStatus, Sport, Timestamp};
use simulator::ledger::LedgerEvent;
use simulator::{Format, Scenario};

use super::{START, agrees, events, message, message_format, played};

fn is_given_up(event: &LedgerEvent) -> bool {
    matches!(event.status.match_status, MatchStatus::HomeRetired | MatchStatus::AwayRetired)
}

#[test]
fn games_that_begin_late_are_given_up_or_abandoned_are_told_in_a_unified_odds_feed_too() {
    let sports = Sport::ALL.map(|sport| format!("[sports.{sport}]\ngames = 100\nrate = 100\n")).concat();
    let uof = "[[producers]]\nprovider = \"uof\"\nname = \"1\"\nformat = \"uof\"\n";
    let (mut late, mut given_up, mut abandoned) = (0, 0, 0);
    for seed in 4..8 {
        let scene = played(&format!("description = \"d\"\nseed = {seed}\nseconds = 60\n{uof}{sports}"));
        agrees(&scene);
        let is_late = |index: &usize| {
            let Content::Event(event) = message(&scene, *index).unwrap().content else { return false };
            matches!(event.body, Body::FixtureChange(_))
        };
        late += (0..scene.schedule.len()).filter(is_late).count();
        let is_abandoned = |event: &&LedgerEvent| event.status.match_status == MatchStatus::Abandoned;
        abandoned += events(&scene.ledger).filter(is_abandoned).count();
        given_up += events(&scene.ledger).filter(|event| is_given_up(event)).count();
    }
    let seen = format!("{late} begin late, {given_up} are given up, {abandoned} are abandoned");
    println!("{seen}");
    assert!(late > 0 && given_up > 0 && abandoned > 0, "{seen}");
}

#[test]
fn whoever_competes_has_an_id_of_their_own_in_the_whole_run() {
    let scene = Scenario::load("many-providers").unwrap().play(START).unwrap();
    let competitors = events(&scene.ledger).flat_map(|event| [&event.fixture.home, &event.fixture.away]);
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for competitor in competitors {
        let before = names.insert(competitor.id.to_string(), competitor.name.as_str());
        assert_eq!(before, None, "{} is somebody already", competitor.id);
    }
    assert!(names.len() > 4);
}

#[test]
fn games_are_dealt_to_producers_and_each_speaks_in_its_format() {
    let scene = Scenario::load("many-providers").unwrap().play(START).unwrap();
    for (ledger, format) in scene.ledger.producers.iter().zip([Format::Json, Format::Xml, Format::Uof]) {
        let sports: Vec<Sport> = ledger.events.iter().map(|event| event.sport).collect();
        assert_eq!(
            sports,
            [[Sport::Football; 3].as_slice(), &[Sport::Basketball; 2], &[Sport::Hockey; 2]].concat()
        );
        for event in &ledger.events {
            assert_eq!(message_format(&scene, &event.event_id), format);
        }
    }
    let mut last: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for index in 0..scene.schedule.len() {
        let channel = scene.schedule.channel(index);
        if scene.schedule.channels()[channel].format != Format::Uof {
            continue;
        }
        let at = message(&scene, index).unwrap().generated_at;
        let before = last.insert(channel, at);
        assert!(before.is_none_or(|before| before.0 / 1_000 < at.0 / 1_000), "no two of one millisecond");
    }
}
