//! A group's members: where they start, what they are told, how they fail.

use std::time::{Duration, Instant};

use chassis::kafka::{Assignments, Batch, ConsumeError, Consumer, ConsumerSettings, PollLimits, Start};

use super::{Cluster, TOPIC, cluster, fill};

const LIMITS: PollLimits = PollLimits { messages: 10_000, bytes: 1 << 20, wait: Duration::from_millis(100) };

/// An owner that starts every partition at the same place and writes down what it is told.
struct Owner {
    start: Start,
    told: Vec<String>,
}

impl Owner {
    fn starting(start: Start) -> Self {
        Self { start, told: Vec::new() }
    }
}

impl Assignments for Owner {
    fn assigned(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<(i32, Start)>> {
        self.told.push(format!("assigned {partitions:?}"));
        Ok(partitions.iter().map(|partition| (*partition, self.start)).collect())
    }

    fn revoked(&mut self, partitions: &[i32]) {
        self.told.push(format!("revoked {partitions:?}"));
    }

    fn lost(&mut self, partitions: &[i32]) {
        self.told.push(format!("lost {partitions:?}"));
    }
}

fn member(cluster: &Cluster) -> Consumer {
    Consumer::new(&ConsumerSettings::new(cluster.bootstrap_servers(), "test", "group", TOPIC)).unwrap()
}

/// Polls until there is something, or an error.
fn poll(consumer: &mut Consumer, owner: &mut Owner) -> Result<Batch, ConsumeError> {
    let began = Instant::now();
    loop {
        let batch = consumer.poll_batch(LIMITS, owner)?;
        if !batch.is_empty() {
            return Ok(batch);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "nothing came; told {:?}", owner.told);
    }
}

/// Polls until `count` messages came.
fn poll_many(consumer: &mut Consumer, owner: &mut Owner, count: usize) -> Vec<(i32, i64, String)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        for message in poll(consumer, owner).unwrap().iter() {
            let payload = String::from_utf8(message.payload().to_vec()).unwrap();
            seen.push((message.partition(), message.offset(), payload));
        }
    }
    seen
}

#[tokio::test]
async fn starts_where_its_owner_says_and_sees_everything_whole() {
    let cluster = cluster(2);
    fill(&cluster, 2, 5).await;
    let mut owner = Owner::starting(Start::At(3));
    let mut consumer = member(&cluster);
    let mut seen = poll_many(&mut consumer, &mut owner, 4);
    seen.sort();
    let expected = [(0, 3), (0, 4), (1, 3), (1, 4)];
    assert_eq!(seen, expected.map(|(partition, offset)| (partition, offset, offset.to_string())));
    assert_eq!(owner.told, ["assigned [0, 1]"]);
    assert_eq!(consumer.assigned(), [0, 1]);
    assert!(consumer.cluster_id().is_some());
    consumer.commit(&[(0, 5), (1, 5)]).unwrap();

    fill(&cluster, 1, 1).await;
    let batch = poll(&mut consumer, &mut owner).unwrap();
    let message = batch.get(0).unwrap();
    assert_eq!((message.topic(), message.key()), (TOPIC, Some(&b"key"[..])));
    assert_eq!(message.header("reason"), Some(&b"because"[..]));
    assert_eq!(message.payload_bytes(), "0");
}

#[tokio::test]
async fn a_backlog_comes_in_one_batch_within_its_limits() {
    let cluster = cluster(1);
    fill(&cluster, 1, 10_000).await;
    let mut owner = Owner::starting(Start::Beginning);
    let mut consumer = member(&cluster);
    let limits = PollLimits { messages: 500, ..LIMITS };
    let began = Instant::now();
    // A batch is full as soon as so much has been fetched, and never fuller.
    loop {
        let taken = consumer.poll_batch(limits, &mut owner).unwrap().len();
        assert!(taken <= 500 && began.elapsed() < Duration::from_secs(30), "{taken} in a batch");
        if taken == 500 {
            break;
        }
    }
    let limits = PollLimits { bytes: 60, ..LIMITS };
    assert!((9..=30).contains(&consumer.poll_batch(limits, &mut owner).unwrap().len()));
}

#[tokio::test]
async fn close_gives_the_partitions_back_and_the_next_member_gets_them() {
    let cluster = cluster(2);
    fill(&cluster, 2, 1).await;
    let mut owner = Owner::starting(Start::At(0));
    let mut first = member(&cluster);
    poll_many(&mut first, &mut owner, 2);
    first.close(&mut owner);
    assert_eq!(owner.told, ["assigned [0, 1]", "revoked [0, 1]"]);

    let began = Instant::now();
    let mut second = member(&cluster);
    poll_many(&mut second, &mut owner, 2);
    assert!(began.elapsed() < Duration::from_secs(5), "waited for the session of a member that had left");
}

#[tokio::test]
async fn an_offset_outside_the_partition_is_an_error_that_names_it_and_rejoining_asks_again() {
    let cluster = cluster(2);
    fill(&cluster, 2, 3).await;
    let mut owner = Owner::starting(Start::At(99));
    let mut consumer = member(&cluster);
    let error = poll(&mut consumer, &mut owner).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("partition 0 has 0 to 3, wanted 99"), "{text}");
    assert!(text.contains("partition 1 has 0 to 3, wanted 99"), "{text}");
    assert!(consumer.poll_batch(LIMITS, &mut owner).unwrap().is_empty(), "it must be said once");

    owner.start = Start::At(0);
    consumer.rejoin().unwrap();
    assert_eq!(poll_many(&mut consumer, &mut owner, 6).len(), 6);
    assert_eq!(owner.told, ["assigned [0, 1]", "revoked [0, 1]", "assigned [0, 1]"]);
}

#[tokio::test]
async fn a_member_that_is_silent_for_too_long_is_told_what_it_lost_and_may_come_back() {
    let cluster = cluster(1);
    fill(&cluster, 1, 1).await;
    let mut owner = Owner::starting(Start::At(0));
    let mut settings = ConsumerSettings::new(cluster.bootstrap_servers(), "test", "group", TOPIC);
    settings.session_timeout = Duration::from_millis(4_000);
    settings.heartbeat = Duration::from_millis(200);
    settings.max_poll_interval = Duration::from_millis(4_000);
    let mut consumer = Consumer::new(&settings).unwrap();
    poll(&mut consumer, &mut owner).unwrap();
    // The silence is what is tested: it must be longer than the longest time between two polls.
    std::thread::sleep(Duration::from_millis(6_000));
    poll(&mut consumer, &mut owner).unwrap();
    assert_eq!(owner.told, ["assigned [0]", "lost [0]", "assigned [0]"]);
}

#[tokio::test]
async fn a_member_can_be_dropped_while_the_broker_is_away() {
    let cluster = cluster(1);
    fill(&cluster, 1, 1).await;
    let mut owner = Owner::starting(Start::At(0));
    let mut consumer = member(&cluster);
    poll(&mut consumer, &mut owner).unwrap();
    cluster.broker_down(1).unwrap();
    let began = Instant::now();
    consumer.close(&mut owner);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(owner.told.last().unwrap(), "revoked [0]");
}
