//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! Goals of both sides are independent Poisson processes (Maher, "Modelling association football scores",
//! Statistica Neerlandica 36, 1982), here with what is left of regular time, and with players sent off. On top
//! lies the market's mood, which moves the rates of both sides against each other.

use domain::{MatchStatus, Score, Side};

use super::course::{
    ADDED_SECONDS, FOUL_IS_PENALTY, FOULS_PER_HOUR, HALF_SECONDS, PENALTY_SCORES, Pitch, Team,
};
use crate::world::mood::Mood;
use crate::world::numbers::poisson;

/// The part of the goals that falls and stands: not while a free kick or the kick-off is waited for, nor where the
/// video referee takes it back.
const IN_PLAY: f64 = 0.89;
/// Goals from penalty kicks, of one side in an hour.
const PENALTIES_PER_HOUR: f64 = FOULS_PER_HOUR * FOUL_IS_PENALTY * PENALTY_SCORES;
/// A half is never held to be nearer to its end than this, in seconds.
const LEFT_MIN: u32 = 30;
/// Goals of one side up to which the sums go; what lies beyond is less than one in a hundred thousand.
const GOALS_MAX: usize = 12;

/// How a game may go on until regular time is over.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    score: Score,
    /// Further goals of each side: how likely 0, 1, 2, … are.
    goals: [[f64; GOALS_MAX]; 2],
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Pitch, since: u32, teams: [&Team; 2], mood: Mood) -> Self {
        let left_hours = f64::from(seconds_left(board, since)) / 3_600.0;
        let tilt = [1.0 + mood.get(), 1.0 - mood.get()];
        let goals = [Side::Home, Side::Away].map(|side| {
            let open_play = teams[side as usize].goals_per_hour * tilt[side as usize] * board.factor(side);
            poisson((open_play + PENALTIES_PER_HOUR) * IN_PLAY * left_hours)
        });
        Self { score: board.common.score, goals }
    }

    /// How likely home wins, and how likely nobody does.
    pub(super) fn home_and_draw(&self) -> [f64; 2] {
        let mut likely = [0.0; 2];
        for (more_home, likely_home) in (self.score.home..).zip(&self.goals[0]) {
            for (more_away, likely_away) in (self.score.away..).zip(&self.goals[1]) {
                match more_home.cmp(&more_away) {
                    std::cmp::Ordering::Greater => likely[0] += likely_home * likely_away,
                    std::cmp::Ordering::Equal => likely[1] += likely_home * likely_away,
                    std::cmp::Ordering::Less => {}
                }
            }
        }
        likely
    }

    /// How likely at least `goals` fall.
    pub(super) fn at_least(&self, goals: u32) -> f64 {
        let mut fewer = 0.0;
        for (more_home, likely_home) in (self.score.home..).zip(&self.goals[0]) {
            for (more_away, likely_away) in (self.score.away..).zip(&self.goals[1]) {
                if more_home + more_away < goals {
                    fewer += likely_home * likely_away;
                }
            }
        }
        1.0 - fewer
    }

    /// How likely both sides score.
    pub(super) fn both_score(&self) -> f64 {
        let scores = |goals: u32, further: &[f64]| if goals > 0 { 1.0 } else { 1.0 - further[0] };
        scores(self.score.home, &self.goals[0]) * scores(self.score.away, &self.goals[1])
    }
}

/// Of regular time, with what is usually added.
fn seconds_left(board: &Pitch, since: u32) -> u32 {
    let [first, second] = ADDED_SECONDS.map(|added| HALF_SECONDS + added);
    let left = |length: u32| length.saturating_sub(board.common.seconds + since).max(LEFT_MIN);
    match board.common.phase {
        MatchStatus::NotStarted => first + second,
        MatchStatus::Half1 => left(first) + second,
        MatchStatus::HalfTime => second,
        MatchStatus::Half2 => left(second),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::board::Scoreboard;

    fn outlook(phase: MatchStatus, seconds: u32, home: u32, away: u32, sent_off: [u32; 2]) -> Outlook {
        let score = Score { home, away };
        let board = Pitch { common: Scoreboard { phase, seconds, score, ..Scoreboard::new() }, sent_off };
        let team = || Team { players: Vec::new(), goals_per_hour: 0.9 };
        Outlook::new(&board, 0, [&team(), &team()], Mood::default())
    }

    #[test]
    fn equal_sides_are_even_and_a_goal_matters_more_the_later_it_falls() {
        let [home, draw] = outlook(MatchStatus::NotStarted, 0, 0, 0, [0; 2]).home_and_draw();
        assert!((home + draw / 2.0 - 0.5).abs() < 1e-6, "{home} and {draw}");
        assert!(0.2 < draw && draw < 0.3, "{draw}");
        let [early, _] = outlook(MatchStatus::Half1, 600, 1, 0, [0; 2]).home_and_draw();
        let [late, _] = outlook(MatchStatus::Half2, 2_600, 1, 0, [0; 2]).home_and_draw();
        assert!(early < 0.75 && late > 0.85, "{early} and {late}");
    }

    #[test]
    fn what_has_fallen_is_certain() {
        let game = outlook(MatchStatus::Half2, 1_000, 2, 1, [0; 2]);
        assert!((game.at_least(3) - 1.0).abs() < 1e-9 && (game.both_score() - 1.0).abs() < 1e-9);
        assert!(game.at_least(4) < 0.9);
    }

    #[test]
    fn a_side_short_of_a_player_wins_less_often() {
        let [complete, _] = outlook(MatchStatus::Half1, 600, 0, 0, [0, 0]).home_and_draw();
        let [short, _] = outlook(MatchStatus::Half1, 600, 0, 0, [1, 0]).home_and_draw();
        assert!(short < complete - 0.1, "{short} and {complete}");
    }
}
