//! Latencies that services measure of themselves, as their metrics say them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use simulator::scenario::Share;

/// What a service says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) count: u64,
    pub(super) micros: BTreeMap<String, u64>,
}

/// What a service says of a latency; `None` where it does not answer or has measured nothing.
pub(super) async fn ask(url: &str, name: &str) -> Result<Option<Told>> {
    let Ok(answer) = reqwest::get(format!("{url}/metrics")).await else { return Ok(None) };
    let metrics = answer.text().await.context("reading metrics")?;
    Ok(told(&metrics, name))
}

fn told(metrics: &str, name: &str) -> Option<Told> {
    let value = |suffix: &str| {
        let name = format!("{name}{suffix} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
    };
    let count = value("_count").filter(|count| *count > 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a run")]
    let micros = |seconds: f64| (seconds * 1e6) as u64;
    let at = |share: Share| {
        let seconds = value(&format!("{{quantile=\"{}\"}}", share.quantile()))?;
        Some((share.as_str().to_owned(), micros(seconds)))
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
    Some(Told { count: count as u64, micros: Share::ALL.into_iter().filter_map(at).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_measured_is_read_from_its_metrics() {
        let metrics = "a_seconds{quantile=\"0.5\"} 0.002\na_seconds{quantile=\"0.99\"} 0.25\na_seconds_sum 1\na_seconds_count 40\n";
        let told = told(metrics, "a_seconds").expect("it is there");
        assert_eq!(told.count, 40);
        assert_eq!(told.micros, BTreeMap::from([("p50".to_owned(), 2_000), ("p99".to_owned(), 250_000)]));
        assert!(super::told("a_seconds_count 0\n", "a_seconds").is_none());
    }
}
