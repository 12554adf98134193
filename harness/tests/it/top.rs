//! `matchday top` is the dashboard, a binary of its own: found, handed its arguments, driven in a terminal before a running stack,
//! and asked of one whose Kafka is slow.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use domain::Sport;
use harness::stack::{Flow, KAFKA, Link, Stack, StackConfig, StoresChoice, own_binary, pipeline};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::event::{Event, PATIENCE, served};
use crate::support::{self, until};

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

    /// The same, until this is not on the screen any more.
    async fn press_away(&self, key: &str, unwanted: &str, wanted: &[&str]) {
        self.shows(&[unwanted]).await;
        assert!(self.tmux(&["send-keys", key]).status.success(), "{key}");
        self.shows_but(unwanted, wanted).await;
    }

    async fn shows(&self, wanted: &[&str]) {
        self.shows_but("\0", wanted).await;
    }

    async fn shows_but(&self, unwanted: &str, wanted: &[&str]) {
        let mut screen = String::new();
        let shown = until("the screen", PATIENCE, async || {
            screen = String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned();
            Ok(!screen.contains(unwanted) && wanted.iter().all(|wanted| screen.contains(wanted)))
        });
        let shown = shown.await;
        assert!(shown.is_ok(), "no {wanted:?}, or {unwanted:?}, in\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// A simulator that takes orders and plays hockey. Dropped, it ends.
struct Simulator {
    process: Child,
    url: String,
}

impl Simulator {
    fn start(stack: &Stack) -> Self {
        let mut command = Command::new(own_binary("simulator").unwrap());
        command.args([
            "serve",
            "--scenario",
            "steady-hockey",
            "--endless",
            "--listen",
            "127.0.0.1:0",
            "--to",
        ]);
        let mut process = command.arg(stack.ingestion_url().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("control at ").and_then(|rest| rest.split(',').next());
        Self { url: url.unwrap_or_else(|| panic!("no address in {line}")).to_owned(), process }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the dashboard is called with to look at this stack.
fn arguments(stack: &Stack) -> [String; 6] {
    let (stacks, name) = (stack.folder().parent().unwrap(), stack.folder().file_name().unwrap());
    let (stacks, name) = (stacks.to_str().unwrap(), name.to_str().unwrap());
    ["--stacks", stacks, "--stack", name, "--topic-prefix", &stack.topics().to_string()].map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_terminal_every_view_and_key_works_before_a_running_stack() {
    let found = Command::new("tmux").arg("-V").output();
    assert!(found.is_ok(), "there is no tmux: `harness/services/install-debian.sh --tmux` installs it");
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(folder.path().join("stacks"), "top").await;
    let event = Event::begin(&stack, "md:match:top").await;
    served(&stack, &event).await.unwrap();
    let simulator = Simulator::start(&stack);
    let quoted = arguments(&stack).map(|argument| format!("'{argument}'")).join(" ");
    let (program, simulator) = (env!("CARGO_BIN_EXE_matchday"), &simulator.url);
    let line = format!("LC_ALL=C.UTF-8 '{program}' top {quoted} --simulator {simulator}");
    let terminal = Terminal::start(&format!("echo before; {line}; echo \"ended with $?\"; exec sleep 600"));

    terminal.shows(&["1 Pipeline", "top-", "distribution", "hockey"]).await;
    terminal.press("?", &["show or hide these keys", "What the figures say"]).await;
    terminal.press_away("?", "What the figures say", &["feed topics"]).await;
    terminal.press("w", &["attention, the worst first"]).await;
    terminal.press_away("Escape", "attention, the worst first", &["feed topics"]).await;

    terminal.press("2", &["live games, by sport and name", "Home", "Away"]).await;
    terminal.press("s", &["live games, by how far they are"]).await;
    terminal.press("/", &["Enter keeps it, Esc drops it"]).await;
    terminal.press("md:match:top", &["/ md:match:top"]).await;
    terminal.press("Enter", &["1 of ", "only \"md:match:top\""]).await;
    terminal.press("Enter", &["1 market ", "version 3", "3 updates"]).await;
    terminal.press("l", &["incidents"]).await;
    terminal.press("Escape", &["live games"]).await;

    terminal.press("3", &["topics, by name", "committed"]).await;
    terminal.press("4", &["sockets open"]).await;
    terminal.press("5", &["the simulator plays", "playing"]).await;
    terminal.press("b", &["times as fast for 10 s: done"]).await;
    terminal.press("c", &["Tell the simulator to", "end what is played"]).await;
    terminal.press("G", &["end what is played"]).await;
    terminal.press("Enter", &["Really end what is played? y: yes, n: no"]).await;
    terminal.press_away("n", "Really end", &["Tell the simulator to"]).await;
    terminal.press("Enter", &["Really end what is played?"]).await;
    terminal.press("y", &["to end what is played: done"]).await;
    terminal.press("6", &["0 runs"]).await;
    terminal.press("7", &["lines of all parts"]).await;
    terminal.press("Space", &["PAUSED"]).await;
    terminal.press_away("Space", "PAUSED", &["following"]).await;
    terminal.press("q", &["before", "ended with 0"]).await;
    // Nothing of the screen that it had is left, and what is typed is seen again.
    let left = terminal.tmux(&["capture-pane", "-p"]).stdout;
    assert!(!String::from_utf8_lossy(&left).contains("Pipeline"));
    let modes = terminal.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).stdout;
    assert_eq!(String::from_utf8_lossy(&modes).trim(), "0 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_known_however_slowly_kafka_answers() {
    let folder = tempfile::tempdir().unwrap();
    let link = Link { from: "dashboard".to_owned(), to: KAFKA.to_owned() };
    let config = support::config(folder.path().join("stacks"), "slow");
    // What each way to Kafka needs, containers cannot have.
    let config = StackConfig { links: vec![link.clone()], stores: StoresChoice::Native, ..config };
    let stack = Box::pin(Stack::up(config, pipeline(&[Sport::Hockey]))).await.unwrap();
    let event = Event::begin(&stack, "md:match:slow").await;
    served(&stack, &event).await.unwrap();
    let proxy = stack.proxy(&link).unwrap();
    proxy.set(Flow::Slow(Duration::from_millis(1_500)));
    let mut top = Command::new(own_binary("matchday-top").unwrap());
    top.args(arguments(&stack)).args(["--json", "--kafka", &format!("127.0.0.1:{}", proxy.port())]);
    let mut top = top.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(top.stdout.take().unwrap()).lines();
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let mut topics = told["topics"].as_array().unwrap().iter();
        if topics
            .any(|topic| topic["topic"] == stack.topics().feed(Sport::Hockey) && topic["lag"].is_number())
        {
            break;
        }
        assert!(Instant::now() < deadline, "{told}");
    }
    top.kill().unwrap();
    top.wait().unwrap();
}
