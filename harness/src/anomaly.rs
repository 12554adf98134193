//! Anomalies: the ways in which a pipeline can be wrong, each by its name, counted, with its first examples.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How many examples of a kind are kept; all are counted.
pub const EXAMPLES_MAX: usize = 10;

/// A way in which a pipeline can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What was accepted, committed or held is not there.
    Lost,
    /// A message has had its effect more than once.
    DuplicateEffect,
    /// What nobody has sent is there.
    Phantom,
    /// A store, a topic or a client stays behind.
    Stale,
    /// A version or a message's turn goes back.
    NonMonotonic,
    /// A version was left out.
    Skipped,
    /// At some version something is not what the messages up to it say.
    WrongValueAtVersion,
    /// Two places say different things of one version.
    StoreDivergence,
    /// A message was refused that had to be taken, or taken that had to be refused, or kept otherwise than once.
    WrongDeadLetterDecision,
    /// A gap or a silence was declared where nothing was missing, or none where something was.
    FalseGap,
    /// A market was open that could not be trusted.
    MarketOpenWhileUnsafe,
    /// A market was settled, cancelled or left open otherwise than was decided.
    SettlementWrong,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Lost,
        Self::DuplicateEffect,
        Self::Phantom,
        Self::Stale,
        Self::NonMonotonic,
        Self::Skipped,
        Self::WrongValueAtVersion,
        Self::StoreDivergence,
        Self::WrongDeadLetterDecision,
        Self::FalseGap,
        Self::MarketOpenWhileUnsafe,
        Self::SettlementWrong,
    ];

    /// Its name, for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::DuplicateEffect => "duplicate effect",
            Self::Phantom => "phantom",
            Self::Stale => "stale",
            Self::NonMonotonic => "non-monotonic",
            Self::Skipped => "skipped",
            Self::WrongValueAtVersion => "wrong value at version",
            Self::StoreDivergence => "store divergence",
            Self::WrongDeadLetterDecision => "wrong dead-letter decision",
            Self::FalseGap => "false gap",
            Self::MarketOpenWhileUnsafe => "market open while unsafe",
            Self::SettlementWrong => "settlement wrong",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is not as it must be, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Example {
    /// Where: `mysql`, `update log`, `updates topic`, `redis`, `rest`, `socket 1`.
    pub place: String,
    /// The event; empty where it is about no single one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_id: String,
    /// The event's version at which it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The record in which it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordPlace>,
    /// What was looked at: `score`, `market 406 status`, `message md:match:1:7`.
    pub what: String,
    /// What must be.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// A record's place in Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPlace {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset in it.
    pub offset: i64,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offset } = self;
        write!(f, "{topic}/{partition}/{offset}")
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, event_id, version, record, what, expected, found } = self;
        write!(f, "{place}: ")?;
        if !event_id.is_empty() {
            write!(f, "{event_id}")?;
            if let Some(version) = version {
                write!(f, " version {version}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{what} is {found}, must be {expected}")?;
        match record {
            Some(record) => write!(f, " (at {record})"),
            None => Ok(()),
        }
    }
}

/// How often it was looked for a kind, how often it was found, and the first examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// How often it was looked.
    pub checked: u64,
    /// How often it was found.
    pub found: u64,
    /// The first ones.
    pub examples: Vec<Example>,
}

/// What was looked for, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anomalies {
    counts: BTreeMap<Kind, Count>,
}

impl Anomalies {
    /// Notes that it was looked for a kind so often, and nothing found.
    pub fn checked(&mut self, kind: Kind, times: u64) {
        self.counts.entry(kind).or_default().checked += times;
    }

    /// Notes that it was looked for a kind once, and found.
    pub fn found(&mut self, kind: Kind, example: Example) {
        let count = self.counts.entry(kind).or_default();
        count.checked += 1;
        count.found += 1;
        if count.examples.len() < EXAMPLES_MAX {
            count.examples.push(example);
        }
    }

    /// Notes that it was looked for a kind once; `example` says what was found where it is not so.
    pub fn hold(&mut self, kind: Kind, is_so: bool, example: impl FnOnce() -> Example) {
        if is_so { self.checked(kind, 1) } else { self.found(kind, example()) }
    }

    /// What is known of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &Count {
        static NOTHING: Count = Count { checked: 0, found: 0, examples: Vec::new() };
        self.counts.get(&kind).unwrap_or(&NOTHING)
    }

    /// All that was found, all kinds together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().map(|count| count.found).sum()
    }

    /// The kinds for which nothing was looked at: of them nothing is known.
    #[must_use]
    pub fn unchecked(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.of(*kind).checked == 0).collect()
    }

    /// The first examples of all kinds, those of the first kinds first.
    pub fn examples(&self) -> impl Iterator<Item = (Kind, &Example)> {
        self.counts.iter().flat_map(|(kind, count)| count.examples.iter().map(|example| (*kind, example)))
    }

    /// Says of examples that have no place in Kafka where that is.
    pub fn locate(&mut self, place: impl Fn(&Example) -> Option<RecordPlace>) {
        for example in self.counts.values_mut().flat_map(|count| &mut count.examples) {
            example.record = example.record.take().or_else(|| place(example));
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.counts {
            let own = self.counts.entry(kind).or_default();
            own.checked += count.checked;
            own.found += count.found;
            let room = EXAMPLES_MAX - own.examples.len();
            own.examples.extend(count.examples.into_iter().take(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_kept() {
        let mut anomalies = Anomalies::default();
        for version in 1..=25 {
            let example = || Example { version: Some(version), ..Example::default() };
            anomalies.hold(Kind::Skipped, version % 2 == 0, example);
        }
        let count = anomalies.of(Kind::Skipped);
        assert_eq!((count.checked, count.found, count.examples.len()), (25, 13, EXAMPLES_MAX));
        assert_eq!(count.examples[9].version, Some(19));
        assert_eq!(anomalies.total(), 13);
        assert_eq!(anomalies.unchecked().len(), Kind::ALL.len() - 1, "nothing is known of the others");
    }

    #[test]
    fn an_example_says_where_it_was_seen() {
        let example = Example {
            place: "updates topic".to_owned(),
            event_id: "md:match:1".to_owned(),
            version: Some(7),
            record: Some(RecordPlace { topic: "sports-updates-hockey".to_owned(), partition: 2, offset: 31 }),
            what: "market 406 status".to_owned(),
            expected: "\"suspended\"".to_owned(),
            found: "\"active\"".to_owned(),
        };
        assert_eq!(
            example.to_string(),
            "updates topic: md:match:1 version 7: market 406 status is \"active\", must be \"suspended\" (at \
             sports-updates-hockey/2/31)"
        );
    }
}
