//! What the tests of this binary have in common.

use anyhow::{Result, ensure};
use chassis::kafka::{Batch, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use domain::{Sport, Timestamp};
use harness::feed::Feed;
use harness::observe::mysql::Mysql;
use harness::stack::{
    DISTRIBUTION, DatabaseChoice, Lifetime, Ports, Project, ServiceSpec, Stack, StackConfig, StoresChoice,
    pipeline, processors_name,
};
use simulator::world::{Formats, Pace, Plan};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub mod compose;
pub mod contract;
pub mod desk;
pub mod event;
pub mod metric;
pub mod socket;
pub mod verify;

/// Asks until the answer is yes; panics with `what` when it is still no after `deadline`.
pub async fn eventually(what: &str, deadline: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Everything that stacks below `folder` consist of, as processes and as containers.
pub fn parts_of(folder: &Path) -> Vec<String> {
    // What ends containers where their owner cannot is no part of a stack: it goes by itself.
    let processes = processes_of(folder).into_iter().filter(|process| !process.contains("matchday-watcher"));
    processes.chain(containers_of(folder)).collect()
}

fn containers_of(folder: &Path) -> Vec<String> {
    let format = r#"{{.Names}} {{.Label "matchday.stack"}}"#;
    let arguments = ["ps", "--all", "--filter", "label=matchday.stack", "--format", format];
    // Without an engine there are none.
    let Ok(output) = Command::new("docker").args(arguments).output() else { return Vec::new() };
    let needle = folder.to_str().expect("temporary folders have plain names");
    let found = String::from_utf8_lossy(&output.stdout);
    found.lines().filter(|line| line.contains(needle)).map(str::to_owned).collect()
}

/// The command lines of all living processes that name a path below `folder` in their arguments or their environment.
fn processes_of(folder: &Path) -> Vec<String> {
    let needle = folder.to_str().expect("temporary folders have plain names");
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    let text = |path: String| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\0', " ");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            ["cmdline", "environ"].iter().any(|file| text(format!("/proc/{pid}/{file}")).contains(needle))
        })
        .map(|pid| format!("{pid} {}", text(format!("/proc/{pid}/cmdline"))))
        .collect()
}

/// A folder of programs, each a script, which is all of the path.
pub fn path_of(programs: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in programs {
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Games of one seed, with what must come of them. They begin when they are sent.
pub fn games(seed: u64, games: u32, messages_per_game: u32, duration: Duration) -> Feed {
    println!("seed {seed}");
    let start = Timestamp(1_767_225_600_000_000);
    let (sports, formats) = (vec![Sport::Hockey], Formats::Json);
    let pace = Pace::Even { messages_per_game, duration };
    Feed::played(&Plan { seed, sports, games, formats, pace, start }).unwrap()
}

/// Asks until the answer is yes; says what was waited for when it is still no after `deadline`.
pub async fn until(
    what: &str,
    deadline: Duration,
    mut is_so: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !is_so().await? {
        ensure!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until MySQL has a share of the feed's messages: the middle of the stream.
pub async fn committed(stack: &Stack, feed: &Feed, percent: u64) -> Result<()> {
    let mysql = Mysql::new(&stack.mysql_url())?;
    until("the stream to be under way", Duration::from_secs(60), async || {
        Ok(mysql.versions().await?.values().sum::<u64>() * 100 >= feed.messages() * percent)
    })
    .await
}

/// Kafka, a database and Redis for all tests of this binary that do not disturb them; the first one that asks starts them.
///
/// Nobody drops what is static: it ends with this process, and its folder, with its logs, goes with the next stack.
pub async fn stores() -> &'static Stack {
    static STORES: OnceCell<Stack> = OnceCell::const_new();
    let start = || Stack::infrastructure(config(Project::find().unwrap().stacks(), "stores"));
    STORES.get_or_init(async || start().await.unwrap()).await
}

/// The stack that all tests of this binary share which disturb nobody.
pub async fn shared_stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK.get_or_init(|| up(Project::find().unwrap().stacks(), "tests")).await
}

/// A stack of hockey, for a test that disturbs its services.
pub async fn up(stacks: PathBuf, name: &str) -> Stack {
    guest(stacks, name, pipeline(&[Sport::Hockey])).await
}

/// As [`up`], with stores of its own, for a test that disturbs these.
pub async fn up_with_stores(stacks: PathBuf, name: &str) -> Stack {
    let mut services = pipeline(&[Sport::Hockey]);
    // Kafka takes a broker for dead that is stopped for longer than 9 seconds, and clients that ask it then forget it.
    services
        .iter_mut()
        .for_each(|service| service.env.push(("MATCHDAY_GRACE_SECONDS".to_owned(), "3".to_owned())));
    Box::pin(Stack::up(config(stacks, name), services)).await.unwrap()
}

/// A stack of these services, on the stores that all tests share.
pub async fn guest(stacks: PathBuf, name: &str, services: Vec<ServiceSpec>) -> Stack {
    // Boxed: the compiler gives up on futures that nest too deep.
    let stores = Box::pin(stores()).await;
    Box::pin(Stack::guest_of(stores, config(stacks, name), services)).await.unwrap()
}

/// A stack of these sports whose distribution has these settings of its socket.
pub async fn stack_with(folder: &TempDir, sports: &[Sport], settings: &[(&str, u64)]) -> Stack {
    guest(folder.path().join("stacks"), "sockets", services_with(sports, settings)).await
}

/// Services of these sports, of which distribution has these settings of its socket.
pub fn services_with(sports: &[Sport], settings: &[(&str, u64)]) -> Vec<ServiceSpec> {
    let mut services = pipeline(sports);
    for service in services.iter_mut().filter(|service| service.name == DISTRIBUTION) {
        let settings =
            settings.iter().map(|(name, value)| (format!("MATCHDAY_SOCKET_{name}"), value.to_string()));
        service.env.extend(settings);
    }
    services
}

/// A stack of hockey whose processors have these settings.
pub async fn stack_with_processors(folder: &TempDir, name: &str, settings: &[(&str, &str)]) -> Stack {
    let mut services = pipeline(&[Sport::Hockey]);
    let processors = processors_name(Sport::Hockey);
    for service in services.iter_mut().filter(|service| service.name == processors) {
        service.env.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    }
    guest(folder.path().join("stacks"), name, services).await
}

/// On free ports, ending with this process.
pub fn config(stacks: PathBuf, name: &str) -> StackConfig {
    StackConfig {
        project: Project::find().unwrap(),
        stacks,
        name: name.to_owned(),
        lifetime: Lifetime::Attached,
        ports: Ports::Free,
        stores: StoresChoice::of_environment().unwrap(),
        database: DatabaseChoice::of_environment().unwrap(),
        is_guarded: false,
        links: Vec::new(),
        say: |_| {},
    }
}

/// Everything that lies in a topic.
pub async fn read_topic(kafka: &str, topic: &str) -> Vec<Batch> {
    let reader = PartitionReader::open(ReaderSettings::new(kafka, "test"), &[topic]).await.unwrap();
    let from = reader.ends().iter().map(|end| TopicOffset { offset: 0, ..end.clone() }).collect();
    let shutdown = Shutdown::default();
    let mut events = reader.start(from, &Tasks::new(shutdown.clone()), shutdown).unwrap();
    let mut batches = Vec::new();
    while let Some(ReadEvent::Batch(batch)) = events.recv().await {
        batches.push(batch);
    }
    batches
}
