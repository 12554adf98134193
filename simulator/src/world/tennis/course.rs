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

/// Of the points that a server wins, those that are aces; of those lost, those that are double faults.
const ACES: f64 = 0.11;
const DOUBLE_FAULTS: f64 = 0.1;
/// Matches in which a player is hurt, and how many points are played until then; some matches end before.
const HURT: f64 = 0.03;
const POINTS_UNTIL_HURT: Range<u32> = 15..150;

/// Milliseconds of a match's own time.
const BEFORE_MS: u64 = 120_000;
const POINT_MS: Range<u64> = 18_000..40_000;
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

/// A player, as far as the match goes.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) name: Text,
    /// How likely a point is won that this player serves.
    pub(super) on_serve: f64,
}

/// Plays a match to its end.
pub(super) fn play(players: [&Player; 2], sets_to_win: usize, rng: &mut ChaCha8Rng) -> Vec<Beat<Court>> {
    let first_server = SIDES[usize::from(rng.random::<bool>())];
    let hurt_after = rng.random_range(POINTS_UNTIL_HURT);
    let hurt_after = if rng.random::<f64>() < HURT { hurt_after } else { u32::MAX };
    let court = Court::new(Position::new(sets_to_win, first_server));
    let names = players.map(|player| vec![player.name.clone()]);
    let mut game = Match { players, hurt_after, stopped: false, log: Chronicle::new(court, names, rng) };
    game.log.now_ms += BEFORE_MS;
    while game.set() {
        game.log.now_ms += BREAK_MS;
    }
    game.end();
    game.log.into_beats()
}

struct Match<'a> {
    players: [&'a Player; 2],
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
            self.hurt_after -= 1;
            match self.point() {
                Won::Game if self.log.board.games() % 2 == 1 => self.log.now_ms += CHANGE_OF_ENDS_MS,
                Won::Point | Won::Game => {}
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
        let winner = if server_wins { server } else { other(server) };
        let is_special = self.log.happens(if server_wins { ACES } else { DOUBLE_FAULTS });
        let won = self.log.board.point(winner);
        match (is_special, server_wins) {
            (true, true) => self.log.play(IncidentKind::Ace, winner, None),
            (true, false) => self.double_fault(server),
            (false, _) => self.log.play(IncidentKind::Point, winner, None),
        }
        if won > Won::Point {
            self.log.play(IncidentKind::GameWon, winner, None);
        }
        if won > Won::Game {
            self.log.play(IncidentKind::SetWon, winner, None);
        }
        won
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
