//! The AsyncAPI document and a real server say the same: every message either side sends is as documented, and
//! everything documented happens.

use std::sync::Arc;

use domain::Sport;
use harness::stack::{DATABASE, DISTRIBUTION, REDIS, Stack};
use serde_json::{Value, json};

use crate::producers::{now_micros, of_producer, post};
use crate::recovery::Provider;
use crate::support::contract::Contract;
use crate::support::event::{Event, served};
use crate::support::metric::{metric_is, metric_reaches};
use crate::support::socket::Client;
use crate::support::{config, services_with};

const PUBLISHED: &str = include_str!("../../../distribution/asyncapi.json");

fn published() -> Contract {
    Contract::new(serde_json::from_str(PUBLISHED).unwrap()).unwrap()
}

#[test]
fn the_document_holds_together() {
    let contract = published();
    let channel = contract.document()["channels"]["socket"]["messages"].as_object().unwrap();
    let components = contract.document()["components"]["messages"].as_object().unwrap();
    assert!(channel.keys().eq(components.keys()));
    let examples = contract.examples();
    for (name, example) in &examples {
        assert_eq!(example["type"], **name, "{example}");
        let is_said = ["subscribe", "unsubscribe"].contains(&name.as_str());
        let judged = if is_said { contract.received(example) } else { contract.sent(example) };
        judged.unwrap();
    }
    assert!(components.keys().all(|name| examples.iter().any(|(of, _)| of == name)), "each has an example");
    let sports = &contract.document()["components"]["schemas"]["sport"]["enum"];
    assert_eq!(*sports, json!(Sport::ALL.map(Sport::as_str)));
}

#[test]
fn the_judge_sees_what_is_not_as_documented() {
    let contract = published();
    let heartbeat = json!({"type": "heartbeat", "id": "a", "time": 5});
    contract.sent(&heartbeat).unwrap();
    for (field, value) in [
        ("time", Value::Null),
        ("time", json!("5")),
        ("id", json!("")),
        ("more", json!(1)),
        ("type", json!("beat")),
    ] {
        let mut wrong = heartbeat.clone();
        wrong[field] = value;
        assert!(contract.sent(&wrong).is_err(), "{wrong}");
    }
    assert!(contract.received(&heartbeat).is_err(), "clients say no heartbeats");
    let delta = |key: &str, value: Value| {
        json!({"type": "delta", "id": "a", "event_id": "md:match:1", "sport": "tennis", "from": 1, "to": 2,
            "changes": [{"key": key, "value": value}]})
    };
    let market =
        json!({"id": 1, "producer": "live", "status": "active", "outcomes": [{"id": "1", "odds": 1_850}]});
    contract.sent(&delta("market:1", market.clone())).unwrap();
    contract.sent(&delta("market:1", Value::Null)).unwrap();
    assert!(contract.sent(&delta("status", market.clone())).is_err());
    let mut float = market;
    float["outcomes"][0]["odds"] = json!(1.85);
    assert!(contract.sent(&delta("market:1", float)).is_err());
    contract.closed(1012, &json!({"reason": "restart", "reconnect_after_ms": 50})).unwrap();
    assert!(contract.closed(1012, &json!({"reason": "restart", "retry": 50})).is_err());
    assert!(contract.closed(1011, &json!({"reason": "restart"})).is_err());
    let unseen = contract.unseen();
    assert!(!unseen.contains(&"heartbeat".to_owned()) && unseen.contains(&"image".to_owned()), "{unseen:?}");
}

/// A stack of two sports whose socket has little patience and small limits.
async fn strict_stack(folder: &tempfile::TempDir, asked: &Provider) -> Stack {
    let settings = [
        ("WRITE_SECONDS", 3),
        ("SLOW_MS", 50),
        ("IDLE_SECONDS", 3),
        ("SEND_BUFFER_BYTES", 16 << 10),
        ("EVENTS", 2),
    ];
    let mut services = services_with(&[Sport::Hockey, Sport::Tennis], &settings);
    for service in services.iter_mut().filter(|service| service.name.starts_with("processors")) {
        let settled = format!("lost=snapshot@http://{}", asked.address);
        for (name, value) in [
            ("MATCHDAY_PRODUCER_SILENCE_MS", "3000"),
            ("MATCHDAY_RECOVERY", &settled),
            ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ] {
            service.env.push((name.to_owned(), value.to_owned()));
        }
    }
    Stack::up(config(folder.path().join("stacks"), "strict"), services).await.unwrap()
}

