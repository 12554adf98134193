//! `matchday capacity`: a few small steps on one stack, each with a verdict, and what they came to.

use std::process::Command;

use harness::bundle::{Document, GateState};
use harness::capacity::paper::{CAPACITY, Limit, Paper};
use harness::capacity::search::Answer;
use harness::exit::Exit;

/// Searches with these arguments: the exit code, what was printed, and what was written beside the bundles of the steps.
fn capacity(arguments: &[&str]) -> (i32, String, Option<(Paper, Vec<Document>)>) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let output = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .arg("capacity")
        .args(arguments)
        .arg("--bundle")
        .arg(&bundle)
        .env("MATCHDAY_STACKS", folder.path().join("stacks"))
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    let found = std::fs::read(bundle.join(CAPACITY)).ok().map(|text| {
        let paper: Paper = serde_json::from_slice(&text).unwrap();
        let step = |name: &str| harness::bundle::open(&bundle.join(name)).unwrap().0;
        let steps = paper.steps.iter().map(|found| step(&found.bundle)).collect();
        for file in ["capacity.md", "capacity.html"] {
            assert!(bundle.join(file).is_file(), "{file}");
        }
        (paper, steps)
    });
    (output.status.code().expect("it was not killed"), said, found)
}

#[test]
fn steps_double_on_one_stack_and_each_has_a_verdict() {
    let arguments = ["steady-hockey", "--from", "150", "--most", "300", "--seconds", "6", "--clients", "2"];
    let (code, said, found) = capacity(&arguments);
    let (paper, steps) = found.expect(&said);
    assert_eq!(code, i32::from(paper.exit_code), "{said}");
    assert!(!paper.steps.is_empty() && paper.limit != Limit::Open, "{said}");
    let rates: Vec<u32> = paper.steps.iter().map(|step| step.asked).collect();
    let doubling = rates.iter().take_while(|rate| paper.missed.is_none_or(|missed| **rate != missed));
    assert!(doubling.is_sorted() && rates.iter().all(|rate| (150..=300).contains(rate)), "{rates:?}");
    for (step, document) in paper.steps.iter().zip(&steps) {
        assert_eq!(step.answer == Answer::Held, document.verdict.exit == Exit::Pass, "{said}");
        assert_eq!(step.exit, document.verdict.exit);
        assert!(
            document.scenario.repeat.starts_with("matchday verify ")
                && document.scenario.repeat.ends_with(&step.bundle),
            "{:?}",
            document.scenario
        );
        assert!(
            step.published_micros.contains_key("p99") && step.at_client_micros.contains_key("p99"),
            "{step:?}"
        );
        assert!(!step.is_wrong, "{said}");
        // What a step before left in the stack is nothing that this one did wrong.
        let wrong = document
            .gates
            .iter()
            .filter(|gate| gate.exit == Exit::Correctness && gate.state != GateState::Pass);
        assert_eq!(wrong.count(), 0, "{said}");
    }
    // This machine may be late at times, as everywhere; nothing else stands in the way of so little.
    assert!(code == 0 && paper.held == Some(300) || code == 13, "{code}: {said}");
    assert!(said.contains("asked/s") && said.contains(&paper.summary), "{said}");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    for (arguments, why) in [
        (&["kill-processors"][..], "does things to the stack"),
        (&["steady-hockey", "--from", "300", "--most", "200"], "it cannot go from 300 up to 200"),
        (
            &["steady-hockey", "--seconds", "3600"],
            "--most 64000: 64000 messages a second are 230400000 in 3600 s",
        ),
        (&["no-such-scenario"], "no ready-made scenario of that name"),
    ] {
        let (code, said, found) = capacity(arguments);
        assert_eq!((code, found.is_none()), (2, true), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
