//! One update to many clients: distribution, fed by the processors, and Centrifuge, fed with the very frames that distribution
//! made of them, at the same moments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chassis::kafka::topics::{self, Retention, TopicSpec};
use domain::Sport;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use simulator::world::{Formats, Pace, Plan, play_afresh};
use simulator::{DriveOptions, drive};

use super::crowd::{CHANNEL, Crowd, Said};
use super::pairs::{Better, Metric, Side};
use super::work::now;
use super::{CENTRIFUGE, PeersArgs, centrifuge};
use crate::float::count;
use crate::stack::{DISTRIBUTION, Process, Say, Stack, pipeline};

/// Games that are played in a round.
const GAMES: u32 = 8;
/// The largest record that holds a frame, in bytes.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// How much of the frames Kafka keeps, in bytes.
const TOPIC_BYTES: i64 = 1 << 30;
/// How long Kafka may take to acknowledge the last of them.
const FLUSH: Duration = Duration::from_secs(10);

/// What a round comes to.
pub const METRICS: [Metric; 2] = [
    Metric { name: "CPU per frame, µs", better: Better::Less, goal: Some(0.5) },
    Metric { name: "KiB per connection", better: Better::Less, goal: Some(1.0) },
];

/// Both sides on one stack, one of them running at a time.
pub struct Fanout<'a> {
    stack: &'a Stack,
    args: PeersArgs,
    /// Where each side's clients connect.
    ours: String,
    peer: String,
    /// What Centrifuge reads.
    topic: String,
    /// What distribution said to one client, the first time.
    frames: Vec<Said>,
    rounds: u32,
}

impl<'a> Fanout<'a> {
    /// Starts both sides, and takes down what distribution says to one of its clients; then ends them until it is their turn.
    ///
    /// # Errors
    /// When one of them does not become ready or does not do its work.
    pub async fn prepare(stack: &'a Stack, args: &PeersArgs, say: Say) -> Result<Self> {
        let topic = format!("{}peer-frames", stack.topics());
        let spec = TopicSpec {
            name: topic.clone(),
            partitions: 1,
            retention: Retention::Latest { bytes: TOPIC_BYTES, ms: -1 },
            max_message_bytes: FRAME_BYTES_MAX,
        };
        topics::ensure(&stack.kafka(), &[spec]).await.context("making the topic of frames")?;
        let mut services = pipeline(&[Sport::Hockey]);
        for service in services.iter_mut().filter(|service| service.name == DISTRIBUTION) {
            // Each round has games of its own; those of the rounds before are nobody's news.
            service.env.push(("MATCHDAY_KEEP_FINAL_SECONDS".to_owned(), "1".to_owned()));
        }
        stack.start_services(services).await?;
        let address = centrifuge(stack, &topic).await?;
        stack.process(CENTRIFUGE)?.stop().await?;
        let mut fanout = Self {
            stack,
            args: args.clone(),
            ours: stack.socket_url()?,
            peer: format!("ws://{address}/connection/websocket"),
            topic,
            frames: Vec::new(),
            rounds: 0,
        };
        fanout.round(Side::Ours).await?;
        let frames = &fanout.frames;
        let bytes: usize = frames.iter().map(|said| said.text.len()).sum();
        ensure!(!frames.is_empty(), "distribution said nothing to its first client");
        say(&format!(
            "  a round: {} connections; {} frames of {} bytes on average to each, in {} s",
            args.sockets,
            frames.len(),
            bytes / frames.len(),
            args.seconds
        ));
        Ok(fanout)
    }

    /// Starts one side, connects everybody, lets the games be told, and ends it.
    ///
    /// # Errors
    /// When a client is disconnected, or a frame does not come.
    pub async fn round(&mut self, side: Side) -> Result<Vec<f64>> {
        let (name, url) = match side {
            Side::Ours => (DISTRIBUTION, self.ours.clone()),
            Side::Peer => (CENTRIFUGE, self.peer.clone()),
        };
        self.stack.restart(name).await?;
        let process = self.stack.process(name)?;
        let alone = resident(&process)?;
        let mut crowd = Crowd::gather(side, &url, usize::from(self.args.sockets)).await?;
        crowd.quiet().await?;
        let cpu = || process.cpu_micros().with_context(|| format!("{name} does not run"));
        let (received_before, cpu_before) = (crowd.received(), cpu()?);
        match side {
            Side::Ours => self.tell_games(&crowd).await?,
            Side::Peer => {
                self.tell_frames().await?;
                let frames = self.frames.len() as u64 * u64::from(self.args.sockets);
                crowd.reach(received_before + frames).await?;
            }
        }
        crowd.quiet().await?;
        let (frames, cpu_micros) = (crowd.received() - received_before, cpu()? - cpu_before);
        let busy = resident(&process)?;
        if self.frames.is_empty() {
            self.frames = crowd.recorded();
        }
        drop(crowd);
        process.stop().await?;
        ensure!(frames > 0, "{name} sent nothing");
        let connections = f64::from(self.args.sockets);
        let memory = count(busy.saturating_sub(alone)) / 1024.0 / connections;
        Ok(vec![count(cpu_micros) / count(frames), memory])
    }

    /// Plays games that nobody has heard of, into ingestion and at their pace.
    async fn tell_games(&mut self, crowd: &Crowd) -> Result<()> {
        self.rounds += 1;
        let PeersArgs { rate, seconds, seed, .. } = self.args;
        let plan = Plan {
            seed,
            sports: vec![Sport::Hockey],
            games: GAMES,
            formats: Formats::Json,
            pace: Pace::Even {
                messages_per_game: (u32::from(rate) * u32::from(seconds) / GAMES).max(1),
                duration: Duration::from_secs(seconds.into()),
            },
            start: now(),
        };
        let played = play_afresh(&plan, &format!("-round{}", self.rounds))?;
        let options = DriveOptions::to(self.stack.ingestion_url()?);
        if self.frames.is_empty() {
            crowd.record();
        }
        let driven = drive(Arc::new(played.schedule), &options, |_| ()).await?;
        ensure!(
            driven.accepted == driven.messages,
            "of {} messages {} were taken",
            driven.messages,
            driven.accepted
        );
        Ok(())
    }

    /// Gives the frames that were taken down to Kafka, each as long after the first as it came then.
    async fn tell_frames(&self) -> Result<()> {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", self.stack.kafka())
            .set("linger.ms", "0")
            .set("compression.codec", "lz4")
            .create()
            .context("making a Kafka client")?;
        let start = Instant::now();
        for said in &self.frames {
            tokio::time::sleep_until((start + said.after).into()).await;
            let record = BaseRecord::to(&self.topic).key(CHANNEL).payload(said.text.as_str());
            producer.send(record).map_err(|(error, _)| error).context("giving a frame to Kafka")?;
        }
        let flush = move || producer.flush(FLUSH);
        tokio::task::spawn_blocking(flush)
            .await
            .context("waiting for a thread")?
            .context("giving frames to Kafka")
    }
}

fn resident(process: &Process) -> Result<u64> {
    let bytes = process.id().and_then(crate::stack::ProcessId::resident_bytes);
    bytes.with_context(|| format!("{} does not run", process.name()))
}
