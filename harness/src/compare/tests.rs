use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::*;
use crate::bundle::{GateResult, GateState, Since};

fn figure(before: &[f64], after: &[f64]) -> Figure {
    let runs = before.len() + after.len();
    Figure { before: before.to_vec(), after: after.to_vec(), runs, ..Figure::default() }
}

fn change_of(figure: Figure, noise: Option<f64>) -> Change {
    judged(&BTreeMap::from([("it".to_owned(), figure)]), noise, true)[0].change
}

#[test]
fn a_difference_counts_only_beyond_what_repeating_makes() {
    let change = |before: &[f64], after: &[f64], noise| change_of(figure(before, after), noise);
    let (low, high) = ([10.0, 10.4, 10.2, 9.9, 10.1], [12.5, 12.9, 12.6, 12.4, 12.8]);
    assert_eq!(change(&low, &high, None), Change::Worse);
    assert_eq!(change(&high, &low, None), Change::Better);
    assert_eq!(
        change(&low, &[9.0, 14.0, 10.5, 13.0, 10.0], None),
        Change::Same,
        "its repeats are as far apart"
    );
    assert_eq!(change(&low, &low.map(|value| value * 1.04), None), Change::Same, "of no account");
    assert_eq!(
        change(&low[..3], &high[..3], None),
        Change::Unknown,
        "three repeats say too little of the noise"
    );
    assert_eq!(change(&[10.0], &[14.0], None), Change::Unknown, "nothing says how much is noise");
    assert_eq!(change(&[10.0], &[14.0], Some(0.1)), Change::Worse);
    assert_eq!(change(&[10.0], &[10.9], Some(0.1)), Change::Same);
    assert_eq!(change(&[10.0], &[10.1], None), Change::Same);
    let throughput = Figure { is_gain: true, ..figure(&high, &low) };
    assert_eq!(change_of(throughput, None), Change::Worse, "less of it is worse");
}

#[test]
fn one_run_with_an_anomaly_is_one_too_many() {
    let anomalies =
        |before: &[f64], after: &[f64]| change_of(Figure { is_exact: true, ..figure(before, after) }, None);
    assert_eq!(anomalies(&[0.0], &[1.0]), Change::Worse);
    assert_eq!(anomalies(&[0.0; 5], &[0.0, 0.0, 1.0, 0.0, 0.0]), Change::Worse, "the median says nothing");
    assert_eq!(anomalies(&[2.0, 0.0], &[0.0]), Change::Better);
    assert_eq!(anomalies(&[0.0], &[0.0]), Change::Same);
}

#[test]
fn what_is_next_to_nothing_on_both_sides_is_the_same() {
    let figure = Figure { least: 1.0, ..figure(&[0.0, 0.2, 0.1, 0.0, 0.0], &[0.9, 0.8, 0.9, 0.7, 0.9]) };
    assert_eq!(change_of(figure, None), Change::Same);
}

/// Bundles on disk.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, edit: impl FnOnce(&mut Document)) -> PathBuf {
        let (mut document, series) = crate::page::tests::passed();
        document.name = name.replace('/', "-");
        edit(&mut document);
        let bundle = self.0.path().join(name);
        fs::create_dir_all(&bundle).unwrap();
        fs::write(bundle.join(VERDICT), serde_json::to_vec(&document).unwrap()).unwrap();
        fs::write(bundle.join(bundle::SERIES), serde_json::to_vec(&series).unwrap()).unwrap();
        bundle
    }

    /// A run of this latency at the client.
    fn run(&self, name: &str, p99: u64) -> PathBuf {
        self.write(name, |document| set_p99(document, p99))
    }

    fn compare(&self, before: &str, after: &str) -> (Result<Exit>, String) {
        let said = RefCell::new(String::new());
        let at = |name: &str| Path::join(self.0.path(), name);
        let args = CompareArgs { before: at(before), after: at(after), noise: None, any_machine: false };
        let exit = compare(&args, |line| {
            said.borrow_mut().push_str(line);
            said.borrow_mut().push('\n');
        });
        (exit, said.into_inner())
    }
}

fn set_p99(document: &mut Document, p99: u64) {
    let client = document.latency.iter_mut().find(|part| part.hop == "at_client").unwrap();
    client.micros.insert("p99".to_owned(), p99);
}

