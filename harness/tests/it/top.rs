//! `matchday top` is the dashboard, a binary of its own: found, handed its arguments, and driven in a terminal before a running stack.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::event::{Event, PATIENCE, served};
use crate::support::{shared_stack, until};

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

/// A terminal with a program in it, on a tmux server of its own. Dropped, both are gone.
struct Terminal(TempDir);

impl Terminal {
    fn start(line: &str) -> Self {
        let terminal = Self(tempfile::tempdir().unwrap());
        let started = terminal.tmux(&["new-session", "-d", "-x", "160", "-y", "50", line]);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.env("TMUX_TMPDIR", self.0.path()).env_remove("TMUX").args(["-f", "/dev/null"]);
        tmux.args(args).output().unwrap()
    }

    /// Presses a key and waits until the screen shows all of this.
    async fn press(&self, key: &str, wanted: &[&str]) {
        assert!(self.tmux(&["send-keys", key]).status.success(), "{key}");
        self.shows(wanted).await;
    }

    async fn shows(&self, wanted: &[&str]) {
        let mut screen = String::new();
        let shown = until("the screen", PATIENCE, async || {
            screen = String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned();
            Ok(wanted.iter().all(|wanted| screen.contains(wanted)))
        });
        let shown = shown.await;
        assert!(shown.is_ok(), "no {wanted:?} in\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_terminal_it_shows_what_passes_through_a_running_stack() {
    if Command::new("tmux").arg("-V").output().is_err() {
        println!("SKIPPED: there is no tmux.");
        return;
    }
    let stack = shared_stack().await;
    let event = Event::begin(stack, "md:match:top").await;
    served(stack, &event).await.unwrap();
    let (stacks, name) = (stack.folder().parent().unwrap(), stack.folder().file_name().unwrap());
    let (stacks, name) = (stacks.to_str().unwrap(), name.to_str().unwrap());
    let program = env!("CARGO_BIN_EXE_matchday");
    let line = format!(
        "LC_ALL=C.UTF-8 '{program}' top --stacks '{stacks}' --stack '{name}' --topic-prefix '{}'",
        stack.topics()
    );
    let terminal = Terminal::start(&format!("{line}; echo \"ended with $?\"; exec sleep 600"));
    terminal.shows(&[name, "distribution", "hockey"]).await;
    terminal.press("2", &["Home", "Away"]).await;
    terminal.press("3", &["topics, by name", "committed"]).await;
    terminal.press("4", &["sockets open"]).await;
    terminal.press("7", &["lines of all parts"]).await;
    terminal.press("q", &["ended with 0"]).await;
}
