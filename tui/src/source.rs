//! Where figures come from: one task per place, each with an interval and a deadline, all into one bounded channel.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use domain::EventId;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::attach::{Logs, Places};
use crate::clock::Clock;
use crate::order::Order;
use crate::text::Text;

mod compose;
mod control;
mod games;
mod http;
mod kafka;
mod logs;
mod parts;
mod producers;
mod report;
mod sessions;

pub mod exposition;
pub mod runs;

pub use exposition::Samples;
pub use kafka::PartitionOffsets;
pub use logs::{LogLevel, LogLine};
pub use parts::{Check, Readiness, Scrape};
pub use producers::Producer;
pub use report::{Finding, Part, Report, Source};
pub use runs::RunList;
pub use sessions::{Session, SessionList};

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Reports that may wait; a source waits where there are more.
const REPORTS_MAX: usize = 64;

/// How much rarer Kafka is asked than anybody else: its answers cost most.
const KAFKA_EVERY: u32 = 2;

/// How much rarer what changes seldom is asked for: producers, run bundles.
const SELDOM_EVERY: u32 = 2;

/// Orders that may wait for the simulator.
const ORDERS_MAX: usize = 8;

/// Where a source reports to.
#[derive(Clone, Debug)]
struct Sink {
    clock: Clock,
    source: Source,
    reports: mpsc::Sender<Report>,
}

/// Nobody wants reports any more.
#[derive(Debug)]
struct Unwanted;

impl Sink {
    /// Waits for the answer, but not for ever, and reports what came of it.
    async fn report(&self, answer: impl Future<Output = anyhow::Result<Finding>>) -> Result<(), Unwanted> {
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
        let answer = answer.with_context(|| format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
        let found = answer.flatten().map_err(|error| Text::new(&format!("{error:#}")));
        let report = Report { source: self.source, at: self.clock.now(), found };
        self.reports.send(report).await.map_err(|_| Unwanted)
    }

    /// Asks every `interval` and reports what comes of it, until nobody wants reports any more.
    async fn ask_every<A>(self, interval: Duration, ask: impl Fn() -> A)
    where
        A: Future<Output = anyhow::Result<Finding>>,
    {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.report(ask()).await.is_err() {
                return;
            }
        }
    }
}

/// Does what blocks on another thread. Where it panics, so does whoever waits for it: it is no answer that did not come.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The program ends.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// Asks whoever blocks every `interval`, on another thread, until nobody wants reports any more. There is one of them, who keeps what
/// he has, connections above all: where an answer takes longer than the deadline, that is reported, and the same answer is
/// waited for in the next round.
async fn ask_aside<W: Send + 'static>(
    who: W,
    interval: Duration,
    sink: Sink,
    ask: impl Fn(&mut W) -> anyhow::Result<Finding> + Clone + Send + 'static,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut free, mut busy) = (Some(who), None);
    loop {
        ticks.tick().await;
        if let Some(mut who) = free.take() {
            let ask = ask.clone();
            busy = Some(Box::pin(aside(move || {
                let found = ask(&mut who);
                (who, found)
            })));
        }
        let answer = async {
            let Some(asked) = &mut busy else { return std::future::pending().await };
            let (who, found) = asked.await;
            free = Some(who);
            found
        };
        if sink.report(answer).await.is_err() {
            return;
        }
    }
}

/// All sources of one stack. Dropped, they stop.
#[derive(Debug)]
pub struct Sources {
    tasks: JoinSet<()>,
    reports: mpsc::Receiver<Report>,
    /// Where the processes of each service are asked.
    processes: BTreeMap<Part, watch::Sender<Vec<String>>>,
    opened: watch::Sender<Option<EventId>>,
    opened_runs: watch::Sender<Vec<PathBuf>>,
    orders: mpsc::Sender<Order>,
}

