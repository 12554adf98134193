//! The scoreboard of a game, with the penalty box and the nets.

use domain::{EventStatus, MatchStatus, Score, Side, Status};

use super::course::GOALKEEPER_PLACE;
use crate::world::board::{Board, Scoreboard};

/// The scoreboard, with the penalty box and the nets.
#[derive(Debug, Clone)]
pub(super) struct Rink {
    pub(super) common: Scoreboard,
    /// Who is in the penalty box.
    pub(super) penalties: Vec<Penalty>,
    /// Whether each side plays without its goalkeeper.
    pub(super) is_net_empty: [bool; 2],
}

/// A player in the penalty box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalty {
    pub(super) side: Side,
    /// The player's place in the line-up.
    pub(super) place: usize,
    /// How many seconds of the whole game have been played when it is over.
    pub(super) until: u32,
}

impl Rink {
    pub(super) fn new() -> Self {
        Self { common: Scoreboard::new(), penalties: Vec::new(), is_net_empty: [false; 2] }
    }

    pub(super) fn in_box(&self, side: Side) -> usize {
        self.penalties.iter().filter(|penalty| penalty.side == side).count()
    }
}

impl Board for Rink {
    fn common(&self) -> &Scoreboard {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Scoreboard {
        &mut self.common
    }

    fn status(&self, status: EventStatus) -> Status {
        let in_box = |side| u32::try_from(self.in_box(side)).expect("a penalty box is small");
        Status {
            penalty_box: Some(Score { home: in_box(Side::Home), away: in_box(Side::Away) }),
            ..self.common.status(status, Self::has_clock(self.common.phase))
        }
    }

    fn has_clock(part: MatchStatus) -> bool {
        matches!(
            part,
            MatchStatus::Period1 | MatchStatus::Period2 | MatchStatus::Period3 | MatchStatus::Overtime
        )
    }

    fn is_off(&self, side: Side, place: usize) -> bool {
        let in_box = self.penalties.iter().any(|penalty| (penalty.side, penalty.place) == (side, place));
        in_box || (place == GOALKEEPER_PLACE && self.is_net_empty[side as usize])
    }
}
