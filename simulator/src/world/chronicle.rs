//! A chronicle: the beats of a game as it is being played, and the chance by which it goes on.

use std::ops::Range;

use domain::id::Text;
use domain::{IncidentKind, MatchStatus, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::{Beat, Earlier, Play, What};
use super::board::{Board, Star};

/// Games that begin late, and by how much.
const DELAYED: f64 = 0.03;
const DELAY_MS: Range<u64> = 120_000..900_000;
/// Games in which play is broken off, for how long, and how often for good.
const BROKEN_OFF: f64 = 0.015;
const BREAK_OFF_MS: Range<u64> = 240_000..900_000;
const NEVER_GOES_ON: f64 = 0.35;
/// From the end to the result's confirmation.
const CONFIRM_MS: u64 = 15_000;

/// What has happened so far.
pub(super) struct Chronicle<'a, B> {
    pub(super) rng: &'a mut ChaCha8Rng,
    /// The players of both sides who are on.
    pub(super) players: [Vec<Text>; 2],
    /// The game's own time, in milliseconds: clock, breaks and all.
    pub(super) now_ms: u64,
    pub(super) board: B,
    /// The players whom markets are about, as the board's stars.
    stars: Vec<(Side, Text)>,
    beats: Vec<Beat<B>>,
}

impl<'a, B: Board> Chronicle<'a, B> {
    /// A game is announced.
    pub(super) fn new(board: B, players: [Vec<Text>; 2], rng: &'a mut ChaCha8Rng) -> Self {
        let beats = Vec::with_capacity(1_024);
        let mut chronicle = Self { rng, players, now_ms: 0, board, stars: Vec::new(), beats };
        chronicle.beat(What::Announced);
        chronicle
    }

    /// Says who plays: who begins, and who sits on the bench.
    pub(super) fn line_up(&mut self, benches: &[Vec<Text>; 2]) {
        for side in [Side::Home, Side::Away] {
            let starters = self.players[side as usize].clone();
            for (players, detail) in [(&starters, "starts"), (&benches[side as usize], "bench")] {
                for player in players {
                    self.play_by(player.clone(), IncidentKind::LineUp, side, Some(detail));
                }
            }
        }
    }

    /// Takes note of the players whom markets are about, at most as many as a board has stars.
    pub(super) fn follow(&mut self, stars: Vec<(Side, Text)>) {
        for ((side, name), star) in stars.iter().zip(&mut self.board.common_mut().stars) {
            let is_on = self.players[*side as usize].contains(name);
            *star = Star { took_part: is_on, is_on, ..Star::default() };
        }
        self.stars = stars;
    }

    /// Waits for the beginning, which now and then is later than was said.
    pub(super) fn wait(&mut self, before_ms: u64) {
        let delay_ms = self.rng.random_range(DELAY_MS);
        if self.happens(DELAYED) {
            let until_ms = self.now_ms + before_ms + delay_ms;
            self.now_ms += before_ms / 2;
            self.beat(What::Delayed { until_ms });
            self.now_ms = until_ms;
        } else {
            self.now_ms += before_ms;
        }
    }

    /// When play will be broken off, in seconds of a game of this length: mostly never.
    pub(super) fn break_off_at(&mut self, length_seconds: u32) -> Option<u32> {
        let at = self.rng.random_range(1..length_seconds);
        self.happens(BROKEN_OFF).then_some(at)
    }

    /// Play is broken off: it goes on after a while, or never. Bets are stopped before. Says whether it goes on.
    pub(super) fn break_off(&mut self, reason: &'static str) -> bool {
        let was_running = std::mem::replace(&mut self.board.common_mut().running, false);
        self.whistle(IncidentKind::Stoppage, Some(reason));
        self.beat(What::Halted);
        self.now_ms += self.rng.random_range(BREAK_OFF_MS);
        if self.happens(NEVER_GOES_ON) {
            self.board.common_mut().phase = MatchStatus::Abandoned;
            self.beat(What::Abandoned);
            self.now_ms += CONFIRM_MS;
            self.beat(What::Confirmed);
            return false;
        }
        self.board.common_mut().running = was_running;
        self.beat(What::Shown);
        true
    }

    /// Counts something for a player, where markets are about the player.
    pub(super) fn count(&mut self, side: Side, player: &Text, more: u32) {
        if let Some(slot) = self.star(side, player) {
            self.board.common_mut().stars[slot].tally += more;
        }
    }

    fn star(&self, side: Side, player: &Text) -> Option<usize> {
        self.stars.iter().position(|(of, name)| *of == side && name == player)
    }

    /// A player comes on, or goes off.
    pub(super) fn is_on(&mut self, side: Side, player: &Text, is_on: bool) {
        if let Some(slot) = self.star(side, player) {
            let star = &mut self.board.common_mut().stars[slot];
            star.is_on = is_on;
            star.took_part |= is_on;
        }
    }

    /// A player who is on goes off for good.
    pub(super) fn leaves(&mut self, side: Side, player: &Text) {
        if let Some(slot) = self.star(side, player) {
            let star = &mut self.board.common_mut().stars[slot];
            (star.is_on, star.has_left) = (false, true);
        }
    }

    /// The incident that was told last, to be amended or taken back later.
    pub(super) fn told(&self) -> Earlier {
        let Some(Beat { number, what: What::Play(play), board, .. }) = self.beats.last() else {
            panic!("the last beat is an incident")
        };
        let common = board.common();
        let part = common.last().map_or(common.phase, |score| score.period);
        Earlier { number: *number, play: play.clone(), part, seconds: common.seconds }
    }

    /// What was told did not happen: the board is as it was before.
    pub(super) fn take_back(&mut self, told: Earlier) {
        self.beat(What::Deleted(told));
        self.beat(What::Corrected);
    }

