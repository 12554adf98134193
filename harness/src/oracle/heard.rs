//! What ingestion heard and answered: what of what was told can have had an effect.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::anomaly::RecordPlace;
use crate::observe::kafka::{Appended, Appends};

/// What became of what was sent, on its way to the processors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard<'a> {
    /// The HTTP status that each line's message was answered with; empty where that is not known.
    pub status: &'a [u16],
    /// When ingestion received each `alive`, by provider and producer, in microseconds since the epoch, in order; `None` where
    /// that is not known.
    pub alive: Option<&'a BTreeMap<(String, String), Vec<i64>>>,
    /// When the last partition had each of those, by the same and by when it was received; of one that is not there, then.
    pub appended: Option<&'a Appends>,
    /// When it received each `snapshot_complete`, the same way.
    pub complete: Option<&'a BTreeMap<(String, String), Vec<i64>>>,
    /// The providers of which an `alive` is not enough: their producers are up once a recovery is complete.
    pub recovering: &'a [String],
    /// The messages without a sequence in the feed topics, by event, in their order there; `None` where that is not known.
    pub timed: Option<&'a BTreeMap<String, Vec<Timed>>>,
    /// Where each message lies in the feed topics, by its id; `None` where that is not known.
    pub messages: Option<&'a HashMap<String, Appended>>,
    /// After which silence a producer is down, in microseconds.
    pub silence_micros: i64,
    /// How long a message waits for one before it, in microseconds.
    pub hold_micros: i64,
    /// When something was done to the stack, until it had recovered, in microseconds since the epoch: nobody may have been there
    /// to notice what was not heard.
    pub disturbed: &'a [Range<i64>],
}

/// How much later than it is due at most a silence is noticed, in microseconds.
pub(super) const NOTICED_MICROS: i64 = 3_000_000;
/// How long after a stack has recovered what was done to it may still be felt, in microseconds: who was stopped may lose its
/// partitions only then, for its session lasts 6 s, and has to take them again.
const FELT_MICROS: i64 = 10_000_000;

/// A time in which a producer was not heard, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    /// From when on it could be taken for down.
    pub(super) due: i64,
    /// When it was received again: no partition could hear it earlier.
    pub(super) over: i64,
    /// When all partitions had that.
    pub(super) over_for_all: i64,
}

