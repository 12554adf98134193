//! The trial: every place that a run leaves traces in is held against the oracle and against the update log.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use simulator::ledger::Deliveries;

use crate::anomaly::{Example, Kind};
use crate::feed::Feed;
use crate::judge::{Expected, Verdict};
use crate::observe::kafka::{Feeds, Published};
use crate::observe::mysql::Mysql;
use crate::observe::socket::Seen;
use crate::observe::{Pictures, Places, Reading, redis, rest};
use crate::oracle::{Heard, Trace, judge_silences, walk};

pub use sockets::{judge_ends, judge_sockets};

mod sockets;

/// The topics that the update log is published to.
const UPDATES: &str = "updates topic";

/// Holds MySQL, its update log, Redis, REST and what clients saw against what must be, and against one another.
///
/// # Errors
/// When something cannot be observed.
pub async fn judge(places: &Places, feed: &Feed, clients: &[(&str, &Seen)]) -> Result<Verdict> {
    let mysql = Mysql::new(&places.mysql)?;
    let mut verdict = Verdict::default();
    let traces = traces(&mysql, feed, &Heard::default(), &mut verdict).await?;
    judge_places(places, feed, &traces, clients, (true, &BTreeSet::new()), &mut verdict).await?;
    judge_sockets(feed, &traces, clients, &mut verdict);
    Ok(verdict)
}

/// Holds the update log of every event against the oracle, and says what it holds.
///
/// # Errors
/// When the database fails.
pub async fn traces(
    mysql: &Mysql,
    feed: &Feed,
    heard: &Heard<'_>,
    verdict: &mut Verdict,
) -> Result<BTreeMap<String, Trace>> {
    verdict.look_at("update log");
    let mut traces = BTreeMap::new();
    for (event_id, told) in feed.oracle.events() {
        let log = mysql.log(event_id).await.context("reading the update log")?;
        let trace = walk(&feed.oracle, &feed.schedule, (event_id, told), &log, heard, verdict);
        traces.insert(event_id.clone(), trace);
    }
    judge_silences(&feed.oracle, &traces, heard, verdict);
    Ok(traces)
}

/// Holds where every event ends against its ledger, and every place against MySQL. Events of others are no phantoms where the
/// stack is not ours alone. Of events that were `cut_short` it is not known where they end, but that all places say the same. What of a
/// place cannot be read is an anomaly of it, and the rest is judged.
///
/// # Errors
/// When a store does not answer.
pub async fn judge_places(
    places: &Places,
    feed: &Feed,
    traces: &BTreeMap<String, Trace>,
    clients: &[(&str, &Seen)],
    (is_own, cut_short): (bool, &BTreeSet<String>),
    verdict: &mut Verdict,
) -> Result<()> {
    let mysql = Mysql::new(&places.mysql)?;
    let events: Vec<String> = feed.expected.keys().cloned().collect();
    let ours = |mut reading: Reading| {
        feed.unannounced().for_each(|id| drop(reading.pictures.remove(id)));
        if !is_own {
            let is_ours = |id: &str| feed.expected.contains_key(id);
            reading.pictures.retain(|id, _| is_ours(id));
            reading.broken.retain(|(_, example)| example.event_id.is_empty() || is_ours(&example.event_id));
        }
        reading
    };
    let in_mysql = mysql.read().await.context("reading MySQL")?;
    for event_id in feed.unannounced() {
        let example = || missing("mysql", event_id, "event");
        verdict.compare(Kind::Lost, None, in_mysql.pictures.contains_key(event_id), example, "mysql");
    }
    let mut in_mysql = ours(in_mysql);
    let in_mysql_cut_short = part(&mut in_mysql, cut_short);
    let in_redis = redis::read(&places.redis, &mysql.store_id().await?, &events).await?;
    let by_rest = rest::read(&places.rest, &events).await?;
    let (expected_cut_short, expected): (BTreeMap<_, _>, BTreeMap<_, _>) =
        expected(feed, traces).into_iter().partition(|(id, _)| cut_short.contains(id));
    judge_reading("mysql", &expected, &in_mysql, verdict);
    let said = Said { expected, in_mysql: in_mysql.pictures, expected_cut_short, in_mysql_cut_short };
    said.judge("redis", in_redis, cut_short, verdict);
    said.judge("rest", by_rest, cut_short, verdict);
    for (place, seen) in clients {
        let reading = ours(Reading { pictures: seen.pictures.clone(), ..Reading::default() });
        said.judge(place, reading, cut_short, verdict);
    }
    let listed = said.expected.iter().map(|(id, expected)| (id.clone(), expected.listed())).collect();
    let mut list = ours(rest::read_list(&places.rest).await?);
    drop(part(&mut list, cut_short));
    judge_reading("rest list", &listed, &list, verdict);
    Ok(())
}

