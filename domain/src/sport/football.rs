//! Football: two halves of forty-five minutes, extra time, a shoot-out that decides but does not count.

use super::{Illegal, MarketDescription, PLAYER_SCORES, Rules, as_counted, check_sum};
use crate::{IncidentKind, MatchStatus, Score, Status};

pub(super) static RULES: Rules = Rules {
    name: "football",
    id: 1,
    phases: &[
        MatchStatus::NotStarted,
        MatchStatus::Half1,
        MatchStatus::HalfTime,
        MatchStatus::Half2,
        MatchStatus::AwaitingOvertime,
        MatchStatus::ExtraTime1,
        MatchStatus::ExtraTimeBreak,
        MatchStatus::ExtraTime2,
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
        IncidentKind::Stoppage,
        IncidentKind::VideoReview,
        IncidentKind::Substitution,
        IncidentKind::Injury,
        IncidentKind::Goal,
        IncidentKind::OwnGoal,
        IncidentKind::ShotOnGoal,
        IncidentKind::MissedShot,
        IncidentKind::BlockedShot,
        IncidentKind::ShootoutGoal,
        IncidentKind::ShootoutMiss,
        IncidentKind::Foul,
        IncidentKind::PenaltyKick,
        IncidentKind::YellowCard,
        IncidentKind::YellowRedCard,
        IncidentKind::RedCard,
        IncidentKind::CornerKick,
        IncidentKind::FreeKick,
        IncidentKind::GoalKick,
        IncidentKind::ThrowIn,
        IncidentKind::Offside,
    ],
    markets: &[
        MarketDescription { id: 1, name: "1x2", groups: &["regular_time"] },
        MarketDescription { id: 8, name: "Next goal", groups: &["regular_time", "next"] },
        MarketDescription { id: 10, name: "Double chance", groups: &["regular_time"] },
        MarketDescription { id: 16, name: "Handicap", groups: &["regular_time", "handicap"] },
        MarketDescription { id: 18, name: "Total", groups: &["regular_time", "total"] },
        MarketDescription { id: 29, name: "Both teams to score", groups: &["regular_time"] },
        MarketDescription { id: 60, name: "First half - 1x2", groups: &["half_1"] },
        MarketDescription { id: 68, name: "First half - total", groups: &["half_1", "total"] },
        MarketDescription { id: PLAYER_SCORES, name: "Player scores", groups: &["player"] },
    ],
    has_penalty_box: false,
    has_game_score: false,
    check,
};

/// A half lasts forty-five minutes, a half of extra time fifteen; the clock runs on through what is added, for
/// which the laws set no limit: the longest on record is below half an hour.
fn seconds(part: MatchStatus) -> Option<u32> {
    const ADDED: u32 = 30 * 60;
    match part {
        MatchStatus::Half1 | MatchStatus::Half2 => Some(45 * 60 + ADDED),
        MatchStatus::ExtraTime1 | MatchStatus::ExtraTime2 => Some(15 * 60 + ADDED),
        _ => None,
    }
}

/// The second half begins at 45:00 on a clock that counts through the game, however long the first one lasted.
fn begins(part: MatchStatus, _: Option<u32>) -> Option<u32> {
    match part {
        MatchStatus::Half1 => Some(0),
        MatchStatus::Half2 => Some(45 * 60),
        MatchStatus::ExtraTime1 => Some(90 * 60),
        MatchStatus::ExtraTime2 => Some(105 * 60),
        _ => None,
    }
}

/// Period scores add up to the score, the shoot-out apart. A game of two legs may end level, or with a winner and
/// still go to penalties: only the shoot-out itself must have a winner.
fn check(status: &Status) -> Result<(), Illegal> {
    let shoot_out = status.period_scores.iter().find(|score| score.period == MatchStatus::Penalties);
    if let Some(shoot_out) = shoot_out
        && status.match_status == MatchStatus::EndedAfterPenalties
        && shoot_out.home == shoot_out.away
    {
        return Err(Illegal::new(
            "/period_scores",
            format!("a shoot-out that has ended has a winner, not {}:{}", shoot_out.home, shoot_out.away),
        ));
    }
    check_sum(status, |period| match period.period {
        MatchStatus::Penalties => Score::default(),
        _ => as_counted(period),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, EventStatus, PeriodScore};

    fn status(match_status: MatchStatus, home: u32, away: u32) -> Status {
        Status::new(EventStatus::Live, match_status, Score { home, away })
    }

    #[test]
    fn a_shoot_out_decides_and_does_not_count() {
        let mut ended = status(MatchStatus::EndedAfterPenalties, 3, 3);
        let half = |period, home, away| PeriodScore { period, home, away };
        ended.period_scores = vec![
            half(MatchStatus::Half1, 2, 0),
            half(MatchStatus::Half2, 0, 2),
            half(MatchStatus::ExtraTime2, 1, 1),
            half(MatchStatus::Penalties, 4, 2),
        ];
        assert_eq!(RULES.check_status(None, &ended), Ok(()));
        ended.score.home = 4;
        assert_eq!(RULES.check_status(None, &ended).expect_err("counted").pointer, "/period_scores");
        ended.score.home = 3;
        ended.period_scores[3].away = 4;
        assert_eq!(RULES.check_status(None, &ended).expect_err("level").pointer, "/period_scores");
    }

    #[test]
    fn the_clock_runs_on_through_added_time_but_not_for_ever() {
        let mut late = status(MatchStatus::Half1, 0, 0);
        late.clock = Some(Clock::new(49 * 60, false));
        assert_eq!(RULES.check_status(None, &late), Ok(()));
        late.clock = Some(Clock::new(76 * 60, false));
        assert_eq!(RULES.check_status(None, &late).expect_err("too late").pointer, "/clock/elapsed_seconds");
    }

    #[test]
    fn there_is_no_penalty_box_and_no_third_period() {
        let mut wrong = status(MatchStatus::Half1, 0, 0);
        wrong.penalty_box = Some(Score::default());
        assert_eq!(RULES.check_status(None, &wrong).expect_err("hockey").pointer, "/penalty_box");
        let wrong = status(MatchStatus::Period3, 0, 0);
        assert_eq!(RULES.check_status(None, &wrong).expect_err("hockey").pointer, "/match_status");
    }

    #[test]
    fn a_half_takes_back_no_goal_without_a_correction() {
        let half = |home, away| PeriodScore { period: MatchStatus::Half1, home, away };
        let mut before = status(MatchStatus::Half2, 1, 1);
        before.period_scores = vec![half(1, 1)];
        let mut after = status(MatchStatus::Half2, 1, 1);
        after.period_scores = vec![half(0, 1), PeriodScore { period: MatchStatus::Half2, home: 1, away: 0 }];
        assert_eq!(RULES.check_status(Some(&before), &after).expect_err("moved").pointer, "/period_scores");
        after.correction = true;
        assert_eq!(RULES.check_status(Some(&before), &after), Ok(()));
    }
}
