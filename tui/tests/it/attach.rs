//! Which stack is looked at: one that is gone stays on the screen and is said to be gone, whatever else is there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::stack::ProcessId;
use tui::attach::Given;
use tui::source::Part;
use tui::watch::Watch;

use crate::program::ingestion;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack of which this process is one, and ingestion is there.
fn record(stacks: &Path, name: &str, ingestion: &str) {
    record_of(stacks, name, &format!(r#"{{"what":"ingestion","url":"{ingestion}"}}"#));
}

fn record_of(stacks: &Path, name: &str, addresses: &str) {
    let folder = stacks.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let ProcessId { pid, started_ticks } = ProcessId::own();
    let record = format!(
        r#"{{"processes":[{{"name":"ingestion","id":{{"pid":{pid},"started_ticks":{started_ticks}}}}}],
            "addresses":[{addresses}]}}"#
    );
    fs::write(folder.join("stack.json"), record).expect("written");
}

fn given(stacks: &Path) -> Given {
    Given { stacks: Some(stacks.to_owned()), ..Given::default() }
}

async fn until_answered(watch: &mut Watch) {
    let answer = async {
        while !watch.model.has_answered() {
            let report = watch.next().await.expect("a report");
            watch.take(report);
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("ingestion answers");
}

#[tokio::test]
async fn another_stack_is_looked_at_only_when_somebody_says_so() {
    let stacks = tempfile::tempdir().expect("a folder");
    record(stacks.path(), "demo-7", &format!("http://{}", ingestion()));
    let mut watch = Watch::start(given(stacks.path()), Duration::from_millis(100)).expect("it starts");
    until_answered(&mut watch).await;

    // The first choice of whoever starts now.
    record(stacks.path(), "up", &format!("http://{}", ingestion()));
    assert!(!watch.look().expect("it looks"));
    assert_eq!((watch.model.stack.as_str(), watch.model.gone.is_some()), ("demo-7 (native)", false));
    assert!(!watch.attach_other().expect("it stays"));

    fs::remove_dir_all(stacks.path().join("demo-7")).expect("removed");
    assert!(!watch.look().expect("it looks"));
    assert_eq!(watch.model.stack.as_str(), "demo-7 (native)");
    let first = &watch.model.warnings()[0];
    assert_eq!(first.place, "demo-7 (native)");
    assert!(first.what.starts_with("gone; `a` turns to up (native)"), "{first:?}");

    assert!(watch.attach_other().expect("it turns"));
    assert_eq!((watch.model.stack.as_str(), watch.model.gone.is_some()), ("up (native)", false));
    until_answered(&mut watch).await;
}

#[tokio::test]
async fn a_stack_that_comes_back_is_looked_at_again_wherever_it_is() {
    let stacks = tempfile::tempdir().expect("a folder");
    record(stacks.path(), "demo-7", &format!("http://{}", ingestion()));
    let mut watch = Watch::start(given(stacks.path()), Duration::from_millis(100)).expect("it starts");
    until_answered(&mut watch).await;
    fs::remove_dir_all(stacks.path().join("demo-7")).expect("removed");
    watch.look().expect("it looks");
    assert!(watch.model.gone.is_some());
    record(stacks.path(), "demo-7", &format!("http://{}", ingestion()));
    assert!(watch.look().expect("it looks"));
    assert!(watch.model.gone.is_none() && !watch.model.has_answered());
    until_answered(&mut watch).await;
}

#[tokio::test]
async fn a_process_that_is_added_is_asked_as_well_and_nothing_is_forgotten() {
    let stacks = tempfile::tempdir().expect("a folder");
    let [one, other] = [ingestion(), ingestion()];
    record(stacks.path(), "up", &format!("http://{one}"));
    let mut watch = Watch::start(given(stacks.path()), Duration::from_millis(100)).expect("it starts");
    until_answered(&mut watch).await;
    let both = format!(
        r#"{{"what":"ingestion","url":"http://{one}"}},{{"what":"ingestion-2","url":"http://{other}"}}"#
    );
    record_of(stacks.path(), "up", &both);
    assert!(!watch.look().expect("it looks"));
    assert!(watch.model.has_answered(), "what is known is kept");
    let answers = async {
        while watch.model.answering(Part::Ingestion).processes < 2 {
            let report = watch.next().await.expect("a report");
            watch.take(report);
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.expect("both answer");
}

#[tokio::test]
async fn where_nothing_ever_answered_the_stack_that_comes_is_taken() {
    let stacks = tempfile::tempdir().expect("a folder");
    record(stacks.path(), "demo-7", "http://127.0.0.1:1");
    let mut watch = Watch::start(given(stacks.path()), Duration::from_millis(100)).expect("it starts");
    record(stacks.path(), "up", &format!("http://{}", ingestion()));
    assert!(watch.look().expect("it looks"));
    assert_eq!(watch.model.stack.as_str(), "up (native)");
}

#[test]
fn the_simulator_is_where_that_of_the_stack_would_listen_unless_it_is_said_where() {
    let stacks = tempfile::tempdir().expect("a folder");
    record(stacks.path(), "up", "http://127.0.0.1:14000");
    let mut given = given(stacks.path());
    assert_eq!(given.find().parts[&Part::Simulator], ["http://127.0.0.1:14004"]);
    given.parts.insert(Part::Simulator, vec!["http://127.0.0.1:9".to_owned()]);
    assert_eq!(given.find().parts[&Part::Simulator], ["http://127.0.0.1:9"]);
}

#[test]
fn a_stack_that_is_named_and_not_there_is_refused() {
    let stacks = tempfile::tempdir().expect("a folder");
    record(stacks.path(), "up", "http://127.0.0.1:1");
    let named = |name: &str| Given { stack: Some(name.to_owned()), ..given(stacks.path()) };
    assert!(named("up").check().is_ok());
    let refused = named("down").check().expect_err("there is none").to_string();
    assert!(refused.starts_with("there is no stack `down` in "), "{refused}");
}
