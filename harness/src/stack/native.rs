//! A program that runs as a process of this machine: how it is spawned, signalled and waited for.

use super::folder::Folder;
use super::process::{GRACE, Lifetime};
use super::process_id::{MARK, ProcessId};
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

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

/// A program and the process that runs it, or ran it last.
#[derive(Debug)]
pub(super) struct Native {
    name: String,
    program: Program,
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

impl Native {
    /// Starts a program, with its output appended to `<name>.log` in the stack's folder.
    pub(super) fn spawn(name: &str, program: Program, folder: &Folder, lifetime: Lifetime) -> Result<Self> {
        let (log, folder) = (folder.log(name), folder.path().to_owned());
        let running = start(name, &program, &log, &folder, lifetime)?;
        Ok(Self { name: name.to_owned(), program, log, folder, lifetime, running: Mutex::new(running) })
    }

    /// Where its standard output and standard error are written.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// The running process, or the last one if it has ended.
    pub(super) fn id(&self) -> ProcessId {
        self.running().id
    }

    /// Ends it as a crash does, and returns when it is gone.
    pub(super) fn kill(&self) -> Result<()> {
        let mut running = self.running();
        running.child.kill().with_context(|| format!("killing {}", self.name))?;
        running.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Asks it to end, and waits; `None` where it did not within the grace time.
    pub(super) async fn stop(&self) -> Option<ExitStatus> {
        let id = self.id();
        id.signal(Signal::SIGTERM);
        id.signal(Signal::SIGCONT);
        let start = Instant::now();
        while start.elapsed() <= GRACE {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// Starts it again after it has ended.
    pub(super) fn start_again(&self) -> Result<()> {
        *self.running() = start(&self.name, &self.program, &self.log, &self.folder, self.lifetime)?;
        Ok(())
    }

    /// `Some` when it has ended; the process table keeps no trace of it after that.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        self.running().child.try_wait().ok().flatten()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
