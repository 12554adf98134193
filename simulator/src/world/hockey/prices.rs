//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! Goals of both sides are independent Poisson processes (Maher, "Modelling association football scores",
//! Statistica Neerlandica 36, 1982), here with what is left of regular time and of running penalties. A tie leads
//! to overtime, which the first goal ends, and a shoot-out, which is even. A tie also means one more goal in the
//! total: overtime or shoot-out will bring it. On top lies what the market thinks, a number that wanders about
//! zero and moves the rates of both sides against each other.

use domain::{MatchStatus, Score, Side};

use super::course::{OVERTIME_SECONDS, POWER_PLAY, REGULAR_SECONDS, Rink, Team};
use crate::world::board::other;
use crate::world::mood::Mood;
use crate::world::numbers::{exp_of_minus, poisson};

/// By how much penalties yet to come raise the rate of goals over that of complete sides.
const PENALTIES_TO_COME: f64 = 1.09;
/// Goals of one side up to which the sums go; what lies beyond is less than one in a hundred thousand.
const GOALS_MAX: usize = 14;

/// How a game may go on.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    score: Score,
    /// Further goals in regular time, of each side: how likely 0, 1, 2, … are.
    goals: [[f64; GOALS_MAX]; 2],
    /// How likely home wins what comes after a tie.
    home_after_tie: f64,
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Rink, since: u32, teams: [&Team; 2], mood: Mood) -> Self {
        let played = board.common.played() + since;
        let regular_left = REGULAR_SECONDS.saturating_sub(played);
        let tilt = [1.0 + mood.get(), 1.0 - mood.get()];
        let rate = |side: Side| teams[side as usize].goals_per_hour * tilt[side as usize] / 3_600.0;
        let expected = |side: Side, left: u32| {
            let power_play = power_play_seconds(board, side, played).min(left);
            rate(side) * (f64::from(left) * PENALTIES_TO_COME + f64::from(power_play) * (POWER_PLAY - 1.0))
        };
        let overtime_left = match board.common.phase {
            MatchStatus::Overtime => OVERTIME_SECONDS.saturating_sub(board.common.seconds + since),
            MatchStatus::AwaitingPenalties | MatchStatus::Penalties => 0,
            _ => OVERTIME_SECONDS,
        };
        let (home, away) = (expected(Side::Home, overtime_left), expected(Side::Away, overtime_left));
        let no_goal = exp_of_minus(home + away);
        let home_first = if home + away > 0.0 { home / (home + away) } else { 0.5 };
        Self {
            score: board.common.score,
            goals: [Side::Home, Side::Away].map(|side| poisson(expected(side, regular_left))),
            home_after_tie: (1.0 - no_goal) * home_first + no_goal * (0.5 + mood.get() / 4.0),
        }
    }

    /// How likely home wins, overtime and shoot-out included.
    pub(super) fn home_wins(&self) -> f64 {
        self.sum(|home, away| match home.cmp(&away) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => self.home_after_tie,
            std::cmp::Ordering::Less => 0.0,
        })
    }

    /// How likely at least `goals` fall, overtime included and the shoot-out as one.
    pub(super) fn at_least(&self, goals: u32) -> f64 {
        self.sum(|home, away| if home + away + u32::from(home == away) >= goals { 1.0 } else { 0.0 })
    }

    /// The mean of `value` over all scores at the end of regular time.
    fn sum(&self, value: impl Fn(u32, u32) -> f64) -> f64 {
        let [home, away] = &self.goals;
        let mut sum = 0.0;
        for (more_home, likely_home) in (0_u32..).zip(home) {
            for (more_away, likely_away) in (0_u32..).zip(away) {
                sum += likely_home
                    * likely_away
                    * value(self.score.home + more_home, self.score.away + more_away);
            }
        }
        sum
    }
}

/// Seconds for which `side` will have more players, as the penalty box is now.
fn power_play_seconds(board: &Rink, side: Side, played: u32) -> u32 {
    if board.in_box(other(side)) <= board.in_box(side) {
        return 0;
    }
    let others = board.penalties.iter().filter(|(of, _)| *of == other(side));
    others.map(|(_, until)| until.saturating_sub(played)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::board::Scoreboard;

    fn team(goals_per_hour: f64) -> Team {
        Team { players: Vec::new(), goals_per_hour }
    }

    fn board(phase: MatchStatus, seconds: u32, played_before: u32, home: u32, away: u32) -> Rink {
        let score = Score { home, away };
        Rink {
            common: Scoreboard { phase, seconds, score, played_before, ..Scoreboard::new() },
            ..Rink::new()
        }
    }

    fn outlook(board: &Rink) -> Outlook {
        Outlook::new(board, 0, [&team(2.8), &team(2.8)], Mood::default())
    }

    #[test]
    fn equal_sides_are_even_and_a_goal_matters_more_the_later_it_falls() {
        let start = outlook(&board(MatchStatus::NotStarted, 0, 0, 0, 0));
        assert!((start.home_wins() - 0.5).abs() < 1e-9);
        let early = outlook(&board(MatchStatus::Period1, 600, 0, 1, 0)).home_wins();
        let late = outlook(&board(MatchStatus::Period3, 1_100, 2_400, 1, 0)).home_wins();
        assert!(0.6 < early && early < 0.75 && late > 0.9, "{early} and {late}");
    }

    #[test]
    fn a_tie_brings_one_more_goal() {
        let tie = outlook(&board(MatchStatus::AwaitingOvertime, 1_200, 2_400, 2, 2));
        assert!((tie.at_least(5) - 1.0).abs() < 1e-9 && tie.at_least(6) < 1e-9);
        assert!((tie.home_wins() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_power_play_is_worth_something_to_the_side_that_has_it() {
        let mut short = board(MatchStatus::Period3, 1_000, 2_400, 1, 1);
        short.penalties.push((Side::Away, 3_520));
        assert!(outlook(&short).home_wins() > 0.53);
    }
}
