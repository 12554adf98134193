//! How likely each score is at the end: goals of home by goals of away.

use super::lines::{Line, Stakes};

/// Goals of one side up to which a grid goes; what lies beyond is less than one in a hundred thousand.
pub(super) const GOALS: usize = 14;

/// Goals that may still fall, each side's by itself: how likely 0, 1, 2, … are.
pub(super) type Goals = [f64; GOALS];

/// Final scores and how likely they are.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// What has fallen already.
    home: u32,
    away: u32,
    further: [[f64; GOALS]; GOALS],
}

impl Grid {
    /// Both sides score by themselves.
    pub(super) fn independent(home: u32, away: u32, [of_home, of_away]: [&Goals; 2]) -> Self {
        Self { home, away, further: of_home.map(|likely| of_away.map(|other| likely * other)) }
    }

    /// What has fallen and what may still fall.
    pub(super) fn new(home: u32, away: u32, further: [[f64; GOALS]; GOALS]) -> Self {
        Self { home, away, further }
    }

    /// Calls `visit` with each score and how likely it is.
    pub(super) fn each(&self, mut visit: impl FnMut(u32, u32, f64)) {
        for (home, row) in (self.home..).zip(&self.further) {
            for (away, likely) in (self.away..).zip(row) {
                visit(home, away, *likely);
            }
        }
    }

    /// How likely a score is of which this is true.
    pub(super) fn chance(&self, is: impl Fn(u32, u32) -> bool) -> f64 {
        let mut sum = 0.0;
        self.each(|home, away, likely| sum += if is(home, away) { likely } else { 0.0 });
        sum
    }

    /// How likely nothing falls any more.
    pub(super) fn nothing_further(&self) -> f64 {
        self.further[0][0]
    }

    /// The same without what had fallen before.
    pub(super) fn without(&self, home: u32, away: u32) -> Self {
        Self {
            home: self.home.saturating_sub(home),
            away: self.away.saturating_sub(away),
            further: self.further,
        }
    }

    /// How likely home wins, and how likely nobody does.
    pub(super) fn home_and_draw(&self) -> [f64; 2] {
        let mut likely = [0.0; 2];
        self.each(|home, away, chance| match home.cmp(&away) {
            std::cmp::Ordering::Greater => likely[0] += chance,
            std::cmp::Ordering::Equal => likely[1] += chance,
            std::cmp::Ordering::Less => {}
        });
        likely
    }

    /// Stakes on the home side with a handicap.
    pub(super) fn handicap(&self, line: Line) -> Stakes {
        let mut stakes = Stakes::default();
        self.each(|home, away, likely| stakes.add(line.ahead(home, away), likely));
        stakes
    }

    /// Stakes on more than the line.
    pub(super) fn total(&self, line: Line) -> Stakes {
        let mut stakes = Stakes::default();
        self.each(|home, away, likely| stakes.add(line.over(home + away), likely));
        stakes
    }
}
