//! The flags that several processes share, each with its environment variable.

use std::time::Duration;

use clap::Args;

/// What every process takes: how loud it is and how long it may take to stop.
#[derive(Args, Clone, Debug)]
pub struct ProcessArgs {
    /// Which log lines are written to stderr, in the syntax of tracing's `EnvFilter`
    #[arg(long, env = "MATCHDAY_LOG", default_value = "info,sqlx_core::pool=warn", value_name = "FILTER")]
    pub log: String,

    /// How long work in hand may take to finish after SIGTERM
    #[arg(long, env = "MATCHDAY_GRACE_SECONDS", default_value_t = 20, value_name = "SECONDS")]
    pub grace_seconds: u64,
}

impl ProcessArgs {
    /// The grace time as a duration.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// Where Kafka is.
#[derive(Args, Clone, Debug)]
pub struct KafkaArgs {
    /// Kafka's bootstrap servers, separated by commas
    #[arg(
        id = "kafka",
        long = "kafka",
        env = "MATCHDAY_KAFKA",
        default_value = "127.0.0.1:9092",
        value_name = "HOST:PORT"
    )]
    pub brokers: String,
}

/// Where MySQL or MariaDB is.
#[derive(Args, Clone, Debug)]
pub struct MysqlArgs {
    /// The database's address, `mysql://user:password@host:port/database`
    #[arg(id = "mysql", long = "mysql", env = "MATCHDAY_MYSQL", hide_env_values = true, value_name = "URL")]
    pub url: String,
}

/// Where Redis is.
#[derive(Args, Clone, Debug)]
pub struct RedisArgs {
    /// The cache's address, `redis://host:port`
    #[arg(
        id = "redis",
        long = "redis",
        env = "MATCHDAY_REDIS",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        value_name = "URL"
    )]
    pub url: String,
}
