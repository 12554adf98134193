//! Silences of producers: whether each that was declared was one, and whether each that lasted was noticed.
//!
//! Judged once the logs of all events are known, for they say how late processors were: load may make them slow.

use std::collections::BTreeMap;
use std::ops::Range;

use super::heard::{Heard, NOTICED_MICROS, Silence};
use super::trace::Declared;
use super::{Oracle, Told, Trace};
use crate::anomaly::{Example, Kind};
use crate::judge::Verdict;

/// The place whose declarations are judged here.
const PLACE: &str = "update log";
/// How much earlier than it may be a silence may be declared, or its end, in microseconds: two clocks tell the time.
const CLOCKS_MICROS: i64 = 100_000;

/// Holds what the logs of all events say of their producers against when these were heard.
pub fn judge_silences(
    oracle: &Oracle,
    traces: &BTreeMap<String, Trace>,
    heard: &Heard,
    verdict: &mut Verdict,
) {
    let late_micros = late_micros(oracle, traces, heard);
    for (event_id, told) in oracle.events() {
        let Some(trace) = traces.get(event_id) else { continue };
        let mut judge = Judge { oracle, event_id, told, heard, late_micros, verdict };
        judge.hold_declared(&trace.declared);
        judge.hold_noticed(&trace.offered);
    }
}

/// How late processors were at most while nothing was done to the stack. Where something is missing what waits says nothing of that.
fn late_micros(oracle: &Oracle, traces: &BTreeMap<String, Trace>, heard: &Heard) -> i64 {
    let is_calm = |at: i64| !heard.is_disturbed(&(at..at));
    let whole =
        traces.iter().filter(|(id, _)| oracle.events().get(*id).is_some_and(|told| !told.may_have_gap));
    whole.map(|(_, trace)| trace.late_micros(is_calm)).max().unwrap_or_default()
}

struct Judge<'a> {
    oracle: &'a Oracle,
    event_id: &'a str,
    told: &'a Told,
    heard: &'a Heard<'a>,
    late_micros: i64,
    verdict: &'a mut Verdict,
}

impl Judge<'_> {
    /// Each silence takes an event's producer down once, and up once.
    fn hold_declared(&mut self, declared: &[Declared]) {
        let silences = self.heard.silences(&self.told.source);
        let is_planned = self.oracle.silent.contains(&self.told.source);
        let known = silences.is_some();
        let silences = silences.unwrap_or_default();
        // Until all know that it is heard again it may be taken for down; once it is, any may take it for up.
        let still = NOTICED_MICROS + self.late_micros;
        let down = |it: &Silence| it.due - CLOCKS_MICROS..it.over_for_all.saturating_add(still);
        let mut downs: Vec<Range<i64>> = silences.iter().map(down).collect();
        let mut ups: Vec<i64> = silences.iter().map(|it| it.over - CLOCKS_MICROS).collect();
        for declaration in declared {
            let Declared { version, at, is_down, is_possible, is_of_silence } = *declaration;
            let is_due = match (known, self.told.is_counted, is_down) {
                (false, is_counted, _) => !is_counted || is_planned,
                // What it says of itself may be old, or that something was lost: without sequences that takes it down, too.
                (_, false, true) if !is_of_silence => true,
                (_, false, false) => true,
                (_, _, true) => self.is_excused(at) || take(&mut downs, |down| down.contains(&at)),
                (_, _, false) => self.is_excused(at) || take(&mut ups, |from| *from <= at),
            };
            let what = if is_down { "producer_down" } else { "producer_up" };
            let must_be = ("nothing was missing", "declared");
            self.hold(Kind::FalseGap, version, is_possible && is_due, what, must_be);
        }
    }

    /// Whether what was done to the stack may have kept a partition from hearing what others heard.
    fn is_excused(&self, at: i64) -> bool {
        self.heard.is_disturbed(&(at - self.heard.silence_micros - self.late_micros..at))
    }

    /// Nothing stays open while its producer says nothing for long.
    fn hold_noticed(&mut self, offered: &[(i64, u64, bool)]) {
        for silence in self.heard.noticeable(&self.told.source, self.late_micros) {
            let before = offered.iter().rev().find(|(at, ..)| *at <= silence.start);
            let Some((_, version, true)) = before.copied() else { continue };
            let mut meanwhile = offered.iter().filter(|(at, ..)| silence.contains(at));
            let is_shut = meanwhile.any(|(.., is_open)| !is_open);
            let seconds = (silence.end - silence.start + self.heard.silence_micros) / 1_000_000;
            let what = format!("what is open while its producer says nothing for {seconds} s");
            self.hold(Kind::MarketOpenWhileUnsafe, version, is_shut, &what, ("shut", "left open"));
        }
    }

    fn hold(&mut self, kind: Kind, version: u64, agrees: bool, what: &str, (expected, found): (&str, &str)) {
        let event_id = self.event_id;
        let example = || Example {
            place: PLACE.to_owned(),
            event_id: event_id.to_owned(),
            version: Some(version),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            record: None,
        };
        self.verdict.compare(kind, Some(&self.told.sport), agrees, example, PLACE);
    }
}

/// Takes the first of these away; whether there was one is the answer. They are in the order of time, so those behind it last longer.
fn take<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> bool {
    let place = all.iter().position(is_it);
    place.map(|place| all.remove(place)).is_some()
}
