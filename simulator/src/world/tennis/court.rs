//! The scoreboard of a match: its sets, the games of each, the points of the game that is on, and who serves.

use domain::{EventStatus, MatchStatus, Side, Status};

use super::position::{Position, Won, score};
use crate::world::board::{Board, Scoreboard};

const SETS: [MatchStatus; 5] =
    [MatchStatus::Set1, MatchStatus::Set2, MatchStatus::Set3, MatchStatus::Set4, MatchStatus::Set5];
const BREAKS: [MatchStatus; 4] =
    [MatchStatus::Break1, MatchStatus::Break2, MatchStatus::Break3, MatchStatus::Break4];

/// The scoreboard: sets are the score, games what falls in its parts.
#[derive(Debug, Clone)]
pub(super) struct Court {
    pub(super) common: Scoreboard,
    pub(super) position: Position,
}

impl Court {
    pub(super) fn new(position: Position) -> Self {
        Self { common: Scoreboard::new(), position }
    }

    pub(super) fn begin_set(&mut self) {
        self.common.begin(SETS[self.sets_over()]);
    }

    /// The players rest after a set that does not end the match.
    pub(super) fn rest(&mut self) {
        self.common.phase = BREAKS[self.sets_over() - 1];
    }

    /// The next point goes to `side`.
    pub(super) fn point(&mut self, side: Side) -> Won {
        let won = self.position.point(side);
        if won > Won::Point {
            self.common.add_to_part(side, 1);
            self.common.goals.add(side);
        }
        self.common.score = score(self.position.sets);
        won
    }

    pub(super) fn retire(&mut self, side: Side) {
        self.common.phase = match side {
            Side::Home => MatchStatus::HomeRetired,
            Side::Away => MatchStatus::AwayRetired,
        };
    }

    pub(super) fn is_retired(&self) -> bool {
        matches!(self.common.phase, MatchStatus::HomeRetired | MatchStatus::AwayRetired)
    }

    /// Sets that have been won.
    pub(super) fn sets_over(&self) -> usize {
        self.position.sets.iter().sum()
    }

    /// Games of the whole match.
    pub(super) fn games(&self) -> usize {
        self.common.periods.iter().map(|set| set.home as usize + set.away as usize).sum()
    }

    /// By how many games home leads in the sets that are over.
    pub(super) fn games_ahead(&self) -> i32 {
        let sets = self.common.periods.iter().take(self.sets_over());
        sets.map(|set| i32::try_from(set.home).unwrap_or(0) - i32::try_from(set.away).unwrap_or(0)).sum()
    }

    /// Who has won a game of a set, both counted from 1.
    pub(super) fn winner_of(&self, set: usize, game: usize) -> Option<Side> {
        let games = |set: &domain::PeriodScore| set.home + set.away;
        let of_set = self.common.periods.get(set - 1).map(games)?;
        let game = u32::try_from(game).ok().filter(|game| *game <= of_set)?;
        let before: u32 = self.common.periods[..set - 1].iter().map(games).sum();
        self.common.goals.of(before + game)
    }

    /// Whether a set has begun that nobody has won yet, nor given up.
    fn is_in_play(&self) -> bool {
        self.common.periods.len() > self.sets_over() && !self.is_retired()
    }
}

impl Board for Court {
    fn common(&self) -> &Scoreboard {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Scoreboard {
        &mut self.common
    }

    /// Points, service and tie-break are told while a set is on.
    fn status(&self, status: EventStatus) -> Status {
        let is_in_play = self.is_in_play();
        Status {
            game_score: is_in_play.then(|| self.position.game_score()),
            server: is_in_play.then(|| self.position.server()),
            tie_break: is_in_play && self.position.is_tie_break(),
            ..self.common.status(status, false)
        }
    }

    fn has_clock(_: MatchStatus) -> bool {
        false
    }
}
