//! Who may import whom: the folder tree is the architecture, and this is what holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Our crates, and which of ours each may import.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("chassis", &[]),
    ("ingestion", &["domain", "chassis"]),
    ("processors", &["domain", "chassis"]),
    ("distribution", &["domain", "chassis"]),
    ("simulator", &["domain", "chassis"]),
    ("harness", &["domain", "chassis", "simulator"]),
    ("tui", &["domain", "harness"]),
];

/// What the pure crate must not even depend on.
const IMPURE: [&str; 8] = ["tokio", "rand", "rdkafka", "redis", "sqlx", "axum", "reqwest", "tracing"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        // A test may use what the code may not.
        dependencies.filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    packages.iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn nobody_imports_what_the_architecture_does_not_allow() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(found, ours, "a crate came or went: say in ALLOWED what it may import");
    for (name, allowed) in ALLOWED {
        let imported =
            dependencies[name].iter().map(String::as_str).filter(|dependency| ours.contains(dependency));
        let forbidden: Vec<&str> = imported.filter(|dependency| !allowed.contains(dependency)).collect();
        assert!(forbidden.is_empty(), "{name} must not import {forbidden:?}");
    }
}

#[test]
fn the_domain_is_pure() {
    let dependencies = &dependencies()["domain"];
    let impure: Vec<&str> = IMPURE.into_iter().filter(|name| dependencies.contains(*name)).collect();
    assert!(impure.is_empty(), "domain must not depend on {impure:?}");
}

#[test]
fn the_ledger_shares_no_decision_with_what_is_judged_by_it() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulator/src");
    let mut files = vec![source.join("ledger.rs")];
    let inside = std::fs::read_dir(source.join("ledger")).expect("the ledger has files");
    files.extend(inside.map(|file| file.expect("a file").path()));
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let shared = ["EventState", "Rules", "Intake", "domain::check", ".over(", ".alone()"];
        for line in code {
            let found = shared.into_iter().find(|shared| line.contains(shared));
            assert_eq!(found, None, "{}: {line}", file.display());
        }
    }
}
