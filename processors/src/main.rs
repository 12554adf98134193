//! `processors`: turns one sport's feed into state, update log, images and updates.

use std::process::ExitCode;

mod batch;
mod config;
mod events;
mod marks;
mod metrics;
mod processor;
mod producers;
mod publish;
mod recovery;
mod retention;
mod run;
mod store;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    domain::planted::choose(std::env::var(domain::planted::VARIABLE).ok().as_deref());
    run::run(config::Config::parse())
}
