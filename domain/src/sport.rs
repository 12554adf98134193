//! The sports, and where they differ: [`Rules`] as data, one function where logic differs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limit::SCORE_MAX;
use crate::{Clock, IncidentKind, MatchStatus, PeriodScore, Score, Standing, Status};

mod basketball;
mod football;
mod hockey;
mod tennis;

/// A sport with a processor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sport {
    /// Association football.
    Football,
    /// Basketball.
    Basketball,
    /// Tennis.
    Tennis,
    /// Ice hockey.
    Hockey,
}

impl Sport {
    /// Every sport.
    pub const ALL: [Self; 4] = [Self::Football, Self::Basketball, Self::Tennis, Self::Hockey];

    /// The sport's rules: the one place where code asks which sport it is.
    #[must_use]
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::Football => &football::RULES,
            Self::Basketball => &basketball::RULES,
            Self::Tennis => &tennis::RULES,
            Self::Hockey => &hockey::RULES,
        }
    }

    /// The name on the wire, in topics and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.rules().name
    }
}

impl fmt::Display for Sport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no sport has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not one of the sports: {}", Sport::ALL.map(Sport::as_str).join(", "))]
pub struct SportError {
    found: String,
}

impl FromStr for Sport {
    type Err = SportError;
    fn from_str(text: &str) -> Result<Self, SportError> {
        Self::ALL
            .into_iter()
            .find(|sport| sport.as_str() == text)
            .ok_or_else(|| SportError { found: text.to_owned() })
    }
}

/// What a sport's messages must keep to.
pub struct Rules {
    /// The name on the wire.
    pub name: &'static str,
    /// The id that the Unified Odds Feed gives it.
    pub id: u32,
    /// The parts of a game, in the order in which it may go through them; parts may be left out.
    pub phases: &'static [MatchStatus],
    /// How long a part may last by the game clock, in seconds; `None` where the clock does not run in it.
    pub seconds: fn(MatchStatus) -> Option<u32>,
    /// At how many seconds a part begins on a clock that counts through a game of so many seconds, where those are
    /// known; `None` where that cannot be told.
    pub begins: fn(MatchStatus, Option<u32>) -> Option<u32>,
    /// What can happen in it.
    pub incidents: &'static [IncidentKind],
    /// The markets offered on it.
    pub markets: &'static [MarketDescription],
    /// Whether a status tells who is in the penalty box.
    pub has_penalty_box: bool,
    /// Whether a status tells the points of a running game, who serves, and a tie-break.
    pub has_game_score: bool,
    /// What is to be said of a status beyond what all sports have in common.
    pub check: fn(&Status) -> Result<(), Illegal>,
}

/// Whether a player scores. The Unified Odds Feed numbers its own player markets by its own players; this and the
/// following are numbers of this project, above all of that feed's.
pub const PLAYER_SCORES: u32 = 10_001;
/// How many points a player scores.
pub const PLAYER_POINTS: u32 = 10_002;
/// Who of those named, or who else, scores most: where several do it is a dead heat.
pub const TOP_SCORER: u32 = 10_003;
/// How many aces a player serves.
pub const PLAYER_ACES: u32 = 10_004;
/// Which side has so many points first.
pub const RACE_TO_POINTS: u32 = 10_005;

/// One kind of market of a sport.
pub struct MarketDescription {
    /// Its id, as the Unified Odds Feed numbers them.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// The groups by which a bet stop may name it; `all` is understood.
    pub groups: &'static [&'static str],
}

/// Why a status cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Illegal {
    /// JSON pointer to the part of the status that is wrong.
    pub pointer: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

impl Illegal {
    pub(crate) fn new(pointer: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer, detail: detail.into() }
    }
}

