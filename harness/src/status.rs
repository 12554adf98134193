//! `matchday status` and `matchday logs`: what is there, be it processes, containers or a Compose project.

use crate::stack::{ComposeProject, Condition, PartId, PartState, Record, Stack, part_log, survey};
use anyhow::{Result, bail};
use std::path::Path;

/// Every stack among `stacks` and every Compose project, with its parts and addresses; for a person. Blocks.
///
/// # Errors
/// When Compose does not tell of a project that is there.
pub fn status(stacks: &Path, projects: &Result<Vec<ComposeProject>>) -> Result<String> {
    let mut text = String::new();
    for (name, condition) in survey(stacks) {
        text.push_str(&format!("{name}: {}\n", say(&condition)));
        if let Some(record) = Stack::find(stacks, &name) {
            text.push_str(&parts(&record));
        }
    }
    for project in projects.iter().flatten() {
        let note = if project.is_own {
            ""
        } else {
            ": of another name than this folder's, `matchday down` leaves it"
        };
        text.push_str(&format!("Compose project {}{note}\n", project.name));
        text.extend(project.status()?.lines().map(|line| format!("  {line}\n")));
    }
    if let Err(error) = projects {
        text.push_str(&format!("Whether a Compose project of this folder is up is not known: {error:#}\n"));
    }
    if text.is_empty() {
        text.push_str("No stack is there: `matchday up` starts one.\n");
    }
    Ok(text)
}

fn say(condition: &Condition) -> String {
    match condition {
        Condition::Up => "up".to_owned(),
        Condition::Owned { pid } => format!("belongs to process {pid}"),
        Condition::Broken { dead } => {
            format!("broken, {} not running; `matchday down` ends the rest", dead.join(", "))
        }
        Condition::Unknown { parts } => {
            format!("Docker does not say whether it runs: {}", parts.join(", "))
        }
        Condition::LeftOver => "left behind; `matchday down` removes it".to_owned(),
    }
}

fn parts(record: &Record) -> String {
    let mut text = String::new();
    for (part, state) in record.processes.iter().zip(record.states()) {
        let what = match &part.id {
            PartId::Process(id) => format!("process {}", id.pid),
            PartId::Container(id) => format!("container {}", id.get(..12).unwrap_or(id)),
        };
        let state = match state {
            PartState::Alive => "runs",
            PartState::Gone => "does not run",
            PartState::Unknown => "is not known",
        };
        text.push_str(&format!("  {:<22} {state:<13} {what}\n", part.name));
    }
    for address in &record.addresses {
        text.push_str(&format!("  {:<22} {}\n", address.what, address.url));
    }
    text
}

/// The last lines that each part of the stack `name` and of this checkout's own Compose project wrote, or those that have this
/// name. Blocks.
///
/// # Errors
/// When nothing is there, or nothing has such a part: with the parts that there are.
pub fn logs(
    (stacks, name): (&Path, &str),
    projects: &Result<Vec<ComposeProject>>,
    part: Option<&str>,
    lines: usize,
) -> Result<String> {
    let processes = Stack::find(stacks, name).map(|record| record.processes).unwrap_or_default();
    let project = projects.iter().flatten().find(|project| project.is_own);
    let services = project.map(ComposeProject::services).transpose()?.unwrap_or_default();
    let is_wanted = |name: &str| part.is_none_or(|part| part == name);

    let names = processes.iter().map(|process| &process.name).chain(&services);
    let names: Vec<&str> = names.map(String::as_str).collect();
    match (part, projects) {
        (_, Err(error)) if names.is_empty() => {
            bail!(
                "no stack of `matchday up` is up, and whether a Compose project is, is not known: {error:#}"
            )
        }
        _ if names.is_empty() => bail!("no stack is up"),
        (Some(part), _) if !names.contains(&part) => {
            bail!("there is no {part} in what is up, only {}", names.join(", "))
        }
        _ => {}
    }
    let mut text = String::new();
    for process in processes.iter().filter(|process| is_wanted(&process.name)) {
        text.push_str(&format!("==> {} <==\n", process.name));
        text.push_str(&part_log(&stacks.join(name), process, lines));
    }
    if let Some(project) = project.filter(|_| services.iter().any(|service| is_wanted(service))) {
        text.push_str(&project.logs(part, lines)?);
        text.push('\n');
    }
    Ok(text)
}
