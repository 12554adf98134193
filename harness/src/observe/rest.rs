//! What REST answers.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Picture, Pictures, Reading};
use crate::anomaly::Kind;

/// The places that are read here.
const PLACE: &str = "rest";
const LIST: &str = "rest list";
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The pictures of these events, one request each; an event that is answered with 404 is left out.
///
/// # Errors
/// When something else than an event or a 404 is answered.
pub async fn pictures(url: &str, events: &[String]) -> anyhow::Result<Pictures> {
    read(url, events).await?.whole()
}

/// The same, with what else was answered beside it. Where nobody answers no more is asked.
///
/// # Errors
/// When no client can be made.
pub async fn read(url: &str, events: &[String]) -> anyhow::Result<Reading> {
    let client = client()?;
    let mut reading = Reading::default();
    for event_id in events {
        match picture(&client, url, event_id).await {
            Ok(picture) => reading.pictures.extend(picture.map(|picture| (event_id.clone(), picture))),
            Err(error) => {
                reading.note_unread(Kind::Lost, PLACE, event_id, &error);
                reading.is_cut = is_unanswered(&error);
            }
        }
        if reading.is_cut {
            break;
        }
    }
    Ok(reading)
}

fn client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder().timeout(ANSWER_WITHIN).build().context("making an HTTP client")
}

/// Whether nobody answered, in time or at all.
fn is_unanswered(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| error.is_connect() || error.is_timeout())
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
    read_list(url).await?.whole()
}

/// The same, with what is wrong beside it. A page that cannot be read, or brings nothing new, is the last.
///
/// # Errors
/// When no client can be made.
pub async fn read_list(url: &str) -> anyhow::Result<Reading> {
    let client = client()?;
    let mut reading = Reading::default();
    let mut cursor = String::new();
    loop {
        let before = reading.pictures.len();
        let next = match page(&client, &format!("{url}/v1/events?limit={PAGE}{cursor}")).await {
            Ok((events, next)) => {
                for (event_id, picture) in events {
                    if reading.pictures.insert(event_id.clone(), picture).is_some() {
                        reading.note_broken(
                            Kind::Phantom,
                            LIST,
                            &event_id,
                            "event",
                            ("listed once", "listed again"),
                        );
                    }
                }
                next
            }
            Err(error) => {
                reading.note_broken(Kind::Lost, LIST, "", "page", ("readable", &format!("{error:#}")));
                reading.is_cut = true;
                None
            }
        };
        match next {
            Some(next) if reading.pictures.len() > before => cursor = format!("&cursor={next}"),
            Some(_) => {
                reading.note_broken(
                    Kind::Phantom,
                    LIST,
                    "",
                    "page with a next one",
                    ("of other events", "of none"),
                );
                reading.is_cut = true;
                return Ok(reading);
            }
            None => return Ok(reading),
        }
    }
}

/// Asks for a page.
///
/// # Errors
/// When something else is answered, or nothing.
pub async fn reach(url: &str) -> anyhow::Result<()> {
    page(&client()?, &format!("{url}/v1/events?limit={PAGE}")).await.map(drop)
}

/// What a page says of its events, and the cursor of the next one.
async fn page(
    client: &reqwest::Client,
    url: &str,
) -> anyhow::Result<(Vec<(String, Picture)>, Option<String>)> {
    let answer = client.get(url).send().await.with_context(|| format!("GET {url}"))?;
    anyhow::ensure!(answer.status().is_success(), "GET {url} answered {}", answer.status());
    let page: Value = answer.json().await.with_context(|| format!("GET {url}"))?;
    let event = |event: &Value| {
        let event_id = event["event_id"].as_str().context("an event has no id")?;
        let version = event["version"].as_u64().context("an event has no version")?;
        let mut picture = Picture { version, ..Picture::default() };
        let [status, match_status, score] = ["status", "match_status", "score"].map(|name| &event[name]);
        picture.set("status", json!({"status": status, "match_status": match_status, "score": score}));
        Ok((event_id.to_owned(), picture))
    };
    let events = page["events"].as_array().context("a page has no events")?;
    let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
    Ok((events.iter().map(event).collect::<anyhow::Result<_>>()?, next))
}

#[cfg(test)]
mod tests {
    use axum::extract::{Path, RawQuery};
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use axum::routing::get;
    use axum::{Json, Router};

    use super::*;

    async fn serve(routes: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        url
    }

    fn document(event_id: &str) -> Value {
        json!({"event_id": event_id, "version": 3, "markets": [], "incidents": []})
    }

    fn found(reading: &Reading) -> Vec<(Kind, &str)> {
        reading.broken.iter().map(|(kind, example)| (*kind, example.event_id.as_str())).collect()
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_read_keeps_no_other_from_being_read() {
        let answer = async |Path(event_id): Path<String>| -> Response {
            match event_id.as_str() {
                "lost" => StatusCode::NOT_FOUND.into_response(),
                "broken" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                "empty" => Json(json!({})).into_response(),
                event_id => Json(document(event_id)).into_response(),
            }
        };
        let url = serve(Router::new().route("/v1/events/{event_id}", get(answer))).await;
        let events = ["a", "broken", "empty", "lost", "z"].map(str::to_owned);
        let reading = read(&url, &events).await.unwrap();
        assert_eq!(reading.pictures.keys().collect::<Vec<_>>(), ["a", "z"]);
        assert_eq!(found(&reading), [(Kind::Lost, "broken"), (Kind::Lost, "empty")]);
        assert!(reading.unread.iter().eq(["broken", "empty"]) && !reading.is_cut);
        let text = reading.broken[0].1.to_string();
        assert!(text.starts_with("rest: broken: event is GET ") && text.contains("500"), "{text}");
        assert!(reading.whole().is_err());
        assert_eq!(pictures(&url, &events[..1]).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn where_nobody_answers_no_more_is_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let reading = read(&url, &["a", "b"].map(str::to_owned)).await.unwrap();
        assert_eq!((found(&reading), reading.is_cut), (vec![(Kind::Lost, "a")], true));
        let reading = read_list(&url).await.unwrap();
        assert_eq!((found(&reading), reading.is_cut), (vec![(Kind::Lost, "")], true));
    }

    #[tokio::test]
    async fn an_event_that_is_listed_twice_is_named_and_pages_without_end_are_not_followed() {
        let answer = async |RawQuery(query): RawQuery| {
            let page =
                match query.unwrap().split_once("cursor=").map(|(_, cursor)| cursor.to_owned()).as_deref() {
                    None => json!({"events": [document("a"), document("b")], "next": "1"}),
                    Some("1") => json!({"events": [document("b"), document("c")], "next": "2"}),
                    Some(_) => json!({"events": [document("c")], "next": "2"}),
                };
            Json(page)
        };
        let url = serve(Router::new().route("/v1/events", get(answer))).await;
        let reading = read_list(&url).await.unwrap();
        assert!(reading.pictures.keys().eq(["a", "b", "c"]) && reading.is_cut);
        let phantom = |event_id| (Kind::Phantom, event_id);
        assert_eq!(found(&reading), [phantom("b"), phantom("c"), phantom("")]);
    }
}
