//! What the tests of this binary have in common.

use anyhow::{Result, ensure};
use chassis::kafka::{Batch, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use domain::{Sport, Timestamp};
use harness::feed::Feed;
use harness::stack::{DISTRIBUTION, DatabaseChoice, Lifetime, Ports, Project, Stack, StackConfig, pipeline};
use simulator::world::{Formats, Plan};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub mod compose;
pub mod contract;
pub mod event;
pub mod metric;
pub mod socket;

/// Asks until the answer is yes; panics with `what` when it is still no after `deadline`.
pub async fn eventually(what: &str, deadline: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The command lines of all living processes that name a path below `folder` in their arguments or their environment.
pub fn processes_of(folder: &Path) -> Vec<String> {
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

/// Games of one seed, with what must come of them. They begin when they are sent.
pub fn games(seed: u64, games: u32, messages_per_game: u32, duration: Duration) -> Feed {
    println!("seed {seed}");
    let start = Timestamp(1_767_225_600_000_000);
    let (sports, formats) = (vec![Sport::Hockey], Formats::Json);
    Feed::played(&Plan { seed, sports, games, formats, messages_per_game, duration, start }).unwrap()
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

/// The stack that all tests of this binary share which disturb nobody; the first one that asks starts it.
///
/// Nobody drops what is static: its processes end with this one, and its folder, with its logs, goes with the next stack.
pub async fn shared_stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK.get_or_init(|| up(Project::find().unwrap().stacks(), "tests")).await
}

/// A whole stack of hockey, for a test that disturbs it.
pub async fn up(stacks: PathBuf, name: &str) -> Stack {
    Stack::up(config(stacks, name), pipeline(&[Sport::Hockey])).await.unwrap()
}

/// A stack of these sports whose distribution has these settings of its socket.
pub async fn stack_with(folder: &TempDir, sports: &[Sport], settings: &[(&str, u64)]) -> Stack {
    let mut services = pipeline(sports);
    for service in services.iter_mut().filter(|service| service.name == DISTRIBUTION) {
        let settings =
            settings.iter().map(|(name, value)| (format!("MATCHDAY_SOCKET_{name}"), value.to_string()));
        service.env.extend(settings);
    }
    Stack::up(config(folder.path().join("stacks"), "sockets"), services).await.unwrap()
}

/// On free ports, ending with this process.
pub fn config(stacks: PathBuf, name: &str) -> StackConfig {
    StackConfig {
        project: Project::find().unwrap(),
        stacks,
        name: name.to_owned(),
        lifetime: Lifetime::Attached,
        ports: Ports::Free,
        database: DatabaseChoice::of_environment().unwrap(),
        is_guarded: false,
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
