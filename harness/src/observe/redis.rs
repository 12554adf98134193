//! What Redis ends with.

use std::collections::HashMap;

use anyhow::Context;
use redis::AsyncCommands;
use serde_json::Value;

use super::{Picture, Pictures, Reading};
use crate::anomaly::Kind;

/// The place that is read here.
const PLACE: &str = "redis";

/// The pictures of these events; an event that Redis does not hold is left out.
///
/// # Errors
/// When Redis does not answer, or holds something that is no image.
pub async fn pictures(url: &str, store_id: &str, events: &[String]) -> anyhow::Result<Pictures> {
    read(url, store_id, events).await?.whole()
}

/// The same, with what is no image beside it.
///
/// # Errors
/// When Redis does not answer.
pub async fn read(url: &str, store_id: &str, events: &[String]) -> anyhow::Result<Reading> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await.context("redis does not answer")?;
    let mut reading = Reading::default();
    for event_id in events {
        let fields: HashMap<String, String> =
            connection.hgetall(format!("{store_id}:event:{event_id}")).await?;
        if !fields.is_empty() {
            enter(&mut reading, event_id, &fields);
        }
    }
    Ok(reading)
}

fn enter(reading: &mut Reading, event_id: &str, fields: &HashMap<String, String>) {
    match image(fields) {
        Ok((picture, ahead)) => {
            for (key, version) in ahead {
                let must_be =
                    (format!("of version {} at most", picture.version), format!("of version {version}"));
                let what = format!("field `{key}`");
                reading.note_broken(
                    Kind::WrongValueAtVersion,
                    PLACE,
                    event_id,
                    &what,
                    (&must_be.0, &must_be.1),
                );
            }
            reading.pictures.insert(event_id.to_owned(), picture);
        }
        Err(error) => reading.note_unread(Kind::WrongValueAtVersion, PLACE, event_id, &error),
    }
}

/// An event's image, and its fields that are newer than it, each with its version.
fn image(fields: &HashMap<String, String>) -> anyhow::Result<(Picture, Vec<(&str, u64)>)> {
    let version = fields.get("version").context("it has no version")?.parse()?;
    let (mut picture, mut ahead) = (Picture { version, ..Picture::default() }, Vec::new());
    for (key, field) in fields.iter().filter(|(key, _)| *key != "version") {
        let mut field: Value = serde_json::from_str(field).with_context(|| format!("field `{key}`"))?;
        let changed = field
            .get("version")
            .and_then(Value::as_u64)
            .with_context(|| format!("field `{key}` has no version"))?;
        ahead.extend((changed > version).then_some((key.as_str(), changed)));
        picture.set(key, field["value"].take());
    }
    ahead.sort_unstable();
    Ok((picture, ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_newer_than_its_event_and_an_image_without_a_version_are_named() {
        let fields = |version: &str| {
            let field = |version: u64| format!(r#"{{"version":{version},"value":{{"of":{version}}}}}"#);
            let fields = [("version", version.to_owned()), ("status", field(7)), ("fixture", field(9))];
            HashMap::from(fields.map(|(key, value)| (key.to_owned(), value)))
        };
        let mut reading = Reading::default();
        enter(&mut reading, "whole", &fields("9"));
        enter(&mut reading, "ahead", &fields("8"));
        enter(&mut reading, "unread", &fields("none"));
        assert!(reading.pictures.keys().eq(["ahead", "whole"]) && reading.unread.iter().eq(["unread"]));
        let told: Vec<String> = reading.broken.iter().map(|(_, example)| example.to_string()).collect();
        assert_eq!(told[0], "redis: ahead: field `fixture` is of version 9, must be of version 8 at most");
        assert!(told.len() == 2 && told[1].starts_with("redis: unread: event is "), "{told:?}");
        assert!(reading.whole().is_err());
    }
}
