//! Batches of records and what becomes of them.

use std::time::{Duration, Instant};

use chassis::kafka::{MAX_MESSAGE_BYTES, Producer, SendError, Watermarks};
use chassis::lifecycle::Shutdown;
use chassis::readiness::Readiness;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{TOPIC, cluster, fill, record, settings};

#[tokio::test]
async fn a_batch_is_acknowledged_in_its_order() {
    let cluster = cluster(2);
    let producer = Producer::new(settings(&cluster)).unwrap();
    let records = (0..1_000).map(|n| record(n % 2, &n.to_string())).collect();
    let positions: Vec<_> =
        producer.send_all(records).await.into_iter().map(|result| result.unwrap()).collect();
    for (n, position) in positions.iter().enumerate() {
        assert_eq!((position.partition, position.offset), (n as i32 % 2, n as i64 / 2));
    }
}

#[tokio::test]
async fn a_producer_can_say_between_which_offsets_a_partition_has_records() {
    let cluster = cluster(2);
    fill(&cluster, 1, 3).await;
    let producer = Producer::new(settings(&cluster)).unwrap();
    assert_eq!(producer.watermarks(TOPIC, 0).await.unwrap(), Watermarks { low: 0, high: 3 });
    assert_eq!(producer.watermarks(TOPIC, 1).await.unwrap(), Watermarks { low: 0, high: 0 });
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_alone() {
    let cluster = cluster(1);
    let producer = Producer::new(settings(&cluster)).unwrap();
    let huge = "x".repeat(MAX_MESSAGE_BYTES + 1);
    let results = producer.send_all(vec![record(0, "a"), record(0, &huge), record(0, "b")]).await;
    assert!(results[0].is_ok());
    assert_eq!(results[1], Err(SendError::TooLarge));
    assert!(results[2].is_ok());
}

#[tokio::test]
async fn once_the_queue_is_full_nothing_overtakes() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let mut settings = settings(&cluster);
    settings.queue_messages = 10;
    settings.delivery_timeout = Duration::from_secs(1);
    let producer = Producer::new(settings).unwrap();
    let results = producer.send_all((0..15).map(|n| record(0, &n.to_string())).collect()).await;
    assert!(results[..10].iter().all(|result| *result == Err(SendError::TimedOut)), "{results:?}");
    assert!(results[10..].iter().all(|result| *result == Err(SendError::QueueFull)), "{results:?}");
}

/// Sends until it has arrived.
async fn arrives(producer: &Producer, value: &str) {
    let began = Instant::now();
    while producer.send(record(0, value)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "{value} does not arrive");
    }
}

#[tokio::test]
async fn a_broker_that_went_away_costs_a_bounded_wait_and_nothing_once_it_is_back() {
    let cluster = cluster(1);
    let mut settings = settings(&cluster);
    settings.delivery_timeout = Duration::from_secs(1);
    let producer = Producer::new(settings).unwrap();
    // A first connection may take a busy machine longer than one delivery may.
    arrives(&producer, "before").await;

    cluster.broker_down(1).unwrap();
    let began = Instant::now();
    assert_eq!(producer.send(record(0, "during")).await, Err(SendError::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());

    cluster.broker_up(1).unwrap();
    arrives(&producer, "after").await;
}

#[tokio::test]
async fn readiness_follows_the_broker() {
    let cluster = cluster(1);
    let producer = Producer::new(settings(&cluster)).unwrap();
    let readiness = Readiness::default();
    let latch = readiness.latch("kafka", "connecting");
    let shutdown = Shutdown::default();
    let watching = shutdown.clone();
    let watch = tokio::spawn(async move {
        producer.watch(latch, vec![TOPIC.to_owned()], Duration::from_millis(20), watching).await;
    });
    let becomes = async |ready: bool| {
        let began = Instant::now();
        while readiness.report().ready != ready {
            assert!(began.elapsed() < Duration::from_secs(15), "never ready={ready}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    becomes(true).await;
    cluster.broker_down(1).unwrap();
    becomes(false).await;
    cluster.broker_up(1).unwrap();
    becomes(true).await;
    shutdown.begin();
    watch.await.unwrap();
    assert_eq!(readiness.report().checks[0].reason, "stopped");
}

#[tokio::test]
async fn a_producer_that_failed_for_good_is_replaced() {
    let cluster = cluster(1);
    let producer = Producer::new(settings(&cluster)).unwrap();
    producer.send(record(0, "before")).await.unwrap();
    // A gap in the sequence that the broker sees means that order can no longer be promised.
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER],
    );
    let failed = producer.send(record(0, "during")).await;
    assert!(matches!(failed, Err(SendError::Fatal(_))), "{failed:?}");
    producer.send(record(0, "after")).await.unwrap();
}
