//! The NHL's words for plays and periods, and ours.

use domain::{IncidentKind, MatchStatus};

use super::file::{Period, PeriodType, Play};

/// What a play is here; `None` where it means nothing.
pub(super) fn kind(play: &Play) -> Option<IncidentKind> {
    let in_shoot_out = play.period_descriptor.period_type == PeriodType::ShootOut;
    Some(match play.kind.as_str() {
        "period-start" => IncidentKind::PeriodStart,
        "period-end" => IncidentKind::PeriodEnd,
        "game-end" => IncidentKind::GameEnd,
        "goal" if in_shoot_out => IncidentKind::ShootoutGoal,
        "goal" => IncidentKind::Goal,
        "shot-on-goal" | "missed-shot" | "blocked-shot" | "failed-shot-attempt" if in_shoot_out => {
            IncidentKind::ShootoutMiss
        }
        "shot-on-goal" => IncidentKind::ShotOnGoal,
        // A failed attempt outside a shoot-out is a penalty shot.
        "missed-shot" | "failed-shot-attempt" => IncidentKind::MissedShot,
        "blocked-shot" => IncidentKind::BlockedShot,
        "faceoff" => IncidentKind::FaceOff,
        "hit" => IncidentKind::Hit,
        "giveaway" => IncidentKind::Giveaway,
        "takeaway" => IncidentKind::Takeaway,
        "penalty" => IncidentKind::Penalty,
        "delayed-penalty" => IncidentKind::DelayedPenalty,
        "stoppage" => IncidentKind::Stoppage,
        _ => return None,
    })
}

/// The part of the game that a period is.
pub(super) fn phase(period: Period) -> MatchStatus {
    match (period.period_type, period.number) {
        (PeriodType::Regular, 1) => MatchStatus::Period1,
        (PeriodType::Regular, 2) => MatchStatus::Period2,
        (PeriodType::Regular, _) => MatchStatus::Period3,
        (PeriodType::Overtime, _) => MatchStatus::Overtime,
        (PeriodType::ShootOut, _) => MatchStatus::Penalties,
    }
}

/// The part that begins when a period ends; `None` where the game stays in it, another overtime or the end ahead.
pub(super) fn after(ended: MatchStatus, later: Option<Period>) -> Option<MatchStatus> {
    match (ended, later.map(|period| period.period_type)) {
        (MatchStatus::Period1, _) => Some(MatchStatus::Break1),
        (MatchStatus::Period2, _) => Some(MatchStatus::Break2),
        (MatchStatus::Period3, Some(PeriodType::Overtime)) => Some(MatchStatus::AwaitingOvertime),
        (MatchStatus::Period3 | MatchStatus::Overtime, Some(PeriodType::ShootOut)) => {
            Some(MatchStatus::AwaitingPenalties)
        }
        _ => None,
    }
}
