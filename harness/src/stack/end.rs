//! Ends stacks: one's own, a detached one, and what a crash left behind.

use super::docker;
use super::folder::{self, Folder, Record};
use super::process::{GRACE, Lifetime, PartId};
use super::process_id::{ProcessId, marked};
use super::stores::StoresKind;
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
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

/// How a stack is, for somebody who finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of it runs until somebody ends it.
    Up,
    /// It ends with the process that started it, or is just being started by it.
    Owned {
        /// That process.
        pid: i32,
    },
    /// It should run until somebody ends it, and these processes of it do not.
    Broken {
        /// Their names.
        dead: Vec<String>,
    },
    /// Nobody needs it any more: the next command that starts or ends a stack removes it.
    LeftOver,
}

/// Every stack among `stacks`, by name.
pub fn survey(stacks: &Path) -> Vec<(String, Condition)> {
    let Ok(entries) = fs::read_dir(stacks) else { return Vec::new() };
    let mut found: Vec<(String, Condition)> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|name| (name.clone(), condition(Folder::of(stacks, &name).read())))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn condition(record: Option<Record>) -> Condition {
    match record {
        Some(record) if !record.is_leftover() => {
            if record.is_up() && record.lifetime == Lifetime::Detached {
                Condition::Up
            } else if record.owner.is_alive() {
                Condition::Owned { pid: record.owner.pid }
            } else {
                Condition::Broken { dead: record.dead() }
            }
        }
        _ => Condition::LeftOver,
    }
}

/// A container whose stack nobody needs any more, or knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftContainer {
    /// Its name.
    pub name: String,
    /// Where its stack lay.
    pub folder: PathBuf,
}

/// Every one on this machine's engine; none where no engine answers.
pub(crate) fn left_containers() -> Vec<LeftContainer> {
    let found = docker::every_container().unwrap_or_default().into_iter();
    let found = found.map(|(name, folder)| LeftContainer { name, folder });
    let read = |folder: &Path| Folder::of(folder.parent()?, &folder.file_name()?.to_string_lossy()).read();
    found.filter(|left| read(&left.folder).is_none_or(|record| record.is_leftover())).collect()
}

/// Ends the stack `name` among `stacks`, and every stack there that its owner left behind; nothing is left of them on disk.
/// `None` when there was nothing to end. Blocks.
///
/// # Errors
/// When a process does not end even when killed, or a folder cannot be removed.
pub fn down(stacks: &Path, name: &str) -> Result<Option<Ended>> {
    if !stacks.exists() {
        return Ok(None);
    }
    let _lock = folder::lock(stacks)?;
    let folder = Folder::of(stacks, name);
    let ended = if folder.path().exists() { Some(end(&folder)?) } else { None };
    sweep(stacks)?;
    remove_if_empty(stacks);
    Ok(ended)
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

/// Ends what no living process needs any more. The caller holds the lock.
pub(super) fn sweep(stacks: &Path) -> Result<()> {
    let entries = fs::read_dir(stacks).with_context(|| format!("reading {}", stacks.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", stacks.display()))?;
        let folder = Folder::of(stacks, &entry.file_name().to_string_lossy());
        // Without a record it is half made or half removed: whoever does either holds the lock.
        if entry.path().is_dir() && folder.read().is_none_or(|record| record.is_leftover()) {
            end(&folder)?;
        }
    }
    Ok(())
}

/// Ends every process of a stack and removes its folder. Blocks.
///
/// Services are asked, the last one started first, and have their grace time. Stores are killed: their data goes with them.
fn end(folder: &Folder) -> Result<Ended> {
    let mut ended = Ended::default();
    let living = marked(folder.path());
    let record = folder.read();
    // A record that is lost may have told of containers.
    let may_have_containers =
        record.as_ref().is_none_or(|record| record.stores == StoresKind::Containers) && docker::is_there();
    let services = record.map(|record| record.processes).unwrap_or_default();
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
        ended.processes += docker::remove(folder.path())?;
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
