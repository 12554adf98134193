//! What the feed's partitions have heard of each producer, put together.

use std::collections::BTreeMap;

use anyhow::Context;
use domain::limit::WATCHED_MAX;
use domain::producer::{Reason, State};
use domain::{Sport, Timestamp};
use serde::Serialize;
use sqlx::FromRow;

use super::Database;

/// Producers told of at most; they are few, and a feed that invents them must not fill an answer. Those of a partition that is full
/// and those that find no room there.
const PRODUCERS_MAX: u32 = 2 * WATCHED_MAX as u32;

/// One producer, over all sports and feed partitions that have heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Whose producer it is.
    pub provider: String,
    /// Its name.
    pub producer: String,
    /// Whether it said that nothing is lost, in every partition; nothing where a partition has heard no `alive` yet.
    pub subscribed: Option<bool>,
    /// Its last `alive`, in the partition that is furthest behind; nothing where one has heard none yet.
    pub last_alive: Option<LastAlive>,
    /// When a processor last took a message of it, in microseconds since the Unix epoch.
    pub last_message_at: i64,
    /// Whether it is trusted, in the partition that trusts it least; nothing where none has heard an `alive`, and had room to watch
    /// it: then nobody can tell its silence.
    pub trust: Option<Trust>,
    /// For how long nobody asks its provider for a recovery, where that is so now.
    pub recovery_rest: Option<Rest>,
    /// By the sports that have heard of it, when the partition of each that is furthest behind last took a message of it.
    pub heard_at: BTreeMap<Sport, i64>,
}

/// For how long a provider is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// Until then, in microseconds since the Unix epoch, by the clock of the database.
    pub until: i64,
    /// What its answer was; nothing where a processor of an earlier release noted it.
    pub reason: Option<String>,
}

/// Whether a producer is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// What it is.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Since when it is trusted, or not.
    pub since: Timestamp,
}

/// When an `alive` was sent and received, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAlive {
    /// When the provider made it.
    pub generated_at: i64,
    /// When ingestion received it, where it says so.
    pub received_at: Option<i64>,
}

#[derive(FromRow)]
struct ProducerRow {
    provider: String,
    producer: String,
    is_heard: bool,
    subscribed: Option<bool>,
    generated_at: Option<i64>,
    received_at: Option<i64>,
    last_message_at: i64,
    trust: Option<String>,
}

impl Database {
    /// Every producer, in the order of providers and names.
    pub async fn producers(&self) -> anyhow::Result<Vec<Producer>> {
        // The states stand in the order of the alphabet: `down` is the least. Whoever found no room in a partition is down there
        // at least since the last that did has turned.
        let sql = "SELECT provider, producer, COUNT(alive_generated_at) = COUNT(*) AS is_heard, \
                   MIN(subscribed) AS subscribed, MIN(alive_generated_at) AS generated_at, \
                   MIN(alive_received_at) AS received_at, MAX(last_message_at) AS last_message_at, \
                   MIN(COALESCE(CONCAT(state, ' ', reason, ' ', since), CONCAT('down not_watched ', full_since))) \
                   AS trust FROM producers JOIN (SELECT sport, kafka_partition, \
                   IF(COUNT(state) >= ?, MAX(since), NULL) AS full_since FROM producers \
                   GROUP BY sport, kafka_partition) AS partitions USING (sport, kafka_partition) \
                   GROUP BY provider, producer ORDER BY provider, producer LIMIT ?";
        let query = sqlx::query_as(sql).bind(WATCHED_MAX as u64).bind(PRODUCERS_MAX);
        let rows: Vec<ProducerRow> = query.fetch_all(&self.pool).await?;
        let mut producers = rows.into_iter().map(ProducerRow::read).collect::<anyhow::Result<Vec<_>>>()?;
        let mut heard = self.heard_by_sport().await?;
        let rests = self.recovery_rests().await?;
        for producer in &mut producers {
            producer.recovery_rest = rests.get(&producer.provider).cloned();
            let name = (producer.provider.clone(), producer.producer.clone());
            producer.heard_at = heard.remove(&name).unwrap_or_default();
        }
        Ok(producers)
    }

    /// By provider, the rests that are not over.
    async fn recovery_rests(&self) -> anyhow::Result<BTreeMap<String, Rest>> {
        let sql = "SELECT provider, until, reason FROM recovery_rests \
                   WHERE until > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) ORDER BY provider LIMIT ?";
        let query = sqlx::query_as(sql).bind(PRODUCERS_MAX);
        let rows: Vec<(String, i64, Option<String>)> = query.fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(provider, until, reason)| (provider, Rest { until, reason })).collect())
    }

    async fn heard_by_sport(&self) -> anyhow::Result<BTreeMap<(String, String), BTreeMap<Sport, i64>>> {
        let sql = "SELECT provider, producer, sport, MIN(last_message_at) FROM producers \
                   GROUP BY provider, producer, sport ORDER BY provider, producer LIMIT ?";
        let query = sqlx::query_as(sql).bind(PRODUCERS_MAX * Sport::ALL.len() as u32);
        let rows: Vec<(String, String, String, i64)> = query.fetch_all(&self.pool).await?;
        let mut heard: BTreeMap<_, BTreeMap<Sport, i64>> = BTreeMap::new();
        for (provider, producer, sport, at) in rows {
            heard.entry((provider, producer)).or_default().insert(sport.parse()?, at);
        }
        Ok(heard)
    }
}

impl ProducerRow {
    fn read(self) -> anyhow::Result<Producer> {
        let alive = |generated_at| LastAlive { generated_at, received_at: self.received_at };
        Ok(Producer {
            subscribed: self.subscribed.filter(|_| self.is_heard),
            last_alive: self.generated_at.filter(|_| self.is_heard).map(alive),
            last_message_at: self.last_message_at,
            trust: self.trust.as_deref().map(read_trust).transpose()?,
            provider: self.provider,
            producer: self.producer,
            recovery_rest: None,
            heard_at: BTreeMap::new(),
        })
    }
}

fn read_trust(text: &str) -> anyhow::Result<Trust> {
    let mut words = text.split(' ');
    let mut next =
        || words.next().with_context(|| format!("`{text}` is not all of what is kept of a producer"));
    Ok(Trust { state: next()?.parse()?, reason: next()?.parse()?, since: Timestamp(next()?.parse()?) })
}
