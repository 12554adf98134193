//! When a stack has recovered: every part of it does its work, and no more messages are on their way than before.
//!
//! A message is on its way from when it is due until what came of it is published: it waits at its provider, in the feed topic,
//! or between the database and the updates topic.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use chassis::kafka::{EndsReader, TopicOffset};
use domain::Topics;
use serde::{Deserialize, Serialize};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{MySqlPool, Row};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Backlog, Happened, Outage, Plan};
use crate::stack::Stack;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// How long after the last outage has ended a stack may take.
pub const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// How many looks while nothing was wrong say how much is usually on its way.
const CALM_LOOKS: usize = 50;

/// Messages on their way, by where they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTheWay {
    /// Due, and not yet accepted.
    pub provider: u64,
    /// In the feed topics, and not yet committed.
    pub feed: u64,
    /// Committed, and not yet published.
    pub outbox: u64,
}

impl OnTheWay {
    fn sum(self) -> u64 {
        self.provider + self.feed + self.outbox
    }
}

/// Watches a stack while outages happen to it.
pub(super) struct Watch<'a> {
    stack: &'a Stack,
    started: Instant,
    backlog: &'a Backlog,
    /// Counts what has begun and what was recovered from.
    happened: &'a watch::Sender<Happened>,
    lag: Lag,
    state: Mutex<State>,
}

struct State {
    courses: Vec<Course>,
    /// What was on its way when nothing was wrong.
    calm: VecDeque<u64>,
    all_ended: Option<Instant>,
    trouble: Option<String>,
}

