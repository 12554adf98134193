use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use domain::Name;
use serde_json::json;

use super::*;

/// A message about a game in each format, how its request is labelled, and what tells that it cannot be read.
fn feeds() -> Vec<(Feed, Vec<u8>)> {
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let mut message = Format::Json.decode(golden.as_bytes(), &Name::new("md").unwrap()).unwrap();
    message.source.producer = Name::new("1").unwrap();
    let feed = |format: Format, key: Option<&str>| {
        let mut headers = HeaderMap::new();
        let kind = if format == Format::Json { "application/json" } else { "application/xml" };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(key) = key {
            headers.insert("routing-key", HeaderValue::from_str(key).unwrap());
        }
        Feed::of(&Method::POST, &Uri::from_static("/feeds/md"), &headers).unwrap()
    };
    let own = [Format::Json, Format::Xml]
        .map(|format| (feed(format, None), format.in_batch(&format.encode(&message).unwrap()).to_vec()));
    let line = Format::Uof.encode(&message).unwrap();
    let (key, document) = crate::uof::split(&line).unwrap();
    own.into_iter().chain([(feed(Format::Uof, Some(key)), document.to_vec())]).collect()
}

fn is_free(images: &Images, feed: &Feed, message: &[u8]) -> bool {
    images.place_of(feed, message) == MetPlace::Free
}

/// The first message of a feed as it is read, and what it says of its event.
fn read(feed: &Feed, message: &[u8]) -> (FeedMessage, EventMessage) {
    let first = feed.decode(message).unwrap();
    let Content::Event(event) = first.content.clone() else { panic!("of an event") };
    (first, event)
}

#[test]
fn a_message_about_a_game_that_was_met_is_not_read_again() {
    for (feed, message) in feeds() {
        let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
        assert!(is_free(&images, &feed, &message), "{:?}", feed.format);
        let Claim { met, firsts, .. } = images.claim(&feed, &[&message, &message], true).unwrap();
        assert_eq!(firsts.len(), 1, "{:?}", feed.format);
        assert!(!is_free(&images, &feed, &message), "{:?}", feed.format);
        images.forget(&Beginnings { met, ..Beginnings::default() });
        assert!(is_free(&images, &feed, &message), "it will come again: {:?}", feed.format);
    }
}

#[test]
fn who_follows_waits_until_the_image_is_written_and_is_the_first_where_it_never_will_be() {
    for (feed, message) in feeds() {
        let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
        let Claim { met, written, .. } = images.claim(&feed, &[&message], true).unwrap();
        let waits = images.claim(&feed, &[&message], true).unwrap_err();
        images.forget(&Beginnings { met, ..Beginnings::default() });
        assert!(images.claim(&feed, &[&message], true).is_err(), "it is still on its way: {:?}", feed.format);
        drop(written);
        assert!(waits.has_changed().is_err(), "it is told: {:?}", feed.format);
        let Claim { firsts, written, .. } = images.claim(&feed, &[&message], true).unwrap();
        assert_eq!(firsts.len(), 1, "{:?}", feed.format);
        drop(written);
        assert!(images.claim(&feed, &[&message], true).unwrap().firsts.is_empty(), "{:?}", feed.format);
    }
}

