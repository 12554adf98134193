//! What clients of REST and the socket are granted, refused and told, by a real distribution.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use domain::Sport;
use futures_util::{SinkExt, StreamExt};
use harness::stack::{DISTRIBUTION, REDIS, Stack, pipeline};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async};

use crate::support::{config, shared_stack, until, up};

/// How long a frame or an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long clients of the disturbed stack have to take what is sent to them.
const WRITE_SECONDS: u64 = 1;

/// One event, told message by message.
struct Event {
    id: String,
    feeds: String,
    sequence: u64,
}

impl Event {
    /// An event that is being played, with one market.
    async fn begin(stack: &Stack, id: &str) -> Self {
        let feeds = format!("{}/feeds/md", stack.ingestion_url().unwrap());
        let mut event = Self { id: id.to_owned(), feeds, sequence: 0 };
        let side = |id: &str, name: &str| json!({"id": id, "name": name});
        let (home, away) = (side("md:competitor:1", "Home"), side("md:competitor:2", "Away"));
        event.tell("fixture", json!({"scheduled_start": 5, "home": home, "away": away})).await;
        let score = json!({"home": 0, "away": 0});
        let status = json!({"status": "live", "match_status": "period_1", "score": score});
        event.tell("event_status", status).await;
        event.tell_odds(1_850).await;
        event
    }

    async fn tell(&mut self, kind: &str, body: Value) {
        self.sequence += 1;
        let message = json!({
            "schema": "1.0", "message_id": format!("{}-{}", self.id, self.sequence), "provider": "md",
            "producer": "live", "sport": "hockey", "event_id": self.id, "epoch": 1, "sequence": self.sequence,
            "type": kind, "generated_at": 5, "body": body,
        });
        let answer = reqwest::Client::new().post(&self.feeds).json(&message).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
    }

    async fn tell_odds(&mut self, thousandths: u32) {
        let outcomes = json!([{"id": "4", "odds": thousandths}, {"id": "5", "odds": 2_000}]);
        let market = json!({"id": 406, "status": "active", "outcomes": outcomes});
        self.tell("odds_change", json!({"markets": [market]})).await;
    }

    /// News of about 100 KB.
    async fn tell_much(&mut self, thousandths: u32) {
        let outcomes = json!([{"id": "12", "odds": thousandths}, {"id": "13", "odds": 2_000}]);
        let market = |n: u32| json!({"id": 18, "specifiers": format!("total={n}"), "status": "active", "outcomes": outcomes});
        self.tell("odds_change", json!({"markets": (0..900).map(market).collect::<Vec<_>>()})).await;
    }
}

/// A client that sees every frame.
struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    async fn connect(stack: &Stack) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(stack.socket_url().unwrap()).await.unwrap();
        Self { socket }
    }

    async fn say(&mut self, message: impl ToString) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Result<Message> {
        let message = timeout(PATIENCE, self.socket.next()).await.context("nothing comes")?;
        Ok(message.context("the connection ended")??)
    }

    /// The next frame that is no heartbeat.
    async fn frame(&mut self) -> Value {
        loop {
            let message = self.message().await.unwrap();
            let Message::Text(text) = &message else { continue };
            let frame: Value = serde_json::from_str(text).unwrap();
            if frame["type"] != "heartbeat" {
                return frame;
            }
        }
    }

    /// The next frame of an event, which must reach version `to`.
    async fn reaches(&mut self, event: &Event, to: u64) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["event_id"] == event.id && frame["to"].as_u64() >= Some(to) {
                return frame;
            }
        }
    }

    /// How the server ends the session, after whatever frames were on their way.
    async fn closed(&mut self) -> Result<(u16, Value)> {
        loop {
            if let Message::Close(frame) = self.message().await? {
                let CloseFrame { code, reason } = frame.context("the close frame says nothing")?;
                return Ok((code.into(), serde_json::from_str(&reason)?));
            }
        }
    }
}

async fn get(stack: &Stack, path: &str) -> Response {
    reqwest::get(format!("{}{path}", stack.rest_url().unwrap())).await.unwrap()
}

async fn document(stack: &Stack, event: &Event) -> Value {
    get(stack, &format!("/v1/events/{}", event.id)).await.json().await.unwrap()
}

