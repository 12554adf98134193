//! What a processor is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use chassis::config::{KafkaArgs, MysqlArgs, ProcessArgs, RedisArgs};
use clap::{Parser, Subcommand};
use domain::intake::HoldLimits;
use domain::{Sport, Topics};
use rustls::RootCertStore;

use crate::producers::ProducerTerms;
use crate::recovery::{Client, Entry, ProductEntry, Providers, RecoverySettings, TokenEntry};

use crate::retention::Retention;

/// The admin port of the first sport.
const FIRST_PORT: u16 = 4101;

/// What the command line asks for.
#[derive(Debug)]
pub enum Config {
    /// Process a sport's feed until told to stop.
    Process(Box<ProcessConfig>),
    /// Do something once.
    Once(Command),
}

impl Config {
    /// Reads the command line. What is done once is a subcommand; processing has none, so that a sport is all a
    /// processor must be told.
    #[must_use]
    pub fn parse() -> Self {
        let first = std::env::args().nth(1);
        if first.is_some_and(|first| Command::has_subcommand(&first)) {
            Self::Once(Once::parse().command)
        } else {
            Self::Process(Box::new(ProcessConfig::parse()))
        }
    }
}

#[derive(Parser, Debug)]
#[command(name = "processors", version)]
struct Once {
    #[command(subcommand)]
    command: Command,
}

/// Things done once.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Bring the database schema up to date
    Migrate {
        /// Which database.
        #[command(flatten)]
        mysql: MysqlArgs,
        /// How loud.
        #[command(flatten)]
        process: ProcessArgs,
    },
    /// Write all images of a sport to Redis anew, from the database
    Warm {
        /// Which sport
        #[arg(long, env = "MATCHDAY_SPORT")]
        sport: Sport,
        /// From which database.
        #[command(flatten)]
        mysql: MysqlArgs,
        /// To which Redis.
        #[command(flatten)]
        redis: RedisArgs,
        /// How loud.
        #[command(flatten)]
        process: ProcessArgs,
    },
}

/// Turns one sport's feed into state, update log, images and updates.
///
/// Besides this there are `processors migrate` and `processors warm`.
#[derive(Parser, Debug)]
#[command(name = "processors", version)]
pub struct ProcessConfig {
    /// The sport to process
    #[arg(long, env = "MATCHDAY_SPORT")]
    pub sport: Sport,

    /// Where `/livez`, `/readyz`, `/health` and `/metrics` answer; by default the sport's port of this machine,
    /// from 4101 on in the order of the sports
    #[arg(long, env = "MATCHDAY_LISTEN")]
    pub listen: Option<SocketAddr>,

    /// Where Kafka is.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// What all topics' names begin with, so that several installations can share one Kafka
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    pub topics: Topics,

    /// Where the database is.
    #[command(flatten)]
    pub mysql: MysqlArgs,

    /// Where Redis is.
    #[command(flatten)]
    pub redis: RedisArgs,

    /// Feed messages per transaction, at most
    #[arg(long, env = "MATCHDAY_BATCH_MESSAGES", default_value_t = at_least_one(1_000))]
    pub batch_messages: NonZeroUsize,

    /// Bytes of feed messages per transaction, at most
    #[arg(long, env = "MATCHDAY_BATCH_BYTES", default_value_t = at_least_one(4 << 20))]
    pub batch_bytes: NonZeroUsize,

    /// Events kept in memory; others are read again when a message comes
    #[arg(long, env = "MATCHDAY_EVENTS_IN_MEMORY", default_value_t = at_least_one(10_000))]
    pub events_in_memory: NonZeroUsize,

    /// Milliseconds for which an early message waits, from when it was received, before what is missing is a gap and clients
    /// must see its event shut
    #[arg(long, env = "MATCHDAY_HOLD_MS", default_value_t = 3_000)]
    pub hold_ms: u32,

    /// Early messages that may wait, per event
    #[arg(long, env = "MATCHDAY_HELD_MAX", default_value_t = 1_000)]
    pub held_max: usize,

