//! The scoreboard of a game, with the players who were sent off.

use domain::{EventStatus, MatchStatus, Side, Status};

use crate::world::board::{Board, Scoreboard, other};

/// How often a side scores, and its opponent, for each player it has fewer.
const SHORT: f64 = 0.7;
const AGAINST_SHORT: f64 = 1.25;

/// The scoreboard, with the players who were sent off.
#[derive(Debug, Clone)]
pub(super) struct Pitch {
    pub(super) common: Scoreboard,
    /// The places of each side's players who were sent off, as bits: nobody takes them.
    pub(super) sent_off: [u32; 2],
}

impl Pitch {
    pub(super) fn new() -> Self {
        Self { common: Scoreboard::new(), sent_off: [0; 2] }
    }

    /// How many of a side's players were sent off.
    pub(super) fn fewer(&self, side: Side) -> u32 {
        self.sent_off[side as usize].count_ones()
    }

    /// How many times its usual rate a side scores.
    pub(super) fn factor(&self, side: Side) -> f64 {
        let times = |factor: f64, side: Side| (0..self.fewer(side)).fold(1.0, |all, _| all * factor);
        times(SHORT, side) * times(AGAINST_SHORT, other(side))
    }
}

impl Board for Pitch {
    fn common(&self) -> &Scoreboard {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Scoreboard {
        &mut self.common
    }

    fn status(&self, status: EventStatus) -> Status {
        self.common.status(status, Self::has_clock(self.common.phase))
    }

    fn has_clock(part: MatchStatus) -> bool {
        matches!(
            part,
            MatchStatus::Half1 | MatchStatus::Half2 | MatchStatus::ExtraTime1 | MatchStatus::ExtraTime2
        )
    }

    fn is_off(&self, side: Side, place: usize) -> bool {
        self.sent_off[side as usize] >> place & 1 == 1
    }
}
