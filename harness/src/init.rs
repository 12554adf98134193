//! Makes what the services need before they start: topics and tables. Doing it again changes nothing.

use crate::stack::own_binary;
use anyhow::{Context, Result, bail};
use chassis::kafka::MAX_MESSAGE_BYTES;
use chassis::kafka::topics::{self, Retention, TopicSpec};
use domain::{Sport, Topics};
use std::process::Stdio;

/// Where to make topics and tables, and how large.
#[derive(Clone, Debug)]
pub struct InitConfig {
    /// Kafka's bootstrap servers.
    pub kafka: String,
    /// What the topics are called there.
    pub topics: Topics,
    /// The database: `mysql://user:password@host:port/database`.
    pub mysql: String,
    /// Partitions of every topic of a sport.
    pub partitions: i32,
    /// How much a partition of them keeps before the oldest is deleted, in bytes; -1 for no limit.
    pub retention_bytes: i64,
}

impl InitConfig {
    /// Enough for every sport at once on one machine.
    pub const PARTITIONS: i32 = 4;

    /// A whole run stays readable, and a laptop's disk does not fill up.
    pub const RETENTION_BYTES: i64 = 1 << 30;

    /// With the usual number of partitions and the usual retention.
    pub fn new(kafka: String, topics: Topics, mysql: String) -> Self {
        Self { kafka, topics, mysql, partitions: Self::PARTITIONS, retention_bytes: Self::RETENTION_BYTES }
    }
}

/// Makes every sport's topics, those of dead letters, of events and of descriptions, and the tables.
///
/// # Errors
/// When Kafka refuses a topic, a migration fails, or the binary `processors` was not built.
pub async fn init(config: &InitConfig) -> Result<()> {
    topics::ensure(&config.kafka, &wanted_topics(config)).await.context("making topics")?;
    migrate(config).await
}

/// How much is kept of which sport events are of, in bytes: more events than ingestion remembers.
const EVENTS_BYTES: i64 = 16 << 20;

/// A sport's two topics have the same number of partitions, for an update goes to the partition of its feed message. Dead
/// letters are few, and none is ever deleted.
fn wanted_topics(config: &InitConfig) -> Vec<TopicSpec> {
    let latest = |bytes| Retention::Latest { bytes, ms: -1 };
    let spec = |name: String, partitions, retention| TopicSpec {
        name,
        partitions,
        retention,
        max_message_bytes: MAX_MESSAGE_BYTES,
    };
    let mut topics = vec![
        spec(config.topics.dead_letters(), 1, latest(-1)),
        spec(config.topics.events(), 1, latest(EVENTS_BYTES)),
        spec(config.topics.descriptions(), 1, Retention::LatestOfEachKey),
    ];
    for sport in Sport::ALL {
        for name in [config.topics.feed(sport), config.topics.updates(sport)] {
            topics.push(spec(name, config.partitions, latest(config.retention_bytes)));
        }
    }
    topics
}

/// The tables belong to the processors, so their binary makes them.
async fn migrate(config: &InitConfig) -> Result<()> {
    let output = tokio::process::Command::new(own_binary("processors")?)
        .arg("migrate")
        // Not as arguments: everybody on this machine can read those, and one holds a password.
        .env("MATCHDAY_KAFKA", &config.kafka)
        .env("MATCHDAY_MYSQL", &config.mysql)
        // The password is in the address already.
        .env_remove("MATCHDAY_MYSQL_PASSWORD_FILE")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("running `processors migrate`")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`processors migrate` failed with {}\n{}", output.status, said.trim_end());
    }
    Ok(())
}
