//! What happens on the court, possession by possession: the facts of a game, before anybody speaks of them.
//!
//! Four quarters of twelve minutes, and overtimes of five until somebody leads. The side that has the ball loses it,
//! is fouled or shoots (`shots`); then the other one has it. Time beside the clock (breaks, time-outs, free throws)
//! is shorter than in a real game: nobody watches it.

use domain::id::Text;
use domain::{EventStatus, IncidentKind, MatchStatus, Side, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::world::beat::{Beat, What};
use crate::world::board::{Board, Scoreboard, other};
use crate::world::chronicle::Chronicle;

/// A quarter and an overtime, in seconds.
pub(super) const QUARTER_SECONDS: u32 = 12 * 60;
pub(super) const OVERTIME_SECONDS: u32 = 5 * 60;

/// Overtimes after which the home side is given a free throw, so that every game ends.
const OVERTIMES_MAX: u32 = 12;
/// Players of a side who are on.
const FIVE: usize = 5;
/// How long a possession takes, in seconds, and what is left of it after a rebound in attack.
const POSSESSION_SECONDS: std::ops::RangeInclusive<u32> = 5..=23;
const SECOND_CHANCE_SECONDS: std::ops::RangeInclusive<u32> = 2..=12;
/// Fouls of a side in a quarter from which on each leads to free throws.
const TEAM_FOULS: u32 = 5;
const TIMEOUTS_MAX: u32 = 7;

/// How a possession begins: by how likely.
const TIMEOUT: f64 = 0.06;
const TURNOVER: f64 = 0.125;
const TURNOVER_IS_STEAL: f64 = 0.55;
/// A foul that is not on a shot.
const FOUL: f64 = 0.09;
const FOUL_IS_EJECTION: f64 = 0.003;
/// In the last two minutes of a game some decisions are looked at.
const REVIEW: f64 = 0.06;
const REVIEW_SECONDS: u32 = 120;
/// After a whistle somebody comes on.
const SUBSTITUTION: f64 = 0.35;

const LOST: [&str; 5] = ["bad-pass", "lost-ball", "travelling", "out-of-bounds", "offensive-foul"];
const VIOLATIONS: [&str; 3] = ["24-seconds", "3-seconds", "kicked-ball"];
const VIOLATION: f64 = 0.15;

/// Milliseconds of a game's own time beside the clock.
const BEFORE_MS: u64 = 120_000;
const BREAK_MS: u64 = 90_000;
const TIMEOUT_MS: u64 = 45_000;
const WHISTLE_MS: u64 = 12_000;
const REVIEW_MS: u64 = 40_000;
/// From the last buzzer to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// A team, as far as the game goes.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) players: Vec<Text>,
    /// How many times as often as on average its shots fall.
    pub(super) shooting: f64,
}

/// The scoreboard. What the sport shows beyond it, providers do not tell.
#[derive(Debug, Clone)]
pub(super) struct Court(pub(super) Scoreboard);

impl Board for Court {
    fn common(&self) -> &Scoreboard {
        &self.0
    }

    fn status(&self, status: EventStatus) -> Status {
        self.0.status(status, Self::has_clock(self.0.phase))
    }

    fn has_clock(part: MatchStatus) -> bool {
        matches!(
            part,
            MatchStatus::Quarter1
                | MatchStatus::Quarter2
                | MatchStatus::Quarter3
                | MatchStatus::Quarter4
                | MatchStatus::Overtime
        )
    }
}

