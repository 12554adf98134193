//! Games as distribution's REST tells them: what is read of its answers, every text of it [safe to show](Text).

use domain::{Clock, EventId, EventStatus, MarketStatus, MatchStatus, Odds, Score, Sport};
use serde::{Deserialize, Deserializer};

use crate::text::Text;

/// `/matches/live`.
#[derive(Clone, Debug, Deserialize)]
pub struct MatchList {
    /// Every game that is live, in the order of their ids.
    pub matches: Vec<Match>,
}

/// One game on the scoreboard.
#[derive(Clone, Debug, Deserialize)]
pub struct Match {
    /// Which game it is.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// How many updates it has had.
    pub version: u64,
    /// Who is named first; not known until the fixture has come.
    pub home: Option<Text>,
    /// Who is named second.
    pub away: Option<Text>,
    /// How it stands as a whole.
    pub status: EventStatus,
    /// Which part of it is on.
    pub match_status: MatchStatus,
    /// The score that counts.
    pub score: Score,
    /// The game clock, where there is one.
    pub clock: Option<Clock>,
    /// The market of most interest that is on offer.
    pub main_market: Option<Market>,
}

/// `/v1/events/{event_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Game {
    /// Which game it is.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// How many updates it has had.
    pub version: u64,
    /// Who plays; not known until it has come.
    pub fixture: Option<Fixture>,
    /// The state of play; not known until it has come.
    pub status: Option<Status>,
    /// Its markets, in the order of their ids.
    pub markets: Vec<Market>,
    /// What happened, by its ids, which providers count: those that are longer come later.
    #[serde(deserialize_with = "counted")]
    pub incidents: Vec<Incident>,
}

/// REST tells them by their ids as text, where `100` comes before `99`.
fn counted<'de, D: Deserializer<'de>>(incidents: D) -> Result<Vec<Incident>, D::Error> {
    let mut incidents = Vec::<Incident>::deserialize(incidents)?;
    incidents.sort_by(|one, other| {
        let place = |incident: &Incident| incident.incident_id.as_str().len();
        place(one).cmp(&place(other)).then_with(|| one.incident_id.cmp(&other.incident_id))
    });
    Ok(incidents)
}

/// Who plays.
#[derive(Clone, Debug, Deserialize)]
pub struct Fixture {
    /// The competition.
    pub tournament: Option<Named>,
    /// Who is named first.
    pub home: Named,
    /// Who is named second.
    pub away: Named,
}

/// Something with a name.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    /// The name.
    pub name: Text,
}

/// The state of play.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// How it stands as a whole.
    pub status: EventStatus,
    /// Which part of it is on.
    pub match_status: MatchStatus,
    /// The score that counts.
    pub score: Score,
    /// The game clock, where there is one.
    pub clock: Option<Clock>,
    /// The running game's points (tennis).
    pub game_score: Option<Score>,
}

/// A market.
#[derive(Clone, Debug, Deserialize)]
pub struct Market {
    /// Its kind, as the Unified Odds Feed numbers them.
    pub id: u32,
    /// Which of that kind: `total=2.5`.
    pub specifiers: Option<Text>,
    /// Whether bets may be placed.
    pub status: MarketStatus,
    /// Why it is suspended, where its producer did not say so.
    pub suspension: Option<Text>,
    /// What can be bet on.
    pub outcomes: Vec<Outcome>,
}

/// One outcome of a market.
#[derive(Clone, Debug, Deserialize)]
pub struct Outcome {
    /// Its id.
    pub id: Text,
    /// Its odds, where it has any.
    pub odds: Option<Odds>,
    /// Its result, once settled.
    pub result: Option<OutcomeResult>,
}

/// How an outcome ended.
#[derive(Clone, Debug, Deserialize)]
pub struct OutcomeResult {
    /// Won, lost, undecided.
    pub result: Text,
    /// The part of the stake that is paid back.
    pub void: Option<Text>,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize)]
pub struct Incident {
    /// Its id.
    pub incident_id: Text,
    /// What.
    pub kind: Text,
    /// In which part of the game.
    pub match_status: MatchStatus,
    /// Seconds played in that part.
    pub elapsed_seconds: Option<u32>,
    /// Whose it is.
    pub side: Option<Text>,
    /// Who did it.
    pub player: Option<Text>,
    /// More in words.
    pub detail: Option<Text>,
    /// The score after it, where it changed.
    pub score: Option<Score>,
}

/// `/v1/events/{event_id}/updates`.
#[derive(Clone, Debug, Deserialize)]
pub struct UpdatePage {
    /// In the order of their versions.
    pub updates: Vec<Update>,
}

/// One entry of a game's update log.
#[derive(Clone, Debug, Deserialize)]
pub struct Update {
    /// The version that it led to.
    pub version: u64,
    /// What led to it.
    pub cause: Cause,
    /// When it was applied, in microseconds since the Unix epoch.
    pub applied_at: u64,
    /// What it changed.
    pub changes: Vec<Change>,
}

/// What led to an update.
#[derive(Clone, Debug, Deserialize)]
pub struct Cause {
    /// The type of the provider's message, or `gap`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The message's place in its producer's sequence.
    pub sequence: Option<u64>,
    /// When the provider made it, in microseconds since the Unix epoch.
    pub generated_at: Option<u64>,
}

/// One thing that an update changed.
#[derive(Clone, Debug, Deserialize)]
pub struct Change {
    /// What: `market:1`, `status`.
    pub key: Text,
}

/// What can be told of a market's kind.
#[must_use]
pub fn market_name(sport: Sport, id: u32) -> Option<&'static str> {
    sport.rules().market(id).map(|market| market.name)
}
