//! `distribution`: serves events by REST and WebSocket, from the updates topics, Redis and MySQL.

use std::process::ExitCode;

use clap::Parser;
use distribution::{config, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    domain::planted::choose(std::env::var(domain::planted::VARIABLE).ok().as_deref());
    let config = config::Config::parse();
    let args = config.process.clone();
    chassis::lifecycle::run("distribution", &args, |process| run::start(config, process))
}
