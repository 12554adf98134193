//! What must hold at every moment of a run and does not show at its end: looked at while messages are being sent.
//!
//! No client has been shown what the database does not have, for what is published has been committed; and REST has what clients
//! were shown before it was asked, for whatever it keeps is no older than its sockets. Once the stack has recovered from an outage
//! every event is read in every store: it is there, and at whatever version it is, it has that version's values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use crate::anomaly::{Example, Kind};
use crate::feed::Feed;
use crate::judge::Verdict;
use crate::observe::mysql::Mysql;
use crate::observe::names::Names;
use crate::observe::socket::Member;
use crate::observe::{Picture, Places, rest};
use crate::oracle::{Trace, hash_value};
use crate::outage::Happened;
use after::After;

mod after;

/// Between two looks. At each, REST is asked for one event.
const EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take; what is not answered was not looked at.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The places that are looked at: what clients had been shown, held against the database, and REST.
pub const PLACES: [&str; 2] = [CLIENTS, REST];
const CLIENTS: &str = "clients, meanwhile";
const REST: &str = "rest, meanwhile";
/// The places that are looked at once the stack has recovered from an outage.
pub const RECOVERED: [&str; 3] = [MYSQL_AFTER, REDIS_AFTER, REST_AFTER];
const MYSQL_AFTER: &str = "mysql, after outages";
const REDIS_AFTER: &str = "redis, after outages";
const REST_AFTER: &str = "rest, after outages";

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// How often an event of which clients had been shown a version was looked up in the database.
    pub compared: u64,
    /// When it had none as high.
    pub ahead: Vec<Ahead>,
    /// How often the database did not say which versions it had.
    pub database_failed: u64,
    /// What stores and REST answered.
    pub answers: Vec<Answer>,
    /// The events and keys in it.
    names: Names,
    /// What a store can never hold, whatever was sent.
    pub broken: Vec<(Kind, Example)>,
    /// How often a place did not answer in time, or with something else than the events that it was asked for.
    pub failed: BTreeMap<&'static str, u64>,
    /// After how many outages that the stack has recovered from not every store was read.
    pub unread: u64,
}

/// A client had been shown a version that the database did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// The event.
    pub event_id: String,
    /// The version shown.
    pub shown: u64,
    /// That of the database a moment later.
    pub committed: u64,
}

/// What a place said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The place.
    pub place: &'static str,
    /// The event.
    pub event_id: Arc<str>,
    /// The version that clients had been shown before it was asked; 0 where it may be behind them.
    pub shown: u64,
    /// Its version.
    pub version: u64,
    /// The hash of each key's value, by key; `None` where it is shown otherwise than it is, because nobody processes the event.
    pub values: Box<[(Arc<str>, Option<u64>)]>,
}

/// What looks.
pub struct Looker<'a> {
    feed: &'a Feed,
    mysql: Mysql,
    rest: String,
    client: reqwest::Client,
    /// The event that REST was asked for last.
    last: String,
    /// Counts [`Looks::ahead`], for whoever watches.
    ahead: Arc<AtomicU64>,
    /// What reads every store once the stack has recovered from an outage.
    after: After,
    /// What it has seen.
    pub looks: Looks,
}

impl<'a> Looker<'a> {
    /// At a stack, for the events of this feed. `ahead` counts what clients were shown and the database did not have.
    ///
    /// # Errors
    /// When the database's address is none.
    pub fn new(
        places: &Places,
        feed: &'a Feed,
        ahead: Arc<AtomicU64>,
        happened: watch::Receiver<Happened>,
    ) -> Result<Self> {
        let mysql = Mysql::new(&places.mysql)?;
        let after = After::new(places, mysql.clone(), happened);
        Ok(Self {
            feed,
            mysql,
            rest: places.rest.clone(),
            client: reqwest::Client::new(),
            last: String::new(),
            ahead,
            after,
            looks: Looks::default(),
        })
    }

