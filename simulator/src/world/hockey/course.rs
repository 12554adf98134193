//! What happens on the ice, second by second: the facts of a game, before anybody speaks of them.
//!
//! Goals fall by chance at each team's own rate, nearly twice as often while the other side is short of a player.
//! Three periods of twenty minutes; where they leave a tie, five minutes of sudden death; then a shoot-out of
//! three rounds, and more while it is level. Time beside the clock (breaks, celebrations, face-offs) is shorter
//! than in a real game: nobody watches it.

use domain::id::Text;
use domain::{EventStatus, IncidentKind, MatchStatus, PeriodScore, Score, Side, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::world::beat::{Beat, What};
use crate::world::board::{Board, Scoreboard, other};
use crate::world::chronicle::Chronicle;
use crate::world::shoot_out;

/// Regular time, in seconds.
pub(super) const REGULAR_SECONDS: u32 = 3 * PERIOD_SECONDS;
/// Overtime, in seconds.
pub(super) const OVERTIME_SECONDS: u32 = 5 * 60;
/// How many times as often a team scores while the other is short of a player.
pub(super) const POWER_PLAY: f64 = 1.9;

const PERIOD_SECONDS: u32 = 20 * 60;
const PENALTY_SECONDS: u32 = 2 * 60;
/// Minor penalties of one side in an hour of play.
const PENALTIES_PER_HOUR: f64 = 3.5;
/// Players of one side who may be in the penalty box; further penalties are not called.
const BOX_MAX: usize = 2;
/// How often an attempt in a shoot-out scores.
const ATTEMPT_SCORES: f64 = 0.32;
const SHOOT_OUT_ROUNDS: u32 = 3;
/// Rounds of a shoot-out after which the next goal is given, so that every game ends.
const ROUNDS_MAX: u32 = 30;

const OFFENCES: [&str; 6] = ["tripping", "hooking", "interference", "slashing", "roughing", "holding"];
const STOPPAGES: [&str; 4] = ["icing", "offside", "puck-frozen", "puck-out-of-play"];

/// What happens often, and how often of one side in an hour of play.
const FREQUENT: [(IncidentKind, f64); 6] = [
    (IncidentKind::ShotOnGoal, 26.0),
    (IncidentKind::MissedShot, 13.0),
    (IncidentKind::BlockedShot, 15.0),
    (IncidentKind::Hit, 21.0),
    (IncidentKind::Giveaway, 8.0),
    (IncidentKind::Takeaway, 6.0),
];
const STOPPAGES_PER_HOUR: f64 = 40.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Milliseconds of a game's own time, the clock and all between.
const BEFORE_MS: u64 = 120_000;
const BREAK_MS: u64 = 180_000;
const SHORT_BREAK_MS: u64 = 60_000;
/// From a stoppage to the face-off.
const FACE_OFF_MS: u64 = 12_000;
/// From the moment bets are stopped to the goal's confirmation, to the reopening, to the face-off.
const GOAL_MS: u64 = 2_000;
const REOPEN_MS: u64 = 20_000;
const AFTER_GOAL_MS: u64 = 35_000;
const ATTEMPT_MS: u64 = 25_000;
/// From the final whistle to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// A team, as far as the game goes.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) players: Vec<Text>,
    /// Goals in an hour of play with both sides complete.
    pub(super) goals_per_hour: f64,
}

/// The scoreboard, with the penalty box.
#[derive(Debug, Clone)]
pub(super) struct Rink {
    pub(super) common: Scoreboard,
    /// Who is in the penalty box, and until how many seconds of the whole game have been played.
    pub(super) penalties: Vec<(Side, u32)>,
}

impl Rink {
    pub(super) fn new() -> Self {
        Self { common: Scoreboard::new(), penalties: Vec::new() }
    }

    pub(super) fn in_box(&self, side: Side) -> usize {
        self.penalties.iter().filter(|(of, _)| *of == side).count()
    }
}

impl Board for Rink {
    fn common(&self) -> &Scoreboard {
        &self.common
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
}

/// Plays a game to its end.
pub(super) fn play(teams: [&Team; 2], rng: &mut ChaCha8Rng) -> Vec<Beat<Rink>> {
    let players = teams.map(|team| team.players.clone());
    let mut game = Game { teams, log: Chronicle::new(Rink::new(), players, rng) };
    game.log.now_ms += BEFORE_MS;
    game.period(MatchStatus::Period1, Some(MatchStatus::Break1));
    game.period(MatchStatus::Period2, Some(MatchStatus::Break2));
    game.period(MatchStatus::Period3, None);
    if game.is_level() {
        game.overtime();
    }
    if game.is_level() {
        game.shoot_out();
    }
    game.end();
    game.log.into_beats()
}

struct Game<'a> {
    teams: [&'a Team; 2],
    log: Chronicle<'a, Rink>,
}

impl Game<'_> {
    fn is_level(&self) -> bool {
        self.log.board.common.is_level()
    }

    fn begin(&mut self, part: MatchStatus) {
        self.log.board.common.begin(part);
        self.log.board.common.running = part != MatchStatus::Penalties;
        self.log.whistle(IncidentKind::PeriodStart, None);
    }

    fn stop_clock(&mut self) {
        self.log.board.common.running = false;
    }

