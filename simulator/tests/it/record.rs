//! The tap: what a provider sends through it arrives, and is written down as it was.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use simulator::recording::{Message, Reader};
use std::io::Write;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::drive::{Receiver, accept, problem};

/// A running `simulator record`, and where it listens.
struct Tap {
    process: Child,
    address: String,
}

async fn tap(folder: &Path, target: &str, further: &[&str]) -> Tap {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command
        .arg("record")
        .arg("-o")
        .arg(folder)
        .args(["--listen", "127.0.0.1:0", "--to", target])
        .args(if further.contains(&"--images") { &[][..] } else { &["--without-images"] })
        .args(further);
    let mut process =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    // What it says in the end goes nowhere, rather than into a pipe that nobody reads.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Tap { process, address }
}

impl Tap {
    async fn post(
        &self,
        path: &str,
        content_type: &str,
        further: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Response {
        let mut request = reqwest::Client::new()
            .post(format!("{}{path}", self.address))
            .header("content-type", content_type);
        for (name, value) in further {
            request = request.header(*name, *value);
        }
        request.body(body).send().await.unwrap()
    }

    /// Ends it as Ctrl-C does. Says whether it was content.
    async fn stop(mut self) -> bool {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        self.process.wait().await.unwrap().success()
    }
}

fn read(path: &Path) -> (Option<u64>, Vec<Message>) {
    let reader = Reader::new(std::fs::File::open(path).unwrap()).unwrap();
    let messages = reader.header().messages;
    (messages, reader.map(Result::unwrap).collect())
}

fn texts(path: &Path) -> Vec<String> {
    read(path).1.into_iter().map(|message| String::from_utf8(message.bytes).unwrap()).collect()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_and_are_written_down_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("taken");
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let tap = tap(&recordings, &receiver.listen("127.0.0.1:0").await, &[]).await;
    let answer =
        tap.post("/feeds/md", "application/x-ndjson", &[], b"{\"a\": 1}\n{\"b\":2 }\n".to_vec()).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(answer.text().await.unwrap(), r#"{"accepted":2}"#);
    tap.post("/feeds/md", "application/json; charset=utf-8", &[], b" [{\"c\":[3]}, {\"d\":4}]".to_vec())
        .await;
    tap.post(
        "/feeds/nhl",
        "application/xml",
        &[],
        b"<messages>\n<a x='1'/>\n<b>\n</b>\n</messages>\n".to_vec(),
    )
    .await;
    assert_eq!(receiver.lines().len(), 2 + 1 + 3, "every line arrived");
    assert!(tap.stop().await);
    assert_eq!(
        texts(&recordings.join("md-json.rec")),
        ["{\"a\": 1}", "{\"b\":2 }", "{\"c\":[3]}", "{\"d\":4}"]
    );
    assert_eq!(texts(&recordings.join("nhl-xml.rec")), ["<a x='1'/>", "<b>\n</b>"]);
    let (messages, told) = read(&recordings.join("md-json.rec"));
    assert_eq!(messages, Some(4), "it was finished");
    assert!(told.is_sorted_by_key(|message| message.offset_ns));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_kept_open_keep_nobody_out() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let folder = tempfile::tempdir().unwrap();
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &[]).await;
    let address = tap.address.trim_start_matches("http://");
    let mut kept = Vec::new();
    for _ in 0..100 {
        kept.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let posted = tap.post("/feeds/md", "application/json", &[], b"{}".to_vec());
    let answer = tokio::time::timeout(Duration::from_secs(20), posted).await.expect("it is let in");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    drop(kept);
    assert!(tap.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_sent_again_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|request, lines| {
        Some(if request < 3 { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { accept(lines) })
    });
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &[]).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(tap.post("/feeds/md", "application/json", &[], b"{}".to_vec()).await.status().as_u16());
    }
    assert_eq!(statuses, [503, 503, 202]);
    assert!(tap.stop().await);
    assert_eq!(texts(&folder.path().join("md-json.rec")), ["{}"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_of_which_some_is_to_be_sent_again_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|request, lines| {
        let answer = json!({ "accepted": 1, "problems": [problem(1, 503), problem(2, 422)] });
        Some(if request == 1 {
            (StatusCode::MULTI_STATUS, answer.to_string()).into_response()
        } else {
            accept(lines)
        })
    });
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &[]).await;
    let batch = b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n".to_vec();
    assert_eq!(
        tap.post("/feeds/md", "application/x-ndjson", &[], batch).await.status(),
        StatusCode::MULTI_STATUS
    );
    assert_eq!(
        tap.post("/feeds/md", "application/x-ndjson", &[], b"{\"b\":2}\n".to_vec()).await.status(),
        StatusCode::ACCEPTED
    );
    assert!(tap.stop().await);
    let written = texts(&folder.path().join("md-json.rec"));
    assert_eq!(written, ["{\"a\":1}", "{\"c\":3}", "{\"b\":2}"], "what is refused for good came, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_bodies_and_keyed_messages_are_written_as_they_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let app = axum::Router::new().fallback(|| async { StatusCode::ACCEPTED });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let tap = tap(folder.path(), &target, &[]).await;
    let packed = [("content-encoding", "gzip")];
    tap.post("/feeds/md", "application/x-ndjson", &packed, gzipped("{\"a\":1}\n{\"b\":2}\n")).await;
    let key = "hi.-.live.alive.1.sr:match.1.-";
    tap.post("/feeds/uof", "application/xml", &[("routing-key", key)], b"<alive product=\"1\"/>".to_vec())
        .await;
    tap.post("/feeds/md", "text/plain", &[], b"nothing of ours".to_vec()).await;
    tap.post("/elsewhere", "application/json", &[], b"{}".to_vec()).await;
    assert!(tap.stop().await);
    assert_eq!(texts(&folder.path().join("md-json.rec")), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(texts(&folder.path().join("uof-uof.rec")), [format!("{key} <alive product=\"1\"/>")]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// A fixture as the API of a Unified Odds Feed tells it.
const FIXTURE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<fixtures_fixture generated_at="2031-01-01T12:00:00+00:00">
  <fixture id="sr:match:7" start_time="2031-01-02T12:00:00+00:00">
    <tournament id="sr:tournament:1" name="Cup"><sport id="sr:sport:4" name="Ice Hockey"/></tournament>
    <competitors>
      <competitor id="sr:competitor:1" name="Herons" qualifier="home"/>
      <competitor id="sr:competitor:2" name="Lynx" qualifier="away"/>
    </competitors>
  </fixture>
</fixtures_fixture>
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_fixture_without_a_routing_key_is_of_the_unified_odds_feed_too() {
    let folder = tempfile::tempdir().unwrap();
    let app = axum::Router::new().fallback(|| async { StatusCode::ACCEPTED });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let tap = tap(folder.path(), &target, &[]).await;
    tap.post("/feeds/uof", "application/xml", &[], FIXTURE.into()).await;
    let key = "-.-.-.alive.-.-.-.-";
    let alive = "<alive product=\"1\" timestamp=\"5\" subscribed=\"1\"/>";
    tap.post("/feeds/uof", "application/xml", &[("routing-key", key)], alive.into()).await;
    let ours = "<alive schema=\"1.0\" generated_at=\"5\"/>";
    tap.post("/feeds/md", "application/xml", &[], ours.into()).await;
    assert!(tap.stop().await);
    let written = texts(&folder.path().join("uof-uof.rec"));
    assert_eq!(written, [format!("-.-.-.fixture.-.-.-.- {FIXTURE}"), format!("{key} {alive}")]);
    assert_eq!(texts(&folder.path().join("md-xml.rec")), [ours]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is written");
    let provider = domain::Name::new("uof").unwrap();
    let read = simulator::Format::Uof.decode(written[0].as_bytes(), &provider).expect("a message");
    let domain::Content::Event(event) = read.content else { panic!("of an event") };
    assert_eq!((event.event_id.as_str(), event.sport), ("sr:match:7", domain::Sport::Hockey));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_that_is_killed_leaves_what_it_had_written() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let mut tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &[]).await;
    tap.post("/feeds/md", "application/x-ndjson", &[], b"{\"a\":1}\n{\"b\":2}\n".to_vec()).await;
    let path = folder.path().join("md-json.rec");
    // It is written behind the answer.
    let deadline = Instant::now() + Duration::from_secs(30);
    let is_written =
        || path.exists() && Reader::new(std::fs::File::open(&path).unwrap()).is_ok_and(|it| it.count() == 2);
    while !is_written() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tap.process.kill().await.unwrap();
    let (messages, told) = read(&path);
    assert_eq!((messages, told.len()), (None, 2), "unfinished, and yet there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_recording_ends_and_messages_pass_on() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &["--max-bytes", "20"]).await;
    for _ in 0..3 {
        let answer = tap.post("/feeds/md", "application/json", &[], b"{\"number\":1}".to_vec()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    assert_eq!(receiver.lines().len(), 3);
    assert!(!tap.stop().await, "not everything was recorded");
    assert_eq!(texts(&folder.path().join("md-json.rec")), ["{\"number\":1}"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_told_to_the_sender() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tap = tap(folder.path(), &format!("http://{nobody}"), &[]).await;
    let answer = tap.post("/feeds/md", "application/json", &[], b"{}".to_vec()).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let text = answer.text().await.unwrap();
    assert!(text.contains("ingestion does not answer"), "{text}");
    assert!(tap.stop().await);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A stack that has applied the golden messages of one game up to its 59th, and says how the game stood.
async fn rest_of(version: u64) -> String {
    rest_once(version, Arc::new(Semaphore::new(1)), Arc::default()).await
}

/// The same, which answers once it may, and counts how often it was asked.
async fn rest_once(version: u64, may_answer: Arc<Semaphore>, asked: Arc<AtomicU64>) -> String {
    let fixture = json!({
        "home": { "id": "md:team:1", "name": "Home" }, "away": { "id": "md:team:2", "name": "Away" },
        "scheduled_start": 1_767_204_000_000_000_u64
    });
    let market = |id: u32, producer: &str, status: &str| json!({ "id": id, "producer": producer, "status": status, "outcomes": [{ "id": "4", "odds": 1_700 }] });
    let event = json!({
        "event_id": "md:match:1001", "sport": "hockey", "version": version, "fixture": fixture,
        "status": { "status": "live", "match_status": "period_2", "score": { "home": 2, "away": 1 } },
        "markets": [market(406, "live", "active"), market(1, "other", "active")], "incidents": []
    });
    let update = |version: u64| {
        json!({
            "event_id": "md:match:1001", "sport": "hockey", "version": version, "previous_version": version - 1,
            "cause": { "type": "odds_change", "provider": "md", "producer": "live", "message_id": format!("m{version}"),
                "epoch": 1, "sequence": version },
            "applied_at": 1_767_204_912_020_000_u64, "changes": []
        })
    };
    let log = json!({ "updates": [update(version - 1), update(version)], "next": version });
    let routes = axum::Router::new()
        .route(
            "/v1/events/md:match:1001",
            axum::routing::get(async move || {
                asked.fetch_add(1, Ordering::SeqCst);
                drop(may_answer.acquire().await);
                axum::Json(event.clone())
            }),
        )
        .route(
            "/v1/events/md:match:1001/updates",
            axum::routing::get(move || async move { axum::Json(log) }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// The golden odds with another place, of another game where one is named.
fn odds(sequence: u64, event: &str) -> String {
    let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
    golden.replace("\"sequence\":60", &format!("\"sequence\":{sequence}")).replace("md:match:1001", event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_that_had_begun_is_recorded_from_how_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let rest = rest_of(59).await;
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &["--images", &rest]).await;
    for line in [odds(60, "md:match:1001"), odds(61, "md:match:1001"), odds(1, "md:match:2")] {
        let answer = tap.post("/feeds/md", "application/json", &[], line.into_bytes()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    assert!(receiver.lines().iter().any(|line| line.contains("\"sequence\":60")), "it passes on what came");
    assert!(tap.stop().await);
    let path = folder.path().join("md-json.rec");
    let reader = Reader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!((reader.header().images, reader.header().messages), (Some(1), Some(4)));
    let written: Vec<Value> = texts(&path).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let place = |message: &Value| {
        (
            message["type"].as_str().unwrap().to_owned(),
            message["epoch"].as_u64(),
            message["sequence"].as_u64(),
        )
    };
    let expected = [("snapshot", 2, 1), ("odds_change", 2, 2), ("odds_change", 2, 3), ("odds_change", 1, 1)];
    let expected = expected.map(|(kind, epoch, sequence)| (kind.to_owned(), Some(epoch), Some(sequence)));
    assert_eq!(written.iter().map(place).collect::<Vec<_>>(), expected);
    let body = &written[0]["body"];
    assert_eq!(body["status"]["score"], json!({ "home": 2, "away": 1 }));
    let markets = body["markets"].as_array().unwrap();
    assert_eq!((markets.len(), &markets[0]["id"]), (1, &json!(406)), "what other producers offer is theirs");
    // Whoever it is replayed to lacks nothing.
    let mut reader = Reader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let found = simulator::recording::inspect(&mut reader).unwrap();
    assert_eq!((found.headless, found.missing, found.imaged, found.refused), (0, 0, 1, 0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_waits_for_the_image_of_its_game() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let (may_answer, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let rest = rest_once(59, Arc::clone(&may_answer), Arc::clone(&asked)).await;
    let tap = Arc::new(tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &["--images", &rest]).await);
    let post = |sequence: u64| {
        let tap = Arc::clone(&tap);
        let line = odds(sequence, "md:match:1001").into_bytes();
        tokio::spawn(async move { tap.post("/feeds/md", "application/json", &[], line).await.status() })
    };
    let first = post(60);
    let deadline = Instant::now() + Duration::from_secs(30);
    while asked.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "it is asked how the game stood");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Nobody answers yet, so what comes next has the time to overtake it.
    let next = post(61);
    let deadline = Instant::now() + Duration::from_millis(500);
    while receiver.lines().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    may_answer.add_permits(1);
    assert_eq!((first.await.unwrap(), next.await.unwrap()), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    let sequences = |lines: Vec<String>| -> Vec<u64> {
        let read = |line: &String| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap();
        lines.iter().map(read).collect()
    };
    assert_eq!(sequences(receiver.lines()), [60, 61], "it is passed on in its order");
    assert!(Arc::into_inner(tap).unwrap().stop().await);
    assert_eq!(
        sequences(texts(&folder.path().join("md-json.rec"))),
        [1, 2, 3],
        "and written, from the image on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_whose_standing_nobody_says_is_recorded_without_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    // It has applied less than what was said before, and will not come to it.
    let rest = rest_of(40).await;
    let tap = tap(folder.path(), &receiver.listen("127.0.0.1:0").await, &["--images", &rest]).await;
    let answer = tap.post("/feeds/md", "application/json", &[], odds(60, "md:match:1001").into_bytes()).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "it passes on all the same");
    assert!(tap.stop().await);
    let path = folder.path().join("md-json.rec");
    assert_eq!(texts(&path), [odds(60, "md:match:1001")], "byte for byte");
    let mut reader = Reader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(simulator::recording::inspect(&mut reader).unwrap().headless, 1);
}
