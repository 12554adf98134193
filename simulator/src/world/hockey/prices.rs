//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! Goals of both sides are Poisson processes (Maher, "Modelling association football scores", Statistica Neerlandica 36,
//! 1982), here with what is left of regular time and of running penalties; its last minutes are a chain of goals
//! (`late`). A tie leads to overtime, which the first goal ends, and a shoot-out, which is even. A tie also means one
//! more goal in the total: overtime or shoot-out will bring it. On top lies what the market thinks, a number that
//! wanders about zero and moves the rates of both sides against each other.

use std::cell::OnceCell;

use domain::{MatchStatus, Score, Side};

use super::course::{
    LATE_SECONDS, OVERTIME, OVERTIME_SECONDS, POWER_PLAY, REGULAR_SECONDS, SCORING, STAR_PLACES,
};
use super::late::{GOALS as LATE_GOALS, Late};
use super::markets::{Hockey, PERIODS};
use super::rink::Rink;
use crate::world::board::other;
use crate::world::grid::{GOALS, Grid};
use crate::world::lines::{Line, Stakes};
use crate::world::mood::Mood;
use crate::world::numbers::{exp_of_minus, poisson};

/// By how much penalties yet to come raise the rate of goals over that of complete sides.
const PENALTIES_TO_COME: f64 = 1.15;
const PERIOD_SECONDS: u32 = REGULAR_SECONDS / 3;
/// What is less likely than this changes no price.
const NEGLIGIBLE: f64 = 1e-6;

/// How a game may go on.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    /// Scores after regular time.
    pub(super) grid: Grid,
    /// Of the period that is on, or comes next: what has fallen in it, and what each side is expected to score in it.
    /// `None` for the last one, whose end is that of regular time.
    period: Option<(Score, [f64; 2])>,
    /// Scores of that period, once they are asked for.
    period_grid: OnceCell<Grid>,
    /// What had fallen before that period.
    before_period: Score,
    /// Goals of each side that are expected in regular time.
    expected: [f64; 2],
    /// How likely home wins what comes after a tie.
    home_after_tie: f64,
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Rink, since: u32, game: &Hockey, mood: Mood) -> Self {
        let common = &board.common;
        let played = (common.played() + since).min(REGULAR_SECONDS);
        let left = if common.phase < MatchStatus::AwaitingOvertime { REGULAR_SECONDS - played } else { 0 };
        let tilt = [1.0 + mood.get(), 1.0 - mood.get()];
        let rates = [0, 1].map(|side: usize| game.teams[side].goals_per_hour * tilt[side] / 3_600.0);
        let early = |left: u32| {
            [Side::Home, Side::Away].map(|side| {
                let power_play = power_play_seconds(board, side, played).min(left + LATE_SECONDS);
                let more = f64::from(power_play) * (POWER_PLAY - 1.0);
                rates[side as usize] * (f64::from(left) * PENALTIES_TO_COME + more)
            })
        };
        let before_late = early(left.saturating_sub(LATE_SECONDS));
        let late_left = left.min(LATE_SECONDS);
        let period_left = left % PERIOD_SECONDS;
        let period_left = if left > 0 && period_left == 0 { PERIOD_SECONDS } else { period_left };
        let place = (played / PERIOD_SECONDS).min(2) as usize;
        let is_last = place == 2;
        Self {
            grid: grid(common.score, before_late, &game.late, late_left, mood),
            period: (!is_last).then(|| (common.fell_in(&PERIODS[place..=place]), early(period_left))),
            period_grid: OnceCell::new(),
            before_period: common.fell_in(&PERIODS[..place]),
            expected: [0, 1].map(|side: usize| before_late[side] + rates[side] * f64::from(late_left)),
            home_after_tie: home_after_tie(board, since, rates, mood),
        }
    }

    /// How likely home wins, overtime and shoot-out included.
    pub(super) fn home_wins(&self) -> f64 {
        let [home, tie] = self.grid.home_and_draw();
        home + tie * self.home_after_tie
    }

    /// Stakes on more goals than the line, overtime included and the shoot-out as one.
    pub(super) fn total(&self, line: Line) -> Stakes {
        let mut stakes = self.grid.total(line);
        self.grid.each_tie(|goals, likely| {
            stakes.add(line.over(2 * goals), -likely);
            stakes.add(line.over(2 * goals + 1), likely);
        });
        stakes
    }

    /// Stakes on the home side with a handicap, overtime and shoot-out included.
    pub(super) fn handicap(&self, line: Line) -> Stakes {
        let mut stakes = Stakes::default();
        self.grid.each_lead(|lead, likely| {
            if lead == 0 {
                stakes.add(line.ahead_by(1), likely * self.home_after_tie);
                stakes.add(line.ahead_by(-1), likely * (1.0 - self.home_after_tie));
            } else {
                stakes.add(line.ahead_by(lead), likely);
            }
        });
        stakes
    }

    /// Scores of the period that is on, or comes next.
    pub(super) fn period_grid(&self) -> &Grid {
        self.period_grid.get_or_init(|| match self.period {
            Some((score, expected)) => {
                let [home, away] = expected.map(poisson);
                Grid::independent(score.home, score.away, [&home, &away])
            }
            None => self.grid.without(self.before_period.home, self.before_period.away),
        })
    }

    /// How likely the next goal is home's, and how likely regular time has none.
    pub(super) fn next_goal(&self) -> [f64; 2] {
        let [home, away] = self.expected;
        let none = self.grid.nothing_further();
        let share = if home + away > 0.0 { home / (home + away) } else { 0.5 };
        [(1.0 - none) * share, none]
    }

    /// How likely the star of this place scores in regular time.
    pub(super) fn scores(&self, star: usize) -> f64 {
        let (side, place) = (star / STAR_PLACES.len(), STAR_PLACES[star % STAR_PLACES.len()]);
        let share = SCORING[place] / SCORING.iter().sum::<f64>();
        1.0 - exp_of_minus(self.expected[side] * share)
    }
}

