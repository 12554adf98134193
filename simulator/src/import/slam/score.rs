//! How points make games, games make sets and sets make a match of tennis, by the rules of its tournament.

use domain::{Score, Side};

/// What is to be known of a match to count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// Sets that win the match: three of five or two of three.
    pub(super) sets_to_win: u32,
    /// How the set that decides is ended.
    pub(super) last_set: LastSet,
}

/// How the set that decides is ended, once it is level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastSet {
    /// By two games more.
    Advantage,
    /// By a tie-break to so many points when so many games are level.
    TieBreak { at: u32, points: u32 },
}

/// A match as it stands.
#[derive(Debug, Clone)]
pub(super) struct Count {
    format: Format,
    pub(super) sets: Score,
    /// The games of the set that is on, or was last.
    pub(super) games: Score,
    /// Points of the game that is on, counted one by one.
    points: Score,
    is_between_sets: bool,
}

/// What a point wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Won {
    Point,
    Game,
    Set,
    Match,
}

impl Format {
    /// The format of a match, by the tournament's rules of the year. The last set of the US Open has had a tie-break
    /// since 1970; Wimbledon had none until 2018, then one at 12:12; the Australian Open none until 2018, then one to
    /// ten at 6:6; the French Open none until 2021. Since 2022 all four play one to ten at 6:6.
    pub(super) fn of(slam: &str, year: u32, is_men: bool) -> Option<Self> {
        let to_ten = LastSet::TieBreak { at: 6, points: 10 };
        let to_seven = |at| LastSet::TieBreak { at, points: 7 };
        let last_set = match (slam, year) {
            ("ausopen" | "frenchopen" | "usopen" | "wimbledon", 2022..) => to_ten,
            ("usopen", _) => to_seven(6),
            ("wimbledon", 2019..) => to_seven(12),
            ("ausopen", 2019..) => to_ten,
            ("ausopen" | "frenchopen" | "wimbledon", _) => LastSet::Advantage,
            _ => return None,
        };
        Some(Self { sets_to_win: if is_men { 3 } else { 2 }, last_set })
    }
}

impl Count {
    pub(super) fn new(format: Format) -> Self {
        let none = Score::default();
        Self { format, sets: none, games: none, points: none, is_between_sets: false }
    }

    /// Whether somebody has won the match.
    pub(super) fn is_over(&self) -> bool {
        self.sets.home.max(self.sets.away) == self.format.sets_to_win
    }

    /// Whether the next point begins a set.
    pub(super) fn is_between_sets(&self) -> bool {
        self.is_between_sets
    }

    /// Counts a point; says the most that it wins.
    pub(super) fn point(&mut self, winner: Side) -> Won {
        if std::mem::take(&mut self.is_between_sets) {
            self.games = Score::default();
        }
        let to_win = self.tie_break().unwrap_or(4);
        add(&mut self.points, winner);
        if !is_won(self.points, to_win) {
            return Won::Point;
        }
        let ends_set = self.tie_break().is_some();
        self.points = Score::default();
        add(&mut self.games, winner);
        if !ends_set && !is_won(self.games, 6) {
            return Won::Game;
        }
        add(&mut self.sets, winner);
        self.is_between_sets = true;
        if self.is_over() { Won::Match } else { Won::Set }
    }

    /// The points that win the tie-break that is on.
    pub(super) fn tie_break(&self) -> Option<u32> {
        if self.is_between_sets {
            return None;
        }
        let is_last_set = self.sets.home + self.sets.away + 1 == 2 * self.format.sets_to_win - 1;
        let (at, points) = match self.format.last_set {
            LastSet::Advantage if is_last_set => return None,
            LastSet::TieBreak { at, points } if is_last_set => (at, points),
            _ => (6, 7),
        };
        (self.games == Score { home: at, away: at }).then_some(points)
    }

