//! A walk through one event's update log, with the account of its messages beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::Key;
use serde_json::Value;
use simulator::Schedule;
use simulator::ledger::Account;

use super::entry::{Change, Entry, Payload};
use super::gap::Declared;
use super::heard::Heard;
use super::trace::{Trace, VersionTrace, hash, hash_value};
use super::values::{Trust, compare, touched};
use super::{Oracle, Told, said};
use crate::anomaly::{Example, Kind};
use crate::judge::Verdict;
use crate::latency::class;

mod end;
mod turns;

/// The place whose values are judged here.
const PLACE: &str = "update log";

/// Where a walk stands.
struct Walk<'a> {
    oracle: &'a Oracle,
    schedule: &'a Schedule,
    told: &'a Told,
    event_id: &'a str,
    heard: &'a Heard<'a>,
    verdict: &'a mut Verdict,
    trace: Trace,
    /// The place of each line among the event's messages.
    turns: HashMap<u32, usize>,
    account: Account,
    /// The next message whose turn it is.
    next: usize,
    /// Bet stops that shut markets ahead of their turn.
    ahead: BTreeSet<usize>,
    /// What is missing: the message, and the last that had come when it came.
    gap: Option<(usize, usize)>,
    is_down: bool,
    /// The gaps that may have been declared, in order.
    gaps: Vec<Declared>,
    seen: HashSet<u32>,
    /// The ids of the messages that led to a version.
    ids: HashSet<String>,
    /// The markets that are open now.
    open: BTreeMap<String, bool>,
    /// The value of each key now.
    values: BTreeMap<String, Value>,
}

/// Holds an event's update log against what was told of it, and of what was told against what was heard.
#[must_use]
pub fn walk(
    oracle: &Oracle,
    schedule: &Schedule,
    (event_id, told): (&str, &Told),
    log: &[Entry],
    heard: &Heard,
    verdict: &mut Verdict,
) -> Trace {
    let numbered = (0..).zip(told.lines.iter().chain(&told.beyond));
    let producer = told.source.1.parse().expect("it was a name when it was read");
    let sport = told.sport.parse().expect("it was a sport when it was read");
    let mut walk = Walk {
        oracle,
        schedule,
        told,
        event_id,
        heard,
        verdict,
        trace: Trace::default(),
        turns: numbered.map(|(place, line)| (*line, place)).collect(),
        account: Account::new(producer, sport),
        next: 0,
        ahead: BTreeSet::new(),
        gap: None,
        is_down: heard.needs_recovery(&told.source),
        gaps: Vec::new(),
        seen: HashSet::new(),
        ids: HashSet::new(),
        open: BTreeMap::new(),
        values: BTreeMap::new(),
    };
    for entry in log {
        walk.step(entry);
    }
    walk.end();
    walk.trace
}

