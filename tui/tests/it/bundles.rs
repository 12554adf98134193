//! Runs that never were: one that passed, and one after it that did not.

use std::fs;
use std::path::Path;

use harness::bundle::{Document, Series};
use harness::live::Standing;
use serde_json::{Value, json};
use tui::bundle::Run;

/// Seconds that they have.
const SECONDS: usize = 60;

/// A run in which the processors of hockey are killed; the second one is slower, and something of it is wrong.
pub fn run(name: &str, is_right: bool, example: &str) -> Run {
    Run::new(format!("/runs/{name}").into(), document(name, is_right, example), &series(is_right))
}

/// Its bundle in a folder.
pub fn write(folder: &Path, name: &str, is_right: bool) {
    fs::create_dir_all(folder).expect("a folder");
    let write = |file: &str, value: Vec<u8>| fs::write(folder.join(file), value).expect("written");
    write("verdict.json", serde_json::to_vec(&document(name, is_right, "x")).expect("JSON"));
    write("series.json", serde_json::to_vec(&series(is_right)).expect("JSON"));
}

fn document(name: &str, is_right: bool, example: &str) -> Document {
    let kinds = [
        "lost",
        "duplicate_effect",
        "phantom",
        "stale",
        "non_monotonic",
        "skipped",
        "wrong_value_at_version",
        "store_divergence",
        "wrong_dead_letter_decision",
        "false_gap",
        "market_open_while_unsafe",
    ];
    let anomaly = |kind: &&str| {
        let is_wrong = !is_right && *kind == "stale";
        let examples = if is_wrong {
            json!([{"place": "redis", "event_id": "md:match:7", "version": 41, "what": "market 186 status",
                "expected": "suspended", "found": example}])
        } else {
            json!([])
        };
        json!({"kind": kind, "checked": 120_000, "found": if is_wrong { 3 } else { 0 }, "examples": examples})
    };
    let mut anomalies: Vec<Value> = kinds.iter().map(anomaly).collect();
    let looked = if is_right { 800 } else { 0 };
    anomalies.push(json!({"kind": "settlement_wrong", "checked": looked, "found": 0, "examples": []}));
    let p99 = if is_right { 212_400 } else { 640_000 };
    let gate = |name: &str, limit: f64, found: Option<f64>, unit: &str, is_met: bool| {
        let state = if found.is_none() {
            "inconclusive"
        } else if is_met {
            "pass"
        } else {
            "fail"
        };
        json!({"name": name, "limit": limit, "found": found, "unit": unit, "state": state, "exit": "latency"})
    };
    let share =
        |micros: u64| json!({"p50": micros, "p90": 3 * micros, "p99": p99, "p99_9": 2 * p99, "max": 3 * p99});
    let latency = |hop: &str, sport: Option<&str>, micros: u64| {
        json!({"hop": hop, "since": "due", "is_warm_up": false, "sport": sport, "count": if sport.is_some() { 6_875 } else { 27_500 },
            "negative": 0, "micros": share(micros)})
    };
    // All that a run compares, by the names that it gives them.
    let places = [
        "clients, meanwhile",
        "dead letters",
        "feed topic",
        "mysql",
        "redis",
        "rest",
        "rest list",
        "rest, meanwhile",
        "socket 1 (steady)",
        "socket 2 (slow)",
        "socket 3 (reconnecting)",
        "socket 4 (late)",
        "update log",
        "updates topic",
    ];
    let place = |place: &str| {
        let is_wrong = !is_right && place == "redis";
        json!({"place": place, "compared": 12_000, "differ": if is_wrong { 3 } else { 0 }})
    };
    let document = json!({
        "schema": "1.0",
        "name": name,
        "verdict": {
            "exit": if is_right { "pass" } else { "correctness" },
            "exit_code": if is_right { 0 } else { 10 },
            "holds": if is_right { json!([]) } else { json!(["correctness", "latency"]) },
            "summary": if is_right {
                "PASS: 30,000 messages accepted, 168,000 values compared in 14 places, no anomaly, every gate held."
            } else {
                "Not passed (correctness, latency): anomalies 3, may be 0; latency at_client p99 640 ms, may be 500 ms."
            },
        },
        "scenario": {"name": "kill-processors", "description": "The processors of every sport are killed", "seed": 31,
            "seconds": 60.0, "warm_up_seconds": 5.0, "messages": 30_000, "games": 16,
            "repeat": "matchday verify kill-processors --seed 31"},
        "versions": {"matchday": "0.1.0", "database": "MariaDB 10.11.6", "machine": "Linux 6.1, 2 processors", "is_own_stack": true},
        "started_at": 1_767_225_600_000_000_i64,
        "took_micros": 61_200_000,
        "drive": {"messages": 30_000, "sent": 30_000, "accepted": 30_000, "refused": 0, "sent_again": 12, "undelivered": 0,
            "bytes": 10_320_000, "took_micros": 60_000_000, "messages_per_second": 500.0},
        "gates": [
            gate("generator late p99", 100.0, Some(11.2), "ms", true),
            gate("anomalies", 0.0, Some(if is_right { 0.0 } else { 3.0 }), "", is_right),
            gate("latency at_client p99", 500.0, Some(if is_right { 212.4 } else { 640.0 }), "ms", is_right),
            gate("throughput", 450.0, Some(500.0), "messages/s", true),
            gate("recovery after kill processors-hockey", 30.0, Some(8.6), "s", true),
            gate("latency written p99", 900.0, None, "ms", true),
        ],
        "anomalies": anomalies,
        "places": places.map(place),
        "sports": [{"sport": "hockey", "games": 4, "messages": 6_000, "compared": 9_000, "differ": 0}],
        "latency": [latency("at_client", None, 9_100), latency("sent", None, 900), latency("committed", None, 5_200),
            latency("at_client", Some("hockey"), 9_800), latency("committed", Some("hockey"), 5_300)],
        "unsafe_open": {"checked": 40, "longest_micros": 0, "exposed_micros": 2_100_000},
        "faults": [
            {"kind": "duplicate", "at_micros": 12_000_000, "event_id": "md:match:7"},
            {"kind": "silence", "at_micros": 40_000_000, "ended_micros": 52_000_000},
        ],
        "outages": [{"what": "kill processors-hockey", "part": "processors-hockey", "at_micros": 15_000_000,
            "ended_micros": 20_000_000, "recovered_after_micros": 8_570_000}],
        "processes": [{"name": "processors-hockey", "cpu_micros": if is_right { 1_340_000 } else { 1_510_000 }, "messages": 6_000,
            "resident_bytes_max": 48 << 20}],
        "files": {"recording hockey.rec": "hockey.rec", "verdict": "verdict.json"},
    });
    serde_json::from_value(document).expect("a verdict")
}

