//! What ingestion heard and answered: what of what was told can have had an effect.

use std::collections::{BTreeMap, HashMap};

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
/// How much earlier than a producer's silence is over its markets begin to be shut, in microseconds:
/// `MATCHDAY_SHUT_AHEAD_MS` of a service that is told nothing else, and of a short silence a quarter at most.
const SHUT_AHEAD_MICROS: i64 = 150_000;

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

    /// Whether a producer was not heard for so long that it could be taken for down, whatever kept it.
    pub(super) fn was_silent(&self, source: &(String, String)) -> bool {
        let shortest = self.silence_micros - SHUT_AHEAD_MICROS.min(self.silence_micros / 4);
        let alive = self.alive.and_then(|alive| alive.get(source));
        alive.is_some_and(|times| times.windows(2).any(|pair| pair[1] - pair[0] >= shortest))
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
    fn a_producer_was_silent_where_two_signs_of_life_are_too_far_apart() {
        let source = ("md".to_owned(), "live".to_owned());
        let silent = |times: &[i64]| {
            let alive = BTreeMap::from([(source.clone(), times.to_vec())]);
            Heard { alive: Some(&alive), silence_micros: 20, ..Heard::default() }.was_silent(&source)
        };
        assert!(!silent(&[]) && !silent(&[5]) && !silent(&[5, 19, 33]));
        assert!(
            silent(&[5, 19, 34]),
            "whose markets are shut ahead of its deadline may be heard before that"
        );
        assert!(!Heard::default().was_silent(&source), "of what was not heard nothing is known");
    }
}
