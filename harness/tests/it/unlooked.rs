//! A store that is gone by the time a run is judged takes back nothing that was found until then.

use std::process::Command;

use harness::attempt::{Attempt, Home};
use harness::bundle;
use harness::case::{Asked, Case};
use harness::exit::Exit;
use harness::run::Step;
use harness::site::Site;
use harness::stack::{DATABASE, DatabaseChoice, Project, StoresChoice};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_before_a_store_was_gone_is_in_the_bundle() {
    let stores = StoresChoice::of_environment().unwrap();
    if stores == StoresChoice::Containers {
        return println!("skipped: a database in a container is no process of this machine's");
    }
    let folder = tempfile::tempdir().unwrap();
    let home = Home {
        project: Project::find().unwrap(),
        stacks: folder.path().join("stacks"),
        stores: StoresChoice::Native,
        database: DatabaseChoice::of_environment().unwrap(),
        up: "up",
    };
    let case = Case::of(Asked::load("steady-hockey", Some(5), Some(6)).unwrap(), None).unwrap();
    let stack = Box::pin(case.start(&home, None, |_| {})).await.unwrap();
    let site = Site::of(&stack).unwrap();
    let attempt = Attempt { case: &case, site: &site, recoveries: None, clients: 2 };
    let hear = |step: Step| {
        if matches!(step, Step::Judging) {
            let (_, id) = site.processes().into_iter().find(|(name, _)| name == DATABASE).unwrap();
            let killed = Command::new("kill").args(["-9", &id.pid.to_string()]).status().unwrap();
            assert!(killed.success());
        }
    };
    let attempted = Box::pin(attempt.go(hear)).await.unwrap();
    let bundle = folder.path().join("bundle");
    let document = attempt.write(&attempted, &bundle, "matchday verify".to_owned()).unwrap();
    let said = &document.verdict;
    assert_eq!((said.exit, said.exit_code), (Exit::Environment, 14), "{said:?}");
    assert!(said.unlooked.is_some() && said.summary.starts_with("ENVIRONMENT: "), "{said:?}");
    assert!(said.holds.contains(&Exit::Inconclusive), "what nobody could look at: {said:?}");
    let feed = document.places.iter().find(|part| part.place == "feed topic").unwrap();
    assert!(feed.compared > 0 && feed.differ == 0, "{feed:?}");
    // A fraction may lose its last digit when it is read.
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(bundle::open(&bundle).unwrap().0, serde_json::from_str(&text).unwrap());
}