/// Waits until REST serves an event at the version that its feed has reached.
async fn served(stack: &Stack, event: &Event) -> Result<()> {
    until("the event to be served", PATIENCE, async || {
        Ok(document(stack, event).await["version"] == event.sequence)
    })
    .await
}

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
    let live: Value = get(stack, "/matches/live").await.json().await.unwrap();
    let ours = live["matches"].as_array().unwrap().iter().find(|one| one["event_id"] == event.id).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_with_an_image_and_urgent_news_come_by_themselves() {
    let stack = shared_stack().await;
    let mut event = Event::begin(stack, "md:match:socket-1").await;
    served(stack, &event).await.unwrap();
    let mut client = Client::connect(stack).await;
    let wanted = json!([event.id, "md:match:nowhere"]);
    client
        .say(json!({"type": "subscribe", "id": "a", "events": wanted, "conflate_ms": 700, "heartbeat_ms": 1}))
        .await;
    let settled = client.frame().await;
    assert_eq!((&settled["type"], &settled["heartbeat_ms"]), (&json!("subscribed"), &json!(500)));
    let image = client.frame().await;
    assert_eq!((&image["type"], &image["from"], &image["to"]), (&json!("image"), &json!(0), &json!(3)));
    assert_eq!(image["changes"].as_array().unwrap().len(), 3);
    let unknown = client.frame().await;
    assert_eq!(
        (&unknown["code"], &unknown["event_id"]),
        (&json!("unknown_event"), &json!("md:match:nowhere"))
    );

    event.tell_odds(1_900).await;
    event.tell("bet_stop", json!({"groups": "all"})).await;
    event.tell_odds(1_950).await;
    let stop = client.reaches(&event, 5).await;
    assert_eq!((&stop["cause"], &stop["to"]), (&json!("bet_stop"), &json!(5)));
    assert_eq!(stop["changes"][0]["value"]["status"], "suspended");
    let rest = client.reaches(&event, 6).await;
    assert_eq!((&rest["from"], &rest["to"]), (&json!(5), &json!(6)));
    assert_eq!(rest["changes"][0]["value"]["outcomes"][0]["odds"], 1_950);

    client.say(json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(client.frame().await["type"], "unsubscribed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_wrong_is_told_and_ends_only_its_session() {
    let stack = shared_stack().await;
    let mut client = Client::connect(stack).await;
    for (message, code) in [
        (json!({"type": "subscribe", "id": "a", "sport": "chess"}), "invalid"),
        (json!({"type": "subscribe", "id": "a"}), "invalid"),
        (json!({"type": "subscribe", "id": "", "sport": "hockey"}), "invalid"),
        (json!({"type": "shout"}), "invalid"),
        (json!({"type": "unsubscribe", "id": "a"}), "unknown_subscription"),
    ] {
        client.say(&message).await;
        let error = client.frame().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{message}");
    }
    client.say("{").await;
    assert_eq!(client.frame().await["code"], "malformed");
    assert_eq!(client.closed().await.unwrap().0, 4400);

    let mut large = Client::connect(stack).await;
    large.say("x".repeat(65_537)).await;
    assert_eq!(large.closed().await.unwrap().0, 1009);

    let mut eager = Client::connect(stack).await;
    for _ in 0..30 {
        eager.say(json!({"type": "unsubscribe", "id": "a"})).await;
    }
    assert_eq!(eager.closed().await.unwrap().0, 4429);

    let plain = stack.socket_url().unwrap().replace("ws:", "http:");
    let answer = reqwest::get(plain).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

/// A whole stack whose clients must be quick.
async fn impatient(folder: &tempfile::TempDir) -> Stack {
    let mut services = pipeline(&[Sport::Hockey]);
    for service in services.iter_mut().filter(|service| service.name == DISTRIBUTION) {
        service.env.push(("MATCHDAY_SOCKET_WRITE_SECONDS".to_owned(), WRITE_SECONDS.to_string()));
    }
    Stack::up(config(folder.path().join("stacks"), "impatient"), services).await.unwrap()
}

/// Subscribes and then reads nothing, with little room in the kernel.
async fn silent(stack: &Stack, event: &Event) -> WebSocketStream<TcpStream> {
    let url = stack.socket_url().unwrap();
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let (mut socket, _) = client_async(url, socket.connect(address).await.unwrap()).await.unwrap();
    let subscribe = json!({"type": "subscribe", "id": "a", "events": [event.id]});
    socket.send(Message::text(subscribe.to_string())).await.unwrap();
    socket
}

/// Reads to the end. Returns the last version told and the close code.
async fn read_to_end(mut socket: WebSocketStream<TcpStream>) -> Result<(u64, u16)> {
    let mut version = 0;
    while let Some(message) = timeout(PATIENCE, socket.next()).await? {
        match message? {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text)?;
                let Some(to) = frame["to"].as_u64() else { continue };
                ensure!(
                    frame["type"] == "image" || frame["from"] == version,
                    "{} after {version}",
                    frame["from"]
                );
                version = to;
            }
            Message::Close(Some(frame)) => return Ok((version, frame.code.into())),
            _ => {}
        }
    }
    bail!("the connection ended without a close frame")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_closed_and_others_feel_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stack = impatient(&folder).await;
    let mut event = Event::begin(&stack, "md:match:slow").await;
    served(&stack, &event).await.unwrap();
    let silent = silent(&stack, &event).await;
    let mut reader = Client::connect(&stack).await;
    reader.say(json!({"type": "subscribe", "id": "a", "events": [event.id]})).await;
    reader.reaches(&event, 3).await;

    // More than the kernel keeps for a socket.
    for round in 0..80 {
        event.tell_much(1_500 + round).await;
        reader.reaches(&event, event.sequence).await;
    }
    let metrics = async || get(&stack, "/metrics").await.text().await;
    let closed = r#"matchday_distribution_closed_total{reason="the client does not read"} 1"#;
    until("the silent client to be closed", PATIENCE, async || Ok(metrics().await?.contains(closed)))
        .await
        .unwrap();
    let (version, code) = read_to_end(silent).await.unwrap();
    assert_eq!(code, 4008);
    assert!(version < event.sequence, "it was told of {version}, it had not read");
    event.tell_odds(1_700).await;
    reader.reaches(&event, event.sequence).await;
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_announced_and_resuming_after_it_needs_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let stack = up(folder.path().join("stacks"), "restart").await;
    let mut event = Event::begin(&stack, "md:match:restart").await;
    served(&stack, &event).await.unwrap();
    let mut client = Client::connect(&stack).await;
    client.say(json!({"type": "subscribe", "id": "a", "sport": "hockey"})).await;
    let store = client.frame().await["store"].clone();
    client.reaches(&event, 3).await;

    stack.process(DISTRIBUTION).unwrap().stop().await.unwrap();
    let (code, hint) = client.closed().await.unwrap();
    assert_eq!((code, &hint["reason"]), (1012, &json!("restart")));
    assert!(hint["reconnect_after_ms"].is_u64());

    // What happens meanwhile is not lost, with Redis or without.
    event.tell("bet_stop", json!({"groups": "all"})).await;
    stack.process(REDIS).unwrap().kill().unwrap();
    stack.restart(DISTRIBUTION).await.unwrap();
    served(&stack, &event).await.unwrap();

    let mut client = Client::connect(&stack).await;
    let mut resume = json!({"store": store, "versions": {}});
    resume["versions"][&event.id] = json!(3);
    client.say(json!({"type": "subscribe", "id": "a", "sport": "hockey", "resume": resume})).await;
    assert_eq!(client.frame().await["resumed"], true);
    let delta = client.frame().await;
    assert_eq!((&delta["type"], &delta["from"], &delta["to"]), (&json!("delta"), &json!(3), &json!(4)));
    assert_eq!(delta["changes"][0]["value"]["status"], "suspended");

    resume["store"] = json!("00000000000000000000000000000000");
    client.say(json!({"type": "subscribe", "id": "b", "sport": "hockey", "resume": resume})).await;
    assert_eq!(client.frame().await["resumed"], false);
    assert_eq!(client.frame().await["type"], "image");
    stack.down().await.unwrap();
}
