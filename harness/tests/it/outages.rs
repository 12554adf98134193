//! Whatever happens to the parts of a stack and on the ways between them: it recovers, and every store and client ends as if
//! nothing had happened.

use std::path::Path;
use std::process::Command;

use harness::bundle;
use harness::look::RECOVERED;
use harness::stack::StoresChoice;

/// Each kind once at least, each part once at least. Some happen at the same time.
const EVERYTHING: &str = r#"
description = "Everything that can happen to a stack does"
seed = 31
seconds = 40
sports.hockey = { games = 6, rate = 150 }

[gates]
recovery_seconds = 45
unsafe_open_ms = 1000

[[outages]]
target = "processors-hockey"
kind = "kill"
at_seconds = 2

[[outages]]
target = "ingestion"
kind = "pause"
at_seconds = 5
for_seconds = 1

[[outages]]
target = "distribution"
kind = "restart"
at_seconds = 6

[[outages]]
target = "redis"
kind = "flush"
between_seconds = [8, 10]

[[outages]]
target = "processors-hockey"
kind = "rebalance"
at_seconds = 9
for_seconds = 4

[[outages]]
target = "mysql"
kind = "slow"
latency_ms = 20
at_seconds = 16
for_seconds = 2

[[outages]]
target = "redis"
kind = "cut"
at_seconds = 20
for_seconds = 1

[[outages]]
target = "mysql"
from = "processors-hockey"
kind = "half_open"
at_seconds = 22
for_seconds = 2

[[outages]]
target = "ingestion"
kind = "half_open"
at_seconds = 28
for_seconds = 1

[[outages]]
target = "kafka"
kind = "kill"
at_seconds = 31
for_seconds = 0.5

[[outages]]
target = "mysql"
kind = "kill"
at_seconds = 35
for_seconds = 0.5
"#;

/// What needs a Kafka that has a listener for each proxy.
const ON_THE_WAY_TO_KAFKA: &str = r#"
[[outages]]
target = "kafka"
from = "ingestion"
kind = "throttle"
kib_per_second = 64
at_seconds = 16.5
for_seconds = 2

[[outages]]
target = "kafka"
kind = "cut"
at_seconds = 26
for_seconds = 1
"#;

/// What a verdict says of the bundle in this folder that is wrong.
fn wrong(folder: &Path) -> Vec<String> {
    let (document, _) = bundle::open(folder).unwrap();
    let anomalies = document.anomalies.iter().filter(|part| part.found > 0).map(|part| format!("{part:?}"));
    let outages = document.outages.iter().filter(|outage| outage.recovered_after_micros.is_none());
    anomalies.chain(outages.map(|outage| format!("{outage:?}"))).collect()
}

#[test]
fn a_stack_to_which_everything_happens_recovers_from_all_of_it_and_ends_as_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, bundle) = (folder.path().join("everything.toml"), folder.path().join("bundle"));
    let is_native = StoresChoice::of_environment().unwrap() != StoresChoice::Containers;
    let (stores, text) = match is_native {
        true => ("native", EVERYTHING.to_owned() + ON_THE_WAY_TO_KAFKA),
        false => ("containers", EVERYTHING.to_owned()),
    };
    if !is_native {
        println!(
            "skipped: what happens on the way to Kafka, for one in a container has no listener for a proxy"
        );
    }
    std::fs::write(&scenario, &text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .args(["--stores", stores, "verify"])
        .arg(&scenario)
        .arg("--bundle")
        .arg(&bundle)
        .env("MATCHDAY_STACKS", folder.path().join("stacks"))
        .output()
        .unwrap();
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(wrong(&bundle), [""; 0]);
    let (document, _) = bundle::open(&bundle).unwrap();
    assert_eq!(document.outages.len(), text.matches("[[outages]]").count());
    assert!(document.drive.undelivered == 0 && document.drive.accepted == document.drive.messages);
    assert!(
        document.places.iter().all(|place| place.compared > 0 && place.differ == 0),
        "{:?}",
        document.places
    );
    for place in RECOVERED {
        assert!(document.places.iter().any(|part| part.place == place), "{place} was not looked at");
    }
    // A machine that was too busy to send in time makes latencies worthless, and nothing else.
    assert!(matches!(output.status.code(), Some(0 | 13)), "{:?}", document.verdict);
    let page = std::fs::read_to_string(bundle.join(bundle::REPORT)).unwrap();
    assert!(page.contains("Done to the stack") && page.contains("flush redis"));
}
