//! What happens on the ice, second by second: the facts of a game, before anybody speaks of them.
//!
//! Goals fall by chance at each team's own rate, nearly twice as often while the other side is short of a player.
//! Three periods of twenty minutes; where they leave a tie, five minutes of sudden death; then a shoot-out of
//! three rounds, and more while it is level. Time beside the clock (breaks, celebrations, face-offs) is shorter
//! than in a real game: nobody watches it.

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, PeriodScore, Score, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::{Beat, Board, Play, What, other};

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

/// Plays a game to its end.
pub(super) fn play(home: &Team, away: &Team, rng: &mut ChaCha8Rng) -> Vec<Beat> {
    let board = Board {
        phase: MatchStatus::NotStarted,
        seconds: 0,
        running: false,
        score: Score::default(),
        periods: Vec::new(),
        penalties: Vec::new(),
        played_before: 0,
    };
    let mut game = Game { teams: [home, away], rng, now_ms: 0, board, beats: Vec::with_capacity(512) };
    game.beat(What::Announced);
    game.now_ms += BEFORE_MS;
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
    game.beats
}

struct Game<'a> {
    teams: [&'a Team; 2],
    rng: &'a mut ChaCha8Rng,
    now_ms: u64,
    board: Board,
    beats: Vec<Beat>,
}