impl Walk<'_> {
    fn hold(&mut self, kind: Kind, version: Option<u64>, agrees: bool, what: &str, must_be: (&str, &str)) {
        let (event_id, (expected, found)) = (self.event_id, must_be);
        let example = || Example {
            place: PLACE.to_owned(),
            event_id: event_id.to_owned(),
            version,
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            record: None,
        };
        self.verdict.compare(kind, Some(&self.told.sport), agrees, example, PLACE);
    }

    /// The same of a message, which lies in its feed topic.
    fn hold_message(
        &mut self,
        kind: Kind,
        version: Option<u64>,
        agrees: bool,
        message_id: &str,
        (expected, found): (&str, &str),
    ) {
        let (event_id, heard) = (self.event_id, self.heard);
        let example = || Example {
            place: PLACE.to_owned(),
            event_id: event_id.to_owned(),
            version,
            what: format!("message {message_id}"),
            expected: expected.to_owned(),
            found: found.to_owned(),
            record: heard.record(message_id),
        };
        self.verdict.compare(kind, Some(&self.told.sport), agrees, example, PLACE);
    }

    fn step(&mut self, entry: &Entry) {
        let version = entry.version;
        let due = self.trace.versions.last_key_value().map_or(0, |(version, _)| *version) + 1;
        let chain = (format!("{due}"), format!("{version}"));
        self.hold(Kind::Skipped, None, version == due, "version", (&chain.0, &chain.1));
        let payload: Payload = match serde_json::from_slice(&entry.payload) {
            Ok(payload) => payload,
            Err(error) => {
                let found = error.to_string();
                return self.hold(
                    Kind::WrongValueAtVersion,
                    Some(version),
                    false,
                    "update",
                    ("readable", &found),
                );
            }
        };
        let is_joined = payload.version == version && payload.previous_version + 1 == version;
        let found = format!("from {} to {}", payload.previous_version, payload.version);
        self.hold(Kind::NonMonotonic, Some(version), is_joined, "step", ("to the row's version", &found));
        let line = payload.cause.message_id.as_ref().and_then(|id| self.oracle.line(id));
        let known = VersionTrace {
            line,
            payload: hash(&entry.payload),
            class: payload.cause.message_id.as_ref().and_then(|_| class(&payload.cause.kind)),
            generated_at: payload.cause.generated_at,
            received_at: payload.cause.received_at,
            applied_at: payload.applied_at,
        };
        self.trace.versions.insert(version, known);
        let touched = match &payload.cause.message_id {
            Some(id) => {
                self.trace.messages += 1;
                self.message(version, id, line, &payload.cause.kind)
            }
            None => {
                self.trace.turns += 1;
                self.turn(version, &payload.cause, payload.applied_at);
                Vec::new()
            }
        };
        self.values(version, (payload.cause.received_at, payload.applied_at), &payload.changes, touched);
        let is_open = self.open.values().any(|is_open| *is_open);
        if self.trace.offered.last().is_some_and(|(.., was_open)| *was_open) != is_open {
            self.trace.offered.push((payload.applied_at, version, is_open));
        }
    }

    /// A message led to it; returns the keys that it can have changed.
    fn message(&mut self, version: u64, id: &str, line: Option<u32>, kind: &str) -> Vec<Key> {
        // A Unified Odds Feed's messages get their ids on the way.
        let is_known = line.is_some() || !self.told.is_counted;
        let must_be = ("one that was sent", "one that nobody has sent");
        self.hold_message(Kind::Phantom, Some(version), is_known, id, must_be);
        let is_first = self.ids.insert(id.to_owned());
        let is_new = line.map_or(is_first, |line| self.seen.insert(line));
        let must_be = ("applied once", "applied again");
        self.hold_message(Kind::DuplicateEffect, Some(version), is_new, id, must_be);
        let Some(line) = line else { return Vec::new() };
        let Some(&turn) = self.turns.get(&line) else {
            let must_be = ("of another event", "of this one");
            self.hold_message(Kind::Phantom, Some(version), false, id, must_be);
            return Vec::new();
        };
        if !is_new || !self.told.is_counted {
            return Vec::new();
        }
        self.reach_stops();
        let is_ahead = turn > self.next && kind == "bet_stop";
        let is_turn = turn == self.next || is_ahead;
        let found =
            format!("after {} of its event's messages, before {}", self.next, turn.saturating_sub(self.next));
        let kind = if turn < self.next { Kind::NonMonotonic } else { Kind::Skipped };
        self.hold_message(kind, Some(version), is_turn, id, ("in its turn", &found));
        if is_ahead {
            self.ahead.insert(turn);
            return Vec::new();
        }
        if turn < self.next {
            return Vec::new();
        }
        let mut keys = Vec::new();
        // What was skipped counts as said, so that it is not held against everything that follows.
        while self.next <= turn {
            keys = self.enter();
        }
        keys
    }

    /// Takes the next message into the account.
    fn enter(&mut self) -> Vec<Key> {
        let line = self
            .told
            .lines
            .get(self.next)
            .or_else(|| self.told.beyond.get(self.next - self.told.lines.len()));
        let said = line.and_then(|line| said(self.schedule, *line));
        self.next += 1;
        if self.gap.is_some_and(|(_, last)| self.next > last + 1) {
            self.gap = None;
        }
        let Some((_, _, body)) = said else { return Vec::new() };
        self.account.enter(&body);
        touched(&body, &self.account)
    }

    /// Stops that had their effect ahead of their turn have none when it comes.
    fn reach_stops(&mut self) {
        while self.ahead.remove(&self.next) {
            let _ = self.enter();
        }
    }

    fn trust(&self) -> Trust {
        let is_missing = self.gap.is_some_and(|(missing, _)| self.next <= missing);
        if self.is_down || is_missing || !self.ahead.is_empty() {
            Trust::None
        } else if self.gap.is_some() {
            Trust::Returning
        } else {
            Trust::Whole
        }
    }

    /// Notes what changed, and holds it, and what must have changed, against the account.
    fn values(
        &mut self,
        version: u64,
        (received_at, applied_at): (Option<i64>, i64),
        changes: &[Change],
        touched: Vec<Key>,
    ) {
        let mut keys: BTreeSet<Key> = touched.into_iter().collect();
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        for change in changes {
            let value: Value = serde_json::from_str(change.value.get()).unwrap_or_default();
            let steps = self.trace.keys.entry(change.key.to_string()).or_default();
            steps.push((version, hash_value(&value)));
            if change.key.starts_with("market:") {
                self.open.insert(change.key.to_string(), value["status"] == "active");
            }
            match change.key.parse::<Key>() {
                Ok(key) => drop(keys.insert(key)),
                Err(error) => {
                    let error = error.to_string();
                    self.hold(Kind::Phantom, Some(version), false, &change.key, ("a key", &error));
                }
            }
            found.insert(change.key.to_string(), value);
        }
        // A producer that went down while nothing was open is known to be down by what stays shut.
        let is_shut = |value: &Value| value["suspension"] == "producer_down";
        self.is_down |= found.values().any(is_shut) && self.may_have_been_silent(applied_at);
        // And one that came up while nothing was kept shut by that, by what is open. One that needs a recovery may have gone down
        // while nothing showed it.
        let is_open = |value: &Value| value["status"] == "active";
        let may_be_down = self.is_down || self.heard.needs_recovery(&self.told.source);
        if may_be_down && received_at.is_some() && found.values().any(is_open) {
            // What had to wait is applied after it came.
            let mut times = [received_at, Some(applied_at)].into_iter();
            self.is_down = !times.any(|at| self.heard.may_be_up(&self.told.source, at));
        }
        let trust = self.trust();
        self.hold_shut(version, trust);
        let changed: BTreeSet<String> = found.keys().cloned().collect();
        self.values.extend(found);
        if !self.told.is_counted {
            return;
        }
        for key in keys {
            let name = key.to_string();
            let is_changed = changed.contains(&name);
            // What a message speaks of and the update does not name must have been so already.
            if !is_changed && trust != Trust::Whole {
                continue;
            }
            let value = self.values.get(&name).unwrap_or(&Value::Null);
            for compared in compare(&self.account, &key, value, trust) {
                let what = if is_changed { compared.what } else { format!("{}, unchanged,", compared.what) };
                let must_be = (compared.expected.as_str(), compared.found.as_str());
                self.hold(compared.kind, Some(version), compared.agrees, &what, must_be);
            }
        }
    }

    /// While an event cannot be trusted none of its markets is open.
    fn hold_shut(&mut self, version: u64, trust: Trust) {
        if trust != Trust::None {
            return;
        }
        let open: Vec<String> =
            self.open.iter().filter(|(_, is_open)| **is_open).map(|(key, _)| key.clone()).collect();
        if open.is_empty() {
            self.hold(Kind::MarketOpenWhileUnsafe, Some(version), true, "", ("", ""));
        }
        for key in open {
            self.hold(
                Kind::MarketOpenWhileUnsafe,
                Some(version),
                false,
                &format!("{key} status"),
                ("shut", "active"),
            );
        }
    }
}
