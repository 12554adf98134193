//! What lies among the dead letters held against what had to be refused.

use std::collections::{BTreeMap, HashSet};

use simulator::Schedule;
use simulator::faults::FaultPlan;
use simulator::ledger::Deliveries;

use super::Oracle;
use crate::anomaly::{Example, Kind, RecordPlace};
use crate::judge::Verdict;

/// The place that is judged here.
const PLACE: &str = "dead letters";

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its place in Kafka.
    pub record: RecordPlace,
    /// Its key: the event where that could be read, else its provider.
    pub key: Vec<u8>,
    /// Whose message it was, where that is known.
    pub provider: String,
    /// Why it was refused.
    pub reason: String,
    /// The message as it came.
    pub bytes: Vec<u8>,
}

/// Those letters that are of our messages, where others use the stack, too: their bytes were sent as they are, or they are about
/// one of our events, which is their key wherever it could be read.
#[must_use]
pub fn our_letters(oracle: &Oracle, schedule: &Schedule, mut letters: Vec<Letter>) -> Vec<Letter> {
    let refused = oracle.refused().iter().map(|line| schedule.message(*line as usize).trim_ascii());
    let refused: HashSet<&[u8]> = refused.collect();
    let is_of_event = |key: &[u8]| str::from_utf8(key).is_ok_and(|key| oracle.events().contains_key(key));
    letters.retain(|letter| is_of_event(&letter.key) || refused.contains(letter.bytes.trim_ascii()));
    letters
}

/// Every message was refused or taken as it had to be, and those that were refused are kept, once each. `may_repeat` says that
/// requests were sent again without an answer to the first, whose letters may have been kept already.
pub fn judge_letters(
    oracle: &Oracle,
    (schedule, faults, deliveries): (&Schedule, &FaultPlan, &Deliveries),
    letters: &[Letter],
    may_repeat: bool,
    verdict: &mut Verdict,
) {
    judge_answers(schedule, faults, deliveries, verdict);
    let mut kept: BTreeMap<&[u8], Vec<&Letter>> = BTreeMap::new();
    for letter in letters {
        kept.entry(letter.bytes.trim_ascii()).or_default().push(letter);
    }
    for line in oracle.refused() {
        // What was never sent, or nobody answered, may lie there or not.
        if deliveries.status.get(*line as usize).is_none_or(|status| *status == 0) {
            continue;
        }
        let bytes = schedule.message(*line as usize).trim_ascii();
        let count = kept.remove(bytes).map_or(0, |letters| letters.len());
        let is_right = count == 1 || count > 1 && may_repeat;
        let what = format!("line {line} of the schedule, a message that must be refused,");
        hold(verdict, is_right, None, &what, ("kept once", &format!("kept {count} times")));
    }
    for letter in kept.into_values().flatten() {
        let what = format!("a message of {}, refused because of {:?},", letter.provider, letter.reason);
        hold(verdict, false, Some(&letter.record), &what, ("taken, or kept as it was sent", "a dead letter"));
    }
}

fn judge_answers(schedule: &Schedule, faults: &FaultPlan, deliveries: &Deliveries, verdict: &mut Verdict) {
    // Nobody answered: that is no decision.
    let wrong = faults.unexpected(deliveries).into_iter().filter(|answer| answer.status != 0);
    let planned = faults.answers();
    let mut count = 0;
    for answer in wrong {
        count += 1;
        let channel =
            &schedule.channels()[schedule.channel(usize::try_from(answer.message).unwrap_or_default())];
        let event = channel.event_id.as_deref().unwrap_or("no event");
        let must =
            planned.get(&answer.message).map_or_else(|| "202".to_owned(), |statuses| format!("{statuses:?}"));
        let what = format!("the answer to line {} of the schedule, of {event},", answer.message);
        hold(verdict, false, None, &what, (&must, &answer.status.to_string()));
    }
    let answered = deliveries.status.iter().filter(|status| **status != 0).count() as u64;
    for _ in count..answered {
        verdict.compare(Kind::WrongDeadLetterDecision, None, true, Example::default, PLACE);
    }
}

fn hold(
    verdict: &mut Verdict,
    agrees: bool,
    record: Option<&RecordPlace>,
    what: &str,
    (must, is): (&str, &str),
) {
    let example = || Example {
        place: PLACE.to_owned(),
        record: record.cloned(),
        what: what.to_owned(),
        expected: must.to_owned(),
        found: is.to_owned(),
        ..Example::default()
    };
    verdict.compare(Kind::WrongDeadLetterDecision, None, agrees, example, PLACE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Asked, Case};

    #[test]
    fn letters_of_others_are_not_ours() {
        let feed = Case::of(Asked::load("all-faults", Some(3), None).unwrap(), None).unwrap().feed;
        let (oracle, schedule) = (&feed.oracle, &*feed.schedule);
        let record = RecordPlace { topic: "dead-letters".to_owned(), partition: 0, offset: 0 };
        let letter = |key: &str, bytes: &[u8]| Letter {
            record: record.clone(),
            key: key.as_bytes().to_vec(),
            provider: "md".to_owned(),
            reason: String::new(),
            bytes: bytes.to_vec(),
        };
        let line = *oracle.refused().first().expect("something is malformed") as usize;
        let event = oracle.events().keys().next().expect("there are events");
        let sent = [schedule.message(line).trim_ascii(), b"\n"].concat();
        let letters = vec![
            letter("md", &sent),
            letter(event, b"{}"),
            letter("other", b"{}"),
            letter("md:match:of-others", b"{}"),
        ];
        let ours = our_letters(oracle, schedule, letters);
        assert_eq!(ours.len(), 2);
        assert!(ours[0].bytes == sent && ours[1].key == event.as_bytes(), "{ours:?}");
    }
}
