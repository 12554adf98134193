//! What happens on the ice, second by second: the facts of a game, before anybody speaks of them.
//!
//! Goals fall by chance at each team's own rate, nearly three times as often while the other side is short of a player.
//! Late in a game rates depend on the score: sides that are level take no risks, and one that is behind takes its
//! goalkeeper off. Three periods of twenty minutes; where they leave a tie, five minutes of sudden death with fewer
//! players; then a shoot-out of three rounds, and more while it is level. Time beside the clock (breaks, celebrations,
//! face-offs) is shorter than in a real game: nobody watches it.

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, PeriodScore, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::rink::{Penalty, Rink};
use crate::world::beat::{Beat, What};
use crate::world::board::other;
use crate::world::chronicle::Chronicle;

/// Regular time, in seconds.
pub(super) const REGULAR_SECONDS: u32 = 3 * PERIOD_SECONDS;
/// Overtime, in seconds.
pub(super) const OVERTIME_SECONDS: u32 = 5 * 60;
/// How many times as often a team scores while the other is short of a player, and in overtime, where there is room.
pub(super) const POWER_PLAY: f64 = 3.0;
pub(super) const OVERTIME: f64 = 2.3;
/// The last part of regular time, in which rates depend on the score, in seconds, and how many times as often sides that
/// are level score in it.
pub(super) const LATE_SECONDS: u32 = 10 * 60;
const LEVEL_LATE: f64 = 0.55;
/// The time in which a side that is one or two behind plays without its goalkeeper, in seconds; how many times as often
/// it scores then, and how many times as often the other one does.
const EMPTY_NET_SECONDS: u32 = 100;
const EMPTY_NET_BEHIND: i32 = 2;
const SIX_SKATERS: f64 = 1.8;
const INTO_EMPTY_NET: f64 = 3.5;

const PERIOD_SECONDS: u32 = 20 * 60;
const PENALTY_SECONDS: u32 = 2 * 60;
/// Minor penalties of one side in an hour of play, and how often the referee lets play go on for a moment.
const PENALTIES_PER_HOUR: f64 = 3.07;
const PENALTY_IS_DELAYED: f64 = 0.35;
const DELAYED_SECONDS: u32 = 4;
/// Players of one side who may be in the penalty box; further penalties are not called.
const BOX_MAX: usize = 2;

/// The order in which players are listed: a goalkeeper, twelve forwards, six defenders, the other goalkeeper; then one
/// who plays only where somebody cannot. How often each shoots and scores, against each other.
pub(super) const SCORING: [f64; 19] =
    [0.0, 2.2, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.9, 0.8, 0.6, 0.5, 0.4, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4];