/// Plays a game to its end.
pub(super) fn play(teams: [&Team; 2], rng: &mut ChaCha8Rng) -> Vec<Beat<Court>> {
    let fives = teams.map(|team| team.players[..FIVE].to_vec());
    let benches = teams.map(|team| team.players[FIVE..].to_vec());
    let log = Chronicle::new(Court(Scoreboard::new()), fives, rng);
    let mut game = Game { teams, benches, fouls: [0; 2], timeouts: [0; 2], log };
    game.log.now_ms += BEFORE_MS;
    let opener = game.jump_ball();
    let quarters = [
        (MatchStatus::Quarter1, opener, Some(MatchStatus::Break1)),
        (MatchStatus::Quarter2, other(opener), Some(MatchStatus::Break2)),
        (MatchStatus::Quarter3, other(opener), Some(MatchStatus::Break3)),
        (MatchStatus::Quarter4, opener, None),
    ];
    for (quarter, first, then) in quarters {
        game.part(quarter, QUARTER_SECONDS, first, then);
    }
    let mut overtimes = 0;
    while game.log.board.0.is_level() {
        overtimes += 1;
        game.overtime(overtimes);
    }
    game.end();
    game.log.into_beats()
}

pub(super) struct Game<'a> {
    pub(super) teams: [&'a Team; 2],
    /// Who may come on.
    benches: [Vec<Text>; 2],
    /// Of each side in this quarter.
    fouls: [u32; 2],
    /// Taken by each side.
    timeouts: [u32; 2],
    pub(super) log: Chronicle<'a, Court>,
}