/// Scores after regular time: what falls until its last minutes, and then in them.
fn grid(score: Score, before_late: [f64; 2], late: &Late, late_left: u32, mood: Mood) -> Grid {
    let [home, away] = before_late.map(poisson::<GOALS>);
    let mut further = [[0.0; GOALS]; GOALS];
    let lead = i64::from(score.home) - i64::from(score.away);
    for (by_home, likely_home) in (0_usize..).zip(&home) {
        for (by_away, likely_away) in (0_usize..).zip(&away) {
            let likely = likely_home * likely_away;
            if likely < NEGLIGIBLE {
                continue;
            }
            let now = lead + i64::try_from(by_home).unwrap_or(0) - i64::try_from(by_away).unwrap_or(0);
            let after = late.further(mood.get(), late_left, i32::try_from(now).unwrap_or(0));
            for (more_home, row) in after.iter().enumerate().take(LATE_GOALS) {
                for (more_away, chance) in row.iter().enumerate() {
                    let home = (by_home + more_home).min(GOALS - 1);
                    further[home][(by_away + more_away).min(GOALS - 1)] += likely * chance;
                }
            }
        }
    }
    Grid::new(score.home, score.away, further)
}

/// How likely home wins overtime, which the first goal ends, or the shoot-out.
fn home_after_tie(board: &Rink, since: u32, rates: [f64; 2], mood: Mood) -> f64 {
    let left = match board.common.phase {
        MatchStatus::Overtime => OVERTIME_SECONDS.saturating_sub(board.common.seconds + since),
        MatchStatus::AwaitingPenalties | MatchStatus::Penalties => 0,
        _ => OVERTIME_SECONDS,
    };
    let [home, away] = rates.map(|rate| rate * OVERTIME * f64::from(left));
    let none = exp_of_minus(home + away);
    let home_first = if home + away > 0.0 { home / (home + away) } else { 0.5 };
    (1.0 - none) * home_first + none * (0.5 + mood.get() / 4.0)
}

/// Seconds for which `side` will have more players, as the penalty box is now.
fn power_play_seconds(board: &Rink, side: Side, played: u32) -> u32 {
    if board.in_box(other(side)) <= board.in_box(side) {
        return 0;
    }
    let others = board.penalties.iter().filter(|penalty| penalty.side == other(side));
    others.map(|penalty| penalty.until.saturating_sub(played)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::board::Scoreboard;
    use crate::world::hockey::course::Team;
    use crate::world::hockey::rink::Penalty;

    fn board(phase: MatchStatus, seconds: u32, played_before: u32, home: u32, away: u32) -> Rink {
        let score = Score { home, away };
        Rink {
            common: Scoreboard { phase, seconds, score, played_before, ..Scoreboard::new() },
            ..Rink::new()
        }
    }

    fn outlook(board: &Rink) -> Outlook {
        let teams = [(); 2].map(|()| Team { players: Vec::new(), goals_per_hour: 2.8 });
        let late = Late::new([&teams[0], &teams[1]]);
        Outlook::new(board, 0, &Hockey { teams, numbers: [1, 2], late }, Mood::default())
    }

    #[test]
    fn equal_sides_are_even_and_a_goal_matters_more_the_later_it_falls() {
        let start = outlook(&board(MatchStatus::NotStarted, 0, 0, 0, 0));
        assert!((start.home_wins() - 0.5).abs() < 1e-3, "{}", start.home_wins());
        let early = outlook(&board(MatchStatus::Period1, 600, 0, 1, 0)).home_wins();
        let late = outlook(&board(MatchStatus::Period3, 1_100, 2_400, 1, 0)).home_wins();
        assert!(0.6 < early && early < 0.75 && late > 0.85, "{early} and {late}");
    }

    #[test]
    fn a_tie_brings_one_more_goal() {
        let tie = outlook(&board(MatchStatus::AwaitingOvertime, 1_200, 2_400, 2, 2));
        let over = |line| match tie.total(line).chances() {
            crate::world::game::Chances::Two(over) => over,
            other => panic!("two outcomes, not {other:?}"),
        };
        assert!((over(Line::halves(9)) - 1.0).abs() < 1e-9 && over(Line::halves(11)) < 1e-9);
        assert!((tie.home_wins() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_power_play_is_worth_something_to_the_side_that_has_it() {
        let mut short = board(MatchStatus::Period3, 1_000, 2_400, 1, 1);
        short.penalties.push(Penalty { side: Side::Away, place: 3, until: 3_520 });
        assert!(outlook(&short).home_wins() > 0.53);
    }
}
