//! Passwords that nobody needs to type: made once, each in a folder of its own, so that a container can be given one alone.

use anyhow::{Context, Result};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What there is a password for; the names of the folders.
pub const NAMES: [&str; 3] = ["mysql", "mysql-root", "grafana"];

/// The file in each.
const FILE: &str = "password";

/// Their owner and their owner's group read them; nobody writes them again.
const MODE: u32 = 0o440;

/// Makes those that are missing, as `<folder>/mysql/password`, and returns how many that were.
///
/// # Errors
/// When a file cannot be written.
pub fn make(folder: &Path) -> Result<usize> {
    let mut made = 0;
    for name in NAMES {
        let folder = folder.join(name);
        let making = || format!("making {}", folder.display());
        DirBuilder::new().recursive(true).mode(0o750).create(&folder).with_context(making)?;
        let file = folder.join(FILE);
        if !file.exists() {
            write(&file).with_context(|| format!("making {}", file.display()))?;
            made += 1;
        }
    }
    Ok(made)
}

/// Under another name first: a file that is there is whole.
fn write(file: &Path) -> std::io::Result<()> {
    let unfinished = file.with_extension("new");
    // What a crash left could not be opened again: its mode forbids it.
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&unfinished)?;
    write!(out, "{:032x}", rand::random::<u128>())?;
    out.sync_all()?;
    fs::rename(&unfinished, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let read = || NAMES.map(|name| fs::read_to_string(folder.path().join(name).join(FILE)).unwrap());
        assert_eq!(make(folder.path()).unwrap(), NAMES.len());
        let before = read();
        assert!(before.iter().all(|secret| secret.len() == 32));
        assert_ne!(before[0], before[1]);
        fs::remove_file(folder.path().join(NAMES[1]).join(FILE)).unwrap();
        assert_eq!(make(folder.path()).unwrap(), 1);
        let after = read();
        assert_eq!((&before[0], &before[2]), (&after[0], &after[2]));
        assert_ne!(before[1], after[1]);
    }
}
