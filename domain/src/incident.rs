//! Things that happen on the field.

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, Text};
use crate::{MatchStatus, Score};

/// The [`Incident::detail`] of a goal into a net without a goalkeeper.
pub const EMPTY_NET: &str = "empty-net";

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// A period, half, quarter or set begins.
    PeriodStart,
    /// A period, half, quarter or set ends.
    PeriodEnd,
    /// The game ends.
    GameEnd,
    /// A player is named for the game: to begin, or for the bench; `detail` says which.
    LineUp,
    /// Play stops.
    Stoppage,
    /// The officials look at a recording: VAR, instant replay, a challenge.
    VideoReview,
    /// A player is replaced.
    Substitution,
    /// A player is hurt.
    Injury,
    /// A team takes its time-out.
    Timeout,
    /// A goal that counts.
    Goal,
    /// A goal that the side against which it counts has scored itself; `side` is the one that it counts for.
    OwnGoal,
    /// An attempt on goal that was saved.
    ShotOnGoal,
    /// An attempt that missed the goal.
    MissedShot,
    /// An attempt that was blocked.
    BlockedShot,
    /// A shoot-out attempt that scored.
    ShootoutGoal,
    /// A shoot-out attempt that did not score.
    ShootoutMiss,
    /// An offence that play is stopped for.
    Foul,
    /// A penalty kick is given.
    PenaltyKick,
    /// A yellow card.
    YellowCard,
    /// A second yellow card, which sends off.
    YellowRedCard,
    /// A red card.
    RedCard,
    /// A corner kick.
    CornerKick,
    /// A free kick.
    FreeKick,
    /// A goal kick.
    GoalKick,
    /// A throw-in.
    ThrowIn,
    /// Offside.
    Offside,
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
    /// The goalkeeper leaves the ice for one more skater: the net of `side` is empty.
    GoalkeeperPulled,
    /// The goalkeeper is back in the net of `side`.
    GoalkeeperReturned,
    /// A jump ball.
    JumpBall,
    /// A basket worth two points.
    TwoPointsMade,
    /// A miss that would have been worth two points.
    TwoPointsMissed,
    /// A basket worth three points.
    ThreePointsMade,
    /// A miss that would have been worth three points.
    ThreePointsMissed,
    /// A free throw that scored.
    FreeThrowMade,
    /// A free throw that missed.
    FreeThrowMissed,
    /// The ball won after a miss.
    Rebound,
    /// The ball lost.
    Turnover,
    /// The ball won from an opponent who had it.
    Steal,
    /// An attempt that a defender blocked; `side` is the defender's.
    Block,
    /// An offence without contact: goaltending, delay of game.
    Violation,
    /// A player or coach is sent off.
    Ejection,
    /// A point won in play.
    Point,
    /// A service that the other side does not reach.
    Ace,
    /// Two service faults in a row; `side` is the one that wins the point.
    DoubleFault,
    /// A game won.
    GameWon,
    /// A set won.
    SetWon,
    /// A player gives up.
    Retirement,
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
