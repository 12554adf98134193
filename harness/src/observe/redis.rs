//! What Redis ends with.

use std::collections::HashMap;

use anyhow::Context;
use redis::AsyncCommands;
use serde_json::Value;

use super::{Picture, Pictures};

/// The pictures of these events; an event that Redis does not hold is left out.
///
/// # Errors
/// When Redis does not answer, or holds something that is no image.
pub async fn pictures(url: &str, store_id: &str, events: &[String]) -> anyhow::Result<Pictures> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await.context("redis does not answer")?;
    let mut pictures = Pictures::new();
    for event_id in events {
        let fields: HashMap<String, String> =
            connection.hgetall(format!("{store_id}:event:{event_id}")).await?;
        if fields.is_empty() {
            continue;
        }
        let picture = read(&fields).with_context(|| format!("the image of {event_id} in redis"))?;
        pictures.insert(event_id.clone(), picture);
    }
    Ok(pictures)
}

fn read(fields: &HashMap<String, String>) -> anyhow::Result<Picture> {
    let version = fields.get("version").context("it has no version")?.parse()?;
    let mut picture = Picture { version, ..Picture::default() };
    for (key, field) in fields.iter().filter(|(key, _)| *key != "version") {
        let mut field: Value = serde_json::from_str(field).with_context(|| format!("field `{key}`"))?;
        let changed = field
            .get("version")
            .and_then(Value::as_u64)
            .with_context(|| format!("field `{key}` has no version"))?;
        anyhow::ensure!(changed <= version, "field `{key}` is of version {changed}, the event of {version}");
        picture.set(key, field["value"].take());
    }
    Ok(picture)
}
