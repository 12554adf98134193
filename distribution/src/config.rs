//! What distribution is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::config::{KafkaArgs, MysqlArgs, ProcessArgs, RedisArgs};
use clap::Parser;
use domain::Topics;

use crate::hub::HubLimits;
use crate::rest::AllowedOrigin;
use crate::socket::SocketLimits;

/// Serves events by REST and WebSocket.
#[derive(Parser, Debug)]
#[command(name = "distribution", version)]
pub struct Config {
    /// Where REST and `/livez`, `/readyz`, `/health`, `/metrics` answer
    #[arg(long, env = "MATCHDAY_REST_LISTEN", default_value = "127.0.0.1:4002")]
    pub rest_listen: SocketAddr,

    /// Where WebSocket clients connect
    #[arg(long, env = "MATCHDAY_SOCKET_LISTEN", default_value = "127.0.0.1:4003")]
    pub socket_listen: SocketAddr,

    /// Where updates are read.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// What all topics' names begin with, so that several installations can share one Kafka
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    pub topics: Topics,

    /// Where images are loaded when Redis does not have them.
    #[command(flatten)]
    pub mysql: MysqlArgs,

    /// Connections to MySQL at most
    #[arg(long, env = "MATCHDAY_MYSQL_CONNECTIONS", default_value_t = 16)]
    pub mysql_connections: u32,

    /// Images loaded and lists read at once, from Redis or MySQL; others wait for their turn
    #[arg(
        long,
        env = "MATCHDAY_STORE_READS",
        default_value_t = 32,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000)
    )]
    pub store_reads: usize,

    /// Where images are looked up first.
    #[command(flatten)]
    pub redis: RedisArgs,

    /// Events in memory; beyond that the longest untouched make room
    #[arg(long, env = "MATCHDAY_EVENTS_MAX", default_value_t = 20_000)]
    pub events_max: usize,

    /// Seconds for which an event that is over stays in memory after its last update
    #[arg(long, env = "MATCHDAY_KEEP_FINAL_SECONDS", default_value_t = 600)]
    pub keep_final_seconds: u64,

    /// Milliseconds after which a partition of which no heartbeat has come counts as silent, and none of its markets is
    /// shown as active
    #[arg(long, env = "MATCHDAY_PARTITION_SILENCE_MS", default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(2_000..=600_000))]
    pub partition_silence_ms: u32,

    /// Milliseconds before that at which its markets begin to be shown as suspended, so that clients have been told of it
    /// when the time is over
    #[arg(long, env = "MATCHDAY_SHUT_AHEAD_MS", default_value_t = 150)]
    pub shut_ahead_ms: u32,

    /// Milliseconds by which Kafka's clock and this machine's may differ: by so much older a heartbeat may be when it is read
    #[arg(long, env = "MATCHDAY_CLOCK_TOLERANCE_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    pub clock_tolerance_ms: u32,

    /// Bet stops, settlements and the like of one event that a client may be behind by
    #[arg(long, env = "MATCHDAY_URGENT_MAX", default_value_t = 256)]
    pub urgent_max: usize,

    /// What clients of the socket are granted.
    #[command(flatten)]
    pub socket: SocketLimits,

    /// Origins whose web pages may read REST's answers, separated by commas: `https://example.com`, `local` for those
    /// served from this machine, `*` for all
    #[arg(long, env = "MATCHDAY_CORS_ORIGINS", default_value = "local", value_delimiter = ',')]
    pub cors_origins: Vec<AllowedOrigin>,

    /// What HTTP clients are granted, on each port.
    #[command(flatten)]
    pub http: chassis::http::Limits,

    /// Log and grace time.
    #[command(flatten)]
    pub process: ProcessArgs,
}

impl Config {
    /// How long a partition may be silent since its last heartbeat seems to have been said.
    #[must_use]
    pub fn partition_silence(&self) -> Duration {
        let ahead_ms = self.shut_ahead_ms.min(self.partition_silence_ms / 4);
        let silence_ms = self.partition_silence_ms - ahead_ms;
        // A heartbeat may be older than it looks by what clocks may differ.
        let patience_ms = silence_ms.saturating_sub(self.clock_tolerance_ms).max(silence_ms / 2);
        Duration::from_millis(patience_ms.into())
    }

    /// By how much clocks may differ.
    #[must_use]
    pub fn clock_tolerance(&self) -> Duration {
        Duration::from_millis(self.clock_tolerance_ms.into())
    }

    /// How much the hub keeps.
    #[must_use]
    pub fn hub_limits(&self) -> HubLimits {
        HubLimits {
            events_max: self.events_max,
            keep_final: Duration::from_secs(self.keep_final_seconds),
            urgent_max: self.urgent_max,
        }
    }
}
