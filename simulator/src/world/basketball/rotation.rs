//! Who is on and who shoots: by the places in which a team's players are listed, the best one first.

use domain::id::Text;
use domain::{IncidentKind, Side};
use rand::RngExt;

use super::course::Game;
use crate::world::chronicle::drawn;

/// How long each player stays on, and how soon he comes back, against each other.
const MINUTES: [f64; 13] = [5.0, 4.2, 3.4, 2.8, 2.4, 2.2, 1.6, 1.2, 0.7, 0.4, 0.2, 0.1, 0.1];
/// How often each shoots while on.
const SHOOTS: [f64; 13] = [1.7, 1.35, 1.1, 1.0, 0.9, 1.1, 0.9, 0.8, 0.7, 0.7, 0.6, 0.6, 0.6];

/// What a substitution takes, the clock standing.
const SUBSTITUTION_MS: u64 = 3_000;

impl Game<'_> {
    /// Somebody of the bench comes on for somebody else, where somebody is left there.
    pub(super) fn rotate(&mut self, side: Side) {
        if self.benches[side as usize].is_empty() {
            return;
        }
        let coming = self.weights(side, &self.benches[side as usize], |place| MINUTES[place]);
        let going = self.weights(side, &self.log.players[side as usize], |place| 1.0 / MINUTES[place]);
        let (on, off) = (drawn(&coming, self.log.rng.random()), drawn(&going, self.log.rng.random()));
        let comes = self.benches[side as usize][on].clone();
        let goes = std::mem::replace(&mut self.log.players[side as usize][off], comes.clone());
        self.log.is_on(side, &goes, false);
        self.log.is_on(side, &comes, true);
        self.benches[side as usize][on] = goes;
        self.log.now_ms += SUBSTITUTION_MS;
        self.log.play_by(comes, IncidentKind::Substitution, side, None);
    }

    /// A player's game is over, by what is told of it if anything is, and somebody of the bench comes on. A side is never
    /// of fewer than five: who cannot be replaced stays.
    pub(super) fn leaves(&mut self, player: &Text, side: Side, told: Option<(IncidentKind, &'static str)>) {
        let on = &self.log.players[side as usize];
        let Some(off) = on.iter().position(|other| other == player) else { return };
        if self.benches[side as usize].is_empty() {
            return;
        }
        let coming = self.weights(side, &self.benches[side as usize], |place| MINUTES[place]);
        let comes = self.benches[side as usize].remove(drawn(&coming, self.log.rng.random()));
        self.log.players[side as usize][off] = comes.clone();
        self.log.leaves(side, player);
        self.log.is_on(side, &comes, true);
        if let Some((kind, detail)) = told {
            self.log.play_by(player.clone(), kind, side, Some(detail));
        }
        self.log.play_by(comes, IncidentKind::Substitution, side, None);
        self.log.now_ms += SUBSTITUTION_MS;
    }

    /// Who shoots.
    pub(super) fn shooter(&mut self, side: Side) -> Text {
        let weights = self.weights(side, &self.log.players[side as usize], |place| SHOOTS[place]);
        let place = drawn(&weights, self.log.rng.random());
        self.log.players[side as usize][place].clone()
    }

    /// What weight each of these players of a side has, by the place in which the team lists the player.
    fn weights(&self, side: Side, players: &[Text], weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let listed = &self.teams[side as usize].players;
        let place = |player: &Text| listed.iter().position(|other| other == player).unwrap_or(0);
        players.iter().map(|player| weight(place(player))).collect()
    }
}