#[tokio::test]
async fn once_a_request_has_waited_long_enough_nobody_is_asked_of_its_other_games() {
    let rest = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rest.set_nonblocking(true).unwrap();
    let address = format!("http://{}", rest.local_addr().unwrap());
    let images = Images::new(reqwest::Client::new(), Some(&address));
    let (feed, message) = feeds().remove(0);
    let image = images.image(feed.format, &feed.decode(&message).unwrap(), Instant::now()).await;
    let (headless, why) = image.unwrap_err();
    assert_eq!(headless, Headless::Unsaid);
    assert!(why.contains("no time left"), "{why}");
    assert_eq!(rest.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_will_come_again_of_a_request_is_met_then() {
    for (feed, message) in feeds() {
        let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
        let met = images.claim(&feed, &[&message], true).unwrap().met;
        let mut beginnings = Beginnings { met, ..Beginnings::default() };
        images.forget_all_but(&mut beginnings, &feed, &[&message]);
        assert!(!is_free(&images, &feed, &message), "{:?}", feed.format);
        images.forget_all_but(&mut beginnings, &feed, &[]);
        assert!(is_free(&images, &feed, &message), "{:?}", feed.format);
    }
}

/// A stack that knows one game, and says of it what it is told to, from the request on of that number.
async fn rest(event: serde_json::Value, updates: serde_json::Value, from: u64) -> String {
    let asked = Arc::new(AtomicU64::new(0));
    let routes = axum::Router::new()
        .route(
            "/v1/events/{event_id}",
            axum::routing::get(async move || {
                let is_known = asked.fetch_add(1, Ordering::SeqCst) >= from;
                if is_known { Ok(axum::Json(event.clone())) } else { Err(StatusCode::NOT_FOUND) }
            }),
        )
        .route(
            "/v1/events/{event_id}/updates",
            axum::routing::get(async move || axum::Json(json!({ "updates": updates.clone() }))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test]
async fn the_clock_of_an_image_has_run_on_in_each_format() {
    for (feed, message) in feeds() {
        let (first, event) = read(&feed, &message);
        let told_at = first.generated_at.0 - 90_000_000;
        let status = json!({ "status": "live", "match_status": "period_2", "score": { "home": 2, "away": 1 },
            "clock": { "elapsed_seconds": 300 } });
        let applied = event.position.map_or(
            json!({}),
            |position| json!({ "epoch": position.epoch, "sequence": position.sequence - 1 }),
        );
        let mut cause = json!({ "type": "odds_change", "provider": "md", "producer": "1", "message_id": "m7",
            "generated_at": told_at });
        cause.as_object_mut().unwrap().extend(applied.as_object().unwrap().clone());
        let update = json!({ "event_id": event.event_id, "sport": "hockey", "version": 7, "previous_version": 6, "cause": cause,
            "applied_at": told_at, "changes": [{ "key": "status", "value": status }] });
        let standing =
            json!({ "version": 7, "fixture": null, "status": status, "markets": [], "incidents": [] });
        // It is applied, or known at all, a little later than somebody asks.
        let from = u64::from(event.position.is_some());
        let rest = rest(standing, json!([update]), from).await;
        let images = Images::new(reqwest::Client::new(), Some(&rest));
        let image = images.image(feed.format, &first, Instant::now() + PATIENCE).await.unwrap().unwrap();
        let clock = image.messages.iter().find_map(|message| match &message.content {
            Content::Event(EventMessage { body: Body::Snapshot(snapshot), .. }) => {
                snapshot.status.as_ref()?.clock
            }
            Content::Event(EventMessage { body: Body::OddsChange(odds), .. }) => odds.status.as_ref()?.clock,
            _ => None,
        });
        assert_eq!(clock.unwrap().elapsed_seconds, 390, "{:?}", feed.format);
    }
}

#[tokio::test]
async fn each_game_without_its_beginning_is_told_and_why() {
    let (feed, message) = feeds().remove(0);
    let why =
        |beginnings: &Beginnings| beginnings.headless.iter().map(|(_, why, _)| *why).collect::<Vec<_>>();
    let images = Images::new(reqwest::Client::new(), None);
    let beginnings = images.before(&feed, &[&message, &message]).await;
    assert_eq!(why(&beginnings), [Headless::Unasked], "one game");
    assert_eq!(why(&images.before(&feed, &[&message]).await), [], "it was told");

    let rest = rest(json!({}), json!([]), u64::MAX).await;
    let images = Images::new(reqwest::Client::new(), Some(&rest));
    assert_eq!(why(&images.before(&feed, &[&message]).await), [Headless::Unknown]);

    let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
    let keys = (0..MET_MAX).map(|number| {
        let (source, _) = feed.key(&message).unwrap();
        (source, EventId::new(format!("md:match:{number}0001")).unwrap())
    });
    images.met().all.extend(keys);
    let mut beginnings = images.before(&feed, &[&message, &message]).await;
    assert_eq!(why(&beginnings), [Headless::Beyond; 2], "each message, for none is told apart");
    images.forget_all_but(&mut beginnings, &feed, &[]);
    assert_eq!(why(&beginnings), [], "they will come again");
}

#[tokio::test]
async fn who_has_waited_for_an_image_for_long_goes_without_its_own_and_is_told() {
    let (feed, message) = feeds().remove(0);
    let of_another = String::from_utf8(message.clone()).unwrap().replace("md:match:1001", "md:match:1002");
    let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
    let claim = images.claim(&feed, &[&message], true).unwrap();
    let beginnings = images.before_by(&feed, &[&message, of_another.as_bytes()], Instant::now()).await;
    let [(event_id, Headless::Waited, _)] = &beginnings.headless[..] else { panic!("{beginnings:?}") };
    assert_eq!(event_id.as_str(), "md:match:1002");
    drop(claim);
}

#[tokio::test]
async fn a_game_of_which_something_is_missing_keeps_no_other_of_its_request_from_being_asked_for() {
    let (feed, message) = feeds().remove(0);
    let (first, event) = read(&feed, &message);
    let of = |event_id: &EventId| {
        let content = Content::Event(EventMessage { event_id: event_id.clone(), ..event.clone() });
        Format::Json.encode(&FeedMessage { content, ..first.clone() }).unwrap()
    };
    let [missing, whole] = ["md:match:71", "md:match:72"].map(|id| EventId::new(id).unwrap());
    let position = event.position.unwrap();
    let cause = json!({ "type": "odds_change", "provider": "md", "producer": "1", "message_id": "m7",
        "epoch": position.epoch, "sequence": position.sequence - 1, "generated_at": first.generated_at.0 });
    let update = json!({ "event_id": whole, "sport": "hockey", "version": 7, "previous_version": 6, "cause": cause,
        "applied_at": first.generated_at.0, "changes": [] });
    let standing = json!({ "version": 7, "fixture": null, "status": null, "markets": [], "incidents": [] });
    let known = whole.clone();
    let routes = axum::Router::new()
        .route(
            "/v1/events/{event_id}",
            axum::routing::get(async move |axum::extract::Path(id): axum::extract::Path<String>| {
                if id == known.as_str() { Ok(axum::Json(standing)) } else { Err(StatusCode::NOT_FOUND) }
            }),
        )
        .route(
            "/v1/events/{event_id}/updates",
            axum::routing::get(async move || axum::Json(json!({ "updates": [update] }))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rest = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let images = Images::new(reqwest::Client::new(), Some(&rest));
    let beginnings = images.before(&feed, &[&of(&missing), &of(&whole)]).await;
    let imaged: Vec<&EventId> = beginnings.images.iter().map(|image| &image.event_id).collect();
    assert_eq!(imaged, [&whole], "{:?}", beginnings.headless);
    assert_eq!(beginnings.headless[0].0, missing);
}

#[tokio::test]
async fn a_game_whose_fixture_passed_is_not_from_its_middle() {
    let (feed, message) = feeds().pop().unwrap();
    let (first, event) = read(&feed, &message);
    let fixture = (fixtures_of(&first.source), event.event_id.clone());
    let images = Images::new(reqwest::Client::new(), None);
    images.met().all.insert(fixture);
    assert!(images.before(&feed, &[&message]).await.headless.is_empty());
    // Who knows nothing but the fixture has no image either.
    let standing = json!({ "version": 1, "fixture": null, "status": null, "markets": [], "incidents": [] });
    let rest = rest(standing, json!([]), 0).await;
    let images = Images::new(reqwest::Client::new(), Some(&rest));
    let beginnings = images.before(&feed, &[&message]).await;
    assert!(beginnings.images.is_empty() && beginnings.headless.is_empty());
}
