//! The wiring: a producer, its watch over Kafka, the providers, the endpoint.

use std::sync::Arc;
use std::time::Duration;

use chassis::http;
use chassis::kafka::{Producer, ProducerSettings, ReaderSettings, follow};
use chassis::lifecycle::{Process, Shutdown};
use domain::{Sport, Topics};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::backlog::{Backlogs, UnreadLimits};
use crate::config::Config;
use crate::feed::{self, Feeds};
use crate::loaded::Loaded;
use crate::providers::Providers;

/// How often Kafka is asked whether it is there.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long what one sender sends waits for what others do. Their messages go to all partitions of four sports, and a request to Kafka
/// carries one partition's (`docs/adr/0011-what-kafka-costs.md`).
const LINGER: Duration = Duration::from_millis(5);

/// Binds, then starts everything. Succeeds while Kafka is away: readiness tells.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    config.limits.check()?;
    let listener = http::bind(config.listen).await?;
    let mut settings = ProducerSettings::new(&config.kafka.brokers, "ingestion");
    settings.delivery_timeout = Duration::from_millis(config.delivery_ms);
    settings.linger = LINGER;
    let producer = Producer::new(settings)?;

    let providers = Arc::new(Providers::new(config.providers.clone())?);
    if config.providers.is_some() {
        let (reloading, shutdown) = (Arc::clone(&providers), process.shutdown.clone());
        process
            .tasks
            .spawn("providers", reload_on_hangup(reloading, signal(SignalKind::hangup())?, shutdown));
    }

    let latch = process.readiness.latch("kafka", "connecting");
    let (watching, shutdown) = (producer.clone(), process.shutdown.clone());
    let topics = written(&config.topics);
    process.tasks.spawn("kafka watch", async move {
        watching.watch(latch, topics, WATCH_EVERY, shutdown).await;
        Ok(())
    });

    let backlogs = Backlogs::default();
    if config.unread_percent > 0 {
        let (watching, shutdown) = (backlogs.clone(), process.shutdown.clone());
        let (brokers, topics, runtime) =
            (config.kafka.brokers.clone(), config.topics.clone(), Handle::current());
        let limits = UnreadLimits::of(config.unread_percent, &config.limits);
        let latch = process.readiness.latch("unread", "connecting");
        process.tasks.spawn_thread("backlog", move || {
            watching.watch(&brokers, &topics, limits, latch, (&shutdown, &runtime))
        })?;
    }

    let loaded = Arc::new(Loaded::default());
    let settings = || ReaderSettings::new(config.kafka.brokers.as_str(), "ingestion");
    let reading = Arc::clone(&loaded);
    let events = follow(
        settings(),
        config.topics.events(),
        process.readiness.latch("events", "connecting"),
        process.clone(),
        move |batch| reading.events.read(batch),
    );
    process.tasks.spawn("events", events);
    let reading = Arc::clone(&loaded);
    let descriptions = follow(
        settings(),
        config.topics.descriptions(),
        process.readiness.latch("descriptions", "connecting"),
        process.clone(),
        move |batch| reading.descriptions.read(batch),
    );
    process.tasks.spawn("descriptions", descriptions);

    let feeds = Arc::new(Feeds::new(producer, &config.topics, providers, loaded, config.limits, backlogs));
    let router = feed::routes(feeds).merge(process.admin());
    process.tasks.spawn("http", http::serve(listener, router, config.http, process.shutdown.clone()));
    Ok(())
}

/// Reads the providers file again whenever the process is told to by SIGHUP.
async fn reload_on_hangup(
    providers: Arc<Providers>,
    mut hangup: Signal,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = shutdown.begun() => return Ok(()),
        }
        if let Err(error) = providers.reload() {
            tracing::error!(
                error = format!("{error:#}"),
                "the providers file is wrong, what it said before stays"
            );
        }
    }
}

/// Every topic that is written to.
fn written(topics: &Topics) -> Vec<String> {
    let feeds = Sport::ALL.into_iter().map(|sport| topics.feed(sport));
    feeds.chain([topics.dead_letters(), topics.events(), topics.descriptions()]).collect()
}
