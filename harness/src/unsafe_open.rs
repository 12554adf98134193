//! How long clients were shown markets open that could not be trusted any more.
//!
//! When something must have been shut follows from what was sent and heard alone: when producers were silent, messages missing,
//! partitions without a heartbeat. What the processors made of it is not asked, so a market that was never shut counts as well.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use simulator::DriveReport;
use simulator::ledger::NEVER;

use crate::feed::Feed;
use crate::observe::kafka::Updates;
use crate::observe::socket::{Seen, Span};
use crate::oracle::{Heard, Told, Trace};

/// What was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnsafeTimes {
    /// How often an event that was shown open had to be shut because of what was not heard in time.
    pub checked: u64,
    /// The longest time after the deadline by which that had to be noticed, in microseconds: all of one cause together, however often
    /// something was open meanwhile.
    pub longest_micros: u64,
    /// The longest time before it, which nobody can avoid.
    pub exposed_micros: u64,
}

/// After which time what is missing has to be noticed, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Messages.
    pub hold_micros: i64,
    /// Producers.
    pub silence_micros: i64,
    /// Partitions.
    pub partition_micros: i64,
}

impl Patience {
    /// That of services which are told nothing else: `MATCHDAY_HOLD_MS`, `MATCHDAY_PRODUCER_SILENCE_MS` and
    /// `MATCHDAY_PARTITION_SILENCE_MS`.
    pub const USUAL: Self =
        Self { hold_micros: 3_000_000, silence_micros: 20_000_000, partition_micros: 4_000_000 };
}

/// What must not be open, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Duty {
    /// The last sign of life, or the first message that had to wait.
    began: i64,
    /// When that had to be noticed.
    due: i64,
    /// When there was nothing more to notice: no earlier could it be open again.
    end: i64,
}

/// What every steady client was shown, held against what had to be shut.
#[must_use]
pub fn measure(
    feed: &Feed,
    drive: &DriveReport,
    traces: &BTreeMap<String, Trace>,
    (heard, updates): (&Heard, &Updates),
    seen: &[&Seen],
) -> UnsafeTimes {
    // Nothing is known of what came later.
    let arrivals = seen.iter().flat_map(|seen| &seen.arrivals);
    let until = arrivals.map(|arrival| arrival.at_micros).max().unwrap_or_default();
    let Patience { hold_micros, silence_micros, partition_micros } = feed.patience;
    let mut times = UnsafeTimes::default();
    for (event_id, told) in feed.oracle.events() {
        let mut duties: Vec<(Option<&str>, Duty)> = Vec::new();
        for (source, alive) in heard.alive.into_iter().flatten() {
            // Whichever of them has something of the event.
            if source.0 == told.source.0 {
                let silent = silences(alive, silence_micros, until).into_iter().map(|duty| {
                    // The last one is followed by nothing, and not by an `alive`.
                    let end =
                        if duty.end == until { until } else { heard.open_again(source, duty.end).min(until) };
                    Duty { end, ..duty }
                });
                duties.extend(silent.map(|duty| (Some(source.1.as_str()), duty)));
            }
        }
        if let Some(trace) = traces.get(event_id).filter(|_| told.is_counted) {
            let gaps = gaps(&Come::of(told, trace, drive), hold_micros, until);
            duties.extend(gaps.into_iter().map(|duty| (Some(told.source.1.as_str()), duty)));
        }
        let place = updates.events.get(event_id).and_then(|published| published.first());
        let place = place.map(|published| (published.record.topic.clone(), published.record.partition));
        if let Some(beats) = place.and_then(|place| updates.beats.get(&place)) {
            let dead = silences(beats, partition_micros, until);
            duties.extend(dead.into_iter().map(|duty| (None, duty)));
        }
        for (producer, duty) in duties {
            let shown = seen.iter().map(|seen| seen.offers.spans(event_id, producer));
            times.note(duty, shown.map(|spans| apart(spans, until)));
        }
    }
    times
}

impl UnsafeTimes {
    /// Of each client when it was shown something open, in times that lie apart.
    fn note(&mut self, duty: Duty, shown: impl Iterator<Item = Vec<Range<i64>>>) {
        let mut was_open = false;
        for times in shown {
            let within = |begin: i64, end: i64| {
                let within = times.iter().map(|time| time.end.min(end) - time.start.max(begin));
                within.filter_map(|micros| u64::try_from(micros).ok()).sum::<u64>()
            };
            let (exposed, open) = (within(duty.began, duty.due), within(duty.due, duty.end));
            was_open |= exposed > 0 || open > 0;
            self.exposed_micros = self.exposed_micros.max(exposed);
            self.longest_micros = self.longest_micros.max(open);
        }
        self.checked += u64::from(was_open);
    }
}

/// When anything was open: times that overlap are one.
fn apart(spans: impl Iterator<Item = Span>, until: i64) -> Vec<Range<i64>> {
    let mut times: Vec<Range<i64>> = spans.map(|span| span.from..span.to.unwrap_or(until)).collect();
    times.sort_unstable_by_key(|time| time.start);
    times.dedup_by(|later, first| {
        let is_same = later.start <= first.end;
        if is_same {
            first.end = first.end.max(later.end);
        }
        is_same
    });
    times
}

/// What follows from signs of life that are too far apart; the last one is followed by nothing.
fn silences(heard: &[i64], patience: i64, until: i64) -> Vec<Duty> {
    let next = heard.iter().skip(1).copied().chain([until]);
    let silent = heard.iter().zip(next).filter(|(last, next)| *next - **last > patience);
    silent.map(|(last, next)| Duty { began: *last, due: *last + patience, end: next }).collect()
}

