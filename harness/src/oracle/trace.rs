//! What the update log says of an event, version by version: what every other place is held against.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use domain::MessageType;
use serde_json::Value;

/// One event's versions.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// What is known of each version.
    pub versions: BTreeMap<u64, VersionTrace>,
    /// The values of each key: from which version on, and the hash of it; 0 where it went away.
    pub keys: BTreeMap<String, Vec<(u64, u64)>>,
    /// How many versions no message led to.
    pub turns: u64,
    /// How many messages led to a version.
    pub messages: u64,
    /// What was declared of its producer, in order.
    pub(crate) declared: Vec<Turn>,
    /// From which version on, and when that was applied, anything of it was open, or nothing any more.
    pub(crate) offered: Vec<(i64, u64, bool)>,
}

/// That a producer went down or came up.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// By which version.
    pub(super) version: u64,
    /// When, in microseconds since the epoch.
    pub(super) at: i64,
    /// Whether it went down.
    pub(super) is_down: bool,
    /// Whether it is of the event's producer, which was up until then, or may be up then.
    pub(super) is_possible: bool,
    /// Whether a silence is given for the reason.
    pub(super) is_of_silence: bool,
}

/// One version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VersionTrace {
    /// The line of the schedule of the message that led to it.
    pub line: Option<u32>,
    /// A hash of the update as it is in the log.
    pub payload: u64,
    /// The type of that message.
    pub class: Option<MessageType>,
    /// When the provider made it, in microseconds since the epoch.
    pub generated_at: Option<i64>,
    /// When ingestion received it, in microseconds since the epoch.
    pub received_at: Option<i64>,
    /// When the processor applied it.
    pub applied_at: i64,
}

/// A hash of bytes: equal ones are taken for the same.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    // 0 says that there is nothing.
    hasher.finish().max(1)
}

/// A hash of a value, whatever the order of its fields; 0 of null.
#[must_use]
pub fn hash_value(value: &Value) -> u64 {
    if value.is_null() { 0 } else { hash(value.to_string().as_bytes()) }
}

impl Trace {
    /// The time in which each message waited for nothing but to be applied: from when it, and all before it, had been received.
    pub(super) fn waits(&self) -> impl Iterator<Item = Range<i64>> {
        let received =
            self.versions.values().filter_map(|known| Some((known.received_at?, known.applied_at)));
        received.scan(i64::MIN, |latest, (received_at, applied_at)| {
            *latest = received_at.max(*latest);
            Some(*latest..applied_at)
        })
    }

    /// The hash of a key's value at a version; 0 where it has none.
    #[must_use]
    pub fn value_at(&self, key: &str, version: u64) -> u64 {
        let Some(steps) = self.keys.get(key) else { return 0 };
        let later = steps.partition_point(|(from, _)| *from <= version);
        later.checked_sub(1).map_or(0, |last| steps[last].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_value_that_it_was_given_last() {
        let keys = BTreeMap::from([("market:1".to_owned(), vec![(3, 30), (7, 70), (9, 0)])]);
        let trace = Trace { keys, ..Trace::default() };
        let at = |version| trace.value_at("market:1", version);
        assert_eq!([at(2), at(3), at(6), at(7), at(8), at(9), at(50)], [0, 30, 30, 70, 70, 0, 0]);
        assert_eq!(trace.value_at("market:2", 9), 0);
    }
}
