//! The NHL's play-by-play as `api-web.nhle.com` serves it, as far as it is read.
//!
//! Fields that state a result (a team's `score`, a goal's `homeScore` and `awayScore`, `gameOutcome`) are not
//! here, so nothing can read them.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// `gameType` of the play-offs, whose overtimes last twenty minutes each.
pub(super) const PLAY_OFFS: u32 = 3;

/// One game.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Game {
    pub(super) id: u64,
    /// Such as 20242025.
    pub(super) season: u64,
    /// 1 pre-season, 2 regular season, 3 play-offs.
    pub(super) game_type: u32,
    #[serde(rename = "startTimeUTC", deserialize_with = "utc_seconds")]
    pub(super) start_seconds: i64,
    pub(super) home_team: Team,
    pub(super) away_team: Team,
    pub(super) plays: Vec<Play>,
    #[serde(default)]
    pub(super) roster_spots: Vec<Spot>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) common_name: Localised,
    pub(super) place_name: Option<Localised>,
    pub(super) abbrev: String,
}

/// A text in several languages.
#[derive(Debug, Deserialize)]
pub(super) struct Localised {
    pub(super) default: String,
}

/// A player of one of the teams.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spot {
    pub(super) player_id: u64,
    pub(super) team_id: u64,
    pub(super) first_name: Localised,
    pub(super) last_name: Localised,
}

/// One play. `sortOrder` says its place; `eventId` is in the order in which plays were entered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Play {
    pub(super) event_id: u64,
    pub(super) sort_order: u64,
    pub(super) period_descriptor: Period,
    #[serde(rename = "timeInPeriod", deserialize_with = "clock_seconds")]
    pub(super) seconds: u32,
    #[serde(rename = "typeDescKey")]
    pub(super) kind: String,
    #[serde(rename = "situationCode", default, deserialize_with = "situation")]
    pub(super) situation: Option<Situation>,
    #[serde(default)]
    pub(super) details: Details,
}

/// Who is on the ice, home first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub(super) has_goalkeeper: [bool; 2],
    pub(super) skaters: [u8; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Period {
    /// From 1, overtimes and the shoot-out included.
    pub(super) number: u32,
    pub(super) period_type: PeriodType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum PeriodType {
    #[serde(rename = "REG")]
    Regular,
    #[serde(rename = "OT")]
    Overtime,
    #[serde(rename = "SO")]
    ShootOut,
}

/// What else is said of a play; which fields there are depends on its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details {
    pub(super) event_owner_team_id: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) desc_key: Option<String>,
    pub(super) scoring_player_id: Option<u64>,
    pub(super) shooting_player_id: Option<u64>,
    pub(super) hitting_player_id: Option<u64>,
    pub(super) winning_player_id: Option<u64>,
    pub(super) committed_by_player_id: Option<u64>,
    pub(super) player_id: Option<u64>,
}

fn utc_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    Ok(time.as_second())
}

/// Four digits: goalkeepers and skaters of the away side, skaters and goalkeepers of the home side.
fn situation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Situation>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    match text.as_bytes() {
        &[away_net @ b'0'..=b'1', away @ b'0'..=b'9', home @ b'0'..=b'9', home_net @ b'0'..=b'1'] => {
            Ok(Some(Situation {
                has_goalkeeper: [home_net == b'1', away_net == b'1'],
                skaters: [home - b'0', away - b'0'],
            }))
        }
        _ => Err(D::Error::custom(format!("`{text}` is no situation such as 1551"))),
    }
}

/// `MM:SS`, within a period of twenty minutes.
fn clock_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let seconds = text.split_once(':').and_then(|(minutes, seconds)| {
        let (minutes, seconds): (u32, u32) = (minutes.parse().ok()?, seconds.parse().ok()?);
        Some(minutes.checked_mul(60)? + seconds).filter(|&sum| seconds < 60 && sum <= 1_200)
    });
    seconds.ok_or_else(|| D::Error::custom(format!("`{text}` is no time from 00:00 to 20:00")))
}
