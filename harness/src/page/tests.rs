use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use simulator::scenario::Hop;

use super::page;
use crate::anomaly::{Example, Kind, RecordPlace};
use crate::bundle::{
    AnomalyPart, ClientPart, Document, DrivePart, FaultPart, GateResult, GateState, LatencyPart, Outage,
    PlacePart, ProcessPart, SCHEMA, ScenarioPart, Series, Since, SportPart, Step, UnsafeOpen, VerdictPart,
    Versions,
};
use crate::capacity::paper::tests::found;
use crate::exit::Exit;
use crate::gates::Gate;

/// A run of a minute in which nothing is wrong.
pub(crate) fn passed() -> (Document, Series) {
    let checked = |kind| AnomalyPart { kind, checked: 120_000, found: 0, examples: Vec::new() };
    let document = Document {
        schema: SCHEMA.to_owned(),
        name: "kill-processors-31".to_owned(),
        verdict: VerdictPart {
            exit: Exit::Pass,
            exit_code: 0,
            holds: Vec::new(),
            summary: "30,000 messages of 16 games went in, and all of it is right in 9 places.".to_owned(),
            unlooked: None,
        },
        scenario: ScenarioPart {
            name: "kill-processors".to_owned(),
            description: "The processors of every sport are killed".to_owned(),
            seed: 31,
            seconds: 60.0,
            warm_up_seconds: 5.0,
            messages: 30_000,
            games: 16,
            repeat: "matchday verify kill-processors --seed 31".to_owned(),
        },
        versions: Versions {
            matchday: "0.1.0".to_owned(),
            database: "MariaDB 10.11.6".to_owned(),
            machine: "Linux 6.1, 2 processors".to_owned(),
            is_own_stack: true,
        },
        started_at: 1_767_225_600_000_000,
        took_micros: 61_200_000,
        drive: DrivePart {
            messages: 30_000,
            sent: 30_000,
            accepted: 30_000,
            refused: 0,
            sent_again: 12,
            undelivered: 0,
            bytes: 10_320_000,
            took_micros: 60_000_000,
            messages_per_second: 500.0,
            warm_up_late_p99_micros: Some(1_200),
            waited: None,
            stalled: None,
            held_up: None,
        },
        gates: vec![
            gate("anomalies", 0.0, Some(0.0), "", GateState::Pass),
            gate("latency at_client p99", 500.0, Some(212.4), "ms", GateState::Pass),
            gate("recovery", 30.0, Some(8.6), "s", GateState::Pass),
        ],
        anomalies: Kind::ALL.into_iter().map(checked).collect(),
        places: vec![
            PlacePart { place: "mysql".to_owned(), compared: 41_000, differ: 0, unanswered: 0 },
            PlacePart { place: "socket 1".to_owned(), compared: 41_000, differ: 0, unanswered: 0 },
        ],
        sports: vec![SportPart {
            sport: "hockey".to_owned(),
            games: 4,
            messages: 6_000,
            compared: 9_000,
            differ: 0,
        }],
        clients: vec![ClientPart {
            name: "socket 2 (slow)".to_owned(),
            frames: 5_200,
            images: 4,
            ended: BTreeMap::from([("closed with 4008 (too many urgent updates wait)".to_owned(), 2)]),
        }],
        latency: latency(),
        unsafe_open: UnsafeOpen { checked: 40, longest_micros: 0, exposed_micros: 2_100_000 },
        faults: vec![
            FaultPart {
                kind: "duplicate".to_owned(),
                at_micros: 12_000_000,
                ended_micros: None,
                event_id: Some("md:match:1".to_owned()),
            },
            FaultPart {
                kind: "silence".to_owned(),
                at_micros: 40_000_000,
                ended_micros: Some(52_000_000),
                event_id: None,
            },
        ],
        outages: vec![
            Outage {
                what: "kill processors-hockey".to_owned(),
                part: "processors-hockey".to_owned(),
                at_micros: 15_000_000,
                ended_micros: Some(15_010_000),
                recovered_after_micros: Some(8_570_000),
            },
            Outage {
                what: "flush redis".to_owned(),
                part: "redis".to_owned(),
                at_micros: 31_000_000,
                ended_micros: None,
                recovered_after_micros: Some(1_160_000),
            },
        ],
        processes: vec![ProcessPart {
            name: "processors-hockey".to_owned(),
            cpu_micros: 1_340_000,
            messages: 6_000,
            resident_bytes_max: 48 << 20,
        }],
        files: BTreeMap::from([("verdict".to_owned(), "verdict.json".to_owned())]),
    };
    (document, series())
}

