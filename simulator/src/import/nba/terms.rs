//! The NBA's words for actions and periods, and ours.

use domain::{IncidentKind, MatchStatus};
use jiff::SignedDuration;

use super::file::{Action, ShotResult};

/// What an action is here; `None` where it means nothing.
pub(super) fn kind(action: &Action) -> Option<IncidentKind> {
    let is_made = action.shot_result == Some(ShotResult::Made);
    Some(match (action.action_type.as_str(), action.sub_type.as_deref()) {
        ("period", Some("start")) => IncidentKind::PeriodStart,
        ("period", Some("end")) => IncidentKind::PeriodEnd,
        ("game", Some("end")) => IncidentKind::GameEnd,
        ("2pt", _) if is_made => IncidentKind::TwoPointsMade,
        ("2pt", _) => IncidentKind::TwoPointsMissed,
        ("3pt", _) if is_made => IncidentKind::ThreePointsMade,
        ("3pt", _) => IncidentKind::ThreePointsMissed,
        ("freethrow", _) if is_made => IncidentKind::FreeThrowMade,
        ("freethrow", _) => IncidentKind::FreeThrowMissed,
        ("rebound", _) => IncidentKind::Rebound,
        ("foul", _) => IncidentKind::Foul,
        ("turnover", _) => IncidentKind::Turnover,
        ("steal", _) => IncidentKind::Steal,
        ("block", _) => IncidentKind::Block,
        ("violation", _) => IncidentKind::Violation,
        ("timeout", _) => IncidentKind::Timeout,
        ("substitution", _) => IncidentKind::Substitution,
        ("jumpball", _) => IncidentKind::JumpBall,
        ("stoppage", _) => IncidentKind::Stoppage,
        ("instantreplay", _) => IncidentKind::VideoReview,
        ("ejection", _) => IncidentKind::Ejection,
        _ => return None,
    })
}

/// Whether an action must say if it scored.
pub(super) fn is_shot(action: &Action) -> bool {
    matches!(action.action_type.as_str(), "2pt" | "3pt" | "freethrow")
}

/// What an incident adds to its side's score.
pub(super) fn points(kind: IncidentKind) -> u32 {
    match kind {
        IncidentKind::ThreePointsMade => 3,
        IncidentKind::TwoPointsMade => 2,
        IncidentKind::FreeThrowMade => 1,
        _ => 0,
    }
}

/// Whether the clock goes on after it: only play lets it run.
pub(super) fn clock_runs_after(kind: IncidentKind) -> bool {
    matches!(
        kind,
        IncidentKind::PeriodStart
            | IncidentKind::JumpBall
            | IncidentKind::TwoPointsMade
            | IncidentKind::TwoPointsMissed
            | IncidentKind::ThreePointsMade
            | IncidentKind::ThreePointsMissed
            | IncidentKind::Rebound
            | IncidentKind::Steal
            | IncidentKind::Block
    )
}

/// The part of the game that a period is: four quarters, then overtimes.
pub(super) fn part(period: u32) -> MatchStatus {
    match period {
        1 => MatchStatus::Quarter1,
        2 => MatchStatus::Quarter2,
        3 => MatchStatus::Quarter3,
        4 => MatchStatus::Quarter4,
        _ => MatchStatus::Overtime,
    }
}

/// How long a period lasts.
pub(super) fn length(period: u32) -> SignedDuration {
    SignedDuration::from_mins(if period <= 4 { 12 } else { 5 })
}

/// The part that begins when a period ends; the part itself where the game stays in it, another overtime or the
/// end ahead.
pub(super) fn after(period: u32, has_overtime: bool) -> MatchStatus {
    match period {
        1 => MatchStatus::Break1,
        2 => MatchStatus::Break2,
        3 => MatchStatus::Break3,
        4 if has_overtime => MatchStatus::AwaitingOvertime,
        _ => part(period),
    }
}