    /// Looks until it is dropped.
    pub async fn run(&mut self, members: &[Member]) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let shown = self.shown(members);
            // Asked after the clients, the database has at least what they had been shown.
            match timeout(ANSWER_WITHIN, self.mysql.versions()).await {
                Ok(Ok(committed)) => {
                    self.looks.note_committed(&shown, &committed);
                    self.ahead.store(self.looks.ahead.len() as u64, Ordering::Relaxed);
                }
                _ => self.looks.database_failed += 1,
            }
            self.ask_rest(&shown).await;
            let shown = self.shown(members);
            self.after.catch_up(&shown, &mut self.looks).await;
        }
    }

    /// When the run is over: reads what could not be read before.
    pub async fn finish(&mut self, members: &[Member]) {
        let shown = self.shown(members);
        self.after.finish(&shown, &mut self.looks).await;
    }

    /// The highest version of each event that a client was shown.
    fn shown(&self, members: &[Member]) -> BTreeMap<String, u64> {
        let mut shown = BTreeMap::new();
        let ours = |(event_id, _): &(String, u64)| self.feed.oracle.events().contains_key(event_id);
        for (event_id, version) in members.iter().flat_map(Member::versions).filter(ours) {
            let highest = shown.entry(event_id).or_default();
            *highest = version.max(*highest);
        }
        shown
    }

    /// Asks for the event whose turn it is.
    async fn ask_rest(&mut self, shown: &BTreeMap<String, u64>) {
        let next = shown
            .range::<str, _>((std::ops::Bound::Excluded(self.last.as_str()), std::ops::Bound::Unbounded));
        let Some((event_id, shown)) = next.chain(shown).next() else { return };
        self.last.clone_from(event_id);
        let asked = rest::picture(&self.client, &self.rest, event_id);
        // A service that is away, or knows nothing of it yet, has said nothing wrong; but it has not been looked at either.
        match timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(Some(picture))) => self.looks.note(REST, event_id, *shown, &picture),
            _ => self.looks.note_failed(REST),
        }
    }
}

impl Looks {
    fn note(&mut self, place: &'static str, event_id: &str, shown: u64, picture: &Picture) {
        let answer = Answer::of(&mut self.names, place, event_id, shown, picture);
        self.answers.push(answer);
    }

    fn note_failed(&mut self, place: &'static str) {
        *self.failed.entry(place).or_default() += 1;
    }

    fn note_committed(&mut self, shown: &BTreeMap<String, u64>, committed: &BTreeMap<String, u64>) {
        for (event_id, &shown) in shown {
            let committed = committed.get(event_id).copied().unwrap_or_default();
            self.compared += 1;
            if committed < shown {
                self.ahead.push(Ahead { event_id: event_id.clone(), shown, committed });
            }
        }
    }

    /// Holds what was seen against the update log.
    pub fn judge(&self, feed: &Feed, traces: &BTreeMap<String, Trace>, verdict: &mut Verdict) {
        if self.database_failed > 0 {
            verdict.unanswered(CLIENTS, self.database_failed);
        }
        for (place, times) in &self.failed {
            verdict.unanswered(place, *times);
        }
        for _ in self.ahead.len() as u64..self.compared {
            verdict.compare(Kind::Phantom, None, true, Example::default, CLIENTS);
        }
        for Ahead { event_id, shown, committed } in &self.ahead {
            let example = || Example {
                place: CLIENTS.to_owned(),
                event_id: event_id.clone(),
                version: Some(*shown),
                what: "the version shown".to_owned(),
                expected: "one that is committed".to_owned(),
                found: format!("ahead of the database, which had {committed}"),
                record: None,
            };
            verdict.compare(Kind::Phantom, Some(feed.sport(event_id)), false, example, CLIENTS);
        }
        for (kind, example) in &self.broken {
            let sport = feed.sport(&example.event_id);
            verdict.compare(*kind, Some(sport), false, || example.clone(), &example.place);
        }
        for answer in &self.answers {
            if let Some(trace) = traces.get(&*answer.event_id) {
                answer.judge(feed.sport(&answer.event_id), trace, verdict);
            }
        }
    }
}

