//! Tests that start real processes: Kafka, a database, Redis and our services.
#![expect(clippy::unwrap_used, reason = "what helps a test may panic as a test does")]

mod architecture;
mod ingestion;
mod recorded;
mod stack;
mod support;
