//! What happens on the pitch, second by second: the facts of a game, before anybody speaks of them.
//!
//! Goals fall by chance at each team's own rate, which rises through the game, and more often against a side that is
//! short of a player. The clock never stops. Some goals and every penalty kick are looked at by the video referee, who
//! takes some goals back. A game of the cup that is level goes to extra time, then to penalties; now and then one is
//! broken off. Breaks are shorter than in a real game: nobody watches them.

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, PeriodScore, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::pitch::Pitch;
use crate::world::beat::{Beat, What};
use crate::world::board::{Board, other};
use crate::world::chronicle::Chronicle;

/// Half a game, in seconds, and what is added to each half on average.
pub(super) const HALF_SECONDS: u32 = 45 * 60;
pub(super) const ADDED_SECONDS: [u32; 2] = [150, 330];

const EXTRA_HALF_SECONDS: u32 = 15 * 60;
/// What is added to a half of extra time on average.
const ADDED_EXTRA_SECONDS: u32 = 60;
/// Players who begin.
const ELEVEN: usize = 11;
/// How often the player in each place shoots and scores, against each other: a goalkeeper, four defenders, three
/// midfielders, three forwards.
pub(super) const SCORING: [f64; ELEVEN] = [0.0, 0.3, 0.3, 0.3, 0.3, 0.8, 0.8, 0.9, 1.9, 1.9, 2.2];
/// How often each does what else happens, against the others; the first and the last defender play on the wings.
const PLAYS: [f64; ELEVEN] = [0.2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const THROWS_IN: [f64; ELEVEN] = [0.0, 4.0, 0.3, 0.3, 4.0, 0.8, 0.8, 0.8, 0.4, 0.4, 0.1];
const KICKS_OFF_GOAL: [f64; ELEVEN] = [9.6, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
const TAKES_CORNERS: [f64; ELEVEN] = [0.0, 0.3, 0.0, 0.0, 0.3, 2.0, 2.0, 2.0, 1.0, 1.0, 0.1];
pub(super) const IS_OFFSIDE: [f64; ELEVEN] = [0.0, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4, 0.5, 1.9, 1.9, 2.4];
const FREE_KICKS: [f64; ELEVEN] = [0.7, 1.0, 1.0, 1.0, 1.0, 1.3, 1.3, 1.3, 0.6, 0.6, 0.4];
/// How often each beats the own goalkeeper, and how soon each is chosen to shoot in a shoot-out.
pub(super) const OWN_GOALS: [f64; ELEVEN] = [0.8, 1.5, 1.5, 1.5, 1.5, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3];
pub(super) const SHOOTS_OUT: [f64; ELEVEN] = [0.01, 0.3, 0.3, 0.3, 0.3, 0.8, 0.8, 0.9, 1.9, 1.9, 2.2];
/// The players of a side whom markets are about, by their places in the line-up: two forwards, one of the bench.
pub(super) const STAR_PLACES: [usize; 3] = [10, 8, 14];
const REASONS: [&str; 3] = ["floodlights", "weather", "crowd"];
/// A side of which so many were sent off is shown no more red cards: with fewer players the game would be over.
const SENT_OFF_MAX: u32 = 3;
const SUBSTITUTIONS_MAX: usize = 5;

/// What happens often, and how often of one side in an hour.
const FREQUENT: [(IncidentKind, f64); 8] = [
    (IncidentKind::ThrowIn, 11.3),
    (IncidentKind::GoalKick, 4.6),
    (IncidentKind::MissedShot, 3.3),
    (IncidentKind::CornerKick, 3.4),
    (IncidentKind::BlockedShot, 2.2),
    (IncidentKind::ShotOnGoal, 2.0),
    (IncidentKind::Offside, 1.2),
    (IncidentKind::Injury, 0.3),
];
/// Fouls of one side in an hour, and what comes of one.
pub(super) const FOULS_PER_HOUR: f64 = 6.95;
pub(super) const FOUL_IS_PENALTY: f64 = 0.0127;
const FOUL_IS_RED: f64 = 0.0016;
const FOUL_IS_YELLOW: f64 = 0.183;
/// Who has been shown a yellow card takes care: how often the second one, where it would be due, is shown.
const SECOND_YELLOW: f64 = 0.17;
/// Of one side in an hour of the second half and extra time.
const SUBSTITUTIONS_PER_HOUR: f64 = 6.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// By how much the rate of goals rises through regular time, and what it is in extra time.
pub(super) const PACE_RISES: f64 = 0.34;
const EXTRA_TIME_PACE: f64 = 0.85;
const REGULAR_SECONDS: f64 = 2.0 * HALF_SECONDS as f64;

/// Milliseconds of a game's own time beside the clock.
const LINE_UP_MS: u64 = 60_000;
const BEFORE_MS: u64 = 60_000;
/// From the whistle to the settlement of what it decided.
const DECIDED_MS: u64 = 5_000;
const BREAK_MS: u64 = 180_000;
pub(super) const SHORT_BREAK_MS: u64 = 60_000;
/// From the final whistle to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// Seconds that pass while the clock runs: until a goal stands, a free kick is taken, bets are open again.
pub(super) const GOAL_SECONDS: u32 = 3;
const FREE_KICK_SECONDS: u32 = 12;
const REOPEN_SECONDS: u32 = 25;

/// A team, as far as the game goes.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) players: Vec<Text>,
    /// Goals in an hour of open play with both sides complete.
    pub(super) goals_per_hour: f64,
}

/// Whether a game may end level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    League,
    Cup,
}

