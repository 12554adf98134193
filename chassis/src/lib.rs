//! How a process lives: configuration, telemetry, readiness, HTTP, Kafka and an orderly end. Nothing here knows
//! of betting.
//!
//! A service's `main` reads as a sentence:
//!
//! ```no_run
//! use clap::Parser;
//!
//! #[derive(clap::Parser)]
//! struct Config {
//!     #[arg(long, default_value = "127.0.0.1:4000")]
//!     listen: std::net::SocketAddr,
//!     #[command(flatten)]
//!     http: chassis::http::Limits,
//!     #[command(flatten)]
//!     process: chassis::config::ProcessArgs,
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let config = Config::parse();
//!     chassis::lifecycle::run("example", &config.process, |process| async move {
//!         let listener = chassis::http::bind(config.listen).await?;
//!         let server = chassis::http::serve(listener, process.admin(), config.http, process.shutdown.clone());
//!         process.tasks.spawn("http", server);
//!         Ok(())
//!     })
//! }
//! ```

pub mod admin;
pub mod config;
pub mod http;
pub mod kafka;
pub mod lifecycle;
pub mod problem;
pub mod readiness;
pub mod telemetry;