#[test]
fn bundles_are_compared_with_their_repeats() {
    let shelf = Shelf::new();
    for (run, p99) in [(1, 200_000), (2, 210_000), (3, 205_000), (4, 202_000), (5, 207_000)] {
        shelf.run(&format!("before/{run}"), p99);
        shelf.run(&format!("after/{run}"), p99 * 2);
    }
    let exit = |before: &str, after: &str| shelf.compare(before, after).0.unwrap();
    assert_eq!(exit("before", "before"), Exit::Pass);
    let (found, said) = shelf.compare("before", "after");
    assert_eq!(found.unwrap(), Exit::Regression);
    let line = said.lines().find(|line| line.contains("WORSE")).unwrap();
    assert!(line.contains("latency at client p99") && line.contains("+100.0%"), "{said}");
    assert_eq!(exit("after", "before"), Exit::Pass, "better is no regression");
    let (found, said) = shelf.compare("before/1", "after/1");
    assert_eq!(found.unwrap(), Exit::Inconclusive, "nothing says how much is noise");
    assert!(
        said.contains("1 runs before and 1 after are too few") && said.contains("at least 5 times"),
        "{said}"
    );
}

#[test]
fn what_is_not_of_the_same_run_is_refused_or_said() {
    let shelf = Shelf::new();
    shelf.run("one", 200_000);
    type Edit = (&'static str, fn(&mut Document), &'static str);
    let edits: [Edit; 5] = [
        ("other", |document| document.scenario.name = "ramp".to_owned(), "their scenarios are"),
        ("longer", |document| document.scenario.seconds *= 2.0, "they last, in seconds, 60 and 120"),
        ("faster", |document| document.scenario.messages *= 2, "30000 and 60000 messages"),
        ("bigger", |document| document.scenario.games += 1, "so many games"),
        ("watched", |document| document.places.push(document.places[1].clone()), "so many clients looked"),
    ];
    for (name, edit, why) in edits {
        shelf.write(name, edit);
        let error = shelf.compare("one", name).0.unwrap_err().to_string();
        assert!(error.contains("cannot be compared") && error.contains(why), "{name}: {error}");
    }
    shelf.write("elsewhere", |document| {
        document.versions.machine = "Linux 6.1, 64 processors".to_owned();
        set_p99(document, 100_000);
    });
    let (exit, said) = shelf.compare("one", "elsewhere");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    assert!(said.contains("another machine") && !said.contains("better"), "{said}");
    shelf.write("late", |document| document.verdict.holds = vec![Exit::Invalid]);
    let (exit, said) = shelf.compare("one", "late");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    let folder = shelf.0.path().join("late");
    let why = format!("`{}` is left out, but what is wrong in it: its generator was late", folder.display());
    assert!(said.contains(&why), "{said}");
}

#[test]
fn what_one_side_lacks_is_no_pass() {
    let shelf = Shelf::new();
    for run in 1..=5 {
        shelf.run(&format!("before/{run}"), 200_000);
        shelf.write(&format!("less/{run}"), |document| {
            document.latency.retain(|part| part.hop != "at_client" || part.since != Since::Due);
        });
    }
    let (exit, said) = shelf.compare("before", "less");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    assert!(said.contains("one side has not measured") && said.contains("latency at client p99"), "{said}");
}

