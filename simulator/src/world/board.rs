//! The part of a scoreboard that every sport has: the part of the game, its clock, the score.

use domain::{Clock, EventStatus, MatchStatus, PeriodScore, Score, Side, Status};

/// How a game stands.
#[derive(Debug, Clone)]
pub(super) struct Scoreboard {
    pub(super) phase: MatchStatus,
    /// Of the part that was begun last; stays zero where no clock runs.
    pub(super) seconds: u32,
    /// Whether the clock runs.
    pub(super) running: bool,
    /// The score that counts.
    pub(super) score: Score,
    /// What fell in each part begun so far.
    pub(super) periods: Vec<PeriodScore>,
    /// Seconds played before the part that was begun last.
    pub(super) played_before: u32,
    /// Goals that markets ask about, or games, in the order in which they fell.
    pub(super) goals: Goals,
    /// What the players whom markets are about have to their names.
    pub(super) stars: [Star; STARS],
}

/// Players whom markets are about, of both sides: the first half are home's.
pub(super) const STARS: usize = 6;

/// What a player has to the name that markets ask about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Star {
    /// Goals, points or aces.
    pub(super) tally: u32,
    /// Whether the player has been on at all.
    pub(super) took_part: bool,
    /// Whether the player is on.
    pub(super) is_on: bool,
    /// Whether the player has left for good.
    pub(super) has_left: bool,
}

/// Who scored the first goal, the second, …
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Goals {
    count: u32,
    by_away: u128,
}

impl Goals {
    /// One more goal of this side.
    pub(super) fn add(&mut self, side: Side) {
        self.by_away |= u128::from(side == Side::Away) << self.count.min(u128::BITS - 1);
        self.count += 1;
    }

    /// How many there are.
    pub(super) fn count(self) -> u32 {
        self.count
    }

    /// Whose goal of this number was, from 1 on, where it has fallen.
    pub(super) fn of(self, number: u32) -> Option<Side> {
        let has_fallen = (1..=self.count.min(u128::BITS)).contains(&number);
        has_fallen.then(|| if self.by_away >> (number - 1) & 1 == 1 { Side::Away } else { Side::Home })
    }
}

/// A sport's scoreboard: what all have, and what only this sport shows.
pub(super) trait Board: Clone {
    fn common(&self) -> &Scoreboard;
    fn common_mut(&mut self) -> &mut Scoreboard;
    /// What a producer says of it.
    fn status(&self, status: EventStatus) -> Status;
    /// Whether the game clock counts in a part of the game.
    fn has_clock(part: MatchStatus) -> bool;
    /// Whether the player of this place in a side's list takes no part in play just now.
    fn is_off(&self, _: Side, _place: usize) -> bool {
        false
    }
}

impl Scoreboard {
    /// Before the game.
    pub(super) fn new() -> Self {
        Self {
            phase: MatchStatus::NotStarted,
            seconds: 0,
            running: false,
            score: Score::default(),
            periods: Vec::new(),
            played_before: 0,
            goals: Goals::default(),
            stars: [Star::default(); STARS],
        }
    }

    /// Begins a part of the game, or the same part once more: its clock from zero, its score where it was.
    pub(super) fn begin(&mut self, part: MatchStatus) {
        self.played_before = self.played();
        self.seconds = 0;
        self.phase = part;
        if self.last().is_none_or(|last| last.period != part) {
            self.periods.push(PeriodScore { period: part, home: 0, away: 0 });
        }
    }

    /// Seconds played in the whole game.
    pub(super) fn played(&self) -> u32 {
        self.played_before + self.seconds
    }

    pub(super) fn is_level(&self) -> bool {
        self.score.home == self.score.away
    }

    /// By how much a side leads.
    pub(super) fn ahead(&self, side: Side) -> i32 {
        let home = i64::from(self.score.home) - i64::from(self.score.away);
        let lead = if side == Side::Home { home } else { -home };
        i32::try_from(lead).unwrap_or(0)
    }

    /// What both sides have together.
    pub(super) fn total(&self) -> u32 {
        self.score.home + self.score.away
    }

    /// The part that was begun last, and what fell in it.
    pub(super) fn last(&self) -> Option<&PeriodScore> {
        self.periods.last()
    }

    /// Adds to the score and to that of the part that is on.
    pub(super) fn add(&mut self, side: Side, points: u32) {
        self.add_to_part(side, points);
        match side {
            Side::Home => self.score.home += points,
            Side::Away => self.score.away += points,
        }
    }

    /// What fell in these parts of the game.
    pub(super) fn fell_in(&self, parts: &[MatchStatus]) -> Score {
        let fell = self.periods.iter().filter(|score| parts.contains(&score.period));
        fell.fold(Score::default(), |sum, part| Score {
            home: sum.home + part.home,
            away: sum.away + part.away,
        })
    }

    /// Whether a part of the game has begun and is over.
    pub(super) fn is_over(&self, part: MatchStatus) -> bool {
        let has_begun = self.periods.iter().any(|score| score.period == part);
        has_begun && self.phase != part && self.phase != MatchStatus::Abandoned
            || self.last().is_some_and(|last| has_begun && last.period != part)
    }

    /// Adds to the score of the part that is on, and not to that of the game.
    pub(super) fn add_to_part(&mut self, side: Side, points: u32) {
        let part = self.periods.last_mut().expect("nothing falls before a part of the game has begun");
        match side {
            Side::Home => part.home += points,
            Side::Away => part.away += points,
        }
    }

    /// What a producer says of it; the clock where it counts.
    pub(super) fn status(&self, status: EventStatus, has_clock: bool) -> Status {
        Status {
            period_scores: self.periods.clone(),
            clock: has_clock.then_some(Clock::new(self.seconds, !self.running)),
            ..Status::new(status, self.phase, self.score)
        }
    }
}

/// The side it is played against.
pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Home => Side::Away,
        Side::Away => Side::Home,
    }
}