impl Answer {
    fn of(names: &mut Names, place: &'static str, event_id: &str, shown: u64, picture: &Picture) -> Self {
        let is_of_version = |value: &Value| value["suspension"] != "processor_silent";
        let value = |value: &Value| is_of_version(value).then(|| hash_value(value));
        Self {
            place,
            event_id: names.kept(event_id),
            shown,
            version: picture.version,
            values: picture.values.iter().map(|(key, of)| (names.kept(key), value(of))).collect(),
        }
    }

    fn judge(&self, sport: &str, trace: &Trace, verdict: &mut Verdict) {
        let Self { place, event_id, shown, version, values } = self;
        let mut hold = |kind: Kind, agrees: bool, what: &str, expected: &str, found: &str| {
            let example = || Example {
                place: (*place).to_owned(),
                event_id: event_id.to_string(),
                version: Some(*version),
                what: what.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
                record: None,
            };
            verdict.compare(kind, Some(sport), agrees, example, place);
        };
        let (must, is) = (format!("at least {shown}, which a client had been shown"), version.to_string());
        hold(Kind::Stale, version >= shown, "version", &must, &is);
        for (key, value) in &**values {
            let agrees = value.is_none_or(|value| value == trace.value_at(key, *version));
            hold(Kind::WrongValueAtVersion, agrees, key, "as the update log has it", "another value");
        }
        let is_there = |key: &str| values.binary_search_by(|(there, _)| (**there).cmp(key)).is_ok();
        for key in trace.keys.keys().filter(|key| !is_there(key)) {
            let is_gone = trace.value_at(key, *version) == 0;
            hold(Kind::WrongValueAtVersion, is_gone, key, "as the update log has it", "missing");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(version: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("md:match:1".to_owned(), version)])
    }

    /// What an answer is accused of, where clients had been shown version 3 and the log sets `status` at 2 and 5.
    fn accused(version: u64, status: Option<u64>) -> Vec<Kind> {
        let keys = BTreeMap::from([("status".to_owned(), vec![(2, 20), (5, 50)])]);
        let trace = Trace { keys, ..Trace::default() };
        let values = status.map(|hash| ("status".into(), Some(hash))).into_iter().collect();
        let answer = Answer { place: REST, event_id: "md:match:1".into(), shown: 3, version, values };
        let mut verdict = Verdict::default();
        answer.judge("hockey", &trace, &mut verdict);
        verdict.anomalies.examples().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn an_answer_has_the_values_of_its_version_and_is_not_behind_what_clients_were_shown() {
        assert_eq!(accused(3, Some(20)), []);
        assert_eq!(accused(5, Some(50)), []);
        assert_eq!(accused(2, Some(20)), [Kind::Stale]);
        assert_eq!(accused(5, Some(20)), [Kind::WrongValueAtVersion]);
        assert_eq!(accused(4, None), [Kind::WrongValueAtVersion]);
    }

    #[test]
    fn a_place_that_never_answers_has_not_been_looked_at() {
        let schedule = simulator::ScheduleBuilder::default().build();
        let feed = Feed::of(schedule, BTreeMap::new());
        let unseen = |looks: Looks| {
            let mut verdict = Verdict::default();
            looks.judge(&feed, &BTreeMap::new(), &mut verdict);
            (verdict.unseen(), verdict.places.values().map(|tally| tally.unanswered).sum::<u64>())
        };
        assert_eq!(unseen(Looks { compared: 7, failed: [(REST, 9)].into(), ..Looks::default() }), (1, 9));
        assert_eq!(unseen(Looks { compared: 7, database_failed: 2, ..Looks::default() }), (0, 2));
    }

    #[test]
    fn what_is_shown_before_it_is_committed_is_noted() {
        let mut looks = Looks::default();
        for committed in [versions(4), versions(3), versions(2), BTreeMap::new()] {
            looks.note_committed(&versions(3), &committed);
        }
        assert_eq!(looks.compared, 4);
        assert_eq!(looks.ahead.iter().map(|ahead| ahead.committed).collect::<Vec<_>>(), [2, 0]);
    }
}
