//! Tennis: points make games, games make sets, sets are the score. No clock; a player may give up.

use super::{Illegal, MarketDescription, PLAYER_ACES, Rules, one_for_the_winner};
use crate::{IncidentKind, MatchStatus, PeriodScore, Score, Status};

pub(super) static RULES: Rules = Rules {
    name: "tennis",
    id: 5,
    phases: &[
        MatchStatus::NotStarted,
        MatchStatus::Set1,
        MatchStatus::Break1,
        MatchStatus::Set2,
        MatchStatus::Break2,
        MatchStatus::Set3,
        MatchStatus::Break3,
        MatchStatus::Set4,
        MatchStatus::Break4,
        MatchStatus::Set5,
        MatchStatus::Ended,
        MatchStatus::HomeRetired,
        MatchStatus::AwayRetired,
        MatchStatus::HomeWalkover,
        MatchStatus::AwayWalkover,
    ],
    seconds: |_| None,
    begins: |_, _| None,
    incidents: &[
        IncidentKind::PeriodStart,
        IncidentKind::PeriodEnd,
        IncidentKind::GameEnd,
        IncidentKind::Stoppage,
        IncidentKind::VideoReview,
        IncidentKind::Injury,
        IncidentKind::Timeout,
        IncidentKind::Point,
        IncidentKind::Ace,
        IncidentKind::DoubleFault,
        IncidentKind::GameWon,
        IncidentKind::SetWon,
        IncidentKind::Retirement,
    ],
    markets: &[
        MarketDescription { id: 186, name: "Winner", groups: &["match"] },
        MarketDescription { id: 187, name: "Game handicap", groups: &["match", "handicap"] },
        MarketDescription { id: 188, name: "Set handicap", groups: &["match", "handicap"] },
        MarketDescription { id: 189, name: "Total games", groups: &["match", "total"] },
        MarketDescription { id: 202, name: "Set winner", groups: &["set"] },
        MarketDescription { id: 204, name: "Set - total games", groups: &["set", "total"] },
        MarketDescription { id: 210, name: "Game winner", groups: &["game"] },
        MarketDescription { id: PLAYER_ACES, name: "Player's aces", groups: &["player"] },
    ],
    has_penalty_box: false,
    has_game_score: true,
    check,
};

const SETS: [MatchStatus; 5] =
    [MatchStatus::Set1, MatchStatus::Set2, MatchStatus::Set3, MatchStatus::Set4, MatchStatus::Set5];

/// The most sets that one side wins: three of five.
const SETS_TO_WIN_MAX: u32 = 3;

/// The points of a tie-break that is played instead of the deciding set, unless it is close.
const MATCH_TIE_BREAK_POINTS: u32 = 10;

/// Sets are won one by one and add up to the score; the games of each, and the points of the running game, are
/// such as can be reached.
fn check(status: &Status) -> Result<(), Illegal> {
    let Score { home, away } = status.score;
    let most = home.max(away);
    if most > SETS_TO_WIN_MAX || (home == away && most == SETS_TO_WIN_MAX) {
        return Err(Illegal::new("/score", format!("{} sets cannot be won to {}", home, away)));
    }
    if status.match_status == MatchStatus::Ended && (home == away || most < 2) {
        return Err(Illegal::new(
            "/score",
            format!("a match that has ended is won by two or three sets, not {}", status.score),
        ));
    }
    check_sets(status)?;
    check_points(status)
}

fn check_sets(status: &Status) -> Result<(), Illegal> {
    let sets = &status.period_scores;
    if sets.is_empty() {
        return Ok(());
    }
    let illegal = |detail: String| Err(Illegal::new("/period_scores", detail));
    if sets.iter().map(|set| set.period).ne(SETS.into_iter().take(sets.len())) {
        return illegal("sets are told from the first one on, in order".to_owned());
    }
    if let Some(set) = sets.iter().find(|set| !is_reachable(set)) {
        return illegal(format!("{}:{} is no score of a set", set.home, set.away));
    }
    // The set that is on may have just been won, before or after the score counts it.
    let (past, last) = sets.split_at(sets.len() - 1);
    let last = &last[0];
    let is_over = status.match_status != last.period
        && !matches!(status.match_status, MatchStatus::HomeRetired | MatchStatus::AwayRetired)
        && !matches!(status.match_status, MatchStatus::Interrupted | MatchStatus::Abandoned);
    if let Some(set) = past.iter().chain(is_over.then_some(last)).find(|set| set.home == set.away) {
        return illegal(format!("`{}` is over at {}:{}", set.period, set.home, set.away));
    }
    let won = past.iter().map(one_for_the_winner).fold(Score::default(), sum);
    let with_last = sum(won, one_for_the_winner(last));
    let may_count_last = is_over || is_won(last);
    let may_not_count_last = !is_over;
    if (may_count_last && status.score == with_last) || (may_not_count_last && status.score == won) {
        return Ok(());
    }
    let sum = if may_count_last { with_last } else { won };
    illegal(format!("the sets add up to {sum}, the score is {}", status.score))
}

fn sum(a: Score, b: Score) -> Score {
    Score { home: a.home + b.home, away: a.away + b.away }
}

/// Six games with a lead of two, or seven: to five, or to six by a tie-break. A set that may decide goes on, by the rules
/// of some tournaments, until somebody leads by two; or it is a match tie-break to ten, whose points some providers tell
/// as its games.
fn is_reachable(set: &PeriodScore) -> bool {
    let (more, less) = (set.home.max(set.away), set.home.min(set.away));
    let may_decide = matches!(set.period, MatchStatus::Set3 | MatchStatus::Set5);
    match more {
        0..=6 => true,
        7..=MATCH_TIE_BREAK_POINTS if may_decide => true,
        7 => less >= 5,
        _ => may_decide && more - less <= 2,
    }
}

