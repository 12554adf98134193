//! What is kept, and for how long: days of the update log go when they may, and nothing unread is deleted.

use std::time::Duration;

use chassis::kafka::topics::{self, Retention, TopicSpec};
use chassis::kafka::{MAX_MESSAGE_BYTES, Producer, ProducerSettings};
use domain::Sport;
use harness::init::{self, InitConfig};
use harness::stack::{Stack, pipeline, processors_name};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::desk::{DEADLINE, Desk, odds, score};
use crate::support::event::get;
use crate::support::{config, read_topic, until};

/// Whether a day is being dropped.
const PAST: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'updates_past'";

/// What REST answers to the log of an event: its status, the oldest version of a refusal, the versions otherwise.
async fn log(desk: &Desk, event_id: &str, after: u64) -> (u16, Value) {
    let answer = get(&desk.stack, &format!("/v1/events/{event_id}/updates?after={after}")).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    match status {
        200 => {
            let updates = body["updates"].as_array().unwrap();
            (status, updates.iter().map(|update| update["version"].clone()).collect())
        }
        _ => (status, body["oldest"].clone()),
    }
}

/// The name of the partition of a day so many days ago, and the day after, where it ends.
async fn day(desk: &Desk, ago: i64) -> (String, String) {
    let sql = "SELECT DATE_FORMAT(UTC_DATE() - INTERVAL ? DAY, 'd%Y%m%d'), \
               CAST(UTC_DATE() - INTERVAL ? DAY + INTERVAL 1 DAY AS CHAR)";
    sqlx::query_as(sql).bind(ago).bind(ago).fetch_one(desk.mysql.pool()).await.unwrap()
}

async fn execute(desk: &Desk, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(desk.mysql.pool()).await.unwrap();
}

/// An event whose log lies in the partition of so many days ago.
async fn backdate(desk: &Desk, event_id: &str, ago: i64) {
    for table in ["events", "updates"] {
        let sql = format!(
            "UPDATE {table} SET first_seen_day = UTC_DATE() - INTERVAL {ago} DAY WHERE event_id = '{event_id}'"
        );
        execute(desk, sql).await;
    }
}

async fn partitions(desk: &Desk) -> Vec<String> {
    let sql = "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() \
               AND table_name = 'updates' ORDER BY partition_ordinal_position";
    sqlx::query_scalar(sql).fetch_all(desk.mysql.pool()).await.unwrap()
}

