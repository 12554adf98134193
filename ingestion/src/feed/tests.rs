//! The endpoint against librdkafka's mock brokers: what senders hear and what lies in Kafka afterwards.

use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use chassis::kafka::{Batch, PartitionReader, ProducerSettings, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use domain::codec::{json, xml};
use domain::refused::REFUSED_HEADER;
use domain::{Content, Sport, Topics};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use tower::ServiceExt;

use super::*;

mod cost;
mod refused;
mod senders;
mod shares;
mod unified;

const PARTITIONS: i32 = 3;
const JSON: &str = "application/json";
const XML: &str = "application/xml";
const LINES: &str = "application/x-ndjson";

const FILE: &str = r#"
[providers.md]
tokens = ["old-token-of-md-1", "new-token-of-md-2"]
messages_per_second = 1
burst = 4
"#;

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    router: Router,
}

/// Limits that a test can reach.
fn small() -> Limits {
    Limits {
        max_body_bytes: 4_000,
        max_messages: 5,
        max_message_bytes: 1_000,
        max_producers: 2,
        max_requests_in_flight: 1,
        max_bytes_in_flight: 256 << 10,
        first_byte_seconds: 1,
        body_seconds: 1,
    }
}

impl Bench {
    /// An endpoint with small limits, its topics, and partitions that are known already.
    async fn new() -> Self {
        Self::with(small()).await
    }

    async fn with(limits: Limits) -> Self {
        Self::of(limits, Providers::new(None).unwrap()).await
    }

    async fn of(limits: Limits, providers: Providers) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let feeds = Sport::ALL.map(|sport| Topics::default().feed(sport));
        for feed in &feeds {
            cluster.create_topic(feed, PARTITIONS, 1).unwrap();
        }
        cluster.create_topic(&Topics::default().dead_letters(), 1, 1).unwrap();
        for topic in [Topics::default().events(), Topics::default().descriptions()] {
            cluster.create_topic(&topic, 1, 1).unwrap();
        }
        let mut settings = ProducerSettings::new(cluster.bootstrap_servers(), "test");
        settings.delivery_timeout = Duration::from_secs(1);
        let producer = Producer::new(settings).unwrap();
        producer.partition_counts(feeds.to_vec()).await.unwrap();
        let (providers, backlogs) = (Arc::new(providers), Backlogs::default());
        let feeds = Feeds::new(producer, &Topics::default(), providers, Arc::default(), limits, backlogs);
        Self { cluster, router: routes(Arc::new(feeds)) }
    }

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Told {
        let request = Request::post(path).header("content-type", content_type).body(body.into()).unwrap();
        self.call(request).await
    }

    /// An endpoint for those of [`FILE`] only.
    async fn with_providers() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("providers.toml");
        std::fs::write(&path, FILE).unwrap();
        Self::of(Limits { body_seconds: 2, ..small() }, Providers::new(Some(path)).unwrap()).await
    }

    async fn push(&self, path: &str, authorization: &[&str], body: Body) -> axum::response::Response {
        let mut request = Request::post(path).header("content-type", LINES);
        for value in authorization {
            request = request.header("authorization", *value);
        }
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn call(&self, request: Request<Body>) -> Told {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let has_retry_after = response.headers().contains_key(header::RETRY_AFTER);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Told { status, has_retry_after, body: serde_json::from_slice(&body).unwrap() }
    }

    /// Everything that lies in a topic.
    async fn read(&self, topic: &str) -> Vec<Batch> {
        let settings = ReaderSettings::new(self.cluster.bootstrap_servers(), "test");
        let reader = PartitionReader::open(settings, &[topic]).await.unwrap();
        let from = reader.ends().iter().map(|end| TopicOffset { offset: 0, ..end.clone() }).collect();
        let shutdown = Shutdown::default();
        let mut events = reader.start(from, &Tasks::new(shutdown.clone()), shutdown).unwrap();
        let mut batches = Vec::new();
        while let Some(ReadEvent::Batch(batch)) = events.recv().await {
            batches.push(batch);
        }
        batches
    }
}

struct Told {
    status: StatusCode,
    has_retry_after: bool,
    body: serde_json::Value,
}

fn stop(event: u32, sequence: u32) -> String {
    format!(
        r#"{{"schema":"1.0","message_id":"m{event}-{sequence}","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:{event}","epoch":1,"sequence":{sequence},"type":"bet_stop","generated_at":1767225600000000,"body":{{"groups":"all"}}}}"#
    )
}

