//! `matchday bench-peers`: the same work by our services and by other people's programs, in one run and in turn.
//!
//! What is compared, with which versions and settings, and what of the work is not the same, is in `docs/peers.md`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::attempt::Home;
use crate::stack::{Lifetime, PeerSpec, Ports, Say, Stack, StackConfig, java};
use fanout::Fanout;
use ingestion::Ingestion;
use pairs::{measure, report};
use rows::{Inserter, Rows};

mod crowd;
mod fanout;
mod ingestion;
mod pairs;
mod rows;
mod work;

/// The name in a stack of Benthos, and of its program.
const BENTHOS: &str = "benthos";
/// The same of what is built on Centrifuge.
const CENTRIFUGE: &str = "centrifuge";
/// The same of Kafka Connect with Debezium's JDBC sink, and of its jars.
const DEBEZIUM: &str = "debezium";

/// What is compared, and how much of it.
#[derive(Debug, Clone, Args)]
pub struct PeersArgs {
    /// This alone; may be given several times
    #[arg(long, value_enum, value_name = "WHAT")]
    only: Vec<Which>,
    /// Pairs of rounds of each, after one that does not count
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u8).range(5..=100))]
    pairs: u8,
    /// The same seed makes the same messages
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Messages of a round of ingestion
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    messages: u32,
    /// Clients of a round of fan-out
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=8_000))]
    sockets: u16,
    /// Messages a second of a round of fan-out
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=5_000))]
    rate: u16,
    /// How long a round of fan-out lasts
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    /// Messages of a round of rows
    #[arg(long, default_value_t = 60_000, value_name = "N", value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    rows: u32,
}

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Newline-delimited JSON over HTTP to Kafka: ingestion and Benthos
    Ingestion,
    /// One update to many clients: distribution and Centrifuge
    FanOut,
    /// A feed topic into MySQL: the processors and Benthos
    Rows,
    /// The same: the processors and Debezium's JDBC sink
    Debezium,
}

/// Runs the comparisons and says what they come to.
///
/// # Errors
/// When a stack or a peer does not start, or a side does not do its work.
pub async fn bench_peers(home: &Home, args: &PeersArgs, say: Say) -> Result<()> {
    let all = Which::value_variants();
    let asked: Vec<Which> =
        all.iter().copied().filter(|which| args.only.is_empty() || args.only.contains(which)).collect();
    let cores = std::thread::available_parallelism().context("asking for the number of cores")?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    say(&format!("{cores} cores, load {load} before the first round, seed {}", args.seed));
    let mut reports = Vec::new();
    for which in asked {
        say(&format!("\n{}", which.title()));
        let config = StackConfig {
            project: home.project.clone(),
            stacks: home.stacks.clone(),
            name: "peers".to_owned(),
            lifetime: Lifetime::Attached,
            ports: Ports::Free,
            stores: home.stores,
            database: home.database.clone(),
            is_guarded: false,
            links: Vec::new(),
            say,
        };
        let stack = Stack::infrastructure(config).await?;
        stack.init().await?;
        let text = Box::pin(compare(which, &stack, args, say)).await?;
        stack.down().await?;
        reports.push(format!("{}\n{text}", which.title()));
    }
    say(&format!("\n{}", reports.join("\n").trim_end()));
    Ok(())
}

async fn compare(which: Which, stack: &Stack, args: &PeersArgs, say: Say) -> Result<String> {
    let pairs = usize::from(args.pairs);
    match which {
        Which::Ingestion => {
            let bench = Ingestion::prepare(stack, args, say).await?;
            let metrics = &ingestion::METRICS;
            let measured = measure(metrics, pairs, say, async |side| bench.round(side).await).await?;
            Ok(report(BENTHOS, metrics, &measured))
        }
        Which::FanOut => {
            let mut bench = Fanout::prepare(stack, args, say).await?;
            let metrics = &fanout::METRICS;
            let measured = measure(metrics, pairs, say, async |side| bench.round(side).await).await?;
            Ok(report(CENTRIFUGE, metrics, &measured))
        }
        Which::Rows => rows(Inserter::Benthos, stack, args, say).await,
        Which::Debezium => rows(Inserter::Debezium, stack, args, say).await,
    }
}

