//! What is left of a match, as a Markov chain of points: who wins games, sets and the match, and after how many games.
//!
//! The server wins each point with a probability of their own, the same at every score (Newton and Keller,
//! "Probability of winning at tennis I", Studies in Applied Mathematics 114, 2005). Deuce has a closed form, all else
//! follows backwards from the end. It is computed once for a match; a price is then a few additions.

use domain::Side;

use super::position::{Position, SET_GAMES_MAX, SIDES, set_winner, tie_break_server};
use crate::world::board::other;

/// The most games of a match: five sets.
const GAMES_MAX: usize = 5 * SET_GAMES_MAX;

/// Leads in sets that a match may end with: three of either side, and those between.
const SETS_APART: usize = 7;

/// The furthest that a side may lead in games in the end: three sets to love.
const GAMES_AHEAD_MAX: usize = 18;
/// Leads in games that a match may end with.
const GAMES_APART: usize = 2 * GAMES_AHEAD_MAX + 1;

/// By who wins a set, and how many games from now: how likely that is.
type Ends = [[f64; SET_GAMES_MAX + 1]; 2];

/// The tables of one match.
#[derive(Debug)]
pub(super) struct Chain {
    /// How likely each side wins a point that it serves.
    on_serve: [f64; 2],
    /// By server, the server's points and the receiver's: how likely the server holds.
    holds: [[[f64; 5]; 5]; 2],
    /// By who serves first, home's points and away's: how likely home wins the tie-break.
    tie_breaks: [[[f64; 8]; 8]; 2],
    /// By who serves next, home's games and away's: how the set ends.
    sets: Vec<[[Ends; 8]; 8]>,
    /// By home's sets and away's and who serves next: how the match goes on with a new set.
    matches: Vec<[[Rest; 2]; 4]>,
}

/// What comes of a match from the beginning of a set on.
#[derive(Debug, Clone, Copy)]
struct Rest {
    home_wins: f64,
    /// How likely home wins by at least so many sets, from losing by three on.
    sets_ahead: [f64; SETS_APART],
    /// How likely home wins at least so many games more than away from here on, from so many fewer on.
    games_ahead: [f64; GAMES_APART],
    /// How likely at least 0, 1, 2, … games are still played.
    at_least: [f64; GAMES_MAX + 1],
}

impl Rest {
    fn nothing() -> Self {
        Self {
            home_wins: 0.0,
            sets_ahead: [0.0; SETS_APART],
            games_ahead: [0.0; GAMES_APART],
            at_least: [0.0; GAMES_MAX + 1],
        }
    }

    /// A match that has ended with these sets.
    fn over(home: usize, away: usize) -> Self {
        let mut rest = Self::nothing();
        rest.home_wins = f64::from(u8::from(home > away));
        rest.sets_ahead[..=3 + home - away].fill(1.0);
        rest.games_ahead[..=GAMES_AHEAD_MAX].fill(1.0);
        rest.at_least[0] = 1.0;
        rest
    }
}

/// What the chain says of one moment of a match.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'c> {
    chain: &'c Chain,
    position: Position,
    /// How likely home wins the game that is on.
    home_game: f64,
}

impl Chain {
    /// The tables for a match of so many sets to win, where each side wins a point that it serves with a
    /// probability `on_serve`, above zero and below one.
    pub(super) fn new(sets_to_win: usize, on_serve: [f64; 2]) -> Self {
        let holds = on_serve.map(holds);
        let tie_breaks = SIDES.map(|first| tie_breaks(on_serve, first));
        let mut chain = Self { on_serve, holds, tie_breaks, sets: Vec::new(), matches: Vec::new() };
        chain.sets = chain.set_ends();
        chain.matches = chain.rests(sets_to_win);
        chain
    }

