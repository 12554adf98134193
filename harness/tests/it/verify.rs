//! `matchday verify`: a scenario in, an exit code and a run bundle out.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use boon::{Compiler, Schemas};
use harness::bundle::{Document, GateState};
use harness::exit::Exit;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/verdict.schema.json");

/// Verifies a scenario with these arguments; the exit code, what was printed, and the bundle, where there is one.
fn verify(arguments: &[&str]) -> (i32, String, Option<Bundle>) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let output = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .arg("verify")
        .args(arguments)
        .arg("--bundle")
        .arg(&bundle)
        .env("MATCHDAY_STACKS", folder.path().join("stacks"))
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    let bundle = bundle.join("verdict.json").is_file().then(|| Bundle::read(&bundle));
    (output.status.code().expect("it was not killed"), said, bundle)
}

struct Bundle {
    document: Document,
    files: BTreeMap<String, String>,
}

impl Bundle {
    /// Reads a bundle; its verdict keeps to the published schema.
    fn read(folder: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let verdict: Value = serde_json::from_str(&read("verdict.json")).unwrap();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("verdict.schema.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
        let schema = compiler.compile("verdict.schema.json", &mut schemas).unwrap();
        schemas.validate(&verdict, schema).unwrap_or_else(|error| panic!("{error:#}"));
        let document: Document = serde_json::from_value(verdict).unwrap();
        for file in document.files.values() {
            assert!(folder.join(file).exists(), "{file}");
        }
        let files = ["junit.xml", "summary.md", "series.json", "scenario.toml"];
        let files = files.into_iter().map(|name| (name.to_owned(), read(name))).collect();
        Self { document, files }
    }
}

/// What is wrong with a run but that this machine was late.
fn wrong(document: &Document) -> Vec<String> {
    let failed =
        document.gates.iter().filter(|gate| gate.state != GateState::Pass && gate.exit != Exit::Invalid);
    failed.map(|gate| format!("{gate:?}")).collect()
}

#[test]
fn a_steady_scenario_passes_and_leaves_a_bundle() {
    let (code, said, bundle) = verify(&["steady-hockey", "--seconds", "12"]);
    let Bundle { document, files } = bundle.expect(&said);
    assert_eq!(wrong(&document), [""; 0], "{said}");
    assert!(code == 0 || code == 13 && said.contains("INVALID"), "{code}: {said}");
    assert_eq!(document.verdict.exit_code, u8::try_from(code).unwrap());
    for part in &document.anomalies {
        assert!(part.checked > 0, "{}", part.kind);
    }
    for hop in ["sent", "received", "in_kafka", "applied", "committed", "published", "written", "at_client"] {
        let measured = document.latency.iter().any(|part| part.hop == hop && part.count > 0);
        assert!(measured, "{hop}");
    }
    let places: Vec<&str> = document.places.iter().map(|part| part.place.as_str()).collect();
    for place in ["mysql", "redis", "rest", "update log", "updates topic", "feed topic", "dead letters"] {
        assert!(places.contains(&place), "{place} of {places:?}");
    }
    for role in ["steady", "slow", "reconnecting", "late"] {
        assert!(places.iter().any(|place| place.contains(role)), "{role} of {places:?}");
    }
    assert!(files["junit.xml"].starts_with("<?xml"), "{}", files["junit.xml"]);
    assert!(files["summary.md"].contains("steady-hockey"), "{}", files["summary.md"]);
}

#[test]
fn all_faults_of_a_feed_are_survived() {
    let (code, said, bundle) = verify(&["all-faults"]);
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

#[test]
fn a_stack_that_is_not_up_is_the_environments_fault() {
    let (code, said, _) = verify(&["steady-hockey", "--seconds", "2", "--attach"]);
    assert_eq!(code, 14, "{said}");
    assert!(said.contains("no stack of `matchday up` is up"), "{said}");
}
