//! How a stack is, for somebody who finds it: told by its record, the processes of this machine and the engine.

use super::docker;
use super::folder::{Folder, RUNS, Record};
use super::process::{Lifetime, PartState};
use std::fs;
use std::path::{Path, PathBuf};

/// How a stack is.
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
    /// It should run until somebody ends it, and of these containers the engine does not say whether they do.
    Unknown {
        /// Their names in the stack.
        parts: Vec<String>,
    },
    /// Nobody needs it any more: the next command that starts or ends a stack removes it.
    LeftOver,
}

/// Every stack among `stacks`, by name. Blocks.
pub fn survey(stacks: &Path) -> Vec<(String, Condition)> {
    let Ok(entries) = fs::read_dir(stacks) else { return Vec::new() };
    let mut found: Vec<(String, Condition)> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir() && entry.file_name() != RUNS)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|name| (name.clone(), Folder::of(stacks, &name).condition()))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

impl Folder {
    /// How its stack is. Without a record it is half made or half removed: whoever does either holds the lock.
    pub(super) fn condition(&self) -> Condition {
        self.read().map_or(Condition::LeftOver, |record| record.condition())
    }
}

impl Record {
    /// How the stack is. One that is complete and of which anything runs, or may run, is somebody's, be it broken. Blocks.
    pub fn condition(&self) -> Condition {
        if self.lifetime == Lifetime::Attached || !self.is_complete {
            let pid = self.owner.pid;
            return if self.owner.is_alive() { Condition::Owned { pid } } else { Condition::LeftOver };
        }
        let states = self.states();
        let those = |wanted| {
            let parts = self.processes.iter().zip(&states).filter(|(_, state)| **state == wanted);
            parts.map(|(part, _)| part.name.clone()).collect::<Vec<_>>()
        };
        let (dead, unknown) = (those(PartState::Gone), those(PartState::Unknown));
        if !unknown.is_empty() {
            Condition::Unknown { parts: unknown }
        } else if dead.len() == self.processes.len() {
            Condition::LeftOver
        } else if dead.is_empty() {
            Condition::Up
        } else {
            Condition::Broken { dead }
        }
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
    let is_left = |folder: &Path| {
        let of = |stacks, name: &std::ffi::OsStr| Folder::of(stacks, &name.to_string_lossy());
        let folder = folder.parent().zip(folder.file_name()).map(|(stacks, name)| of(stacks, name));
        folder.is_none_or(|folder| folder.condition() == Condition::LeftOver)
    };
    found.filter(|left| is_left(&left.folder)).collect()
}
