//! What happens on the court, possession by possession: the facts of a game, before anybody speaks of them.
//!
//! Four quarters of twelve minutes, and overtimes of five until somebody leads. The side that has the ball loses it,
//! is fouled or shoots (`shots`); then the other one has it. At the end of a close game sides play for the last shot,
//! and foul. Who plays most comes on soonest and goes off last (`rotation`). Time beside the clock (breaks, time-outs, free throws)
//! is shorter than in a real game: nobody watches it.

use domain::id::Text;
use domain::{EventStatus, IncidentKind, MatchStatus, Score, Side, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::ending::{LAST_SECONDS, REVIEW, REVIEW_SECONDS};
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
const POSSESSION_SECONDS: std::ops::RangeInclusive<u32> = 4..=21;
const SECOND_CHANCE_SECONDS: std::ops::RangeInclusive<u32> = 2..=9;
/// Fouls of a side in a quarter from which on each leads to free throws.
const TEAM_FOULS: u32 = 5;
const TIMEOUTS_MAX: u32 = 7;

/// How a possession begins: by how likely.
const TIMEOUT: f64 = 0.06;
const TURNOVER: f64 = 0.138;
const TURNOVER_IS_STEAL: f64 = 0.55;
/// A foul that is not on a shot.
const FOUL: f64 = 0.124;
const FOUL_IS_EJECTION: f64 = 0.003;
/// Personal fouls after which a player's game is over (Official Rules of the National Basketball Association, rule 3,
/// section I).
const PERSONAL_FOULS: usize = 6;
/// After a whistle somebody of a side comes on; and then another one, and so on.
pub(super) const SUBSTITUTION: f64 = 0.533;
/// Whistles at which the ball is out of play, or something else holds the game up.
const STOPPAGE: f64 = 0.14;
/// Whistles at which somebody is hurt, who plays no more.
const INJURY: f64 = 0.002;
const STOPPAGES: [&str; 2] = ["out-of-bounds", "equipment"];
const REASONS: [&str; 2] = ["court", "power-failure"];

const OFFENSIVE_FOUL: &str = "offensive-foul";
const LOST: [&str; 5] = ["bad-pass", "lost-ball", "travelling", "out-of-bounds", OFFENSIVE_FOUL];
const VIOLATIONS: [&str; 3] = ["24-seconds", "3-seconds", "kicked-ball"];
const VIOLATION: f64 = 0.15;

/// Milliseconds of a game's own time beside the clock.
const LINE_UP_MS: u64 = 60_000;
const BEFORE_MS: u64 = 60_000;
/// From a buzzer to the settlement of what it decided.
const DECIDED_MS: u64 = 5_000;
const BREAK_MS: u64 = 90_000;
const TIMEOUT_MS: u64 = 45_000;
const WHISTLE_MS: u64 = 12_000;
const INJURY_MS: u64 = 60_000;
/// From the last buzzer to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// A team, as far as the game goes.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) players: Vec<Text>,
    /// How many times as often as on average its shots fall.
    pub(super) shooting: f64,
}

/// The players of a side whom markets are about, by their places in the line-up: two who begin, and the first of the
/// bench.
pub(super) const STAR_PLACES: [usize; 3] = [0, 1, 5];

/// Races are to so many points, to twice as many, and so on.
pub(super) const RACE_POINTS: u32 = 20;

/// The scoreboard, whose goals are races won, and who has the ball, which providers do not tell.
#[derive(Debug, Clone)]
pub(super) struct Court(pub(super) Scoreboard, pub(super) Option<Side>);

impl Court {
    /// Adds to a side's score; who comes to a race's number of points first has won it.
    pub(super) fn add(&mut self, side: Side, points: u32) {
        let leader = |score: Score| score.home.max(score.away) / RACE_POINTS;
        let before = leader(self.0.score);
        self.0.add(side, points);
        if leader(self.0.score) > before {
            self.0.goals.add(side);
        }
    }
}

impl Board for Court {
    fn common(&self) -> &Scoreboard {
        &self.0
    }

