//! Finds executables, and runs those that do one thing and end.

use super::native::Program;
use super::process::log_end;
use super::process_id::MARK;
use anyhow::{Context, Result, bail};
use std::env;
use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The first of these programs that is installed. The system's own folders are searched even where they are not on the
/// user's path, for Debian keeps servers there.
pub(crate) fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from)).collect();
    names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| is_executable(file)))
}

/// As [`installed`], with the way out for who has none of them.
pub(super) fn required(names: &[&str]) -> Result<PathBuf> {
    installed(names).with_context(|| {
        format!("{} is not installed: `MATCHDAY_STORES=native make setup` installs it", names.join(" or "))
    })
}

/// One of this project's own binaries. They lie beside the current executable, or one folder up when that is a test.
///
/// # Errors
/// When it was not built.
pub fn own(name: &str) -> Result<PathBuf> {
    let current = env::current_exe().context("asking where this program is")?;
    let folder = current.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let binary = folder.join(name);
    if !is_executable(&binary) {
        bail!("there is no {}: `make build` builds it", binary.display());
    }
    Ok(binary)
}

pub(super) fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end, with its output appended to `log`; it counts as one of the stack in `folder`.
///
/// # Errors
/// When it fails: with the end of the log.
pub(super) async fn run(program: Program, log: &Path, folder: &Path) -> Result<()> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    let status = tokio::process::Command::new(&program.path)
        .args(&program.args)
        .envs(program.env)
        .env(MARK, folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("sharing a log")?)
        .stderr(output)
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("running {}", program.path.display()))?;
    if !status.success() {
        bail!("{} failed with {status}\n{}", program.path.display(), log_end(log));
    }
    Ok(())
}
