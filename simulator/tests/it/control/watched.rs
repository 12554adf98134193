//! A run that takes no orders tells how it goes as one that does.

use std::process::Stdio;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::{DEADLINE, Desk};

/// Two minutes with six faults.
const FAULTY: &str = "description = \"Games\"\nseed = 5\nseconds = 120\n[sports.hockey]\ngames = 4\nrate = 100\n[faults]\ngap = 2\nduplicate = 4\n";

/// A simulator that plays what it was begun with.
struct Watched {
    _process: Child,
    url: String,
    client: Client,
}

impl Watched {
    async fn begin(arguments: &[&str], target: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
        command.args(arguments).args(["--listen", "127.0.0.1:0", "--to", target]);
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = loop {
            let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it listens in time");
            let line = line.unwrap().expect("it says where it is watched");
            if let Some(url) = line.strip_prefix("watched at ") {
                break url.to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, url, client: Client::new() }
    }

    async fn ask(&self, method: Method, path: &str) -> (StatusCode, String) {
        let answer = self.client.request(method, format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn told(&self, path: &str) -> Value {
        let (status, text) = self.ask(Method::GET, path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The run, once so many of its messages were taken.
    async fn until_accepted(&self, messages: u64) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let run = self.told("/v1/run").await["run"].clone();
            if run["accepted"].as_u64() >= Some(messages) {
                return run;
            }
            assert!(Instant::now() < deadline, "{run}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

fn names(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_no_orders_tells_how_it_goes_as_one_that_does() {
    let desk = Desk::new().await;
    let start = json!({ "toml": FAULTY, "paused": true });
    desk.json(Method::POST, "/v1/run", Some(start), 202).await;
    let served = desk.until("it stands", |run| run["state"] == "paused").await;
    let faults = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    assert_eq!(faults["faults"].as_array().unwrap().len(), 6, "{faults}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("games.toml");
    std::fs::write(&file, FAULTY).unwrap();
    let target = desk.receiver.listen("127.0.0.1:0").await;
    let watched = Watched::begin(&["run", file.to_str().unwrap()], &target).await;
    let run = watched.until_accepted(20).await;
    assert_eq!(names(&run), names(&served));
    for same in ["number", "program", "seed", "speed", "rate", "messages", "faults"] {
        assert_eq!(run[same], served[same], "{same}: {run}");
    }
    assert_eq!((&run["state"], &run["end"]), (&json!("playing"), &Value::Null));
    assert!(run["elapsed_seconds"].as_f64() > Some(0.0), "{run}");
    assert_eq!(watched.told("/v1/run/faults").await, faults, "the same plan, and nothing is asked for");
    let metrics = watched.ask(Method::GET, "/metrics").await.1;
    assert!(metrics.contains("matchday_simulator_plays{program="), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_the_document_is_refused_by_a_run_that_takes_none() {
    let desk = Desk::new().await;
    let target = desk.receiver.listen("127.0.0.1:0").await;
    let games = ["play", "--sport", "hockey", "--games", "2", "--rate", "50", "--seconds", "600"];
    let watched = Watched::begin(&games, &target).await;
    let run = watched.until_accepted(1).await;
    assert_eq!(
        (&run["program"], &run["faults"]),
        (&json!("2 games of hockey for 600 s, 50 messages a second"), &json!(0))
    );
    let metrics = watched.ask(Method::GET, "/metrics").await.1;
    assert!(metrics.contains("matchday_simulator_plays{program=\"2 games of hockey"), "{metrics}");

    let document = desk.json(Method::GET, "/openapi.json", None, 200).await;
    let paths = document["paths"].as_object().unwrap();
    let mut orders = 0;
    for (path, operations) in paths.iter().filter(|(path, _)| path.starts_with("/v1/run")) {
        for method in ["put", "post", "delete"].into_iter().filter(|method| !operations[*method].is_null()) {
            orders += 1;
            let (status, text) = watched.ask(method.to_uppercase().parse().unwrap(), path).await;
            assert_eq!(status, 409, "{method} {path}: {text}");
            assert!(!operations[method]["responses"]["409"].is_null(), "{method} {path}");
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(problem["type"], "urn:matchday:problem:no-orders", "{method} {path}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("`simulator serve` takes them"), "{detail}");
        }
    }
    assert!(orders >= 8, "{orders}");
    let (status, text) = watched.ask(Method::GET, "/v1/run/ledger").await;
    assert_eq!(status, 404, "{text}");
    assert_eq!(watched.told("/v1/run").await["run"]["state"], "playing", "nothing came of it");
}
