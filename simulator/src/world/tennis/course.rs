//! What happens on court, point by point: the facts of a match, before anybody speaks of them.
//!
//! The server wins each point by chance, more often than not; aces and double faults are among the points won and
//! lost. Sides change after every odd game, and rest longer after a set. Now and then a player is hurt and gives up.
//! Time before and after the match is shorter than in reality: nobody watches it.

use std::ops::Range;

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::court::Court;
use super::position::{Position, SIDES, Won};
use crate::world::beat::{Beat, What};
use crate::world::board::other;
use crate::world::chronicle::Chronicle;

/// Matches in which a player is hurt, and how many points are played until then; some matches end before.
const HURT: f64 = 0.03;
const POINTS_UNTIL_HURT: Range<u32> = 15..150;

/// Milliseconds of a match's own time.
const BEFORE_MS: u64 = 60_000;
const POINT_MS: Range<u64> = 22_000..47_000;
const CHANGE_OF_ENDS_MS: u64 = 60_000;
const BREAK_MS: u64 = 90_000;
/// From a point to the stop of bets before the next one, or to their reopening.
const STOP_MS: u64 = 2_000;
const REOPEN_MS: u64 = 6_000;
/// From a set's last point until its result stands.
const SET_OVER_MS: u64 = 10_000;
const TREATMENT_MS: u64 = 180_000;
/// From the last point to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// Points at which a line is looked at, and those of them that go to the other side then.
const CHALLENGED: f64 = 0.012;
const OVERTURNED: f64 = 0.3;
const CHALLENGE_MS: u64 = 15_000;
/// Changes of ends at which a player is treated, and goes on.
const TREATED: f64 = 0.01;
/// Points within which play may be broken off.
const POINTS_MAX: u32 = 200;
const REASONS: [&str; 2] = ["rain", "darkness"];

/// A player, as far as the match goes.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) name: Text,
    /// How likely a point is won that this player serves.
    pub(super) on_serve: f64,
}

/// How a kind of match is played.
#[derive(Debug)]
pub(super) struct Style {
    /// Sets that win it.
    pub(super) sets_to_win: usize,
    /// Of the points that a server wins, those that are aces; of those lost, those that are double faults.
    pub(super) aces: f64,
    pub(super) double_faults: f64,
}

/// Plays a match to its end.
pub(super) fn play(players: [&Player; 2], style: &Style, rng: &mut ChaCha8Rng) -> Vec<Beat<Court>> {
    let first_server = SIDES[usize::from(rng.random::<bool>())];
    let hurt_after = rng.random_range(POINTS_UNTIL_HURT);
    let hurt_after = if rng.random::<f64>() < HURT { hurt_after } else { u32::MAX };
    let court = Court::new(Position::new(style.sets_to_win, first_server));
    let names = players.map(|player| vec![player.name.clone()]);
    let mut log = Chronicle::new(court, names, rng);
    let broken_off_after = log.break_off_at(POINTS_MAX).unwrap_or(u32::MAX);
    log.follow(SIDES.map(|side| (side, players[side as usize].name.clone())).into());
    log.wait(BEFORE_MS);
    let mut game = Match { players, style, hurt_after, broken_off_after, stopped: false, log };
    while game.set() {
        game.log.now_ms += BREAK_MS;
    }
    if game.log.board.common.phase != MatchStatus::Abandoned {
        game.end();
    }
    game.log.into_beats()
}

struct Match<'a> {
    players: [&'a Player; 2],
    style: &'a Style,
    /// Points until play is broken off.
    broken_off_after: u32,
    /// Points until a player is hurt.
    hurt_after: u32,
    /// Whether bets are stopped.
    stopped: bool,
    log: Chronicle<'a, Court>,
}

