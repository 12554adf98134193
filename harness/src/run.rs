//! One run: a feed goes in, every store and a client are observed, a verdict and its figures come out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::Sport;
use futures_util::future::try_join_all;
use simulator::drive::Progress;
use simulator::{DriveOptions, DriveReport, drive};

use crate::feed::Feed;
use crate::judge::{Expected, Verdict};
use crate::latency::Latencies;
use crate::observe::mysql::Mysql;
use crate::observe::socket::{Client, Seen};
use crate::observe::{Pictures, Places, redis, rest};
use crate::stack::{ProcessId, Stack, processors_name};

/// How long nothing may move before the rest is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether everything has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What agreed and what did not.
    pub verdict: Verdict,
    /// How the sending went.
    pub drive: DriveReport,
    /// From the first message's due time until the last one had arrived everywhere.
    pub took: Duration,
    /// How long messages took, per hop.
    pub latencies: Latencies,
    /// What each process used during the run.
    pub cpu: Vec<CpuUse>,
    /// What came of each sport's share of the feed.
    pub sports: Vec<SportOutcome>,
    /// What the clients saw, one for each sport.
    pub seen: Seen,
    /// The database server that ran: `MySQL 8.0.15`.
    pub database: String,
}

/// What a process used during a run.
#[derive(Debug, Clone)]
pub struct CpuUse {
    /// Its name in the stack.
    pub process: String,
    /// CPU time, in microseconds.
    pub micros: u64,
    /// The messages that it had to do with: a processor's are those of its sport.
    pub messages: u64,
}

/// One sport's share of a run.
#[derive(Debug, Clone)]
pub struct SportOutcome {
    /// Its name.
    pub sport: String,
    /// How many games of it were played.
    pub games: usize,
    /// How many messages were to be sent of them.
    pub messages: u64,
}

impl Outcome {
    /// Whether every message was accepted and everything agreed.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.drive.is_complete() && self.verdict.is_pass()
    }
}

/// Sends a feed into a stack and judges what comes of it. `disturb` runs beside the sending.
///
/// # Errors
/// When something cannot be observed, or messages stop arriving. What is observed and wrong is in the verdict.
pub async fn run(
    stack: &Stack,
    feed: &Feed,
    options: &DriveOptions,
    progress: impl FnMut(&Progress),
    disturb: impl Future<Output = Result<()>>,
) -> Result<Outcome> {
    let (places, url) = (stack.places()?, stack.socket_url()?);
    let clients = feed.sports().into_iter().map(|sport| Client::subscribe(&url, sport, Seen::default()));
    let clients = try_join_all(clients).await?;
    let before = cpu_micros(stack);
    let started = Instant::now();
    let sending = drive(Arc::clone(&feed.schedule), options, progress);
    let (drive, ()) = tokio::try_join!(sending, disturb)?;
    // Where something was refused or never delivered it cannot all arrive, and the verdict is known.
    if drive.is_complete() {
        settle(&places, feed, &clients).await?;
    }
    let took = started.elapsed();
    let cpu = cpu_since(stack, feed, &before);
    let mut seen = Seen::default();
    for client in clients {
        seen.merge(client.cut().await.context("a client on the socket")?);
    }
    let turns = Mysql::new(&places.mysql)?.turns().await.context("reading the update log")?;
    let mut latencies = Latencies::of_arrivals(feed, &drive.timeline, &seen.arrivals, &turns);
    latencies.read_commits(stack).await?;
    let verdict = judge(&places, feed, &[("socket", &seen)]).await?;
    let database = stack.database().to_owned();
    let sports = feed.sports().into_iter().map(|sport| share(feed, sport)).collect();
    Ok(Outcome { sports, verdict, drive, took, latencies, cpu, seen, database })
}

fn share(feed: &Feed, sport: &str) -> SportOutcome {
    let games: Vec<&Expected> = feed.expected.values().filter(|game| game.sport == sport).collect();
    let messages = games.iter().map(|game| game.messages).sum();
    SportOutcome { sport: sport.to_owned(), games: games.len(), messages }
}

