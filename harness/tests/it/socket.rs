//! What clients of the socket are told, granted and refused by a real distribution. Every frame is held to the
//! AsyncAPI document, whatever else a test looks at.

use std::sync::Arc;

use domain::Sport;
use harness::stack::{DISTRIBUTION, REDIS};
use serde_json::{Value, json};

use crate::support::contract::Contract;
use crate::support::event::{Event, served};
use crate::support::metric::{metric_is, metric_reaches};
use crate::support::socket::Client;
use crate::support::{shared_stack, stack_with, up_with_stores};

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_with_an_image_and_urgent_news_come_by_themselves() {
    let stack = shared_stack().await;
    let mut event = Event::begin(stack, "md:match:socket-1").await;
    served(stack, &event).await.unwrap();
    let mut client = Client::connect(stack).await;
    let wanted = json!([event.id, "md:match:nowhere"]);
    client
        .say(
            &json!({"type": "subscribe", "id": "a", "events": wanted, "conflate_ms": 700, "heartbeat_ms": 1}),
        )
        .await;
    let settled = client.frame().await;
    assert_eq!((&settled["type"], &settled["heartbeat_ms"]), (&json!("subscribed"), &json!(500)));
    assert_eq!(settled["events"], wanted);
    // What is loaded comes in no order: the event, too, where the updates topic is behind what REST serves.
    let mut told = [client.frame().await, client.frame().await];
    told.sort_by_key(|frame| frame["type"].to_string());
    let [unknown, image] = told;
    assert_eq!(
        (&unknown["code"], &unknown["event_id"]),
        (&json!("unknown_event"), &json!("md:match:nowhere"))
    );
    assert_eq!((&image["type"], &image["from"], &image["to"]), (&json!("image"), &json!(0), &json!(3)));
    assert_eq!(image["changes"].as_array().unwrap().len(), 3);

    event.tell_odds(1_900).await;
    event.tell("bet_stop", json!({"groups": "all"})).await;
    event.tell_odds(1_950).await;
    let stop = client.reaches(&event, 5).await;
    assert_eq!((&stop["cause"], &stop["to"]), (&json!("bet_stop"), &json!(5)));
    assert_eq!(stop["changes"][0]["value"]["status"], "suspended");
    let rest = client.reaches(&event, 6).await;
    assert_eq!((&rest["from"], &rest["to"]), (&json!(5), &json!(6)));
    assert_eq!(rest["changes"][0]["value"]["outcomes"][0]["odds"], 1_950);

    client.say(&json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(client.frame().await["type"], "unsubscribed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_filter_leaves_out_other_markets_and_keeps_the_chain() {
    let stack = shared_stack().await;
    let mut event = Event::begin(stack, "md:match:filter").await;
    event.tell_odds_of(1, 3_000).await;
    served(stack, &event).await.unwrap();
    let mut client = Client::connect(stack).await;
    let keys = |frame: &Value| {
        let changes = frame["changes"].as_array().unwrap().iter();
        changes.map(|change| change["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let events = json!([event.id]);
    let subscribe = |id: &str, markets: Value| json!({"type": "subscribe", "id": id, "events": events, "markets": markets});
    client.say(&subscribe("a", json!([406, 18, 406]))).await;
    let settled = client.frame().await;
    assert_eq!(settled["markets"], json!([18, 406]));
    let image = client.frame().await;
    assert_eq!(
        (keys(&image), &image["to"]),
        (vec!["fixture".into(), "status".into(), "market:406".into()], &json!(4))
    );

    // Neither the other market nor a bet stop that touches only it makes a frame; versions go on all the same.
    event.tell_odds_of(1, 3_100).await;
    event.tell("settlement", json!({"certainty": "confirmed", "markets": [{"id": 1, "outcomes": [{"id": "4", "result": "won"}]}]})).await;
    event.tell_odds(1_900).await;
    let delta = client.frame().await;
    assert_eq!(
        (&delta["from"], &delta["to"], keys(&delta)),
        (&json!(4), &json!(7), vec!["market:406".into()])
    );

    // What was told of some markets can be gone on from with these or fewer, not with more.
    let resume = json!({"store": settled["store"], "versions": {&event.id: 7}});
    for (id, markets, resumed) in [("b", json!([18]), true), ("c", json!([1, 18, 406]), false)] {
        let mut message = subscribe(id, markets);
        message["resume"] = resume.clone();
        client.say(&message).await;
        let settled = client.frame_of("subscribed").await;
        assert_eq!(settled["resumed"], resumed, "{settled}");
    }
    let image = client.frame().await;
    assert_eq!((&image["type"], &image["id"], keys(&image).len()), (&json!("image"), &json!("c"), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn sports_events_and_markets_narrow_one_another() {
    let stack = shared_stack().await;
    let hockey = Event::begin(stack, "md:match:narrow").await;
    served(stack, &hockey).await.unwrap();
    let mut client = Client::connect(stack).await;
    client
        .say(&json!({"type": "subscribe", "id": "a", "sports": ["tennis"], "events": [hockey.id], "markets": [1]}))
        .await;
    let settled = client.frame().await;
    assert_eq!((&settled["sports"], &settled["events"]), (&json!(["tennis"]), &json!([hockey.id])));
    let excluded = client.frame().await;
    assert_eq!((&excluded["code"], &excluded["event_id"]), (&json!("excluded_event"), &json!(hockey.id)));

    // Without sports and events, markets of all of them.
    client.say(&json!({"type": "subscribe", "id": "b", "markets": [406]})).await;
    assert_eq!(client.frame().await["type"], "subscribed");
    client.reaches(&hockey, 3).await;
    client.say(&json!({"type": "subscribe", "id": "c", "sports": ["tennis", "football"]})).await;
    let settled = client.frame_of("subscribed").await;
    assert_eq!(settled["sports"], json!(["football", "tennis"]));
    client.say(&json!({"type": "unsubscribe", "id": "c"})).await;
    loop {
        let frame = client.frame().await;
        assert!(frame["id"] != "c" || frame["sport"] != "hockey", "{frame}");
        if frame["type"] == "unsubscribed" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_wrong_is_told_and_ends_only_its_session() {
    let stack = shared_stack().await;
    let mut client = Client::connect(stack).await;
    for message in [
        json!({"type": "subscribe", "id": "a", "sport": "chess"}),
        json!({"type": "subscribe", "id": "a", "sports": []}),
        json!({"type": "subscribe", "id": "a", "sport": "hockey", "sports": ["hockey"]}),
        json!({"type": "subscribe", "id": "a"}),
        json!({"type": "subscribe", "id": "a", "markets": [-1]}),
        json!({"type": "subscribe", "id": "a", "events": ["hockey"]}),
        json!({"type": "subscribe", "id": "", "sport": "hockey"}),
        json!({"type": "subscribe", "id": "a", "sport": "hockey", "conflate": 5}),
        json!({"type": "shout"}),
    ] {
        client.say_wrong(&message).await;
        let error = client.frame().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid")), "{message}");
    }
    client.say(&json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(client.frame().await["code"], "unknown_subscription");
    for text in ["{", r#"["unsubscribe",{"id":"a"}]"#] {
        let mut client = Client::connect(stack).await;
        client.say_anything(text).await;
        assert_eq!(client.frame().await["code"], "malformed", "{text}");
        assert_eq!(client.closed().await.unwrap().0, 4400);
    }

    let mut large = Client::connect(stack).await;
    large.say_anything("x".repeat(65_537)).await;
    assert_eq!(large.closed().await.unwrap().0, 1009);

    let mut eager = Client::connect(stack).await;
    for _ in 0..30 {
        eager.say(&json!({"type": "unsubscribe", "id": "a"})).await;
    }
    assert_eq!(eager.closed().await.unwrap().0, 4429);

    let plain = stack.socket_url().unwrap().replace("ws:", "http:");
    let answer = reqwest::get(plain).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_is_kept_told_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("SESSIONS", 2), ("SUBSCRIPTIONS", 2), ("EVENTS", 2), ("MARKETS", 2), ("MESSAGE_BYTES", 1_000)];
    let stack = stack_with(&folder, &[Sport::Hockey], &settings).await;
    let contract = Arc::new(Contract::of(&stack).await);
    let mut client = Client::judged_by(&stack, &contract).await;
    let versions = json!({"md:match:1": 1, "md:match:2": 1, "md:match:3": 1});
    for (more, limit) in [
        (json!({"events": ["md:match:1", "md:match:2", "md:match:3"]}), "events"),
        (json!({"markets": [1, 2, 3]}), "markets"),
        (json!({"sport": "hockey", "resume": {"store": "x", "versions": versions}}), "resume.versions"),
    ] {
        let mut subscribe = json!({"type": "subscribe", "id": "a"});
        subscribe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.say(&subscribe).await;
        let error = client.frame().await;
        assert_eq!((&error["code"], &error["id"]), (&json!("limit_exceeded"), &json!("a")));
        assert!(error["detail"].as_str().unwrap().contains(limit), "{error}");
        metric_reaches(&stack, &format!("matchday_distribution_refused_total{{reason=\"{limit}\"}}"), 1.0)
            .await;
    }
    for id in ["a", "b", "c"] {
        client.say(&json!({"type": "subscribe", "id": id, "sport": "hockey"})).await;
    }
    assert_eq!(client.frame_of("error").await["id"], "c");
    metric_reaches(&stack, r#"matchday_distribution_refused_total{reason="subscriptions"}"#, 1.0).await;
    metric_is(&stack, "matchday_distribution_subscriptions", 2.0).await;

    let mut large = Client::judged_by(&stack, &contract).await;
    let refused = tokio_tungstenite::connect_async(stack.socket_url().unwrap()).await;
    assert!(refused.unwrap_err().to_string().contains("503"));
    metric_reaches(&stack, r#"matchday_distribution_refused_total{reason="sessions"}"#, 1.0).await;
    large.say_anything("x".repeat(1_001)).await;
    assert_eq!(large.closed().await.unwrap().0, 1009);
    metric_reaches(&stack, r#"matchday_distribution_closed_total{reason="message too big"}"#, 1.0).await;
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_announced_and_resuming_after_it_needs_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let stack = up_with_stores(folder.path().join("stacks"), "restart").await;
    let mut event = Event::begin(&stack, "md:match:restart").await;
    served(&stack, &event).await.unwrap();
    let contract = Arc::new(Contract::of(&stack).await);
    let mut clients = Vec::new();
    let mut store = Value::Null;
    for _ in 0..4 {
        let mut client = Client::judged_by(&stack, &contract).await;
        client.say(&json!({"type": "subscribe", "id": "a", "sport": "hockey"})).await;
        store = client.frame().await["store"].clone();
        client.reaches(&event, 3).await;
        clients.push(client);
    }

    stack.process(DISTRIBUTION).unwrap().stop().await.unwrap();
    let mut delays = Vec::new();
    for client in &mut clients {
        let (code, hint) = client.closed().await.unwrap();
        assert_eq!((code, &hint["reason"]), (1012, &json!("restart")));
        delays.push(hint["reconnect_after_ms"].as_u64().unwrap());
    }
    delays.sort_unstable();
    assert!(delays.is_sorted_by(|a, b| a < b), "{delays:?}: each comes at its own time");

    // What happens meanwhile is not lost, with Redis or without.
    event.tell("bet_stop", json!({"groups": "all"})).await;
    stack.process(REDIS).unwrap().kill().unwrap();
    stack.restart(DISTRIBUTION).await.unwrap();
    served(&stack, &event).await.unwrap();

    let mut client = Client::judged_by(&stack, &contract).await;
    let mut resume = json!({"store": store, "versions": {}});
    resume["versions"][&event.id] = json!(3);
    client.say(&json!({"type": "subscribe", "id": "a", "sport": "hockey", "resume": resume})).await;
    assert_eq!(client.frame().await["resumed"], true);
    let delta = client.frame().await;
    assert_eq!((&delta["type"], &delta["from"], &delta["to"]), (&json!("delta"), &json!(3), &json!(4)));
    assert_eq!(delta["changes"][0]["value"]["status"], "suspended");

    resume["store"] = json!("00000000000000000000000000000000");
    client.say(&json!({"type": "subscribe", "id": "b", "sport": "hockey", "resume": resume})).await;
    assert_eq!(client.frame().await["resumed"], false);
    assert_eq!(client.frame().await["type"], "image");
    stack.down().await.unwrap();
}
