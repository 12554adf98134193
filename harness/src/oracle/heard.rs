//! What ingestion heard and answered: what of what was told can have had an effect.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::anomaly::RecordPlace;
use crate::observe::kafka::Appended;

/// What became of what was sent, on its way to the processors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard<'a> {
    /// The HTTP status that each line's message was answered with; empty where that is not known.
    pub status: &'a [u16],
    /// When ingestion received each `alive`, by provider and producer, in microseconds since the epoch, in order; `None` where
    /// that is not known.
    pub alive: Option<&'a BTreeMap<(String, String), Vec<i64>>>,
    /// The messages without a sequence in the feed topics, by event, in their order there; `None` where that is not known.
    pub timed: Option<&'a BTreeMap<String, Vec<Timed>>>,
    /// Where each message lies in the feed topics, by its id; `None` where that is not known.
    pub messages: Option<&'a HashMap<String, Appended>>,
    /// After which silence a producer is down, in microseconds.
    pub silence_micros: i64,
    /// How long a message waits for one before it, in microseconds.
    pub hold_micros: i64,
    /// Whether something was done to the stack meanwhile, so that nobody may have been there to notice what was not heard.
    pub is_disturbed: bool,
}

/// How much later than it is due at most a silence is noticed, in microseconds.
const NOTICED_MICROS: i64 = 3_000_000;

/// A message without a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// Its id, which it got on its way.
    pub message_id: String,
    /// When its provider made it, in microseconds since the epoch.
    pub generated_at: i64,
}

/// How much earlier than received a message may lie in the feed, in microseconds.
const ORDER_SLACK_MICROS: i64 = 100_000;
/// How much earlier than a wait is over markets begin to be shut, in microseconds:
/// `MATCHDAY_SHUT_AHEAD_MS` of a service that is told nothing else, and of a short wait a quarter at most.
const SHUT_AHEAD_MICROS: i64 = 150_000;

/// After how much of a wait, in microseconds, markets may be shut.
pub(super) fn ahead_of(wait_micros: i64) -> i64 {
    wait_micros - SHUT_AHEAD_MICROS.min(wait_micros / 4)
}

impl Heard<'_> {
    /// The messages without a sequence about an event, each with whether one that was made later lies before it: of such a one
    /// all may be outdated, so that it leads to no version. `None` where they are not known.
    pub(super) fn timed(&self, event_id: &str) -> Option<Vec<(&Timed, bool)>> {
        let of_event = self.timed?.get(event_id).map_or(&[][..], Vec::as_slice);
        let latest_before = of_event.iter().scan(i64::MIN, |latest, timed| {
            let before = *latest;
            *latest = before.max(timed.generated_at);
            Some(before)
        });
        Some(
            of_event
                .iter()
                .zip(latest_before)
                .map(|(timed, latest)| (timed, timed.generated_at < latest))
                .collect(),
        )
    }

    /// Where a message lies.
    pub(super) fn record(&self, message_id: &str) -> Option<RecordPlace> {
        self.messages?.get(message_id).map(RecordPlace::from)
    }

    /// Whether a line's message was taken; where that is not known it was.
    pub(super) fn is_accepted(&self, line: u32) -> bool {
        self.status.get(line as usize).is_none_or(|status| *status == 202)
    }

    /// How often until then a producer was not heard for so long that it could be taken for down, whatever kept it; `None` where
    /// it is not known when anybody was heard.
    pub(super) fn silences(&self, source: &(String, String), until: i64) -> Option<usize> {
        let shortest = ahead_of(self.silence_micros);
        let times = self.alive?.get(source).map_or(&[][..], Vec::as_slice);
        let next = times.iter().skip(1).copied().chain([i64::MAX]);
        let is_silent = |(last, next): &(&i64, i64)| {
            let due = last.saturating_add(shortest);
            due <= *next && due <= until
        };
        Some(times.iter().zip(next).filter(is_silent).count())
    }

    /// The silences of a producer that somebody must have noticed while they lasted: from when they were due until it was heard again.
    pub(super) fn noticeable(&self, source: &(String, String)) -> Vec<Range<i64>> {
        let times = self.alive.and_then(|alive| alive.get(source)).filter(|_| !self.is_disturbed);
        let pairs = times.map_or(&[][..], Vec::as_slice).windows(2);
        let silences = pairs.map(|pair| pair[0].saturating_add(self.silence_micros)..pair[1]);
        silences.filter(|silence| silence.start + NOTICED_MICROS < silence.end).collect()
    }

    /// Whether a producer that was down may be up again when a message of it is processed that was received then.
    pub(super) fn may_be_up(&self, source: &(String, String), received_at: Option<i64>) -> bool {
        let Some((alive, received)) = self.alive.zip(received_at) else { return true };
        let recently = received - self.silence_micros..=received + ORDER_SLACK_MICROS;
        alive.get(source).is_some_and(|times| times.iter().any(|at| recently.contains(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_was_silent_where_two_signs_of_life_are_too_far_apart_and_after_the_last_one() {
        let source = ("md".to_owned(), "live".to_owned());
        let silences = |times: &[i64], until| {
            let alive = BTreeMap::from([(source.clone(), times.to_vec())]);
            Heard { alive: Some(&alive), silence_micros: 20, ..Heard::default() }.silences(&source, until)
        };
        for times in [&[][..], &[5], &[5, 19], &[5, 19, 33]] {
            assert_eq!(silences(times, 40), Some(usize::from(times == [5] || times == [5, 19])), "{times:?}");
        }
        // Markets are shut ahead of the deadline: who is heard just before that may have been taken for down.
        assert_eq!(silences(&[5, 19, 34, 60], 50), Some(2));
        assert_eq!(silences(&[5, 19, 34, 60], 48), Some(1), "it was not over by then");
        assert_eq!(Heard::default().silences(&source, 50), None, "of what was not heard nothing is known");
    }
}
