//! Run bundles: found, opened, walked through, compared.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::compare::Change;
use harness::exit::Exit;
use harness::live::LIVE;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui::attach::Given;
use tui::model::Model;
use tui::theme::{Palette, Theme};
use tui::ui::{Effect, Ui};
use tui::watch::Watch;

use crate::bundles::{standing, write};
use crate::stage::{evening, evening_with_runs, screen, two_runs};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks into a folder of stacks, of which there are none.
fn follow(stacks: &Path) -> Watch {
    let given = Given { stacks: Some(stacks.to_owned()), bundles: vec!["none".into()], ..Given::default() };
    Watch::start(given, Duration::from_millis(100)).expect("it starts")
}

async fn until(watch: &mut Watch, is_known: impl Fn(&Model) -> bool) {
    let waiting = async {
        while !is_known(&watch.model) {
            let report = watch.next().await.expect("a report");
            watch.take(report);
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it becomes known");
}

#[tokio::test]
async fn runs_are_listed_as_they_come_and_the_one_that_goes_on_is_told_apart() {
    let stacks = tempfile::tempdir().expect("a folder");
    let runs = stacks.path().join("runs");
    write(&runs.join("one"), "one", true);
    fs::create_dir_all(runs.join("broken")).expect("a folder");
    fs::write(runs.join("broken/verdict.json"), "{").expect("written");
    let mut watch = follow(stacks.path());
    until(&mut watch, |model| model.runs.finished.len() == 1).await;
    let live = runs.join("goes-on");
    fs::create_dir_all(&live).expect("a folder");
    fs::write(live.join(LIVE), serde_json::to_vec(&standing()).expect("JSON")).expect("written");
    until(&mut watch, |model| model.verifying().is_some()).await;
    assert_eq!(watch.model.faults().iter().flatten().filter(|fault| fault.is_past).count(), 2);
    fs::remove_file(live.join(LIVE)).expect("removed");
    write(&live, "goes-on", false);
    until(&mut watch, |model| model.verifying().is_none() && model.runs.finished.len() == 2).await;
    let last = watch.model.runs.last().expect("the newest");
    assert_eq!((last.name.as_str(), last.exit), ("goes-on", Exit::Correctness));
}

#[tokio::test]
async fn what_is_opened_is_read_and_what_is_no_bundle_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    write(&one, "one", true);
    write(&two, "two", false);
    let mut watch = follow(folder.path());
    watch.open_runs(vec![one, two]);
    until(&mut watch, |model| model.runs.compared.is_some()).await;
    let rows = watch.model.runs.compared.clone().expect("compared").expect("of one scenario");
    assert_eq!((rows[0].name.as_str(), rows[0].change), ("anomalies", Change::Worse));
    assert!(rows.iter().any(|row| row.name == "latency at client p99" && row.change == Change::Unknown));
    watch.open_runs(vec![folder.path().to_owned()]);
    until(&mut watch, |model| model.runs.open.iter().any(|open| open.found.is_some())).await;
    let why = watch.model.runs.open[0].found.clone().expect("read").expect_err("no bundle");
    assert!(why.as_str().contains("is no run bundle: no verdict.json"), "{why}");
}

fn press(ui: &mut Ui, model: &Model, keys: &str) {
    for key in keys.chars() {
        ui.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE), model);
    }
}

#[test]
fn a_run_is_scrubbed_through_and_its_faults_are_jumped_to() {
    let runs = two_runs("x");
    let model = evening_with_runs(["a", "b"], &runs[..1]);
    let mut ui = Ui::new(24);
    ui.look_at_runs(vec![runs[0].verdict.folder.clone()]);
    press(&mut ui, &model, "lll");
    assert_eq!(ui.runs.second, 3);
    press(&mut ui, &model, "hhhhh");
    assert_eq!(ui.runs.second, 0);
    press(&mut ui, &model, "G");
    assert_eq!(ui.runs.second, 59);
    press(&mut ui, &model, "g");
    let jumps: Vec<usize> = "nnnnN"
        .chars()
        .map(|key| {
            press(&mut ui, &model, &key.to_string());
            ui.runs.second
        })
        .collect();
    assert_eq!(jumps, [12, 15, 40, 40, 15]);
    ui.press(KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE), &model);
    assert_eq!(ui.runs.second, 12, "a twentieth of its minute");
    press(&mut ui, &model, "jjk");
    assert_eq!(ui.runs.curve, 1);
    let left = ui.press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), &model);
    assert_eq!((left, ui.runs.is_open()), (Effect::OpenRuns(Vec::new()), false));
}

#[test]
fn a_page_with_more_lines_than_the_screen_is_gone_through_to_its_end_and_no_further() {
    let runs = two_runs("x");
    let model = evening_with_runs(["a", "b"], &runs[..1]);
    let mut ui = Ui::new(24);
    ui.look_at_runs(vec![runs[0].verdict.folder.clone()]);
    press(&mut ui, &model, "vv");
    let drawn =
        |ui: &Ui| screen(&model, ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    let repeat = "matchday verify kill-processors --seed 31";
    assert!(drawn(&ui).contains("from due to") && !drawn(&ui).contains(repeat), "{}", drawn(&ui));
    press(&mut ui, &model, &"j".repeat(60));
    assert!(drawn(&ui).contains(repeat), "{}", drawn(&ui));
    press(&mut ui, &model, &"k".repeat(30));
    assert!(drawn(&ui).contains("from due to"), "it is gone no further: {}", drawn(&ui));
    assert_eq!(ui.runs.curve, 0, "that is chosen beside the curves only");
}

#[test]
fn a_run_is_opened_alone_or_beside_the_one_that_is_marked() {
    let model = evening(["a", "b"]);
    let folders: Vec<_> = model.runs.finished.iter().map(|verdict| verdict.folder.clone()).collect();
    let mut ui = Ui::new(24);
    let enter = |ui: &mut Ui| ui.press(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE), &model);
    press(&mut ui, &model, "6");
    assert_eq!(enter(&mut ui), Effect::OpenRuns(vec![folders[0].clone()]));
    ui.press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), &model);
    press(&mut ui, &model, "mj");
    assert_eq!(enter(&mut ui), Effect::OpenRuns(folders.clone()));
    ui.press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), &model);
    press(&mut ui, &model, "km");
    assert_eq!(enter(&mut ui), Effect::OpenRuns(vec![folders[0].clone()]), "the mark is taken back");
}
