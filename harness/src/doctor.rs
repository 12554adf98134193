//! `matchday doctor`: what this machine lacks for a stack, and how to get it.
//!
//! Each part of the machine is looked at in a file of its own, which returns its checks; what the install script installs is
//! asked of that script, so that the two cannot disagree.

mod docker;
mod machine;
mod ports;
mod stacks;
mod tools;

use crate::stack::{DatabaseChoice, Project, StoresChoice};
use std::path::Path;

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `java`, `port 4000`, `free memory`.
    pub what: String,
    /// How it is.
    pub state: State,
    /// What was found, or what is missing and how to get it; for a person, on one line.
    pub says: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it must be.
    Ok,
    /// Worth knowing; a demo runs all the same.
    Note,
    /// Without it no demo runs.
    Missing,
}

impl Check {
    fn new(what: impl Into<String>, state: State, says: impl Into<String>) -> Self {
        Self { what: what.into(), state, says: says.into() }
    }
}

/// Looks at everything that a stack of this project needs here, with its stacks in `stacks`. Blocks.
#[must_use]
pub fn examine(
    project: &Project,
    stacks: &Path,
    (stores, database): (StoresChoice, &DatabaseChoice),
) -> Vec<Check> {
    let mut checks = tools::checks(project, stores, database);
    checks.extend(machine::checks(stacks));
    checks.extend(docker::checks(project, stores));
    checks.extend(ports::checks(project));
    checks.extend(stacks::checks(stacks));
    checks
}

/// Whether a demo could run.
#[must_use]
pub fn is_healthy(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Missing)
}

/// One line for each check, and one for all of them.
#[must_use]
pub fn report(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Check { what, state, says } in checks {
        let state = match state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
        };
        text.push_str(&format!("  {state:<8} {what:<width$}  {says}\n"));
    }
    let missing = checks.iter().filter(|check| check.state == State::Missing).count();
    text.push_str(&match missing {
        0 => "\nThe demo can run: make demo".to_owned(),
        1 => "\nOne thing is missing; the demo cannot run.".to_owned(),
        _ => format!("\n{missing} things are missing; the demo cannot run."),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted_and_a_note_is_not() {
        let mut checks =
            vec![Check::new("java", State::Ok, "17"), Check::new("port 4000", State::Note, "taken by nginx")];
        assert!(is_healthy(&checks));
        assert!(report(&checks).contains("  note     port 4000  taken by nginx\n"));
        checks.push(Check::new("cmake", State::Missing, "builds librdkafka: make setup installs it"));
        assert!(!is_healthy(&checks));
        assert!(report(&checks).ends_with("One thing is missing; the demo cannot run."));
    }
}
