//! The log of an event as REST tells it: up to where a source's messages were applied at a version, and since when its clock has run.

use std::collections::BTreeMap;

use domain::message::MessageType;
use domain::update::{Cause, CauseKind, Update, Value};
use domain::{Clock, Position, Source, Timestamp};
use serde::Deserialize;

/// The last updates of an event, in the order of their versions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Log {
    updates: Vec<Update>,
}

/// How far a source had come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Up to here all was applied.
    pub(super) applied: Position,
    /// Bet stops beyond that, heard ahead of their turn: their markets are shut already, and nobody says them again.
    pub(super) ahead: Vec<Cause>,
}

impl Log {
    /// How far a source had come at a version; `None` where that cannot be told.
    pub(super) fn reached(&self, source: &Source, version: u64) -> Option<Reached> {
        let mut applied: Option<Position> = None;
        // A bet stop ahead of its turn is an update at once; once reached it is another one only where that changes something.
        let mut ahead: BTreeMap<Position, &Cause> = BTreeMap::new();
        for cause in self.up_to(version).map(|update| &update.cause) {
            let Some(position) = cause.position.filter(|_| cause.source == *source) else { continue };
            match cause.kind {
                CauseKind::Message(MessageType::BetStop) if !is_turn(applied, position) => {
                    ahead.insert(position, cause);
                }
                CauseKind::Message(_) => applied = applied.max(Some(position)),
                CauseKind::Gap | CauseKind::DeadLetter | CauseKind::ProducerDown | CauseKind::ProducerUp => {}
            }
            while let Some((&first, _)) = ahead.first_key_value()
                && is_turn(applied, first)
            {
                applied = applied.max(Some(first));
                ahead.pop_first();
            }
        }
        Some(Reached { applied: applied?, ahead: ahead.into_values().cloned().collect() })
    }

    /// Since when the state of play has had this clock at a version; `None` where that was longer ago than the log reaches.
    pub(super) fn told_at(&self, clock: Clock, version: u64) -> Option<Timestamp> {
        let mut told_at = None;
        for update in self.up_to(version) {
            let statuses = update.changes.iter().filter_map(|change| match &change.value {
                Some(Value::Status(status)) => Some(status),
                _ => None,
            });
            for status in statuses {
                let is_it = status.clock == Some(clock);
                let at = update.cause.generated_at.unwrap_or(update.applied_at);
                // Who says no clock leaves the one that was told.
                told_at = is_it.then(|| told_at.unwrap_or(at));
            }
        }
        told_at
    }

    fn up_to(&self, version: u64) -> impl Iterator<Item = &Update> {
        self.updates.iter().filter(move |update| update.version <= version)
    }
}

