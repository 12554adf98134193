//! What waits here: updates that are in Kafka and not in the hub, and news that are in the hub and not written to a socket.
//! Measured once a second, never per message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use chassis::kafka::{Batch, EndsReader, TopicOffset};
use chassis::lifecycle::Shutdown;
use domain::{Sport, Topics};
use tokio::time::MissedTickBehavior;

use crate::lock::lock;
use crate::metrics;
use crate::sessions::Sessions;
use crate::updates::{self, CLIENT_ID};

/// How often it is measured.
const EVERY: Duration = Duration::from_secs(1);
/// How long Kafka may take to tell where the topics end.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How far the updates topics have been read into the hub. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Vec<TopicOffset>>>);

impl Progress {
    /// Reading begins, or begins anew, at these places.
    pub fn begin(&self, from: &[TopicOffset]) {
        *lock(&self.0) = from.to_vec();
    }

    /// Everything in `batch` is in the hub.
    pub fn applied(&self, batch: &Batch) {
        self.reached(&batch.next_offsets());
    }

    fn reached(&self, next: &BTreeMap<(&str, i32), i64>) {
        for place in lock(&self.0).iter_mut() {
            if let Some(offset) = next.get(&(&*place.topic, place.partition)) {
                place.offset = *offset;
            }
        }
    }

    fn places(&self) -> Vec<TopicOffset> {
        lock(&self.0).clone()
    }
}

/// Measures both, until the process stops.
pub async fn measure(
    progress: Progress,
    sessions: Sessions,
    brokers: String,
    topics: Topics,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let asking = EndsReader::new(&brokers, CLIENT_ID, ANSWER_WITHIN);
    let asking = asking.context("a client for Kafka cannot be made")?;
    let names = updates::names(&topics);
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.begun() => return Ok(()),
        }
        metrics::queue(sessions.queue());
        let read = progress.places();
        if read.is_empty() {
            continue;
        }
        let ends = tokio::select! {
            ends = asking.ends(&read) => ends,
            () = shutdown.begun() => return Ok(()),
        };
        match ends {
            // How far it is read is looked up after the ends have been told: nothing counts that is read meanwhile.
            Ok(ends) => {
                for ((sport, partition), unread) in unread(&names, &progress.places(), &ends) {
                    metrics::lag(sport, partition, unread);
                }
            }
            Err(error) => tracing::debug!(%error, "kafka does not tell where the updates topics end"),
        }
    }
}

/// How many records each partition has from where it is read next to its end.
fn unread(names: &updates::Names, read: &[TopicOffset], ends: &[TopicOffset]) -> BTreeMap<(Sport, i32), i64> {
    let of = |end: &TopicOffset| {
        let sport = updates::sport_of(names, &end.topic)?;
        let is_same = |place: &&TopicOffset| place.topic == end.topic && place.partition == end.partition;
        let next = read.iter().find(is_same)?;
        Some(((sport, end.partition), (end.offset - next.offset).max(0)))
    };
    ends.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(topic: &str, partition: i32, offset: i64) -> TopicOffset {
        TopicOffset { topic: topic.into(), partition, offset }
    }

    #[test]
    fn what_is_unread_lies_between_what_was_applied_and_the_end() {
        let (topics, progress) = (Topics::default(), Progress::default());
        let (hockey, tennis) = (topics.updates(Sport::Hockey), topics.updates(Sport::Tennis));
        progress.begin(&[place(&hockey, 0, 10), place(&hockey, 1, 20), place(&tennis, 0, 30)]);
        progress.reached(&BTreeMap::from([((hockey.as_str(), 1), 25), ((tennis.as_str(), 0), 31)]));
        let ends =
            [place(&tennis, 0, 30), place(&hockey, 0, 17), place(&hockey, 1, 25), place("other", 0, 9)];
        let found = unread(&updates::names(&topics), &progress.places(), &ends);
        let wanted = [((Sport::Hockey, 0), 7), ((Sport::Hockey, 1), 0), ((Sport::Tennis, 0), 0)];
        assert_eq!(found, BTreeMap::from(wanted));
    }
}
