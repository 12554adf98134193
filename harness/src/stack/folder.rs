//! `.matchday/<name>`: what a stack keeps on disk, and the record by which another process finds and ends it.

use super::process::{Lifetime, PartId, PartState};
use super::process_id::ProcessId;
use super::stores::StoresKind;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder among stacks in which run bundles are kept.
pub const RUNS: &str = "runs";

/// The folder of one stack. Only its owner may look inside: it holds the database's password.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// `stack.json`: who owns a stack, what it consists of, where it is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Whether the stack ends with its owner.
    pub lifetime: Lifetime,
    /// Where its stores run, unless they are another stack's.
    #[serde(default)]
    pub stores: StoresKind,
    /// The process that started it.
    pub owner: ProcessId,
    /// Whether it was started to its end; until then it needs its owner.
    pub is_complete: bool,
    /// Its processes, in the order in which they were started.
    pub processes: Vec<RecordedProcess>,
    /// Where it is reached.
    pub addresses: Vec<Address>,
}

/// A process of a stack, as another process needs to know it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedProcess {
    /// Its name in the stack.
    pub name: String,
    /// The process itself, or the container.
    pub id: PartId,
    /// Whether it is one of ours, that ends in order, or a store, whose data goes with it.
    pub is_service: bool,
}

/// One address of a stack, for a person: `REST`, `http://127.0.0.1:4002`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What is reached.
    pub what: String,
    /// Where.
    pub url: String,
}

impl Folder {
    /// The folder of the stack `name` among `stacks`; it need not exist.
    pub(super) fn of(stacks: &Path, name: &str) -> Self {
        Self(stacks.join(name))
    }

    /// Makes it, with a first record in it.
    pub(super) fn create(&self, record: &Record) -> Result<()> {
        DirBuilder::new()
            .mode(0o700)
            .create(&self.0)
            .with_context(|| format!("making {}", self.0.display()))?;
        self.write(record)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the process `name` writes what it says.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.log"))
    }

    /// Makes a folder for the data of the process `name`.
    pub(super) fn data(&self, name: &str) -> Result<PathBuf> {
        let data = self.0.join(name);
        fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        Ok(data)
    }

    /// Whether there is a record, be it one that this version cannot read.
    pub(super) fn has_record(&self) -> bool {
        self.record().exists()
    }

    /// `None` where there is no record, or one that this version cannot read.
    pub(super) fn read(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record()).ok()?).ok()
    }

    /// Replaces the record as a whole: a reader sees the old or the new one.
    pub(super) fn write(&self, record: &Record) -> Result<()> {
        let new = self.record().with_extension("new");
        let text = serde_json::to_vec_pretty(record).context("writing the record of a stack")?;
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, self.record()))
            .with_context(|| format!("writing {}", self.record().display()))
    }

    fn record(&self) -> PathBuf {
        self.0.join("stack.json")
    }
}

impl Record {
    /// A stack of this process, of which nothing was started yet.
    pub(super) fn new(lifetime: Lifetime, stores: StoresKind) -> Self {
        Self {
            lifetime,
            stores,
            owner: ProcessId::own(),
            is_complete: false,
            processes: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// How each of its processes is, in their order. Blocks while the engine is asked.
    pub fn states(&self) -> Vec<PartState> {
        PartId::states(&self.processes.iter().map(|process| &process.id).collect::<Vec<_>>())
    }
}

/// Creates or replaces a file that holds a secret.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

/// Makes the folder of all stacks where it is missing, and keeps every other process from claiming or removing stacks until
/// the value is dropped.
pub(super) fn lock(stacks: &Path) -> Result<File> {
    loop {
        fs::create_dir_all(stacks).with_context(|| format!("making {}", stacks.display()))?;
        let lock = match File::open(stacks) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => opened.with_context(|| format!("opening {}", stacks.display()))?,
        };
        lock.lock().with_context(|| format!("locking {}", stacks.display()))?;
        // Whoever held it may have removed the folder as the last of its stacks went.
        if stacks.exists() {
            return Ok(lock);
        }
    }
}
