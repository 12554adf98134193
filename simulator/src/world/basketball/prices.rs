//! What a bookmaker holds likely while a game is on: the in-play model behind the odds.
//!
//! What the lead and the total will still change is normally distributed, its mean and its variance in proportion to
//! the time that is left (Stern, "A Brownian motion model for the progress of sports scores", Journal of the American
//! Statistical Association 89, 1994). Ties at the end are more frequent than that: who is level plays for the last shot,
//! who is behind for a tie. A tie leads to overtime, which brings more points and is nearly even. A player scores in
//! proportion to his part of the team's points. Races are run possession by possession (`race`). On top lies the
//! market's mood.

use domain::{MatchStatus, Score, Side};

use super::course::{Court, OVERTIME_SECONDS, QUARTER_SECONDS, RACE_POINTS, STAR_PLACES, Team};
use super::markets::QUARTERS;
use super::race::home_is_first;
use super::shots::eases;
use crate::world::board::{STARS, Star};
use crate::world::lines::{Line, Stakes};
use crate::world::mood::Mood;
use crate::world::numbers::normal_below;

/// Points of an average side in a second, and how many more for each part by which its shots fall more often.
const POINTS_PER_SECOND: f64 = 112.9 / REGULAR_SECONDS as f64;
const SHOOTING_IS_WORTH: f64 = 0.75;
/// The part of a lead's ease that lasts, on average, until the end.
const EASES_ON: f64 = 0.8;
/// Variance of the lead, and of the total, in a second.
const LEAD_VARIANCE: f64 = 278.0 / REGULAR_SECONDS as f64;
const TOTAL_VARIANCE: f64 = 335.0 / REGULAR_SECONDS as f64;
/// How many times as many games end regular time level as a normal lead would have it.
const TIES: f64 = 1.9;
/// What it is worth to have the ball, in points, unless the game is about to end.
const POSSESSION_IS_WORTH: f64 = 1.12;
const LAST_SHOT_SECONDS: f64 = 5.0;
/// How many points the mood is worth over a whole game.
const MOOD_POINTS: f64 = 12.0;
/// The parts of a side's points that its stars score, by their places, and the variance of a star's points in points.
const STAR_SHARES: [f64; STAR_PLACES.len()] = [0.238, 0.1865, 0.0977];
const STAR_VARIANCE: f64 = 2.6;

const REGULAR_SECONDS: u32 = 4 * QUARTER_SECONDS;

/// How a game may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    /// How far home will lead in the end.
    lead: Lead,
    /// What will have fallen when the part that is on, or regular time, is over.
    total: Normal,
    /// The total after one overtime more.
    longer_total: Normal,
    /// How far home leads in the quarter that is on, or comes next, and what falls in it.
    quarter_lead: Normal,
    quarter_total: Normal,
    /// Points of each side that are still expected.
    expected: [f64; 2],
    stars: [Star; STARS],
    /// What each side has, how many times as often as on average its possessions come off, and who has the ball.
    points: [u32; 2],
    scoring: [f64; 2],
    ball: Option<Side>,
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

    /// How likely it is about this whole number.
    fn about(self, whole: f64) -> f64 {
        self.above(whole - 0.5) - self.above(whole + 0.5)
    }

    /// Stakes on more than the line.
    fn over(self, line: Line) -> Stakes {
        stakes(f64::from(line.quarters) / 4.0, |bound| self.above(bound))
    }
}

/// Stakes on more than `bound`, a whole number or one and a half, where it is so likely that more than one and a half comes.
fn stakes(bound: f64, above: impl Fn(f64) -> f64) -> Stakes {
    let is_whole = (bound * 2.0) % 2.0 == 0.0;
    let over = above(if is_whole { bound + 0.5 } else { bound });
    let hit = if is_whole { above(bound - 0.5) - over } else { 0.0 };
    let mut stakes = Stakes::default();
    stakes.add(4, over);
    stakes.add(-4, 1.0 - over - hit);
    stakes
}

/// How far home leads when somebody has won: after the part that is on, or regular time, or after overtime where that leaves
/// a tie.
#[derive(Debug, Clone, Copy)]
struct Lead {
    /// How likely that part ends level.
    tie: f64,
    in_time: Decided,
    in_overtime: Decided,
}

/// A lead, and how likely it is none.
#[derive(Debug, Clone, Copy)]
struct Decided {
    lead: Normal,
    level: f64,
}

impl Decided {
    fn new(lead: Normal) -> Self {
        Self { lead, level: lead.about(0.0) }
    }

    /// How likely it is above `bound`, a whole number and a half, of those that are not level.
    fn above(self, bound: f64) -> f64 {
        let level = if bound < 0.0 { self.level } else { 0.0 };
        let decided = 1.0 - self.level;
        if decided > 0.0 { (self.lead.above(bound) - level) / decided } else { 0.0 }
    }
}