/// When one message of an event was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Come {
    /// When it may have been there at the earliest; `i64::MAX`: never.
    first: i64,
    /// When it was there for certain, where it was.
    certain: Option<i64>,
    /// Whether it waits for none before it: it begins an epoch.
    begins: bool,
    /// Whether one before it is never sent.
    is_beyond: bool,
}

impl Come {
    /// The messages of an event in the order of their positions.
    fn of(told: &Told, trace: &Trace, drive: &DriveReport) -> Vec<Self> {
        let received = trace.versions.values().filter_map(|known| known.line.zip(known.received_at));
        let received: HashMap<u32, i64> = received.collect();
        let ledger = &drive.deliveries;
        let after = |micros: &[i64], line: u32| {
            let at = micros.get(line as usize).filter(|at| **at != NEVER)?;
            Some(drive.timeline.started_at.0 + at)
        };
        // What lies beyond a message that is never sent had its turn where somebody has sent that message nevertheless.
        let come = |line: u32, is_beyond: bool| {
            let at = received.get(&line).copied();
            let is_taken = ledger.status.get(line as usize) == Some(&202);
            Self {
                first: at.or_else(|| after(&ledger.sent_micros, line)).unwrap_or(i64::MAX),
                certain: at.or_else(|| after(&ledger.answered_micros, line).filter(|_| is_taken)),
                begins: told.begins.contains(&line),
                is_beyond: is_beyond && at.is_none(),
            }
        };
        let lines = told.lines.iter().map(|line| come(*line, false));
        lines.chain(told.beyond.iter().map(|line| come(*line, true))).collect()
    }
}

/// What follows from messages that came longer before one that they had to wait for than they may wait.
fn gaps(messages: &[Come], patience: i64, until: i64) -> Vec<Duty> {
    let mut duties: Vec<Duty> = Vec::new();
    // Another epoch ends every gap of the one before it.
    let mut renewed = vec![i64::MAX; messages.len()];
    for index in (1..messages.len()).rev() {
        renewed[index - 1] = if messages[index].begins { messages[index].first } else { renewed[index] };
    }
    // The last of those before a message: when it is there, nothing is missing.
    let mut complete = i64::MIN;
    for (index, come) in messages.iter().enumerate() {
        complete = match (come.begins, come.is_beyond) {
            (true, _) => i64::MIN,
            (false, true) => i64::MAX,
            (false, false) => complete,
        };
        let end = complete.min(renewed[index]).min(until);
        if let Some(began) = come.certain.filter(|began| end > began.saturating_add(patience)) {
            duties.push(Duty { began, due: began + patience, end });
        }
        complete = complete.max(come.first);
    }
    duties.sort_by_key(|duty| (duty.due, duty.end));
    // Many wait for the same message: that is one gap.
    duties.dedup_by(|later, first| {
        let is_same = later.due <= first.end;
        if is_same {
            first.end = first.end.max(later.end);
        }
        is_same
    });
    duties
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: i64 = 1_000;

    fn duty(began: i64, due: i64, end: i64) -> Duty {
        Duty { began, due, end }
    }

    fn come(first: i64) -> Come {
        Come { first, certain: Some(first), begins: false, is_beyond: false }
    }

    const LOST: Come = Come { first: i64::MAX, certain: None, begins: false, is_beyond: false };

    #[test]
    fn silence_lasts_until_the_next_sign_of_life_and_after_the_last_one_for_good() {
        assert_eq!(silences(&[0, 20, 50, 990], 20, UNTIL), [duty(20, 40, 50), duty(50, 70, 990)]);
        assert_eq!(silences(&[0], 20, UNTIL), [duty(0, 20, UNTIL)]);
        assert_eq!(silences(&[], 20, UNTIL), [], "who was never heard is not waited for");
    }

    #[test]
    fn a_gap_is_due_from_the_first_message_that_waits_until_the_last_that_is_missing() {
        let filled = [come(10), come(100), come(20), come(30), come(110)];
        assert_eq!(gaps(&filled, 50, UNTIL), [duty(20, 70, 100)]);
        assert_eq!(gaps(&filled, 80, UNTIL), [], "it came in time");
        assert_eq!(gaps(&[come(10), LOST, come(20), come(30)], 50, UNTIL), [duty(20, 70, UNTIL)]);
        let beyond = Come { is_beyond: true, ..come(20) };
        assert_eq!(
            gaps(&[come(10), beyond], 50, UNTIL),
            [duty(20, 70, UNTIL)],
            "what is missing is not even planned"
        );
        let anew = Come { begins: true, ..come(200) };
        assert_eq!(gaps(&[come(10), LOST, come(20), anew, come(210)], 50, UNTIL), [duty(20, 70, 200)]);
    }

    #[test]
    fn a_market_that_is_never_shut_counts_and_one_that_is_shut_in_time_does_not() {
        let noted = |spans: &[Span]| {
            let mut times = UnsafeTimes::default();
            times.note(duty(100, 200, 300), [apart(spans.iter().copied(), UNTIL)].into_iter());
            (times.checked, times.exposed_micros, times.longest_micros)
        };
        let span = |from, to| Span { from, to };
        assert_eq!(noted(&[span(0, None)]), (1, 100, 100));
        assert_eq!(noted(&[span(0, Some(190)), span(300, None)]), (1, 90, 0));
        assert_eq!(noted(&[span(0, Some(190)), span(250, Some(260))]), (1, 90, 10), "opened again too early");
        assert_eq!(noted(&[span(0, Some(100)), span(300, None)]), (0, 0, 0), "nothing was open");
        let again = [span(210, Some(230)), span(220, Some(235)), span(250, Some(260))];
        assert_eq!(noted(&again), (1, 0, 35), "opened twice, once of two producers");
    }
}
