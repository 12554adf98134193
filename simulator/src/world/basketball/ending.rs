//! The end of a close game, and what officials look at again.

use domain::{IncidentKind, MatchStatus, Side};

use super::course::{Court, Game};
use crate::world::beat::What;
use crate::world::board::other;

/// The last seconds of a game, in which sides play for the last shot, and the leads within which one fouls.
pub(super) const LAST_SECONDS: u32 = 34;
/// How often the side that waits for it gets its last shot off.
const LAST_SHOT: f64 = 0.65;
const FOULS_WITHIN: std::ops::RangeInclusive<i32> = 1..=6;
const IN_A_HURRY: std::ops::RangeInclusive<u32> = 2..=7;
/// In the last two minutes of a game some decisions are looked at.
pub(super) const REVIEW: f64 = 0.06;
pub(super) const REVIEW_SECONDS: u32 = 120;
const REVIEW_MS: u64 = 40_000;

impl Game<'_> {
    /// In the last seconds of a close game: a side that is level waits for the last shot, one that is behind hurries,
    /// one that leads is fouled. Says whether it came to that.
    pub(super) fn last_possession(&mut self, side: Side) -> bool {
        let ahead = self.log.board.0.ahead(side);
        let left = self.until - self.log.board.0.seconds;
        if ahead == 0 {
            self.run_clock(left..=left);
            if self.log.happens(LAST_SHOT) {
                self.shot(side);
            }
        } else if FOULS_WITHIN.contains(&ahead) {
            if self.run_clock(IN_A_HURRY) {
                self.foul(other(side), "intentional");
                self.free_throws(side, 2);
            }
        } else if FOULS_WITHIN.contains(&-ahead) {
            if self.run_clock(IN_A_HURRY) {
                let points = if ahead <= -3 { 3 } else { 2 };
                self.shot_for(side, points);
            }
        } else {
            return false;
        }
        true
    }

    /// Whether the game may be over in so many seconds.
    pub(super) fn is_in_its_last(&self, seconds: u32) -> bool {
        let board = &self.log.board.0;
        matches!(board.phase, MatchStatus::Quarter4 | MatchStatus::Overtime)
            && board.seconds + seconds >= self.until
    }

    /// What was called stands.
    pub(super) fn review(&mut self) {
        self.log.beat(What::Danger);
        self.log.whistle(IncidentKind::VideoReview, Some("call-stands"));
        self.log.now_ms += REVIEW_MS;
        self.log.beat(What::Calm);
    }

    /// A shot for three is looked at: a foot was on the line, so it counts two.
    pub(super) fn foot_on_the_line(&mut self, side: Side, before: Court) {
        let told = self.log.told();
        self.log.board.0.running = false;
        self.log.beat(What::Danger);
        self.log.whistle(IncidentKind::VideoReview, Some("foot-on-the-line"));
        self.log.now_ms += REVIEW_MS;
        self.log.board = before;
        self.log.board.0.running = false;
        self.log.board.add(side, 2);
        if let Some(player) = &told.play.player {
            self.log.count(side, player, 2);
        }
        self.log.amend(told, IncidentKind::TwoPointsMade);
        self.log.beat(What::Calm);
    }
}