impl Game<'_> {
    /// Decides who has the ball first; it is told once the game has begun.
    fn jump_ball(&mut self) -> Side {
        if self.log.rng.random::<bool>() { Side::Home } else { Side::Away }
    }

    fn overtime(&mut self, number: u32) {
        let first = self.jump_ball();
        let is_last = number == OVERTIMES_MAX;
        self.part(MatchStatus::Overtime, OVERTIME_SECONDS, first, None);
        if is_last && self.log.board.0.is_level() {
            self.score(IncidentKind::FreeThrowMade, Side::Home, 1);
        }
    }

    /// A quarter or an overtime, up to its buzzer, and the break after it.
    fn part(&mut self, part: MatchStatus, seconds: u32, first: Side, then: Option<MatchStatus>) {
        self.log.board.0.begin(part);
        self.fouls = [0; 2];
        self.log.board.0.running = true;
        self.log.whistle(IncidentKind::PeriodStart, None);
        if matches!(part, MatchStatus::Quarter1 | MatchStatus::Overtime) {
            self.log.play(IncidentKind::JumpBall, first, None);
        }
        let mut side = first;
        while self.log.board.0.seconds < seconds {
            self.possession(side, seconds);
            side = other(side);
        }
        self.log.board.0.running = false;
        let next = then.or(self.log.board.0.is_level().then_some(MatchStatus::AwaitingOvertime));
        self.buzzer(next.filter(|_| part != MatchStatus::Overtime));
    }

    /// Nobody bets while it is seen whether the last shot was in time.
    fn buzzer(&mut self, next: Option<MatchStatus>) {
        self.log.beat(What::Danger);
        if let Some(next) = next {
            self.log.board.0.phase = next;
        }
        self.log.whistle(IncidentKind::PeriodEnd, None);
        if next.is_some() || self.log.board.0.is_level() {
            self.log.beat(What::Calm);
            self.log.now_ms += BREAK_MS;
        }
    }

    /// One side has the ball until the other one has it, or time is up.
    fn possession(&mut self, side: Side, until: u32) {
        if self.log.happens(TIMEOUT) {
            self.timeout(side);
        }
        if !self.run_clock(POSSESSION_SECONDS, until) {
            return;
        }
        if self.log.happens(TURNOVER) {
            return self.turnover(side);
        }
        if self.log.happens(FOUL) {
            self.foul(other(side), "personal");
            if self.fouls[other(side) as usize] >= TEAM_FOULS {
                self.free_throws(side, 2);
                return;
            }
            if !self.run_clock(SECOND_CHANCE_SECONDS, until) {
                return;
            }
        }
        while self.shot(side) && self.run_clock(SECOND_CHANCE_SECONDS, until) {}
    }

    /// Lets the clock run for a while; says whether there is time left.
    fn run_clock(&mut self, seconds: std::ops::RangeInclusive<u32>, until: u32) -> bool {
        let wanted = self.log.rng.random_range(seconds);
        let left = until - self.log.board.0.seconds;
        let passed = wanted.min(left);
        self.log.board.0.running = true;
        self.log.board.0.seconds += passed;
        self.log.now_ms += u64::from(passed) * 1_000;
        wanted <= left
    }

    /// Play is stopped; somebody may come on.
    pub(super) fn whistle(&mut self) {
        self.log.board.0.running = false;
        self.log.now_ms += WHISTLE_MS;
        for side in [Side::Home, Side::Away] {
            if self.log.happens(SUBSTITUTION) {
                self.log.substitute(side, &mut self.benches[side as usize]);
            }
        }
        if self.is_close_to_the_end() && self.log.happens(REVIEW) {
            self.review();
        }
    }

    fn is_close_to_the_end(&self) -> bool {
        let board = &self.log.board.0;
        let length = match board.phase {
            MatchStatus::Quarter4 => QUARTER_SECONDS,
            MatchStatus::Overtime => OVERTIME_SECONDS,
            _ => return false,
        };
        board.seconds + REVIEW_SECONDS >= length
    }

    /// What was called stands.
    fn review(&mut self) {
        self.log.beat(What::Danger);
        self.log.whistle(IncidentKind::VideoReview, Some("call-stands"));
        self.log.now_ms += REVIEW_MS;
        self.log.beat(What::Calm);
    }

    fn timeout(&mut self, side: Side) {
        if self.timeouts[side as usize] == TIMEOUTS_MAX {
            return;
        }
        self.timeouts[side as usize] += 1;
        self.log.board.0.running = false;
        self.log.play(IncidentKind::Timeout, side, None);
        self.log.now_ms += TIMEOUT_MS;
    }

    fn turnover(&mut self, side: Side) {
        if self.log.happens(TURNOVER_IS_STEAL) {
            self.log.play(IncidentKind::Turnover, side, Some(LOST[0]));
            return self.log.play(IncidentKind::Steal, other(side), None);
        }
        if self.log.happens(VIOLATION) {
            let detail = *self.log.pick(&VIOLATIONS);
            self.log.play(IncidentKind::Violation, side, Some(detail));
        } else {
            let detail = *self.log.pick(&LOST);
            self.log.play(IncidentKind::Turnover, side, Some(detail));
        }
        self.whistle();
    }

    pub(super) fn foul(&mut self, side: Side, detail: &'static str) {
        self.fouls[side as usize] += 1;
        self.log.board.0.running = false;
        let player = self.log.player(side);
        self.log.play_by(player.clone(), IncidentKind::Foul, side, Some(detail));
        if self.log.happens(FOUL_IS_EJECTION) {
            self.eject(player, side);
        }
        self.whistle();
    }

    /// The player leaves for good, and somebody else comes on.
    fn eject(&mut self, player: Text, side: Side) {
        let bench = &mut self.benches[side as usize];
        let on = &mut self.log.players[side as usize];
        if let (Some(place), Some(replacement)) = (on.iter().position(|name| *name == player), bench.pop()) {
            on[place] = replacement.clone();
            self.log.play_by(player, IncidentKind::Ejection, side, Some("flagrant"));
            self.log.play_by(replacement, IncidentKind::Substitution, side, None);
        }
    }

    pub(super) fn score(&mut self, kind: IncidentKind, side: Side, points: u32) {
        self.log.board.0.add(side, points);
        self.log.play(kind, side, None);
    }

    fn end(&mut self) {
        self.log.whistle(IncidentKind::GameEnd, None);
        self.log.board.0.phase = match self.log.board.0.phase {
            MatchStatus::Overtime => MatchStatus::EndedAfterOvertime,
            _ => MatchStatus::Ended,
        };
        self.log.beat(What::Over);
        self.log.now_ms += CONFIRM_MS;
        self.log.beat(What::Confirmed);
    }
}