impl Lead {
    fn new(lead: Normal, overtime_lead: Normal) -> Self {
        let (in_time, in_overtime) = (Decided::new(lead), Decided::new(overtime_lead));
        Self { tie: (in_time.level * TIES).min(1.0), in_time, in_overtime }
    }

    /// How likely it is above `bound`, a whole number and a half.
    fn above(&self, bound: f64) -> f64 {
        (1.0 - self.tie) * self.in_time.above(bound) + self.tie * self.in_overtime.above(bound)
    }
}

impl Outlook {
    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    pub(super) fn new(board: &Court, since: u32, teams: [&Team; 2], mood: Mood) -> Self {
        let [home, away] = teams.map(per_second);
        let ahead = board.0.ahead(Side::Home);
        let eased = (eases(-ahead) - eases(ahead)) * SHOOTING_IS_WORTH * POINTS_PER_SECOND * EASES_ON;
        let lean = mood.get() * MOOD_POINTS / f64::from(REGULAR_SECONDS);
        let lead_rate = home - away + eased + lean;
        let left = f64::from(seconds_left(board, since));
        let overtime = f64::from(OVERTIME_SECONDS);
        let Score { home: home_points, away: away_points } = board.0.score;
        let ball = match board.1.filter(|_| left > LAST_SHOT_SECONDS) {
            Some(Side::Home) => POSSESSION_IS_WORTH / 2.0,
            Some(Side::Away) => -POSSESSION_IS_WORTH / 2.0,
            None => 0.0,
        };
        let lead = f64::from(home_points) - f64::from(away_points) + lead_rate * left + ball;
        let total = f64::from(home_points + away_points) + (home + away) * left;
        let (quarter, quarter_left) = quarter(board, since);
        let quarter_lead = f64::from(quarter.home) - f64::from(quarter.away) + lead_rate * quarter_left;
        let quarter_total = f64::from(quarter.home + quarter.away) + (home + away) * quarter_left;
        Self {
            lead: Lead::new(
                Normal::new(lead, LEAD_VARIANCE * left),
                Normal::new(lead_rate * overtime, LEAD_VARIANCE * overtime),
            ),
            total: Normal::new(total, TOTAL_VARIANCE * left),
            longer_total: Normal::new(total + (home + away) * overtime, TOTAL_VARIANCE * (left + overtime)),
            quarter_lead: Normal::new(quarter_lead, LEAD_VARIANCE * quarter_left),
            quarter_total: Normal::new(quarter_total, TOTAL_VARIANCE * quarter_left),
            expected: [home * left, away * left],
            stars: board.0.stars,
            points: [home_points, away_points],
            scoring: [home + lean / 2.0, away - lean / 2.0].map(|rate| rate / POINTS_PER_SECOND),
            ball: board.1,
        }
    }

    /// How likely home wins, overtime included.
    pub(super) fn home_wins(&self) -> f64 {
        self.lead.above(0.5)
    }

    /// Stakes on the home side with a handicap, overtime included.
    pub(super) fn handicap(&self, line: Line) -> Stakes {
        stakes(-f64::from(line.quarters) / 4.0, |bound| self.lead.above(bound))
    }

    /// Stakes on more points than the line, overtime included.
    pub(super) fn total(&self, line: Line) -> Stakes {
        let [regular, longer] = [self.total, self.longer_total].map(|total| total.over(line));
        regular.mixed(longer, self.lead.tie)
    }

    /// How likely home has more points in the quarter, and how likely nobody has.
    pub(super) fn quarter_home_and_draw(&self) -> [f64; 2] {
        [self.quarter_lead.above(0.5), self.quarter_lead.about(0.0)]
    }

    /// Stakes on more points than the line in the quarter.
    pub(super) fn quarter_total(&self, line: Line) -> Stakes {
        self.quarter_total.over(line)
    }

    /// How likely home has the points of a race first, which nobody has yet; the first race is number 1.
    pub(super) fn home_wins_race(&self, number: u32) -> f64 {
        let needs = self.points.map(|points| (number * RACE_POINTS).saturating_sub(points).max(1));
        home_is_first(needs, self.scoring, self.ball)
    }

    /// Stakes on more points of the star of this place than the line.
    pub(super) fn star_points(&self, star: usize, line: Line) -> Stakes {
        self.star(star).over(line)
    }

