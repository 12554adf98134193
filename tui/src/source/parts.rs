//! The processes of a service: their numbers and whether they can work.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

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

/// How long a process may take to answer: less than the whole answer, so that it is no other process's fault.
const EACH_WITHIN: Duration = Duration::from_millis(1_500);

/// Asks the processes at `urls` every `interval`, all at once.
pub(super) async fn watch(
    client: Client,
    urls: watch::Receiver<Vec<String>>,
    interval: Duration,
    sink: Sink,
) {
    sink.ask_every(interval, || ask_all(&client, urls.borrow().clone())).await;
}

/// What each of them tells; an error where none of them tells anything.
async fn ask_all(client: &Client, urls: Vec<String>) -> anyhow::Result<Finding> {
    let mut asked = JoinSet::new();
    for (index, url) in urls.into_iter().enumerate() {
        let client = client.clone();
        asked.spawn(async move {
            let answer = tokio::time::timeout(EACH_WITHIN, ask(&client, &url)).await;
            let answer = answer.map_err(|_| anyhow!("no answer within {} ms", EACH_WITHIN.as_millis()));
            (index, url, answer.flatten())
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_unstable_by_key(|(index, ..)| *index);
    if answers.iter().all(|(.., answer)| answer.is_err()) {
        let first = answers.into_iter().find_map(|(.., answer)| answer.err());
        return Err(first.unwrap_or_else(|| anyhow!("no address of it is known")));
    }
    let told = |answer: anyhow::Result<Scrape>| answer.map_err(|error| Text::new(&format!("{error:#}")));
    Ok(Finding::Scrapes(answers.into_iter().map(|(_, url, answer)| (url, told(answer))).collect()))
}

async fn ask(client: &Client, url: &str) -> anyhow::Result<Scrape> {
    let (status, metrics) = http::get(client, http::join(url, "/metrics")?).await?;
    ensure!(status.is_success(), "/metrics answers {status}");
    let samples = Samples::parse(&String::from_utf8_lossy(&metrics));
    let (status, readiness) = http::get(client, http::join(url, "/readyz")?).await?;
    let answers = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    ensure!(answers.contains(&status), "/readyz answers {status}");
    let readiness = serde_json::from_slice(&readiness).context("reading what /readyz answers")?;
    Ok(Scrape { samples, readiness, taken_at: clock::since_epoch() })
}
