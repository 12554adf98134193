//! One part of a stack, a process of this machine or a container: watched, disturbed and started again.

use super::container::Container;
use super::docker;
use super::folder::RecordedProcess;
use super::native::Native;
use super::probe::Probe;
use super::process_id::ProcessId;
use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a process has to end by itself once it was asked to.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How much of a log is shown where something went wrong.
pub(super) const LOG_LINES: usize = 15;

/// How long the processes of a stack live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// As long as the process that started them, and not a moment longer: the kernel ends them with it, whatever ended it.
    /// Containers follow within seconds.
    Attached,
    /// Until `matchday down`.
    Detached,
}

/// By what another process finds a part of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PartId {
    /// A process of this machine.
    Process(ProcessId),
    /// A container, by its id.
    Container(String),
}

/// One process of a stack. The same value stands for it after a restart, with the same ports and the same data.
#[derive(Debug)]
pub struct Process {
    name: String,
    probe: Probe,
    body: Body,
    /// Whether nobody has ended it since it was started.
    has_to_run: AtomicBool,
}

/// What it runs as.
#[derive(Debug)]
pub(super) enum Body {
    Native(Box<Native>),
    Container(Container),
}

/// How a part of a stack is. What is not known must never be taken for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// It runs, or is paused.
    Alive,
    /// It has ended, or was removed.
    Gone,
    /// It is a container, and its engine does not answer.
    Unknown,
}

impl PartId {
    /// How it is. Blocks while the engine is asked.
    pub fn state(&self) -> PartState {
        Self::states(&[self])[0]
    }

    /// How each of them is, in their order. The engine is asked once for all.
    pub(super) fn states(parts: &[&Self]) -> Vec<PartState> {
        let container = |part: &&Self| match part {
            Self::Container(id) => Some(id.clone()),
            Self::Process(_) => None,
        };
        let containers: Vec<String> = parts.iter().filter_map(container).collect();
        let living = docker::living(&containers.iter().map(String::as_str).collect::<Vec<_>>());
        let known = |is_alive| if is_alive { PartState::Alive } else { PartState::Gone };
        let state = |part: &&Self| match (part, &living) {
            (Self::Process(id), _) => known(id.is_alive()),
            (Self::Container(id), Ok(living)) => known(living.contains(id)),
            (Self::Container(_), Err(_)) => PartState::Unknown,
        };
        parts.iter().map(state).collect()
    }
}

impl Process {
    pub(super) fn new(name: &str, body: Body, probe: Probe) -> Self {
        Self { name: name.to_owned(), probe, body, has_to_run: AtomicBool::new(true) }
    }

    /// Its name in the stack: `kafka`, `processors-hockey`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that it has written to its standard output and standard error; of a container the last lines.
    pub fn log(&self) -> String {
        match &self.body {
            Body::Native(native) => {
                String::from_utf8_lossy(&fs::read(native.log()).unwrap_or_default()).into_owned()
            }
            Body::Container(container) => super::container::log(container.id(), 10_000),
        }
    }

    /// The running process, or the last one if it has ended; of a container, where it runs and its engine is of this machine.
    pub fn id(&self) -> Option<ProcessId> {
        match &self.body {
            Body::Native(native) => Some(native.id()),
            Body::Container(container) => container.process(),
        }
    }

    /// By what the record of the stack knows it.
    pub(super) fn part_id(&self) -> PartId {
        match &self.body {
            Body::Native(native) => PartId::Process(native.id()),
            Body::Container(container) => PartId::Container(container.id().to_owned()),
        }
    }

    /// Whether it runs, or is paused; a container also while its engine does not answer.
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// How it has ended, where nobody has ended it.
    pub fn death(&self) -> Option<String> {
        let status = self.exit_status().filter(|_| self.has_to_run.load(Ordering::Relaxed))?;
        Some(format!("{status}{}", explain(status).unwrap_or_default()))
    }

    /// Notes that it is ended, unless it has ended before.
    fn note_end(&self) {
        if self.is_running() {
            self.has_to_run.store(false, Ordering::Relaxed);
        }
    }

    /// The CPU time used since it was last started, in microseconds; `None` when it is not running, or not on this machine.
    pub fn cpu_micros(&self) -> Option<u64> {
        self.id()?.cpu_micros()
    }