async fn rows(inserter: Inserter, stack: &Stack, args: &PeersArgs, say: Say) -> Result<String> {
    let mut bench = Rows::prepare(inserter, stack, args).await?;
    let metrics = inserter.metrics();
    let pairs = usize::from(args.pairs);
    let measured = measure(&metrics, pairs, say, async |side| bench.round(side, say).await).await?;
    Ok(report(inserter.name(), &metrics, &measured))
}

impl Which {
    fn title(self) -> &'static str {
        match self {
            Self::Ingestion => "Newline-delimited JSON over HTTP until Kafka has acknowledged it",
            Self::FanOut => "One update to many clients",
            Self::Rows => "A feed topic into MySQL, and Benthos",
            Self::Debezium => "A feed topic into MySQL, and Debezium's JDBC sink",
        }
    }
}

/// Starts Benthos with one of the configurations in `harness/peers/benthos`, told where Kafka is and this besides; returns its
/// address.
async fn benthos(stack: &Stack, config: &str, env: &[(&str, String)]) -> Result<String> {
    let port = stack.pick_port(BENTHOS)?;
    let config = stack.project().peers().join(BENTHOS).join(config);
    let mut env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    env.push(("KAFKA".to_owned(), stack.kafka()));
    env.push(("LISTEN".to_owned(), format!("127.0.0.1:{port}")));
    let address = format!("http://127.0.0.1:{port}");
    let spec = PeerSpec {
        name: BENTHOS.to_owned(),
        path: program(stack, BENTHOS)?,
        args: vec!["-c".to_owned(), config.display().to_string()],
        env,
        ready: format!("{address}/ready"),
    };
    stack.start_peer(spec).await?;
    Ok(address)
}

/// Starts what is built on Centrifuge, told what to publish; returns its host and port.
async fn centrifuge(stack: &Stack, topic: &str) -> Result<String> {
    let address = format!("127.0.0.1:{}", stack.pick_port(CENTRIFUGE)?);
    let kafka = stack.kafka();
    let args = ["-listen", &address, "-kafka", &kafka, "-topic", topic].map(str::to_owned).to_vec();
    let ready = format!("http://{address}/readyz");
    let path = program(stack, CENTRIFUGE)?;
    stack.start_peer(PeerSpec { name: CENTRIFUGE.to_owned(), path, args, env: Vec::new(), ready }).await?;
    Ok(address)
}

/// Starts Kafka Connect with the connector of `harness/peers/debezium`, told where Kafka is and this besides.
async fn debezium(stack: &Stack, env: &[(&str, String)]) -> Result<()> {
    let jars = stack.project().built_peers().join(DEBEZIUM);
    ensure!(jars.is_dir(), "there is no {}: `make bench-peers` fetches it", jars.display());
    let listen = format!("127.0.0.1:{}", stack.pick_port(DEBEZIUM)?);
    let settings = stack.project().peers().join(DEBEZIUM);
    let log4j = stack.project().services().join("kafka/log4j2.properties");
    let mut env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    env.push(("KAFKA".to_owned(), stack.kafka()));
    env.push(("LISTEN".to_owned(), listen.clone()));
    env.push(("OFFSETS".to_owned(), stack.folder().join("connect.offsets").display().to_string()));
    let spec = PeerSpec {
        name: DEBEZIUM.to_owned(),
        path: java()?,
        args: vec![
            // What Kafka's own start scripts give a worker.
            "-Xms256m".to_owned(),
            "-Xmx2g".to_owned(),
            "-XX:+UseG1GC".to_owned(),
            "-XX:MaxGCPauseMillis=20".to_owned(),
            "-XX:InitiatingHeapOccupancyPercent=35".to_owned(),
            format!("-Dlog4j2.configurationFile={}", log4j.display()),
            "-cp".to_owned(),
            format!("{}/*", jars.display()),
            "org.apache.kafka.connect.cli.ConnectStandalone".to_owned(),
            settings.join("worker.properties").display().to_string(),
            settings.join("sink.properties").display().to_string(),
        ],
        env,
        ready: format!("http://{listen}/connectors/peer-rows/status"),
    };
    stack.start_peer(spec).await.map(drop)
}

/// Where `make bench-peers` puts what it builds of `harness/peers/<name>`.
fn program(stack: &Stack, name: &str) -> Result<PathBuf> {
    let path = stack.project().built_peers().join(name);
    ensure!(path.is_file(), "there is no {}: `make bench-peers` builds it", path.display());
    Ok(path)
}
