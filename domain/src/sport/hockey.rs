//! Ice hockey: three periods of twenty minutes, overtime, a shoot-out that counts as one goal.

use super::{Illegal, MarketDescription, PLAYER_SCORES, Rules, as_counted, check_sum, one_for_the_winner};
use crate::{IncidentKind, MatchStatus, Score, Status};

pub(super) static RULES: Rules = Rules {
    name: "hockey",
    id: 4,
    phases: &[
        MatchStatus::NotStarted,
        MatchStatus::Period1,
        MatchStatus::Break1,
        MatchStatus::Period2,
        MatchStatus::Break2,
        MatchStatus::Period3,
        MatchStatus::AwaitingOvertime,
        MatchStatus::Overtime,
        MatchStatus::AwaitingPenalties,
        MatchStatus::Penalties,
        MatchStatus::Ended,
        MatchStatus::EndedAfterOvertime,
        MatchStatus::EndedAfterPenalties,
    ],
    seconds,
    begins,
    incidents: &[
        IncidentKind::PeriodStart,
        IncidentKind::PeriodEnd,
        IncidentKind::GameEnd,
        IncidentKind::LineUp,
        IncidentKind::Goal,
        IncidentKind::ShotOnGoal,
        IncidentKind::MissedShot,
        IncidentKind::BlockedShot,
        IncidentKind::FaceOff,
        IncidentKind::Hit,
        IncidentKind::Giveaway,
        IncidentKind::Takeaway,
        IncidentKind::Penalty,
        IncidentKind::DelayedPenalty,
        IncidentKind::GoalkeeperPulled,
        IncidentKind::GoalkeeperReturned,
        IncidentKind::Stoppage,
        IncidentKind::VideoReview,
        IncidentKind::Timeout,
        IncidentKind::Injury,
        IncidentKind::ShootoutGoal,
        IncidentKind::ShootoutMiss,
    ],
    markets: &[
        MarketDescription { id: 1, name: "1x2", groups: &["regular_time"] },
        MarketDescription { id: 8, name: "Next goal", groups: &["regular_time", "next"] },
        MarketDescription { id: 16, name: "Handicap", groups: &["regular_time", "handicap"] },
        MarketDescription { id: 18, name: "Total", groups: &["regular_time", "total"] },
        MarketDescription { id: 406, name: "Winner (incl. overtime and penalties)", groups: &["whole_game"] },
        MarketDescription {
            id: 410,
            name: "Handicap (incl. overtime and penalties)",
            groups: &["whole_game", "handicap"],
        },
        MarketDescription {
            id: 412,
            name: "Total (incl. overtime and penalties)",
            groups: &["whole_game", "total"],
        },
        MarketDescription { id: 443, name: "Period - 1x2", groups: &["period"] },
        MarketDescription { id: 446, name: "Period - total", groups: &["period", "total"] },
        MarketDescription { id: PLAYER_SCORES, name: "Player scores", groups: &["player"] },
    ],
    has_penalty_box: true,
    has_game_score: false,
    check,
};

/// A period lasts twenty minutes. In play-offs so does each overtime, and there may be several: their clocks
/// begin again, so no overtime clock exceeds one of them.
fn seconds(part: MatchStatus) -> Option<u32> {
    match part {
        MatchStatus::Period1 | MatchStatus::Period2 | MatchStatus::Period3 | MatchStatus::Overtime => {
            Some(1_200)
        }
        _ => None,
    }
}

fn begins(part: MatchStatus, _: Option<u32>) -> Option<u32> {
    match part {
        MatchStatus::Period1 => Some(0),
        MatchStatus::Period2 => Some(20 * 60),
        MatchStatus::Period3 => Some(40 * 60),
        MatchStatus::Overtime => Some(60 * 60),
        _ => None,
    }
}

/// Period scores add up to the score: the shoot-out as one goal to its winner once the game has ended, as none
/// while it is on. A game decided late has a winner.
fn check(status: &Status) -> Result<(), Illegal> {
    let decided_late =
        matches!(status.match_status, MatchStatus::EndedAfterOvertime | MatchStatus::EndedAfterPenalties);
    if decided_late && status.score.home == status.score.away {
        return Err(Illegal::new(
            "/score",
            format!("a game that is `{}` has a winner, not {}", status.match_status, status.score),
        ));
    }
    let is_over = status.match_status == MatchStatus::EndedAfterPenalties;
    check_sum(status, |period| match period.period {
        MatchStatus::Penalties if is_over => one_for_the_winner(period),
        MatchStatus::Penalties => Score::default(),
        _ => as_counted(period),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventStatus, PeriodScore};

    fn status(match_status: MatchStatus, home: u32, away: u32) -> Status {
        Status::new(EventStatus::Live, match_status, Score { home, away })
    }

    #[test]
    fn a_score_goes_down_only_by_a_correction() {
        let before = status(MatchStatus::Period2, 2, 1);
        let mut after = status(MatchStatus::Period2, 1, 1);
        assert_eq!(RULES.check_status(Some(&before), &after).expect_err("down").pointer, "/score");
        after.correction = true;
        assert_eq!(RULES.check_status(Some(&before), &after), Ok(()));
    }

    #[test]
    fn a_game_does_not_go_back_to_an_earlier_period() {
        let before = status(MatchStatus::Period2, 0, 0);
        let after = status(MatchStatus::Period1, 0, 0);
        assert_eq!(RULES.check_status(Some(&before), &after).expect_err("back").pointer, "/match_status");
    }

    #[test]
    fn a_shoot_out_counts_as_one_goal_once_the_game_has_ended() {
        let regular = |period| PeriodScore { period, home: 1, away: 1 };
        let mut shoot_out = status(MatchStatus::Penalties, 3, 3);
        shoot_out.period_scores = vec![
            regular(MatchStatus::Period1),
            regular(MatchStatus::Period2),
            regular(MatchStatus::Period3),
            PeriodScore { period: MatchStatus::Penalties, home: 2, away: 1 },
        ];
        assert_eq!(RULES.check_status(None, &shoot_out), Ok(()));
        let mut ended = Status { match_status: MatchStatus::EndedAfterPenalties, ..shoot_out };
        assert!(RULES.check_status(None, &ended).is_err(), "3:3 is no final score");
        ended.score.home = 4;
        assert_eq!(RULES.check_status(None, &ended), Ok(()));
    }

    #[test]
    fn a_clock_stays_within_its_period() {
        let mut late = status(MatchStatus::Period1, 0, 0);
        late.clock = Some(crate::Clock::new(1_201, true));
        assert_eq!(RULES.check_status(None, &late).expect_err("too late").pointer, "/clock/elapsed_seconds");
    }
}
