//! The market's mood: what bettors think beyond what can be seen of a game.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// How far it goes from zero at most.
pub(super) const MAX: f64 = 0.3;
/// The largest step, and the part that goes away with each step.
const STEP: f64 = 0.004;
const DECAY: f64 = 0.02;

/// A number that wanders about zero: above it the market leans to the home side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mood(f64);

impl Mood {
    pub(super) fn drift(&mut self, rng: &mut ChaCha8Rng) {
        let step = (rng.random::<f64>() * 2.0 - 1.0) * STEP;
        self.0 = (self.0 * (1.0 - DECAY) + step).clamp(-MAX, MAX);
    }

    pub(super) fn get(self) -> f64 {
        self.0
    }
}