#[test]
fn what_never_recovers_and_a_gate_of_correctness_that_fails_are_worse() {
    let shelf = Shelf::new();
    let gate = |state| GateResult {
        name: "not all arrived".to_owned(),
        limit: 0.0,
        found: Some(0.0),
        unit: String::new(),
        state,
        exit: Exit::Correctness,
    };
    shelf.write("one", |document| document.gates.push(gate(GateState::Pass)));
    shelf.write("stuck", |document| {
        document.gates.push(gate(GateState::Pass));
        document.outages[0].recovered_after_micros = None;
    });
    shelf.write("short", |document| document.gates.push(gate(GateState::Fail)));
    for (name, worse) in [("stuck", "outages never recovered from"), ("short", "failed: not all arrived")] {
        let (exit, said) = shelf.compare("one", name);
        assert_eq!(exit.unwrap(), Exit::Regression, "{said}");
        let line = said.lines().find(|line| line.contains("WORSE")).unwrap();
        assert!(line.contains(worse), "{said}");
    }
    shelf.write("blind", |document| document.verdict.holds = vec![Exit::Environment, Exit::Correctness]);
    let (exit, said) = shelf.compare("one", "blind");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    assert!(
        said.contains("blind` is left out, but what is wrong in it: not all could be looked at"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_in_a_run_counts_also_where_its_times_do_not() {
    let shelf = Shelf::new();
    for run in 1..=2 {
        shelf.write(&format!("before/{run}"), |_| {});
        shelf.write(&format!("after/{run}"), |_| {});
        shelf.write(&format!("late/{run}"), |_| {});
    }
    assert_eq!(shelf.compare("before", "after").0.unwrap(), Exit::Pass);
    shelf.write("late/3", |document| document.verdict.holds = vec![Exit::Invalid]);
    assert_eq!(shelf.compare("before", "late").0.unwrap(), Exit::Pass, "it says nothing of times");
    shelf.write("late/4", |document| {
        document.verdict.holds = vec![Exit::Correctness, Exit::Invalid];
        document.anomalies[0].found = 3;
    });
    let (exit, said) = shelf.compare("before", "late");
    assert_eq!(exit.unwrap(), Exit::Regression, "{said}");
    assert!(said.lines().any(|line| line.contains("WORSE") && line.contains("anomalies")), "{said}");
}

#[test]
fn fewer_anomalies_of_one_kind_make_up_for_none_of_another() {
    let shelf = Shelf::new();
    let found = |name: &str, counts: [u64; 2]| {
        shelf.write(name, |document| {
            document.anomalies.iter_mut().zip(counts).for_each(|(part, count)| part.found = count);
        });
    };
    found("before", [0, 136]);
    found("other", [100, 0]);
    found("fewer", [0, 100]);
    let (exit, said) = shelf.compare("before", "other");
    assert_eq!(exit.unwrap(), Exit::Regression, "{said}");
    let (exit, said) = shelf.compare("before", "fewer");
    assert_eq!(exit.unwrap(), Exit::Pass, "{said}");
}

#[test]
fn where_several_hold_all_are_said_and_the_weightiest_is_the_exit_code() {
    let shelf = Shelf::new();
    shelf.run("before", 200_000);
    shelf.write("after", |document| {
        document.anomalies[0].found = 3;
        set_p99(document, 400_000);
    });
    let (exit, said) = shelf.compare("before", "after");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    for named in ["too few, or on different machines", "They are latency at client p99", "REGRESSION: worse"]
    {
        assert!(said.contains(named), "{said}");
    }
    shelf.write("late", |document| {
        document.verdict.holds = vec![Exit::Correctness, Exit::Invalid];
        document.anomalies[0].found = 3;
    });
    let (exit, said) = shelf.compare("before", "late");
    assert_eq!(exit.unwrap(), Exit::Inconclusive, "{said}");
    assert!(said.contains("no run is left") && said.contains("REGRESSION: worse"), "{said}");
}

#[test]
fn runs_of_one_side_after_those_of_the_other_are_said_to_be_so() {
    let shelf = Shelf::new();
    for run in 1..=2 {
        for (side, at) in [("before", 0), ("after", 10), ("turns", run * 10 - 15)] {
            shelf.write(&format!("{side}/{run}"), |document| document.started_at += at + run);
        }
    }
    let is_said = |after: &str| shelf.compare("before", after).1.contains("Repeat them in turns");
    assert!(is_said("after") && !is_said("turns"));
}

#[test]
fn a_bundle_is_opened_and_drawn_anew() {
    let shelf = Shelf::new();
    let bundle = shelf.run("drawn", 1);
    let (document, series) = bundle::open(&bundle).unwrap();
    bundle::draw(&bundle, &document, &series).unwrap();
    assert!(bundle.join(bundle::REPORT).is_file() && bundle.join("latency-due-at_client.hgrm").is_file());
    let error = bundle::open(shelf.0.path()).unwrap_err().to_string();
    assert!(error.contains("is no run bundle: no verdict.json"), "{error}");
}
