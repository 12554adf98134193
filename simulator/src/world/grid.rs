//! How likely each score is at the end: goals of home by goals of away.

use super::lines::{Line, Stakes};

/// Goals of one side up to which a grid goes; what lies beyond is less than one in a hundred thousand.
pub(super) const GOALS: usize = 14;

/// How many leads there may be, and how many totals.
const SPAN: usize = 2 * GOALS - 1;

/// Goals that may still fall, each side's by itself: how likely 0, 1, 2, … are.
pub(super) type Goals = [f64; GOALS];

/// Final scores and how likely they are.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// What has fallen already.
    home: u32,
    away: u32,
    further: [[f64; GOALS]; GOALS],
    /// How likely home gains so many more than away from now on, from so many fewer on, and how likely both have so many
    /// more: most markets ask one of the two.
    gained: [f64; SPAN],
    added: [f64; SPAN],
}

impl Grid {
    /// Both sides score by themselves.
    pub(super) fn independent(home: u32, away: u32, [of_home, of_away]: [&Goals; 2]) -> Self {
        Self::new(home, away, of_home.map(|likely| of_away.map(|other| likely * other)))
    }

    /// What has fallen and what may still fall.
    pub(super) fn new(home: u32, away: u32, further: [[f64; GOALS]; GOALS]) -> Self {
        let (mut gained, mut added) = ([0.0; SPAN], [0.0; SPAN]);
        for (of_home, row) in further.iter().enumerate() {
            for (of_away, likely) in row.iter().enumerate() {
                gained[GOALS - 1 + of_home - of_away] += likely;
                added[of_home + of_away] += likely;
            }
        }
        Self { home, away, further, gained, added }
    }

    /// Calls `visit` with each lead of home and how likely it is.
    pub(super) fn each_lead(&self, mut visit: impl FnMut(i32, f64)) {
        let lead = i32::try_from(self.home).unwrap_or(0) - i32::try_from(self.away).unwrap_or(0);
        let least = lead + 1 - i32::try_from(GOALS).unwrap_or(0);
        for (lead, likely) in (least..).zip(self.gained) {
            visit(lead, likely);
        }
    }

    /// Calls `visit` with the goals of each side in each tie and how likely it is.
    pub(super) fn each_tie(&self, mut visit: impl FnMut(u32, f64)) {
        for (goals, row) in (self.home..).zip(&self.further) {
            let of_away = goals.checked_sub(self.away).map(|further| further as usize);
            if let Some(likely) = of_away.and_then(|further| row.get(further)) {
                visit(goals, *likely);
            }
        }
    }

    /// How likely both sides score, what has fallen counted.
    pub(super) fn both_score(&self) -> f64 {
        let rows = self.further.iter().skip(usize::from(self.home == 0));
        rows.map(|row| row.iter().skip(usize::from(self.away == 0)).sum::<f64>()).sum()
    }

    /// How likely nothing falls any more.
    pub(super) fn nothing_further(&self) -> f64 {
        self.further[0][0]
    }

    /// The same without what had fallen before.
    pub(super) fn without(&self, home: u32, away: u32) -> Self {
        Self { home: self.home.saturating_sub(home), away: self.away.saturating_sub(away), ..self.clone() }
    }

    /// How likely home wins, and how likely nobody does.
    pub(super) fn home_and_draw(&self) -> [f64; 2] {
        let mut likely = [0.0; 2];
        self.each_lead(|lead, chance| match lead {
            1.. => likely[0] += chance,
            0 => likely[1] += chance,
            _ => {}
        });
        likely
    }

    /// Stakes on the home side with a handicap.
    pub(super) fn handicap(&self, line: Line) -> Stakes {
        let mut stakes = Stakes::default();
        self.each_lead(|lead, likely| stakes.add(line.ahead_by(lead), likely));
        stakes
    }

    /// Stakes on more than the line.
    pub(super) fn total(&self, line: Line) -> Stakes {
        let mut stakes = Stakes::default();
        for (total, likely) in (self.home + self.away..).zip(self.added) {
            stakes.add(line.over(total), likely);
        }
        stakes
    }
}
