//! What a process says about itself: log lines on stderr, numbers for Prometheus.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// The quantiles of every summary; histograms without buckets are rendered as summaries.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// How often samples are moved from the recorder's queues into the summaries.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Sends log lines that pass `filter` (tracing's `EnvFilter` syntax) to stderr.
///
/// # Errors
/// When the filter cannot be parsed, or this process has a subscriber already.
pub fn log_to_stderr(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter {filter:?} is not valid"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot install the log subscriber: {error}"))
}

/// Installs the Prometheus recorder; the handle renders what `/metrics` answers.
///
/// # Errors
/// When this process has a recorder already.
pub fn record_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_quantiles(&QUANTILES)
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot install the metrics recorder")
}

/// Keeps the recorder's memory bounded where nobody scrapes. Runs until dropped.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}