    /// The points of the game that is on, by their names: 15, 30, 40 and 50 for advantage; of a tie-break counted.
    pub(super) fn game_score(&self) -> Score {
        if self.tie_break().is_some() {
            return self.points;
        }
        let Score { home, away } = self.points;
        // From deuce on only who is ahead counts.
        let beyond = home.min(away).saturating_sub(3);
        let name = |points: u32| match points - beyond {
            0 => 0,
            1 => 15,
            2 => 30,
            3 => 40,
            _ => 50,
        };
        Score { home: name(home), away: name(away) }
    }
}

fn add(score: &mut Score, side: Side) {
    match side {
        Side::Home => score.home += 1,
        Side::Away => score.away += 1,
    }
}

/// So many, and two more than the other.
fn is_won(score: Score, to_win: u32) -> bool {
    let (more, less) = (score.home.max(score.away), score.home.min(score.away));
    more >= to_win && more - less >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEN_2012: Format = Format { sets_to_win: 3, last_set: LastSet::Advantage };

    fn play(count: &mut Count, points: &str) -> Vec<Won> {
        let side = |point| if point == 'h' { Side::Home } else { Side::Away };
        points.chars().map(|point| count.point(side(point))).collect()
    }

    fn games(count: &mut Count, games: &str) {
        for game in games.chars() {
            play(count, &game.to_string().repeat(4));
        }
    }

    #[test]
    fn points_have_names_and_deuce_returns() {
        let mut count = Count::new(MEN_2012);
        let mut named = Vec::new();
        for point in "hahhaahaah".chars() {
            play(&mut count, &point.to_string());
            let Score { home, away } = count.game_score();
            named.push((home, away));
        }
        let expected = [
            (15, 0),
            (15, 15),
            (30, 15),
            (40, 15),
            (40, 30),
            (40, 40),
            (50, 40),
            (40, 40),
            (40, 50),
            (40, 40),
        ];
        assert_eq!(named, expected);
        assert_eq!(play(&mut count, "hh"), [Won::Point, Won::Game]);
        assert_eq!(count.games, Score { home: 1, away: 0 });
    }

    #[test]
    fn a_set_is_won_by_two_games_or_a_tie_break() {
        let mut count = Count::new(MEN_2012);
        games(&mut count, "hhhhhaaaaa");
        games(&mut count, "ha");
        assert_eq!(count.tie_break(), Some(7));
        assert_eq!(play(&mut count, "hhhhhhaaaaaah").last(), Some(&Won::Point));
        assert_eq!(count.game_score(), Score { home: 7, away: 6 });
        assert_eq!(play(&mut count, "h"), [Won::Set]);
        assert_eq!((count.games, count.sets), (Score { home: 7, away: 6 }, Score { home: 1, away: 0 }));
        assert!(count.is_between_sets());
        games(&mut count, "hhhhh");
        assert_eq!(play(&mut count, "hhhh").last(), Some(&Won::Set));
        games(&mut count, "hhhhh");
        assert_eq!(play(&mut count, "hhhh").last(), Some(&Won::Match));
        assert!(count.is_over());
    }

    #[test]
    fn the_last_set_is_ended_as_the_tournament_has_it() {
        let level_at = |format: Format, level: u32| {
            let mut count = Count::new(format);
            for set in ["hhhhhh", "aaaaaa"] {
                games(&mut count, set);
            }
            games(&mut count, &"ha".repeat(level as usize));
            count.tie_break()
        };
        let women = |slam, year| Format::of(slam, year, false).unwrap();
        assert_eq!(level_at(women("wimbledon", 2012), 6), None);
        assert_eq!(level_at(women("wimbledon", 2012), 20), None);
        assert_eq!(level_at(women("wimbledon", 2019), 12), Some(7));
        assert_eq!(level_at(women("usopen", 2012), 6), Some(7));
        assert_eq!(level_at(women("ausopen", 2019), 6), Some(10));
        assert_eq!(level_at(women("frenchopen", 2022), 6), Some(10));
        assert_eq!(Format::of("masters", 2012, true), None);
    }
}
