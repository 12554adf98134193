//! Where the project lies on this machine.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// A checkout of this project.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project around the current folder, else the one in which this program was built.
    ///
    /// # Errors
    /// When there is neither.
    pub fn find() -> Result<Self> {
        let current = env::current_dir().context("asking for the current folder")?;
        let program = env::current_exe().context("asking where this program is")?;
        let is_root = |folder: &&Path| folder.join("harness/services/kafka/pom.xml").is_file();
        let root = current.ancestors().find(is_root).or_else(|| program.ancestors().find(is_root));
        let root = root.context("this is no checkout of matchday: call it from inside of one")?;
        Ok(Self { root: root.to_owned() })
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What belongs to the stores: pom, settings, the install script.
    pub fn services(&self) -> PathBuf {
        self.root.join("harness/services")
    }

    /// What belongs to the programs that services are compared with: their sources and settings.
    pub(crate) fn peers(&self) -> PathBuf {
        self.root.join("harness/peers")
    }

    /// What was built of them.
    pub(crate) fn built_peers(&self) -> PathBuf {
        self.root.join("target/peers")
    }

    /// The folder of all stacks, which git ignores.
    pub fn stacks(&self) -> PathBuf {
        self.root.join(".matchday")
    }
}