    /// Early messages that may wait, of all events of this process together: whoever takes its partitions over reads them at once
    #[arg(long, env = "MATCHDAY_HELD_TOTAL_MAX", default_value_t = 50_000)]
    pub held_total_max: usize,

    /// Seconds for which early messages wait on once what is missing is a gap; then each of them is a dead letter
    #[arg(long, env = "MATCHDAY_HELD_SECONDS", default_value_t = 3_600)]
    pub held_seconds: u32,

    /// Milliseconds without an `alive` after which a producer is down and clients must see its markets suspended
    #[arg(long, env = "MATCHDAY_PRODUCER_SILENCE_MS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub producer_silence_ms: u32,

    /// How many milliseconds old a producer's `alive` may be when it comes, by the provider's clock and by ingestion's; whoever
    /// is further behind is down
    #[arg(long, env = "MATCHDAY_PRODUCER_DELAY_MS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub producer_delay_ms: u32,

    /// Milliseconds before either deadline at which suspending begins, so that clients have been told of it when the deadline
    /// comes; of a short wait a quarter at most
    #[arg(long, env = "MATCHDAY_SHUT_AHEAD_MS", default_value_t = 150)]
    pub shut_ahead_ms: u32,

    /// How providers' producers come up again, and where what they have lost is asked for, separated by commas:
    /// `md=alive@http://host:port` with the next `alive`, `md=snapshot@…` with `snapshot_complete`, and so does `uof=uof@…`,
    /// a Unified Odds Feed. `md=alive` asks nobody. Of providers not named here an `alive` is enough, but of a Unified Odds
    /// Feed nothing is: its producers stay down
    #[arg(long, env = "MATCHDAY_RECOVERY", value_delimiter = ',', value_name = "PROVIDER=HOW@URL")]
    pub recovery: Vec<Entry>,

    /// With what providers let themselves be asked, as `Authorization: Bearer`: `provider=token`, separated by commas
    #[arg(
        long,
        env = "MATCHDAY_RECOVERY_TOKENS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "PROVIDER=TOKEN"
    )]
    pub recovery_tokens: Vec<TokenEntry>,

    /// How producers of a Unified Odds Feed are asked for, where its list of producers says otherwise than the published one:
    /// `provider/number=path@minutes`, separated by commas. The path is the last part of the producer's `api_url`, the minutes
    /// its `stateful_recovery_window_in_minutes`
    #[arg(
        long,
        env = "MATCHDAY_RECOVERY_PRODUCTS",
        value_delimiter = ',',
        value_name = "PROVIDER/NUMBER=PATH@MINUTES"
    )]
    pub recovery_products: Vec<ProductEntry>,

    /// As which node providers are asked (`node_id`), where several share an account
    #[arg(long, env = "MATCHDAY_RECOVERY_NODE", value_name = "NUMBER")]
    pub recovery_node: Option<u32>,

    /// The shortest time between two such requests to one provider, in milliseconds
    #[arg(long, env = "MATCHDAY_RECOVERY_EVERY_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub recovery_every_ms: u32,

    /// Milliseconds in which a recovery must bring something; one that does not is asked for again. As long as none does, each is
    /// waited for twice as long as the one before, up to 5 minutes
    #[arg(long, env = "MATCHDAY_RECOVERY_SILENCE_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub recovery_silence_ms: u32,

    /// Committed batches that may wait to be published
    #[arg(long, env = "MATCHDAY_PUBLISH_QUEUE", default_value_t = at_least_one(8))]
    pub publish_queue: NonZeroUsize,

    /// Days for which the update log of an event is kept after the day on which it was first seen
    #[arg(long, env = "MATCHDAY_UPDATES_DAYS", default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    pub updates_days: u16,

    /// How often days past that are looked for, in seconds
    #[arg(long, env = "MATCHDAY_RETENTION_SECONDS", default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub retention_seconds: u64,

    /// Events of the sport of which nothing is known but that messages of them were refused; of more the oldest are forgotten
    #[arg(long, env = "MATCHDAY_FORESEEN_MAX", default_value_t = 10_000, value_name = "EVENTS")]
    pub foreseen_max: u32,

    /// Connections to the database
    #[arg(long, env = "MATCHDAY_MYSQL_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub mysql_connections: u32,

    /// The admin port.
    #[command(flatten)]
    pub http: chassis::http::Limits,

    /// The process itself.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// Of what there must be some; zero would be a processor that never moves.
