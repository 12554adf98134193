//! What lies among the dead letters held against what had to be refused.

use std::collections::{BTreeMap, HashSet};

use simulator::Schedule;
use simulator::faults::FaultPlan;
use simulator::ledger::{Deliveries, NEVER};

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

/// Every message was refused or taken as it had to be, and those that were refused are kept, once each; one with which a request had
/// no answer may have been kept by then already.
pub fn judge_letters(
    oracle: &Oracle,
    (schedule, faults, deliveries): (&Schedule, &FaultPlan, &Deliveries),
    letters: &[Letter],
    verdict: &mut Verdict,
) {
    verdict.look_at(PLACE);
    judge_answers(schedule, faults, deliveries, verdict);
    let mut kept: BTreeMap<&[u8], Vec<&Letter>> = BTreeMap::new();
    for letter in letters {
        kept.entry(letter.bytes.trim_ascii()).or_default().push(letter);
    }
    let due = oracle.refused().iter().map(|line| {
        let is_answered = deliveries.status.get(*line as usize).is_some_and(|status| *status != 0);
        // Who stopped waiting for the last answer has not written that down.
        let is_under_way =
            !is_answered && deliveries.sent_micros.get(*line as usize).is_some_and(|at| *at != NEVER);
        let unanswered =
            deliveries.unanswered.get(line).copied().unwrap_or_default().max(is_under_way.into());
        (*line, schedule.message(*line as usize).trim_ascii(), (is_answered, unanswered))
    });
    for (bytes, due) in due_of(due) {
        let Due { first, lines, answered, .. } = due;
        let count = kept.remove(bytes).map_or(0, |letters| letters.len());
        let is_right = due.is_kept(count);
        let what = match lines {
            1 => format!("line {first} of the schedule, a message that must be refused,"),
            lines => format!(
                "line {first} of the schedule and {} with the same bytes, which must be refused,",
                lines - 1
            ),
        };
        let must = if answered == 1 { "kept once".to_owned() } else { format!("kept {answered} times") };
        let event_id = event_of(schedule, first as usize);
        hold(verdict, is_right, (event_id, None), &what, (&must, &format!("kept {count} times")));
    }
    for letter in kept.into_values().flatten() {
        let what = format!("a message of {}, refused because of {:?},", letter.provider, letter.reason);
        // Where its event could not be read it is its provider.
        let event_id = str::from_utf8(&letter.key).ok().filter(|key| oracle.events().contains_key(*key));
        let place = (event_id.unwrap_or_default(), Some(&letter.record));
        hold(verdict, false, place, &what, ("taken, or kept as it was sent", "a dead letter"));
    }
}

/// The lines that have the same bytes: a letter does not say of which of them it is.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    first: u32,
    lines: usize,
    /// Those that were answered: each must be kept.
    answered: usize,
    /// The requests with one of them that had no answer: for each, one may lie there or not.
    unanswered: usize,
}

impl Due {
    fn is_kept(&self, times: usize) -> bool {
        (self.answered..=self.answered + self.unanswered).contains(&times)
    }
}

/// Of lines with their bytes, whether they were answered at last, and with how many requests before they were not.
fn due_of<'a>(lines: impl Iterator<Item = (u32, &'a [u8], (bool, u32))>) -> BTreeMap<&'a [u8], Due> {
    let mut due = BTreeMap::new();
    for (line, bytes, (is_answered, unanswered)) in lines {
        let of_bytes = due.entry(bytes).or_insert(Due { first: line, lines: 0, answered: 0, unanswered: 0 });
        of_bytes.lines += 1;
        of_bytes.answered += usize::from(is_answered);
        of_bytes.unanswered += unanswered as usize;
    }
    due
}

fn judge_answers(schedule: &Schedule, faults: &FaultPlan, deliveries: &Deliveries, verdict: &mut Verdict) {
    // Nobody answered: that is no decision.
    let wrong = faults.unexpected(deliveries).into_iter().filter(|answer| answer.status != 0);
    let planned = faults.answers();
    let mut count = 0;
    for answer in wrong {
        count += 1;
        let event_id = event_of(schedule, usize::try_from(answer.message).unwrap_or_default());
        let must =
            planned.get(&answer.message).map_or_else(|| "202".to_owned(), |statuses| format!("{statuses:?}"));
        let what = format!("the answer to line {} of the schedule", answer.message);
        hold(verdict, false, (event_id, None), &what, (&must, &answer.status.to_string()));
    }
    let answered = deliveries.status.iter().filter(|status| **status != 0).count() as u64;
    for _ in count..answered {
        verdict.compare(Kind::WrongDeadLetterDecision, None, true, Example::default, PLACE);
    }
}

/// The event of a line; empty where it is of none.
fn event_of(schedule: &Schedule, line: usize) -> &str {
    schedule.channels()[schedule.channel(line)].event_id.as_deref().unwrap_or_default()
}

fn hold(
    verdict: &mut Verdict,
    agrees: bool,
    (event_id, record): (&str, Option<&RecordPlace>),
    what: &str,
    (must, is): (&str, &str),
) {
    let example = || Example {
        place: PLACE.to_owned(),
        event_id: event_id.to_owned(),
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
    fn lines_with_the_same_bytes_are_kept_as_often_as_they_were_refused() {
        let lines: [(u32, &[u8], (bool, u32)); 6] = [
            (3, b"{", (true, 0)),
            (4, b"[", (false, 2)),
            (7, b"{", (true, 0)),
            (8, b"{", (false, 1)),
            (9, b"x", (true, 0)),
            (10, b"y", (false, 0)),
        ];
        let due = due_of(lines.into_iter());
        let right = |bytes: &[u8]| {
            let due = &due[bytes];
            (due.first, due.lines, (0..6).filter(|times| due.is_kept(*times)).collect::<Vec<_>>())
        };
        assert_eq!(right(b"{"), (3, 3, vec![2, 3]), "each of two once, the third perhaps");
        assert_eq!(right(b"["), (4, 1, vec![0, 1, 2]), "perhaps with each of both requests");
        assert_eq!(right(b"x"), (9, 1, vec![1]), "whatever else had no answer");
        assert_eq!(right(b"y"), (10, 1, vec![0]), "it was never sent");
    }

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
