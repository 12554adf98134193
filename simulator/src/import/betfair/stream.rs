//! Messages of the Exchange Stream API, as a recording holds them: one JSON object a line.
//!
//! Prices are decimal odds and stay what the file says, as the nearest floating-point number: nothing is computed with
//! them here. What is not listed is ignored.

use domain::Timestamp;
use serde::Deserialize;
use serde::de::Error;

/// One line.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamMessage {
    /// What it is: `mcm` changes markets.
    pub op: String,
    /// When it was published, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub pt: Option<i64>,
    /// Where a large change was split, which part of it this is.
    #[serde(default, rename = "segmentType")]
    pub segment: Option<Segment>,
    /// The markets that change.
    #[serde(default)]
    pub mc: Vec<MarketChange>,
}

/// A part of a change that was split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Segment {
    #[serde(rename = "SEG_START")]
    Start,
    #[serde(rename = "SEG")]
    Middle,
    #[serde(rename = "SEG_END")]
    End,
}

/// What changes about one market.
#[derive(Debug, Clone, Deserialize)]
pub struct MarketChange {
    /// The market.
    pub id: String,
    /// Whether this replaces all that was known of it.
    #[serde(default)]
    pub img: bool,
    /// All about it that is no price, whole.
    #[serde(default, rename = "marketDefinition")]
    pub definition: Option<Definition>,
    /// The runners whose prices change.
    #[serde(default)]
    pub rc: Vec<RunnerChange>,
    /// Money matched on the market.
    #[serde(default)]
    pub tv: Option<f64>,
}

/// What is known of a market besides prices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The event.
    pub event_id: String,
    /// The sport.
    pub event_type_id: String,
    /// Such as `MATCH_ODDS`.
    #[serde(default)]
    pub market_type: Option<String>,
    /// When it is to begin, as it is known now.
    #[serde(deserialize_with = "time")]
    pub market_time: Timestamp,
    /// Whether bets may be placed.
    pub status: MarketState,
    /// Whether it is in play.
    #[serde(default)]
    pub in_play: bool,
    /// Seconds for which a bet waits.
    #[serde(default)]
    pub bet_delay: u32,
    /// Grows with every change of the definition.
    #[serde(default)]
    pub version: u64,
    /// Whether the starting price has been found.
    #[serde(default)]
    pub bsp_reconciled: bool,
    /// How many runners are active.
    #[serde(default)]
    pub number_of_active_runners: u32,
    /// All of them.
    pub runners: Vec<Runner>,
    /// The event in words.
    #[serde(default)]
    pub event_name: Option<String>,
}

/// Whether a market takes bets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum MarketState {
    Inactive,
    Open,
    Suspended,
    Closed,
}

/// What can be bet on in a market.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Its id.
    pub id: u64,
    /// Its handicap, in the markets that have them.
    #[serde(default)]
    pub hc: Option<f64>,
    /// How it stands.
    pub status: RunnerState,
    /// Its place in the list.
    #[serde(default)]
    pub sort_priority: u32,
    /// Its name; the live stream has none.
    #[serde(default)]
    pub name: Option<String>,
    /// By how much the others' odds shrink when it is withdrawn, in percent.
    #[serde(default)]
    pub adjustment_factor: Option<f64>,
    /// Its starting price.
    #[serde(default)]
    pub bsp: Option<f64>,
}

/// How a runner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RunnerState {
    Active,
    Winner,
    Loser,
    Placed,
    Removed,
    RemovedVacant,
    Hidden,
}

/// What changes about a runner's prices; a size of 0 takes a price or a level away.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RunnerChange {
    /// The runner.
    pub id: u64,
    /// Its handicap, in the markets that have them.
    #[serde(default)]
    pub hc: Option<f64>,
    /// The price traded last.
    #[serde(default)]
    pub ltp: Option<f64>,
    /// Money matched on it.
    #[serde(default)]
    pub tv: Option<f64>,
    /// Available to back: price and size.
    #[serde(default)]
    pub atb: Vec<(f64, f64)>,
    /// Available to lay: price and size.
    #[serde(default)]
    pub atl: Vec<(f64, f64)>,
    /// Traded: price and size.
    #[serde(default)]
    pub trd: Vec<(f64, f64)>,
    /// The best offers to back: level, price and size.
    #[serde(default)]
    pub batb: Vec<(u32, f64, f64)>,
    /// The best offers to lay: level, price and size.
    #[serde(default)]
    pub batl: Vec<(u32, f64, f64)>,
    /// As `batb`, with what is offered across outcomes.
    #[serde(default)]
    pub bdatb: Vec<(u32, f64, f64)>,
    /// As `batl`, with what is offered across outcomes.
    #[serde(default)]
    pub bdatl: Vec<(u32, f64, f64)>,
}

impl RunnerChange {
    /// Whether it says what is offered, which files of the plan BASIC never do.
    #[must_use]
    pub fn has_offers(&self) -> bool {
        let prices = [&self.atb, &self.atl];
        let levels = [&self.batb, &self.batl, &self.bdatb, &self.bdatl];
        prices.iter().any(|prices| !prices.is_empty()) || levels.iter().any(|levels| !levels.is_empty())
    }
}

/// `2020-05-02T09:00:00.000Z`.
fn time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| Timestamp(time.as_microsecond())).map_err(D::Error::custom)
}
