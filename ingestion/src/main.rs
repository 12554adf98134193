//! Takes feeds by HTTP and answers 202 only for what Kafka has acknowledged.

mod accept;
mod admission;
mod answer;
mod backlog;
mod body;
mod broadcast;
mod config;
mod content;
mod dead_letter;
mod decompress;
mod descriptions;
mod events;
mod feed;
mod limit;
mod loaded;
mod metrics;
mod outbox;
mod producers;
mod providers;
mod rate;
mod reading;
mod redrive;
mod refusal;
mod refused;
mod service;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    domain::planted::choose(std::env::var(domain::planted::VARIABLE).ok().as_deref());
    let config = Config::parse();
    let process = config.process.clone();
    chassis::lifecycle::run("ingestion", &process, |process| service::start(config, process))
}
