//! The Compose projects of this checkout: what `docker compose up` has started in its folder.

use super::{Project, docker};
use anyhow::Result;
use std::collections::BTreeSet;
use std::time::Duration;

/// Where Compose notes in every container which project it belongs to, and where that lies.
const NAME: &str = "com.docker.compose.project";
const FOLDER: &str = "com.docker.compose.project.working_dir";

/// How long all services may take to end: longer than any of them is given.
const DOWN_MAX: Duration = Duration::from_secs(120);

/// A project with containers, running or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeProject {
    /// Its name.
    pub name: String,
}

impl ComposeProject {
    /// Every one that was started from this checkout; none where no engine answers.
    pub fn of(project: &Project) -> Vec<Self> {
        if !docker::is_there() {
            return Vec::new();
        }
        let filter = format!("label={FOLDER}={}", project.root().display());
        let format = format!("{{{{.Label \"{NAME}\"}}}}");
        let said = docker::ask(&["ps", "--all", "--filter", &filter, "--format", &format]);
        let names: BTreeSet<String> = said.unwrap_or_default().lines().map(str::to_owned).collect();
        names.into_iter().map(|name| Self { name }).collect()
    }

    /// Its containers, one a line, with how each is and what it publishes.
    ///
    /// # Errors
    /// When Compose cannot say.
    pub fn status(&self) -> Result<String> {
        let format = "table {{.Service}}\t{{.Status}}\t{{.Ports}}";
        docker::ask(&["compose", "--project-name", &self.name, "ps", "--all", "--format", format])
    }

    /// The last lines of each service, or of the one of this name.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn logs(&self, service: Option<&str>, lines: usize) -> Result<String> {
        let lines = lines.to_string();
        let mut arguments =
            vec!["compose", "--project-name", &self.name, "logs", "--no-color", "--tail", &lines];
        arguments.extend(service);
        docker::ask(&arguments)
    }

    /// Ends it and removes its containers. What it keeps in volumes stays.
    ///
    /// # Errors
    /// When Compose cannot.
    pub fn down(&self) -> Result<()> {
        docker::run(&["compose", "--project-name", &self.name, "down"], DOWN_MAX).map(|_| ())
    }
}
