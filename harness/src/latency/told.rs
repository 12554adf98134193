//! Latencies that services measure of themselves, as their metrics say them: of about the last minute, each time they are asked.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Sport;
use simulator::scenario::{Hop, Share};

use crate::site::Site;

/// How long what services say reaches back.
const WINDOW: Duration = Duration::from_secs(60);

/// What a service says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) count: u64,
    pub(super) micros: BTreeMap<String, u64>,
}

/// What services have said of themselves in a run.
#[derive(Debug, Default)]
pub struct Hearing {
    heard: BTreeMap<(Hop, Option<String>), Heard>,
}

/// What one service has said by now.
#[derive(Debug, Default)]
struct Heard {
    /// How many it had measured when it was asked before.
    before: Option<u64>,
    /// How many it has measured since it was asked first.
    count: u64,
    /// What it said last of messages that it had just measured.
    last: BTreeMap<String, u64>,
    /// The slowest that it said, each time of messages behind the warm-up alone.
    worst: BTreeMap<String, u64>,
}

impl Hearing {
    /// Asks every service, so long after the warm-up. One that does not answer has said nothing.
    pub(crate) async fn ask(&mut self, client: &reqwest::Client, site: &Site<'_>, warm_for: Duration) {
        let mut asked: Vec<(Hop, Option<String>, String, &str)> = Vec::new();
        for sport in Sport::ALL {
            // A stack need not have every sport.
            let Some(url) = site.processor(sport) else { continue };
            let name = "matchday_processor_generated_to_commit_seconds";
            asked.push((Hop::Committed, Some(sport.to_string()), url, name));
        }
        let name = "matchday_distribution_generated_to_socket_seconds";
        asked.push((Hop::Written, None, site.places.rest.clone(), name));
        let answers = asked.iter().map(|(_, _, url, _)| metrics(client, url));
        let answers = futures_util::future::join_all(answers).await;
        for ((hop, sport, _, name), metrics) in asked.into_iter().zip(answers) {
            let Some(metrics) = metrics else { continue };
            let told = told(&metrics, name).unwrap_or_default();
            self.heard.entry((hop, sport)).or_default().note(told, warm_for >= WINDOW);
        }
    }

    /// What was measured.
    pub(super) fn told(&self) -> impl Iterator<Item = ((Hop, Option<String>), Told)> {
        let told = |heard: &Heard| {
            let micros = if heard.worst.is_empty() { &heard.last } else { &heard.worst };
            (!micros.is_empty()).then(|| Told { count: heard.count, micros: micros.clone() })
        };
        self.heard.iter().filter_map(move |(key, heard)| Some((key.clone(), told(heard)?)))
    }
}

impl Heard {
    /// Notes what a service says. Where it has measured nothing since it was asked before, what it says is old, or of nothing.
    fn note(&mut self, told: Told, is_warm: bool) {
        let Some(before) = self.before.replace(told.count) else { return };
        // Started anew, it counts from the beginning.
        let news = told.count.checked_sub(before).unwrap_or(told.count);
        if news == 0 || told.micros.values().all(|micros| *micros == 0) {
            return;
        }
        self.count += news;
        if is_warm {
            for (share, micros) in &told.micros {
                let worst = self.worst.entry(share.clone()).or_default();
                *worst = (*worst).max(*micros);
            }
        }
        self.last = told.micros;
    }
}

/// What a service answers; `None` where it does not.
async fn metrics(client: &reqwest::Client, url: &str) -> Option<String> {
    let answer = client.get(format!("{url}/metrics")).send().await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

/// What a service says of a latency; `None` where it has measured nothing.
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

    /// What is known of a service that said this: how many it had measured, their p99, and whether the warm-up is over by a minute.
    fn heard(said: &[(u64, u64, bool)]) -> Option<(u64, u64)> {
        let mut hearing = Hearing::default();
        let heard = hearing.heard.entry((Hop::Written, None)).or_default();
        for (count, p99, is_warm) in said {
            let micros = BTreeMap::from([("p99".to_owned(), *p99)]);
            heard.note(Told { count: *count, micros }, *is_warm);
        }
        hearing.told().next().map(|(_, told)| (told.count, told.micros["p99"]))
    }

    #[test]
    fn a_window_that_has_run_out_says_nothing() {
        assert_eq!(heard(&[(0, 0, false), (40, 900, false), (40, 0, false)]), Some((40, 900)));
        assert_eq!(heard(&[(40, 900, false), (40, 900, false)]), None, "measured before this run");
        assert_eq!(heard(&[(0, 0, false)]), None);
        assert_eq!(heard(&[(0, 0, false), (40, 900, false), (7, 300, false)]), Some((47, 300)), "anew");
    }

    #[test]
    fn the_slowest_minute_behind_the_warm_up_counts() {
        let minutes =
            [(0, 0, false), (40, 5_000, false), (80, 900, true), (120, 2_000, true), (160, 700, true)];
        assert_eq!(heard(&minutes), Some((160, 2_000)));
        assert_eq!(heard(&minutes[..2]), Some((40, 5_000)), "nothing is known but of the warm-up");
    }
}
