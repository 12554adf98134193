//! What clients read on their sockets held against the update log: every frame, what it leaves out, and how every connection ended.

use std::collections::{BTreeMap, HashSet};

use crate::anomaly::{Example, Kind};
use crate::feed::Feed;
use crate::judge::Verdict;
use crate::observe::socket::{Arrival, Break, End, Ended, Seen};
use crate::oracle::Trace;

/// Holds every frame that clients read against the update log: no version left out, none going back, every value that of its
/// version, and no value left out that the client is not told otherwise. The clients of a run take all markets.
pub fn judge_sockets(
    feed: &Feed,
    traces: &BTreeMap<String, Trace>,
    clients: &[(&str, &Seen)],
    verdict: &mut Verdict,
) {
    let logs: BTreeMap<&str, Log> = traces.iter().map(|(id, trace)| (id.as_str(), Log::of(trace))).collect();
    for (place, seen) in clients {
        for broken in &seen.breaks {
            judge_break(place, feed.sport(&broken.event_id), broken, verdict);
        }
        verdict.anomalies.checked(Kind::NonMonotonic, seen.arrivals.len() as u64);
        verdict.anomalies.checked(Kind::Skipped, seen.arrivals.len() as u64);
        for arrival in &seen.arrivals {
            if let Some(log) = logs.get(&*arrival.event_id) {
                judge_frame(place, feed.sport(&arrival.event_id), arrival, log, verdict);
            }
        }
        for Ended { end, .. } in seen.ends.iter().filter(|ended| is_unreadable(&ended.end)) {
            let example = || of_connection(place, "what came", "a frame of the protocol", end);
            verdict.compare(Kind::WrongValueAtVersion, None, false, example, place);
        }
    }
}

/// Holds every client's connections against how they ended: nobody but the client ends one, unless something that `may_end` it is
/// done to the stack at that moment, or the client reads too slowly.
pub fn judge_ends(clients: &BTreeMap<String, Seen>, may_end: impl Fn(&Ended) -> bool, verdict: &mut Verdict) {
    for (place, seen) in clients {
        let is_wrong = |ended: &&Ended| {
            let is_excused = may_end(ended) || seen.is_slow && ended.end.is_for_slowness();
            !is_unreadable(&ended.end) && !is_excused
        };
        let wrong: Vec<&Ended> = seen.ends.iter().filter(is_wrong).collect();
        for Ended { end, .. } in &wrong {
            let example = || of_connection(place, "the connection", "kept", end);
            verdict.compare(Kind::Lost, None, false, example, place);
        }
        if wrong.is_empty() {
            verdict.compare(Kind::Lost, None, true, Example::default, place);
        }
    }
}

fn is_unreadable(end: &End) -> bool {
    matches!(end, End::Unreadable(_))
}

fn of_connection(place: &str, what: &str, expected: &str, end: &End) -> Example {
    Example {
        place: place.to_owned(),
        what: what.to_owned(),
        expected: expected.to_owned(),
        found: end.to_string(),
        ..Example::default()
    }
}

/// What the update log says of an event, and the keys that each version touched.
struct Log<'a> {
    trace: &'a Trace,
    /// Each key that a version gave a value or took one from, and whether it was the last to do so.
    keys: BTreeMap<u64, Vec<(&'a str, bool)>>,
}

impl<'a> Log<'a> {
    fn of(trace: &'a Trace) -> Self {
        let mut keys: BTreeMap<u64, Vec<(&str, bool)>> = BTreeMap::new();
        for (key, steps) in &trace.keys {
            for (index, (version, _)) in steps.iter().enumerate() {
                keys.entry(*version).or_default().push((key.as_str(), index + 1 == steps.len()));
            }
        }
        Self { trace, keys }
    }

    /// The keys that a frame must name: of an image all that have a value at its version, of a delta those that its version changed
    /// and those that never change after it. What changed before and changes again may come with a later frame.
    fn must_name(&self, arrival: &Arrival) -> Vec<&'a str> {
        let &Arrival { is_image, from, to, .. } = arrival;
        if is_image {
            let there = self.trace.keys.keys().filter(|key| self.trace.value_at(key, to) != 0);
            return there.map(String::as_str).collect();
        }
        if from >= to {
            return Vec::new();
        }
        let versions = self.keys.range(from + 1..=to);
        let keys = versions.flat_map(|(version, keys)| keys.iter().map(move |key| (*version, *key)));
        keys.filter(|(version, (_, is_last))| *version == to || *is_last).map(|(_, (key, _))| key).collect()
    }
}

fn judge_frame(place: &str, sport: &str, arrival: &Arrival, log: &Log, verdict: &mut Verdict) {
    let Arrival { event_id, to, changes, .. } = arrival;
    let mut hold = |key: &str, agrees: bool, found: &str| {
        let example = || Example {
            place: place.to_owned(),
            event_id: event_id.to_string(),
            version: Some(*to),
            what: format!("{key} in a frame"),
            expected: "as the update log has it".to_owned(),
            found: found.to_owned(),
            record: None,
        };
        verdict.compare(Kind::WrongValueAtVersion, Some(sport), agrees, example, place);
    };
    for (key, value) in &**changes {
        if let Some(value) = value {
            hold(key, *value == log.trace.value_at(key, *to), "another value");
        }
    }
    let named: HashSet<&str> = changes.iter().map(|(key, _)| &**key).collect();
    for key in log.must_name(arrival) {
        hold(key, named.contains(key), "left out");
    }
}