/// What must be, and what MySQL says; of events that were cut short the one is not known.
struct Said {
    expected: BTreeMap<String, Expected>,
    in_mysql: Pictures,
    expected_cut_short: BTreeMap<String, Expected>,
    in_mysql_cut_short: Pictures,
}

impl Said {
    /// Holds a place against both. Wherever an event that was cut short ends, it does so in all places.
    fn judge(&self, place: &str, mut reading: Reading, cut_short: &BTreeSet<String>, verdict: &mut Verdict) {
        let read_cut_short = part(&mut reading, cut_short);
        judge_reading(place, &self.expected, &reading, verdict);
        verdict.judge_equal(place, &self.expected, &reading.pictures, &self.in_mysql);
        verdict.judge_equal(place, &self.expected_cut_short, &read_cut_short, &self.in_mysql_cut_short);
    }
}

/// Takes these events out of what was read, and gives them back.
fn part(reading: &mut Reading, events: &BTreeSet<String>) -> Pictures {
    events.iter().filter_map(|id| reading.pictures.remove_entry(id)).collect()
}

/// Holds what was read in a place against what must be. What could not be read is wrong for that, and no more is said of it.
fn judge_reading(
    place: &str,
    expected: &BTreeMap<String, Expected>,
    reading: &Reading,
    verdict: &mut Verdict,
) {
    for (kind, example) in &reading.broken {
        let sport = expected.get(&example.event_id).map(|expected| expected.sport.as_str());
        verdict.compare(*kind, sport, false, || example.clone(), place);
    }
    if reading.unread.is_empty() && !reading.is_cut {
        return verdict.judge_place(place, expected, &reading.pictures);
    }
    let is_known =
        |id: &String| reading.pictures.contains_key(id) || !reading.is_cut && !reading.unread.contains(id);
    let known = expected.iter().filter(|(id, _)| is_known(id));
    let known = known.map(|(id, expected)| (id.clone(), expected.clone())).collect();
    verdict.judge_place(place, &known, &reading.pictures);
}

/// What must be, with the versions that no message led to: how many those may be is the oracle's to say.
fn expected(feed: &Feed, traces: &BTreeMap<String, Trace>) -> BTreeMap<String, Expected> {
    let mut expected = feed.expected.clone();
    for (event_id, expected) in &mut expected {
        let Some(trace) = traces.get(event_id) else { continue };
        expected.turns = trace.turns;
        // Bet stops behind what is missing have versions, too.
        if feed.stalled.contains(event_id) {
            expected.messages = expected.messages.max(trace.messages);
        }
        // Which of these may lead to no version has been judged with the update log.
        if !feed.oracle.events().get(event_id).is_none_or(|told| told.is_counted) {
            expected.messages = expected.messages.min(trace.messages);
        }
    }
    expected
}

/// Holds Kafka's feed topics against what was answered: every accepted message is in them.
pub fn judge_feeds(feed: &Feed, feeds: &Feeds, deliveries: &Deliveries, verdict: &mut Verdict) {
    const PLACE: &str = "feed topic";
    // Of a Unified Odds Feed alone nothing of it can be compared.
    if feed.oracle.messages().any(|(_, line)| feed.format(line) != simulator::Format::Uof) {
        verdict.look_at(PLACE);
    }
    for (message_id, line) in feed.oracle.messages() {
        let is_accepted = deliveries.status.get(line as usize) == Some(&202);
        // A Unified Odds Feed's messages get their ids on the way.
        if is_accepted && feed.format(line) != simulator::Format::Uof {
            let example = || {
                let channel = &feed.schedule.channels()[feed.schedule.channel(line as usize)];
                let event_id = channel.event_id.as_deref().unwrap_or_default();
                missing(PLACE, event_id, &format!("message {message_id}, line {line} of the schedule,"))
            };
            let is_there = feeds.messages.contains_key(message_id);
            verdict.compare(Kind::Lost, None, is_there, example, PLACE);
        }
    }
}

/// Holds Kafka's updates topics against the update log: they are that log, to the byte and in order, whatever was published
/// twice.
pub fn judge_updates(
    feed: &Feed,
    traces: &BTreeMap<String, Trace>,
    updates: &BTreeMap<String, Vec<Published>>,
    verdict: &mut Verdict,
) {
    verdict.look_at(UPDATES);
    for (event_id, trace) in traces {
        let empty = Vec::new();
        let published = updates.get(event_id).unwrap_or(&empty);
        judge_published(feed.sport(event_id), event_id, trace, published, verdict);
    }
}

