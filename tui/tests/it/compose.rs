//! The logs of a Compose project, from an engine that is none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Topics;
use tui::attach::{Logs, Places};
use tui::clock::Clock;
use tui::source::{Finding, LogLevel, LogLine, Sources};

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