/// A silence that somebody must have noticed while it lasted, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noticeable {
    /// When it was long enough.
    pub(super) due: i64,
    /// When it must have been noticed.
    pub(super) noticed: i64,
    /// When its producer was heard again.
    pub(super) over: i64,
}

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

    /// Whether what was done to the stack may be felt at some time within this.
    pub(super) fn is_disturbed(&self, during: &Range<i64>) -> bool {
        let overlaps = |time: &Range<i64>| {
            time.start <= during.end && time.end.saturating_add(FELT_MICROS) >= during.start
        };
        self.disturbed.iter().any(overlaps)
    }

    /// When an `alive` was in every partition. What ingestion has received may wait on its way to Kafka, and nobody hears it by then.
    fn appended_at(&self, source: &(String, String), received_at: i64) -> i64 {
        let appended = self.appended.and_then(|appended| appended.get(source)?.get(&received_at));
        appended.copied().unwrap_or(received_at)
    }

    /// When a producer was not heard for so long that it could be taken for down, whatever kept it; in order. `None` where it is not
    /// known when anybody was heard.
    pub(super) fn silences(&self, source: &(String, String)) -> Option<Vec<Silence>> {
        let shortest = ahead_of(self.silence_micros);
        let times = self.alive?.get(source).map_or(&[][..], Vec::as_slice);
        let next = times.iter().skip(1).copied().chain([i64::MAX]);
        let silences = times.iter().zip(next).map(|(last, over)| Silence {
            due: last.saturating_add(shortest),
            over,
            over_for_all: self.appended_at(source, over),
        });
        Some(silences.filter(|silence| silence.due <= silence.over_for_all).collect())
    }

    /// The silences of a producer that somebody must have noticed while they lasted, by processors which were so late, in
    /// microseconds, within a time. Of what was done to the stack only that counts which was so between its last sign of life and
    /// the time by which it had to be noticed: before, an `alive` may have come late, and who was to notice it may have been away.
    pub(super) fn noticeable(
        &self,
        source: &(String, String),
        late_during: impl Fn(&Range<i64>) -> i64,
    ) -> Vec<Noticeable> {
        let times = self.alive.and_then(|alive| alive.get(source)).map_or(&[][..], Vec::as_slice);
        let silences = times.windows(2).filter_map(|pair| {
            let (last, over) = (pair[0], pair[1]);
            let due = self.appended_at(source, last).saturating_add(self.silence_micros);
            let on_time = due.saturating_add(NOTICED_MICROS);
            let noticed = on_time.saturating_add(late_during(&(last..on_time)));
            let is_certain = noticed < over && !self.is_disturbed(&(last..noticed));
            is_certain.then_some(Noticeable { due, noticed, over })
        });
        silences.collect()
    }

    /// Whether a producer that was down may be up again when a message of it is processed that was received then.
    pub(super) fn may_be_up(&self, source: &(String, String), received_at: Option<i64>) -> bool {
        let Some((alive, received)) = self.alive.zip(received_at) else { return true };
        let recently = received - self.silence_micros..=received + ORDER_SLACK_MICROS;
        alive.get(source).is_some_and(|times| times.iter().any(|at| recently.contains(at)))
            && self.may_be_whole(source, received)
    }

    /// Whether a producer needs a recovery to be up.
    pub(super) fn needs_recovery(&self, source: &(String, String)) -> bool {
        self.alive.is_some() && self.complete.is_some() && self.recovering.contains(&source.0)
    }

    /// Whether a recovery that a producer needs may have been complete by then: any that was since its last silence which nobody
    /// can have missed. Partitions hear it at times of their own, so which of several it was is left open.
    fn may_be_whole(&self, source: &(String, String), at: i64) -> bool {
        if !self.needs_recovery(source) {
            return true;
        }
        let silences = self.noticeable(source, |_| 0);
        let heard_again =
            silences.iter().rev().find(|silence| silence.due <= at).map_or(i64::MIN, |it| it.over);
        let since = heard_again..=at.saturating_add(ORDER_SLACK_MICROS);
        let complete = self.complete.and_then(|complete| complete.get(source));
        complete.is_some_and(|times| times.iter().any(|time| since.contains(time)))
    }

    /// From when on a producer that was silent until then may be open again: where it needs a recovery, once that is complete, and
    /// where it is not certain that all took it for silent, at once.
    pub fn open_again(&self, source: &(String, String), heard_again: i64) -> i64 {
        let is_certain = || self.noticeable(source, |_| 0).iter().any(|silence| silence.over == heard_again);
        if !self.needs_recovery(source) || !is_certain() {
            return heard_again;
        }
        let times = self.complete.and_then(|complete| complete.get(source)).map_or(&[][..], Vec::as_slice);
        times.iter().copied().find(|at| *at >= heard_again).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_was_silent_where_two_signs_of_life_are_too_far_apart_and_after_the_last_one() {
        let source = ("md".to_owned(), "live".to_owned());
        let silences = |times: &[i64]| {
            let alive = BTreeMap::from([(source.clone(), times.to_vec())]);
            let heard = Heard { alive: Some(&alive), silence_micros: 20, ..Heard::default() };
            let silences = heard.silences(&source).unwrap();
            silences.into_iter().map(|silence| (silence.due, silence.over)).collect::<Vec<_>>()
        };
        assert_eq!(silences(&[]), []);
        assert_eq!(silences(&[5]), [(20, i64::MAX)]);
        assert_eq!(silences(&[5, 19]), [(34, i64::MAX)]);
        // Markets are shut ahead of the deadline: who is heard just before that may have been taken for down.
        assert_eq!(silences(&[5, 19, 34, 60]), [(34, 34), (49, 60), (75, i64::MAX)]);
        assert_eq!(Heard::default().silences(&source), None, "of what was not heard nothing is known");
        // What was received in time, and lay in a partition late.
        let alive = BTreeMap::from([(source.clone(), vec![5, 15])]);
        let appended = BTreeMap::from([(source.clone(), BTreeMap::from([(5, 6), (15, 23)]))]);
        let heard =
            Heard { alive: Some(&alive), appended: Some(&appended), silence_micros: 20, ..Heard::default() };
        assert_eq!(
            heard.silences(&source).unwrap().first(),
            Some(&Silence { due: 20, over: 15, over_for_all: 23 })
        );
    }

    #[test]
    fn what_was_done_to_the_stack_excuses_the_silences_that_it_met() {
        const SECOND: i64 = 1_000_000;
        let source = ("md".to_owned(), "live".to_owned());
        let alive = BTreeMap::from([(source.clone(), [0, 60, 65, 130].map(|at| at * SECOND).to_vec())]);
        let noticed = |disturbed: &[(i64, i64)]| {
            let disturbed: Vec<_> =
                disturbed.iter().map(|(from, to)| from * SECOND..to.saturating_mul(SECOND)).collect();
            let heard = Heard {
                alive: Some(&alive),
                silence_micros: 20 * SECOND,
                disturbed: &disturbed,
                ..Heard::default()
            };
            let silences = heard.noticeable(&source, |_| 0);
            silences.into_iter().map(|silence| silence.over / SECOND).collect::<Vec<_>>()
        };
        assert_eq!(noticed(&[]), [60, 130]);
        assert_eq!(noticed(&[(21, 22)]), [130], "while it had to be noticed");
        assert_eq!(noticed(&[(10, 15)]), [130], "before it was due");
        assert_eq!(
            noticed(&[(30, 40)]),
            [60, 130],
            "once it had to be shut, and felt no more when the next began"
        );
        assert_eq!(noticed(&[(50, 56)]), [60], "partitions may be given anew after that");
        assert_eq!(noticed(&[(22, i64::MAX)]), [0; 0]);
    }

    #[test]
    fn an_alive_is_not_enough_where_a_recovery_is_needed() {
        const SECOND: i64 = 1_000_000;
        let source = ("uof".to_owned(), "1".to_owned());
        let at = |seconds: &[i64]| seconds.iter().map(|at| at * SECOND).collect::<Vec<_>>();
        let alive = BTreeMap::from([(source.clone(), at(&[0, 10, 20, 60, 70, 80]))]);
        let complete = BTreeMap::from([(source.clone(), at(&[5, 72]))]);
        let providers = ["uof".to_owned()];
        let heard = Heard {
            alive: Some(&alive),
            complete: Some(&complete),
            recovering: &providers,
            silence_micros: 20 * SECOND,
            ..Heard::default()
        };
        let up = |seconds: i64| heard.may_be_up(&source, Some(seconds * SECOND));
        assert_eq!([2, 6, 30, 62, 71, 72, 85].map(up), [false, true, true, false, false, true, true]);
        assert_eq!(heard.open_again(&source, 60 * SECOND), 72 * SECOND);
        assert_eq!(heard.open_again(&source, 70 * SECOND), 70 * SECOND, "it was not silent before that");
        let alive_is_enough = Heard { recovering: &[], ..heard };
        assert!(alive_is_enough.may_be_up(&source, Some(2 * SECOND)));
        assert_eq!(alive_is_enough.open_again(&source, 60 * SECOND), 60 * SECOND);
    }
}
