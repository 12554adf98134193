//! Reading all partitions without a group.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::kafka::{EndsReader, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::{Cluster, TOPIC, cluster, fill};

async fn open(cluster: &Cluster) -> PartitionReader {
    let settings = ReaderSettings::new(cluster.bootstrap_servers(), "test");
    PartitionReader::open(settings, &[TOPIC]).await.unwrap()
}

async fn next(events: &mut Receiver<ReadEvent>) -> ReadEvent {
    timeout(Duration::from_secs(20), events.recv()).await.expect("nothing was told").expect("it ended")
}

#[tokio::test]
async fn tells_what_was_missed_then_that_it_caught_up_then_what_is_new() {
    let cluster = cluster(3);
    fill(&cluster, 3, 10).await;
    let noted = open(&cluster).await.ends().to_vec();
    assert_eq!(
        noted.iter().map(|end| (end.partition, end.offset)).collect::<Vec<_>>(),
        [(0, 10), (1, 10), (2, 10)]
    );
    fill(&cluster, 2, 5).await;

    let shutdown = Shutdown::default();
    let tasks = Tasks::new(shutdown.clone());
    let mut events = open(&cluster).await.start(noted, &tasks, shutdown.clone()).unwrap();
    let mut before = 0;
    while let ReadEvent::Batch(batch) = next(&mut events).await {
        before += batch.len();
    }
    assert_eq!(before, 10);

    fill(&cluster, 3, 1).await;
    let mut after = 0;
    while after < 3 {
        let ReadEvent::Batch(batch) = next(&mut events).await else { panic!("caught up twice") };
        after += batch.len();
    }
    shutdown.begin();
    timeout(Duration::from_secs(5), tasks.all_ended()).await.unwrap();
    assert!(events.recv().await.is_none());
}

#[tokio::test]
async fn at_the_end_already_it_is_caught_up_at_once() {
    let cluster = cluster(2);
    let reader = open(&cluster).await;
    let ends = reader.ends().to_vec();
    let shutdown = Shutdown::default();
    let mut events = reader.start(ends, &Tasks::new(shutdown.clone()), shutdown).unwrap();
    assert!(matches!(next(&mut events).await, ReadEvent::CaughtUp));
}

#[tokio::test]
async fn what_is_left_to_read_is_known_from_the_ends_and_from_what_was_told() {
    let cluster = cluster(3);
    fill(&cluster, 2, 7).await;
    let reader = open(&cluster).await;
    let from: Vec<TopicOffset> =
        reader.starts().iter().map(|start| TopicOffset { offset: 0, ..start.clone() }).collect();
    let asking = EndsReader::new(&cluster.bootstrap_servers(), "test", Duration::from_secs(5)).unwrap();
    fill(&cluster, 2, 3).await;
    let ends = asking.ends(&from).await.unwrap();
    let mut found: Vec<(i32, i64)> = ends.iter().map(|end| (end.partition, end.offset)).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 10), (1, 10), (2, 0)]);

    let shutdown = Shutdown::default();
    let mut events = reader.start(from, &Tasks::new(shutdown.clone()), shutdown).unwrap();
    let mut told = BTreeMap::new();
    while let ReadEvent::Batch(batch) = next(&mut events).await {
        let next = batch.next_offsets().into_iter();
        told.extend(next.map(|((topic, partition), offset)| ((topic.to_owned(), partition), offset)));
    }
    let wanted = [0, 1].map(|partition| ((TOPIC.to_owned(), partition), 10));
    assert_eq!(told, BTreeMap::from(wanted));
}

#[tokio::test]
async fn an_offset_outside_a_partition_ends_the_reading_and_says_so() {
    let cluster = cluster(1);
    fill(&cluster, 1, 2).await;
    let reader = open(&cluster).await;
    let mut from = reader.ends().to_vec();
    from[0].offset = 50;
    let shutdown = Shutdown::default();
    let mut events = reader.start(from, &Tasks::new(shutdown.clone()), shutdown).unwrap();
    loop {
        match next(&mut events).await {
            ReadEvent::CaughtUp => {}
            ReadEvent::Batch(batch) => panic!("{} messages from nowhere", batch.len()),
            ReadEvent::Failed(error) => {
                assert!(error.to_string().contains("partition 0 has 0 to 2, wanted 50"), "{error}");
                break;
            }
        }
    }
    assert!(events.recv().await.is_none());
}