impl Match<'_> {
    /// One set; says whether another one follows.
    fn set(&mut self) -> bool {
        self.log.board.begin_set();
        self.log.whistle(IncidentKind::PeriodStart, None);
        loop {
            if self.hurt_after == 0 {
                self.give_up();
                return false;
            }
            if self.broken_off_after == 0 && !self.goes_on() {
                return false;
            }
            self.hurt_after -= 1;
            self.broken_off_after = self.broken_off_after.saturating_sub(1);
            match self.point() {
                Won::Game => {
                    self.log.beat(What::Decided);
                    if self.log.board.games() % 2 == 1 {
                        self.change_ends();
                    }
                }
                Won::Point => {}
                Won::Set => {
                    self.rest();
                    return true;
                }
                Won::Match => {
                    self.log.whistle(IncidentKind::PeriodEnd, None);
                    return false;
                }
            }
        }
    }

    fn point(&mut self) -> Won {
        self.stop_or_reopen();
        self.log.now_ms += self.log.rng.random_range(POINT_MS);
        let server = self.log.board.position.server();
        let server_wins = self.log.happens(self.players[server as usize].on_serve);
        let mut winner = if server_wins { server } else { other(server) };
        let is_tie_break = self.log.board.position.is_tie_break();
        let special = if server_wins { self.style.aces } else { self.style.double_faults };
        let is_special = self.log.happens(special);
        let before = self.log.board.clone();
        let mut won = self.log.board.point(winner);
        match (is_special, server_wins) {
            (true, true) => self.ace(server),
            (true, false) => self.double_fault(server),
            (false, _) => self.log.play(IncidentKind::Point, winner, None),
        }
        if won == Won::Point && !is_special && self.log.happens(CHALLENGED) && self.is_overturned(before) {
            winner = other(winner);
            won = self.log.board.point(winner);
            self.log.play(IncidentKind::Point, winner, None);
        }
        if won > Won::Point {
            let is_break = winner != server && !is_tie_break;
            self.log.play(IncidentKind::GameWon, winner, is_break.then_some("break"));
        }
        if won > Won::Game {
            self.log.play(IncidentKind::SetWon, winner, None);
        }
        won
    }

    /// The last point is looked at, while nobody bets, and may not stand: then all is as it was `before`.
    fn is_overturned(&mut self, before: Court) -> bool {
        let told = self.log.told();
        if !self.stopped {
            self.stop();
        }
        self.log.whistle(IncidentKind::VideoReview, Some("challenge"));
        self.log.now_ms += CHALLENGE_MS;
        let is_overturned = self.log.happens(OVERTURNED);
        if is_overturned {
            self.log.board = before;
            self.log.take_back(told);
        }
        is_overturned
    }

    /// Play is broken off; says whether it goes on.
    fn goes_on(&mut self) -> bool {
        self.broken_off_after = u32::MAX;
        if !self.stopped {
            self.stop();
        }
        let reason = *self.log.pick(&REASONS);
        self.log.break_off(reason)
    }

    /// The players rest for a moment; now and then one is treated.
    fn change_ends(&mut self) {
        self.log.now_ms += CHANGE_OF_ENDS_MS;
        if self.log.happens(TREATED) {
            let side = *self.log.pick(&SIDES);
            self.log.play(IncidentKind::Injury, side, None);
            self.log.play(IncidentKind::Timeout, side, Some("medical"));
            self.log.now_ms += TREATMENT_MS;
        }
    }

    fn ace(&mut self, server: Side) {
        let player = self.players[server as usize].name.clone();
        self.log.count(server, &player, 1);
        self.log.play_by(player, IncidentKind::Ace, server, None);
    }

    /// The point is the receiver's, the fault the server's.
    fn double_fault(&mut self, server: Side) {
        let player = self.players[server as usize].name.clone();
        self.log.play_by(player, IncidentKind::DoubleFault, other(server), None);
    }

    /// Bets wait for a point that may break a service or end a set.
    fn stop_or_reopen(&mut self) {
        let is_crucial = self.log.board.position.is_crucial();
        if is_crucial && !self.stopped {
            self.stop();
        } else if !is_crucial && self.stopped {
            self.log.now_ms += REOPEN_MS;
            self.reopen();
        }
    }

    fn stop(&mut self) {
        self.log.now_ms += STOP_MS;
        self.stopped = true;
        self.log.beat(What::Danger);
    }

    fn reopen(&mut self) {
        self.stopped = false;
        self.log.beat(What::Calm);
    }

    /// A set is over and another one follows.
    fn rest(&mut self) {
        self.log.board.rest();
        self.log.whistle(IncidentKind::PeriodEnd, None);
        self.log.now_ms += SET_OVER_MS;
        self.log.beat(What::Decided);
        self.reopen();
    }

    /// A player is hurt, is treated, and cannot go on.
    fn give_up(&mut self) {
        let side = *self.log.pick(&SIDES);
        if !self.stopped {
            self.stop();
        }
        self.log.play(IncidentKind::Injury, side, None);
        self.log.now_ms += TREATMENT_MS;
        self.log.board.retire(side);
        self.log.play(IncidentKind::Retirement, side, None);
    }

    fn end(&mut self) {
        self.log.whistle(IncidentKind::GameEnd, None);
        if !self.log.board.is_retired() {
            self.log.board.common.phase = MatchStatus::Ended;
        }
        self.log.beat(What::Over);
        self.log.now_ms += CONFIRM_MS;
        self.log.beat(What::Confirmed);
    }
}
