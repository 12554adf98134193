//! The sports, and where they differ: [`Rules`] as data, one function where logic differs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limit::SCORE_MAX;
use crate::{Clock, IncidentKind, MatchStatus, Status};

mod hockey;

/// A sport with a processor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sport {
    /// Ice hockey.
    Hockey,
}

impl Sport {
    /// Every sport.
    pub const ALL: [Self; 1] = [Self::Hockey];

    /// The sport's rules: the one place where code asks which sport it is.
    #[must_use]
    pub fn rules(self) -> &'static Rules {
        match self {
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
    /// The parts of a game, in the order in which it may go through them; parts may be left out.
    pub phases: &'static [MatchStatus],
    /// How long a part may last by the game clock, in seconds; `None` where the clock does not run in it.
    pub seconds: fn(MatchStatus) -> Option<u32>,
    /// What can happen in it.
    pub incidents: &'static [IncidentKind],
    /// The markets offered on it.
    pub markets: &'static [MarketDescription],
    /// What is to be said of a status beyond what all sports have in common.
    pub check: fn(&Status) -> Result<(), Illegal>,
}

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

    /// Whether `next` may follow `previous` (nothing, where the event had no status yet).
    pub fn check_status(&self, previous: Option<&Status>, next: &Status) -> Result<(), Illegal> {
        self.check_alone(next)?;
        match previous {
            Some(previous) if !next.correction => self.check_step(previous, next),
            _ => Ok(()),
        }
    }

    fn check_alone(&self, status: &Status) -> Result<(), Illegal> {
        if !self.phases.contains(&status.match_status) && !is_anywhere(status.match_status) {
            return Err(Illegal::new(
                "/match_status",
                format!("{} has no part `{}`", self.name, status.match_status),
            ));
        }
        let penalty_box = status.penalty_box.unwrap_or_default();
        let largest =
            [status.score.home, status.score.away, penalty_box.home, penalty_box.away].into_iter().max();
        if largest > Some(SCORE_MAX) {
            return Err(Illegal::new("/score", format!("no side has more than {SCORE_MAX}")));
        }
        if let (Some(clock), Some(longest)) = (status.clock, (self.seconds)(status.match_status)) {
            check_clock(clock, longest, status.match_status)?;
        }
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

    fn check_step(&self, previous: &Status, next: &Status) -> Result<(), Illegal> {
        if next.score.home < previous.score.home || next.score.away < previous.score.away {
            return Err(Illegal::new(
                "/score",
                format!("the score goes down from {} to {} without `correction`", previous.score, next.score),
            ));
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

fn check_clock(clock: Clock, longest_seconds: u32, part: MatchStatus) -> Result<(), Illegal> {
    if clock.elapsed_seconds <= longest_seconds {
        return Ok(());
    }
    Err(Illegal::new(
        "/clock/elapsed_seconds",
        format!("{} s have been played in `{part}`, which lasts {longest_seconds} s", clock.elapsed_seconds),
    ))
}
