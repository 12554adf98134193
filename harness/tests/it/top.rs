//! `matchday top` is the dashboard, a binary of its own.

use std::process::Command;

fn top(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_matchday")).arg("top").args(args).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn top_becomes_the_dashboard_and_hands_on_what_it_was_called_with() {
    let (succeeded, told) = top(&["--help"]);
    assert!(succeeded && told.contains("--ascii") && told.contains("--once"), "{told}");
    let (succeeded, told) = top(&["--version"]);
    assert!(succeeded && told.starts_with("matchday-top "), "{told}");
}