fn judge_break(place: &str, sport: &str, broken: &Break, verdict: &mut Verdict) {
    let Break { event_id, from, to, was } = broken;
    let (kind, what, expected, found) = if to < was {
        (Kind::NonMonotonic, "a frame's version", format!("at least {was}"), to)
    } else {
        (Kind::Skipped, "a frame's beginning", was.to_string(), from)
    };
    let example = || Example {
        place: place.to_owned(),
        event_id: event_id.clone(),
        version: Some(*to),
        what: what.to_owned(),
        expected,
        found: found.to_string(),
        record: None,
    };
    verdict.compare(kind, Some(sport), false, example, place);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "socket 1 (steady)";

    /// A log that sets `market:1` at 1 and 3, `status` at 2, and takes `market:2` away at 3 that it set at 1.
    fn trace() -> Trace {
        let steps = [
            ("market:1", vec![(1, 10), (3, 30)]),
            ("market:2", vec![(1, 11), (3, 0)]),
            ("status", vec![(2, 20)]),
        ];
        let keys = steps.into_iter().map(|(key, steps)| (key.to_owned(), steps)).collect();
        Trace { keys, ..Trace::default() }
    }

    /// What a frame is accused of that names these keys, each with the hash of its value where that is of a version.
    fn accused(is_image: bool, (from, to): (u64, u64), named: &[(&str, Option<u64>)]) -> Vec<String> {
        let changes = named.iter().map(|(key, value)| ((*key).into(), *value)).collect();
        let event_id = "md:match:1".into();
        let arrival = Arrival { event_id, is_image, from, to, at_micros: 0, changes };
        let (trace, mut verdict) = (trace(), Verdict::default());
        judge_frame(PLACE, "hockey", &arrival, &Log::of(&trace), &mut verdict);
        let said = |(kind, example): (Kind, &Example)| {
            assert_eq!((kind, example.version), (Kind::WrongValueAtVersion, Some(to)));
            format!("{} is {}", example.what, example.found)
        };
        verdict.anomalies.examples().map(said).collect()
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_delta_names_what_its_version_changed() {
        let (first, gone) = (("market:1", Some(30)), ("market:2", Some(0)));
        assert_eq!(accused(false, (2, 3), &[first, gone]), NOTHING);
        assert_eq!(accused(false, (2, 3), &[first]), ["market:2 in a frame is left out"]);
        assert_eq!(accused(false, (2, 3), &[gone]), ["market:1 in a frame is left out"]);
        assert_eq!(
            accused(false, (2, 3), &[("market:1", Some(31)), gone]),
            ["market:1 in a frame is another value"]
        );
        assert_eq!(
            accused(false, (2, 3), &[("market:1", None), gone]),
            NOTHING,
            "shown otherwise, and named"
        );
        assert_eq!(accused(false, (3, 3), &[]), NOTHING, "it reaches no version");
    }

    #[test]
    fn what_is_merged_names_what_no_later_frame_will() {
        let (first, gone, status) = (("market:1", Some(30)), ("market:2", Some(0)), ("status", Some(20)));
        assert_eq!(accused(false, (1, 3), &[first, gone, status]), NOTHING);
        assert_eq!(accused(false, (1, 3), &[first, gone]), ["status in a frame is left out"]);
        assert_eq!(accused(false, (0, 2), &[status]), NOTHING, "both markets come with version 3");
    }

    #[test]
    fn an_image_names_everything_that_is_there() {
        let (first, second, status) = (("market:1", Some(10)), ("market:2", Some(11)), ("status", Some(20)));
        assert_eq!(accused(true, (0, 2), &[first, second, status]), NOTHING);
        assert_eq!(accused(true, (0, 2), &[first, status]), ["market:2 in a frame is left out"]);
        assert_eq!(accused(true, (0, 3), &[("market:1", Some(30)), status]), NOTHING, "the other went away");
        assert_eq!(accused(true, (0, 3), &[status]), ["market:1 in a frame is left out"]);
    }

    #[test]
    fn a_client_that_is_thrown_back_and_one_that_misses_something_are_told_apart() {
        let kind = |from, to| {
            let mut verdict = Verdict::default();
            let broken = Break { event_id: "md:match:1".to_owned(), from, to, was: 7 };
            judge_break(PLACE, "hockey", &broken, &mut verdict);
            verdict.anomalies.examples().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        assert_eq!(kind(0, 6), [Kind::NonMonotonic]);
        assert_eq!(kind(8, 9), [Kind::Skipped]);
    }

    #[test]
    fn a_connection_ends_for_an_outage_or_for_slowness_and_else_is_lost() {
        let kinds = |is_slow: bool, end: End, may_end: bool| {
            let (mut seen, mut verdict) = (Seen::default(), Verdict::default());
            seen.ends.push(Ended { at_micros: 5, end });
            seen.is_slow = is_slow;
            let clients = BTreeMap::from([(PLACE.to_owned(), seen)]);
            judge_ends(&clients, |ended| may_end && ended.at_micros == 5, &mut verdict);
            assert_eq!(verdict.anomalies.of(Kind::Lost).checked, 1);
            verdict.anomalies.examples().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        let closed = |code| End::Closed(code, "so".to_owned());
        assert_eq!(kinds(false, End::Broke("so".to_owned()), false), [Kind::Lost]);
        assert_eq!(kinds(false, End::Broke("so".to_owned()), true), []);
        assert_eq!(kinds(false, closed(4008), false), [Kind::Lost]);
        assert_eq!(kinds(true, closed(4008), false), []);
        assert_eq!(kinds(true, closed(1012), false), [Kind::Lost]);
        assert_eq!(kinds(false, End::Unreadable("{".to_owned()), false), [], "that is accused as what it is");
    }
}
