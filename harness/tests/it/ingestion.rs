//! Ingestion against a real Kafka that comes and goes: what was answered 202 is there, whatever happened.

use crate::support::{config, eventually, read_topic, until};
use chassis::kafka::topics::{self, Retention, TopicSpec};
use chassis::kafka::{Batch, MAX_MESSAGE_BYTES};
use domain::Sport;
use domain::codec::json;
use harness::stack::{INGESTION, KAFKA, Stack, pipeline};
use reqwest::{Client, StatusCode};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a part may take to come back on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long ingestion is told to wait for Kafka.
const DELIVERY_MS: u64 = 1_500;

/// librdkafka looks for what is overdue once a second, and the machine may be busy.
const ANSWER_WITHIN: Duration = Duration::from_millis(DELIVERY_MS + 4_000);

struct Sender {
    client: Client,
    url: String,
    sequence: u32,
    accepted: BTreeSet<String>,
}

impl Sender {
    /// Sends the next message of an event and remembers it if it was accepted.
    async fn send(&mut self) -> StatusCode {
        self.sequence += 1;
        let message_id = format!("m{}", self.sequence);
        let body = format!(
            r#"{{"schema":"1.0","message_id":"{message_id}","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:1","epoch":1,"sequence":{},"type":"bet_stop","generated_at":1767225600000000,"body":{{"groups":"all"}}}}"#,
            self.sequence
        );
        let status = self.post("application/json", body).await.0;
        if status == StatusCode::ACCEPTED {
            self.accepted.insert(message_id);
        }
        status
    }

    async fn post(&self, content_type: &str, body: String) -> (StatusCode, bool) {
        let request = self.client.post(format!("{}/feeds/md", self.url)).header("content-type", content_type);
        let response = request.body(body).send().await.unwrap();
        (response.status(), response.headers().contains_key("retry-after"))
    }

    /// `/readyz` and the body that gives the reasons.
    async fn readiness(&self) -> (StatusCode, String) {
        let response = self.client.get(format!("{}/readyz", self.url)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Sends until a message is accepted again.
    async fn resumes(&mut self) {
        let start = Instant::now();
        while self.send().await != StatusCode::ACCEPTED {
            assert!(start.elapsed() < DEADLINE, "ingestion does not resume");
        }
        while self.readiness().await.0 != StatusCode::OK {
            assert!(start.elapsed() < DEADLINE, "ingestion does not become ready again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_there_and_service_resumes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let stack = start(folder.path().join("stacks")).await;
    let url = stack.ingestion_url().unwrap();
    let mut sender = Sender { client: Client::new(), url, sequence: 0, accepted: BTreeSet::new() };
    assert_eq!(sender.send().await, StatusCode::ACCEPTED);

    // Dead: refused in bounded time, readiness says why, and it goes on once Kafka is back.
    stack.process(KAFKA).unwrap().kill().unwrap();
    answers_503(&mut sender).await;
    // Readiness is asked for once a second; a refusal may come sooner.
    until("ingestion to say why it is not ready", DEADLINE, async || {
        let (status, reasons) = sender.readiness().await;
        Ok(status == StatusCode::SERVICE_UNAVAILABLE && reasons.contains("kafka does not answer"))
    })
    .await
    .unwrap();
    stack.restart(KAFKA).await.unwrap();
    sender.resumes().await;

    // Silent: the same, though every connection is still open.
    stack.process(KAFKA).unwrap().pause().unwrap();
    answers_503(&mut sender).await;
    stack.process(KAFKA).unwrap().resume().unwrap();
    sender.resumes().await;

    // A refused message in a batch is kept, and its neighbours are accepted.
    let alive = r#"{"schema":"1.0","message_id":"a1","provider":"md","producer":"live","type":"alive","generated_at":1767225600000000,"body":{"subscribed":true}}"#;
    let (status, _) = sender.post("application/x-ndjson", format!("{alive}\noops\n{alive}\n")).await;
    assert_eq!(status, StatusCode::MULTI_STATUS);

    let stored = read_topic(&stack.kafka(), &stack.topics().feed(Sport::Hockey)).await;
    let decoded = stored.iter().flat_map(Batch::iter).map(|message| json::decode(message.payload()).unwrap());
    let ids: Vec<String> = decoded.map(|message| message.message_id.to_string()).collect();
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert!(sender.accepted.is_subset(&distinct), "lost: {:?}", sender.accepted.difference(&distinct));
    let signs_of_life = ids.iter().filter(|id| *id == "a1").count();
    assert_eq!(signs_of_life, 2 * 4, "each once in every partition");
    let letters = read_topic(&stack.kafka(), &stack.topics().dead_letters()).await;
    let letters: Vec<_> = letters.iter().flat_map(Batch::iter).collect();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].payload(), letters[0].header("source")), (&b"oops"[..], Some(&b"ingestion"[..])));

    let ingestion = stack.process(INGESTION).unwrap();
    assert!(ingestion.stop().await.unwrap().success());
    eventually("ingestion is gone", DEADLINE, || !ingestion.is_running()).await;
    stack.down().await.unwrap();
}

async fn answers_503(sender: &mut Sender) {
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(sender.send().await, StatusCode::SERVICE_UNAVAILABLE);
        assert!(start.elapsed() < ANSWER_WITHIN, "{:?}", start.elapsed());
    }
    // A message that cannot be kept is not refused: its sender has to come back with it.
    assert_eq!(
        sender.post("application/json", "oops".to_owned()).await,
        (StatusCode::SERVICE_UNAVAILABLE, true)
    );
}

/// Kafka with its topics, and ingestion alone.
async fn start(stacks: std::path::PathBuf) -> Stack {
    let stack = Stack::infrastructure(config(stacks, "ingestion")).await.unwrap();
    let spec = |name: String, partitions| TopicSpec {
        name,
        partitions,
        retention: Retention::Latest { bytes: -1, ms: -1 },
        max_message_bytes: MAX_MESSAGE_BYTES,
    };
    let topics = stack.topics();
    let mut wanted =
        [topics.dead_letters(), topics.events(), topics.descriptions()].map(|name| spec(name, 1)).to_vec();
    wanted.extend(Sport::ALL.into_iter().map(|sport| spec(stack.topics().feed(sport), 4)));
    topics::ensure(&stack.kafka(), &wanted).await.unwrap();
    let mut services = pipeline(&Sport::ALL);
    services.retain(|service| service.name == INGESTION);
    services[0].env.push(("MATCHDAY_DELIVERY_MS".to_owned(), DELIVERY_MS.to_string()));
    stack.start_services(services).await.unwrap();
    stack
}
