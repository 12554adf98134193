//! Lists of events: which ones, in pages.

use domain::{EventId, EventStatus, Sport, Timestamp, Urn};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, MySql, QueryBuilder};

use super::Database;

/// Which events to list: those of which all that is given is true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Of this sport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<Sport>,
    /// That stand like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// That this competitor plays, at home or away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor: Option<Urn>,
    /// That are to begin at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_from: Option<Timestamp>,
    /// That are to begin before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_to: Option<Timestamp>,
}

/// One page of a list, in the order of event ids: an id never changes, so nothing moves between pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// Which events.
    pub filter: EventFilter,
    /// Only those whose id comes after this one.
    pub after: Option<EventId>,
    /// So many at most.
    pub limit: u32,
}

/// What a list says of an event.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct EventRow {
    /// The event.
    pub event_id: String,
    /// Its sport.
    pub sport: String,
    /// Its version.
    pub version: i64,
    /// How it stands.
    pub status: Option<String>,
    /// Which part of the game is on.
    pub match_status: Option<String>,
    /// The first competitor's score.
    pub home_score: Option<i32>,
    /// The second competitor's score.
    pub away_score: Option<i32>,
    /// The first competitor.
    pub home_id: Option<String>,
    /// The second competitor.
    pub away_id: Option<String>,
    /// The first competitor's name.
    pub home_name: Option<String>,
    /// The second competitor's name.
    pub away_name: Option<String>,
    /// When it is to begin, in microseconds since the Unix epoch.
    pub scheduled_start: Option<i64>,
}

impl Database {
    /// One page of the events that a filter lets through.
    pub async fn page(&self, page: &EventPage) -> anyhow::Result<Vec<EventRow>> {
        Ok(page_query(page).build_query_as().fetch_all(&self.pool).await?)
    }
}

fn page_query(page: &EventPage) -> QueryBuilder<MySql> {
    let EventFilter { sport, status, competitor, scheduled_from, scheduled_to } = &page.filter;
    let after = page.after.as_ref().map_or("", |id| id.as_str()).to_owned();
    let mut query = QueryBuilder::new(
        "SELECT event_id, sport, version, status, match_status, home_score, away_score, home_id, away_id, \
         home_name, away_name, scheduled_start FROM ",
    );
    // `home_id = ? OR away_id = ?` would be looked for through all events: their order is asked for.
    if let Some(competitor) = competitor {
        query.push("(SELECT event_id FROM events WHERE home_id = ").push_bind(competitor.to_string());
        query.push(" UNION SELECT event_id FROM events WHERE away_id = ").push_bind(competitor.to_string());
        query.push(") AS played JOIN events USING (event_id)");
    } else {
        query.push("events");
    }
    query.push(" WHERE version > 0 AND event_id > ").push_bind(after);
    if let Some(sport) = sport {
        query.push(" AND sport = ").push_bind(sport.as_str());
    }
    if let Some(status) = status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(from) = scheduled_from {
        query.push(" AND scheduled_start >= ").push_bind(from.0);
    }
    if let Some(to) = scheduled_to {
        query.push(" AND scheduled_start < ").push_bind(to.0);
    }
    query.push(" ORDER BY event_id LIMIT ").push_bind(page.limit);
    query
}
