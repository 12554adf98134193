//! Shots, free throws and rebounds: what a possession is worth.

use domain::{IncidentKind, Side};

use super::course::Game;
use crate::world::board::other;

/// Shots from beyond the line, of all.
const IS_THREE: f64 = 0.393;
/// How often shots fall, before a team's own strength.
const THREE_FALLS: f64 = 0.369;
/// Shots for three that turn out to have been for two.
const FOOT_ON_THE_LINE: f64 = 0.008;
const TWO_FALLS: f64 = 0.550;
const FREE_THROW_FALLS: f64 = 0.78;
/// Shots at which the shooter is fouled: misses, which are then none, and baskets.
const FOULED: f64 = 0.064;
const FOULED_AND_MADE: f64 = 0.04;
const MISS_IS_BLOCKED: f64 = 0.108;
/// What a free throw takes, the clock standing.
const FREE_THROW_MS: u64 = 9_000;
/// From a lead on, for each point more, so much less often the shots of the side that leads fall: its best players rest.
const EASES_FROM: i32 = 5;
const EASES: f64 = 0.004;
/// From a miss to its rebound, in seconds.
const REBOUND_SECONDS: std::ops::RangeInclusive<u32> = 1..=3;
/// Misses whose rebound the attacking side wins.
const REBOUND_IN_ATTACK: f64 = 0.25;

/// By which part the shots of a side fall less often that is so far ahead.
pub(super) fn eases(ahead: i32) -> f64 {
    EASES * f64::from((ahead - EASES_FROM).max(0))
}

impl Game<'_> {
    /// One shot; says whether the same side has the ball again.
    pub(super) fn shot(&mut self, side: Side) -> bool {
        let points = if self.log.happens(IS_THREE) { 3 } else { 2 };
        self.shot_for(side, points)
    }

    /// One shot for so many points; says whether the same side has the ball again.
    pub(super) fn shot_for(&mut self, side: Side, points: u32) -> bool {
        if self.log.happens(FOULED) {
            self.foul(other(side), "shooting");
            return self.free_throws(side, points);
        }
        let falls = if points == 3 { THREE_FALLS } else { TWO_FALLS };
        let eased = 1.0 - eases(self.log.board.0.ahead(side));
        if !self.log.happens(falls * eased * self.teams[side as usize].shooting) {
            return self.miss(side, points);
        }
        let kind = if points == 3 { IncidentKind::ThreePointsMade } else { IncidentKind::TwoPointsMade };
        let before = self.log.board.clone();
        self.score(kind, side, points);
        if points == 3 && self.log.happens(FOOT_ON_THE_LINE) {
            self.foot_on_the_line(side, before);
        }
        if self.log.happens(FOULED_AND_MADE) {
            self.foul(other(side), "shooting");
            return self.free_throws(side, 1);
        }
        false
    }

    fn miss(&mut self, side: Side, points: u32) -> bool {
        let kind = if points == 3 { IncidentKind::ThreePointsMissed } else { IncidentKind::TwoPointsMissed };
        let shooter = self.shooter(side);
        self.log.play_by(shooter, kind, side, None);
        if self.log.happens(MISS_IS_BLOCKED) {
            self.log.play(IncidentKind::Block, other(side), None);
        }
        self.rebound(side)
    }

    /// So many in a row, the clock standing; after the last one a miss is fought for.
    pub(super) fn free_throws(&mut self, side: Side, count: u32) -> bool {
        for number in 1..=count {
            self.log.now_ms += FREE_THROW_MS;
            if self.log.happens(FREE_THROW_FALLS) {
                self.score(IncidentKind::FreeThrowMade, side, 1);
            } else {
                let shooter = self.shooter(side);
                self.log.play_by(shooter, IncidentKind::FreeThrowMissed, side, None);
                if number == count {
                    return self.rebound(side);
                }
                // The ball is dead: by the rules the rebound is the side's.
                self.log.side(IncidentKind::Rebound, side, Some("team"));
            }
        }
        false
    }

    fn rebound(&mut self, shooter: Side) -> bool {
        let in_attack = self.log.happens(REBOUND_IN_ATTACK);
        self.log.board.1 = Some(if in_attack { shooter } else { other(shooter) });
        self.run_clock(REBOUND_SECONDS);
        self.log.play(IncidentKind::Rebound, if in_attack { shooter } else { other(shooter) }, None);
        in_attack
    }
}
