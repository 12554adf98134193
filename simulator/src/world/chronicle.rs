//! A chronicle: the beats of a game as it is being played, and the chance by which it goes on.

use domain::id::Text;
use domain::{IncidentKind, Side};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::{Beat, Play, What};
use super::board::Board;

/// What has happened so far.
pub(super) struct Chronicle<'a, B> {
    pub(super) rng: &'a mut ChaCha8Rng,
    /// The players of both sides who are on.
    pub(super) players: [Vec<Text>; 2],
    /// The game's own time, in milliseconds: clock, breaks and all.
    pub(super) now_ms: u64,
    pub(super) board: B,
    beats: Vec<Beat<B>>,
}

impl<'a, B: Board> Chronicle<'a, B> {
    /// A game is announced.
    pub(super) fn new(board: B, players: [Vec<Text>; 2], rng: &'a mut ChaCha8Rng) -> Self {
        let mut chronicle = Self { rng, players, now_ms: 0, board, beats: Vec::with_capacity(512) };
        chronicle.beat(What::Announced);
        chronicle
    }

    pub(super) fn into_beats(self) -> Vec<Beat<B>> {
        self.beats
    }

    /// Something happens now.
    pub(super) fn beat(&mut self, what: What) {
        self.beats.push(Beat { at_ms: self.now_ms, what, board: self.board.clone() });
    }

    /// An incident of neither side.
    pub(super) fn whistle(&mut self, kind: IncidentKind, detail: Option<&'static str>) {
        self.beat(What::Play(Play { kind, side: None, player: None, detail }));
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

    /// Any one of a side's players.
    pub(super) fn player(&mut self, side: Side) -> Text {
        let place = self.place(self.players[side as usize].len());
        self.players[side as usize][place].clone()
    }

    /// Somebody of the bench comes on for any one of a side's players, who takes the place on the bench that
    /// is returned.
    pub(super) fn substitute(&mut self, side: Side, bench: &mut [Text]) -> usize {
        let (off, on) = (self.place(self.players[side as usize].len()), self.place(bench.len()));
        std::mem::swap(&mut self.players[side as usize][off], &mut bench[on]);
        let player = self.players[side as usize][off].clone();
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
