//! A processor's life: what is connected to what, and what happens in which order at start and end.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{
    ConsumeError, Consumer, ConsumerSettings, PollLimits, Producer, ProducerSettings, Watermarks,
};
use chassis::lifecycle::{Process, Shutdown};
use chassis::readiness::Latch;
use domain::Sport;
use sqlx::MySqlPool;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::config::{Command, Config, ProcessConfig};
use crate::marks::{Answer, Marks};
use crate::metrics;
use crate::processor::{self, Next, Parts, Processor};
use crate::publish::images::{Images, Replace};
use crate::publish::{self, Publisher, warm_partition};
use crate::recovery::{self, Providers, RecoverySettings};
use crate::retention;
use crate::store::load::Which;
use crate::store::{self, days, migrate};

/// How long a poll waits for the first message, where no deadline comes before that.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// Between attempts at something that is away.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// The feed's thread does one thing at a time; a second connection replaces one that broke without a wait.
const FEED_CONNECTIONS: u32 = 2;
/// How often Kafka is told, for lag tools, how far the feed is processed, and the lag is measured.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often while something is overdue unless what would prevent it is still to be read.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The same where nothing seems to be left to read.
const ASK_IDLE_EVERY: Duration = Duration::from_millis(10);
/// How often the brokers are asked whether they have the topics.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// Runs what the command line asks for.
pub fn run(config: Config) -> ExitCode {
    match config {
        Config::Process(config) => {
            let process = config.process.clone();
            chassis::lifecycle::run("processors", &process, |process| start(*config, process))
        }
        Config::Once(Command::Migrate { mysql, process }) => {
            chassis::lifecycle::run("processors migrate", &process, |_| async move {
                let pool = store::connect(&mysql.url()?, 1).await?;
                migrate::migrate(&pool, days::day_of(processor::now())).await?;
                tracing::info!("the database schema is up to date");
                Ok(())
            })
        }
        Config::Once(Command::Warm { sport, mysql, redis, process }) => {
            chassis::lifecycle::run("processors warm", &process, |_| async move {
                warm(sport, &mysql.url()?, &redis.url).await
            })
        }
    }
}

async fn start(config: ProcessConfig, process: Process) -> anyhow::Result<()> {
    metrics::describe();
    let providers = config.providers()?;
    let recovery = config.recovery(providers.clone())?;
    let listener = chassis::http::bind(config.listen()).await?;
    tracing::info!(sport = %config.sport, address = %config.listen(), "admin");
    process.tasks.spawn(
        "admin",
        chassis::http::serve(listener, process.admin(), config.http, process.shutdown.clone()),
    );

    let mysql = process.readiness.latch("mysql", "connecting");
    let kafka = process.readiness.latch("kafka", "connecting");
    let partitions = process.readiness.latch("partitions", "none taken yet");
    let publishing = process.readiness.latch("publishing", "starting");
    let pool = store::connect(&config.mysql.url()?, config.mysql_connections).await?;
    let shutdown = process.shutdown.clone();
    let wiring = wire(
        config,
        providers,
        recovery,
        process.clone(),
        pool,
        Latches { mysql, kafka, partitions, publishing },
    );
    process.tasks.spawn("wiring", async move {
        tokio::select! {
            wired = wiring => wired,
            // Nothing has been read yet, so there is nothing to drain.
            () = shutdown.begun() => Ok(()),
        }
    });
    Ok(())
}

struct Latches {
    mysql: Latch,
    kafka: Latch,
    partitions: Latch,
    publishing: Latch,
}

