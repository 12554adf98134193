//! `matchday verify` as a person runs it: arguments in, an exit code and a run bundle out.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use boon::{Compiler, Schemas};
use harness::bundle::{Document, GateState};
use harness::exit::Exit;
use harness::stack::Stack;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/verdict.schema.json");

/// Verifies a scenario with these arguments; the exit code, what was printed, and the bundle, where there is one.
pub fn verify(arguments: &[&str]) -> (i32, String, Option<Bundle>) {
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

/// The arguments that attach to a stack of a test.
pub fn attached(stack: &Stack) -> Vec<String> {
    let addresses = [
        ("--kafka", stack.kafka()),
        ("--mysql", stack.mysql_url()),
        ("--redis", stack.redis_url()),
        ("--rest", stack.rest_url().unwrap()),
        ("--socket", stack.socket_url().unwrap()),
        ("--ingestion", stack.ingestion_url().unwrap()),
        ("--topic-prefix", stack.topics().to_string()),
    ];
    let given = addresses.into_iter().flat_map(|(flag, address)| [flag.to_owned(), address]);
    std::iter::once("--attach".to_owned()).chain(given).collect()
}

/// Verifies a scenario in a stack of a test, beside whatever else the test does.
pub async fn verify_attached(stack: &Stack, arguments: &[&str]) -> (i32, String, Option<Bundle>) {
    let arguments: Vec<String> =
        arguments.iter().map(|argument| (*argument).to_owned()).chain(attached(stack)).collect();
    let run = move || verify(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// What a run left behind.
pub struct Bundle {
    /// Its verdict.
    pub document: Document,
    /// The text of some of its files.
    pub files: BTreeMap<String, String>,
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
pub fn wrong(document: &Document) -> Vec<String> {
    let failed =
        document.gates.iter().filter(|gate| gate.state != GateState::Pass && gate.exit != Exit::Invalid);
    failed.map(|gate| format!("{gate:?}")).collect()
}

/// Nothing is wrong with a run but that this machine may have been late.
pub fn assert_right((code, said, bundle): (i32, String, Option<Bundle>)) -> Bundle {
    let bundle = bundle.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(wrong(&bundle.document), [""; 0], "{said}");
    assert!(code == 0 || code == 13 && said.contains("INVALID"), "{code}: {said}");
    assert_eq!(bundle.document.verdict.exit_code, u8::try_from(code).unwrap());
    bundle
}
