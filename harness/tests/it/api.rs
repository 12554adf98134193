//! REST keeps to the OpenAPI document that it serves: schemathesis makes requests of the document, right ones and wrong
//! ones, and holds every answer to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::run::settle;
use harness::stack::Stack;
use serde_json::{Value, json};
use simulator::{DriveOptions, drive};
use tokio::process::Command;

use crate::support::{games, shared_stack, until};

/// What is found with one seed is found again with it.
const SEED: u64 = 4_002;
/// How long schemathesis may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Events to ask for: some that are over, and a producer that lives.
async fn fill(stack: &Stack) {
    let feed = games(SEED, 3, 150, Duration::from_secs(1));
    let options = DriveOptions::to(stack.ingestion_url().unwrap());
    let report = drive(Arc::clone(&feed.schedule), &options, |_| {}).await.unwrap();
    assert!(report.is_complete());
    settle(&stack.places().unwrap(), &feed, &[]).await.unwrap();
    // One that offers nothing: it falls silent, and nobody else's markets may be shut by it.
    let alive = json!({
        "schema": "1.0", "message_id": "alive-1", "provider": "md", "producer": "idle", "type": "alive",
        "generated_at": 1_767_225_600_000_000_i64, "body": {"subscribed": true},
    });
    let url = format!("{}/feeds/md", stack.ingestion_url().unwrap());
    assert_eq!(reqwest::Client::new().post(url).json(&alive).send().await.unwrap().status(), 202);
    until("the producer to be known", PATIENCE, async || {
        let producers: Value = get(stack, "/v1/producers").await?;
        Ok(producers["producers"].as_array().is_some_and(|producers| !producers.is_empty()))
    })
    .await
    .unwrap();
}

async fn get(stack: &Stack, path: &str) -> anyhow::Result<Value> {
    let answer = reqwest::get(format!("{}{path}", stack.rest_url()?)).await?;
    Ok(answer.error_for_status()?.json().await?)
}

/// What requests are made of beside invented values: one a line, in quotes.
async fn write_what_is_there(stack: &Stack, folder: &Path) {
    let all = get(stack, "/v1/events").await.unwrap();
    let values = |names: &[&str]| {
        let listed = all["events"].as_array().unwrap().iter();
        let values = listed.flat_map(|event| names.iter().filter_map(|name| event[*name].as_str()));
        values.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let mut cursors = BTreeSet::new();
    for filters in ["", "&sport=hockey", "&status=closed"] {
        let page = get(stack, &format!("/v1/events?limit=1{filters}")).await.unwrap();
        cursors.insert(page["next"].as_str().expect("there are several such events").to_owned());
    }
    for (name, values) in [
        ("events.txt", values(&["event_id"])),
        ("competitors.txt", values(&["home_id", "away_id"])),
        ("cursors.txt", cursors),
    ] {
        assert!(!values.is_empty(), "{name}");
        let lines: String = values.iter().map(|value| format!("\"{value}\"\n")).collect();
        std::fs::write(folder.join(name), lines).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_answers_as_its_openapi_document_says() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let installed = Command::new(project.join("harness/api/install.sh")).status().await.unwrap();
    assert!(installed.success(), "schemathesis is not installed");
    let stack = shared_stack().await;
    fill(stack).await;
    let folder = tempfile::tempdir().unwrap();
    write_what_is_there(stack, folder.path()).await;
    std::fs::copy(project.join("harness/api/schemathesis.toml"), folder.path().join("schemathesis.toml"))
        .unwrap();

    // From a file: of a document that it fetches itself, schemathesis leaves out the path that it fetched it from.
    let document = get(stack, "/openapi.json").await.unwrap();
    std::fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();

    println!("seed {SEED}");
    let started = Instant::now();
    let run = Command::new(project.join("target/schemathesis/bin/schemathesis"))
        .args(["--config-file", "schemathesis.toml", "run", "--seed", &SEED.to_string()])
        .args(["--url", stack.rest_url().unwrap().as_str(), "openapi.json"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("schemathesis does not end").unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}{}", String::from_utf8_lossy(&output.stderr));
    println!("schemathesis took {:.0} s", started.elapsed().as_secs_f64());
    let paths = document["paths"].as_object().unwrap().len();
    assert!(report.contains(&format!("{paths} selected / {paths} total")), "not every path is asked for");
    assert!(output.status.success(), "what REST answers is not what its document says");
}
