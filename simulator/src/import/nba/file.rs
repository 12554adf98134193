//! The NBA's live play-by-play as `cdn.nba.com` serves it, as far as it is read.
//!
//! The running totals that actions state (a player's `pointsTotal`, those in `description`) are not here. Of the
//! running score no more is read than whose points are counted in it: nothing else says which team is at home.

use std::borrow::Cow;

use domain::Timestamp;
use jiff::SignedDuration;
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::import::ImportError;

#[derive(Deserialize)]
struct File {
    game: Game,
}

/// One game.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Game {
    /// Ten digits: 00 for the NBA, the kind of game, two of the season's first year, and a number.
    pub(super) game_id: String,
    /// As the game went, which is not the order in which they were entered.
    pub(super) actions: Vec<Action>,
}

/// One action as it stood when the file was made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    /// Counts actions in the order in which they were entered. Those that were taken out leave holes.
    pub(super) action_number: u64,
    /// The place in the game; one entered late gets a number between its neighbours'.
    pub(super) order_number: u64,
    /// From 1; 5 is the first overtime.
    pub(super) period: u32,
    /// What is left of the period.
    #[serde(deserialize_with = "duration")]
    pub(super) clock: SignedDuration,
    /// When it happened.
    #[serde(rename = "timeActual", deserialize_with = "time")]
    pub(super) occurred_at: Timestamp,
    /// When it was touched last, in whole seconds.
    #[serde(rename = "edited", deserialize_with = "time")]
    pub(super) edited_at: Timestamp,
    pub(super) action_type: String,
    pub(super) sub_type: Option<String>,
    pub(super) descriptor: Option<String>,
    pub(super) shot_result: Option<ShotResult>,
    pub(super) team_id: Option<u64>,
    pub(super) team_tricode: Option<String>,
    /// Such as `K. Oubre Jr.`; teams have rebounds and turnovers, too.
    #[serde(rename = "playerNameI")]
    pub(super) player: Option<String>,
    #[serde(rename = "assistPlayerNameInitial")]
    pub(super) assist: Option<String>,
    #[serde(deserialize_with = "count")]
    pub(super) score_home: u32,
    #[serde(deserialize_with = "count")]
    pub(super) score_away: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum ShotResult {
    Made,
    Missed,
}

/// Reads a file; an error says where in it, or which other file of the league's it is.
pub(super) fn read(json: &[u8]) -> Result<Game, ImportError> {
    match crate::import::read::<File>(json) {
        Ok(file) => Ok(file.game),
        Err(error) => Err(other_format(json).unwrap_or(error)),
    }
}

/// What tells the league's formats apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    game: Option<GameShape>,
    result_sets: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GameShape {
    actions: Option<IgnoredAny>,
    home_team: Option<IgnoredAny>,
}

fn other_format(json: &[u8]) -> Option<ImportError> {
    const TAKEN: &str = "the live play-by-play of cdn.nba.com (`game.actions`) is taken";
    let found = match serde_json::from_slice(json).ok()? {
        Shape { result_sets: Some(_), .. } => {
            "the play-by-play of stats.nba.com (`resultSets`), which has neither a date nor a time finer than a minute"
        }
        Shape { game: Some(GameShape { actions: None, home_team: Some(_) }), .. } => "a box score",
        Shape { .. } => return None,
    };
    Some(ImportError::new(".", format!("this is {found}; {TAKEN}")))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    Ok(Timestamp(time.as_microsecond()))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no score")))
}
