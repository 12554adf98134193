//! The program without a terminal, in front of a process that answers as ours do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::bundles::write;

/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Answers `/metrics` with ingestion's, of which each tells a hundred messages more, and everything else with readiness.
pub fn ingestion() -> SocketAddr {
    static ACCEPTED: AtomicU64 = AtomicU64::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request) {
                    let body = if request[..read].starts_with(b"GET /metrics") {
                        let accepted = ACCEPTED.fetch_add(100, Ordering::Relaxed);
                        format!(
                            "matchday_ingestion_messages_total{{outcome=\"accepted\",provider=\"md\"}} {accepted}\n"
                        )
                    } else {
                        r#"{"ready":true,"checks":[]}"#.to_owned()
                    };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    if stream.write_all((head + &body).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// The program, in front of an ingestion and of nothing else.
pub fn command(ingestion: &str, stacks: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchday-top"));
    command.args(["--interval", "0.2", "--kafka", "127.0.0.1:1", "--rest", NOWHERE, "--simulator", NOWHERE]);
    for sport in ["football", "basketball", "tennis", "hockey"] {
        command.arg("--processors").arg(format!("{sport}={NOWHERE}"));
    }
    command.arg("--stacks").arg(stacks).args(["--ingestion", ingestion]);
    command
}

fn once(ingestion: &str, format: &[&str]) -> Output {
    let nowhere = tempfile::tempdir().expect("a folder");
    let mut command = command(ingestion, nowhere.path());
    command.arg("--once").args(format).stdin(Stdio::null()).output().expect("it runs")
}

#[test]
fn scripts_are_told_in_json_what_answers_and_what_does_not() {
    let output = once(&format!("http://{}", ingestion()), &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let hop = |place: &str| {
        let mut hops = told["hops"].as_array().expect("hops").iter();
        hops.find(|hop| hop["place"] == place).expect("the hop").clone()
    };
    assert_eq!(told["schema"], "1.6");
    assert_eq!(told["playing"], serde_json::Value::Null);
    assert!(told["noticed"].as_array().is_some_and(|signs| !signs.is_empty()), "{told}");
    assert!(hop("ingestion")["per_second"].as_f64() > Some(50.0), "{told}");
    assert_eq!(hop("processors")["state"], "down");
    assert_eq!(hop("simulator")["state"], "none");
    assert_eq!(told["state"], "down");
}

#[test]
fn where_nothing_answers_it_fails_and_says_so() {
    let output = once(NOWHERE, &[]);
    assert!(!output.status.success(), "{output:?}");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(line.contains("DOWN") && line.lines().count() == 1, "{line}");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("nothing answers"), "{error}");
}

#[test]
fn without_a_terminal_a_line_is_written_every_interval_until_nobody_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = command(&format!("http://{}", ingestion()), folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(program.stdout.take().expect("its output")).lines();
    // From the second answer on there is a rate.
    let has_rate = |line: &str| line.contains("DOWN") && !line.contains("ingestion -/s");
    let mut told: Vec<String> = Vec::new();
    while told.iter().filter(|line| has_rate(line)).count() < 2 {
        told.push(lines.next().expect("a line every interval").expect("text"));
        assert!(told.len() < 100, "{told:?}");
    }
    drop(lines);
    assert!(program.wait().expect("it ends").success());
}

fn of_bundles(arguments: &[&std::ffi::OsStr]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchday-top"));
    for bundle in arguments {
        command.arg("--bundle").arg(bundle);
    }
    command.arg("--json").stdin(Stdio::null()).output().expect("it runs")
}

#[test]
fn scripts_are_told_what_a_run_came_to() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("one"), "one", false);
    let output = of_bundles(&[folder.path().join("one").as_os_str()]);
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((told["exit"].as_str(), told["anomalies"].as_u64()), (Some("correctness"), Some(3)));
    let gates = told["gates"].as_array().expect("gates");
    assert!(gates.iter().any(|gate| gate["name"] == "throughput" && gate["state"] == "pass"), "{told}");
}

#[test]
fn what_is_no_bundle_is_refused_before_the_screen_is_taken() {
    let output = of_bundles(&[std::ffi::OsStr::new("/nowhere")]);
    assert!(!output.status.success(), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("/nowhere is no run bundle: no verdict.json"), "{error}");
}