#[tokio::test]
async fn an_accepted_message_lies_in_kafka_before_the_answer() {
    let bench = Bench::new().await;
    let told = bench.post("/feeds/md", JSON, stop(1, 1)).await;
    assert_eq!((told.status, told.body.to_string()), (StatusCode::ACCEPTED, r#"{"accepted":1}"#.to_owned()));
    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let message = batches[0].get(0).unwrap();
    assert_eq!(message.key(), Some(&b"md:match:1"[..]));
    assert!(json::decode(message.payload()).unwrap().received_at.is_some());
}

#[tokio::test]
async fn a_refused_message_is_answered_with_its_pointer_and_kept_as_it_came() {
    let bench = Bench::new().await;
    let bad = stop(1, 1).replace(r#""all""#, "7");
    let told = bench.post("/feeds/md", JSON, bad.clone()).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(told.body["pointer"], "/body/groups");
    let batches = bench.read(&Topics::default().dead_letters()).await;
    let letter = batches[0].get(0).unwrap();
    assert_eq!(letter.payload(), bad.as_bytes());
    assert_eq!(letter.header("pointer"), Some(&b"/body/groups"[..]));
    assert_eq!(letter.header("provider"), Some(&b"md"[..]));
    assert!(letter.header("position").unwrap().ends_with(b" index=0 offset=0"));
}

#[tokio::test]
async fn what_is_sent_in_a_letters_place_says_so_in_the_feed_and_is_not_kept_once_more() {
    let bench = Bench::new().await;
    let post = async |value: &str, content_type: &str, body: String| {
        let request =
            Request::post("/feeds/md").header("content-type", content_type).header("redrive", value);
        bench.call(request.body(body.into()).unwrap()).await.status
    };
    let letter = "0/17/00c0ffee00c0ffee";
    assert_eq!(post(letter, JSON, stop(1, 1)).await, StatusCode::ACCEPTED);
    let wrong = stop(1, 2).replace(r#""all""#, "7");
    assert_eq!(post(letter, JSON, wrong).await, StatusCode::UNPROCESSABLE_ENTITY);
    let alive = r#"{"schema":"1.0","message_id":"a1","provider":"md","producer":"live","type":"alive","generated_at":1767225600000000,"body":{"subscribed":true}}"#;
    assert_eq!(post(letter, JSON, alive.to_owned()).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        post(letter, LINES, format!("{}\n{}\n", stop(1, 2), stop(1, 3))).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(post("17", JSON, stop(1, 2)).await, StatusCode::BAD_REQUEST);

    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let stored: Vec<_> = batches.iter().flat_map(Batch::iter).collect();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].header("redrive"), Some(letter.as_bytes()));
    assert!(bench.read(&Topics::default().dead_letters()).await.is_empty());
}

#[tokio::test]
async fn a_malformed_line_costs_its_neighbours_nothing_and_their_order_stays() {
    let bench = Bench::new().await;
    let body = format!("{}\nnonsense\n{}\n{}\n", stop(1, 1), stop(1, 2), stop(1, 3));
    let told = bench.post("/feeds/md", LINES, body).await;
    assert_eq!(told.status, StatusCode::MULTI_STATUS);
    assert_eq!(told.body["accepted"], 3);
    assert_eq!(told.body["problems"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&told.body["problems"][0]["index"], &told.body["problems"][0]["status"]),
        (&1.into(), &400.into())
    );

    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let sequences: Vec<u64> = batches
        .iter()
        .flat_map(Batch::iter)
        .map(|message| match json::decode(message.payload()).unwrap().content {
            Content::Event(event) => event.position.unwrap().sequence,
            Content::Producer(_) => panic!("nobody sent one"),
        })
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
    let letters = bench.read(&Topics::default().dead_letters()).await;
    assert_eq!(letters[0].get(0).unwrap().payload(), b"nonsense");
}

#[tokio::test]
async fn a_broken_element_is_one_dead_letter_with_its_own_bytes_and_place() {
    let bench = Bench::new().await;
    let first = stop(1, 1);
    let body = format!("[{first}, {{oops}}, {}", stop(1, 2));
    let told = bench.post("/feeds/md", JSON, body).await;
    assert_eq!((told.status, &told.body["accepted"]), (StatusCode::MULTI_STATUS, &2.into()));
    let problems = told.body["problems"].as_array().unwrap();
    let found: Vec<_> = problems.iter().map(|problem| (&problem["index"], &problem["status"])).collect();
    assert_eq!(found, [(&1.into(), &400.into()), (&3.into(), &400.into())], "{problems:?}");
    assert!(problems[1]["detail"].as_str().unwrap().contains("the batch does not end"), "{problems:?}");

    let letters = bench.read(&Topics::default().dead_letters()).await;
    let letters: Vec<_> = letters.iter().flat_map(Batch::iter).collect();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].payload(), b"{oops}");
    assert_eq!(letters[0].header("content_type"), Some(&b"application/json"[..]));
    let place = format!(" index=1 offset={}", first.len() + 3);
    let position = String::from_utf8(letters[0].header("position").unwrap().to_vec()).unwrap();
    assert!(position.ends_with(&place), "{position}");
    assert_eq!(letters[1].payload(), b"");
}

#[tokio::test]
async fn a_message_that_does_not_end_is_told_and_its_neighbours_are_stored() {
    let bench = Bench::new().await;
    let [first, broken, third] = [stop(1, 1), stop(1, 2), stop(1, 3)];
    let elements = [1, 2, 3].map(|sequence| {
        String::from_utf8(xml::encode(&json::decode(stop(2, sequence).as_bytes()).unwrap())).unwrap()
    });
    let unclosed = elements[1].replace("/>", "><!--").replace("</bet_stop>", "");
    for (content_type, body, broken) in [
        (JSON, format!("[{first}, {}, {third}]", &broken[..broken.len() - 1]), &broken[..broken.len() - 1]),
        (
            JSON,
            format!("[{first}, {}, {third}]", broken.replace(r#"all""#, "all")),
            &*broken.replace(r#"all""#, "all"),
        ),
        (XML, format!("<messages>{}{unclosed}{}</messages>", elements[0], elements[2]), &unclosed),
    ] {
        let told = bench.post("/feeds/md", content_type, body.clone()).await;
        assert_eq!(
            (told.status, &told.body["accepted"]),
            (StatusCode::MULTI_STATUS, &2.into()),
            "{}",
            told.body
        );
        let problems = told.body["problems"].as_array().unwrap();
        let place = [&problems[0]["index"], &problems[0]["offset"], &problems[0]["length"]];
        let expected = [1, body.find(broken).unwrap(), broken.len()].map(serde_json::Value::from);
        assert_eq!((problems.len(), place), (1, expected.each_ref()), "{}", told.body);
        assert!(problems[0]["detail"].as_str().unwrap().contains("does not end"), "{}", told.body);
    }
    let junk = bench.post("/feeds/md", JSON, format!("[{first}] and more")).await;
    assert_eq!((junk.status, &junk.body["accepted"]), (StatusCode::MULTI_STATUS, &1.into()), "{}", junk.body);
}

#[tokio::test]
async fn xml_is_stored_as_the_json_that_says_the_same_and_kept_as_xml_where_it_is_wrong() {
    let bench = Bench::new().await;
    let message = |sequence| json::decode(stop(1, sequence).as_bytes()).unwrap();
    let element = |sequence| String::from_utf8(xml::encode(&message(sequence))).unwrap();
    let bad = element(2).replace("generated_at", "generated_when");
    let body = format!(
        "\u{feff}<?xml version=\"1.0\"?><messages>{}{bad}<oops>{}</messages>",
        element(1),
        element(3)
    );
    let told = bench.post("/feeds/md", XML, body.clone()).await;
    assert_eq!((told.status, &told.body["accepted"]), (StatusCode::MULTI_STATUS, &2.into()), "{}", told.body);
    let problems = told.body["problems"].as_array().unwrap();
    let found: Vec<_> = problems.iter().map(|problem| (&problem["index"], &problem["status"])).collect();
    assert_eq!(found, [(&1.into(), &422.into()), (&2.into(), &400.into())], "{problems:?}");
    assert!(problems[0]["detail"].as_str().unwrap().contains("line 1 column"), "{problems:?}");
    assert_eq!(bench.post("/feeds/md", XML, element(4)).await.status, StatusCode::ACCEPTED);
    assert_eq!(bench.post("/feeds/md", XML, "<!DOCTYPE a><a/>").await.status, StatusCode::BAD_REQUEST);

    let stored = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let messages =
        stored.iter().flat_map(Batch::iter).filter(|record| record.header(REFUSED_HEADER).is_none());
    for (record, sequence) in messages.zip([1, 3, 4]) {
        let stored = json::decode(record.payload()).unwrap();
        assert_eq!(stored, domain::FeedMessage { received_at: stored.received_at, ..message(sequence) });
    }
    let letters = bench.read(&Topics::default().dead_letters()).await;
    let letters: Vec<_> = letters.iter().flat_map(Batch::iter).collect();
    assert_eq!(letters.len(), 3);
    assert_eq!((letters[0].payload(), letters[1].payload()), (bad.as_bytes(), &b"<oops>"[..]));
    assert_eq!(letters[0].header("content_type"), Some(&b"application/xml"[..]));
    let place = format!(" index=1 offset={}", body.find(&bad).unwrap());
    let position = String::from_utf8(letters[0].header("position").unwrap().to_vec()).unwrap();
    assert!(position.ends_with(&place), "{position}");
}

#[tokio::test]
async fn a_sign_of_life_reaches_every_partition() {
    let bench = Bench::new().await;
    let alive = r#"{"schema":"1.0","message_id":"a1","provider":"md","producer":"live","type":"alive","generated_at":1767225600000000,"body":{"subscribed":true}}"#;
    assert_eq!(bench.post("/feeds/md", JSON, alive).await.status, StatusCode::ACCEPTED);
    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let mut partitions: Vec<i32> =
        batches.iter().flat_map(Batch::iter).map(|message| message.partition()).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, (0..PARTITIONS).collect::<Vec<_>>());
}

#[tokio::test]
async fn while_kafka_is_away_the_answer_is_503_in_bounded_time_and_202_once_it_is_back() {
    let bench = Bench::new().await;
    assert_eq!(bench.post("/feeds/md", JSON, stop(1, 1)).await.status, StatusCode::ACCEPTED);
    bench.cluster.broker_down(1).unwrap();
    for body in [stop(1, 2), "nonsense".to_owned()] {
        let began = Instant::now();
        let told = bench.post("/feeds/md", JSON, body).await;
        assert_eq!((told.status, told.has_retry_after), (StatusCode::SERVICE_UNAVAILABLE, true));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
    bench.cluster.broker_up(1).unwrap();
    let began = Instant::now();
    while bench.post("/feeds/md", JSON, stop(1, 2)).await.status != StatusCode::ACCEPTED {
        assert!(began.elapsed() < Duration::from_secs(10), "does not resume");
    }
}

#[tokio::test]
async fn what_is_not_a_feed_request_is_told_so() {
    let bench = Bench::new().await;
    let huge = "x".repeat(4_001);
    let many = "1\n".repeat(6);
    for (path, content_type, body, status) in [
        ("/feeds/NHL", JSON, "{}", 404),
        ("/feeds/md/more", JSON, "{}", 404),
        ("/elsewhere", JSON, "{}", 404),
        ("/feeds/md", "text/plain", "{}", 415),
        ("/feeds/md", "", "{}", 415),
        ("/feeds/md", JSON, "", 400),
        ("/feeds/md", JSON, "[]", 400),
        ("/feeds/md", JSON, &huge, 413),
        ("/feeds/md", LINES, &many, 413),
    ] {
        let told = bench.post(path, content_type, body.to_owned()).await;
        assert_eq!(told.status.as_u16(), status, "{path} {content_type} {}", told.body);
        assert_eq!(told.body["status"], status, "not a problem document: {}", told.body);
    }
    let get = Request::get("/feeds/md").body(Body::empty()).unwrap();
    assert_eq!(bench.call(get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let encoded = Request::post("/feeds/md").header("content-type", JSON).header("content-encoding", "br");
    assert_eq!(
        bench.call(encoded.body(Body::empty()).unwrap()).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_turned_away_and_a_slow_body_is_cut() {
    let bench = Bench::new().await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let slow = bench.post("/feeds/md", JSON, never);
    let other = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.post("/feeds/md", JSON, stop(1, 1)).await
    };
    let (slow, other) = tokio::join!(slow, other);
    assert_eq!(slow.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!((other.status, other.has_retry_after), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert_eq!(bench.post("/feeds/md", JSON, stop(1, 1)).await.status, StatusCode::ACCEPTED);
}
