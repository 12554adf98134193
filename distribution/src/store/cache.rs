//! Redis: one hash per event, each field one key's version and value.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use domain::{EventId, Key, Sport};
use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::image::{Entry, Image};
use crate::lock::lock;

/// What does not answer within this time is slower than MySQL.
const ANSWER_MAX: Duration = Duration::from_millis(300);
/// How long a Redis that failed is left alone.
const REST: Duration = Duration::from_secs(1);

/// The images in Redis.
pub struct Cache {
    connection: ConnectionManager,
    /// Until when Redis is not asked.
    resting_until: Mutex<Option<Instant>>,
}

/// What looking an event up led to.
pub enum Lookup {
    /// The event.
    Hit(Image),
    /// Redis has it at a version older than the one wanted.
    Behind,
    /// Redis does not have it.
    Miss,
    /// What Redis has is not an image.
    Unreadable,
    /// Redis does not answer.
    Failed,
    /// Redis failed a moment ago and was not asked.
    Resting,
}

impl Lookup {
    /// The same, but that an event of an older version than this is not a hit.
    #[must_use]
    pub fn at_least(self, version: u64) -> Self {
        match self {
            Self::Hit(image) if image.version() < version => Self::Behind,
            other => other,
        }
    }

    /// Its name as a label.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Behind => "behind",
            Self::Miss => "miss",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
            Self::Resting => "resting",
        }
    }
}

impl Cache {
    /// A cache at `redis://…` that connects when it is first asked.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(ANSWER_MAX))
            .set_response_timeout(Some(ANSWER_MAX))
            .set_number_of_retries(1);
        let client = Client::open(url).context("the Redis address is not valid")?;
        let connection = ConnectionManager::new_lazy_with_config(client, config)?;
        Ok(Self { connection, resting_until: Mutex::new(None) })
    }

    /// Looks an event up. `store_id` keeps a fresh database from meeting an old cache.
    pub async fn load(&self, store_id: &str, event_id: &EventId, sport: Sport) -> Lookup {
        if lock(&self.resting_until).is_some_and(|until| Instant::now() < until) {
            return Lookup::Resting;
        }
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("HGETALL");
        let asked = command.arg(format!("{store_id}:event:{event_id}")).query_async(&mut connection);
        let fields: Vec<(String, String)> = match tokio::time::timeout(ANSWER_MAX, asked).await {
            Ok(Ok(fields)) => fields,
            Ok(Err(error)) => return self.rest(&error),
            Err(elapsed) => return self.rest(&elapsed),
        };
        if fields.is_empty() {
            return Lookup::Miss;
        }
        match read(event_id, sport, &fields) {
            Ok(image) => Lookup::Hit(image),
            Err(error) => {
                tracing::warn!(%event_id, error = format!("{error:#}"), "redis holds what is no image");
                Lookup::Unreadable
            }
        }
    }

    fn rest(&self, error: &dyn std::error::Error) -> Lookup {
        tracing::warn!(%error, rest_ms = REST.as_millis(), "redis does not answer, mysql does");
        *lock(&self.resting_until) = Some(Instant::now() + REST);
        Lookup::Failed
    }
}

fn read(event_id: &EventId, sport: Sport, fields: &[(String, String)]) -> anyhow::Result<Image> {
    #[derive(Deserialize)]
    struct Field<'a> {
        version: u64,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let mut version = None;
    let mut entries = Vec::with_capacity(fields.len());
    for (name, text) in fields {
        match name.as_str() {
            "version" => version = Some(text.parse::<u64>().context("version")?),
            _ => {
                let key: Key = name.parse()?;
                let field: Field<'_> = serde_json::from_str(text).with_context(|| name.clone())?;
                let value = field.value.map(|raw| raw.get().into());
                entries.push((key, Entry { version: field.version, value }));
            }
        }
    }
    let version = version.context("the hash has no version")?;
    Ok(Image::stored(event_id.clone(), sport, version, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn event_id() -> EventId {
        "md:match:1".parse().expect("a URN")
    }

    #[test]
    fn a_hash_becomes_an_image() {
        let hash = fields(&[
            ("market:406", r#"{"version":3,"value":{"id":406}}"#),
            ("version", "4"),
            ("incident:9", r#"{"version":4,"value":null}"#),
        ]);
        let image = read(&event_id(), Sport::Hockey, &hash).expect("an image");
        assert_eq!(image.version(), 4);
        let market: Key = "market:406".parse().expect("a key");
        assert_eq!((image.version_of(&market), image.value(&market)), (3, Some(r#"{"id":406}"#)));
        assert_eq!(image.changed(3, 4).count(), 1);
    }

    #[test]
    fn a_hash_that_is_behind_is_not_a_hit() {
        let hit = || Lookup::Hit(Image::stored(event_id(), Sport::Hockey, 4, []));
        assert_eq!([0, 4, 5].map(|version| hit().at_least(version).name()), ["hit", "hit", "behind"]);
        assert_eq!(Lookup::Miss.at_least(0).name(), "miss");
    }

    #[test]
    fn what_is_no_image_is_told_apart() {
        for wrong in [
            fields(&[("status", r#"{"version":3,"value":1}"#)]),
            fields(&[("version", "x")]),
            fields(&[("version", "4"), ("market:406", "{}")]),
            fields(&[("version", "4"), ("odds", r#"{"version":3,"value":1}"#)]),
        ] {
            assert!(read(&event_id(), Sport::Hockey, &wrong).is_err(), "{wrong:?}");
        }
    }
}
