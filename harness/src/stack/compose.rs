//! The Compose projects of this checkout: what `docker compose up` has started in its folder.

use super::{Project, docker};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Compose notes in every container which project it belongs to, and where that lies.
pub(crate) const PROJECT_LABEL: &str = "com.docker.compose.project";
const FOLDER: &str = "com.docker.compose.project.working_dir";

/// How long all services may take to end: longer than any of them is given.
const DOWN_MAX: Duration = Duration::from_secs(120);

/// A project of this checkout with containers, running or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeProject {
    /// Its name.
    pub name: String,
    /// Whether it has the name that this checkout's `docker-compose.yml` and `.env` give it. Others were started under a name of
    /// their own, by a test for one, and are whoever's who started them.
    pub is_own: bool,
    folder: PathBuf,
}

/// What is read of `docker compose config`.
#[derive(Deserialize)]
struct Config {
    name: String,
    #[serde(default)]
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    ports: Vec<Published>,
}

#[derive(Deserialize)]
struct Published {
    published: String,
}

impl Config {
    /// That of the project in a folder, with what its `.env` says.
    fn of(folder: &Path) -> Result<Self> {
        let folder = utf8(folder)?;
        let said = docker::ask(&[
            "compose",
            "--project-directory",
            folder,
            "--profile",
            "*",
            "config",
            "--format",
            "json",
        ]);
        let said = said.context("asking Compose about this project")?;
        serde_json::from_str(&said).context("reading what Compose says of this project")
    }
}

impl ComposeProject {
    /// Every one that was started from this checkout; none where Docker is not installed. Blocks.
    ///
    /// # Errors
    /// When the engine does not answer, or Compose cannot read the project: what is there is not known then.
    pub fn of(project: &Project) -> Result<Vec<Self>> {
        if docker::program().is_err() {
            return Ok(Vec::new());
        }
        let folder = project.root();
        let names = names(folder)?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let own = Config::of(folder)?;
        let project = |name: String| Self { is_own: name == own.name, name, folder: folder.to_owned() };
        Ok(names.into_iter().map(project).collect())
    }

    /// Every port of this machine that the services of any profile would take, with the service's name. Blocks.
    ///
    /// # Errors
    /// When Docker is not installed, or Compose cannot read the project.
    pub fn ports(project: &Project) -> Result<Vec<(String, u16)>> {
        let services = Config::of(project.root())?.services;
        let port = |name: &str, Published { published }: &Published| {
            Some((name.to_owned(), published.parse().ok()?))
        };
        Ok(services
            .iter()
            .flat_map(|(name, service)| service.ports.iter().filter_map(|p| port(name, p)))
            .collect())
    }

    /// Its containers, one a line, with how each is and what it publishes.
    ///
    /// # Errors
    /// When Compose cannot say.
    pub fn status(&self) -> Result<String> {
        let format = "table {{.Service}}\t{{.Status}}\t{{.Ports}}";
        docker::ask(&self.compose(&["ps", "--all", "--format", format])?)
    }

    /// The services that have a container.
    ///
    /// # Errors
    /// When Compose cannot say.
    pub fn services(&self) -> Result<Vec<String>> {
        let said = docker::ask(&self.compose(&["ps", "--all", "--services"])?)?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// The last lines of each service, or of the one of this name.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn logs(&self, service: Option<&str>, lines: usize) -> Result<String> {
        let lines = lines.to_string();
        let mut command = vec!["logs", "--no-color", "--tail", &lines];
        command.extend(service);
        docker::ask(&self.compose(&command)?)
    }

    /// Ends it and removes its containers, those of every profile. What it keeps in volumes stays.
    ///
    /// # Errors
    /// When Compose cannot.
    pub fn down(&self) -> Result<()> {
        docker::run(&self.compose(&["down", "--remove-orphans"])?, DOWN_MAX).map(|_| ())
    }

    /// The arguments of docker for a command of Compose about all of this project, whatever folder that is said in.
    fn compose<'a>(&'a self, command: &[&'a str]) -> Result<Vec<&'a str>> {
        let project = ["compose", "--project-directory", utf8(&self.folder)?, "--project-name", &self.name];
        Ok([project.as_slice(), &["--profile", "*"], command].concat())
    }
}

/// The names of all projects whose folder is this one, by whichever path it was reached.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let (filter, format) = (
        format!("label={PROJECT_LABEL}"),
        format!("{{{{.Label \"{PROJECT_LABEL}\"}}}}\t{{{{.Label \"{FOLDER}\"}}}}"),
    );
    let said = docker::ask(&["ps", "--all", "--filter", &filter, "--format", &format])?;
    let folder = fs::canonicalize(folder).with_context(|| format!("looking for {}", folder.display()))?;
    let is_here = |path: &str| fs::canonicalize(path).is_ok_and(|path| path == folder);
    let projects = said.lines().filter_map(|line| line.split_once('\t'));
    Ok(projects.filter(|(_, path)| is_here(path)).map(|(name, _)| name.to_owned()).collect())
}

fn utf8(folder: &Path) -> Result<&str> {
    folder.to_str().with_context(|| format!("the name of {} is no UTF-8", folder.display()))
}
