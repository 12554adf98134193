//! What the stack itself has noticed: gaps, repetitions, refusals, producers that turned, partitions that were taken over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::part::ProcessNumber;
use super::series::Counter;
use crate::source::{Part, Samples};

/// Something that a stack notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Messages are missing, and the event's markets were shut.
    Gap,
    /// A message waits for those before it.
    Held,
    /// A message came a second time.
    Duplicate,
    /// A message came too late to count.
    Stale,
    /// A message was refused at the door.
    Refused,
    /// A message was refused by a processor.
    DeadLetter,
    /// A producer is not trusted any more, in one partition.
    ProducerDown,
    /// A producer is trusted again, in one partition.
    ProducerUp,
    /// What was lost was asked for.
    Recovery,
    /// A partition was taken over.
    TakenOver,
    /// The database refused what would have shut an event: it is open.
    LeftOpen,
}

impl Sign {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Gap,
        Self::Held,
        Self::Duplicate,
        Self::Stale,
        Self::Refused,
        Self::DeadLetter,
        Self::ProducerDown,
        Self::ProducerUp,
        Self::Recovery,
        Self::TakenOver,
        Self::LeftOpen,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gaps declared",
            Self::Held => "held for their turn",
            Self::Duplicate => "duplicates",
            Self::Stale => "stale",
            Self::Refused => "refused at ingestion",
            Self::DeadLetter => "dead letters",
            Self::ProducerDown => "producers turned down",
            Self::ProducerUp => "producers trusted again",
            Self::Recovery => "recoveries asked for",
            Self::TakenOver => "partitions taken over",
            Self::LeftOpen => "events left open",
        }
    }

    /// How often a process has noticed it since it started; `None` of one that does not notice such a thing.
    fn count(self, part: Part, samples: &Samples) -> Option<f64> {
        let messages = |outcome| samples.sum("matchday_processor_messages_total", &[("outcome", outcome)]);
        let turned = |to| samples.sum("matchday_processor_producer_transitions_total", &[("to", to)]);
        let count = match (self, part) {
            // What failed is sent again by whoever sent it.
            (Self::Refused, Part::Ingestion) => {
                samples.sum("matchday_ingestion_messages_total", &[("outcome", "refused")])
            }
            (Self::Refused, _) | (_, Part::Simulator | Part::Ingestion | Part::Distribution) => return None,
            (Self::Gap, _) => samples.sum("matchday_processor_gaps_total", &[]),
            (Self::Held, _) => messages("held"),
            (Self::Duplicate, _) => messages("duplicate"),
            (Self::Stale, _) => messages("stale"),
            (Self::DeadLetter, _) => messages("dead_letter"),
            (Self::ProducerDown, _) => turned("down"),
            (Self::ProducerUp, _) => turned("up"),
            (Self::Recovery, _) => samples.sum("matchday_processor_recovery_requests_total", &[]),
            (Self::TakenOver, _) => samples.sum("matchday_processor_fence_lost_total", &[]),
            (Self::LeftOpen, _) => {
                let swept = samples.sum("matchday_processor_batches_total", &[("outcome", "sweep_refused")]);
                let untold = samples.sum("matchday_processor_untold_letters_total", &[]);
                [swept, untold].into_iter().flatten().reduce(|sum, count| sum + count)
            }
        };
        // A counter that is not there has counted nothing.
        Some(count.unwrap_or_default())
    }
}

impl Serialize for Sign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name().replace(' ', "_"))
    }
}

/// What was noticed, over time.
#[derive(Clone, Debug, Default)]
pub struct Noticed(BTreeMap<(Sign, Part), Counter>);

impl Noticed {
    pub(super) fn take(&mut self, at: Duration, part: Part, told: &[(ProcessNumber, &Samples)]) {
        for sign in Sign::ALL {
            let counts =
                told.iter().filter_map(|(process, samples)| Some((*process, sign.count(part, samples)?)));
            let counts: Vec<(ProcessNumber, f64)> = counts.collect();
            if !counts.is_empty() {
                self.0.entry((sign, part)).or_default().push_each(at, counts);
            }
        }
    }

    /// How often within the last `window`; `None` where nobody has told twice.
    #[must_use]
    pub fn within(&self, sign: Sign, now: Duration, window: Duration) -> Option<f64> {
        let of = self.0.iter().filter(|((of, _), _)| *of == sign);
        of.filter_map(|(_, counter)| counter.added.sum(now, window)).reduce(|sum, count| sum + count)
    }

    /// How long ago it was noticed last, within what is kept.
    #[must_use]
    pub fn last(&self, sign: Sign, now: Duration) -> Option<Duration> {
        let of = self.0.iter().filter(|((of, _), _)| *of == sign);
        let last = of.filter_map(|(_, counter)| {
            let added = counter.added.within(now, super::series::KEPT);
            added.filter(|(_, count)| *count > 0.0).map(|(at, _)| at).last()
        });
        last.max().map(|at| now.saturating_sub(at))
    }
}

#[cfg(test)]
mod tests {
    use domain::Sport;

    use super::*;

    #[test]
    fn what_several_processes_notice_adds_up_and_the_last_time_is_known() {
        let mut noticed = Noticed::default();
        let gaps = |count: u32| Samples::parse(&format!("matchday_processor_gaps_total {count}\n"));
        let seconds = Duration::from_secs;
        for (at, hockey, tennis) in [(1, 0, 5), (2, 3, 5), (3, 3, 6), (9, 3, 6)] {
            noticed.take(seconds(at), Part::Processors(Sport::Hockey), &[(0, &gaps(hockey))]);
            noticed.take(seconds(at), Part::Processors(Sport::Tennis), &[(0, &gaps(tennis))]);
        }
        assert_eq!(noticed.within(Sign::Gap, seconds(9), seconds(60)), Some(4.0));
        assert_eq!(noticed.within(Sign::Stale, seconds(9), seconds(60)), Some(0.0));
        assert_eq!(
            noticed.within(Sign::Refused, seconds(9), seconds(60)),
            None,
            "ingestion has told nothing"
        );
        assert_eq!(noticed.last(Sign::Gap, seconds(9)), Some(seconds(6)));
        assert_eq!(noticed.last(Sign::Held, seconds(9)), None);
    }
}
