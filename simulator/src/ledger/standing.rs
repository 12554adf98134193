//! What a state of play without a score makes of what was known, as `docs/protocol.md` says it of `odds_change`.
//!
//! The processors have their own answer in `domain`; this one is written for the ledger alone, so that the two can be held against
//! each other.

use domain::{MatchStatus, Score, Standing, Status};

/// How an event stands of which this was known: its score stays, and what belongs to a part of the game as long as that is on.
pub(super) fn over(known: &Status, standing: Standing) -> Status {
    let mut now = known.clone();
    now.status = standing.status;
    now.correction = false;
    if known.match_status != standing.match_status {
        now.match_status = standing.match_status;
        (now.clock, now.penalty_box, now.game_score, now.server) = (None, None, None, None);
        now.tie_break = false;
    }
    if standing.clock.is_some() {
        now.clock = standing.clock;
    }
    now
}

/// How an event stands of which nothing was known: that is told of a game only that has not begun, for its score is known.
pub(super) fn of_nothing(standing: Standing) -> Option<Status> {
    match standing.match_status {
        MatchStatus::NotStarted => Some(Status {
            clock: standing.clock,
            ..Status::new(standing.status, MatchStatus::NotStarted, Score::default())
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::{Clock, EventStatus, PeriodScore};

    use super::*;

    fn known() -> Status {
        let score = Score { home: 1, away: 0 };
        Status {
            clock: Some(Clock::new(300, true)),
            game_score: Some(Score { home: 15, away: 0 }),
            tie_break: true,
            period_scores: vec![PeriodScore { period: MatchStatus::Set1, home: 1, away: 0 }],
            correction: true,
            ..Status::new(EventStatus::Live, MatchStatus::Set1, score)
        }
    }

    fn standing(match_status: MatchStatus, clock: Option<Clock>) -> Standing {
        Standing { status: EventStatus::Interrupted, match_status, clock }
    }

    #[test]
    fn what_belongs_to_a_part_lasts_as_long_as_that_is_on_and_the_score_stays() {
        let same = over(&known(), standing(MatchStatus::Set1, None));
        let expected = Status { status: EventStatus::Interrupted, correction: false, ..known() };
        assert_eq!(same, expected);
        let seven = Some(Clock::new(7, false));
        let next = over(&known(), standing(MatchStatus::Set2, seven));
        assert_eq!((next.clock, next.game_score, next.tie_break), (seven, None, false));
        assert_eq!(over(&known(), standing(MatchStatus::Set2, None)).clock, None);
        assert_eq!((next.score, &next.period_scores), (known().score, &known().period_scores));
        assert_eq!(over(&known(), standing(MatchStatus::Set1, seven)).clock, seven);
    }

    #[test]
    fn where_nothing_was_known_only_a_game_that_has_not_begun_stands_somehow() {
        assert_eq!(of_nothing(standing(MatchStatus::Set1, None)), None);
        let unstarted = of_nothing(standing(MatchStatus::NotStarted, None)).unwrap();
        let expected = Status::new(EventStatus::Interrupted, MatchStatus::NotStarted, Score::default());
        assert_eq!(unstarted, expected);
    }
}