/// How often each of them takes part in play, wins a face-off, and hits somebody: the first of three forwards is a centre.
const SKATES: [f64; 19] =
    [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const FACES_OFF: [f64; 19] =
    [0.0, 5.0, 0.4, 0.4, 5.0, 0.4, 0.4, 4.0, 0.4, 0.4, 4.0, 0.4, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
const HITS: [f64; 19] =
    [0.0, 0.7, 0.7, 0.7, 0.9, 0.9, 0.9, 1.2, 1.2, 1.2, 1.4, 1.4, 1.4, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2];
/// The place of the one in the net.
pub(super) const GOALKEEPER_PLACE: usize = 0;
/// Those who play.
const ROSTER: usize = 20;
/// The players of a side whom markets are about, by their places: two forwards and a defender.
pub(super) const STAR_PLACES: [usize; 3] = [1, 2, 13];
/// How often the last of them cannot play.
const SCRATCHED: f64 = 0.05;
const REASONS: [&str; 2] = ["ice", "power-failure"];

const OFFENCES: [&str; 6] = ["tripping", "hooking", "interference", "slashing", "roughing", "holding"];
const STOPPAGES: [&str; 4] = ["icing", "offside", "puck-frozen", "puck-out-of-play"];

/// What happens often, and how often of one side in an hour of play.
const FREQUENT: [(IncidentKind, f64); 8] = [
    (IncidentKind::ShotOnGoal, 28.2),
    (IncidentKind::MissedShot, 13.0),
    (IncidentKind::BlockedShot, 15.0),
    (IncidentKind::Hit, 31.5),
    (IncidentKind::Giveaway, 11.5),
    (IncidentKind::Takeaway, 5.0),
    (IncidentKind::Injury, 0.3),
    (IncidentKind::Timeout, 0.4),
];
const STOPPAGES_PER_HOUR: f64 = 40.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Milliseconds of a game's own time, the clock and all between.
const LINE_UP_MS: u64 = 60_000;
const BEFORE_MS: u64 = 60_000;
/// From the end of a period to the settlement of what it decided.
const DECIDED_MS: u64 = 5_000;
const BREAK_MS: u64 = 180_000;
const SHORT_BREAK_MS: u64 = 60_000;
/// From a stoppage to the face-off.
const FACE_OFF_MS: u64 = 12_000;
/// From the final whistle to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// A team, as far as the game goes.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) players: Vec<Text>,
    /// Goals in an hour of play with both sides complete.
    pub(super) goals_per_hour: f64,
}

/// How many times its own rate a side scores so late in regular time, by the seconds left and by how many goals it is
/// ahead.
pub(super) fn late(left_seconds: u32, ahead: i32) -> f64 {
    match ahead {
        0 => LEVEL_LATE,
        1.. if is_pulled(left_seconds, -ahead) => INTO_EMPTY_NET,
        ..0 if is_pulled(left_seconds, ahead) => SIX_SKATERS,
        _ => 1.0,
    }
}

/// Whether a side plays without its goalkeeper so late in regular time, by how many goals it is ahead.
fn is_pulled(left_seconds: u32, ahead: i32) -> bool {
    left_seconds <= EMPTY_NET_SECONDS && (-EMPTY_NET_BEHIND..0).contains(&ahead)
}

/// Plays a game to its end.
pub(super) fn play(teams: [&Team; 2], rng: &mut ChaCha8Rng) -> Vec<Beat<Rink>> {
    let stars = [Side::Home, Side::Away].into_iter().flat_map(|side| {
        STAR_PLACES.into_iter().map(move |place| (side, teams[side as usize].players[place].clone()))
    });
    let players = teams.map(|team| team.players[..ROSTER].to_vec());
    let mut log = Chronicle::new(Rink::new(), players, rng);
    for (side, team) in teams.into_iter().enumerate() {
        if log.happens(SCRATCHED) {
            log.players[side][STAR_PLACES[2]] = team.players[ROSTER].clone();
        }
    }
    let break_off_at = log.break_off_at(REGULAR_SECONDS);
    log.now_ms += LINE_UP_MS;
    log.line_up(&[Vec::new(), Vec::new()]);
    log.follow(stars.collect());
    log.wait(BEFORE_MS);
    let mut game = Game { teams, break_off_at, shot: [0; 2], log };
    game.play_out();
    game.log.into_beats()
}

pub(super) struct Game<'a> {
    teams: [&'a Team; 2],
    /// After how many seconds of play it is broken off.
    break_off_at: Option<u32>,
    /// The places of each side's players who have shot in the shoot-out, as bits.
    pub(super) shot: [u32; 2],
    pub(super) log: Chronicle<'a, Rink>,
}

impl Game<'_> {
    /// Plays three periods and what a tie needs beyond them, unless the game is abandoned.
    fn play_out(&mut self) {
        let periods = [
            (MatchStatus::Period1, Some(MatchStatus::Break1)),
            (MatchStatus::Period2, Some(MatchStatus::Break2)),
            (MatchStatus::Period3, None),
        ];
        for (period, then) in periods {
            self.period(period, then);
            if self.is_abandoned() {
                return;
            }
        }
        if self.is_level() {
            self.overtime();
        }
        if self.is_level() {
            self.shoot_out();
        }
        self.end();
    }

    fn is_level(&self) -> bool {
        self.log.board.common.is_level()
    }

    fn is_abandoned(&self) -> bool {
        self.log.board.common.phase == MatchStatus::Abandoned
    }

    pub(super) fn begin(&mut self, part: MatchStatus) {
        self.log.board.common.begin(part);
        self.log.board.common.running = part != MatchStatus::Penalties;
        self.log.whistle(IncidentKind::PeriodStart, None);
    }

    pub(super) fn stop_clock(&mut self) {
        self.log.board.common.running = false;
    }

    /// Twenty minutes, and the break after them where there is one. What the period's markets ask is known then, and
    /// after a tie that one more goal will fall.
    fn period(&mut self, phase: MatchStatus, then: Option<MatchStatus>) {
        self.begin(phase);
        for second in 1..=PERIOD_SECONDS {
            self.second(second);
            if self.is_abandoned() {
                return;
            }
        }
        self.stop_clock();
        self.log.beat(What::Danger);
        let next = then.or(self.is_level().then_some(MatchStatus::AwaitingOvertime));
        self.log.board.common.phase = next.unwrap_or(phase);
        self.log.whistle(IncidentKind::PeriodEnd, None);
        if next.is_some() {
            self.log.now_ms += DECIDED_MS;
            self.log.beat(What::Decided);
            self.log.beat(What::Calm);
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
        self.change_goalkeepers();
        if self.break_off_at.is_some_and(|at| self.log.board.common.played() >= at) {
            return self.break_off();
        }
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
                return self.frequent(kind, side);
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
        let mut rate = self.teams[side as usize].goals_per_hour;
        if self.log.board.in_box(other(side)) > self.log.board.in_box(side) {
            rate *= POWER_PLAY;
        }
        let common = &self.log.board.common;
        let left = REGULAR_SECONDS.saturating_sub(common.played());
        match common.phase {
            MatchStatus::Overtime => rate * OVERTIME,
            MatchStatus::Period3 if left < LATE_SECONDS => rate * late(left, common.ahead(side)),
            _ => rate,
        }
    }

    /// A goalkeeper goes off for one more skater, or comes back, as the score and the time have it.
    fn change_goalkeepers(&mut self) {
        for side in [Side::Home, Side::Away] {
            let common = &self.log.board.common;
            let left = REGULAR_SECONDS.saturating_sub(common.played());
            let is_empty = common.phase == MatchStatus::Period3 && is_pulled(left, common.ahead(side));
            if std::mem::replace(&mut self.log.board.is_net_empty[side as usize], is_empty) == is_empty {
                continue;
            }
            let goalkeeper = self.log.players[side as usize][GOALKEEPER_PLACE].clone();
            let kind =
                if is_empty { IncidentKind::GoalkeeperPulled } else { IncidentKind::GoalkeeperReturned };
            self.log.play_by(goalkeeper, kind, side, None);
        }
    }

    fn frequent(&mut self, kind: IncidentKind, side: Side) {
        match kind {
            IncidentKind::ShotOnGoal | IncidentKind::MissedShot | IncidentKind::BlockedShot => {
                let player = self.log.player_by(side, &SCORING);
                self.log.play_by(player, kind, side, None);
            }
            IncidentKind::Timeout => {
                self.stop_clock();
                self.log.side(kind, side, None);
                self.face_off(FACE_OFF_MS);
            }
            IncidentKind::Injury => {
                self.stop_clock();
                self.log.play_of(&SKATES, kind, side, None);
                self.face_off(FACE_OFF_MS);
            }
            IncidentKind::Hit => self.log.play_of(&HITS, kind, side, None),
            _ => self.log.play_of(&SKATES, kind, side, None),
        }
    }

    /// Play is broken off, and goes on or does not.
    fn break_off(&mut self) {
        self.break_off_at = None;
        self.stop_clock();
        self.log.beat(What::Danger);
        let reason = *self.log.pick(&REASONS);
        if self.log.break_off(reason) {
            self.log.beat(What::Calm);
            self.face_off(FACE_OFF_MS);
        }
    }

    fn penalty(&mut self, side: Side) {
        if self.log.board.in_box(side) >= BOX_MAX {
            return;
        }
        if self.log.happens(PENALTY_IS_DELAYED) {
            self.log.side(IncidentKind::DelayedPenalty, side, None);
            self.log.now_ms += u64::from(DELAYED_SECONDS) * 1_000;
        }
        self.stop_clock();
        let offence = *self.log.pick(&OFFENCES);
        let place = self.log.place_by(side, &SKATES);
        let until = self.log.board.common.played() + PENALTY_SECONDS;
        self.log.board.penalties.push(Penalty { side, place, until });
        let player = self.log.players[side as usize][place].clone();
        self.log.play_by(player, IncidentKind::Penalty, side, Some(offence));
        self.face_off(FACE_OFF_MS);
    }

    pub(super) fn face_off(&mut self, after_ms: u64) {
        self.log.now_ms += after_ms;
        self.change_goalkeepers();
        self.log.board.common.running = true;
        let winner = if self.log.rng.random::<bool>() { Side::Home } else { Side::Away };
        self.log.play_of(&FACES_OFF, IncidentKind::FaceOff, winner, None);
    }

    /// Players whose time in the penalty box is over.
    fn release(&mut self) {
        let played = self.log.board.common.played();
        let before = self.log.board.penalties.len();
        self.log.board.penalties.retain(|penalty| penalty.until > played);
        if self.log.board.penalties.len() < before {
            self.log.beat(What::Shown);
        }
    }

    /// What has been scored in the shoot-out.
    pub(super) fn attempts(&self) -> PeriodScore {
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
