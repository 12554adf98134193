//! Where a match stands, and how a point moves it on: points make games, games make sets, sets make the match.

use domain::{Score, Side};

use crate::world::board::other;

/// The most games of one set: six of each side, and the tie-break.
pub(super) const SET_GAMES_MAX: usize = 13;

/// Both, home first.
pub(super) const SIDES: [Side; 2] = [Side::Home, Side::Away];

const GAME_POINTS: usize = 4;
const TIE_BREAK_POINTS: usize = 7;
const SET_GAMES: usize = 6;
const LEAD: usize = 2;

/// Who is how far. Counts are of home and away, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Sets that win the match.
    pub(super) sets_to_win: usize,
    pub(super) sets: [usize; 2],
    /// Of the set that is on, or comes next.
    pub(super) games: [usize; 2],
    /// Of the game that is on, or comes next, counted one by one.
    pub(super) points: [usize; 2],
    /// Who serves that game; of a tie-break, its first point.
    pub(super) first_server: Side,
}

/// What a point has won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Won {
    Point,
    Game,
    Set,
    Match,
}

impl Position {
    pub(super) fn new(sets_to_win: usize, first_server: Side) -> Self {
        Self { sets_to_win, sets: [0; 2], games: [0; 2], points: [0; 2], first_server }
    }

    pub(super) fn is_tie_break(&self) -> bool {
        self.games == [SET_GAMES; 2]
    }

    pub(super) fn is_over(&self) -> bool {
        self.sets.contains(&self.sets_to_win)
    }

    /// Who serves the next point.
    pub(super) fn server(&self) -> Side {
        match self.is_tie_break() {
            true => tie_break_server(self.first_server, self.points),
            false => self.first_server,
        }
    }

    /// The next point goes to `side`.
    pub(super) fn point(&mut self, side: Side) -> Won {
        self.points[side as usize] += 1;
        let enough = if self.is_tie_break() { TIE_BREAK_POINTS } else { GAME_POINTS };
        if !leads(self.points, side, enough) {
            return Won::Point;
        }
        self.points = [0; 2];
        self.games[side as usize] += 1;
        // The tie-break counts as one game: who received its first point serves next.
        self.first_server = other(self.first_server);
        if set_winner(self.games) != Some(side) {
            return Won::Game;
        }
        self.games = [0; 2];
        self.sets[side as usize] += 1;
        if self.is_over() { Won::Match } else { Won::Set }
    }

    /// Whether the next point may break a service or end a set: a bookmaker waits for it.
    pub(super) fn is_crucial(&self) -> bool {
        SIDES.into_iter().any(|side| match self.clone().point(side) {
            Won::Point => false,
            Won::Game => side != self.first_server,
            Won::Set | Won::Match => true,
        })
    }

    /// How many more games are won until the match is over: at least, and at most.
    pub(super) fn games_to_come(&self) -> (usize, usize) {
        if self.is_over() {
            return (0, 0);
        }
        let least = SIDES.map(|side| {
            let sets_after = self.sets_to_win - self.sets[side as usize] - 1;
            games_to_win(self.games, side) + sets_after * SET_GAMES
        });
        let [home, away] = self.games;
        let sets_after = 2 * self.sets_to_win - 2 - self.sets[0] - self.sets[1];
        let most = SET_GAMES_MAX - home - away + sets_after * SET_GAMES_MAX;
        (least[0].min(least[1]), most)
    }

    /// By how many sets home will lead in the end: at least, and at most.
    pub(super) fn sets_ahead_in_the_end(&self) -> [i32; 2] {
        let [home, away] = self.sets.map(whole);
        match self.is_over() {
            true => [home - away; 2],
            false => [home - whole(self.sets_to_win), whole(self.sets_to_win) - away],
        }
    }