fn judge_published(
    sport: &str,
    event_id: &str,
    trace: &Trace,
    published: &[Published],
    verdict: &mut Verdict,
) {
    let mut reached = 0;
    for update in published {
        let version = update.version;
        let mut hold = |kind: Kind, agrees: bool, what: &str, expected: &str, found: &str| {
            let example = || Example {
                place: UPDATES.to_owned(),
                event_id: event_id.to_owned(),
                version: Some(version),
                record: Some(update.record.clone()),
                what: what.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            };
            verdict.compare(kind, Some(sport), agrees, example, UPDATES);
        };
        let Some(known) = trace.versions.get(&version) else {
            hold(Kind::Phantom, false, "update", "in the update log", "not there");
            continue;
        };
        let is_same = known.payload == update.payload;
        hold(Kind::StoreDivergence, is_same, "update", "as in the update log, byte for byte", "otherwise");
        let (must, is) = (format!("at most {}", reached + 1), version.to_string());
        hold(Kind::Skipped, version <= reached + 1, "version", &must, &is);
        reached = reached.max(version);
    }
    let last = trace.versions.last_key_value().map_or(0, |(version, _)| *version);
    let example = || Example {
        version: Some(last),
        found: format!("nothing above {reached}"),
        ..missing(UPDATES, event_id, "updates")
    };
    verdict.compare(Kind::Lost, Some(sport), reached >= last, example, UPDATES);
}

fn missing(place: &str, event_id: &str, what: &str) -> Example {
    Example {
        place: place.to_owned(),
        event_id: event_id.to_owned(),
        what: what.to_owned(),
        expected: "there".to_owned(),
        found: "missing".to_owned(),
        ..Example::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Picture;

    /// What is found in a place where three events must be, of which `there` are read.
    fn found(there: &[&str], change: impl FnOnce(&mut Reading)) -> Vec<(Kind, String)> {
        let expected = Expected { sport: "hockey".to_owned(), messages: 1, ..Expected::default() };
        let expected = ["a", "b", "c"].map(|id| (id.to_owned(), expected.clone())).into();
        let picture = Picture { version: 1, ..Picture::default() };
        let pictures = there.iter().map(|id| ((*id).to_owned(), picture.clone())).collect();
        let mut reading = Reading { pictures, ..Reading::default() };
        change(&mut reading);
        let mut verdict = Verdict::default();
        judge_reading("rest", &expected, &reading, &mut verdict);
        let of_events =
            |(_, example): &(Kind, &Example)| !["status", "match status", "score"].contains(&&*example.what);
        let told = verdict.anomalies.examples().filter(of_events);
        told.map(|(kind, example)| (kind, example.event_id.clone())).collect()
    }

    #[test]
    fn what_cannot_be_read_is_accused_once_and_the_rest_is_judged() {
        let lost = |id: &str| (Kind::Lost, id.to_owned());
        let error = anyhow::anyhow!("500");
        let unread = |reading: &mut Reading| reading.note_unread(Kind::Lost, "rest", "b", &error);
        assert_eq!(found(&["a"], |_| {}), [lost("b"), lost("c")]);
        assert_eq!(found(&["a"], unread), [lost("b"), lost("c")], "b for its error, c for being away");
        let cut = |reading: &mut Reading| {
            unread(reading);
            reading.is_cut = true;
        };
        assert_eq!(found(&["a"], cut), [lost("b")], "nobody was asked for c");
        assert_eq!(found(&["a", "x"], cut), [lost("b"), (Kind::Phantom, "x".to_owned())]);
    }

    #[test]
    fn of_an_event_that_was_cut_short_all_places_say_the_same() {
        let picture = |version: u64, status: &str| {
            let mut picture = Picture { version, ..Picture::default() };
            picture.set("market:1", serde_json::json!({"id": 1, "status": status}));
            Pictures::from([("a".to_owned(), picture)])
        };
        let found = |status: &str| {
            let said = Said {
                expected: BTreeMap::new(),
                in_mysql: Pictures::new(),
                expected_cut_short: [("a".to_owned(), Expected { messages: 9, ..Expected::default() })]
                    .into(),
                in_mysql_cut_short: picture(3, "active"),
            };
            let mut verdict = Verdict::default();
            let reading = Reading { pictures: picture(3, status), ..Reading::default() };
            said.judge("redis", reading, &["a".to_owned()].into(), &mut verdict);
            verdict.anomalies.examples().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        assert_eq!(found("active"), [], "how far it came is not asked");
        assert_eq!(found("suspended"), [Kind::StoreDivergence]);
    }
}
