//! Puts the parts together: ports first, so that whoever watches sees the process come up.

use std::sync::Arc;
use std::time::Duration;

use chassis::kafka::{ReaderSettings, follow};
use chassis::lifecycle::{Process, Shutdown};
use tokio::time::Instant;

use crate::backlog::{self, Progress};
use crate::config::Config;
use crate::descriptions::Descriptions;
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;
use crate::producers::Producers;
use crate::sessions::Sessions;
use crate::socket::SocketServer;
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::database::Database;
use crate::updates::{CaughtUp, Reading};
use crate::{metrics, rest, socket, updates};

/// How often the hub forgets what it need not keep.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whose processors are silent.
const HEED_EVERY: Duration = Duration::from_millis(100);

/// Binds both ports and spawns everything that runs.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    metrics::describe();
    let rest_listener = chassis::http::bind(config.rest_listen).await?;
    let socket_listener = socket::listen(config.socket_listen, config.socket)?;

    let cache = Cache::new(&config.redis.url)?;
    let database = Database::new(&config.mysql.url()?, config.mysql_connections)?;
    let store = Store::new(cache, database, config.store_reads);
    let hub = Hub::new(store, config.hub_limits());
    let heartbeats = Arc::new(Heartbeats::new(config.partition_silence(), config.clock_tolerance()));
    let (progress, caught_up) = (Progress::default(), CaughtUp::default());
    let producers = Producers::default();
    let sessions = Sessions::default();
    let sockets = SocketServer::new(
        Arc::clone(&hub),
        caught_up.clone(),
        producers.clone(),
        sessions.clone(),
        config.socket,
        process.shutdown.clone(),
    );

    let descriptions = Descriptions::default();
    let rest = rest::routes(
        Arc::clone(&hub),
        caught_up.clone(),
        descriptions.clone(),
        sessions.clone(),
        process.admin(),
        &config.cors_origins,
    );
    let serve =
        |listener, router| chassis::http::serve(listener, router, config.http, process.shutdown.clone());
    process.tasks.spawn("rest", serve(rest_listener, rest));
    process.tasks.spawn("socket", serve(socket_listener, Arc::clone(&sockets).routes()));
    process.tasks.spawn("sessions", async move {
        sockets.ended().await;
        anyhow::Ok(())
    });
    process.tasks.spawn("producers", producers.watch(hub.store().clone(), process.shutdown.clone()));
    process.tasks.spawn("sweep", sweep(Arc::clone(&hub), process.shutdown.clone()));
    process
        .tasks
        .spawn("heartbeats", heed(Arc::clone(&heartbeats), Arc::clone(&hub), process.shutdown.clone()));
    let described = follow(
        ReaderSettings::new(config.kafka.brokers.as_str(), updates::CLIENT_ID),
        config.topics.descriptions(),
        process.readiness.latch("descriptions", "connecting"),
        process.clone(),
        move |batch| descriptions.read(batch),
    );
    process.tasks.spawn("descriptions", described);
    process.tasks.spawn(
        "kafka watch",
        updates::watch(config.kafka.brokers.clone(), config.topics.clone(), process.clone()),
    );
    process.tasks.spawn(
        "backlog",
        backlog::measure(
            progress.clone(),
            sessions,
            config.kafka.brokers.clone(),
            config.topics.clone(),
            process.shutdown.clone(),
        ),
    );
    process.tasks.spawn(
        "updates",
        updates::follow(
            Reading { hub, heartbeats, progress, caught_up },
            config.kafka.brokers,
            config.topics,
            process.clone(),
        ),
    );
    Ok(())
}

async fn sweep(hub: Arc<Hub>, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => hub.sweep(Instant::now()),
            () = shutdown.begun() => return Ok(()),
        }
    }
}

/// Tells the hub which partitions are silent.
async fn heed(heartbeats: Arc<Heartbeats>, hub: Arc<Hub>, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(HEED_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.begun() => return Ok(()),
        }
        let silent = heartbeats.silent(Instant::now());
        silent.counts().for_each(|(sport, count)| metrics::silent_partitions(sport, count));
        hub.heed(silent);
    }
}
