//! What clients of REST are told by a real distribution.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::event::{Event, PATIENCE, document, get, served};
use crate::support::{shared_stack, until};

#[tokio::test(flavor = "multi_thread")]
async fn rest_answers_documents_tags_pages_and_problems() {
    let stack = shared_stack().await;
    let event = Event::begin(stack, "md:match:rest-1").await;
    let other = Event::begin(stack, "md:match:rest-2").await;
    served(stack, &event).await.unwrap();
    served(stack, &other).await.unwrap();

    let found = document(stack, &event).await;
    assert_eq!(found["status"]["status"], "live");
    assert_eq!(found["markets"][0]["outcomes"][0]["odds"], 1_850);

    let path = format!("/v1/events/{}", event.id);
    let tag = get(stack, &path).await.headers()["etag"].clone();
    let again = reqwest::Client::new().get(format!("{}{path}", stack.rest_url().unwrap()));
    let again = again.header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let page: Value = get(stack, "/v1/events?limit=500").await.json().await.unwrap();
    let listed = page["events"].as_array().unwrap().iter().find(|one| one["event_id"] == event.id).unwrap();
    assert_eq!((&listed["home"], &listed["away_id"]), (&json!("Home"), &json!("md:competitor:2")));
    // This one is answered from what the updates topic has told, which comes after the stores have it.
    let mut ours = Value::Null;
    until("the live match to be whole", PATIENCE, async || {
        let live: Value = get(stack, "/matches/live").await.json().await?;
        let matches = live["matches"].as_array().unwrap();
        ours = matches.iter().find(|one| one["event_id"] == event.id).cloned().unwrap_or_default();
        Ok(ours["version"] == event.sequence)
    })
    .await
    .unwrap();
    assert_eq!((&ours["away"], &ours["main_market"]["id"]), (&json!("Away"), &json!(406)));

    for (path, status) in [
        ("/v1/events/md:match:none", 404),
        ("/v1/events/none", 400),
        ("/v1/events?limit=501", 400),
        ("/v2/events", 404),
    ] {
        let answer = get(stack, path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
    }
}
