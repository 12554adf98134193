//! What scripts are told of topics: what is written to each, what waits in it, and whether that grows.

use domain::Sport;
use serde::Serialize;

use crate::model::kafka::{self, Reader};
use crate::model::{Model, TopicHistory};

/// A topic.
#[derive(Clone, Debug, Serialize)]
pub struct TopicSummary {
    /// Its name.
    pub topic: String,
    /// The sport whose feed or updates it has; of other topics nobody says how much waits in them.
    pub sport: Option<Sport>,
    /// Messages a second that are written to it.
    pub per_second: Option<f64>,
    /// Messages that wait in it.
    pub lag: Option<f64>,
    /// By how much that grows in a second.
    pub lag_per_second: Option<f64>,
    /// In how many seconds it is gone, where it shrinks.
    pub drains_in_seconds: Option<f64>,
    /// The partition that takes far more than its share.
    pub hot: Option<HotPartition>,
}

/// A partition that takes far more than its share.
#[derive(Clone, Debug, Serialize)]
pub struct HotPartition {
    /// Its number.
    pub partition: i32,
    /// Its part of the topic's messages, from 0 to 1.
    pub share: f64,
}

impl Model {
    pub(super) fn topics_summary(&self) -> Vec<TopicSummary> {
        self.kafka.topics.iter().map(|(name, topic)| self.topic_summary(name, topic)).collect()
    }

    fn topic_summary(&self, name: &str, topic: &TopicHistory) -> TopicSummary {
        let now = self.now;
        let lag = topic.reader.and_then(|reader| self.lag(reader));
        TopicSummary {
            topic: name.to_owned(),
            sport: topic.reader.map(Reader::sport),
            per_second: topic.written.rate.last(now),
            lag: lag.and_then(|lag| lag.last(now)),
            lag_per_second: lag.and_then(|lag| kafka::slope(lag, now)),
            drains_in_seconds: lag.and_then(|lag| kafka::drains_in(lag, now)).map(|time| time.as_secs_f64()),
            hot: topic.hot(now).map(|(partition, share)| HotPartition { partition, share }),
        }
    }
}