    fn common_mut(&mut self) -> &mut Scoreboard {
        &mut self.0
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
    let mut game = Game::before(teams, rng);
    game.play_out();
    game.log.into_beats()
}

pub(super) struct Game<'a> {
    pub(super) teams: [&'a Team; 2],
    /// Who may come on.
    pub(super) benches: [Vec<Text>; 2],
    /// Of each side in this quarter.
    fouls: [u32; 2],
    /// Whose each foul of the game was, those in attack as well.
    personal: Vec<(Side, Text)>,
    /// Taken by each side.
    timeouts: [u32; 2],
    /// How long the part that is on lasts, in seconds.
    pub(super) until: u32,
    /// After how many seconds of play it is broken off.
    break_off_at: Option<u32>,
    pub(super) log: Chronicle<'a, Court>,
}

impl<'a> Game<'a> {
    /// Everybody is there, and play has not begun.
    fn before(teams: [&'a Team; 2], rng: &'a mut ChaCha8Rng) -> Self {
        let fives = teams.map(|team| team.players[..FIVE].to_vec());
        let benches = teams.map(|team| team.players[FIVE..].to_vec());
        let stars = [Side::Home, Side::Away].into_iter().flat_map(|side| {
            STAR_PLACES.into_iter().map(move |place| (side, teams[side as usize].players[place].clone()))
        });
        let mut log = Chronicle::new(Court(Scoreboard::new(), None), fives, rng);
        let break_off_at = log.break_off_at(4 * QUARTER_SECONDS);
        log.now_ms += LINE_UP_MS;
        log.line_up(&benches);
        log.follow(stars.collect());
        log.wait(BEFORE_MS);
        Self {
            teams,
            benches,
            fouls: [0; 2],
            personal: Vec::new(),
            timeouts: [0; 2],
            until: 0,
            break_off_at,
            log,
        }
    }
}

impl Game<'_> {
    /// Plays four quarters and the overtimes that a tie needs, unless the game is abandoned.
    fn play_out(&mut self) {
        let opener = self.jump_ball();
        let quarters = [
            (MatchStatus::Quarter1, opener, Some(MatchStatus::Break1)),
            (MatchStatus::Quarter2, other(opener), Some(MatchStatus::Break2)),
            (MatchStatus::Quarter3, other(opener), Some(MatchStatus::Break3)),
            (MatchStatus::Quarter4, opener, None),
        ];
        for (quarter, first, then) in quarters {
            self.part(quarter, QUARTER_SECONDS, first, then);
            if self.is_abandoned() {
                return;
            }
        }
        let mut overtimes = 0;
        while self.log.board.0.is_level() && !self.is_abandoned() {
            overtimes += 1;
            self.overtime(overtimes);
        }
        self.end();
    }

