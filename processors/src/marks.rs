//! How far Kafka is in each partition, asked beside the thread that reads the feed: a partition whose leader is away holds up
//! nobody but itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use chassis::kafka::Watermarks;
use domain::Timestamp;
use tokio::runtime::Handle;

use crate::processor::now;

/// How long answers are waited for. What comes later is taken with the next look.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// What Kafka says of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which.
    pub partition: i32,
    /// The offset that was next when it was asked.
    pub wanted: i64,
    /// When it was asked: all that was in the feed by then is below the high mark.
    pub asked_at: Timestamp,
    /// The offsets between which it has records, or why it does not tell.
    pub watermarks: Result<Watermarks, String>,
}

/// The questions and answers.
pub struct Marks {
    runtime: Handle,
    answers: (Sender<Answer>, Receiver<Answer>),
    /// The partitions that have not answered yet; none of them is asked twice at a time.
    asked: BTreeSet<i32>,
    /// What is wrong with the offsets of partitions, as they last answered.
    outside: BTreeMap<i32, String>,
}

impl Marks {
    /// Asks on this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, answers: channel(), asked: BTreeSet::new(), outside: BTreeMap::new() }
    }

    /// Asks for all of these that are not being asked, by partition with the offset that is next, and returns what has been
    /// answered, also to earlier questions: after a short wait, whoever does not answer.
    pub fn look<F>(&mut self, next_offsets: &[(i32, i64)], ask: impl Fn(i32) -> F) -> Vec<Answer>
    where
        F: Future<Output = Result<Watermarks, String>> + Send + 'static,
    {
        let mut answered: Vec<Answer> = self.answers.1.try_iter().collect();
        answered.iter().for_each(|answer| {
            self.asked.remove(&answer.partition);
        });
        let mut awaited = BTreeSet::new();
        for &(partition, wanted) in next_offsets {
            if !self.asked.insert(partition) {
                continue;
            }
            awaited.insert(partition);
            let (answers, asked_at, answer) = (self.answers.0.clone(), now(), ask(partition));
            self.runtime.spawn(async move {
                let watermarks = answer.await;
                // Nobody listens any more where the process ends.
                let _ = answers.send(Answer { partition, wanted, asked_at, watermarks });
            });
        }
        let deadline = Instant::now() + WAIT_MAX;
        while !awaited.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(answer) = self.answers.1.recv_timeout(left) else { break };
            awaited.remove(&answer.partition);
            self.asked.remove(&answer.partition);
            answered.push(answer);
        }
        answered
    }

    /// Takes note of what an answer says of the offset that is next; says whether Kafka has it.
    pub fn admits(&mut self, answer: &Answer) -> bool {
        let Answer { partition, wanted, ref watermarks, .. } = *answer;
        let Ok(watermarks @ Watermarks { low, high }) = watermarks else { return false };
        if watermarks.admit(wanted) {
            self.outside.remove(&partition);
            return true;
        }
        let what = format!("partition {partition} has {low} to {high}, wanted {wanted}");
        self.outside.insert(partition, what);
        false
    }

    /// What is wrong with the offsets of these partitions, as far as they have answered.
    pub fn outside(&mut self, next_offsets: &[(i32, i64)]) -> Vec<String> {
        self.outside.retain(|partition, _| next_offsets.iter().any(|(owned, _)| owned == partition));
        self.outside.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::Pin;

    use tokio::sync::watch;

    use super::*;

    const OWNED: [(i32, i64); 2] = [(0, 5), (1, 7)];

    fn marks(low: i64, high: i64) -> Result<Watermarks, String> {
        Ok(Watermarks { low, high })
    }

    fn partitions(answers: &[Answer]) -> Vec<i32> {
        answers.iter().map(|answer| answer.partition).collect()
    }

    #[test]
    fn a_partition_without_a_leader_keeps_no_other_waiting() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let mut looking = Marks::new(runtime.handle().clone());
        let (answer_late, late) = watch::channel(false);
        let ask = |partition| -> Pin<Box<dyn Future<Output = Result<Watermarks, String>> + Send>> {
            let mut late = late.clone();
            match partition {
                0 => Box::pin(async move {
                    late.wait_for(|is_told| *is_told).await.map_err(|error| error.to_string())?;
                    marks(6, 9)
                }),
                _ => Box::pin(ready(marks(0, 7))),
            }
        };
        let before = now();
        for _ in 0..3 {
            let began = Instant::now();
            let answers = looking.look(&OWNED, ask);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            assert_eq!(partitions(&answers), [1]);
            assert!(looking.admits(&answers[0]));
        }
        answer_late.send(true).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let first = loop {
            let answers = looking.look(&OWNED, ask);
            if let Some(first) = answers.into_iter().find(|answer| answer.partition == 0) {
                break first;
            }
            assert!(Instant::now() < deadline, "it answers in the end");
        };
        assert!(first.asked_at >= before && first.wanted == 5);
        assert!(!looking.admits(&first), "its first records are gone");
        assert_eq!(looking.outside(&OWNED), ["partition 0 has 6 to 9, wanted 5"]);
        // Those that answer meanwhile do not make that good, but its own next answer does.
        let fine = Answer { watermarks: marks(0, 9), ..first };
        assert!(looking.admits(&Answer { partition: 1, wanted: 7, ..fine.clone() }));
        assert_eq!(looking.outside(&OWNED).len(), 1);
        assert!(looking.admits(&fine) && looking.outside(&OWNED).is_empty());
    }
}
