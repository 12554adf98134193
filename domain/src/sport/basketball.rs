//! Basketball: four quarters, then overtimes of five minutes until somebody leads.

use super::{
    Illegal, MarketDescription, PLAYER_POINTS, RACE_TO_POINTS, Rules, TOP_SCORER, as_counted, check_sum,
};
use crate::{IncidentKind, MatchStatus, Status};

pub(super) static RULES: Rules = Rules {
    name: "basketball",
    id: 2,
    phases: &[
        MatchStatus::NotStarted,
        MatchStatus::Quarter1,
        MatchStatus::Break1,
        MatchStatus::Quarter2,
        MatchStatus::Break2,
        MatchStatus::Quarter3,
        MatchStatus::Break3,
        MatchStatus::Quarter4,
        MatchStatus::AwaitingOvertime,
        MatchStatus::Overtime,
        MatchStatus::Ended,
        MatchStatus::EndedAfterOvertime,
    ],
    seconds,
    begins,
    incidents: &[
        IncidentKind::PeriodStart,
        IncidentKind::PeriodEnd,
        IncidentKind::GameEnd,
        IncidentKind::LineUp,
        IncidentKind::Stoppage,
        IncidentKind::VideoReview,
        IncidentKind::Substitution,
        IncidentKind::Injury,
        IncidentKind::Timeout,
        IncidentKind::Foul,
        IncidentKind::JumpBall,
        IncidentKind::TwoPointsMade,
        IncidentKind::TwoPointsMissed,
        IncidentKind::ThreePointsMade,
        IncidentKind::ThreePointsMissed,
        IncidentKind::FreeThrowMade,
        IncidentKind::FreeThrowMissed,
        IncidentKind::Rebound,
        IncidentKind::Turnover,
        IncidentKind::Steal,
        IncidentKind::Block,
        IncidentKind::Violation,
        IncidentKind::Ejection,
    ],
    markets: &[
        MarketDescription { id: 219, name: "Winner (incl. overtime)", groups: &["whole_game"] },
        MarketDescription { id: 223, name: "Handicap (incl. overtime)", groups: &["whole_game", "handicap"] },
        MarketDescription { id: 225, name: "Total (incl. overtime)", groups: &["whole_game", "total"] },
        MarketDescription { id: 235, name: "Quarter - 1x2", groups: &["quarter"] },
        MarketDescription { id: 236, name: "Quarter - total", groups: &["quarter", "total"] },
        MarketDescription {
            id: RACE_TO_POINTS,
            name: "Race to points (incl. overtime)",
            groups: &["whole_game", "next"],
        },
        MarketDescription { id: PLAYER_POINTS, name: "Player's points", groups: &["player"] },
        MarketDescription { id: TOP_SCORER, name: "Top scorer", groups: &["player"] },
    ],
    has_penalty_box: false,
    has_game_score: false,
    check,
};

/// A quarter lasts twelve minutes at most (ten by the international rules), an overtime five. There may be
/// several overtimes: their clocks begin again, so no overtime clock exceeds one of them.
fn seconds(part: MatchStatus) -> Option<u32> {
    match part {
        MatchStatus::Quarter1 | MatchStatus::Quarter2 | MatchStatus::Quarter3 | MatchStatus::Quarter4 => {
            Some(12 * 60)
        }
        MatchStatus::Overtime => Some(5 * 60),
        _ => None,
    }
}

/// How long a quarter lasts depends on the competition: a quarter of the game.
fn begins(part: MatchStatus, game_seconds: Option<u32>) -> Option<u32> {
    let quarters_before = match part {
        MatchStatus::Quarter1 => return Some(0),
        MatchStatus::Quarter2 => 1,
        MatchStatus::Quarter3 => 2,
        MatchStatus::Quarter4 => 3,
        _ => return None,
    };
    Some(game_seconds? / 4 * quarters_before)
}

/// Quarters and overtime add up to the score. Overtime is played for a winner; a game of two legs may end level
/// without it.
fn check(status: &Status) -> Result<(), Illegal> {
    if status.match_status == MatchStatus::EndedAfterOvertime && status.score.home == status.score.away {
        let detail = format!("a game that ended after overtime has a winner, not {}", status.score);
        return Err(Illegal::new("/score", detail));
    }
    check_sum(status, as_counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, EventStatus, PeriodScore, Score};

    fn status(match_status: MatchStatus, home: u32, away: u32) -> Status {
        Status::new(EventStatus::Live, match_status, Score { home, away })
    }

    #[test]
    fn quarters_and_overtime_add_up_to_the_score() {
        let mut late = status(MatchStatus::Overtime, 112, 110);
        let quarter = |period, home, away| PeriodScore { period, home, away };
        late.period_scores = vec![
            quarter(MatchStatus::Quarter1, 30, 25),
            quarter(MatchStatus::Quarter2, 25, 30),
            quarter(MatchStatus::Quarter3, 27, 20),
            quarter(MatchStatus::Quarter4, 20, 27),
            quarter(MatchStatus::Overtime, 10, 8),
        ];
        assert_eq!(RULES.check_status(None, &late), Ok(()));
        late.period_scores[4].home = 9;
        assert_eq!(RULES.check_status(None, &late).expect_err("a point less").pointer, "/period_scores");
    }

    #[test]
    fn overtime_is_played_for_a_winner() {
        let level = status(MatchStatus::EndedAfterOvertime, 100, 100);
        assert_eq!(RULES.check_status(None, &level).expect_err("level").pointer, "/score");
        assert_eq!(RULES.check_status(None, &status(MatchStatus::EndedAfterOvertime, 101, 100)), Ok(()));
    }

    #[test]
    fn a_quarter_has_twelve_minutes() {
        let mut late = status(MatchStatus::Quarter3, 50, 50);
        late.clock = Some(Clock::new(721, false));
        assert_eq!(RULES.check_status(None, &late).expect_err("too late").pointer, "/clock/elapsed_seconds");
    }
}