/// Waits for the database and Kafka, then spawns the publisher and the feed's thread.
async fn wire(
    config: ProcessConfig,
    providers: Providers,
    recovery: Option<RecoverySettings>,
    process: Process,
    pool: MySqlPool,
    latches: Latches,
) -> anyhow::Result<()> {
    let Latches { mysql, kafka, partitions, publishing } = latches;
    let store_id = wait_for_schema(&pool, &mysql).await;
    // Before partitions are taken: what is put back into the log is published with the rest of it.
    retention::recover(&pool).await;
    mysql.ready();
    let looking_after = config.retention().run(pool.clone(), process.shutdown.clone());
    process.tasks.spawn("retention", looking_after);
    let foreseen =
        retention::keep_foreseen(pool.clone(), config.sport, config.foreseen_max, process.shutdown.clone());
    process.tasks.spawn("foreseen", foreseen);

    let sport = config.sport;
    let brokers = config.kafka.brokers.as_str();
    let client = ProducerSettings::new(brokers, format!("matchday-processor-{sport}"));
    let beats = ProducerSettings {
        delivery_timeout: publish::BEAT_MAX,
        queue_messages: 1_000,
        queue_bytes: 1 << 20,
        ..client.clone()
    };
    let producer = Producer::new(client)?;
    let beats = Producer::new(beats)?;
    let topics = &config.topics;
    let watched = vec![topics.feed(sport), topics.updates(sport), topics.dead_letters()];
    let watching = producer.clone();
    let shutdown = process.shutdown.clone();
    process.tasks.spawn("kafka watch", async move {
        watching.watch(kafka, watched, WATCH_EVERY, shutdown).await;
        Ok(())
    });

    if let Some(settings) = recovery {
        process.tasks.spawn("recovery", recovery::run(pool.clone(), settings, process.shutdown.clone()));
    }

    let (jobs, queue) = mpsc::channel(config.publish_queue.get());
    let images = Images::new(&config.redis.url, store_id, sport)?;
    let asking = (beats.clone(), topics.feed(sport));
    let producers = publish::Producers { updates: producer, beats };
    let (publisher, cache) =
        Publisher::new(sport, topics, pool, producers, images, publishing, process.shutdown.clone());
    process.tasks.spawn("publisher", publisher.run(queue));
    process.tasks.spawn("redis", cache.run());

    let settings = ConsumerSettings::new(
        brokers,
        format!("matchday-processor-{sport}"),
        config.group(),
        topics.feed(sport),
    );
    let marks = Marks::new(tokio::runtime::Handle::current());
    let limits = PollLimits {
        messages: config.batch_messages.get(),
        bytes: config.batch_bytes.get(),
        wait: POLL_WAIT,
    };
    let shutdown = process.shutdown.clone();
    let work = move || {
        // A runtime of this thread alone: with the process's own, each of a transaction's round trips would wake two
        // threads, and at a few messages per batch that is most of what a message costs.
        let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
        let pool = runtime.block_on(store::connect(&config.mysql.url()?, FEED_CONNECTIONS))?;
        let consumer = Consumer::new(&settings)?;
        let Some(cluster_id) = wait_for_cluster(&consumer, &shutdown, &runtime) else { return Ok(()) };
        let processor = Processor::new(Parts {
            sport,
            cluster_id,
            pool,
            limits: config.hold_limits(),
            held_total_max: config.held_total_max,
            producer_terms: config.producer_terms(providers),
            events_in_memory: config.events_in_memory.get(),
            jobs,
            mysql,
            partitions,
            shutdown: shutdown.clone(),
            runtime: Arc::clone(&runtime),
        });
        read_feed(consumer, processor, limits, &shutdown, &runtime, (marks, asking))
    };
    process.tasks.spawn_thread("feed", work).context("no thread for the feed")
}

/// The feed's thread: poll, process, and once a second tell how far it has come.
fn read_feed(
    mut consumer: Consumer,
    mut processor: Processor,
    limits: PollLimits,
    shutdown: &Shutdown,
    runtime: &Runtime,
    (mut marks, asking): (Marks, (Producer, String)),
) -> anyhow::Result<()> {
    let mut reported = std::time::Instant::now();
    while !shutdown.has_begun() {
        let wait = match processor.is_sweeping() {
            true => Duration::ZERO,
            false => processor.until_deadline(limits.wait),
        };
        let mut ask_every = ASK_EVERY;
        let mut next = match consumer.poll_batch(PollLimits { wait, ..limits }, &mut processor) {
            Ok(batch) if batch.is_empty() => {
                // Nothing else runs what this thread's pool has to do: connections given back are looked at, and those that
                // nobody uses are closed, before the database does so.
                runtime.block_on(tokio::task::yield_now());
                ask_every = ASK_IDLE_EVERY;
                Next::Continue
            }
            Ok(batch) => processor.process(&batch),
            // These partitions stand still until an operator has decided; the others go on.
            Err(error @ ConsumeError::OffsetOutOfRange(_)) => {
                processor.stand_still(&error);
                Next::Continue
            }
            Err(error @ ConsumeError::NotStarted(_)) => {
                processor.stand_still(&error);
                pause(shutdown, runtime);
                Next::Rejoin
            }
            Err(error) => return Err(error).context("the feed cannot be read"),
        };
        let is_awaited = reported.elapsed() >= ask_every && processor.has_deadline_passed();
        if reported.elapsed() >= REPORT_EVERY || processor.is_unchecked() || is_awaited {
            reported = std::time::Instant::now();
            report(&consumer, &mut processor, &mut marks, &asking);
        }
        // Deadlines count against the time that the report has just moved on: nothing is noticed a poll later for it.
        if next == Next::Continue {
            next = processor.tend();
        }
        if next == Next::Continue {
            processor.beat();
        }
        match next {
            Next::Continue => {}
            Next::Rejoin => consumer.rejoin()?,
            Next::Stop => break,
        }
    }
    report(&consumer, &mut processor, &mut marks, &asking);
    consumer.close(&mut processor);
    Ok(())
}