impl Rules {
    /// What is known of a market id.
    #[must_use]
    pub fn market(&self, id: u32) -> Option<&'static MarketDescription> {
        self.markets.iter().find(|market| market.id == id)
    }

    /// Whether a game can be in this part.
    #[must_use]
    pub fn has_part(&self, part: MatchStatus) -> bool {
        self.phases.contains(&part) || is_anywhere(part)
    }

    /// Whether `next` may follow `previous` (nothing, where the event had no status yet).
    pub fn check_status(&self, previous: Option<&Status>, next: &Status) -> Result<(), Illegal> {
        self.check_alone(next)?;
        match previous {
            Some(previous) if !next.correction => self.check_step(previous, next),
            _ => Ok(()),
        }
    }

    /// Whether the game can stand so: what has been counted in it is not told.
    pub fn check_standing(&self, standing: &Standing) -> Result<(), Illegal> {
        let Standing { clock, match_status, .. } = *standing;
        self.check_part(match_status)?;
        self.check_clock(clock, match_status)
    }

    fn check_part(&self, part: MatchStatus) -> Result<(), Illegal> {
        match self.has_part(part) {
            true => Ok(()),
            false => Err(Illegal::new("/match_status", format!("{} has no part `{part}`", self.name))),
        }
    }

    fn check_clock(&self, clock: Option<Clock>, part: MatchStatus) -> Result<(), Illegal> {
        match (clock, (self.seconds)(part)) {
            (Some(clock), Some(longest)) => check_clock(clock, longest, part),
            _ => Ok(()),
        }
    }

    fn check_alone(&self, status: &Status) -> Result<(), Illegal> {
        self.check_part(status.match_status)?;
        self.check_fields(status)?;
        check_sizes(status)?;
        self.check_clock(status.clock, status.match_status)?;
        let mut seen = Vec::with_capacity(status.period_scores.len());
        for score in &status.period_scores {
            if !self.phases.contains(&score.period) || seen.contains(&score.period) {
                return Err(Illegal::new(
                    "/period_scores",
                    format!("`{}` is no part of a {} game, or stands there twice", score.period, self.name),
                ));
            }
            seen.push(score.period);
        }
        (self.check)(status)
    }

    /// Whether the status tells only what the sport has.
    fn check_fields(&self, status: &Status) -> Result<(), Illegal> {
        let fields = [
            ("/penalty_box", self.has_penalty_box, status.penalty_box.is_some()),
            ("/game_score", self.has_game_score, status.game_score.is_some()),
            ("/server", self.has_game_score, status.server.is_some()),
            ("/tie_break", self.has_game_score, status.tie_break),
        ];
        match fields.into_iter().find(|(_, exists, is_told)| *is_told && !exists) {
            Some((pointer, ..)) => Err(Illegal::new(pointer, format!("{} has none", self.name))),
            None => Ok(()),
        }
    }

    fn check_step(&self, previous: &Status, next: &Status) -> Result<(), Illegal> {
        if next.score.home < previous.score.home || next.score.away < previous.score.away {
            return Err(Illegal::new(
                "/score",
                format!("the score goes down from {} to {} without `correction`", previous.score, next.score),
            ));
        }
        for before in &previous.period_scores {
            let after = next.period_scores.iter().find(|after| after.period == before.period);
            if let Some(after) = after
                && (after.home < before.home || after.away < before.away)
            {
                return Err(Illegal::new(
                    "/period_scores",
                    format!("the score of `{}` goes down without `correction`", before.period),
                ));
            }
        }
        let place = |status: &Status| self.phases.iter().position(|&phase| phase == status.match_status);
        if let (Some(before), Some(after)) = (place(previous), place(next))
            && after < before
        {
            return Err(Illegal::new(
                "/match_status",
                format!(
                    "the game goes back from `{}` to `{}` without `correction`",
                    previous.match_status, next.match_status
                ),
            ));
        }
        if previous.status.is_final() && !next.status.is_final() {
            return Err(Illegal::new(
                "/status",
                format!(
                    "the event was `{}` and becomes `{}` without `correction`",
                    previous.status.as_str(),
                    next.status.as_str()
                ),
            ));
        }
        Ok(())
    }
}

/// Parts that a game can be in whatever its sport and wherever it stood before.
fn is_anywhere(status: MatchStatus) -> bool {
    matches!(status, MatchStatus::Interrupted | MatchStatus::Abandoned)
}

fn check_sizes(status: &Status) -> Result<(), Illegal> {
    let whole = [
        ("/score", Some(status.score)),
        ("/penalty_box", status.penalty_box),
        ("/game_score", status.game_score),
    ];
    let whole = whole.into_iter().filter_map(|(pointer, score)| Some((pointer, score?)));
    let periods = status.period_scores.iter().map(|period| ("/period_scores", as_counted(period)));
    match whole.chain(periods).find(|(_, score)| score.home.max(score.away) > SCORE_MAX) {
        Some((pointer, _)) => Err(Illegal::new(pointer, format!("no side has more than {SCORE_MAX}"))),
        None => Ok(()),
    }
}

/// Whether the periods add up to the score, where they are told. `worth` says what a period adds to it.
fn check_sum(status: &Status, worth: impl Fn(&PeriodScore) -> Score) -> Result<(), Illegal> {
    if status.period_scores.is_empty() {
        return Ok(());
    }
    let sum = status.period_scores.iter().map(worth).fold(Score::default(), |sum, worth| Score {
        home: sum.home.saturating_add(worth.home),
        away: sum.away.saturating_add(worth.away),
    });
    if sum == status.score {
        return Ok(());
    }
    let detail = format!("the periods add up to {sum}, the score is {}", status.score);
    Err(Illegal::new("/period_scores", detail))
}

/// What a side has won where the higher count wins: one for the winner, nothing for a tie.
fn one_for_the_winner(period: &PeriodScore) -> Score {
    Score { home: u32::from(period.home > period.away), away: u32::from(period.away > period.home) }
}

/// What counts as it stands.
fn as_counted(period: &PeriodScore) -> Score {
    Score { home: period.home, away: period.away }
}

fn check_clock(clock: Clock, longest_seconds: u32, part: MatchStatus) -> Result<(), Illegal> {
    if clock.elapsed_seconds <= longest_seconds {
        return Ok(());
    }
    Err(Illegal::new(
        "/clock/elapsed_seconds",
        format!("{} s have been played in `{part}`, which lasts {longest_seconds} s", clock.elapsed_seconds),
    ))
}