    /// How many more games than away home will win from the beginning of the set that is on: at least, and at most.
    pub(super) fn games_ahead_to_come(&self) -> [i32; 2] {
        if self.is_over() {
            return [0; 2];
        }
        let most = SIDES.map(|side| {
            let (own, others) = (self.games[side as usize], self.games[other(side) as usize]);
            let by_this_set = whole(own + games_to_win(self.games, side)) - whole(others);
            let sets = whole(self.sets_to_win - self.sets[side as usize]);
            let has_more_time = self.sets[other(side) as usize] + 1 < self.sets_to_win;
            let straight = by_this_set + (sets - 1) * whole(SET_GAMES);
            // Far behind in this set, a side may do better to lose it by a tie-break and to win one more to love.
            let later = if has_more_time { sets * whole(SET_GAMES) - 1 } else { i32::MIN };
            straight.max(later)
        });
        [-most[1], most[0]]
    }

    /// The points of the running game by their names: 15, 30, 40, and 50 for advantage. A tie-break's are counted.
    pub(super) fn game_score(&self) -> Score {
        let [home, away] = self.points;
        if self.is_tie_break() {
            return score(self.points);
        }
        let name = |own: usize, others: usize| match own {
            0 => 0,
            1 => 15,
            2 => 30,
            _ if own > others && others >= 3 => 50,
            _ => 40,
        };
        Score { home: name(home, away), away: name(away, home) }
    }
}

/// Who serves a tie-break's next point: the first server once, then each side twice.
pub(super) fn tie_break_server(first: Side, points: [usize; 2]) -> Side {
    match (points[0] + points[1]).div_ceil(2) % 2 {
        0 => first,
        _ => other(first),
    }
}

/// Who has won a set of so many games, if anybody has.
pub(super) fn set_winner(games: [usize; 2]) -> Option<Side> {
    SIDES.into_iter().find(|&side| leads(games, side, SET_GAMES) || games[side as usize] > SET_GAMES)
}

/// Counts of both as a score.
pub(super) fn score([home, away]: [usize; 2]) -> Score {
    let count = |count| u32::try_from(count).expect("points, games and sets are few");
    Score { home: count(home), away: count(away) }
}

fn whole(count: usize) -> i32 {
    i32::try_from(count).expect("points, games and sets are few")
}

/// Games that `side` needs to win a set that stands so.
fn games_to_win(games: [usize; 2], side: Side) -> usize {
    let (own, others) = (games[side as usize], games[other(side) as usize]);
    if others < SET_GAMES - 1 { SET_GAMES - own } else { SET_GAMES + 1 - own }
}

