//! The terminal is given back however the program ends.

use std::env;
use std::process::{Command, Stdio};

use tui::terminal::Taken;

/// Enters and leaves the alternate screen, and shows the cursor.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

#[test]
#[ignore = "the test below runs it in a terminal of its own"]
fn takes_the_terminal_and_panics() {
    let _taken = Taken::take().expect("a terminal");
    panic!("as it must not be");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let own = env::current_exe().expect("this program");
    let test = "--exact terminal::takes_the_terminal_and_panics --ignored --nocapture --test-threads=1";
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{} {test}", own.display()), "/dev/null"]);
    let output = script.stdin(Stdio::null()).output().expect("`script` of util-linux gives it a terminal");
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    let entered = screen.find(ENTER).expect("it takes the terminal");
    let left = screen.find(LEAVE).expect("it gives it back");
    let told = screen.find("as it must not be").expect("it says why it ended");
    assert!(entered < left && left < told, "{screen:?}");
    assert!(!output.status.success());
}
