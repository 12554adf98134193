//! The state of play: status, period, score and clock.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Side;

/// How an event stands as a whole. Codes follow the Unified Odds Feed's event status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// 0: before the start.
    NotStarted,
    /// 1: being played.
    Live,
    /// 2: stopped by the officials for a while.
    Suspended,
    /// 3: played to its end; results may still be confirmed.
    Ended,
    /// 4: results are confirmed.
    Closed,
    /// 5: will not take place.
    Cancelled,
    /// 6: begins late.
    Delayed,
    /// 7: broken off, may go on.
    Interrupted,
    /// 8: moved to another day.
    Postponed,
    /// 9: broken off for good.
    Abandoned,
}

impl EventStatus {
    /// Whether a client should count the event among the live ones.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Suspended | Self::Interrupted)
    }

    /// Whether nothing more is going to be played.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Closed | Self::Cancelled | Self::Abandoned)
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Live => "live",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Delayed => "delayed",
            Self::Interrupted => "interrupted",
            Self::Postponed => "postponed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Which part of the game is on. Codes follow the Unified Odds Feed's `match_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchStatus {
    /// 0
    NotStarted,
    /// 6: the first half.
    #[serde(rename = "half_1")]
    Half1,
    /// 31: between the halves.
    HalfTime,
    /// 7: the second half.
    #[serde(rename = "half_2")]
    Half2,
    /// 13: the first quarter.
    #[serde(rename = "quarter_1")]
    Quarter1,
    /// 14: the second quarter.
    #[serde(rename = "quarter_2")]
    Quarter2,
    /// 15: the third quarter.
    #[serde(rename = "quarter_3")]
    Quarter3,
    /// 16: the fourth quarter.
    #[serde(rename = "quarter_4")]
    Quarter4,
    /// 8: the first set.
    #[serde(rename = "set_1")]
    Set1,
    /// 9: the second set.
    #[serde(rename = "set_2")]
    Set2,
    /// 10: the third set.
    #[serde(rename = "set_3")]
    Set3,
    /// 11: the fourth set.
    #[serde(rename = "set_4")]
    Set4,
    /// 12: the fifth set.
    #[serde(rename = "set_5")]
    Set5,
    /// 1: the first period.
    #[serde(rename = "period_1")]
    Period1,
    /// 2: the second period.
    #[serde(rename = "period_2")]
    Period2,
    /// 3: the third period.
    #[serde(rename = "period_3")]
    Period3,
    /// 301: the break after the first period, quarter or set.
    #[serde(rename = "break_1")]
    Break1,
    /// 302: the break after the second.
    #[serde(rename = "break_2")]
    Break2,
    /// 303: the break after the third.
    #[serde(rename = "break_3")]
    Break3,
    /// 304: the break after the fourth.
    #[serde(rename = "break_4")]
    Break4,
    /// 32: regular time is over, overtime (in football: extra time) has not begun.
    AwaitingOvertime,
    /// 40: overtime, all its periods.
    Overtime,
    /// 41: the first half of extra time.
    #[serde(rename = "extra_time_1")]
    ExtraTime1,
    /// 33: between the halves of extra time.
    ExtraTimeBreak,
    /// 42: the second half of extra time.
    #[serde(rename = "extra_time_2")]
    ExtraTime2,
    /// 34: overtime is over, the shoot-out has not begun.
    AwaitingPenalties,
    /// 50: the shoot-out.
    Penalties,
    /// 80: broken off, may go on.
    Interrupted,
    /// 90: broken off for good.
    Abandoned,
    /// 100: ended in regular time.
    Ended,
    /// 110: ended in overtime or extra time.
    EndedAfterOvertime,
    /// 120: ended by the shoot-out.
    EndedAfterPenalties,
    /// 95: the competitor named first gave up; the other one has won.
    HomeRetired,
    /// 96: the competitor named second gave up.
    AwayRetired,
    /// 94: the competitor named first did not appear; the other one has won without play.
    HomeWalkover,
    /// 93: the competitor named second did not appear.
    AwayWalkover,
}