fn is_won(set: &PeriodScore) -> bool {
    let (more, less) = (set.home.max(set.away), set.home.min(set.away));
    (more >= 6 && more - less >= 2) || (more >= 7 && more > less)
}

fn check_points(status: &Status) -> Result<(), Illegal> {
    let Some(Score { home, away }) = status.game_score else { return Ok(()) };
    let (more, less) = (home.max(away), home.min(away));
    let is_legal = if status.tie_break {
        // To seven or to ten, with a lead of two.
        more <= MATCH_TIE_BREAK_POINTS || more - less <= 2
    } else {
        const ADVANTAGE: u32 = 50;
        let is_named = |points| matches!(points, 0 | 15 | 30 | 40);
        (is_named(home) && is_named(away)) || (more == ADVANTAGE && less == 40)
    };
    if is_legal {
        return Ok(());
    }
    let kind = if status.tie_break { "tie-break" } else { "game" };
    Err(Illegal::new("/game_score", format!("{home}:{away} is no score of a {kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventStatus;

    fn status(match_status: MatchStatus, home: u32, away: u32, sets: &[(u32, u32)]) -> Status {
        let mut status = Status::new(EventStatus::Live, match_status, Score { home, away });
        let sets = SETS.into_iter().zip(sets);
        status.period_scores =
            sets.map(|(period, &(home, away))| PeriodScore { period, home, away }).collect();
        status
    }

    fn pointer(status: &Status) -> Option<&'static str> {
        RULES.check_status(None, status).err().map(|illegal| illegal.pointer)
    }

    #[test]
    fn sets_won_are_the_score() {
        assert_eq!(pointer(&status(MatchStatus::Set3, 1, 1, &[(6, 4), (6, 7), (2, 0)])), None);
        assert_eq!(
            pointer(&status(MatchStatus::Set3, 2, 0, &[(6, 4), (6, 7), (2, 0)])),
            Some("/period_scores")
        );
        assert_eq!(pointer(&status(MatchStatus::Ended, 2, 1, &[(6, 4), (6, 7), (70, 68)])), None);
        assert_eq!(pointer(&status(MatchStatus::Ended, 1, 1, &[])), Some("/score"));
        assert_eq!(pointer(&status(MatchStatus::Set5, 4, 0, &[])), Some("/score"));
    }

    #[test]
    fn the_set_that_is_on_may_have_just_been_won() {
        for score in [(1, 0), (0, 0)] {
            assert_eq!(pointer(&status(MatchStatus::Set1, score.0, score.1, &[(7, 5)])), None);
        }
        assert_eq!(pointer(&status(MatchStatus::Set1, 1, 0, &[(5, 5)])), Some("/period_scores"));
        assert_eq!(pointer(&status(MatchStatus::Break1, 0, 0, &[(7, 5)])), Some("/period_scores"));
    }

    #[test]
    fn games_of_a_set_are_such_as_can_be_reached() {
        let is_legal = |before: &[(u32, u32)], on, last: (u32, u32)| {
            let sets: Vec<_> = before.iter().copied().chain([last]).collect();
            let won = before.len() as u32 / 2;
            pointer(&status(on, won, won, &sets)).is_none()
        };
        for (home, away, expected) in [
            (6, 6, true),
            (7, 6, true),
            (7, 5, true),
            (7, 4, false),
            (8, 6, false),
            (9, 7, false),
            (12, 12, false),
        ] {
            assert_eq!(is_legal(&[], MatchStatus::Set1, (home, away)), expected, "{home}:{away}");
        }
        for (home, away, expected) in [(9, 7, true), (12, 12, true), (70, 68, true), (14, 11, false)] {
            let decides = is_legal(&[(6, 4), (4, 6)], MatchStatus::Set3, (home, away));
            assert_eq!(decides, expected, "{home}:{away} in the third");
        }
    }

    #[test]
    fn a_match_tie_break_may_stand_for_the_deciding_set() {
        for on in [(9, 3), (10, 3), (12, 10)] {
            assert_eq!(pointer(&status(MatchStatus::Set3, 1, 1, &[(6, 4), (4, 6), on])), None, "{on:?}");
        }
        assert_eq!(pointer(&status(MatchStatus::Ended, 2, 1, &[(6, 4), (4, 6), (10, 3)])), None);
        let second = status(MatchStatus::Set2, 1, 0, &[(6, 4), (10, 3)]);
        assert_eq!(pointer(&second), Some("/period_scores"));
    }

    #[test]
    fn points_have_their_names_and_a_tie_break_counts() {
        let mut on = status(MatchStatus::Set1, 0, 0, &[(6, 6)]);
        for (home, away, tie_break, is_legal) in [
            (40, 40, false, true),
            (50, 40, false, true),
            (50, 50, false, false),
            (50, 30, false, false),
            (1, 0, false, false),
            (1, 0, true, true),
            (12, 11, true, true),
            (14, 11, true, false),
        ] {
            on.game_score = Some(Score { home, away });
            on.tie_break = tie_break;
            assert_eq!(pointer(&on).is_none(), is_legal, "{home}:{away}");
        }
    }

    #[test]
    fn a_retired_match_stands_as_it_was_left() {
        let mut left = status(MatchStatus::AwayRetired, 1, 0, &[(6, 1), (2, 3)]);
        left.status = EventStatus::Ended;
        assert_eq!(pointer(&left), None);
        left.match_status = MatchStatus::Ended;
        assert_eq!(pointer(&left), Some("/score"));
    }

    #[test]
    fn a_walkover_has_no_score() {
        assert_eq!(pointer(&status(MatchStatus::HomeWalkover, 0, 0, &[])), None);
    }
}
