//! The state of play: status, period, score and clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an event stands as a whole. Codes follow the Unified Odds Feed's event status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// 0: before the start.
    NotStarted,
    /// 1: being played.
    Live,
    /// 2: stopped by the officials for a while.
    Suspended,
    /// 3: played to its end; results may still be confirmed.
    Ended,
    /// 4: results are confirmed.
    Closed,
    /// 5: will not take place.
    Cancelled,
    /// 6: begins late.
    Delayed,
    /// 7: broken off, may go on.
    Interrupted,
    /// 8: moved to another day.
    Postponed,
    /// 9: broken off for good.
    Abandoned,
}

impl EventStatus {
    /// Whether a client should count the event among the live ones.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Suspended | Self::Interrupted)
    }

    /// Whether nothing more is going to be played.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Closed | Self::Cancelled | Self::Abandoned)
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Live => "live",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Delayed => "delayed",
            Self::Interrupted => "interrupted",
            Self::Postponed => "postponed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Which part of the game is on. Codes follow the Unified Odds Feed's `match_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchStatus {
    /// 0
    NotStarted,
    /// 1: the first period.
    #[serde(rename = "period_1")]
    Period1,
    /// 301: the break after the first period.
    #[serde(rename = "break_1")]
    Break1,
    /// 2: the second period.
    #[serde(rename = "period_2")]
    Period2,
    /// 302: the break after the second period.
    #[serde(rename = "break_2")]
    Break2,
    /// 3: the third period.
    #[serde(rename = "period_3")]
    Period3,
    /// 32: regular time is over, overtime has not begun.
    AwaitingOvertime,
    /// 40: overtime, all its periods.
    Overtime,
    /// 34: overtime is over, the shoot-out has not begun.
    AwaitingPenalties,
    /// 50: the shoot-out.
    Penalties,
    /// 80: broken off, may go on.
    Interrupted,
    /// 90: broken off for good.
    Abandoned,
    /// 100: ended in regular time.
    Ended,
    /// 110: ended in overtime.
    EndedAfterOvertime,
    /// 120: ended by the shoot-out.
    EndedAfterPenalties,
}

impl MatchStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Period1 => "period_1",
            Self::Break1 => "break_1",
            Self::Period2 => "period_2",
            Self::Break2 => "break_2",
            Self::Period3 => "period_3",
            Self::AwaitingOvertime => "awaiting_overtime",
            Self::Overtime => "overtime",
            Self::AwaitingPenalties => "awaiting_penalties",
            Self::Penalties => "penalties",
            Self::Interrupted => "interrupted",
            Self::Abandoned => "abandoned",
            Self::Ended => "ended",
            Self::EndedAfterOvertime => "ended_after_overtime",
            Self::EndedAfterPenalties => "ended_after_penalties",
        }
    }
}

impl fmt::Display for MatchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Points, goals or games of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Of the competitor named first.
    pub home: u32,
    /// Of the competitor named second.
    pub away: u32,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.home, self.away)
    }
}

/// The score of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodScore {
    /// The period.
    pub period: MatchStatus,
    /// What fell in it.
    pub home: u32,
    /// What fell in it.
    pub away: u32,
}

/// The game clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Seconds played in this period.
    pub elapsed_seconds: u32,
    /// Whether it stands still.
    #[serde(default)]
    pub stopped: bool,
}

/// The state of play, as a provider reports it and as clients see it: always whole, never a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How the event stands.
    pub status: EventStatus,
    /// Which part of the game is on.
    pub match_status: MatchStatus,
    /// The score that counts.
    pub score: Score,
    /// What fell in each period so far; may be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub period_scores: Vec<PeriodScore>,
    /// The game clock, where the game has one and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Players in the penalty box, of each side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty_box: Option<Score>,
    /// Says that this takes back something said before: only then may a score go down or a period return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correction: bool,
}
