//! What ingestion can be told on its command line or by its environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::config::{KafkaArgs, ProcessArgs};
use chassis::http;
use clap::Parser;
use domain::Topics;

use crate::limit::Limits;

/// Takes feed messages by HTTP and writes them to Kafka
#[derive(Parser, Clone, Debug)]
#[command(name = "ingestion", version)]
pub struct Config {
    /// Where to listen
    #[arg(long, env = "MATCHDAY_LISTEN", default_value = "127.0.0.1:4000", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Who may push, with which tokens and how much; read again on SIGHUP. Without it anyone may push
    #[arg(long, env = "MATCHDAY_PROVIDERS", value_name = "FILE")]
    pub providers: Option<PathBuf>,

    /// How long Kafka may take to acknowledge, in milliseconds, before the sender hears 503
    #[arg(long, env = "MATCHDAY_DELIVERY_MS", default_value_t = 5_000, value_name = "MS")]
    pub delivery_ms: u64,

    /// How much of a sport's feed may be unread, in percent of what Kafka keeps of a partition, before the sport's messages
    /// are answered with 503; 0 for no limit
    #[arg(long, env = "MATCHDAY_UNREAD_PERCENT", default_value_t = 80, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    pub unread_percent: u64,

    /// Where Kafka is.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// What all topics' names begin with, so that several installations can share one Kafka
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    pub topics: Topics,

    /// What one request, and all of them together, may use.
    #[command(flatten)]
    pub limits: Limits,

    /// What connections may use.
    #[command(flatten)]
    pub http: http::Limits,

    /// What every process takes.
    #[command(flatten)]
    pub process: ProcessArgs,
}