/// Tells Kafka's lag tools and the metrics how far the feed is processed, and the processor how far it has been read and
/// whether Kafka has what comes next.
fn report(consumer: &Consumer, processor: &mut Processor, marks: &mut Marks, asking: &(Producer, String)) {
    processor.report_odds_age();
    let next_offsets: Vec<(i32, i64)> = processor.next_offsets().collect();
    if !next_offsets.is_empty()
        && let Err(error) = consumer.commit(&next_offsets)
    {
        tracing::debug!(%error, "offsets not committed to kafka");
    }
    let answers = marks.look(&next_offsets, |partition| {
        let (producer, topic) = asking.clone();
        async move { producer.watermarks(&topic, partition).await.map_err(|error| error.to_string()) }
    });
    for answer in &answers {
        let Answer { partition, asked_at, ref watermarks, .. } = *answer;
        let is_admitted = marks.admits(answer);
        match watermarks {
            Err(error) => tracing::debug!(partition, %error, "kafka does not tell how far it is"),
            Ok(Watermarks { high, .. }) if is_admitted => {
                let Some((_, next)) = next_offsets.iter().find(|(owned, _)| *owned == partition) else {
                    continue;
                };
                metrics::lag(partition, (high - next).max(0));
                if high <= next {
                    processor.caught_up(partition, asked_at);
                }
            }
            Ok(_) => {}
        }
    }
    // Of a partition that does not answer nothing is heard, and so nothing of it is shown as open; the others go on.
    if answers.iter().any(|answer| answer.watermarks.is_ok()) || next_offsets.is_empty() {
        processor.offsets_checked(&marks.outside(&next_offsets));
    }
}

async fn wait_for_schema(pool: &MySqlPool, mysql: &Latch) -> String {
    loop {
        match store::within(store::ANSWER_MAX, migrate::is_current(pool)).await {
            Ok(true) => match store::within(store::ANSWER_MAX, migrate::store_id(pool)).await {
                Ok(store_id) => return store_id,
                Err(error) => mysql.not_ready(format!("the store id cannot be read: {error}")),
            },
            Ok(false) => {
                mysql.not_ready("the schema is not up to date: run `matchday init` or `processors migrate`")
            }
            Err(error) => mysql.not_ready(format!("the database does not answer: {error}")),
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

fn wait_for_cluster(consumer: &Consumer, shutdown: &Shutdown, runtime: &Runtime) -> Option<String> {
    while !shutdown.has_begun() {
        if let Some(id) = consumer.cluster_id() {
            return Some(id);
        }
        pause(shutdown, runtime);
    }
    None
}

fn pause(shutdown: &Shutdown, runtime: &Runtime) {
    runtime.block_on(async {
        tokio::select! {
            () = tokio::time::sleep(RETRY_EVERY) => {}
            () = shutdown.begun() => {}
        }
    });
}

/// Writes all images of a sport to Redis anew.
async fn warm(sport: Sport, mysql: &str, redis: &str) -> anyhow::Result<()> {
    let pool = store::connect(mysql, 1).await?;
    let mut images = Images::new(redis, migrate::store_id(&pool).await?, sport)?;
    let partitions: Vec<i32> = sqlx::query_scalar(
        "SELECT DISTINCT kafka_partition FROM events WHERE sport = ? ORDER BY kafka_partition",
    )
    .bind(sport.as_str())
    .fetch_all(&pool)
    .await?;
    let mut written = BTreeMap::new();
    for partition in partitions {
        let count = warm_partition(&pool, sport, &mut images, partition, Which::All, Replace::Any).await?;
        // A processor may have written a newer one between reading and writing.
        warm_partition(&pool, sport, &mut images, partition, Which::All, Replace::Older).await?;
        images.mark_warm(partition).await?;
        written.insert(partition, count);
    }
    tracing::info!(%sport, images = written.values().sum::<usize>(), "redis filled");
    Ok(())
}