/// How many times its mean the rate of goals is, when this part of regular time has been played: it rises steadily
/// (Dixon and Robinson, "A birth process model for association football matches", The Statistician 47, 1998).
pub(super) fn pace(part: f64) -> f64 {
    1.0 + PACE_RISES * (part - 0.5)
}

/// Plays a game to its end.
pub(super) fn play(teams: [&Team; 2], format: Format, rng: &mut ChaCha8Rng) -> Vec<Beat<Pitch>> {
    let elevens = teams.map(|team| team.players[..ELEVEN].to_vec());
    let benches = teams.map(|team| team.players[ELEVEN..].to_vec());
    let stars = [Side::Home, Side::Away].into_iter().flat_map(|side| {
        STAR_PLACES.into_iter().map(move |place| (side, teams[side as usize].players[place].clone()))
    });
    let mut log = Chronicle::new(Pitch::new(), elevens, rng);
    let break_off_at = log.break_off_at(2 * HALF_SECONDS);
    let cautioned = Vec::new();
    let mut game = Game { teams, benches, cautioned, break_off_at, shot: [0; 2], log };
    game.log.now_ms += LINE_UP_MS;
    game.log.line_up(&game.benches);
    game.log.follow(stars.collect());
    game.log.wait(BEFORE_MS);
    game.play_out(format);
    game.log.into_beats()
}

pub(super) struct Game<'a> {
    teams: [&'a Team; 2],
    /// Who may still come on; who went off goes home.
    benches: [Vec<Text>; 2],
    /// Who has been shown a yellow card.
    cautioned: Vec<Text>,
    /// After how many seconds of play it is broken off.
    break_off_at: Option<u32>,
    /// The places of each side's players who have shot in the shoot-out, as bits.
    pub(super) shot: [u32; 2],
    pub(super) log: Chronicle<'a, Pitch>,
}

