//! How late the generator was: of its own doing, for want of an answer, and while the way of its feed was cut by what was done to
//! the stack.
//!
//! Who has no answer yet sends nothing more on that connection, and what is due meanwhile is late. That is ingestion's doing, or an
//! outage's, and no fault of the machine, so it does not make a run invalid; whatever else is late does, but in the warm-up, which
//! stands apart here as it does for the latency. While this process stood still an answer may have been there that it did not read:
//! waiting in that time is its own doing, too.

use std::ops::Range;
use std::time::Duration;

use simulator::DriveReport;
use simulator::ledger::NEVER;
use simulator::scenario::Share;

use crate::outage::Outage;
use crate::stall::longest_within;

/// How late messages were, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Of all behind the warm-up that nothing held up.
    pub own: Late,
    /// Of those that were due in the warm-up.
    pub warm_up: Late,
    /// How long those waited that could not be sent before an answer came. How late they were beside that is in `own`.
    pub waited: Late,
    /// Of those that waited while the way was cut, or until the stack had recovered from it.
    pub held_up: Late,
    /// How often this process stood still behind the warm-up, while messages were sent.
    pub stalls: u64,
    /// The longest of these times, in microseconds; 0 where there was none, `None` where that was not watched.
    pub stalled_micros: Option<u64>,
}

/// How late some messages were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Late {
    /// How many there are.
    pub messages: u64,
    /// 99 of 100 were no later; `None` where there are none.
    pub p99_micros: Option<u64>,
    /// The same of every share.
    shares: Option<[u64; Share::ALL.len()]>,
}

impl Lateness {
    /// Of a drive that warmed up for so long, and of which nothing but these outages held anything up. `stalls` is when this process stood
    /// still, where that was watched.
    #[must_use]
    pub fn of(
        drive: &DriveReport,
        warm_up: Duration,
        outages: &[Outage],
        stalls: Option<&[Range<i64>]>,
    ) -> Self {
        let cuts: Vec<Range<i64>> = outages.iter().filter_map(cut).collect();
        let warm = i64::try_from(warm_up.as_micros()).unwrap_or(i64::MAX);
        let (mut own, mut warming, mut waiting, mut held_up) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let lateness = drive.late_micros.iter().zip(&drive.waited_micros);
        for ((late, waited), sent) in lateness.zip(&drive.deliveries.sent_micros) {
            // What was meant to be late, or never went out, is none of these.
            let (Ok(late), Ok(waited)) = (u64::try_from(*late), u64::try_from(*waited)) else { continue };
            if *sent == NEVER {
                continue;
            }
            let due = sent - signed(late + waited);
            // How much of the waiting was for an answer that nobody was there to read.
            let stalled = longest_within(stalls.unwrap_or_default(), due..due + signed(waited));
            let stalled = u64::try_from(stalled).unwrap_or_default().min(waited);
            let (late, waited) = (late + stalled, waited - stalled);
            let is_held_up = cuts.iter().any(|cut| due < cut.end && cut.start < *sent);
            match () {
                () if due < warm => warming.push(late),
                () if is_held_up => held_up.push(late + waited),
                () => {
                    own.push(late);
                    waiting.extend((waited > 0).then_some(waited));
                }
            }
        }
        let [own, warm_up, waited, held_up] = [own, warming, waiting, held_up].map(Late::of);
        let until = signed(u64::try_from(drive.elapsed.as_micros()).unwrap_or(u64::MAX));
        let within = |stall: &Range<i64>| u64::try_from(stall.end.min(until) - stall.start.max(warm)).ok();
        let within = stalls.map(|stalls| stalls.iter().filter_map(within).filter(|micros| *micros > 0));
        let stalled: Option<Vec<u64>> = within.map(Iterator::collect);
        Self {
            own,
            warm_up,
            waited,
            held_up,
            stalls: stalled.as_ref().map_or(0, |stalled| stalled.len() as u64),
            stalled_micros: stalled.map(|stalled| stalled.into_iter().max().unwrap_or_default()),
        }
    }
}

impl Late {
    /// Of messages that were so late, in microseconds.
    #[must_use]
    pub fn of(mut micros: Vec<u64>) -> Self {
        let messages = micros.len() as u64;
        micros.sort_unstable();
        let at = |share: Share| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a share of a number of messages"
            )]
            let place = (micros.len() as f64 * share.quantile()).ceil() as usize;
            micros[place.clamp(1, micros.len()) - 1]
        };
        let shares = (!micros.is_empty()).then(|| Share::ALL.map(at));
        let late = Self { messages, p99_micros: None, shares };
        Self { p99_micros: late.at(Share::P99), ..late }
    }

    /// This share of them was no later; `None` where there are none.
    #[must_use]
    pub fn at(&self, share: Share) -> Option<u64> {
        let place = Share::ALL.iter().position(|known| *known == share)?;
        Some(self.shares?[place])
    }
}