fn series(is_right: bool) -> Series {
    let seconds = SECONDS as u64;
    let each = |value: &dyn Fn(u64) -> Option<u64>| (0..seconds).map(value).collect::<Vec<_>>();
    let slow = if is_right { 1 } else { 3 };
    let rate = each(&|second| Some(480 + 8 * (second % 6)));
    let lag = each(&|second| {
        let waits =
            if (15..24).contains(&second) { 400 * (second - 14).min(24 - second) } else { second % 4 };
        (second != 30).then_some(waits * slow)
    });
    let latency = each(&|second| {
        let micros = if (15..24).contains(&second) { 2_000_000 } else { 18_000 + 500 * (second % 5) };
        Some(micros * slow)
    });
    let process = |base: u64| each(&|second| Some(base + second * base / 200));
    Series {
        at_micros: (1..=SECONDS as i64).map(|second| second * 1_000_000).collect(),
        sent: rate.clone(),
        accepted: rate.clone(),
        published: rate.clone(),
        at_client: rate,
        queues: [("feed", lag.clone()), ("generator", each(&|second| Some(second % 2)))]
            .map(|(name, values)| (name.to_owned(), values))
            .into(),
        lag,
        at_client_p50_micros: latency.iter().map(|micros| micros.map(|micros| micros / 3)).collect(),
        at_client_p99_micros: latency.clone(),
        published_p50_micros: latency.iter().map(|micros| micros.map(|micros| micros / 4)).collect(),
        published_p99_micros: latency,
        resident_bytes: [("ingestion", 20 << 20), ("processors-hockey", 44 << 20)]
            .map(|(name, bytes)| (name.to_owned(), process(bytes)))
            .into(),
        cpu_micros: [("ingestion", 90_000), ("processors-hockey", 140_000)]
            .map(|(name, micros)| (name.to_owned(), process(micros)))
            .into(),
    }
}

/// A run that goes on.
pub fn standing() -> Standing {
    let gate = |name: &str, limit: f64, found: Option<f64>, unit: &str, state: &str| json!({"name": name, "limit": limit, "found": found, "unit": unit, "state": state, "exit": "correctness"});
    let standing = json!({
        "schema": "1.1", "name": "kill-processors-20260101T000000", "stack": "up", "scenario": "kill-processors",
        "description": "The processors of every sport are killed", "seed": 31, "seconds": 60.0, "phase": "sending",
        "elapsed_micros": 24_300_000, "messages": 30_000, "sent": 12_150, "accepted": 12_100, "refused": 2, "sent_again": 3,
        "lag": 40, "breaks": 0,
        "gates": [
            gate("generator late p99", 100.0, None, "ms", "inconclusive"),
            gate("anomalies", 0.0, Some(0.0), "", "pass"),
            gate("throughput", 500.0, Some(497.9), "messages/s", "fail"),
            gate("memory processors-hockey", 400.0, Some(48.2), "MiB", "pass"),
        ],
        "faults": [{"kind": "duplicate", "at_micros": 12_000_000, "event_id": "md:match:7"},
            {"kind": "silence", "at_micros": 40_000_000, "ended_micros": 52_000_000}],
        "outages": [{"what": "kill processors-hockey", "at_micros": 15_000_000, "ended_micros": 20_000_000}],
    });
    serde_json::from_value(standing).expect("how it stands")
}