/// A tennis match with every kind of key and value.
async fn tennis(stack: &Stack) -> Event {
    let mut event = Event::announced(stack, Sport::Tennis, "md:match:tennis").await;
    let status = json!({
        "status": "live", "match_status": "set_1", "score": {"home": 0, "away": 0},
        "period_scores": [{"period": "set_1", "home": 2, "away": 1}],
        "game_score": {"home": 40, "away": 15}, "server": "away",
    });
    event.tell("event_status", status).await;
    for (id, specifiers) in [(186, Value::Null), (202, json!("setnr=1"))] {
        let mut market = json!({"id": id, "status": "active",
            "outcomes": [{"id": "4", "odds": 1_500, "probability": 650_000}, {"id": "5", "odds": 2_500, "active": false}]});
        if !specifiers.is_null() {
            market["specifiers"] = specifiers;
        }
        event.tell("odds_change", json!({"markets": [market]})).await;
    }
    event
}

/// What happens in it while clients listen.
async fn play(event: &mut Event) {
    let ace = json!({"incident_id": "p-1", "action": "new", "kind": "ace", "match_status": "set_1", "side": "away", "player": "A. Player"});
    event.tell("incident", ace.clone()).await;
    let mut deleted = ace;
    deleted["action"] = json!("deleted");
    event.tell("incident", deleted).await;
    event.tell("bet_stop", json!({"groups": "all"})).await;
    let results = json!([{"id": "4", "result": "won"}, {"id": "5", "result": "lost"}]);
    let market = json!({"id": 202, "specifiers": "setnr=1", "outcomes": results});
    event.tell("settlement", json!({"certainty": "confirmed", "markets": [market]})).await;
    let market = json!({"id": 186, "void_reason": "wrong odds"});
    event.tell("cancel", json!({"markets": [market], "start_time": 1767225600000001_i64, "end_time": 1767225600000002_i64})).await;
    event
        .tell("fixture_change", json!({"change": "start_time", "scheduled_start": 1767225600000006_i64, "next_live_time": 1767225600000007_i64}))
        .await;
}

/// Sees every frame of a subscription that goes well, and every error.
async fn listen(stack: &Stack, contract: &Arc<Contract>, hockey: &Event, tennis: &mut Event) {
    let mut client = Client::judged_by(stack, contract).await;
    client
        .say(&json!({"type": "subscribe", "id": "a", "sports": ["tennis", "hockey"], "heartbeat_ms": 500}))
        .await;
    client.reaches(tennis, 4).await;
    play(tennis).await;
    client.reaches(tennis, tennis.sequence).await;
    client.frame_of("heartbeat").await;
    client.say(&json!({"type": "subscribe", "id": "a", "sport": "tennis"})).await;
    assert_eq!(client.frame_of("error").await["code"], "duplicate_subscription");
    let events = json!(["md:match:nowhere", hockey.id]);
    client.say(&json!({"type": "subscribe", "id": "b", "sport": "tennis", "events": events})).await;
    let mut codes =
        [client.frame_of("error").await, client.frame_of("error").await].map(|error| error["code"].clone());
    codes.sort_by_key(Value::to_string);
    assert_eq!(codes, [json!("excluded_event"), json!("unknown_event")]);
    let events = json!(["md:match:1", "md:match:2", "md:match:3"]);
    client.say(&json!({"type": "subscribe", "id": "c", "events": events})).await;
    assert_eq!(client.frame_of("error").await["code"], "limit_exceeded");
    client.say(&json!({"type": "unsubscribe", "id": "b"})).await;
    client.frame_of("unsubscribed").await;
    client.say(&json!({"type": "unsubscribe", "id": "b"})).await;
    assert_eq!(client.frame_of("error").await["code"], "unknown_subscription");
    client.say_wrong(&json!({"type": "subscribe", "id": "d", "sport": "chess"})).await;
    assert_eq!(client.frame_of("error").await["code"], "invalid");
    client.say_anything("{").await;
    assert_eq!(client.closed().await.unwrap().0, 4400);
}

