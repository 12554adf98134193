//! Takes feeds by HTTP and answers 202 only for what Kafka has acknowledged.

mod accept;
mod answer;
mod batch;
mod config;
mod dead_letter;
mod feed;
mod limit;
mod metrics;
mod outbox;
mod refusal;
mod service;

use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = Config::parse();
    let process = config.process.clone();
    chassis::lifecycle::run("ingestion", &process, |process| service::start(config, process))
}
