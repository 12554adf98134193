//! Tests that start real processes: Kafka, a database, Redis and our services.
#![expect(clippy::unwrap_used, reason = "what helps a test may panic as a test does")]
#![expect(clippy::print_stdout, reason = "a test says its seed")]

mod api;
mod architecture;
mod asyncapi;
mod capacity;
mod compose;
mod distribution;
mod dlq;
mod doctor;
mod faults;
mod idle_sockets;
mod ingestion;
mod migrations;
mod outages;
mod planted;
mod processors;
mod producers;
mod recorded;
mod recovery;
mod rest;
mod retention;
mod scale;
mod shrink;
mod silence;
mod slow_clients;
mod socket;
mod stack;
mod support;
mod top;
mod unlooked;
mod unsafe_open;
mod uof;
mod verdict;
mod verify;
