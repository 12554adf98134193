//! The Kafka topics' names: one feed topic and one updates topic per sport, one for dead letters.

use crate::Sport;

/// Where refused messages are kept, of every sport.
pub const DEAD_LETTERS: &str = "sports-feed-dlq";

/// Where ingestion writes a sport's feed messages.
#[must_use]
pub fn feed(sport: Sport) -> String {
    format!("sports-feed-{sport}")
}

/// Where a sport's processor publishes updates.
#[must_use]
pub fn updates(sport: Sport) -> String {
    format!("sports-updates-{sport}")
}