impl Game<'_> {
    /// Plays both halves and what a cup needs beyond them, unless it is abandoned.
    fn play_out(&mut self, format: Format) {
        let [first, second] = ADDED_SECONDS;
        self.half(MatchStatus::Half1, HALF_SECONDS, first);
        if self.is_abandoned() {
            return;
        }
        self.half_time();
        self.half(MatchStatus::Half2, HALF_SECONDS, second);
        if self.is_abandoned() {
            return;
        }
        if format == Format::Cup && self.is_level() {
            self.extra_time();
        }
        if format == Format::Cup && self.is_level() {
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
        self.log.board.common.running = Pitch::has_clock(part);
        self.log.whistle(IncidentKind::PeriodStart, None);
    }

    /// A half, up to the whistle that ends it: `added` seconds on average after its time is over.
    fn half(&mut self, part: MatchStatus, seconds: u32, added: u32) {
        self.begin(part);
        let length = seconds + self.log.rng.random_range(added / 2..=added + added / 2);
        while self.log.board.common.seconds < length && !self.is_abandoned() {
            self.second();
        }
        self.log.board.common.running = false;
    }

    /// The whistle that ends a part, and the break after it.
    fn pause(&mut self, next: MatchStatus, pause_ms: u64) {
        self.log.board.common.phase = next;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.now_ms += pause_ms;
    }

    /// What the markets of the first half ask is known.
    fn half_time(&mut self) {
        self.danger();
        self.log.board.common.phase = MatchStatus::HalfTime;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.now_ms += DECIDED_MS;
        self.log.beat(What::Decided);
        self.log.beat(What::Calm);
        self.log.now_ms += BREAK_MS;
    }

    /// The markets are of regular time, so they are settled before it.
    fn extra_time(&mut self) {
        self.danger();
        self.log.board.common.phase = MatchStatus::AwaitingOvertime;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.beat(What::Decided);
        // Who comes on from here on has not taken part in what the markets ask.
        self.log.follow(Vec::new());
        self.log.now_ms += SHORT_BREAK_MS;
        self.half(MatchStatus::ExtraTime1, EXTRA_HALF_SECONDS, ADDED_EXTRA_SECONDS);
        self.pause(MatchStatus::ExtraTimeBreak, SHORT_BREAK_MS);
        self.half(MatchStatus::ExtraTime2, EXTRA_HALF_SECONDS, ADDED_EXTRA_SECONDS);
    }

    /// Lets time pass in which nothing happens.
    pub(super) fn pass(&mut self, seconds: u32) {
        self.log.now_ms += u64::from(seconds) * 1_000;
        self.log.board.common.seconds += seconds;
    }

    fn second(&mut self) {
        self.pass(1);
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
            return self.ball_in_the_net(side);
        }
        if let Some(side) = sides.into_iter().find(|_| happens(FOULS_PER_HOUR)) {
            return self.foul(side);
        }
        for (kind, per_hour) in FREQUENT {
            if let Some(side) = sides.into_iter().find(|_| happens(per_hour)) {
                return self.frequent(kind, side);
            }
        }
        if self.log.board.common.phase >= MatchStatus::Half2
            && let Some(side) = sides.into_iter().find(|_| happens(SUBSTITUTIONS_PER_HOUR))
        {
            self.substitution(side);
        }
    }

    fn goals_per_hour(&self, side: Side) -> f64 {
        let common = &self.log.board.common;
        let pace = match common.phase {
            MatchStatus::Half1 => pace(f64::from(common.seconds.min(HALF_SECONDS)) / REGULAR_SECONDS),
            MatchStatus::Half2 => pace(0.5 + f64::from(common.seconds.min(HALF_SECONDS)) / REGULAR_SECONDS),
            _ => EXTRA_TIME_PACE,
        };
        self.teams[side as usize].goals_per_hour * self.log.board.factor(side) * pace
    }

    fn frequent(&mut self, kind: IncidentKind, side: Side) {
        match kind {
            IncidentKind::ShotOnGoal => self.save(side),
            IncidentKind::MissedShot | IncidentKind::BlockedShot => {
                let player = self.log.player_by(side, &SCORING);
                self.log.play_by(player, kind, side, None);
            }
            _ => {
                let weights = match kind {
                    IncidentKind::ThrowIn => THROWS_IN,
                    IncidentKind::GoalKick => KICKS_OFF_GOAL,
                    IncidentKind::CornerKick => TAKES_CORNERS,
                    IncidentKind::Offside => IS_OFFSIDE,
                    _ => PLAYS,
                };
                self.log.play_of(&weights, kind, side, None);
            }
        }
    }

    /// Play is broken off, and goes on or does not.
    fn break_off(&mut self) {
        self.break_off_at = None;
        self.danger();
        let reason = *self.log.pick(&REASONS);
        if self.log.break_off(reason) {
            self.reopen();
        }
    }

    /// All markets are of regular time.
    pub(super) fn takes_bets(&self) -> bool {
        self.log.board.common.phase < MatchStatus::AwaitingOvertime
    }

    pub(super) fn danger(&mut self) {
        if self.takes_bets() {
            self.log.beat(What::Danger);
        }
    }

    /// What a goal has decided is settled, and bets are open again.
    pub(super) fn calm(&mut self) {
        self.pass(REOPEN_SECONDS);
        if self.takes_bets() {
            self.log.beat(What::Decided);
        }
        self.reopen();
    }

    pub(super) fn reopen(&mut self) {
        if self.takes_bets() {
            self.log.beat(What::Calm);
        }
    }

    fn foul(&mut self, side: Side) {
        let player = self.log.player_of(side, &PLAYS);
        self.log.play_by(player.clone(), IncidentKind::Foul, side, None);
        if self.log.happens(FOUL_IS_PENALTY) {
            return self.penalty_kick(other(side));
        }
        if self.log.happens(FOUL_IS_RED) {
            self.send_off(player, IncidentKind::RedCard, side);
        } else if self.log.happens(FOUL_IS_YELLOW) {
            self.caution(player, side);
        }
        self.pass(FREE_KICK_SECONDS);
        self.log.play_of(&FREE_KICKS, IncidentKind::FreeKick, other(side), None);
    }

    fn caution(&mut self, player: Text, side: Side) {
        if self.cautioned.contains(&player) {
            if self.log.happens(SECOND_YELLOW) {
                self.send_off(player, IncidentKind::YellowRedCard, side);
            }
            return;
        }
        self.log.play_by(player.clone(), IncidentKind::YellowCard, side, None);
        self.cautioned.push(player);
    }

    fn send_off(&mut self, player: Text, card: IncidentKind, side: Side) {
        let players = &self.log.players[side as usize];
        let Some(place) = players.iter().position(|other| *other == player) else { return };
        if self.log.board.fewer(side) >= SENT_OFF_MAX {
            return;
        }
        self.danger();
        self.pass(GOAL_SECONDS);
        self.log.is_on(side, &player, false);
        self.log.board.sent_off[side as usize] |= 1 << place;
        self.log.play_by(player, card, side, None);
        self.pass(REOPEN_SECONDS);
        self.reopen();
    }

    fn substitution(&mut self, side: Side) {
        let bench = &mut self.benches[side as usize];
        if bench.len() + SUBSTITUTIONS_MAX > self.teams[side as usize].players.len() - ELEVEN {
            let went_off = self.log.substitute(side, 1, bench);
            bench.swap_remove(went_off);
        }
    }

    pub(super) fn last_part(&self) -> PeriodScore {
        *self.log.board.common.last().expect("a game that is on has begun")
    }

    fn end(&mut self) {
        self.danger();
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.whistle(IncidentKind::GameEnd, None);
        self.log.board.common.phase = match self.last_part().period {
            MatchStatus::Penalties => MatchStatus::EndedAfterPenalties,
            MatchStatus::ExtraTime2 => MatchStatus::EndedAfterOvertime,
            _ => MatchStatus::Ended,
        };
        self.log.beat(What::Over);
        self.log.now_ms += CONFIRM_MS;
        self.log.beat(What::Confirmed);
    }
}
