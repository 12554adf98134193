//! A wall clock for games that were published without one.
//!
//! The file has the scheduled start and the game clock. The first period begins at the start; within a period one
//! second of game clock is one second, since stoppages are not in the file; 18 minutes lie before every further
//! twenty-minute period, one minute before the short overtime of the regular season and before a shoot-out,
//! whose attempts follow each other every 30 seconds.

use domain::IncidentKind;

use super::file::{Game, PLAY_OFFS, Period, PeriodType, Play};
use super::terms::kind;

/// Before a period of twenty minutes.
const INTERMISSION_SECONDS: u32 = 18 * 60;
/// Before the short overtime of the regular season, and before a shoot-out.
const SHORT_BREAK_SECONDS: u32 = 60;
/// From one attempt of a shoot-out to the next.
const ATTEMPT_SECONDS: u32 = 30;
/// How long before the scheduled start a recording begins, and how long after the end the result is confirmed.
pub(super) const MARGIN_SECONDS: u32 = 60;

/// Where each period lies on the derived wall clock.
pub(super) struct WallClock {
    has_long_overtimes: bool,
    current: Option<Period>,
    /// Seconds from the scheduled start to the current period's.
    base_seconds: u32,
    /// Of the current period, as far as its plays go.
    played_seconds: u32,
}

impl WallClock {
    pub(super) fn new(game: &Game) -> Self {
        let has_long_overtimes = game.game_type == PLAY_OFFS;
        Self { has_long_overtimes, current: None, base_seconds: 0, played_seconds: 0 }
    }

    /// Seconds from the scheduled start to a play; 0 for one that was entered after its period.
    pub(super) fn seconds(&mut self, play: &Play) -> u32 {
        let period = play.period_descriptor;
        match self.current {
            Some(current) if period < current => return 0,
            Some(current) if period > current => {
                self.base_seconds += self.played_seconds + self.break_seconds(period.period_type);
                self.played_seconds = 0;
            }
            _ => {}
        }
        self.current = Some(period);
        let played = match (period.period_type, kind(play)) {
            (PeriodType::ShootOut, Some(IncidentKind::ShootoutGoal | IncidentKind::ShootoutMiss)) => {
                self.played_seconds + ATTEMPT_SECONDS
            }
            (PeriodType::ShootOut, _) => self.played_seconds,
            _ => play.seconds,
        };
        self.played_seconds = self.played_seconds.max(played);
        self.base_seconds + played
    }

    fn break_seconds(&self, before: PeriodType) -> u32 {
        match before {
            PeriodType::Regular => INTERMISSION_SECONDS,
            PeriodType::Overtime if self.has_long_overtimes => INTERMISSION_SECONDS,
            PeriodType::Overtime | PeriodType::ShootOut => SHORT_BREAK_SECONDS,
        }
    }
}