impl Sources {
    /// Starts one for every place; each asks every `interval`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn start(places: &Places, interval: Duration, clock: Clock) -> anyhow::Result<Self> {
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        let (opened, to_open) = watch::channel(None);
        let (opened_runs, runs_to_open) = watch::channel(Vec::new());
        let (orders, to_obey) = mpsc::channel(ORDERS_MAX);
        let sink = |source| Sink { clock, source, reports: sender.clone() };
        let (client, seldom) = (http::client(ANSWER_WITHIN)?, interval * SELDOM_EVERY);
        let mut tasks = JoinSet::new();
        let mut processes = BTreeMap::new();
        for (part, urls) in &places.parts {
            let (sender, urls) = watch::channel(urls.clone());
            processes.insert(*part, sender);
            tasks.spawn(parts::watch(client.clone(), urls, interval, sink(Source::Part(*part))));
        }
        if let Some(url) = places.parts.get(&Part::Simulator).and_then(|urls| urls.first()) {
            tasks.spawn(control::watch(client.clone(), url.clone(), interval, sink(Source::Control)));
            let patient = http::client(control::TOLD_WITHIN)?;
            tasks.spawn(control::obey(patient, url.clone(), to_obey, sink(Source::Control)));
        }
        if let Some(rest) = &places.rest {
            let rest = || rest.clone();
            tasks.spawn(games::watch_all(client.clone(), rest(), interval, sink(Source::Matches)));
            tasks.spawn(games::watch_one(client.clone(), rest(), interval, to_open, sink(Source::Game)));
            tasks.spawn(producers::watch(client.clone(), rest(), seldom, sink(Source::Producers)));
            tasks.spawn(sessions::watch(client, rest(), seldom, sink(Source::Sessions)));
        }
        if let Some(kafka) = &places.kafka {
            let topics = places.topics.clone();
            tasks.spawn(kafka::watch(kafka.clone(), topics, interval * KAFKA_EVERY, sink(Source::Kafka)));
        }
        match &places.logs {
            Some(Logs::Folder(folder)) => {
                tasks.spawn(logs::watch(folder.clone(), interval, sink(Source::Logs)));
            }
            Some(Logs::Compose { docker, project }) => {
                let follow = compose::follow(docker.clone(), project.clone(), interval, sink(Source::Logs));
                tasks.spawn(follow);
            }
            None => {}
        }
        if let Some(runs) = &places.runs {
            tasks.spawn(runs::watch_all(runs.clone(), seldom, sink(Source::Runs)));
        }
        tasks.spawn(runs::watch_open(runs_to_open, sink(Source::Bundle)));
        Ok(Self { tasks, reports, processes, opened, opened_runs, orders })
    }

    /// The next report. Waiting for it can be given up at any time.
    ///
    /// # Errors
    /// When a source has ended, which none does by itself.
    pub async fn next(&mut self) -> anyhow::Result<Report> {
        tokio::select! {
            biased;
            ended = self.tasks.join_next(), if !self.tasks.is_empty() => {
                ended.transpose().context("a source of figures broke down")?;
                anyhow::bail!("a source of figures ended")
            }
            report = self.reports.recv() => report.context("all sources of figures ended"),
        }
    }

    /// Another report, where one is there already.
    pub fn another(&mut self) -> Option<Report> {
        self.reports.try_recv().ok()
    }

    /// Says where processes are asked from now on.
    pub fn ask_at(&self, parts: &BTreeMap<Part, Vec<String>>) {
        for (part, urls) in parts {
            if let Some(sender) = self.processes.get(part) {
                sender.send_replace(urls.clone());
            }
        }
    }

    /// Says which game is looked at.
    pub fn open(&self, game: Option<EventId>) {
        self.opened.send_if_modified(|opened| {
            let changed = *opened != game;
            *opened = game;
            changed
        });
    }

    /// Says which run bundles are looked at.
    pub fn open_runs(&self, folders: Vec<PathBuf>) {
        self.opened_runs.send_replace(folders);
    }

    /// Tells the simulator something.
    ///
    /// # Errors
    /// With why it cannot be told.
    pub fn tell(&self, order: Order) -> Result<(), &'static str> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "it has not done yet what it was told before",
            mpsc::error::TrySendError::Closed(_) => "the simulator's address is not known",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_answers_late_is_kept_and_heard() {
        let (reports, mut told) = mpsc::channel(8);
        let sink = Sink { clock: Clock::start(), source: Source::Kafka, reports };
        let (release, released) = std::sync::mpsc::channel::<()>();
        let asking = ask_aside((0, released), Duration::from_millis(50), sink, |(asked, released)| {
            *asked += 1;
            // The first answer is late, the second cannot be had, the third would come at once.
            match *asked {
                1 => released.recv().context("it is released")?,
                2 => anyhow::bail!("refused"),
                _ => {}
            }
            let told = PartitionOffsets { topic: String::new(), partition: *asked, end: 0, committed: None };
            Ok(Finding::Offsets(vec![told]))
        });
        let asking = tokio::spawn(asking);
        let mut next = async || told.recv().await.expect("a report").found;
        let late = next().await.expect_err("there is none yet");
        assert!(late.as_str().starts_with("no answer within 2 s"), "{late}");
        release.send(()).expect("it waits");
        let number = |answer: Result<Finding, Text>| match answer {
            Ok(Finding::Offsets(told)) => told[0].partition,
            other => panic!("{other:?}"),
        };
        assert_eq!(number(next().await), 1);
        assert_eq!(next().await.expect_err("refused").as_str(), "refused");
        assert_eq!(number(next().await), 3);
        asking.abort();
    }

    #[tokio::test]
    #[should_panic(expected = "out of order")]
    async fn a_panic_aside_is_one_of_who_waits_for_it() {
        aside(|| assert_eq!(1, 2, "out of order")).await;
    }
}
