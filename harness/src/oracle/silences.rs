//! Silences of producers: whether each that was declared was one, and whether each that lasted was noticed.
//!
//! Judged once the logs of all events are known, for they say how late processors were: load may make them slow.

use std::collections::BTreeMap;
use std::ops::Range;

use super::heard::{Heard, NOTICED_MICROS, Noticeable, Silence};
use super::trace::Turn;
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
    let waits = waits(oracle, traces, heard);
    let late_micros = longest(waits.iter());
    // Only who was late then may have missed it; how processors took to their first messages excuses nothing later.
    let late_during = |time: &Range<i64>| {
        longest(waits.iter().filter(|wait| wait.start <= time.end && wait.end >= time.start))
    };
    let mut noticeable: BTreeMap<&(String, String), Vec<Noticeable>> = BTreeMap::new();
    for (event_id, told) in oracle.events() {
        let Some(trace) = traces.get(event_id) else { continue };
        let silences =
            noticeable.entry(&told.source).or_insert_with(|| heard.noticeable(&told.source, late_during));
        let mut judge = Judge { oracle, event_id, told, heard, late_micros, verdict };
        judge.hold_declared(&trace.declared);
        judge.hold_noticed(&trace.offered, silences);
    }
}

/// When messages waited for processors while nothing was done to the stack. Where something is missing what waits says nothing of
/// them.
fn waits(oracle: &Oracle, traces: &BTreeMap<String, Trace>, heard: &Heard) -> Vec<Range<i64>> {
    let is_whole = |id: &String| oracle.events().get(id).is_some_and(|told| !told.may_have_gap);
    let of_whole = traces.iter().filter(|(id, _)| is_whole(id)).flat_map(|(_, trace)| trace.waits());
    of_whole.filter(|wait| !heard.is_disturbed(&(wait.start..wait.start))).collect()
}

/// How long the longest is, in microseconds.
fn longest<'a>(waits: impl Iterator<Item = &'a Range<i64>>) -> i64 {
    waits.map(|wait| wait.end - wait.start).max().unwrap_or_default().max(0)
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
    fn hold_declared(&mut self, declared: &[Turn]) {
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
            let Turn { version, at, is_down, is_possible, is_of_silence } = *declaration;
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

    /// What was open when its producer fell silent is shut once that had to be noticed.
    fn hold_noticed(&mut self, offered: &[(i64, u64, bool)], silences: &[Noticeable]) {
        let at = |time: i64| offered.iter().rev().find(|(at, ..)| *at <= time).copied();
        for silence in silences {
            let Some((.., true)) = at(silence.due) else { continue };
            let Some((_, version, is_open)) = at(silence.noticed) else { continue };
            let seconds = (silence.over - silence.due + self.heard.silence_micros) / 1_000_000;
            let what = format!("what is open while its producer says nothing for {seconds} s");
            self.hold(Kind::MarketOpenWhileUnsafe, version, !is_open, &what, ("shut", "left open"));
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
