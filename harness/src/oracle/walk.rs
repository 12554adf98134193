//! A walk through one event's update log, with the account of its messages beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::Key;
use serde_json::Value;
use simulator::Schedule;
use simulator::ledger::Account;

use super::entry::{Cause, Change, Entry, Payload};
use super::gap::Declared;
use super::heard::{Heard, Timed};
use super::trace::{Trace, VersionTrace, hash, hash_value};
use super::values::{Trust, compare, touched};
use super::{Oracle, Told, said};
use crate::anomaly::{Example, Kind};
use crate::judge::Verdict;
use crate::latency::class;

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
    /// How often it went down.
    downs: usize,
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
        is_down: false,
        downs: 0,
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
                self.turn(version, &payload.cause, payload.applied_at)
            }
        };
        self.values(version, (payload.cause.received_at, payload.applied_at), &payload.changes, touched);
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

    /// No message led to it.
    fn turn(&mut self, version: u64, cause: &Cause, at: i64) -> Vec<Key> {
        let is_of_source = cause.provider == self.told.source.0 && cause.producer == self.told.source.1;
        let silences = self.silences_until(at);
        let is_right = is_of_source
            && match &*cause.kind {
                "gap" => self.told.may_have_gap,
                "producer_down" => !self.is_down && self.downs < silences,
                // Where nothing was open when it went down, nothing was said of that.
                "producer_up" => silences > 0,
                _ => false,
            };
        // Since when something was missing is known when the whole log is.
        if !(is_right && cause.kind == "gap") {
            let must_be = ("nothing was missing", "declared");
            self.hold(Kind::FalseGap, Some(version), is_right, &cause.kind, must_be);
        }
        match &*cause.kind {
            "gap" => {
                self.reach_stops();
                self.gaps.push(Declared { version, at, missing: self.next });
                self.gap = Some((self.next, self.last_come_with(self.next)));
            }
            "producer_down" => {
                self.is_down = true;
                self.downs += 1;
            }
            "producer_up" => self.is_down = false,
            _ => {}
        }
        Vec::new()
    }

    /// How often its producer may have been taken for silent until then. One whose messages have no sequence is down until its
    /// recoveries are over, too.
    fn silences_until(&self, at: i64) -> usize {
        if !self.told.is_counted {
            return usize::MAX;
        }
        let planned = if self.oracle.silent.contains(&self.told.source) { usize::MAX } else { 0 };
        self.heard.silences(&self.told.source, at).unwrap_or(planned)
    }

    /// The last message that had come when this one did: those due until then wait for it.
    fn last_come_with(&self, turn: usize) -> usize {
        let Some(line) = self.told.lines.get(turn) else { return usize::MAX };
        let due = self.schedule.offset_ns(*line as usize);
        let is_due = |line: &u32| self.schedule.offset_ns(*line as usize) <= due;
        self.told.lines.iter().rposition(is_due).unwrap_or(turn)
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
        self.is_down |= self.silences_until(applied_at) > 0 && found.values().any(is_shut);
        // And one that came up while nothing was kept shut by that, by what is open.
        let is_open = |value: &Value| value["status"] == "active";
        if self.is_down && received_at.is_some() && found.values().any(is_open) {
            self.is_down = !self.heard.may_be_up(&self.told.source, received_at);
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

    /// What was told and accepted must have been applied.
    fn end(&mut self) {
        self.reach_stops();
        let reached = |walk: &Self, turn: usize| turn < walk.next;
        if self.told.is_counted {
            for (turn, line) in self.told.lines.iter().enumerate() {
                if !self.heard.is_accepted(*line) {
                    continue;
                }
                let is_there = self.seen.contains(line) || reached(self, turn) && self.is_stop(*line);
                let id = if is_there { String::new() } else { self.id_of(*line) };
                self.hold_message(Kind::Lost, None, is_there, &id, ("applied", "nowhere"));
            }
        }
        if let Some(timed) = self.heard.timed(self.event_id).filter(|_| !self.told.is_counted) {
            self.end_of_timed(&timed);
        }
        let gaps = std::mem::take(&mut self.gaps);
        for gap in gaps.iter().filter(|_| self.told.may_have_gap) {
            self.hold_gap(gap);
        }
        if self.told.must_have_gap {
            let had_gap = !gaps.is_empty();
            self.hold(Kind::FalseGap, None, had_gap, "gap", ("declared", "never declared"));
        } else if self.trace.messages > 0 && self.trace.turns == 0 {
            // Nothing had to be declared, and nothing was; what was has been judged at its version.
            self.hold(Kind::FalseGap, None, true, "", ("", ""));
        }
    }

    /// Something must have been missing when a gap was declared, for as long as is waited for it.
    fn hold_gap(&mut self, gap: &Declared) {
        let appended_at = |line| {
            let (id, ..) = said(self.schedule, line)?;
            self.heard.messages?.get(id.as_str()).map(|appended| appended.at_ms * 1_000)
        };
        let fault = gap.fault(self.told, &self.trace, self.heard, appended_at);
        let found = fault.as_deref().unwrap_or_default();
        let must_be = ("declared once it was waited long enough for what was missing", found);
        self.hold(Kind::FalseGap, Some(gap.version), fault.is_none(), "gap", must_be);
    }

    /// Whatever was accepted must be in the feed, whatever was applied must have come from there, and whatever is there must have
    /// been applied, unless it was made before what had come already.
    fn end_of_timed(&mut self, timed: &[(&Timed, bool)]) {
        let accepted = self.told.lines.iter().filter(|line| self.heard.is_accepted(**line)).count();
        let there = (accepted.to_string(), timed.len().to_string());
        let what = "messages in the feed";
        self.hold(Kind::Lost, None, timed.len() >= accepted, what, (&there.0, &there.1));
        let mut sent: HashSet<&str> = HashSet::with_capacity(timed.len());
        for (Timed { message_id, .. }, is_overtaken) in timed {
            sent.insert(message_id);
            let is_there = self.ids.contains(message_id);
            if is_there || !is_overtaken {
                self.hold_message(Kind::Lost, None, is_there, message_id, ("applied", "nowhere"));
            }
        }
        let unsent: Vec<String> = self.ids.iter().filter(|id| !sent.contains(id.as_str())).cloned().collect();
        for id in unsent {
            self.hold_message(Kind::Phantom, None, false, &id, ("in the feed", "nowhere in it"));
        }
    }

    fn is_stop(&self, line: u32) -> bool {
        self.seen.contains(&line)
            || matches!(said(self.schedule, line), Some((_, _, domain::Body::BetStop(_))))
    }

    fn id_of(&self, line: u32) -> String {
        said(self.schedule, line).map_or_else(String::new, |(id, _, _)| id.to_string())
    }
}
