//! What REST answers.

use anyhow::Context;
use serde_json::Value;

use super::{Picture, Pictures};

/// The pictures of these events, one request each; an event that is answered with 404 is left out.
///
/// # Errors
/// When something else than an event or a 404 is answered.
pub async fn pictures(url: &str, events: &[String]) -> anyhow::Result<Pictures> {
    let client = reqwest::Client::new();
    let mut pictures = Pictures::new();
    for event_id in events {
        let url = format!("{url}/v1/events/{event_id}");
        let answer = client.get(&url).send().await.with_context(|| format!("GET {url}"))?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            continue;
        }
        anyhow::ensure!(answer.status().is_success(), "GET {url} answered {}", answer.status());
        let document: Value = answer.json().await.with_context(|| format!("GET {url}"))?;
        let version = document.get("version").and_then(Value::as_u64).context("the event has no version")?;
        pictures.insert(event_id.clone(), Picture::from_document(version, &document)?);
    }
    Ok(pictures)
}
