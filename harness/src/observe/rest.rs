//! What REST answers.

use anyhow::Context;
use serde_json::{Value, json};

use super::{Picture, Pictures};

/// The pictures of these events, one request each; an event that is answered with 404 is left out.
///
/// # Errors
/// When something else than an event or a 404 is answered.
pub async fn pictures(url: &str, events: &[String]) -> anyhow::Result<Pictures> {
    let client = reqwest::Client::new();
    let mut pictures = Pictures::new();
    for event_id in events {
        pictures.extend(picture(&client, url, event_id).await?.map(|picture| (event_id.clone(), picture)));
    }
    Ok(pictures)
}

/// The picture of one event; `None` where that is answered with 404.
///
/// # Errors
/// When something else than an event or a 404 is answered.
pub async fn picture(client: &reqwest::Client, url: &str, event_id: &str) -> anyhow::Result<Option<Picture>> {
    let url = format!("{url}/v1/events/{event_id}");
    let answer = client.get(&url).send().await.with_context(|| format!("GET {url}"))?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    anyhow::ensure!(answer.status().is_success(), "GET {url} answered {}", answer.status());
    let document: Value = answer.json().await.with_context(|| format!("GET {url}"))?;
    let version = document.get("version").and_then(Value::as_u64).context("the event has no version")?;
    Ok(Some(Picture::from_document(version, &document)?))
}

/// Events in a page of the list: few, so that there are pages.
const PAGE: u32 = 7;

/// What the list of events says of each, page by page.
///
/// # Errors
/// When something else than a page is answered, or an event is listed twice.
pub async fn listed(url: &str) -> anyhow::Result<Pictures> {
    let client = reqwest::Client::new();
    let mut pictures = Pictures::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{url}/v1/events?limit={PAGE}{cursor}");
        let answer = client.get(&url).send().await.with_context(|| format!("GET {url}"))?;
        anyhow::ensure!(answer.status().is_success(), "GET {url} answered {}", answer.status());
        let page: Value = answer.json().await.with_context(|| format!("GET {url}"))?;
        for event in page["events"].as_array().context("a page has no events")? {
            let event_id = event["event_id"].as_str().context("an event has no id")?;
            let version = event["version"].as_u64().context("an event has no version")?;
            let mut picture = Picture { version, ..Picture::default() };
            let [status, match_status, score] = ["status", "match_status", "score"].map(|name| &event[name]);
            picture.set("status", json!({"status": status, "match_status": match_status, "score": score}));
            let before = pictures.insert(event_id.to_owned(), picture);
            anyhow::ensure!(before.is_none(), "{event_id} is listed twice");
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(pictures),
        }
    }
}
