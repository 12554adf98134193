//! The logs of a Compose project: from an engine that is none, and from the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use domain::{Sport, Topics};
use tokio::sync::watch;
use tui::attach::{Logs, Places, engine};
use tui::clock::Clock;
use tui::source::{Finding, LogLevel, LogLine, Part, Sources};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that answers as `docker` would.
fn docker(folder: &Path, does: &str) -> PathBuf {
    let program = folder.join("docker");
    fs::write(&program, format!("#!/bin/sh\n{does}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made a program");
    program
}

fn follow(docker: PathBuf, project: &Path) -> Sources {
    let places = Places {
        name: "documented ports".to_owned(),
        record: None,
        parts: Default::default(),
        rest: None,
        kafka: None,
        topics: Topics::default(),
        logs: Some(Logs::Compose { docker, project: project.to_owned() }),
        runs: None,
    };
    Sources::start(&places, Duration::from_millis(100), Clock::start()).expect("it starts")
}

#[tokio::test]
async fn what_containers_write_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let does = format!(
        "[ \"$1 $2 $3\" = 'compose --project-directory {}' ] || exit 9\n\
         echo 'ingestion-1  | 2026-11-21T10:00:00Z  WARN ingestion: slow'; echo 'mysql-1 | ready'; exec sleep 60",
        folder.path().display()
    );
    let mut sources = follow(docker(folder.path(), &does), folder.path());
    let mut lines: Vec<LogLine> = Vec::new();
    let reading = async {
        while lines.len() < 2 {
            match sources.next().await.expect("a report").found {
                Ok(Finding::Lines(added)) => lines.extend(added),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("they come");
    assert_eq!((lines[0].part.as_str(), lines[0].level), ("ingestion", LogLevel::Warning));
    assert_eq!((lines[1].part.as_str(), lines[1].text.as_str()), ("mysql", "ready"));
}

#[tokio::test]
async fn what_the_engine_complains_of_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let does = "echo 'Cannot connect to the Docker daemon' >&2; exit 1";
    let mut sources = follow(docker(folder.path(), does), folder.path());
    let complaint = async {
        loop {
            if let Err(why) = sources.next().await.expect("a report").found {
                return why;
            }
        }
    };
    let why = tokio::time::timeout(PATIENCE, complaint).await.expect("it is told");
    assert_eq!(why.as_str(), "docker compose logs: Cannot connect to the Docker daemon");
}

/// A project of one container that says something by itself. Dropped, it is gone.
struct Project(tempfile::TempDir);

impl Project {
    fn start() -> Self {
        Self::of(|image| {
            format!("services:\n  speaker:\n    {image}\n    command: [redis-server, --port, '7001']\n")
        })
    }

    /// With what is made of the image that the kit's own file names for Redis.
    fn of(services: impl Fn(&str) -> String) -> Self {
        let kit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docker-compose.yml"))
            .expect("the kit's file");
        let image = kit
            .lines()
            .find(|line| line.trim().starts_with("image: redis:"))
            .expect("an image of Redis")
            .trim();
        let folder = tempfile::Builder::new().prefix("matchday-test-logs").tempdir().expect("a folder");
        fs::write(folder.path().join("docker-compose.yml"), services(image)).expect("written");
        // Compose takes it from there, and so do we.
        let name =
            folder.path().file_name().and_then(|name| name.to_str()).expect("a plain name").to_lowercase();
        fs::write(folder.path().join(".env"), format!("COMPOSE_PROJECT_NAME={name}\n")).expect("written");
        let project = Self(folder);
        assert!(project.compose(&["up", "--detach"]), "it does not start");
        project
    }

    fn compose(&self, args: &[&str]) -> bool {
        let mut docker = Command::new("docker");
        docker.arg("compose").arg("--project-directory").arg(self.0.path()).args(args);
        docker.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes", "--timeout", "0"]);
    }
}

#[tokio::test]
#[ignore = "runs a container: `make test-compose` runs it"]
async fn what_a_container_of_a_real_engine_writes_is_followed_over_its_end_and_its_next_start() {
    let project = Project::start();
    let mut sources = follow("docker".into(), project.0.path());
    let starts = async |sources: &mut Sources| {
        loop {
            if let Ok(Finding::Lines(lines)) = sources.next().await.expect("a report").found
                && lines.iter().any(|line| {
                    line.part.as_str() == "speaker" && line.text.as_str().contains("Ready to accept")
                })
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, starts(&mut sources)).await.expect("its first start is told");
    assert!(project.compose(&["stop", "--timeout", "0"]));
    assert!(project.compose(&["start"]));
    tokio::time::timeout(PATIENCE, starts(&mut sources)).await.expect("its next start is told");
}

#[tokio::test]
#[ignore = "runs containers: `make test-compose` runs it"]
async fn containers_that_were_added_are_found_at_the_ports_that_a_real_engine_gave_them() {
    let project = Project::of(|image| {
        let service = |name: &str, scale: u32| {
            format!("  {name}:\n    {image}\n    scale: {scale}\n    ports: ['127.0.0.1::4100']\n")
        };
        format!("services:\n{}{}", service("processors-hockey", 1), service("processors-hockey-more", 2))
    });
    let (told, mut published) = watch::channel(None);
    let folder = project.0.path().to_owned();
    let asking = tokio::spawn(async move { engine::follow("docker".as_ref(), &folder, told).await });
    let found = tokio::time::timeout(PATIENCE, published.wait_for(Option::is_some)).await;
    let found = found.expect("the engine answers").expect("it is asked").clone().expect("it is told");
    asking.abort();
    let processes = found[&Part::Processors(Sport::Hockey)].clone();
    let mut urls: Vec<String> = processes.first.into_iter().chain(processes.more).collect();
    assert!(urls.iter().all(|url| url.starts_with("http://127.0.0.1:")), "{found:?}");
    urls.sort_unstable();
    urls.dedup();
    assert_eq!((urls.len(), found.len()), (3, 1), "{found:?}");
}
