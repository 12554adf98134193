//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! What the lead and the total will still change is normally distributed, its mean and its variance in proportion to
//! the time that is left (Stern, "A Brownian motion model for the progress of sports scores", Journal of the American
//! Statistical Association 89, 1994). A tie leads to overtime, which brings more points and is nearly even. On top
//! lies the market's mood.

use domain::{MatchStatus, Score};

use super::course::{Court, OVERTIME_SECONDS, QUARTER_SECONDS, Team};
use crate::world::mood::Mood;
use crate::world::numbers::normal_below;

/// Points of an average side in a second, and how many more for each part by which its shots fall more often.
const POINTS_PER_SECOND: f64 = 110.0 / REGULAR_SECONDS as f64;
const SHOOTING_IS_WORTH: f64 = 0.75;
/// Variance of the lead, and of the total, in a second: possessions here are independent of each other and of the
/// lead, which makes leads of about 13 points; in real games they are nearer to 12.
const LEAD_VARIANCE: f64 = 280.0 / REGULAR_SECONDS as f64;
const TOTAL_VARIANCE: f64 = 316.0 / REGULAR_SECONDS as f64;
/// How many points the mood is worth over a whole game.
const MOOD_POINTS: f64 = 20.0;

const REGULAR_SECONDS: u32 = 4 * QUARTER_SECONDS;

/// How a game may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    /// How far home will lead when the part that is on, or regular time, is over.
    lead: Normal,
    /// What will have fallen by then.
    total: Normal,
    /// The total after one overtime more.
    longer_total: Normal,
    /// How far home leads in an overtime.
    overtime_lead: Normal,
}

/// A normally distributed number.
#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    deviation: f64,
}

impl Normal {
    fn new(mean: f64, variance: f64) -> Self {
        Self { mean, deviation: variance.sqrt() }
    }

    /// How likely it is above `bound`.
    fn above(self, bound: f64) -> f64 {
        if self.deviation > 0.0 {
            normal_below((self.mean - bound) / self.deviation)
        } else {
            f64::from(u8::from(self.mean > bound))
        }
    }
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Court, since: u32, teams: [&Team; 2], mood: Mood) -> Self {
        let [home, away] = teams.map(per_second);
        let lead_rate = home - away + mood.get() * MOOD_POINTS / f64::from(REGULAR_SECONDS);
        let left = f64::from(seconds_left(board, since));
        let overtime = f64::from(OVERTIME_SECONDS);
        let Score { home: home_points, away: away_points } = board.0.score;
        let lead = f64::from(home_points) - f64::from(away_points) + lead_rate * left;
        let total = f64::from(home_points + away_points) + (home + away) * left;
        Self {
            lead: Normal::new(lead, LEAD_VARIANCE * left),
            total: Normal::new(total, TOTAL_VARIANCE * left),
            overtime_lead: Normal::new(lead_rate * overtime, LEAD_VARIANCE * overtime),
            longer_total: Normal::new(total + (home + away) * overtime, TOTAL_VARIANCE * (left + overtime)),
        }
    }

    /// How likely home wins, overtime included.
    pub(super) fn home_wins(&self) -> f64 {
        self.lead.above(0.5) + self.tie() * self.overtime_lead.above(0.0)
    }

    /// How likely more than so many halves of points fall, overtime included, where not exactly as many do.
    pub(super) fn over(&self, halves: u32) -> f64 {
        let line = f64::from(halves) / 2.0;
        let tie = self.tie();
        let above = |bound: f64| (1.0 - tie) * self.total.above(bound) + tie * self.longer_total.above(bound);
        if halves % 2 == 1 {
            return above(line);
        }
        let (over, not_under) = (above(line + 0.5), above(line - 0.5));
        let hit = not_under - over;
        if hit < 1.0 { over / (1.0 - hit) } else { 0.5 }
    }

    fn tie(&self) -> f64 {
        self.lead.above(-0.5) - self.lead.above(0.5)
    }
}

/// Points of both sides that are expected before the game, in whole points.
pub(super) fn points_expected(teams: [&Team; 2]) -> u32 {
    let points = teams.map(per_second).iter().sum::<f64>() * f64::from(REGULAR_SECONDS);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about 220")]
    let points = (points + 0.5) as u32;
    points
}

fn per_second(team: &Team) -> f64 {
    POINTS_PER_SECOND * (1.0 + SHOOTING_IS_WORTH * (team.shooting - 1.0))
}

/// Of regular time, or of the overtime that is on.
fn seconds_left(board: &Court, since: u32) -> u32 {
    let now = board.0.seconds + since;
    match board.0.phase {
        MatchStatus::Overtime => OVERTIME_SECONDS.saturating_sub(now),
        phase if phase >= MatchStatus::AwaitingOvertime => 0,
        _ => REGULAR_SECONDS.saturating_sub(board.0.played_before + now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::board::Scoreboard;

    fn outlook(phase: MatchStatus, seconds: u32, played_before: u32, home: u32, away: u32) -> Outlook {
        let score = Score { home, away };
        let board = Court(Scoreboard { phase, seconds, played_before, score, ..Scoreboard::new() });
        let team = || Team { players: Vec::new(), shooting: 1.0 };
        Outlook::new(&board, 0, [&team(), &team()], Mood::default())
    }

    #[test]
    fn equal_sides_are_even_and_a_lead_matters_more_the_later_it_is() {
        assert!((outlook(MatchStatus::NotStarted, 0, 0, 0, 0).home_wins() - 0.5).abs() < 1e-6);
        let early = outlook(MatchStatus::Quarter1, 600, 0, 30, 20).home_wins();
        let late = outlook(MatchStatus::Quarter4, 600, 2_160, 110, 100).home_wins();
        assert!(0.6 < early && early < 0.85 && late > 0.97, "{early} and {late}");
    }

    #[test]
    fn a_tie_is_even_and_brings_more_points() {
        let tie = outlook(MatchStatus::AwaitingOvertime, 720, 2_160, 100, 100);
        assert!((tie.home_wins() - 0.5).abs() < 1e-6);
        assert!(tie.over(401) > 0.99 && tie.over(491) < 0.01, "{} and {}", tie.over(401), tie.over(491));
    }

    #[test]
    fn a_line_that_may_be_hit_is_priced_as_if_it_were_not() {
        let start = outlook(MatchStatus::NotStarted, 0, 0, 0, 0);
        assert!(start.over(439) > start.over(440) && start.over(440) > start.over(441));
        assert!((start.over(440) - 0.5).abs() < 0.05, "{}", start.over(440));
    }
}