    /// How likely each star has most points of all of them; a tie counts for each in part.
    pub(super) fn top_scorer(&self) -> [f64; STARS] {
        const STEP: f64 = 2.0;
        let stars: [Normal; STARS] = std::array::from_fn(|star| self.star(star));
        let lowest = stars.iter().fold(f64::MAX, |low, star| low.min(star.mean - 3.0 * star.deviation));
        let highest = stars.iter().fold(0.0, |high: f64, star| high.max(star.mean + 4.0 * star.deviation));
        let mut likely = [0.0; STARS];
        let mut points = lowest.max(0.0);
        while points <= highest {
            let below = stars.map(|star| 1.0 - star.above(points));
            for (place, sum) in likely.iter_mut().enumerate() {
                let density =
                    stars[place].above(points - STEP / 2.0) - stars[place].above(points + STEP / 2.0);
                let others = (0..STARS).filter(|&other| other != place);
                *sum += others.fold(density, |product, other| product * below[other].max(1e-9));
            }
            points += STEP;
        }
        let all: f64 = likely.iter().sum();
        if all > 0.0 { likely.map(|chance| chance / all) } else { [1.0 / 6.0; STARS] }
    }

    /// The points of the star of this place in the end.
    fn star(&self, star: usize) -> Normal {
        let Star { tally, has_left, .. } = self.stars[star];
        let share = if has_left { 0.0 } else { STAR_SHARES[star % STAR_PLACES.len()] };
        let more = self.expected[star / STAR_PLACES.len()] * share;
        Normal::new(f64::from(tally) + more, more * STAR_VARIANCE)
    }
}

/// Points of both sides that are expected before the game.
pub(super) fn points_expected(teams: [&Team; 2]) -> i32 {
    whole(teams.map(per_second).iter().sum::<f64>() * f64::from(REGULAR_SECONDS))
}

/// Points by which home is expected to lead.
pub(super) fn lead_expected(teams: [&Team; 2]) -> i32 {
    whole((per_second(teams[0]) - per_second(teams[1])) * f64::from(REGULAR_SECONDS))
}

/// Points that are expected of the star of this place.
pub(super) fn star_points_expected(teams: [&Team; 2], star: usize) -> i32 {
    let points = per_second(teams[star / STAR_PLACES.len()]) * f64::from(REGULAR_SECONDS);
    whole(points * STAR_SHARES[star % STAR_PLACES.len()] - 0.5)
}

#[expect(clippy::cast_possible_truncation, reason = "points of a game")]
fn whole(points: f64) -> i32 {
    (points + if points < 0.0 { -0.5 } else { 0.5 }) as i32
}

fn per_second(team: &Team) -> f64 {
    POINTS_PER_SECOND * (1.0 + SHOOTING_IS_WORTH * (team.shooting - 1.0))
}

/// What has fallen in the quarter that is on, or comes next, and the seconds that are left of it.
fn quarter(board: &Court, since: u32) -> (Score, f64) {
    if !QUARTERS.contains(&board.0.phase) {
        return (Score::default(), f64::from(QUARTER_SECONDS));
    }
    let left = QUARTER_SECONDS.saturating_sub(board.0.seconds + since);
    (board.0.fell_in(&[board.0.phase]), f64::from(left))
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
        let board = Court(Scoreboard { phase, seconds, played_before, score, ..Scoreboard::new() }, None);
        let team = || Team { players: Vec::new(), shooting: 1.0 };
        Outlook::new(&board, 0, [&team(), &team()], Mood::default())
    }

    fn over(outlook: &Outlook, halves: i32) -> f64 {
        match outlook.total(Line::halves(halves)).chances() {
            crate::world::game::Chances::Two(over) => over,
            other => panic!("two outcomes, not {other:?}"),
        }
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
        assert!(over(&tie, 401) > 0.99 && over(&tie, 491) < 0.01);
    }

    #[test]
    fn a_handicap_of_less_than_a_point_asks_who_wins() {
        let home = |outlook: &Outlook, halves: i32| match outlook.handicap(Line::halves(halves)).chances() {
            crate::world::game::Chances::Two(home) => home,
            other => panic!("two outcomes, not {other:?}"),
        };
        for (part, seconds, before, [home_points, away_points]) in [
            (MatchStatus::Quarter1, 600, 0, [30, 20]),
            (MatchStatus::Quarter4, 700, 2_160, [100, 101]),
            (MatchStatus::AwaitingOvertime, 720, 2_160, [100, 100]),
            (MatchStatus::Overtime, 290, 2_880, [110, 110]),
        ] {
            let outlook = outlook(part, seconds, before, home_points, away_points);
            let wins = outlook.home_wins();
            for halves in [-1, 0, 1] {
                assert!((home(&outlook, halves) - wins).abs() < 1e-9, "{halves} in {part:?}: {wins}");
            }
            let more: Vec<f64> = (-30..=30).map(|halves| home(&outlook, halves)).collect();
            assert!(more.is_sorted_by(|less, more| *less <= more + 1e-6), "{part:?}: {more:?}");
        }
    }

    #[test]
    fn a_line_that_may_be_hit_is_priced_as_if_it_were_not() {
        let start = outlook(MatchStatus::NotStarted, 0, 0, 0, 0);
        assert!(over(&start, 455) > over(&start, 456) && over(&start, 456) > over(&start, 457));
        assert!((over(&start, 456) - 0.5).abs() < 0.05, "{}", over(&start, 456));
    }
}
