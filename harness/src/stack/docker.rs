//! The Docker engine, asked through its own command line.
//!
//! It blocks and needs no runtime: this is how containers are ended, often by another process than the one that started
//! them, and while a value is dropped.

use super::program;
use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The label by which every container of a stack tells whose it is: its value is the stack's folder.
pub(crate) const LABEL: &str = "matchday.stack";

/// How long the engine may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to start, stop or remove a container on a busy machine.
pub(super) const WORK: Duration = Duration::from_secs(60);

/// The exit code of `timeout` where the time was over.
const TIMED_OUT: i32 = 124;

/// The version of the engine that answers here, if one does.
pub(crate) fn engine() -> Option<String> {
    ask(&["version", "--format", "{{.Server.Version}}"]).ok().filter(|version| !version.is_empty())
}

/// Runs a command that answers at once, and returns what it prints.
///
/// # Errors
/// When there is no such program, it fails, or it takes too long: with what it said.
pub(crate) fn ask(arguments: &[&str]) -> Result<String> {
    run(arguments, PATIENCE)
}

/// As [`ask`], for what may take as long as `limit`.
///
/// # Errors
/// As [`ask`].
pub(super) fn run(arguments: &[&str], limit: Duration) -> Result<String> {
    let output = output(arguments, limit)?;
    if output.status.code() == Some(TIMED_OUT) {
        bail!("`docker {}` was not answered within {} s", arguments.join(" "), limit.as_secs());
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`docker {}` failed with {}: {}", arguments.join(" "), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// As [`ask`], with what it prints as an error as well.
pub(super) fn ask_both(arguments: &[&str]) -> Result<String> {
    let Output { stdout, stderr, .. } = output(arguments, PATIENCE)?;
    Ok([stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

/// By `timeout`: an engine that hangs must not hang whoever asks it.
fn output(arguments: &[&str], limit: Duration) -> Result<Output> {
    let docker = program()?;
    Command::new(program::required(&["timeout"])?)
        .arg(limit.as_secs().to_string())
        .arg(docker)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("running docker")
}

/// The command line itself.
///
/// # Errors
/// When it is not installed.
pub(super) fn program() -> Result<PathBuf> {
    program::installed(&["docker"]).context("docker is not installed")
}

/// Those of these containers that run or are paused, by their ids. One that is not there any more is not among them.
///
/// # Errors
/// When the engine does not answer: then nothing is known of any of them.
pub(super) fn living(ids: &[&str]) -> Result<HashSet<String>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let filters: Vec<String> = ids.iter().map(|id| format!("id={id}")).collect();
    let mut arguments = vec!["ps", "--quiet", "--no-trunc"];
    arguments.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
    Ok(ask(&arguments)?.lines().map(str::to_owned).collect())
}

/// Whether there is such a container, running or not.
///
/// # Errors
/// When the engine does not answer.
pub(super) fn has(id: &str) -> Result<bool> {
    Ok(!ask(&["ps", "--all", "--quiet", "--filter", &format!("id={id}")])?.is_empty())
}

/// Every container of the stack in `folder`, running or not, by its id.
pub(super) fn containers(folder: &Path) -> Result<Vec<String>> {
    let filter = filter(folder);
    let ids = ask(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
    Ok(ids.lines().map(str::to_owned).collect())
}

/// What `--filter` takes for the containers of one stack.
pub(super) fn filter(folder: &Path) -> String {
    format!("label={LABEL}={}", folder.display())
}

/// Every container of any stack on this engine: its name, and the folder of its stack.
pub(super) fn every_container() -> Result<Vec<(String, PathBuf)>> {
    let (filter, format) = (format!("label={LABEL}"), format!("{{{{.Names}}}}\t{{{{.Label \"{LABEL}\"}}}}"));
    let lines = ask(&["ps", "--all", "--filter", &filter, "--format", &format])?;
    let parts = lines.lines().filter_map(|line| line.split_once('\t'));
    Ok(parts.map(|(name, folder)| (name.to_owned(), folder.into())).collect())
}

/// Removes every container of the stack in `folder`, whatever it is doing, with its data; says how many there were.
///
/// # Errors
/// When the engine does not answer, or cannot.
pub(super) fn remove(folder: &Path) -> Result<usize> {
    let found = containers(folder)?.len();
    let start = Instant::now();
    loop {
        let ids = containers(folder)?;
        if ids.is_empty() {
            return Ok(found);
        }
        let mut arguments = vec!["rm", "--force", "--volumes"];
        arguments.extend(ids.iter().map(String::as_str));
        // Refused where somebody else is just removing it; then it is soon gone.
        match run(&arguments, WORK) {
            Err(error) if start.elapsed() > WORK => return Err(error),
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}
