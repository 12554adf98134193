//! `matchday verify`: a scenario in, an exit code and a run bundle out.

use domain::Sport;
use harness::anomaly::Kind;
use harness::stack::pipeline;

use crate::support;
use crate::support::verify::{Bundle, assert_right, verify, verify_attached, wrong};

#[test]
fn a_steady_scenario_passes_and_leaves_a_bundle() {
    let Bundle { document, files } = assert_right(verify(&["steady-hockey", "--seconds", "12"]));
    for part in &document.anomalies {
        assert!(part.checked > 0, "{}", part.kind);
    }
    for hop in ["sent", "received", "in_kafka", "applied", "committed", "published", "written", "at_client"] {
        let measured = document.latency.iter().any(|part| part.hop == hop && part.count > 0);
        assert!(measured, "{hop}");
    }
    let places: Vec<&str> = document.places.iter().map(|part| part.place.as_str()).collect();
    for place in [
        "mysql",
        "redis",
        "rest",
        "update log",
        "updates topic",
        "feed topic",
        "dead letters",
        "clients, meanwhile",
        "rest, meanwhile",
    ] {
        assert!(places.contains(&place), "{place} of {places:?}");
    }
    for role in ["steady", "slow", "reconnecting", "late"] {
        assert!(places.iter().any(|place| place.contains(role)), "{role} of {places:?}");
    }
    assert!(files["junit.xml"].starts_with("<?xml"), "{}", files["junit.xml"]);
    assert!(files["summary.md"].contains("steady-hockey"), "{}", files["summary.md"]);
}

#[test]
fn a_unified_odds_feed_is_proven_message_by_message() {
    let Bundle { document, .. } = assert_right(verify(&["unified-odds-feed", "--seconds", "20"]));
    let lost = document.anomalies.iter().find(|part| part.kind == Kind::Lost).expect("it is judged");
    assert!(lost.checked > document.drive.messages, "{} of {}", lost.checked, document.drive.messages);
}

#[test]
fn all_faults_of_a_feed_are_survived() {
    let (code, said, bundle) = verify(&["all-faults", "--seconds", "45"]);
    let Bundle { document, .. } = bundle.expect(&said);
    assert_eq!(wrong(&document), [""; 0], "{said}");
    assert!(code == 0 || code == 13, "{code}: {said}");
    assert!(document.unsafe_open.checked > 0, "gaps and a silence have shut markets");
}

#[test]
fn what_is_no_scenario_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    let text = "description = \"a\"\nseed = 1\nseconds = 1\n[sports.hockey]\ngames = 1\nrate = 10\n[gates]\nlate = 1\n";
    std::fs::write(&file, text).unwrap();
    let (code, said, bundle) = verify(&[file.to_str().unwrap()]);
    assert_eq!((code, bundle.is_none()), (2, true), "{said}");
    assert!(said.contains("wrong.toml:8:1: unknown field `late`"), "{said}");
    let (code, said, _) = verify(&["no-such-scenario"]);
    assert_eq!(code, 2, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_up_is_attached_to_and_plays_each_sport_steadily_and_a_seed_once() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::guest(folder.path().join("stacks"), "attached", pipeline(&Sport::ALL)).await;
    for scenario in ["steady-football", "steady-basketball", "steady-tennis", "steady-hockey"] {
        let run = verify_attached(&stack, &[scenario, "--seconds", "6", "--clients", "2"]).await;
        assert!(!assert_right(run).document.versions.is_own_stack, "{scenario}");
    }
    let (again, refused, _) =
        verify_attached(&stack, &["steady-hockey", "--seconds", "6", "--clients", "2"]).await;
    assert_eq!(again, 14, "{refused}");
    assert!(refused.contains("already, from an earlier run: choose another --seed"), "{refused}");
    stack.down().await.unwrap();
}

#[test]
fn a_stack_that_is_not_up_is_the_environments_fault() {
    let (code, said, _) = verify(&["steady-hockey", "--seconds", "2", "--attach"]);
    assert_eq!(code, 14, "{said}");
    assert!(said.contains("no stack of `matchday up` is up"), "{said}");
}
