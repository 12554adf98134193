//! What Sportec's events are called here.

use domain::{IncidentKind, MatchStatus};

use super::file::Event;

/// The part of the game that a `GameSection` is. Readers of the feed do not agree on the name of a shoot-out, and documents
/// with one are not published: either is taken.
pub(super) fn part(section: &str) -> Option<MatchStatus> {
    Some(match section {
        "firstHalf" => MatchStatus::Half1,
        "secondHalf" => MatchStatus::Half2,
        "firstHalfExtra" => MatchStatus::ExtraTime1,
        "secondHalfExtra" => MatchStatus::ExtraTime2,
        "penalty" | "penaltyShootOut" | "penaltyShootout" => MatchStatus::Penalties,
        _ => return None,
    })
}

/// The part of the game that an event begins: a kick-off that names it, or the beginning of a shoot-out.
pub(super) fn begins(event: &Event) -> Option<MatchStatus> {
    match event.kind() {
        "KickOff" => part(event.get("GameSection")?),
        "StartPenaltyShootOut" => Some(MatchStatus::Penalties),
        _ => None,
    }
}

/// What comes after a part that ended, before the one that begins then.
pub(super) fn after(part: MatchStatus, later: MatchStatus) -> MatchStatus {
    match (part, later) {
        (_, MatchStatus::Penalties) => MatchStatus::AwaitingPenalties,
        (MatchStatus::Half1, _) => MatchStatus::HalfTime,
        (MatchStatus::Half2, _) => MatchStatus::AwaitingOvertime,
        _ => MatchStatus::ExtraTimeBreak,
    }
}

/// The incidents that an event of this part is: a set piece from which it was shot at once is two, an attempt of a shoot-out
/// one, whatever became of it.
pub(super) fn kinds(event: &Event, part: Option<MatchStatus>) -> Vec<IncidentKind> {
    let is_attempt = event.element("ShotAtGoal").is_some();
    if is_attempt && part == Some(MatchStatus::Penalties) {
        return vec![match event.element("SuccessfulShot") {
            Some(_) => IncidentKind::ShootoutGoal,
            None => IncidentKind::ShootoutMiss,
        }];
    }
    let first = match event.kind() {
        "CornerKick" => Some(IncidentKind::CornerKick),
        "FreeKick" => Some(IncidentKind::FreeKick),
        "GoalKick" => Some(IncidentKind::GoalKick),
        "ThrowIn" => Some(IncidentKind::ThrowIn),
        "Penalty" => Some(IncidentKind::PenaltyKick),
        "Foul" => Some(IncidentKind::Foul),
        "Offside" => Some(IncidentKind::Offside),
        "OwnGoal" => Some(IncidentKind::OwnGoal),
        "Substitution" => Some(IncidentKind::Substitution),
        "VideoAssistantAction" => Some(IncidentKind::VideoReview),
        "Caution" => match event.get("CardColor") {
            Some("yellow" | "yellowPenaltyShootout") => Some(IncidentKind::YellowCard),
            Some("yellowRed") => Some(IncidentKind::YellowRedCard),
            Some("red") => Some(IncidentKind::RedCard),
            _ => None,
        },
        _ => None,
    };
    let is = |name: &str| event.element(name).is_some();
    let shot = match () {
        () if !is_attempt => None,
        () if is("SuccessfulShot") => Some(IncidentKind::Goal),
        () if is("SavedShot") => Some(IncidentKind::ShotOnGoal),
        () if is("BlockedShot") => Some(IncidentKind::BlockedShot),
        () if is("ShotWide") || is("ShotWoodWork") => Some(IncidentKind::MissedShot),
        () => None,
    };
    first.into_iter().chain(shot).collect()
}

/// Whether an event holds a shot that none of these is.
pub(super) fn is_shot_lost(event: &Event, kinds: &[IncidentKind]) -> bool {
    let is_shot = |kind: &IncidentKind| {
        matches!(
            kind,
            IncidentKind::Goal
                | IncidentKind::ShotOnGoal
                | IncidentKind::BlockedShot
                | IncidentKind::MissedShot
                | IncidentKind::ShootoutGoal
                | IncidentKind::ShootoutMiss
        )
    };
    event.element("ShotAtGoal").is_some() && !kinds.iter().any(is_shot)
}
