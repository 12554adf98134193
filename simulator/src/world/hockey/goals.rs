//! Goals, the look at a recording that takes some of them back, and the shoot-out.

use domain::incident::EMPTY_NET;
use domain::{IncidentKind, MatchStatus, Side};

use super::course::{Game, SCORING};
use super::rink::Rink;
use crate::world::beat::What;
use crate::world::board::other;
use crate::world::shoot_out;

const GOAL_IS_REVIEWED: f64 = 0.06;
/// Goals that count no more after a look at the recording, of those that are looked at.
const REVIEW_TAKES_BACK: f64 = 0.4;
/// How often an attempt in a shoot-out scores.
const ATTEMPT_SCORES: f64 = 0.32;
const SHOOT_OUT_ROUNDS: u32 = 3;
/// Rounds of a shoot-out after which the next goal is given, so that every game ends.
const ROUNDS_MAX: u32 = 30;
const AFTER_GOAL_MS: u64 = 35_000;
const ATTEMPT_MS: u64 = 25_000;
const REVIEW_MS: u64 = 60_000;
/// From the moment bets are stopped to the goal's confirmation, and from there to the reopening.
const GOAL_MS: u64 = 2_000;
const REOPEN_MS: u64 = 20_000;

impl Game<'_> {
    pub(super) fn goal(&mut self, side: Side) {
        self.stop_clock();
        self.log.beat(What::Danger);
        self.log.now_ms += GOAL_MS;
        let before = self.log.board.clone();
        let conceding = other(side);
        if self.log.board.in_box(conceding) > self.log.board.in_box(side) {
            let first = self.log.board.penalties.iter().position(|penalty| penalty.side == conceding);
            self.log.board.penalties.remove(first.expect("somebody of that side is in the box"));
        }
        self.log.board.common.add(side, 1);
        let player = self.log.player_by(side, &SCORING);
        if self.log.board.common.phase == MatchStatus::Overtime {
            return self.log.play_by(player, IncidentKind::Goal, side, None);
        }
        self.log.board.common.goals.add(side);
        self.log.count(side, &player, 1);
        let detail = self.log.board.is_net_empty[conceding as usize].then_some(EMPTY_NET);
        self.log.play_by(player, IncidentKind::Goal, side, detail);
        if self.log.happens(GOAL_IS_REVIEWED) {
            self.review(side, before);
        }
        self.log.now_ms += REOPEN_MS;
        self.log.beat(What::Decided);
        self.log.beat(What::Calm);
        self.face_off(AFTER_GOAL_MS);
    }

    /// A goal is looked at, and may be taken back: then all is as it was `before`.
    fn review(&mut self, side: Side, before: Rink) {
        let goal = self.log.told();
        self.log.whistle(IncidentKind::VideoReview, Some("goal"));
        self.log.now_ms += REVIEW_MS;
        if self.log.happens(REVIEW_TAKES_BACK) {
            self.log.board = before;
            self.log.take_back(goal);
            self.log.side(IncidentKind::Stoppage, side, Some("goal-disallowed"));
        }
    }

    pub(super) fn shoot_out(&mut self) {
        self.log.board.penalties.clear();
        self.begin(MatchStatus::Penalties);
        let mut taken = 0;
        while !shoot_out::is_decided(&self.attempts(), taken, SHOOT_OUT_ROUNDS) {
            let side = if taken % 2 == 0 { Side::Home } else { Side::Away };
            taken += 1;
            self.attempt(side, taken);
        }
        self.log.whistle(IncidentKind::PeriodEnd, None);
    }

    fn attempt(&mut self, side: Side, number: u32) {
        self.log.now_ms += ATTEMPT_MS;
        let is_last = number > 2 * (ROUNDS_MAX - 1);
        let scores = if is_last { side == Side::Home } else { self.log.happens(ATTEMPT_SCORES) };
        if scores {
            self.log.board.common.add_to_part(side, 1);
        }
        let kind = if scores { IncidentKind::ShootoutGoal } else { IncidentKind::ShootoutMiss };
        let taker = self.log.taker(side, &SCORING, &mut self.shot[side as usize]);
        self.log.play_by(taker, kind, side, None);
    }
}
