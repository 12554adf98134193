//! Shots, free throws and rebounds: what a possession is worth.

use domain::{IncidentKind, Side};

use super::course::Game;
use crate::world::board::other;

/// Shots from beyond the line, of all.
const IS_THREE: f64 = 0.39;
/// How often shots fall, before a team's own strength.
const THREE_FALLS: f64 = 0.36;
const TWO_FALLS: f64 = 0.545;
const FREE_THROW_FALLS: f64 = 0.78;
/// Shots at which the shooter is fouled: misses, which are then none, and baskets.
const FOULED: f64 = 0.09;
const FOULED_AND_MADE: f64 = 0.04;
const MISS_IS_BLOCKED: f64 = 0.1;
/// Misses whose rebound the attacking side wins.
const REBOUND_IN_ATTACK: f64 = 0.25;

impl Game<'_> {
    /// One shot; says whether the same side has the ball again.
    pub(super) fn shot(&mut self, side: Side) -> bool {
        let points = if self.log.happens(IS_THREE) { 3 } else { 2 };
        if self.log.happens(FOULED) {
            self.foul(other(side), "shooting");
            return self.free_throws(side, points);
        }
        let falls = if points == 3 { THREE_FALLS } else { TWO_FALLS };
        if !self.log.happens(falls * self.teams[side as usize].shooting) {
            return self.miss(side, points);
        }
        let kind = if points == 3 { IncidentKind::ThreePointsMade } else { IncidentKind::TwoPointsMade };
        self.score(kind, side, points);
        if self.log.happens(FOULED_AND_MADE) {
            self.foul(other(side), "shooting");
            return self.free_throws(side, 1);
        }
        false
    }

    fn miss(&mut self, side: Side, points: u32) -> bool {
        let kind = if points == 3 { IncidentKind::ThreePointsMissed } else { IncidentKind::TwoPointsMissed };
        self.log.play(kind, side, None);
        if self.log.happens(MISS_IS_BLOCKED) {
            self.log.play(IncidentKind::Block, other(side), None);
        }
        self.rebound(side)
    }

    /// So many in a row, the clock standing; after the last one a miss is fought for.
    pub(super) fn free_throws(&mut self, side: Side, count: u32) -> bool {
        for number in 1..=count {
            if self.log.happens(FREE_THROW_FALLS) {
                self.score(IncidentKind::FreeThrowMade, side, 1);
            } else {
                self.log.play(IncidentKind::FreeThrowMissed, side, None);
                if number == count {
                    return self.rebound(side);
                }
            }
        }
        false
    }

    fn rebound(&mut self, shooter: Side) -> bool {
        let in_attack = self.log.happens(REBOUND_IN_ATTACK);
        self.log.board.0.running = true;
        self.log.play(IncidentKind::Rebound, if in_attack { shooter } else { other(shooter) }, None);
        in_attack
    }
}