/// How far an outage has come.
struct Course {
    outage: Outage,
    /// By which number it is known to those who are told that it has begun.
    began: Option<usize>,
    ended: Option<Instant>,
    recovered: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        stack: &'a Stack,
        started: Instant,
        (backlog, happened): (&'a Backlog, &'a watch::Sender<Happened>),
        plan: &Plan,
    ) -> Result<Self> {
        let course = |planned: &super::Planned| Course {
            outage: Outage {
                planned: planned.clone(),
                began_micros: 0,
                ended_micros: 0,
                recovered_after_micros: None,
                waiting_before: 0,
                waiting_most: 0,
                trouble: None,
            },
            began: None,
            ended: None,
            recovered: None,
        };
        let courses = plan.outages.iter().map(course).collect();
        let state = State { courses, calm: VecDeque::new(), all_ended: None, trouble: None };
        Ok(Self { stack, started, backlog, happened, lag: Lag::new(stack)?, state: Mutex::new(state) })
    }

    pub(super) fn began(&self, index: usize) {
        let state = &mut *self.state();
        let before = state.calm.iter().copied().max().unwrap_or_default();
        let course = &mut state.courses[index];
        self.happened.send_modify(|happened| course.began = Some(happened.begin(wall_clock())));
        course.outage.began_micros = micros(self.started.elapsed());
        (course.outage.waiting_before, course.outage.waiting_most) = (before, before);
    }

    pub(super) fn ended(&self, index: usize) {
        let course = &mut self.state().courses[index];
        course.ended = Some(Instant::now());
        course.outage.ended_micros = micros(self.started.elapsed());
    }

    /// Nothing more happens.
    pub(super) fn all_ended(&self) {
        self.state().all_ended = Some(Instant::now());
    }

    pub(super) fn outages(&self) -> Vec<Outage> {
        self.state().courses.iter().map(|course| course.outage.clone()).collect()
    }

    /// Looks until all has ended and recovered, or time is over.
    pub(super) async fn run(&self) -> Result<()> {
        loop {
            let looked_at = Instant::now();
            let waiting = self.look().await;
            // Whether all is at work matters only where something was not.
            let trouble = match &waiting {
                Err(error) => Some(format!("{error:#}")),
                Ok(_) if self.state().is_waited_for() => self.trouble().await,
                Ok(_) => None,
            };
            if self.note(looked_at, waiting.ok(), trouble) {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<(Instant, OnTheWay)> {
        let (mut told_at, provider) = self.backlog.waiting().context("the sending has not begun")?;
        if self.backlog.is_sent() {
            told_at = Instant::now();
        }
        let lag = timeout(LOOK_MAX, self.lag.ask()).await;
        let (feed, outbox) = lag.context("Kafka or the database do not answer")??;
        Ok((told_at, OnTheWay { provider, feed, outbox }))
    }

    /// Why a part of the stack does not do its work.
    async fn trouble(&self) -> Option<String> {
        for process in self.stack.processes() {
            if let Some(trouble) = process.trouble().await {
                return Some(trouble);
            }
        }
        match timeout(LOOK_MAX, self.lag.missing_images(self.stack)).await {
            Ok(Ok(0)) => None,
            Ok(Ok(missing)) => Some(format!("Redis lacks the images of {missing} events")),
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("Redis does not answer".to_owned()),
        }
    }

    /// Notes what a look has found that began then. Whether that was the last one is the answer.
    fn note(
        &self,
        looked_at: Instant,
        waiting: Option<(Instant, OnTheWay)>,
        trouble: Option<String>,
    ) -> bool {
        let state = &mut *self.state();
        let now = Instant::now();
        if let Some((_, waiting)) = waiting {
            if !state.courses.iter().any(Course::is_open) {
                state.calm.push_back(waiting.sum());
                if state.calm.len() > CALM_LOOKS {
                    state.calm.pop_front();
                }
            }
            for course in state.courses.iter_mut().filter(|course| course.is_open()) {
                course.outage.waiting_most = course.outage.waiting_most.max(waiting.sum());
            }
        }
        // What comes in while it is looked is on its way, too.
        let usual = self.backlog.due_within(LOOK_EVERY);
        for course in state.courses.iter_mut().filter(|course| course.is_open()) {
            let (Some(ended), Some((told_at, waiting)), None) = (course.ended, waiting, &trouble) else {
                continue;
            };
            let is_back = waiting.sum() <= course.outage.waiting_before.max(usual);
            if let Some(number) = course.began.filter(|_| is_back && ended <= looked_at.min(told_at)) {
                course.recovered = Some(now);
                self.happened.send_modify(|happened| happened.recover(number, wall_clock()));
                course.outage.recovered_after_micros = Some(micros(now - ended));
            }
        }
        state.trouble = trouble.or(state.trouble.take());
        let Some(all_ended) = state.all_ended else { return false };
        let is_over = now - all_ended > RECOVERY_MAX;
        let last =
            state.trouble.clone().unwrap_or_else(|| "more messages were on their way than before".to_owned());
        for course in state.courses.iter_mut().filter(|course| is_over && course.is_open()) {
            course.outage.trouble = Some(last.clone());
        }
        is_over || !state.courses.iter().any(Course::is_open)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_waited_for(&self) -> bool {
        self.courses.iter().any(|course| course.is_open() && course.ended.is_some())
    }
}

impl Course {
    /// Whether it has begun, and the stack has not recovered from it.
    fn is_open(&self) -> bool {
        self.began.is_some() && self.recovered.is_none()
    }
}

/// In microseconds since the epoch.
fn wall_clock() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Asks how far processors are behind.
struct Lag {
    mysql: MySqlPool,
    kafka: EndsReader,
    topics: Topics,
}

impl Lag {
    fn new(stack: &Stack) -> Result<Self> {
        let kafka =
            EndsReader::new(&stack.kafka(), "matchday-outages", LOOK_MAX / 2).context("a client of Kafka")?;
        let mysql = MySqlPoolOptions::new().max_connections(2).acquire_timeout(LOOK_MAX);
        let mysql = mysql.connect_lazy(&stack.mysql_url())?;
        Ok(Self { mysql, kafka, topics: stack.topics().clone() })
    }

    /// How many messages lie in the feed topics that are not committed, and how many of those that are committed are not
    /// published.
    async fn ask(&self) -> Result<(u64, u64)> {
        let sql = "SELECT sport, kafka_partition, next_offset, next_number - published - 1 FROM feed_offsets";
        let rows =
            sqlx::query(sql).fetch_all(&self.mysql).await.context("asking the database how far it is")?;
        let (mut committed, mut outbox) = (Vec::with_capacity(rows.len()), 0);
        for row in &rows {
            let sport: domain::Sport = row.try_get::<String, _>(0)?.parse()?;
            let (partition, offset) = (row.try_get(1)?, row.try_get(2)?);
            committed.push(TopicOffset { topic: self.topics.feed(sport).into(), partition, offset });
            outbox += u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default();
        }
        let ends = self.kafka.ends(&committed).await.context("asking Kafka how far it is")?;
        let feed = ends.iter().zip(&committed);
        let feed =
            feed.map(|(end, committed)| u64::try_from(end.offset - committed.offset).unwrap_or_default());
        Ok((feed.sum(), outbox))
    }

    /// Of how many events Redis has no image.
    async fn missing_images(&self, stack: &Stack) -> Result<u64> {
        let store: String = sqlx::query_scalar("SELECT store_id FROM store").fetch_one(&self.mysql).await?;
        let events: Vec<String> =
            sqlx::query_scalar("SELECT event_id FROM events").fetch_all(&self.mysql).await?;
        if events.is_empty() {
            return Ok(0);
        }
        let client = redis::Client::open(stack.redis_url())?;
        let mut connection = client.get_multiplexed_async_connection().await.context("asking Redis")?;
        let keys: Vec<String> = events.iter().map(|event| format!("{store}:event:{event}")).collect();
        let there: u64 = redis::cmd("EXISTS").arg(&keys).query_async(&mut connection).await?;
        Ok((events.len() as u64).saturating_sub(there))
    }
}
