//! How much there is of each sport, and when it was last worked on.

use anyhow::Context;
use domain::{EventStatus, Sport};
use serde::Deserialize;

use super::Database;

/// What is known of the sports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SportFigures {
    /// How many events there are, by sport and status.
    pub counts: Vec<EventCount>,
    /// When a processor of each sport last took a message, in microseconds since the Unix epoch. A sport of which none
    /// ever did is missing.
    pub last_messages: Vec<(Sport, i64)>,
}

/// How many events of a sport stand in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// The sport.
    pub sport: Sport,
    /// How they stand; nothing where that was never said.
    pub status: Option<EventStatus>,
    /// So many.
    pub events: u64,
}

impl Database {
    /// What is known of all sports. Looks at every event.
    pub async fn sports(&self) -> anyhow::Result<SportFigures> {
        let sql = "SELECT sport, status, COUNT(*) FROM events WHERE version > 0 GROUP BY sport, status";
        let counts: Vec<(String, Option<String>, i64)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        let count = |(sport, status, events): (String, Option<String>, i64)| {
            let status = status.map(|status| read_status(&status)).transpose()?;
            anyhow::Ok(EventCount { sport: sport.parse()?, status, events: u64::try_from(events)? })
        };
        let sql = "SELECT sport, MAX(last_message_at) FROM producers GROUP BY sport";
        let last: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        let last_message = |(sport, at): (String, i64)| anyhow::Ok((sport.parse()?, at));
        Ok(SportFigures {
            counts: counts.into_iter().map(count).collect::<Result<_, _>>()?,
            last_messages: last.into_iter().map(last_message).collect::<Result<_, _>>()?,
        })
    }
}

fn read_status(name: &str) -> anyhow::Result<EventStatus> {
    let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    EventStatus::deserialize(name).context("status")
}