/// A producer of whom nobody has heard anything else begins, falls silent, comes back and recovers.
async fn lose_a_producer(stack: &Stack, contract: &Arc<Contract>, asked: &Provider) {
    let mut client = Client::judged_by(stack, contract).await;
    let url = format!("{}/feeds/lost", stack.ingestion_url().unwrap());
    let say = async |kind: &str, body: Value| {
        let mut message = of_producer("silent", kind, &body);
        message["provider"] = json!("lost");
        post(&url, &[message]).await.unwrap();
    };
    say("alive", json!({"subscribed": true})).await;
    client.hears_of("silent", "recovering").await;
    client.hears_of("silent", "down").await;
    let back_at = now_micros();
    say("alive", json!({"subscribed": true})).await;
    client.hears_of("silent", "recovering").await;
    say("alive", json!({"subscribed": true})).await;
    let request_id = asked.asked_since("silent", back_at).await;
    say("snapshot_complete", json!({"request_id": request_id})).await;
    client.hears_of("silent", "up").await;
}

/// Clients that do what they should not, but for one that only reads late.
async fn misbehave(stack: &Stack, contract: &Arc<Contract>, hockey: &mut Event) {
    let mut large = Client::judged_by(stack, contract).await;
    large.say_anything("x".repeat(65_537)).await;
    assert_eq!(large.closed().await.unwrap().0, 1009);
    let mut eager = Client::judged_by(stack, contract).await;
    for _ in 0..30 {
        eager.say(&json!({"type": "unsubscribe", "id": "a"})).await;
    }
    assert_eq!(eager.closed().await.unwrap().0, 4429);
    let mut dead = Client::judged_by(stack, contract).await;

    let mut late = Client::with_little_room(stack, contract).await;
    let mut silent = Client::with_little_room(stack, contract).await;
    let subscribe = json!({"type": "subscribe", "id": "a", "events": [hockey.id]});
    late.say(&subscribe).await;
    late.reaches(hockey, hockey.sequence).await;
    silent.say(&subscribe).await;
    hockey.tell_much(1_500).await;
    metric_is(stack, "matchday_distribution_sessions_behind", 2.0).await;
    assert_eq!(late.frame_of("status").await["state"], "began");
    assert_eq!(late.frame_of("status").await["state"], "ended");
    for (client, reason, code) in [(&mut dead, "idle", 4408), (&mut silent, "the client does not read", 4008)]
    {
        let closed = format!("matchday_distribution_closed_total{{reason=\"{reason}\"}}");
        metric_reaches(stack, &closed, 1.0).await;
        assert_eq!(client.closed().await.unwrap().0, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_does_what_is_documented_and_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Provider::busy(0).await;
    let stack = strict_stack(&folder, &asked).await;
    let contract = Arc::new(Contract::of(&stack).await);
    assert_eq!(
        *contract.document(),
        *published().document(),
        "the server publishes the document of its source"
    );

    let mut hockey = Event::begin(&stack, "md:match:hockey").await;
    let mut tennis = tennis(&stack).await;
    served(&stack, &hockey).await.unwrap();
    served(&stack, &tennis).await.unwrap();
    listen(&stack, &contract, &hockey, &mut tennis).await;
    lose_a_producer(&stack, &contract, &asked).await;
    misbehave(&stack, &contract, &mut hockey).await;

    let mut last = Client::judged_by(&stack, &contract).await;
    for store in [REDIS, DATABASE] {
        stack.process(store).unwrap().kill().unwrap();
    }
    last.say(&json!({"type": "subscribe", "id": "a", "events": ["md:match:away"]})).await;
    assert_eq!(last.frame_of("error").await["code"], "unavailable");
    stack.process(DISTRIBUTION).unwrap().stop().await.unwrap();
    assert_eq!(last.closed().await.unwrap().0, 1012);

    assert_eq!(contract.unseen(), Vec::<String>::new(), "documented, but it did not happen");
    stack.down().await.unwrap();
}
