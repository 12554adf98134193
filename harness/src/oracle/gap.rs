//! Gaps of which the plan says that they may be declared: whether one of them was declared with reason, and when one had to be.

use std::ops::Range;

use super::Told;
use super::heard::{Heard, NOTICED_MICROS, ahead_of};
use super::trace::Trace;

/// How long before a gap was declared the missing message may have been in the feed, in microseconds: whoever declares it has
/// looked at the feed's end before.
const LOOKED_MICROS: i64 = 5_000_000;
/// How much earlier than a message's wait is over a gap may be declared, in microseconds: two clocks tell the time.
const SLACK_MICROS: i64 = 100_000;

/// A gap that was declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    /// By which version.
    pub(super) version: u64,
    /// When, in microseconds since the epoch.
    pub(super) at: i64,
    /// Where the missing message stands among the event's.
    pub(super) missing: usize,
}

impl Declared {
    /// Why it should not have been; `None` where it was right, or nothing says that it was wrong.
    ///
    /// `appended_at` says when a line's message came to lie in the feed topic.
    pub(super) fn fault(
        &self,
        told: &Told,
        trace: &Trace,
        heard: &Heard,
        appended_at: impl Fn(u32) -> Option<i64>,
    ) -> Option<String> {
        // One that was never sent is missing for certain.
        let missing = *told.lines.get(self.missing)?;
        let later = || told.lines.iter().skip(self.missing + 1).chain(&told.beyond);
        // Another epoch waits for nothing that is missing in the one before it.
        if later().any(|line| told.begins.contains(line)) {
            return None;
        }
        if let Some(at) = appended_at(missing).filter(|at| *at < self.at - LOOKED_MICROS) {
            return Some(format!("{} ms after the missing message was in the feed", (self.at - at) / 1_000));
        }
        let received = trace.versions.values().filter_map(|known| known.line.zip(known.received_at));
        let waiting = received.filter(|(line, _)| later().any(|later| later == line));
        let (lines, times): (Vec<u32>, Vec<i64>) = waiting.unzip();
        // Of a message that led to no version it is not known since when it waited.
        if later().any(|line| heard.is_accepted(*line) && !lines.contains(line)) {
            return None;
        }
        let waited = self.at - times.into_iter().min()?;
        (waited < ahead_of(heard.hold_micros) - SLACK_MICROS)
            .then(|| format!("after {} ms of the {} ms to wait", waited / 1_000, heard.hold_micros / 1_000))
    }
}

