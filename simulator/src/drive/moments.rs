//! When messages of a Unified Odds Feed say that they were made: their time is their order, so no two of an event go out with
//! the same millisecond, however fast they follow each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Timestamp;

use crate::format::Format;
use crate::schedule::Schedule;

/// What is known of the times of a schedule's messages.
#[derive(Debug, Default)]
pub(super) struct Moments {
    /// The last millisecond of each channel. A channel is one lane's.
    last: Vec<AtomicI64>,
    /// The lines that are sent again as they were, and the line that each is a copy of.
    copies: BTreeMap<usize, usize>,
}

impl Moments {
    /// Of a schedule of which nothing has been sent.
    pub(super) fn of(schedule: &Schedule) -> Self {
        let last = schedule.channels().iter().map(|_| AtomicI64::new(i64::MIN)).collect();
        Self { last, copies: copies(schedule) }
    }

    /// The time for a line that is to go out with `at`. A copy has that of the message that it is one of, which `gone` knows of
    /// lines that have gone.
    pub(super) fn next(
        &self,
        schedule: &Schedule,
        line: usize,
        at: Timestamp,
        gone: impl Fn(usize) -> Option<Timestamp>,
    ) -> Timestamp {
        let channel = schedule.channel(line);
        if schedule.channels()[channel].format != Format::Uof {
            return at;
        }
        // What has no time of its own is told from nothing by it.
        let Some(late_micros) = schedule.late_micros(line) else { return at };
        if let Some(&original) = self.copies.get(&line)
            && let Some(of_original) = gone(original)
        {
            let original_late_micros = schedule.late_micros(original).unwrap_or_default();
            return of_original.plus_micros(late_micros - original_late_micros);
        }
        let millisecond_micros = Format::Uof.unit_micros();
        let millisecond = at.plus_micros(-late_micros).0.div_euclid(millisecond_micros);
        let last = self.last[channel].load(Ordering::Relaxed);
        self.last[channel].store(millisecond.max(last.saturating_add(1)), Ordering::Relaxed);
        match last < millisecond {
            true => at,
            false => Timestamp((last + 1) * millisecond_micros).plus_micros(late_micros),
        }
    }
}

/// The lines that are late and the same byte for byte as one before them. What is recorded twice is due twice.
fn copies(schedule: &Schedule) -> BTreeMap<usize, usize> {
    let is_uof = |line: &usize| schedule.channels()[schedule.channel(*line)].format == Format::Uof;
    let is_late = |line: &usize| schedule.late_micros(*line).is_some_and(|micros| micros != 0);
    let late: BTreeSet<usize> = (0..schedule.len()).filter(is_uof).filter(is_late).collect();
    let concerned: BTreeSet<usize> = late.iter().map(|line| schedule.channel(*line)).collect();
    let (mut first, mut copies) = (HashMap::new(), BTreeMap::new());
    for line in (0..schedule.len()).filter(|line| concerned.contains(&schedule.channel(*line))) {
        let original = *first.entry((schedule.channel(line), schedule.message(line))).or_insert(line);
        if original != line && late.contains(&line) {
            copies.insert(line, original);
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;
    use crate::schedule::{ScheduleBuilder, Sending};

    const SECOND_NS: u64 = 1_000_000_000;

    fn stop(number: u32) -> Vec<u8> {
        let of = "event_id=\"md:match:7\"";
        format!("hi.-.live.bet_stop.4.md:match.7.- <bet_stop product=\"1\" {of} timestamp=\"{number}\" groups=\"all\"/>")
            .into_bytes()
    }

    /// Of messages of one event, each so late in nanoseconds, the milliseconds with which they go out: all are due at the end of
    /// the first second.
    fn milliseconds(format: Format, messages: &[(u32, i64)]) -> Vec<i64> {
        let mut builder = ScheduleBuilder::default();
        for &(number, late_ns) in messages {
            let sending =
                Sending { offset_ns: SECOND_NS, late_ns, event_id: Some("md:match:7"), is_fixed: false };
            let message = match format {
                Format::Uof => stop(number),
                _ => format!("{{\"event_id\":\"md:match:7\",\"generated_at\":{number}}}").into_bytes(),
            };
            builder.push_as(&Name::new("md").unwrap(), format, &sending, &message).unwrap();
        }
        let schedule = builder.build();
        let moments = Moments::of(&schedule);
        let mut went: Vec<Timestamp> = Vec::new();
        for line in 0..schedule.len() {
            let at = moments.next(&schedule, line, Timestamp(1_000_000), |line| went.get(line).copied());
            went.push(at);
        }
        let late = |line: usize| schedule.late_micros(line).unwrap();
        (0..).zip(went).map(|(line, at)| at.plus_micros(-late(line)).0.div_euclid(1_000)).collect()
    }

    #[test]
    fn messages_of_one_moment_are_a_millisecond_apart_and_copies_keep_their_time() {
        let late = 400_000_000;
        assert_eq!(milliseconds(Format::Uof, &[(1, 0), (2, 0), (3, 0)]), [1_000, 1_001, 1_002]);
        assert_eq!(
            milliseconds(Format::Uof, &[(1, 0), (2, 0), (2, late), (3, 0)]),
            [1_000, 1_001, 1_001, 1_002]
        );
        assert_eq!(
            milliseconds(Format::Uof, &[(1, late), (2, late), (3, 0)]),
            [600, 601, 1_000],
            "what a silence held up was made before it"
        );
        assert_eq!(milliseconds(Format::Json, &[(1, 0), (2, 0)]), [1_000, 1_000], "they have sequences");
    }
}
