//! One process of a stack: how it is started, watched, disturbed and started again.

use super::folder::Folder;
use super::probe::Probe;
use super::process_id::{MARK, ProcessId};
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process has to end by itself once it was asked to.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How long the processes of a stack live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// As long as the process that started them, and not a moment longer: the kernel ends them with it, whatever ended it.
    Attached,
    /// Until `matchday down`.
    Detached,
}

/// What to run, and where.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What is added to its environment.
    pub env: Vec<(String, String)>,
}

/// One process of a stack. The same value stands for it after a restart, with the same ports and the same data.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: Program,
    probe: Probe,
    log: PathBuf,
    folder: PathBuf,
    lifetime: Lifetime,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    id: ProcessId,
}

impl Process {
    /// Starts a program, with its output appended to `<name>.log` in the stack's folder.
    pub(super) fn spawn(
        name: &str,
        program: Program,
        probe: Probe,
        folder: &Folder,
        lifetime: Lifetime,
    ) -> Result<Self> {
        let (log, folder) = (folder.log(name), folder.path().to_owned());
        let running = start(name, &program, &log, &folder, lifetime)?;
        Ok(Self {
            name: name.to_owned(),
            program,
            probe,
            log,
            folder,
            lifetime,
            running: Mutex::new(running),
        })
    }

    /// Its name in the stack: `kafka`, `processors-hockey`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its standard output and standard error are written.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The running process, or the last one if it has ended.
    pub fn id(&self) -> ProcessId {
        self.running().id
    }

    /// Whether it runs, or is paused.
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// The CPU time used since it was last started, in microseconds; `None` when it is not running.
    pub fn cpu_micros(&self) -> Option<u64> {
        self.id().cpu_micros()
    }

    /// Ends it as a crash does (`SIGKILL`) and returns when it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&self) -> Result<()> {
        let mut running = self.running();
        running.child.kill().with_context(|| format!("killing {}", self.name))?;
        running.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Stops its clock (`SIGSTOP`): it keeps its sockets and answers nothing.
    pub fn pause(&self) {
        self.id().signal(Signal::SIGSTOP);
    }

    /// Lets it go on after [`Self::pause`] (`SIGCONT`).
    pub fn resume(&self) {
        self.id().signal(Signal::SIGCONT);
    }

    /// Asks it to end (`SIGTERM`) and waits; it is killed when the grace time is over.
    ///
    /// # Errors
    /// When it had to be killed.
    pub async fn stop(&self) -> Result<ExitStatus> {
        let id = self.id();
        id.signal(Signal::SIGTERM);
        id.signal(Signal::SIGCONT);
        let start = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return Ok(status);
            }
            if start.elapsed() > GRACE {
                self.kill()?;
                bail!("{} had to be killed: it did not end within {GRACE:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Starts it again after it has ended, without waiting for it to be ready.
    ///
    /// # Errors
    /// When it still runs, or cannot be started.
    pub(super) fn start_again(&self) -> Result<()> {
        if self.is_running() {
            bail!("{} still runs", self.name);
        }
        *self.running() = start(&self.name, &self.program, &self.log, &self.folder, self.lifetime)?;
        Ok(())
    }

    /// Waits until it does its work, not only runs.
    ///
    /// # Errors
    /// When it ends first, or is not ready within `deadline`: the last answer it gave and the end of its log.
    pub async fn ready(&self, deadline: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                bail!("{} ended with {status} before it was ready\n{}", self.name, self.log_end());
            }
            let Err(reason) = self.probe.ask().await else { return Ok(()) };
            if start.elapsed() > deadline {
                let waited = deadline.as_secs();
                bail!("{} was not ready within {waited} s: {reason}\n{}", self.name, self.log_end());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn log_end(&self) -> String {
        log_end(&self.log)
    }

    /// `Some` when it has ended; the process table keeps no trace of it after that.
    fn exit_status(&self) -> Option<ExitStatus> {
        self.running().child.try_wait().ok().flatten()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last lines of a log, headed by its name.
pub(super) fn log_end(log: &Path) -> String {
    const LINES: usize = 15;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    // Not its whole path: a stack that failed to start takes its folder with it.
    let name = log.file_name().unwrap_or_default().display();
    let mut shown = format!("the end of {name}:");
    for line in last {
        shown.push_str("\n    ");
        shown.push_str(line);
    }
    if last.is_empty() {
        shown.push_str("\n    (it is empty)");
    }
    shown
}

fn start(name: &str, program: &Program, log: &Path, folder: &Path, lifetime: Lifetime) -> Result<Running> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    // Both wrappers replace themselves by the program, so that the process started is the program's.
    let mut command = match lifetime {
        Lifetime::Attached => {
            let mut command = Command::new("setpriv");
            // A group of its own: Ctrl-C reaches the owner alone, who then ends its stack in order.
            command.args(["--pdeathsig", "KILL", "--"]).process_group(0);
            command
        }
        Lifetime::Detached => Command::new("setsid"),
    };
    command
        .arg(&program.path)
        .args(&program.args)
        .envs(program.env.iter().map(|(key, value)| (key, value)))
        .env(MARK, folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("sharing a log")?)
        .stderr(output);
    let child = spawn(command).with_context(|| format!("starting {name} ({})", program.path.display()))?;
    let id = ProcessId::of(child.id()).with_context(|| format!("{name} ended as it was started"))?;
    Ok(Running { child, id })
}

/// Spawns on a thread that lives as long as this process: the kernel sends the signal of `--pdeathsig` when the *thread* that
/// spawned ends, and the threads of an async runtime come and go.
fn spawn(command: Command) -> io::Result<Child> {
    type Request = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
        let (requests, inbox) = mpsc::channel::<Request>();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in inbox {
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a process that starts others can start a thread");
        requests
    });
    let (answer, result) = mpsc::channel();
    let gone = |_| io::Error::other("the spawning thread is gone");
    SPAWNER.send((command, answer)).map_err(|_| io::Error::other("the spawning thread is gone"))?;
    result.recv().map_err(gone)?
}
