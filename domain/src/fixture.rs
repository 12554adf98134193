//! Who plays whom, where and when.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{Text, Urn};

/// What is known of an event before it starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fixture {
    /// When it is to begin.
    pub scheduled_start: Timestamp,
    /// The competition it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tournament: Option<Tournament>,
    /// The competitor named first.
    pub home: Competitor,
    /// The competitor named second.
    pub away: Competitor,
}

/// A competition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tournament {
    /// Its id.
    pub id: Urn,
    /// Its name.
    pub name: Text,
}

/// A team or a player who competes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Competitor {
    /// Its id.
    pub id: Urn,
    /// Its name.
    pub name: Text,
    /// Up to three letters for a scoreboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abbreviation: Option<Text>,
}

/// What a `fixture_change` says has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixtureChangeKind {
    /// The event is new.
    New,
    /// It begins at another time.
    StartTime,
    /// It will not take place.
    Cancelled,
    /// Its format (number of periods, best of) is another.
    Format,
    /// How it is covered is another.
    Coverage,
    /// Its pitcher is another.
    Pitcher,
}

/// News about a fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FixtureChange {
    /// What changed.
    pub change: FixtureChangeKind,
    /// The new time of beginning, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_start: Option<Timestamp>,
    /// When live coverage begins, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_live_time: Option<Timestamp>,
}
