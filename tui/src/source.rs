//! Where figures come from: one task per place, each with an interval and a deadline, all into one bounded channel.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use domain::{EventId, Sport};
use serde::{Serialize, Serializer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::attach::Places;
use crate::clock::Clock;
use crate::game::{Game, Match, Update};
use crate::text::Text;

mod games;
mod http;
mod kafka;
mod logs;
mod parts;

pub mod exposition;

pub use exposition::Samples;
pub use kafka::PartitionOffsets;
pub use logs::{LogLevel, LogLine};
pub use parts::{Check, Readiness, Scrape};

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Reports that may wait; a source waits where there are more.
const REPORTS_MAX: usize = 64;

/// How much rarer Kafka is asked than anybody else: its answers cost most.
const KAFKA_EVERY: u32 = 2;

/// A process that has `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Plays a provider; one need not be there.
    Simulator,
    /// Takes the feed.
    Ingestion,
    /// Works on one sport.
    Processors(Sport),
    /// Serves REST and sockets.
    Distribution,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulator => formatter.pad("simulator"),
            Self::Ingestion => formatter.pad("ingestion"),
            Self::Processors(sport) => formatter.pad(&format!("processors-{sport}")),
            Self::Distribution => formatter.pad("distribution"),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A process, for its metrics and readiness.
    Part(Part),
    /// Kafka, for its offsets.
    Kafka,
    /// Distribution's REST, for all games that are live.
    Matches,
    /// Distribution's REST, for the game that is open.
    Game,
    /// The logs of the stack.
    Logs,
}

/// What came of one question.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who was asked.
    pub source: Source,
    /// When the answer was there, since this program started.
    pub at: Duration,
    /// The answer, or why there is none.
    pub found: Result<Finding, Text>,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of a part.
    Scrape(Scrape),
    /// Of Kafka.
    Offsets(Vec<PartitionOffsets>),
    /// Of all games that are live.
    Matches(Vec<Match>),
    /// Of the game that is open: how it is, and what was added to its log since the answer before.
    Game(Box<Game>, Vec<Update>),
    /// What was logged since the answer before.
    Lines(Vec<LogLine>),
}

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
}

/// All sources of one stack. Dropped, they stop.
#[derive(Debug)]
pub struct Sources {
    tasks: JoinSet<()>,
    reports: mpsc::Receiver<Report>,
    opened: watch::Sender<Option<EventId>>,
}

impl Sources {
    /// Starts one for every place; each asks every `interval`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn start(places: &Places, interval: Duration, clock: Clock) -> anyhow::Result<Self> {
        let client = http::client(ANSWER_WITHIN)?;
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        let (opened, to_open) = watch::channel(None);
        let sink = |source| Sink { clock, source, reports: sender.clone() };
        let mut tasks = JoinSet::new();
        for (part, url) in &places.parts {
            let ask = parts::watch(client.clone(), url.clone(), interval, sink(Source::Part(*part)));
            tasks.spawn(ask);
        }
        if let Some(rest) = &places.rest {
            tasks.spawn(games::watch_all(client.clone(), rest.clone(), interval, sink(Source::Matches)));
            tasks.spawn(games::watch_one(client, rest.clone(), interval, to_open, sink(Source::Game)));
        }
        if let Some(kafka) = &places.kafka {
            let topics = places.topics.clone();
            tasks.spawn(kafka::watch(kafka.clone(), topics, interval * KAFKA_EVERY, sink(Source::Kafka)));
        }
        if let Some(logs) = &places.logs {
            tasks.spawn(logs::watch(logs.clone(), interval, sink(Source::Logs)));
        }
        Ok(Self { tasks, reports, opened })
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

    /// Says which game is looked at.
    pub fn open(&self, game: Option<EventId>) {
        self.opened.send_if_modified(|opened| {
            let changed = *opened != game;
            *opened = game;
            changed
        });
    }
}
