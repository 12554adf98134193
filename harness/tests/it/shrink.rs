//! `matchday shrink`: a run that fails because of a planted bug is cut down to one game, and the command that it prints fails again.

use std::path::Path;
use std::process::Command;

use harness::bundle;
use harness::case::Kept;
use harness::stack::Stack;

use crate::planted;
use crate::support::guest;
use crate::support::verify::attached;

/// Four games, one of them with something that goes wrong in its feed.
const GAMES: &str = r#"
description = "Games of which one would be enough"
seed = 3
seconds = 6

[sports.hockey]
games = 4
rate = 80

[faults]
duplicate = 2
"#;

/// Runs `matchday` with these arguments at a stack of a test; its exit code, and what was printed.
async fn matchday(stack: &Stack, stacks: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchday"));
    command.args(arguments).args(attached(stack)).env("MATCHDAY_STACKS", stacks);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    (output.status.code().expect("it was not killed"), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_run_is_cut_down_to_one_game_and_fails_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("games.toml"), GAMES).unwrap();
    let stack =
        guest(folder.path().join("stacks"), "shrink", planted::services("settle-wrong-outcome")).await;
    let stacks = folder.path().join("stacks");
    let (scenario, failed, smallest) = (path("games.toml"), path("failed"), path("failed-shrunk"));
    let arguments = ["verify", &scenario, "--clients", "2", "--bundle", &failed];
    let (code, said) = matchday(&stack, &stacks, &arguments).await;
    assert_eq!(code, 10, "{said}");
    let (code, said) = matchday(&stack, &stacks, &["shrink", &failed, "--attempts", "16"]).await;
    assert_eq!(code, 0, "{said}");
    let kept = Kept::load(Path::new(&smallest)).unwrap();
    let tape = kept.recorded.load(Path::new(&smallest)).unwrap();
    let whole = Kept::load(Path::new(&failed)).unwrap().recorded.load(Path::new(&failed)).unwrap();
    assert_eq!((whole.events().len(), whole.faults()), (4, 2));
    assert_eq!((tape.events().len(), tape.faults()), (1, 0), "{said}");
    assert!(tape.len() < whole.len() / 4, "{} messages of {}", tape.len(), whole.len());
    let shrunk = kept.shrunk.unwrap();
    assert_eq!((shrunk.repeated, shrunk.failed), (3, 3), "the bug is in every settlement");
    assert!(
        matches!(&*shrunk.failures, [one] if one.starts_with("settlement wrong in ")),
        "{:?}",
        shrunk.failures
    );
    // As it is printed; the password is where it says that it is.
    let command = said.lines().find_map(|line| line.strip_prefix("To repeat it: matchday ")).expect(&said);
    let again = path("again");
    let script = format!("{} {command} --bundle {again}", env!("CARGO_BIN_EXE_matchday"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("MATCHDAY_STACKS", &stacks).env("MATCHDAY_MYSQL", stack.mysql_url());
    let output = tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(10), "{script}: {said}");
    let (document, _) = bundle::open(Path::new(&again)).unwrap();
    assert_eq!(document.scenario.games, 1);
    let wrong = document.anomalies.iter().filter(|part| part.found > 0);
    assert_eq!(wrong.map(|part| part.kind.as_str()).collect::<Vec<_>>(), ["settlement wrong"]);
    stack.down().await.unwrap();
}

#[test]
fn what_is_no_bundle_is_not_cut_down() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .arg("shrink")
        .arg(folder.path())
        .env("MATCHDAY_STACKS", folder.path().join("stacks"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("verdict.json"), "{said}");
}
