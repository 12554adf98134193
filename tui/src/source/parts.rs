//! A process of ours: its numbers and whether it can work.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use super::exposition::Samples;
use super::{Finding, Sink, http};
use crate::clock;
use crate::text::Text;

/// What a process told of itself.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Its numbers.
    pub samples: Samples,
    /// Whether it can work.
    pub readiness: Readiness,
    /// The time of day, since the Unix epoch.
    pub taken_at: Duration,
}

/// What `/readyz` answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Readiness {
    /// Whether all checks are passed.
    pub ready: bool,
    /// What it needs.
    pub checks: Vec<Check>,
}

/// One thing that a process needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Check {
    /// What.
    pub name: Text,
    /// Whether it is there.
    pub ready: bool,
    /// Why it is not.
    pub reason: Text,
}

/// Asks the process at `url` every `interval`.
pub(super) async fn watch(client: Client, url: String, interval: Duration, sink: Sink) {
    sink.ask_every(interval, || ask(&client, &url)).await;
}

async fn ask(client: &Client, url: &str) -> anyhow::Result<Finding> {
    let (status, metrics) = http::get(client, http::join(url, "/metrics")?).await?;
    ensure!(status.is_success(), "/metrics answers {status}");
    let samples = Samples::parse(&String::from_utf8_lossy(&metrics));
    let (status, readiness) = http::get(client, http::join(url, "/readyz")?).await?;
    let answers = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    ensure!(answers.contains(&status), "/readyz answers {status}");
    let readiness = serde_json::from_slice(&readiness).context("reading what /readyz answers")?;
    Ok(Finding::Scrape(Scrape { samples, readiness, taken_at: clock::since_epoch() }))
}