const fn at_least_one(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("defaults are not zero")
}

impl ProcessConfig {
    /// The address of the admin port.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| {
            let mut ports = Sport::ALL.into_iter().zip(FIRST_PORT..);
            let own = ports.find(|(sport, _)| *sport == self.sport);
            let (_, port) = own.expect("every sport is one of all");
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        })
    }

    /// The consumer group.
    #[must_use]
    pub fn group(&self) -> String {
        self.topics.group(self.sport)
    }

    /// What is kept of the update log.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { days: self.updates_days, every: Duration::from_secs(self.retention_seconds) }
    }

    /// How long and how many early messages wait.
    #[must_use]
    pub fn hold_limits(&self) -> HoldLimits {
        HoldLimits {
            wait_micros: self.until_shut_begins(self.hold_ms),
            held_max: self.held_max,
            kept_micros: i64::from(self.held_seconds) * 1_000_000,
        }
    }

    /// What is settled with providers.
    ///
    /// # Errors
    /// Where the list contradicts itself.
    pub fn providers(&self) -> anyhow::Result<Providers> {
        Providers::new(&self.recovery, &self.recovery_tokens)?.with_products(&self.recovery_products)
    }

    /// How providers are asked to send again; `None`: nobody is asked.
    ///
    /// # Errors
    /// Where one is to be asked over TLS, and this machine trusts nobody.
    pub fn recovery(&self, providers: Providers) -> anyhow::Result<Option<RecoverySettings>> {
        if !providers.are_asked() {
            return Ok(None);
        }
        let client = match providers.are_asked_over_tls() {
            true => Client::trusting_as_the_machine_does()?,
            false => Client::trusting(RootCertStore::empty())?,
        };
        let every = Duration::from_millis(u64::from(self.recovery_every_ms));
        let silence_micros = i64::from(self.recovery_silence_ms) * 1_000;
        let node_id = self.recovery_node;
        Ok(Some(RecoverySettings { providers, client, node_id, every, silence_micros }))
    }

    /// What is expected of producers.
    #[must_use]
    pub fn producer_terms(&self, providers: Providers) -> ProducerTerms {
        let silence_micros = self.until_shut_begins(self.producer_silence_ms);
        ProducerTerms { silence_micros, delay_micros: i64::from(self.producer_delay_ms) * 1_000, providers }
    }

    /// Microseconds after which suspending begins, so that clients have been told when the wait is over.
    fn until_shut_begins(&self, wait_ms: u32) -> i64 {
        let ahead_ms = self.shut_ahead_ms.min(wait_ms / 4);
        i64::from(wait_ms - ahead_ms) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspending_begins_ahead_of_a_deadline_and_never_before_most_of_the_wait_is_over() {
        let waits = |args: &[&str]| {
            let always = ["processors", "--sport", "hockey", "--mysql", "mysql://m/d"];
            let config = ProcessConfig::try_parse_from(always.iter().chain(args)).unwrap();
            let silence = config.producer_terms(Providers::default()).silence_micros;
            (config.hold_limits().wait_micros, silence)
        };
        assert_eq!(waits(&[]), (2_850_000, 19_850_000));
        assert_eq!(waits(&["--shut-ahead-ms", "0"]), (3_000_000, 20_000_000));
        assert_eq!(waits(&["--hold-ms", "200", "--shut-ahead-ms", "6000"]), (150_000, 15_000_000));
        assert_eq!(waits(&["--hold-ms", "0"]).0, 0);
    }
}