    /// Ends it as a crash does (`SIGKILL`) and returns when it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&self) -> Result<()> {
        self.note_end();
        match &self.body {
            Body::Native(native) => native.kill(),
            Body::Container(container) => container.kill(),
        }
    }

    /// Stops its clock (`SIGSTOP`): it keeps its sockets and answers nothing.
    ///
    /// # Errors
    /// When it is a container, and the engine refuses.
    pub fn pause(&self) -> Result<()> {
        match &self.body {
            Body::Native(native) => native.id().signal(Signal::SIGSTOP),
            Body::Container(container) => container.pause()?,
        }
        Ok(())
    }

    /// Lets it go on after [`Self::pause`] (`SIGCONT`).
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub fn resume(&self) -> Result<()> {
        match &self.body {
            Body::Native(native) => native.id().signal(Signal::SIGCONT),
            Body::Container(container) => container.resume()?,
        }
        Ok(())
    }

    /// Asks it to end (`SIGTERM`) and waits; it is killed when the grace time is over.
    ///
    /// # Errors
    /// When it had to be killed.
    pub async fn stop(&self) -> Result<ExitStatus> {
        self.note_end();
        let status = match &self.body {
            Body::Native(native) => native.stop().await,
            Body::Container(container) => {
                container.stop()?;
                self.exit_status().filter(|status| status.code() != Some(KILLED))
            }
        };
        if let Some(status) = status {
            return Ok(status);
        }
        if self.is_running() {
            self.kill()?;
        }
        bail!("{} had to be killed: it did not end within {GRACE:?}", self.name);
    }

    /// Starts it again after it has ended, without waiting for it to be ready.
    ///
    /// # Errors
    /// When it still runs, or cannot be started.
    pub(super) fn start_again(&self) -> Result<()> {
        if self.is_running() {
            bail!("{} still runs", self.name);
        }
        match &self.body {
            Body::Native(native) => native.start_again(),
            Body::Container(container) => container.start_again(),
        }?;
        self.has_to_run.store(true, Ordering::Relaxed);
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
                let hint = explain(status).unwrap_or_default();
                bail!("{} ended with {status}{hint} before it was ready\n{}", self.name, self.log_end());
            }
            let Err(reason) = self.probe.ask().await else { return Ok(()) };
            if start.elapsed() > deadline {
                let waited = deadline.as_secs();
                bail!("{} was not ready within {waited} s: {reason}\n{}", self.name, self.log_end());
            }
            tokio::time::sleep(self.look_every()).await;
        }
    }

    /// Why it does not do its work at this moment; `None` where it does.
    pub async fn trouble(&self) -> Option<String> {
        if !self.is_running() {
            return Some(format!("{} does not run", self.name));
        }
        self.probe.ask().await.err().map(|reason| format!("{}: {reason}", self.name))
    }

    /// To ask an engine costs it a process.
    fn look_every(&self) -> Duration {
        match &self.body {
            Body::Native(_) => Duration::from_millis(25),
            Body::Container(_) => Duration::from_millis(200),
        }
    }

    fn log_end(&self) -> String {
        match &self.body {
            Body::Native(native) => log_end(native.log()),
            Body::Container(container) => container.log_end(),
        }
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        match &self.body {
            Body::Native(native) => native.exit_status(),
            Body::Container(container) => container.exit_status(),
        }
    }
}

/// The exit code of what was ended by `SIGKILL`, as shells and engines tell it.
pub(super) const KILLED: i32 = 137;

/// What is worth saying of an exit code that says little by itself.
fn explain(status: ExitStatus) -> Option<&'static str> {
    let is_killed = status.code() == Some(KILLED) || status.signal() == Some(Signal::SIGKILL as i32);
    is_killed.then_some(" (killed: by the kernel where memory ran out, else by somebody)")
}

/// The last lines that a recorded part of the stack in `folder` wrote, each ended.
pub(crate) fn part_log(folder: &Path, part: &RecordedProcess, lines: usize) -> String {
    match &part.id {
        PartId::Process(_) => {
            let text = fs::read(folder.join(format!("{}.log", part.name))).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let all: Vec<&str> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].iter().map(|line| format!("{line}\n")).collect()
        }
        PartId::Container(id) => super::container::log(id, lines),
    }
}

/// The last lines of a log, headed by its name.
pub(super) fn log_end(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    // Not its whole path: a stack that failed to start takes its folder with it.
    let name = log.file_name().unwrap_or_default().display();
    log_end_of(&name.to_string(), &String::from_utf8_lossy(&text))
}

/// The last lines of `text`, headed by whose they are.
pub(super) fn log_end_of(whose: &str, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let mut shown = format!("the end of {whose}:");
    for line in last {
        shown.push_str("\n    ");
        shown.push_str(line);
    }
    if last.is_empty() {
        shown.push_str("\n    (it is empty)");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::folder::{Folder, Record};
    use crate::stack::native::Program;
    use crate::stack::stores::StoresKind;

    fn process(folder: &Folder, name: &str, script: &str) -> Process {
        let args = ["-c", script].map(Into::into).to_vec();
        let program = Program { path: "/bin/sh".into(), args, env: Vec::new() };
        let native = Native::spawn(name, program, folder, Lifetime::Attached).unwrap();
        Process::new(name, Body::Native(Box::new(native)), Probe::Service { url: String::new() })
    }

    fn wait_for_the_end(process: &Process) {
        let start = Instant::now();
        while process.is_running() {
            assert!(start.elapsed() < Duration::from_secs(30), "{} does not end", process.name());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn an_end_is_a_death_where_nobody_has_ended_it() {
        let stacks = tempfile::tempdir().unwrap();
        let folder = Folder::of(stacks.path(), "deaths");
        folder.create(&Record::new(Lifetime::Attached, StoresKind::Native)).unwrap();
        let crashing = process(&folder, "crashing", "exit 3");
        wait_for_the_end(&crashing);
        assert_eq!(crashing.death().unwrap(), "exit status: 3");
        crashing.kill().unwrap();
        assert!(crashing.death().is_some(), "what had ended before cannot be ended");

        let lasting = process(&folder, "lasting", "exec sleep 600");
        assert_eq!(lasting.death(), None);
        lasting.kill().unwrap();
        assert_eq!((lasting.is_running(), lasting.death()), (false, None), "it was killed on purpose");
        lasting.start_again().unwrap();
        assert!(lasting.is_running());
        lasting.id().unwrap().signal(Signal::SIGKILL);
        wait_for_the_end(&lasting);
        let death = lasting.death().unwrap();
        assert!(death.starts_with("signal: 9") && death.contains("memory"), "{death}");
    }
}