/// Waits until every event has reached its last version in MySQL and at one of the clients, if there are any, and everything
/// is published.
///
/// # Errors
/// When nothing moves for half a minute: with how far it came.
pub async fn settle(places: &Places, feed: &Feed, clients: &[Client]) -> Result<()> {
    let mysql = Mysql::new(&places.mysql)?;
    let total = feed.messages();
    let mut turns = BTreeMap::new();
    let mut best = 0;
    let mut moved = Instant::now();
    loop {
        // A database that is being restarted answers later.
        let in_mysql = mysql.versions().await.unwrap_or_default();
        let is_published = mysql.is_published().await.unwrap_or(false);
        let reached = count(feed, &in_mysql, &turns);
        let mut at_clients = BTreeMap::new();
        for client in clients {
            at_clients.extend(client.versions().borrow().clone());
        }
        let seen = if clients.is_empty() { total } else { count(feed, &at_clients, &turns) };
        if reached == total && seen == total && is_published {
            // Versions that no message led to are looked for only once there is nothing else to wait for: it takes time.
            let found = mysql.turns().await.context("reading the update log")?;
            if found == turns {
                return Ok(());
            }
            (turns, best) = (found, 0);
            continue;
        }
        let now = reached + seen + u64::from(is_published);
        if now > best {
            (best, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STANDSTILL_MAX {
            bail!(
                "nothing moved for {} s: of {total} messages MySQL has {reached}, the socket {seen}; {}",
                STANDSTILL_MAX.as_secs(),
                if is_published { "all that is committed is published" } else { "not all is published" }
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many messages have arrived where the events are at these versions.
fn count(feed: &Feed, versions: &BTreeMap<String, u64>, turns: &BTreeMap<String, Vec<u64>>) -> u64 {
    let reached = |id: &String, expected: &Expected| {
        let version = versions.get(id).copied().unwrap_or_default();
        let turns = turns.get(id).map_or(0, |turns| turns.partition_point(|turn| *turn <= version));
        expected.messages.min(version - turns as u64)
    };
    feed.expected.iter().map(|(id, expected)| reached(id, expected)).sum()
}

/// Holds MySQL, its update log, Redis, REST and what clients saw against what must be, and against one another.
///
/// # Errors
/// When something cannot be observed.
pub async fn judge(places: &Places, feed: &Feed, clients: &[(&str, &Seen)]) -> Result<Verdict> {
    let mysql = Mysql::new(&places.mysql)?;
    let events: Vec<String> = feed.expected.keys().cloned().collect();
    let in_mysql = mysql.pictures().await.context("reading MySQL")?;
    let in_redis = redis::pictures(&places.redis, &mysql.store_id().await?, &events).await?;
    let by_rest = rest::pictures(&places.rest, &events).await?;
    let mut expected = feed.expected.clone();
    for (id, turns) in mysql.turns().await.context("reading the update log")? {
        if let Some(expected) = expected.get_mut(&id) {
            expected.turns = turns.len() as u64;
        }
    }
    let mut verdict = Verdict::default();
    verdict.judge_place("mysql", &expected, &in_mysql);
    verdict.judge_logs(&expected, &mysql.logs().await.context("reading the update log")?);
    let mut judge_place = |place: &str, pictures: &Pictures| {
        verdict.judge_place(place, &expected, pictures);
        verdict.judge_equal(place, &expected, pictures, &in_mysql);
    };
    judge_place("redis", &in_redis);
    judge_place("rest", &by_rest);
    for (place, seen) in clients {
        judge_place(place, &seen.pictures);
    }
    let listed = expected.iter().map(|(id, expected)| (id.clone(), expected.listed())).collect();
    verdict.judge_place("rest list", &listed, &rest::listed(&places.rest).await?);
    for (place, seen) in clients {
        verdict.judge_none(place, "break in the order of frames", &seen.breaks);
    }
    Ok(verdict)
}

/// The CPU time of every process of the stack so far, by process id, and that of this one.
fn cpu_micros(stack: &Stack) -> BTreeMap<i32, u64> {
    cpu_users(stack).into_iter().filter_map(|(_, id)| Some((id.pid, id.cpu_micros()?))).collect()
}

/// A process that was started during the run counts from its start.
fn cpu_since(stack: &Stack, feed: &Feed, before: &BTreeMap<i32, u64>) -> Vec<CpuUse> {
    let used = |(process, id): (String, ProcessId)| {
        let micros = id.cpu_micros()?.saturating_sub(before.get(&id.pid).copied().unwrap_or_default());
        let sport = Sport::ALL.into_iter().find(|sport| process.starts_with(&processors_name(*sport)));
        let messages = sport.map_or(feed.messages(), |sport| share(feed, sport.as_str()).messages);
        Some(CpuUse { process, micros, messages })
    };
    cpu_users(stack).into_iter().filter_map(used).collect()
}

/// In the order of a message's way, as far as the stack knows it: what was started last is met first.
fn cpu_users(stack: &Stack) -> Vec<(String, ProcessId)> {
    let processes = stack.processes();
    let own = ("simulator and judge".to_owned(), ProcessId::own());
    std::iter::once(own)
        .chain(processes.iter().rev().filter_map(|process| Some((process.name().to_owned(), process.id()?))))
        .collect()
}