/// The same run with things that are wrong, some of them spelt like markup.
fn failed() -> (Document, Series) {
    let (mut document, series) = passed();
    document.verdict.exit = Exit::Correctness;
    document.verdict.holds = vec![Exit::Correctness, Exit::Invalid];
    document.outages[1].recovered_after_micros = None;
    document.gates.push(gate("memory", 256.0, None, "MiB", GateState::Inconclusive));
    document.anomalies[0].found = 25;
    document.anomalies[0].examples = vec![Example {
        place: "updates topic".to_owned(),
        event_id: "md:match:<b>&1".to_owned(),
        version: Some(7),
        record: Some(RecordPlace { topic: "sports-updates-hockey".to_owned(), partition: 2, offset: 31 }),
        what: "market 406 status".to_owned(),
        expected: "\"suspended\"".to_owned(),
        found: "</code><script>alert(1)</script>".to_owned(),
    }];
    document.anomalies[1].checked = 0;
    (document, series)
}

fn gate(name: &str, limit: f64, found: Option<f64>, unit: &str, state: GateState) -> GateResult {
    GateResult { name: name.to_owned(), limit, found, unit: unit.to_owned(), state, exit: Exit::Latency }
}

fn latency() -> Vec<LatencyPart> {
    let part = |(number, hop): (u64, Hop)| {
        let quantiles = [0.0, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0];
        let distribution: Vec<Step> = (1..)
            .zip(quantiles)
            .map(|(step, quantile)| Step {
                micros: number * step * step * 400,
                quantile,
                count: step * 3_000,
            })
            .collect();
        let names = ["p50", "p90", "p99", "p99_9", "p99_99", "max"];
        let micros = names.into_iter().zip(&distribution[1..]);
        let micros = micros.map(|(name, step)| (name.to_owned(), step.micros)).collect();
        LatencyPart {
            hop: hop.as_str().to_owned(),
            since: Since::Due,
            is_warm_up: false,
            sport: None,
            class: None,
            count: 27_500,
            negative: 0,
            micros,
            distribution,
        }
    };
    (1..).zip(Hop::ALL).map(part).collect()
}

fn series() -> Series {
    let wave = |second: u64, mean: u64| mean + second * 7_919 % (mean / 4 + 1);
    let list = |mean: u64| (0..60).map(|second| Some(wave(second, mean))).collect::<Vec<_>>();
    let mut published = list(500);
    published[15..23].fill(None);
    let resident = list(40 << 20);
    Series {
        at_micros: (1..=60).map(|second| second * 1_000_000).collect(),
        sent: list(500),
        accepted: list(500),
        published,
        at_client: list(480),
        lag: (0..60)
            .map(|second| Some(if (15..23).contains(&second) { (second - 14) * 150 } else { second % 4 }))
            .collect(),
        queues: BTreeMap::from([("feed".to_owned(), list(12)), ("outbox".to_owned(), list(40))]),
        at_client_p50_micros: list(8_000),
        at_client_p99_micros: list(150_000),
        published_p50_micros: list(5_000),
        published_p99_micros: list(90_000),
        resident_bytes: BTreeMap::from([("processors-hockey".to_owned(), resident)]),
        cpu_micros: BTreeMap::from([("processors-hockey".to_owned(), list(22_000))]),
    }
}

/// Every element of a page, with its attributes; fails where it is no well-formed XML.
fn elements(html: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let body = html.strip_prefix("<!DOCTYPE html>\n").expect("it is HTML");
    let mut reader = Reader::from_str(body);
    reader.config_mut().check_end_names = true;
    let mut found = Vec::new();
    let mut depth = 0_i32;
    loop {
        let event =
            reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.error_position()));
        let element = match &event {
            Event::Eof => break,
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Start(element) => {
                depth += 1;
                element
            }
            Event::Empty(element) => element,
            _ => continue,
        };
        let attribute = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
            let attribute = attribute.expect("attributes are quoted, and each once");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (text(attribute.key.as_ref().as_bytes()), text(attribute.value.as_bytes()))
        };
        let name = element.name();
        found.push((name.as_ref().to_owned(), element.attributes().map(attribute).collect()));
    }
    assert_eq!(depth, 0, "every element is closed");
    found
}