fn ended(event_id: &str, sequence: u64) -> Value {
    let mut message = score(event_id, sequence, 1);
    let periods = json!([{"period": "period_1", "home": 1, "away": 0}]);
    message["body"] = json!({"status": "ended", "match_status": "ended", "score": {"home": 1, "away": 0}, "period_scores": periods});
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_in_the_database_until_it_is_published_and_past_retention() {
    let mut services = pipeline(&[Sport::Hockey]);
    for service in &mut services {
        service.env.push(("MATCHDAY_RETENTION_SECONDS".to_owned(), "1".to_owned()));
    }
    let desk = Desk::with_services("old letters", services).await;
    // Of a sport that nobody processes: what becomes of its rows is up to retention alone.
    let offsets = [(0, 5), (1, 0), (2, 1)]
        .map(|(partition, published)| format!("('tennis', {partition}, '', 0, 9, 9, {published})"));
    let offsets = offsets.join(", ");
    let columns = "sport, kafka_partition, kafka_cluster_id, generation, next_offset, next_number, published";
    let past = "(UNIX_TIMESTAMP() - 8 * 86400) * 1000000";
    let young = "(UNIX_TIMESTAMP() - 6 * 86400) * 1000000";
    let letters = [(0, 4, past), (0, 5, young), (1, 1, past), (2, 1, past)].map(|(partition, number, at)| {
        format!("('tennis', {partition}, {number}, {number}, '', '', {at}, 'oops')")
    });
    let letters = letters.join(", ");
    let names = "sport, kafka_partition, number, feed_offset, reason, pointer, refused_at, payload";
    execute(
        &desk,
        format!(
            "BEGIN; INSERT INTO dead_letters ({names}) VALUES {letters}; \
             INSERT INTO feed_offsets ({columns}) VALUES {offsets}; COMMIT"
        ),
    )
    .await;
    let kept = async || -> anyhow::Result<Vec<(i32, i64)>> {
        let sql = "SELECT kafka_partition, number FROM dead_letters ORDER BY kafka_partition, number";
        Ok(sqlx::query_as(sql).fetch_all(desk.mysql.pool()).await?)
    };
    // The last partition is looked at last.
    until("old letters to be gone", DEADLINE, async || Ok(!kept().await?.contains(&(2, 1)))).await.unwrap();
    assert_eq!(kept().await.unwrap(), [(0, 5), (1, 1)], "one is young, one is not published");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_dropped_when_it_is_past_retention_over_and_published_and_a_killed_drop_is_ended() {
    let mut services = pipeline(&[Sport::Hockey]);
    for service in &mut services {
        service.env.push(("MATCHDAY_RETENTION_SECONDS".to_owned(), "1".to_owned()));
    }
    let desk = Desk::with_services("days", services).await;
    let (over, live, endless, young) = ("md:match:1", "md:match:2", "md:match:3", "md:match:4");
    for event_id in [over, live, endless, young] {
        desk.send(&[odds(event_id, 1, 1_500), score(event_id, 2, 0)]).await;
    }
    desk.send(&[ended(over, 3)]).await;
    until("the events to be stored", DEADLINE, async || {
        Ok(desk.mysql.versions().await?.values().sum::<u64>() == 9)
    })
    .await
    .unwrap();
    desk.everything_is_published().await;
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().stop().await.unwrap();

    // Days that passed while nobody looked: 40 days ago one that never ended began, 21 days ago one that is over, and 20 days
    // ago one that is on.
    let (today, today_end) = day(&desk, 0).await;
    let mut split = String::new();
    for ago in [40, 21, 20] {
        let (name, end) = day(&desk, ago).await;
        split.push_str(&format!("PARTITION {name} VALUES LESS THAN ('{end}'), "));
    }
    execute(
        &desk,
        format!("ALTER TABLE updates REORGANIZE PARTITION {today} INTO ({split}PARTITION {today} VALUES LESS THAN ('{today_end}'))"),
    )
    .await;
    backdate(&desk, over, 21).await;
    backdate(&desk, live, 20).await;
    backdate(&desk, endless, 40).await;
    // Whoever dropped the oldest day was killed before it was known that an update of it had not been published.
    let oldest = day(&desk, 40).await.0;
    execute(&desk, "CREATE TABLE updates_past LIKE updates".to_owned()).await;
    execute(&desk, "ALTER TABLE updates_past REMOVE PARTITIONING".to_owned()).await;
    execute(&desk, format!("ALTER TABLE updates EXCHANGE PARTITION {oldest} WITH TABLE updates_past")).await;
    let unpublish = "UPDATE feed_offsets o JOIN updates_past u ON u.sport = o.sport AND u.kafka_partition = o.kafka_partition \
                     SET o.published = u.number - 1 WHERE u.version = 2";
    execute(&desk, unpublish.to_owned()).await;
    let copies = async || {
        let batches = read_topic(&desk.stack.kafka(), &desk.stack.topics().updates(Sport::Hockey)).await;
        let updates = batches.iter().flat_map(|batch| batch.iter());
        let of_it = updates.filter(|update| {
            let update: Value = serde_json::from_slice(update.payload()).unwrap();
            update["event_id"] == endless && update["version"] == 2
        });
        of_it.count()
    };
    assert_eq!(copies().await, 1);

    // What was refused of events that never began cannot be forgotten as long as somebody has its table: the days need not wait.
    let mut holder = desk.mysql.pool().acquire().await.unwrap();
    sqlx::raw_sql("LOCK TABLES foreseen_events WRITE, store READ").execute(&mut *holder).await.unwrap();
    // Nobody ends the drop: whoever takes the partition over publishes what it finds there.
    let days = "CONCAT('matchday days ', LEFT((SELECT store_id FROM store), 32))";
    let lock = format!("DO GET_LOCK({days}, 60)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut *holder).await.unwrap();
    desk.stack.restart(&name).await.unwrap();
    until("what was left to be published", DEADLINE, async || Ok(copies().await == 2)).await.unwrap();
    desk.everything_is_published().await;
    assert_eq!(desk.count(PAST).await.unwrap(), 1, "the drop is not ended");
    let unlock = format!("DO RELEASE_LOCK({days})");
    sqlx::raw_sql(sqlx::AssertSqlSafe(unlock)).execute(&mut *holder).await.unwrap();
    let (gone, kept) = ([day(&desk, 40).await.0, day(&desk, 21).await.0], day(&desk, 20).await.0);
    until("the days to be dropped", DEADLINE, async || {
        let partitions = partitions(&desk).await;
        Ok(!gone.iter().any(|day| partitions.contains(day)))
    })
    .await
    .unwrap();
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut *holder).await.unwrap();
    drop(holder);
    assert_eq!(copies().await, 2, "published before it was dropped, and not again");
    let left = partitions(&desk).await;
    assert_eq!((&left[0], left.last().map(String::as_str)), (&kept, Some("later")), "{left:?}");
    assert!(left.contains(&day(&desk, -7).await.0), "a week ahead: {left:?}");
    assert_eq!(desk.count(PAST).await.unwrap(), 0);

    assert_eq!(log(&desk, over, 0).await, (410, Value::Null));
    assert_eq!(log(&desk, endless, 0).await, (410, Value::Null));
    assert_eq!(log(&desk, live, 0).await, (200, json!([1, 2])));
    assert_eq!(log(&desk, young, 0).await, (200, json!([1, 2])));
    // It goes on all the same, and its log with it.
    desk.send(&[odds(endless, 3, 1_700)]).await;
    until("it to go on", DEADLINE, async || Ok(log(&desk, endless, 2).await == (200, json!([3]))))
        .await
        .unwrap();
    assert_eq!(log(&desk, endless, 0).await, (410, json!(3)));
    desk.stack.down().await.unwrap();
}

/// Of a Kafka that keeps one megabyte of each partition.
async fn small_stack(stacks: std::path::PathBuf) -> Stack {
    let stack = Stack::infrastructure(config(stacks, "unread")).await.unwrap();
    let spec = |name: String, partitions, retention_bytes| TopicSpec {
        name,
        partitions,
        retention: Retention::Latest { bytes: retention_bytes, ms: -1 },
        max_message_bytes: MAX_MESSAGE_BYTES,
    };
    let topics = stack.topics();
    let mut wanted = vec![spec(topics.dead_letters(), 1, -1)];
    for sport in Sport::ALL {
        wanted.push(spec(topics.feed(sport), 1, 1 << 20));
        wanted.push(spec(topics.updates(sport), 1, -1));
    }
    topics::ensure(&stack.kafka(), &wanted).await.unwrap();
    let (kafka, mysql) = (stack.kafka(), stack.mysql_url());
    init::init(&InitConfig { partitions: 1, ..InitConfig::new(kafka, topics.clone(), mysql) }).await.unwrap();
    stack.start_services(pipeline(&[Sport::Hockey, Sport::Football])).await.unwrap();
    stack
}

/// A message of about 10 kB.
fn large(sport: &str, sequence: u64) -> Value {
    let outcomes: Vec<Value> = (0..400).map(|id| json!({"id": id.to_string(), "odds": 1_500})).collect();
    let mut message = odds(&format!("md:match:{sport}"), sequence, 1_500);
    message["sport"] = json!(sport);
    message["body"] = json!({"markets": [{"id": 9_001, "status": "active", "outcomes": outcomes}]});
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn before_kafka_deletes_what_is_unread_no_more_of_the_sport_is_taken_and_of_others_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let stack = small_stack(folder.path().join("stacks")).await;
    let mysql = harness::observe::mysql::Mysql::new(&stack.mysql_url()).unwrap();
    let url = format!("{}/feeds/md", stack.ingestion_url().unwrap());
    let client = Client::new();
    let post = async |message: &Value| {
        let answer = client.post(&url).json(message).send().await.unwrap();
        (answer.status(), answer.headers().contains_key("retry-after"), answer.json::<Value>().await.unwrap())
    };
    let processor = stack.process(&processors_name(Sport::Hockey)).unwrap();
    processor.kill().unwrap();

    // As fast as a provider whose messages nobody reads.
    let mut accepted = 0;
    until("ingestion to take no more", DEADLINE, async || {
        let (status, retry_after, body) = post(&large("hockey", accepted + 1)).await;
        if status == StatusCode::ACCEPTED {
            accepted += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Ok(false);
        }
        assert_eq!((status, retry_after), (StatusCode::SERVICE_UNAVAILABLE, true), "{body}");
        assert_eq!(body["type"], "urn:matchday:problem:unread");
        Ok(true)
    })
    .await
    .unwrap();
    let bytes = accepted * serde_json::to_vec(&large("hockey", 1)).unwrap().len() as u64;
    println!("{accepted} messages of {bytes} bytes were taken");
    assert!(bytes > 1 << 19, "it stopped at {bytes} bytes already");
    assert_eq!(post(&large("football", 1)).await.0, StatusCode::ACCEPTED, "the others go on");
    let alive = json!({
        "schema": "1.0", "message_id": "alive-1", "provider": "md", "producer": "live", "type": "alive",
        "generated_at": 1_767_225_600_000_000_i64, "body": {"subscribed": true}
    });
    assert_eq!(post(&alive).await.0, StatusCode::ACCEPTED, "the others hear of their producers");

    let producer = Producer::new(ProducerSettings::new(stack.kafka(), "test")).unwrap();
    let records = async |sport| {
        let watermarks = producer.watermarks(&stack.topics().feed(sport), 0).await.unwrap();
        (watermarks.low, watermarks.high)
    };
    assert_eq!(
        records(Sport::Hockey).await,
        (0, accepted as i64),
        "nothing is deleted, and nothing is added"
    );
    assert_eq!(records(Sport::Football).await, (0, 2));
    stack.restart(&processors_name(Sport::Hockey)).await.unwrap();
    until("all that was taken to be processed", DEADLINE, async || {
        Ok(mysql.versions().await?.get("md:match:hockey").copied() == Some(accepted))
    })
    .await
    .unwrap();
    until("messages to be taken again", DEADLINE, async || {
        Ok(post(&large("hockey", accepted + 1)).await.0 == StatusCode::ACCEPTED)
    })
    .await
    .unwrap();
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_to_a_day_between_its_exchange_and_its_drop_goes_back_into_the_log() {
    let mut services = pipeline(&[Sport::Hockey]);
    for service in &mut services {
        service.env.push(("MATCHDAY_RETENTION_SECONDS".to_owned(), "1".to_owned()));
    }
    let desk = Desk::with_services("late rows", services).await;
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().stop().await.unwrap();
    let ((today, today_end), (old, old_end)) = (day(&desk, 0).await, day(&desk, 21).await);
    let split = format!(
        "PARTITION {old} VALUES LESS THAN ('{old_end}'), PARTITION {today} VALUES LESS THAN ('{today_end}')"
    );
    execute(&desk, format!("ALTER TABLE updates REORGANIZE PARTITION {today} INTO ({split})")).await;
    // Of a sport that nobody processes: nobody publishes it.
    let offsets = "INSERT INTO feed_offsets (sport, kafka_partition, kafka_cluster_id, generation, next_offset, next_number, published) \
                   VALUES ('tennis', 0, '', 0, 9, 9, 0)";
    execute(&desk, offsets.to_owned()).await;

    // A batch that waits for the exchange comes before the drop, which is asked for after it.
    let others = sqlx::MySqlPool::connect(&desk.stack.mysql_url()).await.unwrap();
    let mut holder = others.begin().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM updates").fetch_one(&mut *holder).await.unwrap();
    desk.stack.restart(&name).await.unwrap();
    let waits = async |statement: &str| -> anyhow::Result<bool> {
        let statements = desk.statements().await?;
        Ok(statements.iter().any(|(state, info)| {
            let is_it = info.as_ref().is_some_and(|info| info.starts_with(statement));
            is_it && state.as_ref().is_some_and(|state| state.contains("metadata lock"))
        }))
    };
    // One that has only begun to wait has a second left to do so.
    let exchange = "ALTER TABLE updates EXCHANGE";
    until("an exchange to wait", DEADLINE, async || waits(exchange).await).await.unwrap();
    until("the exchange to be given up", DEADLINE, async || Ok(!waits(exchange).await?)).await.unwrap();
    until("the exchange to wait", DEADLINE, async || waits(exchange).await).await.unwrap();
    let late = "INSERT INTO updates (sport, kafka_partition, number, first_seen_day, event_id, version, payload) \
                VALUES ('tennis', 0, 1, UTC_DATE() - INTERVAL 21 DAY, 'md:match:9', 1, '{}')";
    let batch = tokio::spawn(async move { sqlx::raw_sql(late).execute(&others).await });
    until("the batch to wait", DEADLINE, async || waits("INSERT INTO updates").await).await.unwrap();
    holder.rollback().await.unwrap();
    batch.await.unwrap().unwrap();

    until("the day to be dropped", DEADLINE, async || Ok(!partitions(&desk).await.contains(&old)))
        .await
        .unwrap();
    until("the drop to be ended", DEADLINE, async || Ok(desk.count(PAST).await? == 0)).await.unwrap();
    assert_eq!(desk.count("SELECT COUNT(*) FROM updates WHERE sport = 'tennis'").await.unwrap(), 1);
    desk.stack.down().await.unwrap();
}