    /// Twenty minutes, and the break after them where there is one.
    fn period(&mut self, phase: MatchStatus, then: Option<MatchStatus>) {
        self.begin(phase);
        for second in 1..=PERIOD_SECONDS {
            self.second(second);
        }
        self.stop_clock();
        if then.is_none() && !self.is_level() {
            self.log.beat(What::Danger);
        }
        let next = then.or(self.is_level().then_some(MatchStatus::AwaitingOvertime));
        self.log.board.common.phase = next.unwrap_or(phase);
        self.log.whistle(IncidentKind::PeriodEnd, None);
        if next == Some(MatchStatus::AwaitingOvertime) {
            // One more goal will fall, so the totals are decided: the offer is another.
            self.log.beat(What::Calm);
        }
        if next.is_some() {
            self.log.now_ms += BREAK_MS;
        }
    }

    /// The first goal ends it. Through a shoot-out no bets are taken.
    fn overtime(&mut self) {
        self.begin(MatchStatus::Overtime);
        for second in 1..=OVERTIME_SECONDS {
            self.second(second);
            if !self.is_level() {
                self.stop_clock();
                return self.log.whistle(IncidentKind::PeriodEnd, None);
            }
        }
        self.stop_clock();
        self.log.beat(What::Danger);
        self.log.board.common.phase = MatchStatus::AwaitingPenalties;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.now_ms += SHORT_BREAK_MS;
    }

    fn second(&mut self, second: u32) {
        self.log.now_ms += 1_000;
        self.log.board.common.seconds = second;
        self.release();
        let draw = self.log.rng.random::<f64>() * SECONDS_PER_HOUR;
        let mut bound = 0.0;
        let mut happens = |per_hour: f64| {
            bound += per_hour;
            draw < bound
        };
        let sides = [Side::Home, Side::Away];
        if let Some(side) = sides.into_iter().find(|&side| happens(self.goals_per_hour(side))) {
            return self.goal(side);
        }
        if let Some(side) = sides.into_iter().find(|_| happens(PENALTIES_PER_HOUR)) {
            return self.penalty(side);
        }
        for (kind, per_hour) in FREQUENT {
            if let Some(side) = sides.into_iter().find(|_| happens(per_hour)) {
                return self.log.play(kind, side, None);
            }
        }
        if happens(STOPPAGES_PER_HOUR) {
            self.stop_clock();
            let detail = Some(*self.log.pick(&STOPPAGES));
            self.log.whistle(IncidentKind::Stoppage, detail);
            self.face_off(FACE_OFF_MS);
        }
    }

    fn goals_per_hour(&self, side: Side) -> f64 {
        let even = self.teams[side as usize].goals_per_hour;
        if self.log.board.in_box(other(side)) > self.log.board.in_box(side) {
            even * POWER_PLAY
        } else {
            even
        }
    }

    fn goal(&mut self, side: Side) {
        self.stop_clock();
        self.log.beat(What::Danger);
        self.log.now_ms += GOAL_MS;
        let conceding = other(side);
        if self.log.board.in_box(conceding) > self.log.board.in_box(side) {
            let first = self.log.board.penalties.iter().position(|(of, _)| *of == conceding);
            self.log.board.penalties.remove(first.expect("somebody of that side is in the box"));
        }
        self.log.board.common.add(side, 1);
        self.log.play(IncidentKind::Goal, side, None);
        if self.log.board.common.phase == MatchStatus::Overtime {
            return;
        }
        self.log.now_ms += REOPEN_MS;
        self.log.beat(What::Calm);
        self.face_off(AFTER_GOAL_MS);
    }

    fn penalty(&mut self, side: Side) {
        if self.log.board.in_box(side) >= BOX_MAX {
            return;
        }
        self.stop_clock();
        self.log.board.penalties.push((side, self.log.board.common.played() + PENALTY_SECONDS));
        let offence = *self.log.pick(&OFFENCES);
        self.log.play(IncidentKind::Penalty, side, Some(offence));
        self.face_off(FACE_OFF_MS);
    }

    fn face_off(&mut self, after_ms: u64) {
        self.log.now_ms += after_ms;
        self.log.board.common.running = true;
        let winner = if self.log.rng.random::<bool>() { Side::Home } else { Side::Away };
        self.log.play(IncidentKind::FaceOff, winner, None);
    }

    /// Players whose time in the penalty box is over.
    fn release(&mut self) {
        let played = self.log.board.common.played();
        let before = self.log.board.penalties.len();
        self.log.board.penalties.retain(|(_, until)| *until > played);
        if self.log.board.penalties.len() < before {
            self.log.beat(What::Shown);
        }
    }

    fn shoot_out(&mut self) {
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
        self.log.play(kind, side, None);
    }

    /// What has been scored in the shoot-out.
    fn attempts(&self) -> PeriodScore {
        *self.log.board.common.last().expect("the shoot-out has begun")
    }

    fn end(&mut self) {
        self.log.whistle(IncidentKind::GameEnd, None);
        self.log.board.penalties.clear();
        self.log.board.common.phase = match self.log.board.common.phase {
            MatchStatus::Penalties => {
                let PeriodScore { home, away, .. } = self.attempts();
                match home > away {
                    true => self.log.board.common.score.home += 1,
                    false => self.log.board.common.score.away += 1,
                }
                MatchStatus::EndedAfterPenalties
            }
            MatchStatus::Overtime => MatchStatus::EndedAfterOvertime,
            _ => MatchStatus::Ended,
        };
        self.log.beat(What::Over);
        self.log.now_ms += CONFIRM_MS;
        self.log.beat(What::Confirmed);
    }
}
