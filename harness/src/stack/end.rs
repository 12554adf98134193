//! Ends stacks: one's own, a detached one, and what a crash left behind.

use super::condition::Condition;
use super::docker;
use super::folder::{self, Folder, RUNS};
use super::process::{GRACE, PartId};
use super::process_id::{ProcessId, marked};
use super::stores::StoresKind;
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// What ending a stack came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many processes and containers were ended, in whichever way.
    pub processes: usize,
    /// The services that did not end within their grace time and were killed.
    pub killed: Vec<String>,
}

/// Ends the stack `name` among `stacks`, every stack there that its owner left behind, and every container whose stack lay
/// there; nothing is left of them on disk. `None` when there was nothing to end. Blocks.
///
/// # Errors
/// When a process does not end even when killed, the engine does not say that containers are gone, or a folder cannot be
/// removed.
pub fn down(stacks: &Path, name: &str) -> Result<Option<Ended>> {
    if !stacks.exists() && strays(stacks).is_empty() {
        return Ok(None);
    }
    let _lock = folder::lock(stacks)?;
    let folder = Folder::of(stacks, name);
    let mut ended = if folder.path().exists() { Some(end(&folder)?) } else { None };
    sweep(stacks)?;
    for stray in strays(stacks) {
        ended.get_or_insert_default().processes += docker::remove(&stray)?;
    }
    remove_if_empty(stacks);
    Ok(ended)
}

/// The folders of stacks that containers name and that are no longer among `stacks`; none where no engine answers.
fn strays(stacks: &Path) -> BTreeSet<PathBuf> {
    let folders = docker::every_container().unwrap_or_default().into_iter().map(|(_, folder)| folder);
    folders.filter(|folder| folder.parent() == Some(stacks) && !folder.exists()).collect()
}

/// Ends one stack and leaves the others alone. Blocks.
pub(super) fn end_one(stacks: &Path, folder: &Folder) -> Result<Ended> {
    let _lock = folder::lock(stacks)?;
    let ended = end(folder)?;
    remove_if_empty(stacks);
    Ok(ended)
}

/// Removes the folder of all stacks unless another stack still lives in it. The caller holds the lock.
fn remove_if_empty(stacks: &Path) {
    let _ = fs::remove_dir(stacks);
}

/// Ends what no living process needs any more. What the engine would have to remove first stays until it answers. The caller
/// holds the lock.
pub(super) fn sweep(stacks: &Path) -> Result<()> {
    let entries = fs::read_dir(stacks).with_context(|| format!("reading {}", stacks.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", stacks.display()))?;
        let folder = Folder::of(stacks, &entry.file_name().to_string_lossy());
        // What is known of runs is kept: it is no stack.
        if entry.file_name() == RUNS || !entry.path().is_dir() || folder.condition() != Condition::LeftOver {
            continue;
        }
        if !may_have_containers(&folder) || docker::engine().is_some() {
            end(&folder)?;
        }
    }
    Ok(())
}

/// Whether the engine may have containers of a stack: they come after its record and go before it. A record that cannot be
/// read may tell of some where there is a command line to start them with.
fn may_have_containers(folder: &Folder) -> bool {
    match folder.read() {
        Some(record) => record.stores == StoresKind::Containers,
        None => folder.has_record() && docker::program().is_ok(),
    }
}

/// Ends every process of a stack and removes its folder. Blocks.
///
/// Services are asked, the last one started first, and have their grace time. Stores are killed: their data goes with them.
fn end(folder: &Folder) -> Result<Ended> {
    let mut ended = Ended::default();
    let living = marked(folder.path());
    let may_have_containers = may_have_containers(folder);
    let services = folder.read().map(|record| record.processes).unwrap_or_default();
    for service in services.into_iter().rev().filter(|process| process.is_service) {
        let PartId::Process(id) = service.id else { continue };
        // The mark is asked as well as the record: after a restart of the machine numbers and times begin anew.
        if !living.contains(&id) {
            continue;
        }
        id.signal(Signal::SIGTERM);
        id.signal(Signal::SIGCONT);
        if id.wait_gone(GRACE) {
            ended.processes += 1;
        } else {
            ended.killed.push(service.name);
        }
    }
    ended.processes += kill_all(folder.path())?;
    if may_have_containers {
        // By the folder they are found again, so it stays for as long as they may be there.
        ended.processes += docker::remove(folder.path()).with_context(|| {
            format!(
                "the containers of {} may still be there: end it again when Docker answers",
                folder.path().display()
            )
        })?;
    }
    remove(folder.path())?;
    Ok(ended)
}

/// Kills until nothing carries the mark of the stack any more: what is killed may just have started another.
fn kill_all(folder: &Path) -> Result<usize> {
    const DEADLINE: Duration = Duration::from_secs(10);
    let mut killed = 0;
    let start = Instant::now();
    loop {
        let living: Vec<ProcessId> = marked(folder);
        if living.is_empty() {
            return Ok(killed);
        }
        if start.elapsed() > DEADLINE {
            let pids: Vec<i32> = living.iter().map(|process| process.pid).collect();
            bail!("these processes of {} do not end when killed: {pids:?}", folder.display());
        }
        for process in living {
            process.signal(Signal::SIGKILL);
            if process.wait_gone(DEADLINE) {
                killed += 1;
            }
        }
    }
}

/// Removes a folder whose last writer may have died a moment ago.
fn remove(folder: &Path) -> Result<()> {
    const DEADLINE: Duration = Duration::from_secs(5);
    let start = Instant::now();
    loop {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if start.elapsed() < DEADLINE => thread::sleep(Duration::from_millis(20)),
            other => return other.with_context(|| format!("removing {}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::survey;

    #[test]
    fn what_is_known_of_runs_is_no_stack_and_stays() {
        let stacks = tempfile::tempdir().unwrap();
        let bundle = stacks.path().join(RUNS).join("steady-hockey-20260101T000000");
        fs::create_dir_all(&bundle).unwrap();
        sweep(stacks.path()).unwrap();
        assert!(bundle.is_dir());
        assert_eq!(survey(stacks.path()), []);
    }
}