fn leads(counts: [usize; 2], side: Side, enough: usize) -> bool {
    let (own, others) = (counts[side as usize], counts[other(side) as usize]);
    own >= enough && own >= others + LEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(games: [usize; 2], points: [usize; 2]) -> Position {
        Position { games, points, ..Position::new(2, Side::Home) }
    }

    #[test]
    fn points_have_their_names_and_a_tie_break_counts() {
        for (points, names) in [
            ([0, 0], (0, 0)),
            ([1, 2], (15, 30)),
            ([3, 2], (40, 30)),
            ([3, 3], (40, 40)),
            ([4, 3], (50, 40)),
            ([6, 6], (40, 40)),
            ([6, 7], (40, 50)),
        ] {
            let Score { home, away } = at([0, 0], points).game_score();
            assert_eq!((home, away), names, "{points:?}");
        }
        assert_eq!(at([6, 6], [8, 7]).game_score(), Score { home: 8, away: 7 });
    }

    #[test]
    fn a_game_a_set_and_a_match_are_won_by_their_last_point() {
        assert_eq!(at([0, 0], [3, 3]).point(Side::Home), Won::Point);
        assert_eq!(at([0, 0], [4, 3]).point(Side::Home), Won::Game);
        assert_eq!(at([5, 5], [3, 0]).point(Side::Home), Won::Game);
        assert_eq!(at([5, 4], [3, 0]).point(Side::Home), Won::Set);
        assert_eq!(at([6, 5], [3, 0]).point(Side::Home), Won::Set);
        assert_eq!(at([5, 6], [3, 0]).point(Side::Home), Won::Game);
        assert_eq!(at([6, 6], [6, 6]).point(Side::Home), Won::Point);
        assert_eq!(at([6, 6], [6, 5]).point(Side::Home), Won::Set);
        let mut last = Position { sets: [1, 1], ..at([5, 0], [3, 2]) };
        assert_eq!((last.point(Side::Home), last.sets), (Won::Match, [2, 1]));
    }

    #[test]
    fn service_changes_after_each_game_and_every_other_point_of_a_tie_break() {
        let mut position = at([6, 5], [0, 3]);
        assert_eq!(position.server(), Side::Home);
        position.point(Side::Away);
        let mut servers = Vec::new();
        for point in 0..12 {
            servers.push(position.server());
            position.point(if point % 2 == 0 { Side::Home } else { Side::Away });
        }
        let (home, away) = (Side::Home, Side::Away);
        let expected = [away, home, home, away, away, home, home, away, away, home, home, away];
        assert_eq!(servers, expected);
        position.point(Side::Home);
        assert_eq!(position.point(Side::Home), Won::Set);
        assert_eq!(position.server(), Side::Home, "who received first serves next");
    }

    #[test]
    fn games_to_come_are_those_of_the_shortest_and_of_the_longest_end() {
        for (sets, games, to_come) in [
            ([0, 0], [0, 0], (12, 39)),
            ([1, 0], [5, 4], (1, 17)),
            ([1, 0], [5, 5], (2, 16)),
            ([0, 1], [5, 3], (4, 18)),
            ([1, 1], [6, 5], (1, 2)),
            ([1, 1], [6, 6], (1, 1)),
            ([2, 1], [0, 0], (0, 0)),
        ] {
            let position = Position { sets, games, ..Position::new(2, Side::Home) };
            assert_eq!(position.games_to_come(), to_come, "{sets:?} {games:?}");
        }
    }

    /// Held against every way in which what is left may be played, game by game.
    #[test]
    fn leads_to_come_are_those_of_the_best_and_of_the_worst_end() {
        fn ends(
            position: Position,
            lead: i32,
            found: &mut std::collections::BTreeMap<Key, [i32; 4]>,
        ) -> [i32; 4] {
            if position.is_over() {
                let sets = whole(position.sets[0]) - whole(position.sets[1]);
                return [lead, lead, sets, sets];
            }
            let key = (position.sets, position.games);
            if let Some(&[least, most, sets_least, sets_most]) = found.get(&key) {
                return [lead + least, lead + most, sets_least, sets_most];
            }
            let both = SIDES.map(|side| {
                let mut next = position;
                let points = if next.is_tie_break() { TIE_BREAK_POINTS } else { GAME_POINTS };
                (0..points).for_each(|_| _ = next.point(side));
                ends(next, if side == Side::Home { 1 } else { -1 }, found)
            });
            let [a, b] = both;
            let best = [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])];
            found.insert(key, best);
            [lead + best[0], lead + best[1], best[2], best[3]]
        }
        type Key = ([usize; 2], [usize; 2]);
        for sets_to_win in [2, 3] {
            let mut found = std::collections::BTreeMap::new();
            ends(Position::new(sets_to_win, Side::Home), 0, &mut found);
            for ((sets, games), [least, most, sets_least, sets_most]) in found {
                let position = Position { sets, games, ..Position::new(sets_to_win, Side::Home) };
                // Counted from the beginning of the set.
                let lead = whole(games[0]) - whole(games[1]);
                assert_eq!(position.games_ahead_to_come(), [lead + least, lead + most], "{sets:?} {games:?}");
                assert_eq!(position.sets_ahead_in_the_end(), [sets_least, sets_most], "{sets:?}");
            }
        }
    }

    #[test]
    fn break_points_and_set_points_are_crucial() {
        for (games, points, is_crucial) in [
            ([0, 0], [3, 2], false),
            ([0, 0], [2, 3], true),
            ([0, 0], [3, 4], true),
            ([0, 0], [3, 3], false),
            ([5, 2], [3, 0], true),
            ([5, 2], [2, 0], false),
            ([6, 6], [6, 3], true),
            ([6, 6], [5, 5], false),
        ] {
            assert_eq!(at(games, points).is_crucial(), is_crucial, "{games:?} {points:?}");
        }
    }
}
