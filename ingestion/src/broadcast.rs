//! What a message about a producer as a whole costs: it goes to every partition of every sport's topic, so that each can
//! tell by itself, at its own position, whether the producer is there.

use std::sync::Arc;
use std::time::Instant;

use chassis::problem::Problem;

use crate::admission::{Memory, Place};
use crate::rate::Bucket;
use crate::refusal;

/// The broadcasts of one request.
#[derive(Debug)]
pub struct Broadcasts<'a> {
    /// Every topic with its number of partitions; none while Kafka has not told them.
    partitions: Option<Vec<(Arc<str>, i32)>>,
    bucket: Option<&'a Bucket>,
    memory: Memory,
}

impl<'a> Broadcasts<'a> {
    /// Those of the request in `place`, whose provider is limited by `bucket`.
    pub fn new(
        partitions: Option<Vec<(Arc<str>, i32)>>,
        bucket: Option<&'a Bucket>,
        place: &Place,
    ) -> Result<Self, Problem> {
        Ok(Self { partitions, bucket, memory: place.memory(0)? })
    }

    /// Where a message of so many bytes goes. Each record of it but the first, which its request has paid for, counts as
    /// a message of the provider; all of them count as memory until Kafka has them.
    pub fn admit(&mut self, bytes: usize) -> Result<&[(Arc<str>, i32)], Problem> {
        let Some(partitions) = &self.partitions else {
            return Err(refusal::not_stored_because("kafka has not told its partitions yet"));
        };
        let records: usize = partitions.iter().map(|(_, count)| usize::try_from(*count).unwrap_or(0)).sum();
        if let Some(bucket) = self.bucket {
            bucket
                .overdraw(records.saturating_sub(1), Instant::now())
                .map_err(|wait| refusal::broadcast_rate(wait, records))?;
        }
        self.memory.grow_by(bytes.saturating_mul(records))?;
        Ok(partitions)
    }
}
