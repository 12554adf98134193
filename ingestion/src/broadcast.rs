//! What a message costs that goes to several topics: one about a producer as a whole to every partition of every sport's, so that
//! each can tell by itself, at its own position, whether the producer is there; the word that one was refused to every sport's that
//! may know its event.

use std::sync::Arc;
use std::time::Instant;

use chassis::problem::Problem;
use domain::Sport;

use crate::admission::{Memory, Place};
use crate::backlog::Backlogs;
use crate::rate::Bucket;
use crate::{metrics, refusal};

/// A sport's topic and its number of partitions.
pub type Partitions = (Sport, Arc<str>, i32);

/// What a record that tells of a refused message takes beside the message: its headers, its ids and its reason.
const TOLD_BYTES: usize = 512;

/// The broadcasts of one request.
#[derive(Debug)]
pub struct Broadcasts<'a> {
    /// Every sport's topic; none while Kafka has not told them.
    partitions: Option<Vec<Partitions>>,
    bucket: Option<&'a Bucket>,
    memory: Memory,
}

impl<'a> Broadcasts<'a> {
    /// Those of the request in `place`, whose provider is limited by `bucket`.
    pub fn new(
        partitions: Option<Vec<Partitions>>,
        bucket: Option<&'a Bucket>,
        place: &Place,
    ) -> Result<Self, Problem> {
        Ok(Self { partitions, bucket, memory: place.memory(0)? })
    }

    /// Where a message of so many bytes goes: to every sport but those of which too much is unread. There nobody hears that the
    /// producer is alive, so that it is taken for silent once that is read; the other sports need not be. Each record of it but
    /// the first, which its request has paid for, counts as a message of the provider; all of them count as memory until Kafka
    /// has them.
    ///
    /// # Errors
    /// A problem for its sender, who has to send again later, where no sport hears of it or its provider has sent too much.
    pub fn admit(&mut self, bytes: usize, backlogs: &Backlogs) -> Result<Vec<(Arc<str>, i32)>, Problem> {
        let Some(partitions) = &self.partitions else {
            return Err(refusal::not_stored_because("kafka has not told its partitions yet"));
        };
        let open = partitions.iter().filter(|(sport, ..)| backlogs.is_open(*sport));
        let open: Vec<_> = open.map(|(_, topic, count)| (Arc::clone(topic), *count)).collect();
        if open.is_empty() {
            metrics::limited("unread");
            return Err(refusal::unread_everywhere());
        }
        let records: usize = open.iter().map(|(_, count)| usize::try_from(*count).unwrap_or(0)).sum();
        if let Some(bucket) = self.bucket {
            bucket
                .overdraw(records.saturating_sub(1), Instant::now())
                .map_err(|wait| refusal::broadcast_rate(wait, records))?;
        }
        self.memory.grow_by(bytes.saturating_mul(records))?;
        Ok(open)
    }

    /// So many records are to say that a message was refused. Each but the first counts as a message of the provider, and all of
    /// them and the dead letter as memory until Kafka has them.
    ///
    /// # Errors
    /// A problem for its sender, who has to send again later, where its provider has sent too much, or there is no room.
    pub fn tell(&mut self, records: usize) -> Result<(), Problem> {
        if let Some(bucket) = self.bucket.filter(|_| records > 1) {
            bucket
                .overdraw(records - 1, Instant::now())
                .map_err(|wait| refusal::refused_rate(wait, records))?;
        }
        self.memory.grow_by((records + 1).saturating_mul(TOLD_BYTES))
    }
}
