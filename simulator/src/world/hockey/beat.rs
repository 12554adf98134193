//! Beats: what happens in a game, one thing after the other, each with the scoreboard as it then is.

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, PeriodScore, Score, Side};

/// Something that happens, and how things stand after it.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    /// When, in milliseconds of the game's own time.
    pub(super) at_ms: u64,
    pub(super) what: What,
    pub(super) board: Board,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// The game is announced.
    Announced,
    /// A goal is in the air: no more bets.
    Danger,
    /// Bets again.
    Calm,
    /// An incident.
    Play(Play),
    /// A player leaves the penalty box.
    PenaltyOver,
    /// The last whistle.
    Over,
    /// The result stands.
    Confirmed,
}

/// An incident, as far as it is not on the scoreboard.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) kind: IncidentKind,
    pub(super) side: Option<Side>,
    pub(super) player: Option<Text>,
    pub(super) detail: Option<&'static str>,
}

/// The scoreboard.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) phase: MatchStatus,
    /// Of the current period.
    pub(super) seconds: u32,
    pub(super) running: bool,
    pub(super) score: Score,
    pub(super) periods: Vec<PeriodScore>,
    /// Who is in the penalty box, and until how many seconds of the whole game have been played.
    pub(super) penalties: Vec<(Side, u32)>,
    /// Seconds played before the current period.
    pub(super) played_before: u32,
}

impl Board {
    pub(super) fn played(&self) -> u32 {
        self.played_before + self.seconds
    }

    pub(super) fn in_box(&self, side: Side) -> usize {
        self.penalties.iter().filter(|(of, _)| *of == side).count()
    }

    /// Adds a goal to its period and, outside a shoot-out, to the score.
    pub(super) fn add_goal(&mut self, side: Side) {
        let counts = self.phase != MatchStatus::Penalties;
        let period = self.periods.last_mut().expect("a goal falls in a period");
        match side {
            Side::Home => {
                period.home += 1;
                self.score.home += u32::from(counts);
            }
            Side::Away => {
                period.away += 1;
                self.score.away += u32::from(counts);
            }
        }
    }
}

pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Home => Side::Away,
        Side::Away => Side::Home,
    }
}
