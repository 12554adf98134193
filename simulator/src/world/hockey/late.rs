//! The end of regular time, as a Markov chain of goals: how many fall depends on who leads.
//!
//! A side that is behind takes its goalkeeper off, and level ones take no risks (Buttrey, Washburn and Price, "Estimating
//! NHL scoring rates", Journal of Quantitative Analysis in Sports 7, 2011). The chain goes in steps that are too short
//! for two goals, backwards from the end; it is computed once for a game.

use domain::Side;

use super::course::{LATE_SECONDS, Team, late};
use crate::world::mood;

/// A step of the chain, in seconds, and how many there are.
const STEP_SECONDS: u32 = 20;
const STEPS: usize = (LATE_SECONDS / STEP_SECONDS) as usize;
/// Leads that are told apart, of each side.
const LEAD_MAX: i32 = 3;
const LEADS: usize = 7;
/// Goals of one side up to which the chain goes, and moods for which it is computed.
pub(super) const GOALS: usize = 5;
const MOODS: usize = 7;

/// Further goals of home by those of away: how likely they are.
pub(super) type Further = [[f64; GOALS]; GOALS];

/// The tables of one game: by mood, steps left and home's lead.
#[derive(Debug)]
pub(super) struct Late {
    tables: Vec<[Further; LEADS]>,
}

impl Late {
    pub(super) fn new(teams: [&Team; 2]) -> Self {
        let mut tables = Vec::with_capacity(MOODS * (STEPS + 1));
        for place in 0..MOODS {
            let tilt = mood::MAX * (f64::from(u8::try_from(place).unwrap_or(0)) / 3.0 - 1.0);
            let rates = [teams[0].goals_per_hour * (1.0 + tilt), teams[1].goals_per_hour * (1.0 - tilt)];
            let mut nothing = [[0.0; GOALS]; GOALS];
            nothing[0][0] = 1.0;
            let mut table = [nothing; LEADS];
            tables.push(table);
            for left in (STEP_SECONDS..=LATE_SECONDS).step_by(STEP_SECONDS as usize) {
                table = step(&table, rates, left);
                tables.push(table);
            }
        }
        Self { tables }
    }

    /// Goals of the rest of regular time, of which so many seconds are late ones, by home's lead.
    pub(super) fn further(&self, mood: f64, left_seconds: u32, lead: i32) -> &Further {
        let steps = (left_seconds.min(LATE_SECONDS).div_ceil(STEP_SECONDS)) as usize;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 6")]
        let place = ((mood / mood::MAX + 1.0) * 3.0 + 0.5) as usize;
        &self.tables[place.min(MOODS - 1) * (STEPS + 1) + steps][lead_place(lead)]
    }
}

fn lead_place(lead: i32) -> usize {
    usize::try_from(lead.clamp(-LEAD_MAX, LEAD_MAX) + LEAD_MAX).expect("not below zero")
}

/// What may still fall when `left` seconds are left, from what may fall a step later.
fn step(after: &[Further; LEADS], rates: [f64; 2], left: u32) -> [Further; LEADS] {
    let mut now = [[[0.0; GOALS]; GOALS]; LEADS];
    for (lead, table) in (-LEAD_MAX..=LEAD_MAX).zip(&mut now) {
        let chance = |side: Side| {
            let ahead = if side == Side::Home { lead } else { -lead };
            rates[side as usize] * late(left, ahead) * f64::from(STEP_SECONDS) / 3_600.0
        };
        let (home, away) = (chance(Side::Home), chance(Side::Away));
        let [none, one_home, one_away] = [lead, lead + 1, lead - 1].map(|lead| &after[lead_place(lead)]);
        for (by_home, row) in table.iter_mut().enumerate() {
            for (by_away, likely) in row.iter_mut().enumerate() {
                *likely = (1.0 - home - away) * none[by_home][by_away];
                if by_home > 0 {
                    *likely += home * one_home[by_home - 1][by_away];
                }
                if by_away > 0 {
                    *likely += away * one_away[by_home][by_away - 1];
                }
            }
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Late {
        let team = || Team { players: Vec::new(), goals_per_hour: 2.7 };
        Late::new([&team(), &team()])
    }

    #[test]
    fn what_may_fall_sums_to_one_and_nothing_falls_in_no_time() {
        let chain = chain();
        for lead in -5..=5 {
            assert!((chain.further(0.0, 0, lead)[0][0] - 1.0).abs() < 1e-12);
            for left in [15, 90, 300, 600] {
                let sum: f64 = chain.further(0.0, left, lead).iter().flatten().sum();
                assert!((sum - 1.0).abs() < 1e-3, "{sum} at {left} s and {lead}");
            }
        }
    }

    #[test]
    fn a_side_that_is_behind_by_one_levels_more_often_than_a_level_one_scores() {
        let chain = chain();
        let scores_at_least_one = |lead| 1.0 - chain.further(0.0, 100, lead)[0].iter().sum::<f64>();
        assert!(scores_at_least_one(-1) > 2.0 * scores_at_least_one(0));
    }
}