    /// A moment of a match that is not over.
    pub(super) fn view(&self, position: Position) -> View<'_> {
        View { chain: self, position, home_game: self.home_game(&position) }
    }

    fn home_game(&self, position: &Position) -> f64 {
        let [home, away] = position.points;
        let server = position.first_server;
        if position.is_tie_break() {
            return self.home_tie_break(server, position.points);
        }
        // From deuce on only the difference matters.
        let beyond = home.min(away).saturating_sub(3);
        match server {
            Side::Home => self.holds[0][home - beyond][away - beyond],
            Side::Away => 1.0 - self.holds[1][away - beyond][home - beyond],
        }
    }

    fn home_tie_break(&self, first: Side, points: [usize; 2]) -> f64 {
        let [home, away] = points;
        let table = &self.tie_breaks[first as usize];
        if home.min(away) < 6 {
            return table[home][away];
        }
        let level = table[6][6];
        let next = home_point(self.on_serve, tie_break_server(first, points));
        match home.cmp(&away) {
            std::cmp::Ordering::Equal => level,
            std::cmp::Ordering::Greater => next + (1.0 - next) * level,
            std::cmp::Ordering::Less => next * level,
        }
    }

    fn set_ends(&self) -> Vec<[[Ends; 8]; 8]> {
        let mut sets = vec![[[[[0.0; SET_GAMES_MAX + 1]; 2]; 8]; 8]; 2];
        for home in (0..8).rev() {
            for away in (0..8).rev() {
                for server in SIDES {
                    let ends = match set_winner([home, away]) {
                        Some(winner) => ended(winner),
                        None => self.set_end(&sets, [home, away], server),
                    };
                    sets[server as usize][home][away] = ends;
                }
            }
        }
        sets
    }

    /// How a set ends, from how it ends after one game more.
    fn set_end(&self, sets: &[[[Ends; 8]; 8]], games: [usize; 2], server: Side) -> Ends {
        let position = Position { games, ..Position::new(1, server) };
        let home_game = self.home_game(&position);
        let after = &sets[other(server) as usize];
        let [home, away] = games;
        let mut ends = [[0.0; SET_GAMES_MAX + 1]; 2];
        for (winner, lengths) in ends.iter_mut().enumerate() {
            for (length, likely) in lengths.iter_mut().enumerate().skip(1) {
                *likely = home_game * after[home + 1][away][winner][length - 1]
                    + (1.0 - home_game) * after[home][away + 1][winner][length - 1];
            }
        }
        ends
    }

    fn rests(&self, sets_to_win: usize) -> Vec<[[Rest; 2]; 4]> {
        let mut matches = vec![[[Rest::nothing(); 2]; 4]; 4];
        for (away, rests) in matches[sets_to_win].iter_mut().enumerate().take(sets_to_win) {
            *rests = [Rest::over(sets_to_win, away); 2];
        }
        for (home, rests) in matches.iter_mut().enumerate().take(sets_to_win) {
            rests[sets_to_win] = [Rest::over(home, sets_to_win); 2];
        }
        for home in (0..sets_to_win).rev() {
            for away in (0..sets_to_win).rev() {
                let rest = SIDES.map(|server| {
                    let after = |winner: usize| {
                        &matches[home + usize::from(winner == 0)][away + usize::from(winner == 1)]
                    };
                    continued(&self.sets[server as usize][0][0], server, after)
                });
                matches[home][away] = rest;
            }
        }
        matches
    }
}

/// A set that `winner` has won.
fn ended(winner: Side) -> Ends {
    let mut ends = [[0.0; SET_GAMES_MAX + 1]; 2];
    ends[winner as usize][0] = 1.0;
    ends
}

/// A match goes on as its set `ends`, and `after` that by its winner and who serves then.
fn continued<'r>(ends: &Ends, server: Side, after: impl Fn(usize) -> &'r [Rest; 2]) -> Rest {
    let mut rest = Rest::nothing();
    each_end(ends, server, |winner, games, next_server, likely| {
        let next = &after(winner)[next_server as usize];
        rest.home_wins += likely * next.home_wins;
        for (sum, chance) in rest.sets_ahead.iter_mut().zip(next.sets_ahead) {
            *sum += likely * chance;
        }
        let ahead = set_lead(winner, games);
        for (index, sum) in rest.games_ahead.iter_mut().enumerate() {
            let before = index.checked_add_signed(-ahead).unwrap_or(0);
            *sum += likely * next.games_ahead.get(before).copied().unwrap_or(0.0);
        }
        for (index, sum) in rest.at_least.iter_mut().enumerate() {
            *sum += likely * next.at_least[index.saturating_sub(games)];
        }
    });
    rest
}

/// By how many games home leads in a set of so many: six win it up to ten, seven beyond.
fn set_lead(winner: usize, games: usize) -> isize {
    let won = if games <= 10 { 6 } else { 7 };
    let lead = (2 * won - games).cast_signed();
    if winner == Side::Home as usize { lead } else { -lead }
}

/// Calls `visit` with each way in which a set may end: winner, games from now, who serves then, and how likely it is.
fn each_end(ends: &Ends, server: Side, mut visit: impl FnMut(usize, usize, Side, f64)) {
    for (winner, lengths) in ends.iter().enumerate() {
        for (games, &likely) in lengths.iter().enumerate().filter(|(_, likely)| **likely > 0.0) {
            visit(winner, games, if games % 2 == 0 { server } else { other(server) }, likely);
        }
    }
}

