//! What a running distribution counts, and what it costs.

use anyhow::Result;
use harness::stack::{DISTRIBUTION, Stack};

use super::event::PATIENCE;
use super::until;

/// A metric's value; `None` before it has one.
pub async fn metric(stack: &Stack, name: &str) -> Result<Option<f64>> {
    metric_at(&stack.rest_url()?, name).await
}

/// The value of a metric of the process whose first port this is; `None` before it has one.
pub async fn metric_at(url: &str, name: &str) -> Result<Option<f64>> {
    let text = reqwest::get(format!("{url}/metrics")).await?.error_for_status()?.text().await?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.map(str::parse).transpose()?)
}

/// Waits until a metric has a value.
pub async fn metric_is(stack: &Stack, name: &str, value: f64) {
    until(name, PATIENCE, async || Ok(metric(stack, name).await? == Some(value))).await.unwrap();
}

/// Waits until what is counted has come this far.
pub async fn metric_reaches(stack: &Stack, name: &str, value: f64) {
    until(name, PATIENCE, async || Ok(metric(stack, name).await? >= Some(value))).await.unwrap();
}

/// What the distribution keeps in memory, in bytes.
pub fn resident_bytes(stack: &Stack) -> u64 {
    let status = format!("/proc/{}/status", stack.process(DISTRIBUTION).unwrap().id().unwrap().pid);
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