/// From when to when an outage held the feed up; `None` where it is not on its way.
fn cut(outage: &Outage) -> Option<Range<i64>> {
    let recovered = outage.recovered_after_micros.map(|after| outage.ended_micros.saturating_add(after));
    let until = recovered.map_or(i64::MAX, signed);
    outage.planned.cuts_the_feed().then(|| signed(outage.began_micros)..until)
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simulator::scenario::{OutageKind, Part};

    use crate::outage::Planned;

    fn outage(target: Part, recovered_after_micros: Option<u64>) -> Outage {
        let planned = Planned { kind: OutageKind::Kill, target, from: None, at_ms: 0, for_ms: 0 };
        Outage {
            planned,
            began_micros: 1_000,
            ended_micros: 2_000,
            recovered_after_micros,
            waiting_before: 0,
            waiting_most: 0,
            trouble: None,
        }
    }

    /// Messages by when they were sent and how late that was: how late the own were, and those that were held up.
    fn lateness(messages: &[(i64, i64)], outages: &[Outage]) -> (Option<u64>, Option<u64>) {
        let mut drive = DriveReport::of_nothing();
        drive.deliveries.sent_micros = messages.iter().map(|(sent, _)| *sent).collect();
        drive.late_micros = messages.iter().map(|(_, late)| *late).collect();
        drive.waited_micros = vec![0; messages.len()];
        let Lateness { own, held_up, .. } = Lateness::of(&drive, Duration::ZERO, outages, None);
        (own.p99_micros, held_up.p99_micros)
    }

    #[test]
    fn what_waited_while_the_way_was_cut_is_told_apart_from_what_was_late() {
        let messages = [(900, 3), (2_900, 1_500), (3_400, 200), (3_600, 7)];
        let cut = |target| outage(target, Some(1_000));
        assert_eq!(lateness(&messages, &[]), (Some(1_500), None));
        assert_eq!(lateness(&messages, &[cut(Part::Kafka)]), (Some(200), Some(1_500)));
        assert_eq!(lateness(&messages, &[cut(Part::Redis)]), (Some(1_500), None), "not on the feed's way");
    }

    #[test]
    fn an_outage_that_was_never_recovered_from_holds_up_until_the_end() {
        let messages = [(900, 3), (9_000_000, 8_000_000)];
        assert_eq!(lateness(&messages, &[outage(Part::Ingestion, None)]), (Some(3), Some(8_000_000)));
    }

    #[test]
    fn what_was_late_in_the_warm_up_is_told_apart() {
        let mut drive = DriveReport::of_nothing();
        drive.deliveries.sent_micros = vec![900_000, 1_000_100, 2_000_040];
        drive.late_micros = vec![800_000, 900, 40];
        drive.waited_micros = vec![0; 3];
        let late = |warm_up| {
            let Lateness { own, warm_up, .. } =
                Lateness::of(&drive, Duration::from_millis(warm_up), &[], None);
            ((own.messages, own.p99_micros), (warm_up.messages, warm_up.p99_micros))
        };
        assert_eq!(late(0), ((3, Some(800_000)), (0, None)));
        assert_eq!(late(1_000), ((1, Some(40)), (2, Some(800_000))), "due at 999.2 ms");
        assert_eq!(late(999), ((2, Some(900)), (1, Some(800_000))));
    }

    #[test]
    fn what_waited_for_an_answer_is_told_apart_from_what_was_late() {
        let mut drive = DriveReport::of_nothing();
        drive.deliveries.sent_micros = vec![900, 400_000, 400_050, 700_000];
        drive.late_micros = vec![3, 200, 250, 40];
        drive.waited_micros = vec![0, 350_000, 340_000, 0];
        let late = |outages: &[Outage]| {
            let Lateness { own, waited, held_up, .. } = Lateness::of(&drive, Duration::ZERO, outages, None);
            [own, waited, held_up].map(|late| (late.messages, late.p99_micros))
        };
        assert_eq!(late(&[]), [(4, Some(250)), (2, Some(350_000)), (0, None)]);
        // The same waiting while the way is cut is the outage's doing, all of it.
        let cut = Outage { began_micros: 100_000, ended_micros: 300_000, ..outage(Part::Kafka, Some(0)) };
        assert_eq!(late(&[cut]), [(2, Some(40)), (0, None), (2, Some(350_200))]);
    }

    #[test]
    fn what_waited_while_this_process_stood_still_was_late_of_its_own() {
        let mut drive = DriveReport::of_nothing();
        drive.elapsed = Duration::from_secs(1);
        // Due at 100 and 110 ms, for answers that were read at 450 and 400 ms.
        drive.deliveries.sent_micros = vec![450_000, 400_000];
        drive.late_micros = vec![0, 0];
        drive.waited_micros = vec![350_000, 290_000];
        let late = |stalls: Option<&[Range<i64>]>| {
            let late = Lateness::of(&drive, Duration::from_millis(50), &[], stalls);
            ((late.own.at(Share::Max), late.waited.at(Share::Max)), (late.stalls, late.stalled_micros))
        };
        assert_eq!(late(None), ((Some(0), Some(350_000)), (0, None)));
        assert_eq!(late(Some(&[])), ((Some(0), Some(350_000)), (0, Some(0))));
        let stalls = [0..60_000, 100_000..440_000, 990_000..1_500_000];
        assert_eq!(late(Some(&stalls)), ((Some(340_000), Some(10_000)), (3, Some(340_000))));
    }

    #[test]
    fn every_share_has_its_lateness() {
        let late = Late::of((1..=1_000).collect());
        let shares = [Share::P50, Share::P99, Share::P99_9, Share::Max].map(|share| late.at(share).unwrap());
        assert_eq!(shares, [500, 990, 999, 1_000]);
        assert_eq!(Late::of(Vec::new()).at(Share::Max), None);
    }

    #[test]
    fn what_was_not_sent_or_meant_to_be_late_does_not_count() {
        assert_eq!(lateness(&[(NEVER, NEVER), (5_000, NEVER)], &[]), (None, None));
    }
}