#[test]
fn a_page_is_whole_and_refers_to_nothing_outside_its_bundle() {
    let runs = [passed(), failed()].map(|(document, series)| page(&document, &series));
    for html in runs.into_iter().chain([super::capacity::page(&found())]) {
        for (name, attributes) in elements(&html) {
            assert!(!["link", "img", "iframe", "object", "embed"].contains(&name.as_str()), "<{name}>");
            assert!(!attributes.contains_key("src"), "<{name}> {attributes:?}");
            if let Some(target) = attributes.get("href") {
                assert!(!target.contains(':') && !target.starts_with('/'), "{target}");
            }
        }
        assert!(!html.contains("url(") && !html.contains("@import"), "styles come with it");
    }
}

/// To be looked at: `target/pages/passed.html`, `failed.html` and `capacity.html`.
#[test]
fn pages_are_left_for_who_wants_to_look_at_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, (document, series)) in [("passed.html", passed()), ("failed.html", failed())] {
        std::fs::write(folder.join(name), page(&document, &series)).unwrap();
        assert!(folder.join(name).is_file());
    }
    std::fs::write(folder.join("capacity.html"), super::capacity::page(&found())).unwrap();
}

#[test]
fn what_is_wrong_comes_before_what_is_not_and_is_no_markup() {
    let (mut document, series) = failed();
    let invalid = |reason: Gate| GateResult {
        exit: Exit::Invalid,
        ..gate(reason.as_str(), 0.0, Some(1.0), "", GateState::Fail)
    };
    document.gates.push(invalid(Gate::Early));
    let early = page(&document, &series);
    assert!(early.contains("so a clock is wrong") && !early.contains("the generator was late"));
    document.gates.pop();
    document.gates.push(invalid(Gate::Late));
    let html = page(&document, &series);
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    assert!(place("the generator was late, so no latency") < place("<h1>"));
    assert!(place("✖ lost <span>25 of 120,000 times") < place("✔ skipped"));
    assert!(place("? duplicate effect") < place("✔ skipped"), "what was not looked for is not fine");
    assert!(place("and 24 more") < place("What had to hold"));
    assert!(html.contains("&lt;/code&gt;&lt;script&gt;alert(1)"), "what was found is shown as it was");
    assert!(html.contains("md:match:&lt;b&gt;&amp;1"));
    assert!(place("not measured") < place("✔ held"));
    assert!(html.contains("✖ never"), "an outage from which nothing recovered");
}

#[test]
fn large_figures_have_separators_and_units() {
    let (mut document, series) = passed();
    document.drive.messages_per_second = 12_345.6;
    document.gates = vec![gate("throughput", 12_000.0, Some(12_345.6), "messages/s", GateState::Pass)];
    document.latency[0].micros.insert("max".to_owned(), 12_345_678);
    let html = page(&document, &series);
    for text in [
        "<b>12,346/s</b>",
        ">12,346 messages/s<",
        ">12,000 messages/s<",
        ">12.3 s<",
        "30,000 messages of 16 games",
    ] {
        assert!(html.contains(text), "no {text}");
    }
    assert!(html.contains(">Queues") && html.contains("outbox"), "what waited where has a plot");
}

#[test]
fn a_run_of_which_little_is_known_has_a_page_as_well() {
    let (mut document, _) = passed();
    document.latency.clear();
    document.anomalies.clear();
    document.outages.clear();
    document.processes.clear();
    document.gates.clear();
    let html = page(&document, &Series::default());
    elements(&html);
    assert!(html.contains("Nothing was measured.") && html.contains("Nothing was noted second by second."));
}

#[test]
fn every_line_has_a_colour_of_the_styles() {
    for number in 0..super::plot::COLOURS {
        assert!(super::STYLE.contains(&format!(".c{number} {{")), "c{number}");
    }
}
