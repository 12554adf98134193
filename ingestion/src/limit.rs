//! How much a request may bring, and how much all requests together may hold.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use chassis::http::BodyLimits;
use chassis::problem::Problem;
use clap::Args;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::metrics;
use crate::refusal;

/// Memory is granted in pieces of this size, because a semaphore counts in 32 bits.
const GRANT_BYTES: usize = 1 << 10;

/// The limits of the endpoint.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one request's body, as it is sent and decompressed
    #[arg(long, env = "MATCHDAY_MAX_BODY_BYTES", default_value_t = 4 << 20)]
    pub max_body_bytes: usize,

    /// Messages of one request
    #[arg(long, env = "MATCHDAY_MAX_MESSAGES", default_value_t = 10_000)]
    pub max_messages: usize,

    /// Bytes of one message
    #[arg(long, env = "MATCHDAY_MAX_MESSAGE_BYTES", default_value_t = 256 << 10)]
    pub max_message_bytes: usize,

    /// Requests worked on at once
    #[arg(long, env = "MATCHDAY_MAX_REQUESTS_IN_FLIGHT", default_value_t = 256)]
    pub max_requests_in_flight: usize,

    /// Bytes of all bodies worked on at once
    #[arg(long, env = "MATCHDAY_MAX_BYTES_IN_FLIGHT", default_value_t = 64 << 20)]
    pub max_bytes_in_flight: usize,

    /// Seconds until the first byte of a body has arrived
    #[arg(long, env = "MATCHDAY_FIRST_BYTE_SECONDS", default_value_t = 5)]
    pub first_byte_seconds: u64,

    /// Seconds until a body has arrived
    #[arg(long, env = "MATCHDAY_BODY_SECONDS", default_value_t = 10)]
    pub body_seconds: u64,
}

impl Limits {
    /// Whether the limits go together.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.max_body_bytes <= self.max_bytes_in_flight,
            "--max-body-bytes ({}) is more than --max-bytes-in-flight ({})",
            self.max_body_bytes,
            self.max_bytes_in_flight
        );
        anyhow::ensure!(
            self.max_body_bytes < chassis::kafka::MAX_MESSAGE_BYTES,
            "--max-body-bytes ({}) is more than a dead letter can hold",
            self.max_body_bytes
        );
        anyhow::ensure!(
            self.first_byte_seconds <= self.body_seconds,
            "--first-byte-seconds ({}) is more than --body-seconds ({})",
            self.first_byte_seconds,
            self.body_seconds
        );
        Ok(())
    }

    /// What a body may take on its way here.
    pub fn body(&self) -> BodyLimits {
        BodyLimits {
            max_bytes: self.max_body_bytes,
            first_byte: Duration::from_secs(self.first_byte_seconds),
            whole: Duration::from_secs(self.body_seconds),
        }
    }
}

/// What all requests together hold. A request that finds no room is turned away, not queued: its sender knows
/// better than we do what to send again first.
#[derive(Debug)]
pub struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    decompressors: Semaphore,
}

/// A place among the requests in flight; given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _gauge: metrics::Held,
}

/// Memory set aside for a body; given back when dropped.
#[derive(Debug)]
pub struct Memory {
    pool: Arc<Semaphore>,
    permit: OwnedSemaphorePermit,
    gauge: metrics::Held,
    bytes: usize,
}

impl Admission {
    /// Room for as much as the limits say.
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.max_requests_in_flight)),
            bytes: Arc::new(Semaphore::new(limits.max_bytes_in_flight / GRANT_BYTES)),
            decompressors: Semaphore::new(available_parallelism().map_or(1, NonZeroUsize::get)),
        }
    }

    /// A place for one request.
    pub fn request(&self) -> Result<Place, Problem> {
        let permit = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| {
            metrics::limited("requests_in_flight");
            refusal::overloaded("too many requests are in flight")
        })?;
        Ok(Place { _permit: permit, _gauge: metrics::requests_in_flight(1) })
    }

    /// Memory for a body of so many bytes.
    pub fn memory(&self, bytes: usize) -> Result<Memory, Problem> {
        let permit = grant(&self.bytes, bytes.div_ceil(GRANT_BYTES))?;
        Ok(Memory { pool: Arc::clone(&self.bytes), permit, gauge: metrics::bytes_in_flight(bytes), bytes })
    }

    /// A turn to decompress: no more at once than there are processors, because more would only hold more memory.
    /// Whoever waits for it waits for computation, never for a client.
    pub async fn decompressor(&self) -> SemaphorePermit<'_> {
        self.decompressors.acquire().await.expect("the semaphore is never closed")
    }
}

impl Memory {
    /// Makes it `bytes` in all, if there is room for what is new.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.bytes {
            let more = bytes.div_ceil(GRANT_BYTES) - self.bytes.div_ceil(GRANT_BYTES);
            self.permit.merge(grant(&self.pool, more)?);
            self.gauge.increase(bytes - self.bytes);
            self.bytes = bytes;
        }
        Ok(())
    }
}

fn grant(pool: &Arc<Semaphore>, grants: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let grants = u32::try_from(grants).unwrap_or(u32::MAX);
    Arc::clone(pool).try_acquire_many_owned(grants).map_err(|_| {
        metrics::limited("bytes_in_flight");
        refusal::overloaded("too many bytes are in flight")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(requests: usize, bytes: usize) -> Admission {
        Admission {
            requests: Arc::new(Semaphore::new(requests)),
            bytes: Arc::new(Semaphore::new(bytes / 1024)),
            decompressors: Semaphore::new(1),
        }
    }

    #[test]
    fn turns_away_the_request_for_which_there_is_no_place_and_takes_the_next_when_one_left() {
        let admission = admission(1, 4096);
        let first = admission.request().unwrap();
        assert_eq!(admission.request().unwrap_err().status, 503);
        drop(first);
        assert!(admission.request().is_ok());
    }

    #[test]
    fn counts_memory_in_whole_grants() {
        let admission = admission(10, 4096);
        let _first = admission.memory(1025).unwrap();
        let _second = admission.memory(2048).unwrap();
        let problem = admission.memory(1).unwrap_err();
        assert!(problem.retry_after.is_some());
    }

    #[test]
    fn memory_grows_only_while_there_is_room() {
        let admission = admission(10, 4096);
        let mut memory = admission.memory(1000).unwrap();
        memory.grow_to(4096).unwrap();
        memory.grow_to(10).unwrap();
        assert_eq!(memory.grow_to(4097).unwrap_err().status, 503);
        drop(memory);
        assert!(admission.memory(4096).is_ok());
    }
}
