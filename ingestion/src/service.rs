//! The wiring: a producer, its watch over Kafka, the endpoint.

use std::sync::Arc;
use std::time::Duration;

use chassis::http;
use chassis::kafka::{Producer, ProducerSettings};
use chassis::lifecycle::Process;
use domain::{Sport, topic};

use crate::config::Config;
use crate::feed::{self, Feeds};

/// How often Kafka is asked whether it is there.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Binds, then starts everything. Succeeds while Kafka is away: readiness tells.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    config.limits.check()?;
    let listener = http::bind(config.listen).await?;
    let mut settings = ProducerSettings::new(&config.kafka.brokers, "ingestion");
    settings.delivery_timeout = Duration::from_millis(config.delivery_ms);
    let producer = Producer::new(settings)?;

    let latch = process.readiness.latch("kafka", "connecting");
    let (watching, shutdown) = (producer.clone(), process.shutdown.clone());
    process.tasks.spawn("kafka watch", async move {
        watching.watch(latch, topics(), WATCH_EVERY, shutdown).await;
        Ok(())
    });

    let feeds = Arc::new(Feeds::new(producer, config.limits));
    let router = feed::routes(feeds).merge(process.admin());
    process.tasks.spawn("http", http::serve(listener, router, config.http, process.shutdown.clone()));
    Ok(())
}

/// Every topic that is written to.
fn topics() -> Vec<String> {
    let mut topics: Vec<String> = Sport::ALL.into_iter().map(topic::feed).collect();
    topics.push(topic::DEAD_LETTERS.to_owned());
    topics
}