/// When messages of an event waited for so long for one before them that a gap had to be declared: from when the first of them came
/// until that had to be.
///
/// `came_at` says when a line's message came; of one that is not known to have come it does not.
pub(super) fn waits(told: &Told, heard: &Heard, came_at: impl Fn(u32) -> Option<i64>) -> Vec<Range<i64>> {
    let noticed = heard.hold_micros + NOTICED_MICROS;
    // Until when each waits, and the last of those before it came; what lies beyond one that is never sent waits for good.
    let (mut waiting, mut complete): (Vec<Range<i64>>, i64) = (Vec::new(), i64::MIN);
    for (index, line) in told.lines.iter().chain(&told.beyond).enumerate() {
        let at = came_at(*line);
        if told.begins.contains(line) {
            // Another epoch waits for nothing in the one before it, and ends that.
            complete = i64::MIN;
            waiting.iter_mut().for_each(|wait| wait.end = wait.end.min(at.unwrap_or(i64::MAX)));
        } else if index == told.lines.len() {
            complete = i64::MAX;
        }
        waiting.extend(at.map(|at| at..complete));
        complete = complete.max(at.unwrap_or(i64::MAX));
    }
    let is_long = |wait: &Range<i64>| wait.end > wait.start.saturating_add(noticed);
    waiting.into_iter().filter(is_long).map(|wait| wait.start..wait.start + noticed).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::oracle::trace::VersionTrace;

    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Four messages, of which the second is missing, and when each of the others was received.
    fn told() -> Told {
        Told {
            sport: "hockey".to_owned(),
            source: ("md".to_owned(), "live".to_owned()),
            is_counted: true,
            lines: vec![0, 1, 2, 3],
            beyond: Vec::new(),
            begins: BTreeSet::from([0]),
            may_have_gap: true,
            must_have_gap: false,
        }
    }

    fn trace(received: &[(u32, i64)]) -> Trace {
        let version = |(version, &(line, at)): (u64, &(u32, i64))| {
            (version, VersionTrace { line: Some(line), received_at: Some(at), ..VersionTrace::default() })
        };
        Trace { versions: (1..).zip(received).map(version).collect::<BTreeMap<_, _>>(), ..Trace::default() }
    }

    fn fault(told: &Told, received: &[(u32, i64)], at: i64, appended_at: Option<i64>) -> Option<String> {
        let heard = Heard { status: &[202; 4], hold_micros: 3 * SECOND, ..Heard::default() };
        Declared { version: 9, at, missing: 1 }.fault(told, &trace(received), &heard, |_| appended_at)
    }

    #[test]
    fn a_gap_is_right_where_the_message_was_missing_for_as_long_as_others_wait_for_it() {
        let (told, received) = (told(), [(0, SECOND), (3, 4 * SECOND), (2, 5 * SECOND)]);
        assert_eq!(fault(&told, &received, 7 * SECOND, None), None);
        assert_eq!(
            fault(&told, &received, 7 * SECOND, Some(6 * SECOND)),
            None,
            "it may not have been seen yet"
        );
        let early = fault(&told, &received, 6 * SECOND, None);
        assert_eq!(early.as_deref(), Some("after 2000 ms of the 3000 ms to wait"));
        let there = fault(&told, &received, 13 * SECOND, Some(6 * SECOND));
        assert_eq!(there.as_deref(), Some("7000 ms after the missing message was in the feed"));
    }

    #[test]
    fn a_gap_has_to_be_declared_where_something_waited_for_long_enough() {
        let told = told();
        let heard = Heard { hold_micros: 3 * SECOND, ..Heard::default() };
        let waits = |told: &Told, came: [Option<i64>; 4]| {
            let came_at = |line: u32| came[line as usize].map(|at| at * SECOND);
            let waits = waits(told, &heard, came_at);
            waits.into_iter().map(|wait| (wait.start / SECOND, wait.end / SECOND)).collect::<Vec<_>>()
        };
        assert_eq!(
            waits(&told, [Some(0), Some(8), Some(1), Some(2)]),
            [(1, 7)],
            "the last waited for 6 s alone"
        );
        assert_eq!(waits(&told, [Some(0), Some(7), Some(6), Some(8)]), [], "it came late itself");
        assert_eq!(waits(&told, [Some(0), None, Some(6), Some(8)]), [(6, 12), (8, 14)], "it never came");
        let beyond = Told { lines: vec![0, 1], beyond: vec![2, 3], ..told.clone() };
        assert_eq!(waits(&beyond, [Some(0), Some(1), Some(2), None]), [(2, 8)]);
        let anew = Told { begins: BTreeSet::from([0, 3]), ..told };
        assert_eq!(waits(&anew, [Some(0), None, Some(1), Some(5)]), []);
    }

    #[test]
    fn where_it_is_not_known_since_when_anything_waited_nobody_is_accused() {
        let (told, received) = (told(), [(0, SECOND), (3, 4 * SECOND)]);
        assert_eq!(fault(&told, &received, 5 * SECOND, None), None, "the third led to no version");
        let anew = Told { begins: BTreeSet::from([0, 3]), ..told };
        assert_eq!(fault(&anew, &[(2, 4 * SECOND), (3, 4 * SECOND)], 5 * SECOND, None), None);
    }
}
