//! The real program in a real terminal, that of tmux: its screens, its keys, other sizes, its end.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::bundles::write;
use crate::program::{command, ingestion};

/// How long a screen may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// A terminal with a program in it, on a tmux server of its own. Dropped, both are gone.
struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Runs a shell's command line; what it leaves behind stays on the screen.
    fn start(line: &str, (width, height): (u16, u16)) -> Self {
        let terminal = Self { folder: tempfile::tempdir().expect("a folder") };
        let line = format!("echo before; {line}; echo \"ended with $?\"; exec sleep 600");
        let (width, height) = (width.to_string(), height.to_string());
        let started = terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, &line]);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.env("TMUX_TMPDIR", self.folder.path()).env_remove("TMUX").args(["-f", "/dev/null"]);
        tmux.args(args).output().expect("tmux runs")
    }

    fn press(&self, keys: &[&str]) {
        let pressed = self.tmux(&[&["send-keys"], keys].concat());
        assert!(pressed.status.success(), "{pressed:?}");
    }

    fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        let resized = self.tmux(&["resize-window", "-x", &width, "-y", &height]);
        assert!(resized.status.success(), "{resized:?}");
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// The screen as soon as it shows all of this.
    fn until(&self, wanted: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted.iter().all(|wanted| screen.contains(wanted)) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {wanted:?} in\n{screen}");
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Fails where there is no terminal to be had.
fn need_tmux() {
    let found = Command::new("tmux").arg("-V").output();
    assert!(found.is_ok(), "there is no tmux: `harness/services/install-debian.sh --tmux` installs it");
}

/// The program's command line, in front of an ingestion and of one finished run.
fn line(stacks: &Path) -> String {
    write(&stacks.join("runs/kill-processors-31"), "kill-processors-31", true);
    let program = command(&format!("http://{}", ingestion()), stacks);
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().expect("text")));
    format!("COLORTERM= NO_COLOR= LC_ALL=C.UTF-8 {}", quoted.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_person_finds_their_way_through_the_program_and_gets_the_terminal_back() {
    need_tmux();
    let stacks = tempfile::tempdir().expect("a folder");
    let terminal = Terminal::start(&line(stacks.path()), (120, 40));
    let first = terminal.until(&["1 Pipeline", "✖ DOWN      processors", "● ok        ingestion"]);
    assert!(!first.contains("before"), "it has a screen of its own: {first}");
    terminal.press(&["?"]);
    terminal.until(&["show or hide these keys"]);
    terminal.press(&["?", "6"]);
    terminal.until(&[" 1 run\n", "● pass         kill-processors-31"]);
    terminal.press(&["Enter"]);
    terminal.until(&["PASS: 30,000 messages accepted", "wait: feed", "faults, outages"]);
    terminal.press(&["n", "n"]);
    terminal.until(&["now: kill processors-hockey"]);
    terminal.press(&["v", "v"]);
    terminal.until(&["to the client", "hockey.rec"]);
    terminal.resize(70, 20);
    terminal.until(&["70x20 characters, the dashboard needs 80x24"]);
    terminal.resize(200, 60);
    terminal.until(&["faults, outages", "to the client"]);
    terminal.press(&["Escape"]);
    terminal.until(&[" 1 run\n"]);
    terminal.press(&["Tab"]);
    terminal.until(&["lines of all parts"]);
    terminal.press(&["/", "q", "C-c"]);
    let last = terminal.until(&["before", "ended with 0"]);
    assert!(!last.contains("Pipeline"), "{last}");
}

#[test]
fn no_colour_is_drawn_where_none_is_wanted() {
    need_tmux();
    let stacks = tempfile::tempdir().expect("a folder");
    let program = line(stacks.path());
    let coloured = |program: &str| {
        let terminal = Terminal::start(program, (80, 24));
        terminal.until(&["DOWN"]);
        let screen = terminal.tmux(&["capture-pane", "-p", "-e"]).stdout;
        let screen = String::from_utf8_lossy(&screen).into_owned();
        // Select Graphic Rendition 30 to 37, 90 to 97 and 38 choose a colour.
        screen.split("\u{1b}[").skip(1).any(|sequence| {
            let numbers = sequence.split_once('m').map_or("", |(numbers, _)| numbers);
            numbers
                .split(';')
                .filter_map(|number| number.parse().ok())
                .any(|number: u8| (30..38).contains(&number) || (90..98).contains(&number) || number == 38)
        })
    };
    assert!(coloured(&program));
    assert!(!coloured(&program.replace("NO_COLOR=", "NO_COLOR=1")));
}