/// Whether the turn of a message at `position` has come, or is over, where all up to `applied` was.
fn is_turn(applied: Option<Position>, position: Position) -> bool {
    match applied {
        Some(applied) => {
            position <= applied.next() || position.epoch > applied.epoch && position.sequence == 1
        }
        None => position.sequence == 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What these updates come to, by the type and the place of the message that led to each: up to where all was applied, and the
    /// stops beyond that.
    fn reached(said: &[(&str, u64, u64)]) -> Option<((u64, u64), Vec<u64>)> {
        let log = log((1..).zip(said).map(|(version, (kind, epoch, sequence))| {
            let cause = json!({ "type": kind, "provider": "md", "producer": "live", "epoch": epoch, "sequence": sequence,
                "message_id": format!("m{version}") });
            (version, cause, json!([]))
        }));
        let Reached { applied, ahead } = log.reached(&source(), said.len() as u64)?;
        let places = ahead.iter().map(|cause| cause.position.unwrap().sequence).collect();
        Some(((applied.epoch, applied.sequence), places))
    }

    fn source() -> Source {
        serde_json::from_value(json!({ "provider": "md", "producer": "live" })).unwrap()
    }

    fn log(updates: impl Iterator<Item = (u64, Value, Value)>) -> Log {
        let update = |(version, cause, changes): (u64, Value, Value)| {
            json!({ "event_id": "md:match:1", "sport": "hockey", "version": version, "previous_version": version - 1,
                "cause": cause, "applied_at": version * 1_000_000, "changes": changes })
        };
        let log = json!({ "updates": updates.map(update).collect::<Vec<_>>() });
        serde_json::from_str(&log.to_string()).unwrap()
    }

    #[test]
    fn a_bet_stop_ahead_of_its_turn_tells_nothing_of_what_comes_before_it() {
        let (odds, stop) = ("odds_change", "bet_stop");
        assert_eq!(reached(&[(odds, 1, 56), (odds, 1, 57), (stop, 1, 60)]), Some(((1, 57), vec![60])));
        assert_eq!(reached(&[(odds, 1, 57), (stop, 1, 60), (odds, 1, 58)]), Some(((1, 58), vec![60])));
        // The turn of it is no further update, or is one.
        let before = [(odds, 1, 57), (stop, 1, 60), (odds, 1, 58), (odds, 1, 59)];
        assert_eq!(reached(&before), Some(((1, 60), vec![])));
        assert_eq!(reached(&[&before[..], &[(stop, 1, 60)]].concat()), Some(((1, 60), vec![])));
        assert_eq!(reached(&[(odds, 1, 57), (stop, 1, 58)]), Some(((1, 58), vec![])), "it was its turn");
        let two = [(odds, 1, 57), (stop, 1, 60), (stop, 1, 59), (odds, 1, 58)];
        assert_eq!(reached(&two), Some(((1, 60), vec![])));
    }

    #[test]
    fn a_log_that_begins_with_a_bet_stop_leaves_open_whether_it_was_its_turn() {
        assert_eq!(reached(&[("bet_stop", 1, 60)]), None);
        assert_eq!(reached(&[("bet_stop", 1, 60), ("odds_change", 1, 58)]), Some(((1, 58), vec![60])));
        assert_eq!(reached(&[("bet_stop", 1, 60), ("odds_change", 1, 61)]), Some(((1, 61), vec![])));
        assert_eq!(reached(&[("bet_stop", 1, 1)]), Some(((1, 1), vec![])), "before it there is nothing");
    }

    #[test]
    fn an_epoch_begins_with_its_first_message_alone() {
        let odds = ("odds_change", 1, 57);
        assert_eq!(reached(&[odds, ("bet_stop", 2, 3)]), Some(((1, 57), vec![3])));
        assert_eq!(reached(&[odds, ("bet_stop", 2, 1)]), Some(((2, 1), vec![])));
        assert_eq!(reached(&[odds, ("bet_stop", 1, 60), ("snapshot", 2, 1)]), Some(((2, 1), vec![])));
        assert_eq!(reached(&[odds, ("gap", 1, 58), ("dead_letter", 1, 59)]), Some(((1, 57), vec![])));
    }

    #[test]
    fn a_clock_was_told_when_the_state_of_play_first_had_it() {
        let cause = |version: u64| {
            json!({ "type": "odds_change", "provider": "md", "producer": "live", "message_id": format!("m{version}"),
                "generated_at": version * 1_000_000 + 7 })
        };
        let status = |elapsed: u32, home: u32| {
            json!([{ "key": "status", "value": { "status": "live", "match_status": "period_2",
                "score": { "home": home, "away": 0 }, "clock": { "elapsed_seconds": elapsed } } }])
        };
        let updates = [status(300, 0), status(320, 0), json!([]), status(320, 1)];
        let log = log((1..).zip(updates).map(|(version, changes)| (version, cause(version), changes)));
        assert_eq!(
            log.told_at(Clock::new(320, false), 4),
            Some(Timestamp(2_000_007)),
            "a goal tells no clock"
        );
        assert_eq!(log.told_at(Clock::new(300, false), 1), Some(Timestamp(1_000_007)));
        assert_eq!(log.told_at(Clock::new(280, false), 4), None, "nobody said so of late");
    }
}
