//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! Goals of both sides are Poisson processes, each by itself (Maher, "Modelling association football scores", Statistica
//! Neerlandica 36, 1982), whose rates rise through the game (Dixon and Robinson, "A birth process model for association
//! football matches", The Statistician 47, 1998), here with what is left of regular time, and with players sent off. A
//! player scores in proportion to his place in the team. On top lies the market's mood, which moves the rates of both
//! sides against each other.

use std::cell::OnceCell;

use domain::{MatchStatus, Score, Side};

use super::course::{
    ADDED_SECONDS, FOUL_IS_PENALTY, FOULS_PER_HOUR, HALF_SECONDS, SCORING, STAR_PLACES, Team, pace,
};
use super::goals::PENALTY_SCORES;
use super::pitch::Pitch;
use crate::world::board::{Board, STARS, Star};
use crate::world::grid::Grid;
use crate::world::mood::Mood;
use crate::world::numbers::{exp_of_minus, poisson};

/// The part of the goals that falls and stands: not while a free kick or the kick-off is waited for, nor where the
/// video referee takes it back.
const IN_PLAY: f64 = 0.89;
/// Goals from penalty kicks, of one side in an hour.
const PENALTIES_PER_HOUR: f64 = FOULS_PER_HOUR * FOUL_IS_PENALTY * PENALTY_SCORES;
/// A half is never held to be nearer to its end than this, in seconds.
const LEFT_MIN: u32 = 30;
/// The part of a side's goals left that fall while one of its players who is on will still be, and of a player on
/// the bench who comes on.
const STAYS_ON: f64 = 0.92;
const COMES_ON: f64 = 0.3;
/// What is scored by the players themselves.
const NOT_OWN: f64 = 0.97;

/// How a game may go on until regular time is over.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    score: Score,
    /// Scores after regular time.
    pub(super) grid: Grid,
    /// Scores after the first half, once they are asked for.
    half_grid: OnceCell<Grid>,
    /// Further goals of each side that are expected: until the end, and in the first half.
    expected: [f64; 2],
    expected_half: [f64; 2],
    stars: [Star; STARS],
    /// How often the players of each side who are still on score, together.
    scoring: [f64; 2],
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Pitch, since: u32, teams: [&Team; 2], mood: Mood) -> Self {
        let [first, second] = hours_left(board, since);
        let tilt = [1.0 + mood.get(), 1.0 - mood.get()];
        let expected = |left: Left| {
            [Side::Home, Side::Away].map(|side| {
                let rate = teams[side as usize].goals_per_hour * tilt[side as usize] * board.factor(side);
                (rate * left.paced + PENALTIES_PER_HOUR * left.hours) * IN_PLAY
            })
        };
        let (of_first, of_second) = (expected(first), expected(second));
        let (score, whole) = (board.common.score, [of_first[0] + of_second[0], of_first[1] + of_second[1]]);
        Self {
            score,
            grid: grid(score, whole),
            half_grid: OnceCell::new(),
            expected: whole,
            expected_half: of_first,
            stars: board.common.stars,
            scoring: [Side::Home, Side::Away].map(|side| scoring(board, side)),
        }
    }

    /// Scores after the first half, while it has not ended.
    pub(super) fn half_grid(&self) -> &Grid {
        self.half_grid.get_or_init(|| grid(self.score, self.expected_half))
    }

    /// How likely the next goal is home's, and how likely there is none.
    pub(super) fn next_goal(&self) -> [f64; 2] {
        let [home, away] = self.expected;
        let none = exp_of_minus(home + away);
        let share = if home + away > 0.0 { home / (home + away) } else { 0.5 };
        [(1.0 - none) * share, none]
    }

    /// How likely the star of this place scores; of one who sits on the bench, if he comes on.
    pub(super) fn scores(&self, star: usize) -> f64 {
        let (side, place) = (star / STAR_PLACES.len(), STAR_PLACES[star % STAR_PLACES.len()]);
        let all = self.scoring[side];
        let (weight, share) = match SCORING.get(place) {
            Some(weight) => (*weight, STAYS_ON),
            None if self.stars[star].is_on => (all / 10.0, STAYS_ON),
            None => (all / 10.0, COMES_ON),
        };
        1.0 - exp_of_minus(self.expected[side] * share * NOT_OWN * weight / all)
    }
}

/// Scores, where so many further goals of each side are expected.
fn grid(score: Score, expected: [f64; 2]) -> Grid {
    let [home, away] = expected.map(poisson);
    Grid::independent(score.home, score.away, [&home, &away])
}

/// How often the players of a side who were not sent off score, together.
fn scoring(board: &Pitch, side: Side) -> f64 {
    let on = SCORING.iter().enumerate().filter(|(place, _)| !board.is_off(side, *place));
    on.map(|(_, weight)| weight).sum()
}

