//! Newline-delimited JSON over HTTP until Kafka has acknowledged it: ingestion, and Benthos with `ingestion.yaml`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::Sport;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::pairs::{Better, Metric, Side};
use super::work::Work;
use super::{BENTHOS, PeersArgs, benthos};
use crate::float::count;
use crate::stack::{INGESTION, Say, Stack, pipeline};

/// The part of the work that comes first and is not counted: connections are made, pools and heaps filled.
const WARM_UP_SHARE: u32 = 10;
/// How long Kafka may take to say how far its topics go.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a round comes to.
pub const METRICS: [Metric; 2] = [
    Metric { name: "CPU per message, µs", better: Better::Less, goal: Some(0.25) },
    Metric { name: "messages a second", better: Better::More, goal: None },
];

/// Both sides on one stack, one of them running at a time.
pub struct Ingestion<'a> {
    stack: &'a Stack,
    warm_up: Work,
    work: Work,
    /// Where each side takes messages.
    ours: String,
    peer: String,
}

impl<'a> Ingestion<'a> {
    /// Makes the messages and starts both sides, and ends them again until it is their turn.
    ///
    /// # Errors
    /// When one of them does not become ready.
    pub async fn prepare(stack: &'a Stack, args: &PeersArgs, say: Say) -> Result<Self> {
        let work = Work::play(args.seed, &Sport::ALL, args.messages, "")?;
        let warm_up = Work::play(args.seed, &Sport::ALL, args.messages / WARM_UP_SHARE, "-warm")?;
        let services = pipeline(&[]).into_iter().filter(|service| service.name == INGESTION).collect();
        stack.start_services(services).await?;
        stack.process(INGESTION)?.stop().await?;
        let env = [("TOPIC_PREFIX", stack.topics().to_string())];
        let address = benthos(stack, "ingestion.yaml", &env).await?;
        stack.process(BENTHOS)?.stop().await?;
        let (messages, size) = (work.messages, work.bytes / work.messages.max(1));
        say(&format!("  a round: {messages} messages of {size} bytes on average, {}", super::work::SHAPE));
        Ok(Self {
            stack,
            warm_up,
            work,
            ours: format!("{}/feeds/md", stack.ingestion_url()?),
            peer: format!("{address}/feeds/md"),
        })
    }

    /// Starts one side, gives it all messages, and ends it.
    ///
    /// # Errors
    /// When not every message is in Kafka after it.
    pub async fn round(&self, side: Side) -> Result<Vec<f64>> {
        let (name, url) = match side {
            Side::Ours => (INGESTION, &self.ours),
            Side::Peer => (BENTHOS, &self.peer),
        };
        self.stack.restart(name).await?;
        let process = self.stack.process(name)?;
        self.warm_up.post(url).await?;
        let cpu = || process.cpu_micros().with_context(|| format!("{name} does not run"));
        let (stored_before, cpu_before) = (self.stored().await?, cpu()?);
        let took = self.work.post(url).await?;
        let cpu_micros = cpu()? - cpu_before;
        let stored = self.stored().await? - stored_before;
        process.stop().await?;
        let messages = self.work.messages;
        ensure!(stored == messages, "{name} took {messages} messages and {stored} are in Kafka");
        Ok(vec![count(cpu_micros) / count(messages), count(messages) / took.as_secs_f64()])
    }

    /// How many messages all feed topics have been given so far.
    async fn stored(&self) -> Result<u64> {
        let topics = Sport::ALL.map(|sport| self.stack.topics().feed(sport));
        stored(self.stack.kafka(), topics.into()).await
    }
}

/// How many messages these topics have been given so far.
///
/// # Errors
/// When Kafka does not say.
pub async fn stored(kafka: String, topics: Vec<String>) -> Result<u64> {
    let ask = move || {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &kafka).create()?;
        let mut stored = 0;
        for topic in &topics {
            let metadata = consumer.fetch_metadata(Some(topic.as_str()), ANSWER_WITHIN)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                let (_, end) = consumer.fetch_watermarks(topic, partition.id(), ANSWER_WITHIN)?;
                stored += u64::try_from(end)?;
            }
        }
        anyhow::Ok(stored)
    };
    tokio::task::spawn_blocking(ask)
        .await
        .context("waiting for a thread")?
        .context("asking Kafka for its ends")
}