impl Game<'_> {
    fn beat(&mut self, what: What) {
        self.beats.push(Beat { at_ms: self.now_ms, what, board: self.board.clone() });
    }

    fn whistle(&mut self, kind: IncidentKind) {
        self.beat(What::Play(Play { kind, side: None, player: None, detail: None }));
    }

    fn play(&mut self, kind: IncidentKind, side: Side, detail: Option<&'static str>) {
        let player = Some(self.player(side));
        self.beat(What::Play(Play { kind, side: Some(side), player, detail }));
    }

    fn player(&mut self, side: Side) -> Text {
        let players = &self.teams[side as usize].players;
        let index = self.rng.random_range(0..u32::try_from(players.len()).expect("a team is small"));
        players[index as usize].clone()
    }

    fn pick(&mut self, from: &'static [&'static str]) -> &'static str {
        from[self.rng.random_range(0..u32::try_from(from.len()).expect("a list in this file")) as usize]
    }

    fn is_level(&self) -> bool {
        self.board.score.home == self.board.score.away
    }

    fn begin(&mut self, phase: MatchStatus) {
        self.board.played_before = self.board.played();
        self.board.seconds = 0;
        self.board.phase = phase;
        self.board.periods.push(PeriodScore { period: phase, home: 0, away: 0 });
    }

    /// Twenty minutes, and the break after them where there is one.
    fn period(&mut self, phase: MatchStatus, then: Option<MatchStatus>) {
        self.begin(phase);
        self.board.running = true;
        self.whistle(IncidentKind::PeriodStart);
        for second in 1..=PERIOD_SECONDS {
            self.second(second);
        }
        self.board.running = false;
        if then.is_none() && !self.is_level() {
            self.beat(What::Danger);
        }
        let next = then.or(self.is_level().then_some(MatchStatus::AwaitingOvertime));
        self.board.phase = next.unwrap_or(phase);
        self.whistle(IncidentKind::PeriodEnd);
        if next == Some(MatchStatus::AwaitingOvertime) {
            // One more goal will fall, so the totals are decided: the offer is another.
            self.beat(What::Calm);
        }
        if next.is_some() {
            self.now_ms += BREAK_MS;
        }
    }

    /// The first goal ends it. Through a shoot-out no bets are taken.
    fn overtime(&mut self) {
        self.begin(MatchStatus::Overtime);
        self.board.running = true;
        self.whistle(IncidentKind::PeriodStart);
        for second in 1..=OVERTIME_SECONDS {
            self.second(second);
            if !self.is_level() {
                self.board.running = false;
                return self.whistle(IncidentKind::PeriodEnd);
            }
        }
        self.board.running = false;
        self.beat(What::Danger);
        self.board.phase = MatchStatus::AwaitingPenalties;
        self.whistle(IncidentKind::PeriodEnd);
        self.now_ms += SHORT_BREAK_MS;
    }

    fn second(&mut self, second: u32) {
        self.now_ms += 1_000;
        self.board.seconds = second;
        self.release();
        let draw = self.rng.random::<f64>() * SECONDS_PER_HOUR;
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
                return self.play(kind, side, None);
            }
        }
        if happens(STOPPAGES_PER_HOUR) {
            self.board.running = false;
            let detail = Some(self.pick(&STOPPAGES));
            self.beat(What::Play(Play { kind: IncidentKind::Stoppage, side: None, player: None, detail }));
            self.face_off(FACE_OFF_MS);
        }
    }

    fn goals_per_hour(&self, side: Side) -> f64 {
        let even = self.teams[side as usize].goals_per_hour;
        if self.board.in_box(other(side)) > self.board.in_box(side) { even * POWER_PLAY } else { even }
    }

    fn goal(&mut self, side: Side) {
        self.board.running = false;
        self.beat(What::Danger);
        self.now_ms += GOAL_MS;
        let conceding = other(side);
        if self.board.in_box(conceding) > self.board.in_box(side) {
            let first = self.board.penalties.iter().position(|(of, _)| *of == conceding);
            self.board.penalties.remove(first.expect("somebody of that side is in the box"));
        }
        self.board.add_goal(side);
        self.play(IncidentKind::Goal, side, None);
        if self.board.phase == MatchStatus::Overtime {
            return;
        }
        self.now_ms += REOPEN_MS;
        self.beat(What::Calm);
        self.face_off(AFTER_GOAL_MS);
    }

    fn penalty(&mut self, side: Side) {
        if self.board.in_box(side) >= BOX_MAX {
            return;
        }
        self.board.running = false;
        self.board.penalties.push((side, self.board.played() + PENALTY_SECONDS));
        let offence = self.pick(&OFFENCES);
        self.play(IncidentKind::Penalty, side, Some(offence));
        self.face_off(FACE_OFF_MS);
    }

    fn face_off(&mut self, after_ms: u64) {
        self.now_ms += after_ms;
        self.board.running = true;
        let winner = if self.rng.random::<bool>() { Side::Home } else { Side::Away };
        self.play(IncidentKind::FaceOff, winner, None);
    }

    /// Players whose time in the penalty box is over.
    fn release(&mut self) {
        let played = self.board.played();
        let before = self.board.penalties.len();
        self.board.penalties.retain(|(_, until)| *until > played);
        if self.board.penalties.len() < before {
            self.beat(What::PenaltyOver);
        }
    }

    fn shoot_out(&mut self) {
        self.begin(MatchStatus::Penalties);
        self.board.penalties.clear();
        self.whistle(IncidentKind::PeriodStart);
        let mut round = 1;
        while !self.round(round) {
            round += 1;
        }
        self.whistle(IncidentKind::PeriodEnd);
    }

    /// One attempt of each side; says whether the shoot-out is decided, which may be before the second one.
    fn round(&mut self, round: u32) -> bool {
        let rounds = round.max(SHOOT_OUT_ROUNDS);
        for side in [Side::Home, Side::Away] {
            self.now_ms += ATTEMPT_MS;
            let scores = match round {
                ROUNDS_MAX => side == Side::Home,
                _ => self.rng.random::<f64>() < ATTEMPT_SCORES,
            };
            if scores {
                self.board.add_goal(side);
            }
            self.play(
                if scores { IncidentKind::ShootoutGoal } else { IncidentKind::ShootoutMiss },
                side,
                None,
            );
            let PeriodScore { home, away, .. } = *self.board.periods.last().expect("the shoot-out has begun");
            let home_left = rounds - round;
            let away_left = rounds - round + u32::from(side == Side::Home);
            if home > away + away_left || away > home + home_left {
                return true;
            }
        }
        false
    }

    fn end(&mut self) {
        self.whistle(IncidentKind::GameEnd);
        self.board.penalties.clear();
        self.board.phase = match self.board.phase {
            MatchStatus::Penalties => {
                let PeriodScore { home, away, .. } =
                    *self.board.periods.last().expect("the shoot-out was played");
                match home > away {
                    true => self.board.score.home += 1,
                    false => self.board.score.away += 1,
                }
                MatchStatus::EndedAfterPenalties
            }
            MatchStatus::Overtime => MatchStatus::EndedAfterOvertime,
            _ => MatchStatus::Ended,
        };
        self.beat(What::Over);
        self.now_ms += CONFIRM_MS;
        self.beat(What::Confirmed);
    }
}
