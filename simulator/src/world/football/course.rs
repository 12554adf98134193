//! What happens on the pitch, second by second: the facts of a game, before anybody speaks of them.
//!
//! Goals fall by chance at each team's own rate, more often against a side that is short of a player. The clock
//! never stops. Some goals and every penalty kick have to wait for the video referee. A game of the cup that is
//! level goes to extra time, then to penalties. Breaks are shorter than in a real game: nobody watches them.

use domain::id::Text;
use domain::{EventStatus, IncidentKind, MatchStatus, PeriodScore, Side, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::world::beat::{Beat, What};
use crate::world::board::{Board, Scoreboard, other};
use crate::world::chronicle::Chronicle;
use crate::world::shoot_out;

/// How often a side scores, and its opponent, for each player it has fewer.
pub(super) const SHORT: f64 = 0.7;
pub(super) const AGAINST_SHORT: f64 = 1.25;
/// Half a game, in seconds, and what is added to each half on average.
pub(super) const HALF_SECONDS: u32 = 45 * 60;
pub(super) const ADDED_SECONDS: [u32; 2] = [150, 330];

const EXTRA_HALF_SECONDS: u32 = 15 * 60;
/// What is added to a half of extra time on average.
const ADDED_EXTRA_SECONDS: u32 = 60;
/// Players who begin.
const ELEVEN: usize = 11;
/// A side that has so few players is shown no more red cards: with fewer the game would be over.
const PLAYERS_MIN: usize = 8;
const SUBSTITUTIONS_MAX: usize = 5;

/// What happens often, and how often of one side in an hour.
const FREQUENT: [(IncidentKind, f64); 8] = [
    (IncidentKind::ThrowIn, 13.0),
    (IncidentKind::GoalKick, 5.0),
    (IncidentKind::MissedShot, 3.3),
    (IncidentKind::CornerKick, 3.1),
    (IncidentKind::BlockedShot, 2.2),
    (IncidentKind::ShotOnGoal, 2.0),
    (IncidentKind::Offside, 1.2),
    (IncidentKind::Injury, 0.3),
];
/// Fouls of one side in an hour, and what comes of one.
pub(super) const FOULS_PER_HOUR: f64 = 7.5;
pub(super) const FOUL_IS_PENALTY: f64 = 0.012;
const FOUL_IS_RED: f64 = 0.004;
const FOUL_IS_YELLOW: f64 = 0.17;
/// Who has been shown a yellow card takes care: how often the second one, where it would be due, is shown.
const SECOND_YELLOW: f64 = 0.4;
/// Of one side in an hour of the second half and extra time.
const SUBSTITUTIONS_PER_HOUR: f64 = 6.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

const GOAL_IS_OWN: f64 = 0.03;
const GOAL_IS_REVIEWED: f64 = 0.12;
/// Balls in the net that the video referee takes back, of those that are reviewed.
const REVIEW_TAKES_BACK: f64 = 0.25;
pub(super) const PENALTY_SCORES: f64 = 0.78;
const ATTEMPT_SCORES: f64 = 0.75;
const SHOOT_OUT_ROUNDS: u32 = 5;
/// Attempts of a shoot-out after which home scores and away does not, so that every game ends.
const ATTEMPTS_MAX: u32 = 60;

/// Milliseconds of a game's own time beside the clock.
const BEFORE_MS: u64 = 120_000;
const BREAK_MS: u64 = 180_000;
const SHORT_BREAK_MS: u64 = 60_000;
const ATTEMPT_MS: u64 = 40_000;
/// From the final whistle to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// Seconds that pass while the clock runs: until a goal stands, a free kick is taken, the video referee has
/// looked, a penalty kick is taken, bets are open again.
const GOAL_SECONDS: u32 = 3;
const FREE_KICK_SECONDS: u32 = 12;
const REVIEW_SECONDS: u32 = 60;
const PENALTY_SECONDS: u32 = 50;
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

/// The scoreboard, with the players who were sent off.
#[derive(Debug, Clone)]
pub(super) struct Pitch {
    pub(super) common: Scoreboard,
    pub(super) sent_off: [u32; 2],
}

impl Pitch {
    pub(super) fn new() -> Self {
        Self { common: Scoreboard::new(), sent_off: [0; 2] }
    }

    /// How many times its usual rate a side scores.
    pub(super) fn factor(&self, side: Side) -> f64 {
        let times =
            |factor: f64, side: Side| (0..self.sent_off[side as usize]).fold(1.0, |all, _| all * factor);
        times(SHORT, side) * times(AGAINST_SHORT, other(side))
    }
}

impl Board for Pitch {
    fn common(&self) -> &Scoreboard {
        &self.common
    }

    fn status(&self, status: EventStatus) -> Status {
        self.common.status(status, Self::has_clock(self.common.phase))
    }

    fn has_clock(part: MatchStatus) -> bool {
        matches!(
            part,
            MatchStatus::Half1 | MatchStatus::Half2 | MatchStatus::ExtraTime1 | MatchStatus::ExtraTime2
        )
    }
}

/// Plays a game to its end.
pub(super) fn play(teams: [&Team; 2], format: Format, rng: &mut ChaCha8Rng) -> Vec<Beat<Pitch>> {
    let elevens = teams.map(|team| team.players[..ELEVEN].to_vec());
    let benches = teams.map(|team| team.players[ELEVEN..].to_vec());
    let log = Chronicle::new(Pitch::new(), elevens, rng);
    let mut game = Game { teams, benches, cautioned: Vec::new(), log };
    game.log.now_ms += BEFORE_MS;
    let [first, second] = ADDED_SECONDS;
    game.half(MatchStatus::Half1, HALF_SECONDS, first);
    game.pause(MatchStatus::HalfTime, BREAK_MS);
    game.half(MatchStatus::Half2, HALF_SECONDS, second);
    if format == Format::Cup && game.is_level() {
        game.extra_time();
    }
    if format == Format::Cup && game.is_level() {
        game.shoot_out();
    }
    game.end();
    game.log.into_beats()
}

struct Game<'a> {
    teams: [&'a Team; 2],
    /// Who may still come on; who went off goes home.
    benches: [Vec<Text>; 2],
    /// Who has been shown a yellow card.
    cautioned: Vec<Text>,
    log: Chronicle<'a, Pitch>,
}

impl Game<'_> {
    fn is_level(&self) -> bool {
        self.log.board.common.is_level()
    }

    fn begin(&mut self, part: MatchStatus) {
        self.log.board.common.begin(part);
        self.log.board.common.running = Pitch::has_clock(part);
        self.log.whistle(IncidentKind::PeriodStart, None);
    }

    /// A half, up to the whistle that ends it: `added` seconds on average after its time is over.
    fn half(&mut self, part: MatchStatus, seconds: u32, added: u32) {
        self.begin(part);
        let length = seconds + self.log.rng.random_range(added / 2..=added + added / 2);
        while self.log.board.common.seconds < length {
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

    /// The markets are of regular time, so they are settled before it.
    fn extra_time(&mut self) {
        self.danger();
        self.log.board.common.phase = MatchStatus::AwaitingOvertime;
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.beat(What::Decided);
        self.log.now_ms += SHORT_BREAK_MS;
        self.half(MatchStatus::ExtraTime1, EXTRA_HALF_SECONDS, ADDED_EXTRA_SECONDS);
        self.pause(MatchStatus::ExtraTimeBreak, SHORT_BREAK_MS);
        self.half(MatchStatus::ExtraTime2, EXTRA_HALF_SECONDS, ADDED_EXTRA_SECONDS);
    }

    /// Lets time pass in which nothing happens.
    fn pass(&mut self, seconds: u32) {
        self.log.now_ms += u64::from(seconds) * 1_000;
        self.log.board.common.seconds += seconds;
    }

    fn second(&mut self) {
        self.pass(1);
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
                return self.log.play(kind, side, None);
            }
        }
        if self.log.board.common.phase >= MatchStatus::Half2
            && let Some(side) = sides.into_iter().find(|_| happens(SUBSTITUTIONS_PER_HOUR))
        {
            self.substitution(side);
        }
    }

    fn goals_per_hour(&self, side: Side) -> f64 {
        self.teams[side as usize].goals_per_hour * self.log.board.factor(side)
    }

    /// No more bets; some goals are looked at before they count, and not all of those do.
    fn ball_in_the_net(&mut self, side: Side) {
        self.danger();
        self.pass(GOAL_SECONDS);
        if self.log.happens(GOAL_IS_REVIEWED) {
            self.log.whistle(IncidentKind::VideoReview, Some("goal"));
            self.pass(REVIEW_SECONDS);
            if self.log.happens(REVIEW_TAKES_BACK) {
                self.log.play(IncidentKind::Offside, side, Some("goal-disallowed"));
                return self.calm();
            }
        }
        if self.log.happens(GOAL_IS_OWN) {
            let player = self.log.player(other(side));
            self.goal(player, IncidentKind::OwnGoal, side, None);
        } else {
            let player = self.log.player(side);
            self.goal(player, IncidentKind::Goal, side, None);
        }
        self.calm();
    }

    fn goal(&mut self, player: Text, kind: IncidentKind, side: Side, detail: Option<&'static str>) {
        self.log.board.common.add(side, 1);
        self.log.play_by(player, kind, side, detail);
    }

    /// All markets are of regular time.
    fn takes_bets(&self) -> bool {
        self.log.board.common.phase < MatchStatus::AwaitingOvertime
    }

    fn danger(&mut self) {
        if self.takes_bets() {
            self.log.beat(What::Danger);
        }
    }

    fn calm(&mut self) {
        self.pass(REOPEN_SECONDS);
        if self.takes_bets() {
            self.log.beat(What::Calm);
        }
    }

    fn foul(&mut self, side: Side) {
        let player = self.log.player(side);
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
        self.log.play(IncidentKind::FreeKick, other(side), None);
    }

    fn penalty_kick(&mut self, side: Side) {
        self.danger();
        self.log.play(IncidentKind::PenaltyKick, side, None);
        self.log.whistle(IncidentKind::VideoReview, Some("penalty"));
        self.pass(PENALTY_SECONDS);
        let taker = self.log.player(side);
        if self.log.happens(PENALTY_SCORES) {
            self.goal(taker, IncidentKind::Goal, side, Some("penalty"));
        } else {
            let kind = *self.log.pick(&[IncidentKind::ShotOnGoal, IncidentKind::MissedShot]);
            self.log.play_by(taker, kind, side, Some("penalty"));
        }
        self.calm();
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
        if self.log.players[side as usize].len() <= PLAYERS_MIN {
            return;
        }
        self.danger();
        self.pass(GOAL_SECONDS);
        self.log.players[side as usize].retain(|other| *other != player);
        self.log.board.sent_off[side as usize] += 1;
        self.log.play_by(player, card, side, None);
        self.calm();
    }

    fn substitution(&mut self, side: Side) {
        let bench = &mut self.benches[side as usize];
        if bench.len() + SUBSTITUTIONS_MAX > self.teams[side as usize].players.len() - ELEVEN {
            let went_off = self.log.substitute(side, bench);
            bench.swap_remove(went_off);
        }
    }

    fn shoot_out(&mut self) {
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
        self.log.play(kind, side, None);
    }

    fn last_part(&self) -> PeriodScore {
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
