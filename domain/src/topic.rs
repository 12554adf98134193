//! The Kafka topics' names: one feed topic and one updates topic per sport, one for dead letters; all with one prefix.

use std::fmt;
use std::str::FromStr;

use crate::Sport;

/// Kafka allows 249 characters, of which the longest name needs a part.
const PREFIX_MAX: usize = 200;

/// The names of one installation's topics. Without a prefix, which is the default, it has the Kafka for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
}

/// Why a prefix of topics was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix of topics has at most {PREFIX_MAX} characters, each a letter, a digit, `.`, `_` or `-`")]
pub struct BadPrefix;

impl Topics {
    /// Where refused messages are kept, of every sport.
    #[must_use]
    pub fn dead_letters(&self) -> String {
        format!("{}sports-feed-dlq", self.prefix)
    }

    /// Where ingestion keeps of which sport the events are whose fixtures were loaded.
    #[must_use]
    pub fn events(&self) -> String {
        format!("{}sports-feed-events", self.prefix)
    }

    /// Where ingestion keeps what providers say of their markets: how they are called, and in which groups they are.
    #[must_use]
    pub fn descriptions(&self) -> String {
        format!("{}sports-feed-descriptions", self.prefix)
    }

    /// Where ingestion writes a sport's feed messages.
    #[must_use]
    pub fn feed(&self, sport: Sport) -> String {
        format!("{}sports-feed-{sport}", self.prefix)
    }

    /// Where a sport's processor publishes updates.
    #[must_use]
    pub fn updates(&self, sport: Sport) -> String {
        format!("{}sports-updates-{sport}", self.prefix)
    }

    /// The group of consumers that share a sport's feed topic.
    #[must_use]
    pub fn group(&self, sport: Sport) -> String {
        format!("{}matchday-{sport}", self.prefix)
    }
}

impl FromStr for Topics {
    type Err = BadPrefix;

    fn from_str(prefix: &str) -> Result<Self, BadPrefix> {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
        if prefix.len() > PREFIX_MAX || !prefix.chars().all(is_allowed) {
            return Err(BadPrefix);
        }
        Ok(Self { prefix: prefix.to_owned() })
    }
}

/// The prefix alone.
impl fmt::Display for Topics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_begins_with_the_prefix_and_one_that_kafka_would_refuse_is_refused() {
        let topics: Topics = "test-7.".parse().unwrap();
        let names = [
            topics.dead_letters(),
            topics.feed(Sport::Hockey),
            topics.updates(Sport::Hockey),
            topics.group(Sport::Hockey),
        ];
        assert_eq!(names[1], "test-7.sports-feed-hockey");
        assert!(names.iter().all(|name| name.starts_with("test-7.")), "{names:?}");
        assert_eq!(Topics::default().feed(Sport::Hockey), "sports-feed-hockey");
        for bad in ["with space", "slash/", "ä", &"x".repeat(201)] {
            assert_eq!(bad.parse::<Topics>(), Err(BadPrefix), "{bad}");
        }
    }
}
