//! Goals, and what might have been some: saves, penalty kicks, the video referee, the shoot-out.

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, Side};

use super::course::{GOAL_SECONDS, Game, IS_OFFSIDE, OWN_GOALS, SCORING, SHOOTS_OUT, SHORT_BREAK_MS};
use crate::world::board::other;
use crate::world::shoot_out;

const GOAL_IS_OWN: f64 = 0.03;
const GOAL_IS_REVIEWED: f64 = 0.12;
/// Goals that the video referee takes back, of those that are reviewed.
const REVIEW_TAKES_BACK: f64 = 0.32;
/// Shots that are saved before which bets are stopped: nobody knows yet that they will be.
const SAVE_IS_DANGER: f64 = 0.5;
pub(super) const PENALTY_SCORES: f64 = 0.78;
const ATTEMPT_SCORES: f64 = 0.75;
const SHOOT_OUT_ROUNDS: u32 = 5;
/// Attempts of a shoot-out after which home scores and away does not, so that every game ends.
const ATTEMPTS_MAX: u32 = 60;
const ATTEMPT_MS: u64 = 40_000;
const REVIEW_SECONDS: u32 = 60;
const PENALTY_SECONDS: u32 = 50;
const SAVE_SECONDS: u32 = 3;
const AFTER_SAVE_SECONDS: u32 = 5;

impl Game<'_> {
    /// A shot that the goalkeeper holds.
    pub(super) fn save(&mut self, side: Side) {
        let is_danger = self.log.happens(SAVE_IS_DANGER);
        if is_danger {
            self.danger();
            self.pass(SAVE_SECONDS);
        }
        let player = self.log.player_by(side, &SCORING);
        self.log.play_by(player, IncidentKind::ShotOnGoal, side, None);
        if is_danger {
            self.pass(AFTER_SAVE_SECONDS);
            self.reopen();
        }
    }

    /// No more bets; some goals are looked at, and not all of those stand.
    pub(super) fn ball_in_the_net(&mut self, side: Side) {
        self.danger();
        self.pass(GOAL_SECONDS);
        let before = self.log.board.clone();
        if self.log.happens(GOAL_IS_OWN) {
            let player = self.log.player_of(other(side), &OWN_GOALS);
            self.goal(player, IncidentKind::OwnGoal, side, None);
        } else {
            let player = self.log.player_by(side, &SCORING);
            self.goal(player, IncidentKind::Goal, side, None);
        }
        let goal = self.log.told();
        if self.log.happens(GOAL_IS_REVIEWED) {
            self.log.whistle(IncidentKind::VideoReview, Some("goal"));
            self.pass(REVIEW_SECONDS);
            if self.log.happens(REVIEW_TAKES_BACK) {
                let seconds = self.log.board.common.seconds;
                self.log.board = before;
                self.log.board.common.seconds = seconds;
                self.log.take_back(goal);
                self.log.play_of(&IS_OFFSIDE, IncidentKind::Offside, side, Some("goal-disallowed"));
            }
        }
        self.calm();
    }

    fn goal(&mut self, player: Text, kind: IncidentKind, side: Side, detail: Option<&'static str>) {
        self.log.board.common.add(side, 1);
        if self.takes_bets() {
            self.log.board.common.goals.add(side);
            if kind == IncidentKind::Goal {
                self.log.count(side, &player, 1);
            }
        }
        self.log.play_by(player, kind, side, detail);
    }

    pub(super) fn penalty_kick(&mut self, side: Side) {
        self.danger();
        let taker = self.log.player_by(side, &SCORING);
        self.log.play_by(taker.clone(), IncidentKind::PenaltyKick, side, None);
        self.log.whistle(IncidentKind::VideoReview, Some("penalty"));
        self.pass(PENALTY_SECONDS);
        if self.log.happens(PENALTY_SCORES) {
            self.goal(taker, IncidentKind::Goal, side, Some("penalty"));
        } else {
            let kind = *self.log.pick(&[IncidentKind::ShotOnGoal, IncidentKind::MissedShot]);
            self.log.play_by(taker, kind, side, Some("penalty"));
        }
        self.calm();
    }

    pub(super) fn shoot_out(&mut self) {
        self.log.board.common.phase = MatchStatus::AwaitingPenalties;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.now_ms += SHORT_BREAK_MS;
        self.begin(MatchStatus::Penalties);
        let mut taken = 0;
        while !shoot_out::is_decided(&self.last_part(), taken, SHOOT_OUT_ROUNDS) {
            let side = if taken % 2 == 0 { Side::Home } else { Side::Away };
            taken += 1;
            self.attempt(side, taken);
        }
    }

    fn attempt(&mut self, side: Side, number: u32) {
        self.log.now_ms += ATTEMPT_MS;
        let is_late = number > ATTEMPTS_MAX;
        let scores = if is_late { side == Side::Home } else { self.log.happens(ATTEMPT_SCORES) };
        if scores {
            self.log.board.common.add_to_part(side, 1);
        }
        let kind = if scores { IncidentKind::ShootoutGoal } else { IncidentKind::ShootoutMiss };
        let taker = self.log.taker(side, &SHOOTS_OUT, &mut self.shot[side as usize]);
        self.log.play_by(taker, kind, side, None);
    }
}
