//! What has to be said of a game, and when: every beat as messages, before prices fill the time between them.

use domain::id::{IncidentId, Text};
use domain::{Clock, EventStatus, Incident, IncidentAction, IncidentKind, MatchStatus, Score, Side, Status};

use super::beat::{Beat, Board, Play, What};

/// A message that has its place in the game; odds are made when their time comes.
pub(super) struct Planned<'b> {
    pub(super) at_ms: u64,
    /// Whether it may be left out where room is short.
    minor: bool,
    pub(super) beat: &'b Beat,
    pub(super) what: Said,
}

pub(super) enum Said {
    Fixture,
    Status(EventStatus),
    Incident(Incident),
    Stop,
    Offer,
    Settlement,
}

fn planned(beats: &[Beat]) -> Vec<Planned<'_>> {
    let mut planned = Vec::with_capacity(beats.len() * 2);
    for (index, beat) in beats.iter().enumerate() {
        let mut add = |minor, what| planned.push(Planned { at_ms: beat.at_ms, minor, beat, what });
        match &beat.what {
            What::Announced => {
                add(false, Said::Fixture);
                add(false, Said::Status(EventStatus::NotStarted));
                add(false, Said::Offer);
            }
            What::Danger => add(false, Said::Stop),
            What::Calm => add(false, Said::Offer),
            What::PenaltyOver => add(false, Said::Status(EventStatus::Live)),
            What::Over => add(false, Said::Status(EventStatus::Ended)),
            What::Confirmed => {
                add(false, Said::Settlement);
                add(false, Said::Status(EventStatus::Closed));
            }
            What::Play(play) => {
                let (minor, changes_status) = weight(play.kind);
                add(minor, Said::Incident(incident(index, play, &beat.board)));
                if changes_status {
                    add(minor, Said::Status(EventStatus::Live));
                }
            }
        }
    }
    planned
}

/// Whether an incident may be left out, and whether a status goes with it.
fn weight(kind: IncidentKind) -> (bool, bool) {
    match kind {
        IncidentKind::GameEnd => (false, false),
        IncidentKind::PeriodStart
        | IncidentKind::PeriodEnd
        | IncidentKind::Goal
        | IncidentKind::Penalty
        | IncidentKind::ShootoutGoal
        | IncidentKind::ShootoutMiss => (false, true),
        IncidentKind::FaceOff | IncidentKind::Stoppage => (true, true),
        _ => (true, false),
    }
}

/// Everything that has to be said in a game that is to have `messages` messages, in order. Minor ones are left
/// out, evenly, until at least half of the room beside the others is free for prices.
pub(super) fn script(beats: &[Beat], messages: usize) -> Vec<Planned<'_>> {
    let mut planned = planned(beats);
    let minor = planned.iter().filter(|planned| planned.minor).count();
    let room = messages.saturating_sub(planned.len() - minor);
    let kept = minor.min(room / 2);
    let mut seen = 0;
    planned.retain(|planned| {
        if !planned.minor {
            return true;
        }
        seen += 1;
        seen * kept / minor > (seen - 1) * kept / minor
    });
    planned
}

fn incident(index: usize, play: &Play, board: &Board) -> Incident {
    let period = board.periods.last().map_or(board.phase, |score| score.period);
    Incident {
        incident_id: IncidentId::new(index.to_string()).expect("a number is an incident id"),
        action: IncidentAction::New,
        kind: play.kind,
        match_status: period,
        elapsed_seconds: (period != MatchStatus::Penalties).then_some(board.seconds),
        side: play.side,
        player: play.player.clone(),
        detail: play.detail.map(|detail| Text::new(detail).expect("a word of this program")),
        score: (play.kind == IncidentKind::Goal).then_some(board.score),
    }
}

pub(super) fn status(board: &Board, status: EventStatus) -> Status {
    let has_clock = matches!(
        board.phase,
        MatchStatus::Period1 | MatchStatus::Period2 | MatchStatus::Period3 | MatchStatus::Overtime
    );
    let in_box = |side| u32::try_from(board.in_box(side)).expect("a penalty box is small");
    Status {
        period_scores: board.periods.clone(),
        clock: has_clock.then_some(Clock { elapsed_seconds: board.seconds, stopped: !board.running }),
        penalty_box: Some(Score { home: in_box(Side::Home), away: in_box(Side::Away) }),
        ..Status::new(status, board.phase, board.score)
    }
}