impl MatchStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Half1 => "half_1",
            Self::HalfTime => "half_time",
            Self::Half2 => "half_2",
            Self::Quarter1 => "quarter_1",
            Self::Quarter2 => "quarter_2",
            Self::Quarter3 => "quarter_3",
            Self::Quarter4 => "quarter_4",
            Self::Set1 => "set_1",
            Self::Set2 => "set_2",
            Self::Set3 => "set_3",
            Self::Set4 => "set_4",
            Self::Set5 => "set_5",
            Self::Period1 => "period_1",
            Self::Period2 => "period_2",
            Self::Period3 => "period_3",
            Self::Break1 => "break_1",
            Self::Break2 => "break_2",
            Self::Break3 => "break_3",
            Self::Break4 => "break_4",
            Self::AwaitingOvertime => "awaiting_overtime",
            Self::Overtime => "overtime",
            Self::ExtraTime1 => "extra_time_1",
            Self::ExtraTimeBreak => "extra_time_break",
            Self::ExtraTime2 => "extra_time_2",
            Self::AwaitingPenalties => "awaiting_penalties",
            Self::Penalties => "penalties",
            Self::Interrupted => "interrupted",
            Self::Abandoned => "abandoned",
            Self::Ended => "ended",
            Self::EndedAfterOvertime => "ended_after_overtime",
            Self::EndedAfterPenalties => "ended_after_penalties",
            Self::HomeRetired => "home_retired",
            Self::AwayRetired => "away_retired",
            Self::HomeWalkover => "home_walkover",
            Self::AwayWalkover => "away_walkover",
        }
    }
}

impl fmt::Display for MatchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Points, goals or games of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Score {
    /// Of the competitor named first.
    pub home: u32,
    /// Of the competitor named second.
    pub away: u32,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.home, self.away)
    }
}

/// The score of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeriodScore {
    /// The period.
    pub period: MatchStatus,
    /// What fell in it.
    pub home: u32,
    /// What fell in it.
    pub away: u32,
}

/// The game clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clock {
    /// Seconds played in this period.
    pub elapsed_seconds: u32,
    /// Whether it stands still.
    #[serde(default)]
    pub stopped: bool,
    /// Seconds on a clock that counts through the whole game, without what is added to a half, where such a clock is
    /// told. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_seconds: Option<u32>,
    /// Seconds left in this period, where they are told. Since schema 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<u32>,
}

impl Clock {
    /// A clock of which nothing more is known.
    #[must_use]
    pub fn new(elapsed_seconds: u32, stopped: bool) -> Self {
        Self { elapsed_seconds, stopped, match_seconds: None, remaining_seconds: None }
    }
}

/// What is counted beside the score, of each side. Since schema 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// Yellow cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yellow_cards: Option<Score>,
    /// Red cards shown at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_cards: Option<Score>,
    /// Second yellow cards, which dismiss as a red one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yellow_red_cards: Option<Score>,
    /// Corner kicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corners: Option<Score>,
}

/// The state of play, as a provider reports it and as clients see it: always whole, never a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Status {
    /// How the event stands.
    pub status: EventStatus,
    /// Which part of the game is on.
    pub match_status: MatchStatus,
    /// The score that counts.
    pub score: Score,
    /// What fell in each period so far; may be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub period_scores: Vec<PeriodScore>,
    /// The game clock, where the game has one and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Players in the penalty box, of each side (hockey).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty_box: Option<Score>,
    /// The running game's points (tennis): 0, 15, 30, 40 and 50 for advantage; in a tie-break they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_score: Option<Score>,
    /// Who serves (tennis).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Side>,
    /// Whether a tie-break is played (tennis).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tie_break: bool,
    /// What is counted beside the score, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Says that this takes back something said before: only then may a score go down or a period return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correction: bool,
}

/// How an event stands, of whose score nothing is said: what was known of that still holds. Since schema 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Standing {
    /// How the event stands.
    pub status: EventStatus,
    /// Which part of the game is on.
    pub match_status: MatchStatus,
    /// The game clock, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
}

impl Standing {
    /// The state of play that it makes of what was known of it. What belongs to the part that is on lasts as long as that.
    #[must_use]
    pub fn over(self, known: &Status) -> Status {
        let Self { status, match_status, clock } = self;
        let same = match_status == known.match_status;
        Status {
            clock: clock.or(known.clock.filter(|_| same)),
            penalty_box: known.penalty_box.filter(|_| same),
            game_score: known.game_score.filter(|_| same),
            server: known.server.filter(|_| same),
            tie_break: known.tie_break && same,
            period_scores: known.period_scores.clone(),
            statistics: known.statistics,
            ..Status::new(status, match_status, known.score)
        }
    }

    /// The state of play where nothing was known of it: only of a game that has not begun is the score known untold.
    #[must_use]
    pub fn alone(self) -> Option<Status> {
        let Self { status, match_status, clock } = self;
        let whole = Status { clock, ..Status::new(status, match_status, Score::default()) };
        (match_status == MatchStatus::NotStarted).then_some(whole)
    }
}

impl Status {
    /// A state of play of which nothing more is known.
    #[must_use]
    pub fn new(status: EventStatus, match_status: MatchStatus, score: Score) -> Self {
        Self {
            status,
            match_status,
            score,
            period_scores: Vec::new(),
            clock: None,
            penalty_box: None,
            game_score: None,
            server: None,
            tie_break: false,
            statistics: None,
            correction: false,
        }
    }
}
