//! What a bookmaker holds likely while a match is on: the chain of points, bent by what the market thinks.
//!
//! The market's mood moves both players' service points against each other. Between two chains, one without a mood
//! and one with the strongest, what a mood in between is worth lies on a line.

use super::chain::{Chain, View};
use super::position::Position;
use crate::world::mood::{self, Mood};
use crate::world::numbers::exp_of_minus;

/// By how much the strongest mood makes a service point more likely for one side, and less so for the other.
const LEAN: f64 = 0.016;

/// The chains of one match.
#[derive(Debug)]
pub(super) struct Chains {
    even: Chain,
    leaning_home: Chain,
    leaning_away: Chain,
}

/// How a match may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook<'c> {
    even: View<'c>,
    leaning: View<'c>,
    /// How far it leans: 0 to 1.
    share: f64,
}

impl Chains {
    /// The chains of a match of so many sets to win, where each side wins a point that it serves with the
    /// probability `on_serve`.
    pub(super) fn new(sets_to_win: usize, [home, away]: [f64; 2]) -> Self {
        Self {
            even: Chain::new(sets_to_win, [home, away]),
            leaning_home: Chain::new(sets_to_win, [home + LEAN, away - LEAN]),
            leaning_away: Chain::new(sets_to_win, [home - LEAN, away + LEAN]),
        }
    }

    /// The outlook of a match that is not over.
    pub(super) fn outlook(&self, position: Position, mood: Mood) -> Outlook<'_> {
        let leaning = if mood.get() < 0.0 { &self.leaning_away } else { &self.leaning_home };
        Outlook {
            even: self.even.view(position),
            leaning: leaning.view(position),
            share: mood.get().abs() / mood::MAX,
        }
    }
}

impl<'c> Outlook<'c> {
    pub(super) fn home_wins_match(&self) -> f64 {
        self.mean(View::home_wins_match)
    }

    /// How likely home wins the set that is on, or comes next.
    pub(super) fn home_wins_set(&self) -> f64 {
        self.mean(View::home_wins_set)
    }

    /// How likely at least `games` more are won, the one that is on included.
    pub(super) fn at_least(&self, games: usize) -> f64 {
        self.mean(|view| view.at_least(games))
    }

    /// How likely home wins the game that is on.
    pub(super) fn home_wins_game(&self) -> f64 {
        self.mean(View::home_wins_game)
    }

    /// How likely home wins by at least so many sets.
    pub(super) fn home_ahead_by(&self, sets: i32) -> f64 {
        self.mean(|view| view.home_ahead_by(sets))
    }

    /// How likely home wins at least so many games more than away, from the beginning of the set that is on.
    pub(super) fn games_ahead_by(&self, games: i32) -> f64 {
        self.mean(|view| view.games_ahead_by(games))
    }

    /// How likely at least `games` more are won in this set, the one that is on included.
    pub(super) fn at_least_in_set(&self, games: usize) -> f64 {
        self.mean(|view| view.at_least_in_set(games))
    }

    /// How likely a player who serves so many aces in a game on average, of both sides' games, serves at least so many
    /// in what is left: in each number of games they come by themselves.
    pub(super) fn aces_at_least(&self, aces: u32, in_a_game: f64) -> f64 {
        const GAMES_STEP: usize = 3;
        let (mut sum, mut games) = (0.0, 1);
        let mut likely = 1.0;
        while likely > 1e-4 && games < 66 {
            let longer = self.at_least(games + GAMES_STEP);
            let middle = f64::from(u32::try_from(games + GAMES_STEP / 2).unwrap_or(0));
            sum += (likely - longer) * at_least(aces, in_a_game * middle);
            likely = longer;
            games += GAMES_STEP;
        }
        sum
    }

    fn mean(&self, value: impl Fn(&View<'c>) -> f64) -> f64 {
        value(&self.even) * (1.0 - self.share) + value(&self.leaning) * self.share
    }
}

/// How likely at least so many come where `mean` are expected and each comes by itself.
fn at_least(count: u32, mean: f64) -> f64 {
    let mut term = exp_of_minus(mean);
    let mut fewer = 0.0;
    for number in 1..=count {
        fewer += term;
        term *= mean / f64::from(number);
    }
    1.0 - fewer
}

#[cfg(test)]
mod tests {
    use domain::Side;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_mood_moves_the_odds_a_little() {
        let chains = Chains::new(2, [0.64, 0.63]);
        let position = Position::new(2, Side::Home);
        let even = chains.outlook(position, Mood::default()).home_wins_match();
        assert!((even - chains.even.view(position).home_wins_match()).abs() < 1e-12);
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let mut mood = Mood::default();
        for _ in 0..2_000 {
            mood.drift(rng);
            let moved = chains.outlook(position, mood).home_wins_match() - even;
            assert!(moved * mood.get() >= 0.0, "it moves with the mood");
            assert!(moved.abs() < 0.12, "{moved} at {mood:?}");
        }
    }
}
