//! Things that happen on the field.

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, Text};
use crate::{MatchStatus, Score};

/// What a message does to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentAction {
    /// It happened.
    New,
    /// It happened otherwise than was said before.
    Amended,
    /// It did not happen.
    Deleted,
}

/// One side of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The competitor named first.
    Home,
    /// The competitor named second.
    Away,
}

/// What kind of thing happened; which kinds a sport knows is in its [`crate::Rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// A period begins.
    PeriodStart,
    /// A period ends.
    PeriodEnd,
    /// The game ends.
    GameEnd,
    /// A goal that counts.
    Goal,
    /// An attempt on goal that was saved.
    ShotOnGoal,
    /// An attempt that missed the goal.
    MissedShot,
    /// An attempt that was blocked.
    BlockedShot,
    /// A face-off.
    FaceOff,
    /// A body check.
    Hit,
    /// The puck lost by one's own fault.
    Giveaway,
    /// The puck won from the opponent.
    Takeaway,
    /// A player is sent to the penalty box.
    Penalty,
    /// A penalty is signalled.
    DelayedPenalty,
    /// Play stops.
    Stoppage,
    /// A shoot-out attempt that scored.
    ShootoutGoal,
    /// A shoot-out attempt that did not score.
    ShootoutMiss,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The provider's id of it, unique within the event.
    pub incident_id: IncidentId,
    /// New, amended or deleted.
    pub action: IncidentAction,
    /// What happened.
    pub kind: IncidentKind,
    /// In which period.
    pub match_status: MatchStatus,
    /// Seconds played in that period when it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_seconds: Option<u32>,
    /// Whose it is, where it is one side's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub player: Option<Text>,
    /// More in words: a penalty's offence, a stoppage's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text>,
    /// The score after it, where it changed the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}
