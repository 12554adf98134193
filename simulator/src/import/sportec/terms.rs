//! What Sportec's events are called here.

use domain::{IncidentKind, MatchStatus};

use super::file::Event;

/// The part of the game that a `GameSection` is.
pub(super) fn part(section: &str) -> Option<MatchStatus> {
    Some(match section {
        "firstHalf" => MatchStatus::Half1,
        "secondHalf" => MatchStatus::Half2,
        "firstHalfExtra" => MatchStatus::ExtraTime1,
        "secondHalfExtra" => MatchStatus::ExtraTime2,
        _ => return None,
    })
}

/// What comes after a part that ended.
pub(super) fn after(part: MatchStatus) -> MatchStatus {
    match part {
        MatchStatus::Half1 => MatchStatus::HalfTime,
        MatchStatus::Half2 => MatchStatus::AwaitingOvertime,
        _ => MatchStatus::ExtraTimeBreak,
    }
}

/// The incidents that an event is: a set piece from which it was shot at once is two.
pub(super) fn kinds(event: &Event) -> Vec<IncidentKind> {
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
            Some("yellow") => Some(IncidentKind::YellowCard),
            Some("yellowRed") => Some(IncidentKind::YellowRedCard),
            Some("red") => Some(IncidentKind::RedCard),
            _ => None,
        },
        _ => None,
    };
    let is = |name: &str| event.element(name).is_some();
    let shot = match () {
        () if !is("ShotAtGoal") => None,
        () if is("SuccessfulShot") => Some(IncidentKind::Goal),
        () if is("SavedShot") => Some(IncidentKind::ShotOnGoal),
        () if is("BlockedShot") => Some(IncidentKind::BlockedShot),
        () if is("ShotWide") || is("ShotWoodWork") => Some(IncidentKind::MissedShot),
        () => None,
    };
    first.into_iter().chain(shot).collect()
}
