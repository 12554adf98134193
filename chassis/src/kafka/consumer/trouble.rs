//! What can go wrong while reading, and which of it passes by itself.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::Watermarks;

/// A partition that cannot be read from where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The partition.
    pub partition: i32,
    /// The offset that was to be read next.
    pub wanted: i64,
    /// What the partition has.
    pub watermarks: Watermarks,
}

/// Why polling cannot go on as it should.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// Records that were to be read are not there: deleted by retention, or this is another cluster's topic.
    /// These partitions stand still until the consumer rejoins; the others go on. Empty when Kafka would not say
    /// which partitions they are.
    #[error("offsets are outside their partitions: {}", describe(.0))]
    OffsetOutOfRange(Vec<OutOfRange>),
    /// The owner could not say where to start; the partitions stand still until the consumer rejoins.
    #[error("partitions were assigned but cannot be started")]
    NotStarted(#[source] anyhow::Error),
    /// This client cannot work again; a new one may.
    #[error("the kafka client failed for good")]
    Fatal(#[source] KafkaError),
    /// Kafka refused a call.
    #[error("kafka refused")]
    Kafka(#[from] KafkaError),
}

fn describe(partitions: &[OutOfRange]) -> String {
    let one = |found: &OutOfRange| {
        let OutOfRange { partition, wanted, watermarks: Watermarks { low, high } } = found;
        format!("partition {partition} has {low} to {high}, wanted {wanted}")
    };
    partitions.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What an error that came with a poll means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Trouble {
    /// librdkafka deals with it.
    Passing,
    /// An offset is outside its partition.
    OutOfRange,
    /// The client is of no use any more.
    Fatal,
}

impl Trouble {
    /// Judges and logs an error.
    pub(in crate::kafka) fn of(error: &KafkaError) -> Self {
        if let KafkaError::MessageConsumptionFatal(_) = error {
            tracing::error!(%error, "consumer failed for good");
            return Self::Fatal;
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Self::OutOfRange,
            Some(RDKafkaErrorCode::PollExceeded) => {
                metrics::counter!("matchday_kafka_max_poll_exceeded_total").increment(1);
                tracing::error!("not polled within the poll interval: the group takes the partitions away");
                Self::Passing
            }
            _ => {
                tracing::warn!(%error, "consumer");
                Self::Passing
            }
        }
    }
}
