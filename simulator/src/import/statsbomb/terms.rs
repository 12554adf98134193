//! What StatsBomb's events are called here. Names as its open data specification lists them.

use domain::{IncidentKind, MatchStatus};

use super::file::{Event, Foul};

/// The part of the game that a period is.
pub(super) fn part(period: u32) -> Option<MatchStatus> {
    Some(match period {
        1 => MatchStatus::Half1,
        2 => MatchStatus::Half2,
        3 => MatchStatus::ExtraTime1,
        4 => MatchStatus::ExtraTime2,
        5 => MatchStatus::Penalties,
        _ => return None,
    })
}

/// What comes after a period that ended, and how long until the next one begins, in seconds. The laws of the game give
/// half-time fifteen minutes at most; what is between the other parts is not laid down.
pub(super) fn after(period: u32, next: Option<u32>) -> Option<(MatchStatus, u32)> {
    Some(match (period, next?) {
        (1, _) => (MatchStatus::HalfTime, 15 * 60),
        (_, 5) => (MatchStatus::AwaitingPenalties, 5 * 60),
        (2, _) => (MatchStatus::AwaitingOvertime, 5 * 60),
        _ => (MatchStatus::ExtraTimeBreak, 60),
    })
}

/// The incidents that an event is: none where it has no counterpart here, two where an offence is punished by a card.
pub(super) fn kinds(event: &Event) -> Vec<IncidentKind> {
    let is_shoot_out = event.period == 5;
    match event.kind.name.as_str() {
        "Shot" => {
            let outcome = event.shot.as_ref().map_or("", |shot| shot.outcome.name.as_str());
            vec![match outcome {
                "Goal" if is_shoot_out => IncidentKind::ShootoutGoal,
                _ if is_shoot_out => IncidentKind::ShootoutMiss,
                "Goal" => IncidentKind::Goal,
                "Saved" | "Saved to Post" => IncidentKind::ShotOnGoal,
                "Blocked" => IncidentKind::BlockedShot,
                "Off T" | "Post" | "Wayward" | "Saved Off Target" => IncidentKind::MissedShot,
                _ => return Vec::new(),
            }]
        }
        "Own Goal For" => vec![IncidentKind::OwnGoal],
        "Foul Committed" => offence(Some(IncidentKind::Foul), event.foul_committed.as_ref()),
        "Bad Behaviour" => offence(None, event.bad_behaviour.as_ref()),
        "Substitution" => vec![IncidentKind::Substitution],
        "Injury Stoppage" => vec![IncidentKind::Injury],
        "Offside" => vec![IncidentKind::Offside],
        "Pass" => {
            let Some(pass) = &event.pass else { return Vec::new() };
            let name = |named: &Option<super::file::Named>| named.as_ref().map(|named| named.name.clone());
            let set_piece = match name(&pass.kind).as_deref() {
                Some("Corner") => Some(IncidentKind::CornerKick),
                Some("Free Kick") => Some(IncidentKind::FreeKick),
                Some("Goal Kick") => Some(IncidentKind::GoalKick),
                Some("Throw-in") => Some(IncidentKind::ThrowIn),
                _ => None,
            };
            let offside =
                (name(&pass.outcome).as_deref() == Some("Pass Offside")).then_some(IncidentKind::Offside);
            set_piece.into_iter().chain(offside).collect()
        }
        _ => Vec::new(),
    }
}

fn offence(what: Option<IncidentKind>, offence: Option<&Foul>) -> Vec<IncidentKind> {
    let card = offence.and_then(|offence| offence.card.as_ref()).and_then(|card| match card.name.as_str() {
        "Yellow Card" => Some(IncidentKind::YellowCard),
        "Second Yellow" => Some(IncidentKind::YellowRedCard),
        "Red Card" => Some(IncidentKind::RedCard),
        _ => None,
    });
    let penalty = offence.is_some_and(|offence| offence.penalty).then_some(IncidentKind::PenaltyKick);
    what.into_iter().chain(penalty).chain(card).collect()
}

/// Whether an event that is no incident says what another one says, so that nothing is lost without it.
pub(super) fn is_said_elsewhere(event: &Event) -> bool {
    matches!(event.kind.name.as_str(), "Half Start" | "Half End" | "Own Goal Against" | "Foul Won")
}