    fn is_abandoned(&self) -> bool {
        self.log.board.0.phase == MatchStatus::Abandoned
    }

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
        self.until = seconds;
        self.fouls = [0; 2];
        self.log.board.0.running = true;
        self.log.whistle(IncidentKind::PeriodStart, None);
        if matches!(part, MatchStatus::Quarter1 | MatchStatus::Overtime) {
            self.log.play(IncidentKind::JumpBall, first, None);
        }
        let mut side = first;
        while self.log.board.0.seconds < seconds {
            if self.break_off_at.is_some_and(|at| self.log.board.0.played() >= at) {
                self.break_off();
                if self.is_abandoned() {
                    return;
                }
            }
            self.possession(side);
            side = other(side);
        }
        self.log.board.0.running = false;
        self.log.board.1 = None;
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
            self.log.now_ms += DECIDED_MS;
            self.log.beat(What::Decided);
            self.log.beat(What::Calm);
            self.log.now_ms += BREAK_MS;
        }
    }

    /// Play is broken off, and goes on or does not.
    fn break_off(&mut self) {
        self.break_off_at = None;
        self.log.board.0.running = false;
        self.log.beat(What::Danger);
        let reason = *self.log.pick(&REASONS);
        if self.log.break_off(reason) {
            self.log.beat(What::Calm);
        }
    }

    /// One side has the ball until the other one has it, or time is up.
    fn possession(&mut self, side: Side) {
        self.log.board.1 = Some(side);
        if self.is_in_its_last(LAST_SECONDS) && self.last_possession(side) {
            return;
        }
        if self.log.happens(TIMEOUT) {
            self.timeout(side);
        }
        if !self.run_clock(POSSESSION_SECONDS) {
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
            if !self.run_clock(SECOND_CHANCE_SECONDS) {
                return;
            }
        }
        while self.shot(side) && self.run_clock(SECOND_CHANCE_SECONDS) {}
    }

    /// Lets the clock run for a while; says whether there is time left.
    pub(super) fn run_clock(&mut self, seconds: std::ops::RangeInclusive<u32>) -> bool {
        let wanted = self.log.rng.random_range(seconds);
        let left = self.until - self.log.board.0.seconds;
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
        let draw = self.log.rng.random::<f64>();
        if draw < STOPPAGE {
            let detail = *self.log.pick(&STOPPAGES);
            self.log.whistle(IncidentKind::Stoppage, Some(detail));
        } else if draw < STOPPAGE + INJURY {
            self.injury();
        }
        for side in [Side::Home, Side::Away] {
            while self.log.happens(SUBSTITUTION) {
                self.rotate(side);
            }
        }
        if self.is_in_its_last(REVIEW_SECONDS) && self.log.happens(REVIEW) {
            self.review();
        }
    }

    /// Somebody is hurt: the clock stands until the player is off.
    fn injury(&mut self) {
        let side = *self.log.pick(&[Side::Home, Side::Away]);
        let player = self.log.player(side);
        self.log.play_by(player.clone(), IncidentKind::Injury, side, None);
        self.log.now_ms += INJURY_MS;
        self.leaves(&player, side, None);
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
        self.log.board.1 = Some(other(side));
        if self.log.happens(TURNOVER_IS_STEAL) {
            self.log.play(IncidentKind::Turnover, side, Some(LOST[0]));
            return self.log.play(IncidentKind::Steal, other(side), None);
        }
        if self.log.happens(VIOLATION) {
            let detail = *self.log.pick(&VIOLATIONS);
            self.log.play(IncidentKind::Violation, side, Some(detail));
        } else {
            let detail = *self.log.pick(&LOST);
            let player = self.log.player(side);
            self.log.play_by(player.clone(), IncidentKind::Turnover, side, Some(detail));
            if detail == OFFENSIVE_FOUL {
                self.personal_foul(player, side);
            }
        }
        self.whistle();
    }

    pub(super) fn foul(&mut self, side: Side, detail: &'static str) {
        self.fouls[side as usize] += 1;
        self.log.board.0.running = false;
        let player = self.log.player(side);
        self.log.play_by(player.clone(), IncidentKind::Foul, side, Some(detail));
        if self.log.happens(FOUL_IS_EJECTION) {
            self.leaves(&player, side, Some((IncidentKind::Ejection, "flagrant")));
        } else {
            self.personal_foul(player, side);
        }
        self.whistle();
    }

    /// The last one that a player may commit is the end of his game.
    fn personal_foul(&mut self, player: Text, side: Side) {
        let foul = (side, player);
        let before = self.personal.iter().filter(|other| **other == foul).count();
        if before + 1 >= PERSONAL_FOULS {
            self.leaves(&foul.1, side, None);
        }
        self.personal.push(foul);
    }

    pub(super) fn score(&mut self, kind: IncidentKind, side: Side, points: u32) {
        let player = self.shooter(side);
        self.log.board.add(side, points);
        self.log.board.1 = Some(other(side));
        self.log.count(side, &player, points);
        self.log.play_by(player, kind, side, None);
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn who_has_nobody_left_on_the_bench_goes_on_with_those_who_are_on() {
        let teams = [(); 2].map(|()| Team {
            players: crate::world::names::players(&mut ChaCha8Rng::seed_from_u64(7), 13),
            shooting: 1.0,
        });
        let rng = &mut ChaCha8Rng::seed_from_u64(7);
        let mut game = Game::before([&teams[0], &teams[1]], rng);
        game.benches[Side::Home as usize].clear();
        let (on, now_ms) = (game.log.players.clone(), game.log.now_ms);
        game.rotate(Side::Home);
        assert_eq!((&game.log.players, game.log.now_ms), (&on, now_ms));
        game.rotate(Side::Away);
        assert!(game.log.players[0] == on[0] && game.log.players[1] != on[1]);
    }
}