impl View<'_> {
    pub(super) fn home_wins_match(&self) -> f64 {
        let mut sum = 0.0;
        self.each_rest(|_, _, rest, likely| sum += likely * rest.home_wins);
        sum
    }

    pub(super) fn home_wins_set(&self) -> f64 {
        let of_home = |games: [usize; 2]| self.ends(games)[0].iter().sum::<f64>();
        let [after_home, after_away] = self.after_game();
        self.home_game * of_home(after_home) + (1.0 - self.home_game) * of_home(after_away)
    }

    /// How likely home wins the game that is on.
    pub(super) fn home_wins_game(&self) -> f64 {
        self.home_game
    }

    /// How likely home wins by at least so many sets; by fewer than none, loses by fewer.
    pub(super) fn home_ahead_by(&self, sets: i32) -> f64 {
        let from = usize::try_from(sets + 3).unwrap_or(0);
        let mut sum = 0.0;
        self.each_rest(|_, _, rest, likely| {
            sum += likely * rest.sets_ahead.get(from).copied().unwrap_or(0.0);
        });
        sum
    }

    /// How likely home wins at least so many games more than away, from the beginning of the set that is on.
    pub(super) fn games_ahead_by(&self, games: i32) -> f64 {
        let from = games as isize + GAMES_AHEAD_MAX.cast_signed();
        let mut sum = 0.0;
        self.each_rest(|_, lead, rest, likely| {
            let from = usize::try_from(from - lead).unwrap_or(0);
            sum += likely * rest.games_ahead.get(from).copied().unwrap_or(0.0);
        });
        sum
    }

    /// How likely at least `games` more are won in this set, the one that is on included.
    pub(super) fn at_least_in_set(&self, games: usize) -> f64 {
        let mut sum = 0.0;
        for (after, home_or_away) in self.after_game().into_iter().zip([self.home_game, 1.0 - self.home_game])
        {
            let longer =
                self.ends(after).iter().flat_map(|lengths| lengths.iter().skip(games.saturating_sub(1)));
            sum += home_or_away * longer.sum::<f64>();
        }
        sum
    }

    /// How likely at least `games` more are won in this match, the one that is on included.
    pub(super) fn at_least(&self, games: usize) -> f64 {
        let mut sum = 0.0;
        self.each_rest(|played, _, rest, likely| {
            sum += likely * rest.at_least.get(games.saturating_sub(played)).copied().unwrap_or(0.0);
        });
        sum
    }

    /// The games of the set after the one that is on, if home wins it and if away does.
    fn after_game(&self) -> [[usize; 2]; 2] {
        let [home, away] = self.position.games;
        [[home + 1, away], [home, away + 1]]
    }

    /// How the set ends when the game that is on has made it `games`.
    fn ends(&self, [home, away]: [usize; 2]) -> &Ends {
        &self.chain.sets[other(self.position.first_server) as usize][home][away]
    }

    /// Calls `visit` with each way in which the set may end: the games until then, by how many home then leads in it,
    /// what is left after it, how likely it is.
    fn each_rest(&self, mut visit: impl FnMut(usize, isize, &Rest, f64)) {
        let [home, away] = self.position.sets;
        for (games, home_or_away) in self.after_game().into_iter().zip([self.home_game, 1.0 - self.home_game])
        {
            let server = other(self.position.first_server);
            each_end(self.ends(games), server, |winner, more, next_server, likely| {
                let sets =
                    &self.chain.matches[home + usize::from(winner == 0)][away + usize::from(winner == 1)];
                let lead = set_lead(winner, games[0] + games[1] + more);
                visit(1 + more, lead, &sets[next_server as usize], home_or_away * likely);
            });
        }
    }
}

/// How likely home wins a point that `server` serves.
fn home_point(on_serve: [f64; 2], server: Side) -> f64 {
    match server {
        Side::Home => on_serve[0],
        Side::Away => 1.0 - on_serve[1],
    }
}

/// How likely the server wins a game, by the points of the server and of the receiver.
fn holds(p: f64) -> [[f64; 5]; 5] {
    let q = 1.0 - p;
    let deuce = p * p / (p * p + q * q);
    let mut holds = [[0.0; 5]; 5];
    holds[4] = [1.0; 5];
    holds[4][3] = p + q * deuce;
    holds[3][4] = p * deuce;
    holds[3][3] = deuce;
    for own in (0..4).rev() {
        for others in (0..4).rev().filter(|&others| (own, others) != (3, 3)) {
            holds[own][others] = p * holds[own + 1][others] + q * holds[own][others + 1];
        }
    }
    holds
}

/// How likely home wins a tie-break, by the points of home and of away up to six of each.
fn tie_breaks(on_serve: [f64; 2], first: Side) -> [[f64; 8]; 8] {
    let [home_serves, away_serves] = SIDES.map(|server| home_point(on_serve, server));
    // Level at six, both serve one of every two points: only two in a row decide.
    let both = home_serves * away_serves;
    let neither = (1.0 - home_serves) * (1.0 - away_serves);
    let mut table = [[0.0; 8]; 8];
    table[7] = [1.0; 8];
    table[6][6] = both / (both + neither);
    for home in (0..7).rev() {
        for away in (0..7).rev().filter(|&away| (home, away) != (6, 6)) {
            let next = home_point(on_serve, tie_break_server(first, [home, away]));
            table[home][away] = next * table[home + 1][away] + (1.0 - next) * table[home][away + 1];
        }
    }
    table
}

#[cfg(test)]
mod tests;