    /// What was told happened otherwise: the board shows it.
    pub(super) fn amend(&mut self, told: Earlier, kind: IncidentKind) {
        self.beat(What::Amended(Earlier { play: Play { kind, ..told.play }, ..told }));
        self.beat(What::Corrected);
    }

    pub(super) fn into_beats(self) -> Vec<Beat<B>> {
        self.beats
    }

    /// Something happens now.
    pub(super) fn beat(&mut self, what: What) {
        let number = self.beats.len();
        self.beats.push(Beat { number, at_ms: self.now_ms, what, board: self.board.clone() });
    }

    /// An incident of neither side.
    pub(super) fn whistle(&mut self, kind: IncidentKind, detail: Option<&'static str>) {
        self.beat(What::Play(Play { kind, side: None, player: None, detail }));
    }

    /// An incident of a side as a whole.
    pub(super) fn side(&mut self, kind: IncidentKind, side: Side, detail: Option<&'static str>) {
        self.beat(What::Play(Play { kind, side: Some(side), player: None, detail }));
    }

    /// An incident of any one of a side's players.
    pub(super) fn play(&mut self, kind: IncidentKind, side: Side, detail: Option<&'static str>) {
        let player = self.player(side);
        self.play_by(player, kind, side, detail);
    }

    /// An incident of this player.
    pub(super) fn play_by(
        &mut self,
        player: Text,
        kind: IncidentKind,
        side: Side,
        detail: Option<&'static str>,
    ) {
        self.beat(What::Play(Play { kind, side: Some(side), player: Some(player), detail }));
    }

    /// An incident of one of a side's players, by the weights of their places.
    pub(super) fn play_of(
        &mut self,
        weights: &[f64],
        kind: IncidentKind,
        side: Side,
        detail: Option<&'static str>,
    ) {
        let player = self.player_of(side, weights);
        self.play_by(player, kind, side, detail);
    }

    /// One of a side's players, by the weights of the places in which they play; places beyond are of no weight, nor are
    /// those of players who are off.
    pub(super) fn player_by(&mut self, side: Side, weights: &[f64]) -> Text {
        let weights = self.weights(side, weights);
        let place = drawn(&weights, self.rng.random());
        self.players[side as usize][place].clone()
    }

    /// The same by a number of 32 bits, as [`Self::place`] takes it: what happens later is what it would be were they
    /// all of one weight.
    pub(super) fn player_of(&mut self, side: Side, weights: &[f64]) -> Text {
        let place = self.place_by(side, weights);
        self.players[side as usize][place].clone()
    }

    /// The place of such a player.
    pub(super) fn place_by(&mut self, side: Side, weights: &[f64]) -> usize {
        let weights = self.weights(side, weights);
        self.place_of(&weights)
    }

    fn place_of(&mut self, weights: &[f64]) -> usize {
        drawn(weights, f64::from(self.rng.random::<u32>()) / (f64::from(u32::MAX) + 1.0))
    }

    /// The weights of a side's players who are not off.
    fn weights(&self, side: Side, weights: &[f64]) -> Vec<f64> {
        let players = self.players[side as usize].len();
        let of = |(place, weight): (usize, &f64)| if self.board.is_off(side, place) { 0.0 } else { *weight };
        weights.iter().take(players).enumerate().map(of).collect()
    }

    /// Who is next in a shoot-out: nobody twice before all have been, whose places are written to `been` as bits.
    pub(super) fn taker(&mut self, side: Side, weights: &[f64], been: &mut u32) -> Text {
        let weights = self.weights(side, weights);
        let of = |(place, weight): (usize, &f64)| if *been >> place & 1 == 1 { 0.0 } else { *weight };
        let mut left: Vec<f64> = weights.iter().enumerate().map(of).collect();
        if left.iter().all(|weight| *weight <= 0.0) {
            (*been, left) = (0, weights);
        }
        let place = self.place_of(&left);
        *been |= 1 << place;
        self.players[side as usize][place].clone()
    }

    /// Any one of a side's players.
    pub(super) fn player(&mut self, side: Side) -> Text {
        let place = self.place(self.players[side as usize].len());
        self.players[side as usize][place].clone()
    }

    /// Somebody of the bench comes on for any one of a side's players from a place on who are not off, and who takes the
    /// place on the bench that is returned.
    pub(super) fn substitute(&mut self, side: Side, from: usize, bench: &mut [Text]) -> usize {
        let places = from..self.players[side as usize].len();
        let left: Vec<usize> = places.filter(|&place| !self.board.is_off(side, place)).collect();
        let off = *self.pick(&left);
        let on = self.place(bench.len());
        std::mem::swap(&mut self.players[side as usize][off], &mut bench[on]);
        let player = self.players[side as usize][off].clone();
        self.is_on(side, &bench[on], false);
        self.is_on(side, &player, true);
        self.play_by(player, IncidentKind::Substitution, side, None);
        on
    }

    /// One of a few.
    pub(super) fn pick<'l, T>(&mut self, from: &'l [T]) -> &'l T {
        &from[self.place(from.len())]
    }

    /// A place in a list that is not empty.
    pub(super) fn place(&mut self, length: usize) -> usize {
        let length = u32::try_from(length).expect("a list of this program is short");
        self.rng.random_range(0..length) as usize
    }

    /// Whether something of this chance happens.
    pub(super) fn happens(&mut self, chance: f64) -> bool {
        self.rng.random::<f64>() < chance
    }
}

/// The place on which a number below one falls, where each place is as wide as its weight.
pub(super) fn drawn(weights: &[f64], number: f64) -> usize {
    let mut left = number * weights.iter().sum::<f64>();
    let place = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    let last = || weights.iter().rposition(|weight| *weight > 0.0);
    place.or_else(last).expect("somebody is of weight")
}
