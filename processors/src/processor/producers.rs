//! Silences and their end: a producer whose deadline has passed goes down, and every event with something of it hears that
//! it went down or came up, a few events with each transaction while the feed goes on.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use domain::message::ProducerBody;
use domain::{Content, EventId, FeedMessage, Source};

use super::{Next, Outcome, Parts, Processor, REFUSED_AGAIN, now};
use crate::batch::{FeedRecord, Planner};
use crate::metrics;
use crate::producers::Sweep;
use crate::recovery::Asked;
use crate::store::producers::{self, Page};
use crate::store::{ANSWER_MAX, recovery, within};

/// Events that hear of a producer with one transaction.
const EVENTS_MAX: usize = 128;

/// What the sweeps have met with.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Sweeps that take one event at a time now, to find the one that the database refuses, and whether they found it.
    one_by_one: BTreeMap<(i32, Source), bool>,
    /// Sweeps that begin again at this time.
    postponed: BTreeMap<(i32, Source), Instant>,
}

impl Processor {
    /// The recoveries that are under way, where any of the records is of one. What those bring is noted: they have not timed out.
    pub(super) fn asked_for(&self, records: &[FeedRecord]) -> Result<Asked, Outcome> {
        let is_of_recovery = |message: &FeedMessage| {
            let is_end = matches!(message.content, Content::Producer(ProducerBody::SnapshotComplete(_)));
            is_end || message.request_id.is_some()
        };
        if !records.iter().filter_map(FeedRecord::message).any(is_of_recovery) {
            return Ok(Asked::default());
        }
        let Parts { runtime, pool, mysql, shutdown, .. } = &self.parts;
        loop {
            let look = async {
                let asked = recovery::asked(pool).await?;
                let messages = records.iter().filter_map(FeedRecord::message);
                let answers =
                    messages.filter_map(|message| Some((message.source.clone(), message.request_id?)));
                let now = now();
                for (target, asked_at) in asked.delivering(answers, now) {
                    recovery::note_delivering(pool, target, asked_at, now).await?;
                }
                anyhow::Ok(asked)
            };
            let asked = async { tokio::time::timeout(ANSWER_MAX, look).await? };
            match runtime.block_on(asked) {
                Ok(asked) => return Ok(asked),
                Err(error) => mysql.not_ready(format!("recoveries cannot be looked up: {error:#}")),
            }
            if shutdown.has_begun() {
                return Err(Outcome::Stop);
            }
            self.pause();
        }
    }

    /// Whether events have yet to hear of a producer: the feed is not to be waited for.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        self.next_sweep().is_some()
    }

    /// Producers whose silence has lasted too long go down, counted as gaps are: against the time up to which the feed
    /// has been processed.
    pub(super) fn expire_producers(&mut self) -> Next {
        let overdue = self.producers.overdue(&self.heard_until);
        if overdue.is_empty() {
            return Next::Continue;
        }
        let mut working = HashMap::new();
        let mut planner = Planner::new(self.known(), &mut working);
        planner.expire_producers(&overdue);
        let plan = planner.finish();
        match self.commit_plan(plan, working, 0) {
            Outcome::Done => Next::Continue,
            Outcome::Rejoin => Next::Rejoin,
            Outcome::Stop => Next::Stop,
            Outcome::Refused(error) => {
                self.parts.mysql.not_ready(format!("a producer cannot be noted as down: {error}"));
                self.pause();
                Next::Continue
            }
        }
    }

    /// One transaction's worth of one sweep.
    pub(super) fn sweep(&mut self) -> Next {
        let Some(sweep) = self.next_sweep() else { return Next::Continue };
        let key = (sweep.partition, sweep.source.clone());
        let (pool, sport) = (&self.parts.pool, self.parts.sport);
        let page = within(ANSWER_MAX, producers::page(pool, sport, &sweep));
        let Page { mut events, mut to } = match self.parts.runtime.block_on(page) {
            Ok(page) => page,
            Err(error) => {
                self.parts.mysql.not_ready(format!("the events of a producer cannot be read: {error}"));
                self.pause();
                return Next::Continue;
            }
        };
        let at_once = if self.refused.one_by_one.contains_key(&key) { 1 } else { EVENTS_MAX };
        if events.len() > at_once {
            events.truncate(at_once);
            to = events.last().map(ToString::to_string);
        }
        if to.is_none() && self.refused.one_by_one.remove(&key) == Some(true) {
            self.refused.postponed.insert(key.clone(), Instant::now() + REFUSED_AGAIN);
            to = Some(String::new());
        }
        match self.tell_events(&sweep, &events, to.clone()) {
            Outcome::Done => Next::Continue,
            Outcome::Rejoin => Next::Rejoin,
            Outcome::Stop => Next::Stop,
            Outcome::Refused(error) => self.refused(&sweep, key, &events, &error),
        }
    }

    fn next_sweep(&self) -> Option<Sweep> {
        self.sweeps().next()
    }

    /// Those that are not at their end, and not postponed.
    pub(super) fn sweeps(&self) -> impl Iterator<Item = Sweep> + '_ {
        let now = Instant::now();
        self.producers.sweeps().filter(move |sweep| {
            let until = self.refused.postponed.get(&(sweep.partition, sweep.source.clone()));
            until.is_none_or(|until| *until <= now)
        })
    }

    fn tell_events(&mut self, sweep: &Sweep, events: &[EventId], to: Option<String>) -> Outcome {
        let mut working = match self.gather(events.iter().map(|id| (id, sweep.partition))) {
            Ok(working) => working,
            Err(outcome) => return outcome,
        };
        let mut planner = Planner::new(self.known(), &mut working);
        planner.sweep(sweep, events, to);
        let plan = planner.finish();
        self.commit_plan(plan, working, 0)
    }

    /// One event is refused for good, and the others must not wait for it: it is found, passed over, and tried again.
    fn refused(
        &mut self,
        sweep: &Sweep,
        key: (i32, Source),
        events: &[EventId],
        error: &sqlx::Error,
    ) -> Next {
        metrics::batch_failed("sweep_refused");
        // What waits for its turn in these events must stay in memory.
        match self.gather(events.iter().map(|id| (id, sweep.partition))) {
            Ok(working) => self.events.put_back(working),
            Err(_) => return Next::Stop,
        }
        let found = match events {
            [event_id] => {
                tracing::error!(%event_id, source = %sweep.source, %error, "an event cannot be told of its producer");
                self.producers.swept(sweep, event_id.to_string());
                true
            }
            _ => false,
        };
        *self.refused.one_by_one.entry(key).or_default() |= found;
        Next::Continue
    }
}
