//! The Kafka clients against the mock brokers that librdkafka brings: real sockets, real protocol, no Java.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod consumer;
mod producer;
mod reader;

use std::sync::Arc;

use bytes::Bytes;
use chassis::kafka::{Producer, ProducerSettings, Record};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

const TOPIC: &str = "things";

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// One broker with one topic of so many partitions.
fn cluster(partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, partitions, 1).unwrap();
    cluster
}

fn settings(cluster: &Cluster) -> ProducerSettings {
    ProducerSettings::new(cluster.bootstrap_servers(), "test")
}

fn record(partition: i32, payload: &str) -> Record {
    Record {
        topic: Arc::from(TOPIC),
        partition: Some(partition),
        key: Some(Bytes::from_static(b"key")),
        payload: Bytes::from(payload.to_owned()),
        headers: vec![("reason", Bytes::from_static(b"because"))],
    }
}

/// Fills each partition with `count` records, `0`, `1`, ....
async fn fill(cluster: &Cluster, partitions: i32, count: usize) {
    let producer = Producer::new(settings(cluster)).unwrap();
    let records =
        (0..partitions).flat_map(|partition| (0..count).map(move |n| record(partition, &n.to_string())));
    for result in producer.send_all(records.collect()).await {
        result.unwrap();
    }
}