/// By how many quarters of a goal home is expected to lead, as the handicap that is nearest.
pub(super) fn quarters_expected(teams: [&Team; 2]) -> i32 {
    let lead = (teams[0].goals_per_hour - teams[1].goals_per_hour) * 1.5 * 4.0;
    #[expect(clippy::cast_possible_truncation, reason = "a few goals")]
    let lead = (lead + if lead < 0.0 { -0.5 } else { 0.5 }) as i32;
    lead
}

/// Time in which goals may fall: in hours, and in hours of the mean rate.
#[derive(Debug, Clone, Copy)]
struct Left {
    hours: f64,
    paced: f64,
}

/// Of each half, with what is usually added.
fn hours_left(board: &Pitch, since: u32) -> [Left; 2] {
    let [first, second] = ADDED_SECONDS.map(|added| HALF_SECONDS + added);
    let now = board.common.seconds + since;
    let left = |length: u32| length.saturating_sub(now).max(LEFT_MIN);
    match board.common.phase {
        MatchStatus::NotStarted => [paced(0.0, first), paced(0.5, second)],
        MatchStatus::Half1 => [paced(begins(0.0, now), left(first)), paced(0.5, second)],
        MatchStatus::HalfTime => [paced(0.0, 0), paced(0.5, second)],
        MatchStatus::Half2 => [paced(0.0, 0), paced(begins(0.5, now), left(second))],
        _ => [paced(0.0, 0), paced(0.0, 0)],
    }
}

/// The part of regular time that has been played when a half, which began at a part, has been on so long.
fn begins(half: f64, seconds: u32) -> f64 {
    half + f64::from(seconds.min(HALF_SECONDS)) / f64::from(2 * HALF_SECONDS)
}

/// So many seconds from a part of regular time on, at the pace in their middle; what is added has the pace of its end.
fn paced(from: f64, seconds: u32) -> Left {
    let hours = f64::from(seconds) / 3_600.0;
    let end = if from < 0.5 { 0.5 } else { 1.0 };
    let regular = (f64::from(seconds) / f64::from(2 * HALF_SECONDS)).min(end - from);
    let added = f64::from(seconds) / f64::from(2 * HALF_SECONDS) - regular;
    let mean = regular * pace(from + regular / 2.0) + added * pace(end);
    Left { hours, paced: mean * f64::from(2 * HALF_SECONDS) / 3_600.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::board::Scoreboard;
    use crate::world::game::Chances;
    use crate::world::lines::Line;

    fn outlook(phase: MatchStatus, seconds: u32, home: u32, away: u32, sent_off: [u32; 2]) -> Outlook {
        let score = Score { home, away };
        let board = Pitch { common: Scoreboard { phase, seconds, score, ..Scoreboard::new() }, sent_off };
        let team = || Team { players: Vec::new(), goals_per_hour: 0.9 };
        Outlook::new(&board, 0, [&team(), &team()], Mood::default())
    }

    #[test]
    fn equal_sides_are_even_and_a_goal_matters_more_the_later_it_falls() {
        let [home, draw] = outlook(MatchStatus::NotStarted, 0, 0, 0, [0; 2]).grid.home_and_draw();
        assert!((home + draw / 2.0 - 0.5).abs() < 1e-6, "{home} and {draw}");
        assert!(0.2 < draw && draw < 0.3, "{draw}");
        let [early, _] = outlook(MatchStatus::Half1, 600, 1, 0, [0; 2]).grid.home_and_draw();
        let [late, _] = outlook(MatchStatus::Half2, 2_600, 1, 0, [0; 2]).grid.home_and_draw();
        assert!(early < 0.75 && late > 0.85, "{early} and {late}");
    }

    #[test]
    fn what_has_fallen_is_certain() {
        let game = outlook(MatchStatus::Half2, 1_000, 2, 1, [0; 2]);
        let at_least = |goals| match game.grid.total(Line::halves(2 * goals - 1)).chances() {
            Chances::Two(over) => over,
            other => panic!("two outcomes, not {other:?}"),
        };
        assert!((at_least(3) - 1.0).abs() < 1e-9 && at_least(4) < 0.9);
        assert!((game.grid.both_score() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_side_short_of_a_player_wins_less_often() {
        let [complete, _] = outlook(MatchStatus::Half1, 600, 0, 0, [0, 0]).grid.home_and_draw();
        let [short, _] = outlook(MatchStatus::Half1, 600, 0, 0, [1, 0]).grid.home_and_draw();
        assert!(short < complete - 0.1, "{short} and {complete}");
    }

    #[test]
    fn who_is_left_has_more_of_the_goals_of_a_side_whose_forward_was_sent_off() {
        let of_places = |places: u32| outlook(MatchStatus::Half1, 600, 0, 0, [places, 0]);
        // The star of place 0 is the forward of place 10; those off are the other forward, a defender, the goalkeeper.
        let [forward, defender, goalkeeper] = [1 << 9, 1 << 3, 1 << 0].map(|off| of_places(off).scores(0));
        assert!(forward > defender && defender > goalkeeper, "{forward}, {defender}, {goalkeeper}");
    }
}
