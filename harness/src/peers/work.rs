//! The messages that both sides are given: games of the simulator's worlds, from a seed, as requests of newline-delimited JSON.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::{Sport, Timestamp};
use futures_util::future::try_join_all;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use simulator::schedule::Times;
use simulator::world::{Formats, Pace, Plan, play_afresh};

/// Requests that are under way at once; each is the next of its lane, so that an event's messages stay in order.
const LANES: usize = 16;
/// Messages of one request.
const BATCH: usize = 100;
/// Both, for a person.
pub const SHAPE: &str = "100 a request, 16 requests at once";

/// For how long the games are played, were they played at their pace.
const PLAYED: Duration = Duration::from_secs(60);

/// Requests, and what is in them.
#[derive(Debug, Clone)]
pub struct Work {
    /// Bodies of requests, in order, per lane.
    lanes: Vec<Vec<Vec<u8>>>,
    /// How many messages that is.
    pub messages: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Work {
    /// About so many messages of these sports, of two games a lane, the sports in turn. Another suffix makes other events of the same
    /// games.
    ///
    /// # Errors
    /// When the simulator makes no such games.
    pub fn play(seed: u64, sports: &[Sport], messages: u32, suffix: &str) -> Result<Self> {
        let (mut lanes, mut count, mut bytes) = (Vec::new(), 0, 0);
        for (lane, seed) in (0..LANES).zip(seed..) {
            let games = 2;
            let sports = sports.iter().cycle().skip(2 * lane % sports.len()).take(sports.len().min(2));
            let messages_per_game = (messages / u32::try_from(LANES)? / games).max(1);
            let plan = Plan {
                seed,
                sports: sports.copied().collect(),
                games,
                formats: Formats::Json,
                pace: Pace::Even { messages_per_game, duration: PLAYED },
                start: now().plus_micros(-i64::try_from(PLAYED.as_micros())?),
            };
            let schedule = play_afresh(&plan, &format!("-lane{lane}{suffix}"))?.schedule;
            let lines: Vec<usize> = (0..schedule.len()).collect();
            let body = |lines: &[usize]| {
                let mut body = Vec::new();
                for line in lines {
                    // None after the last: the peer takes what follows it for a message.
                    if !body.is_empty() {
                        body.push(b'\n');
                    }
                    schedule.write(*line, Times::AsWritten, &mut body);
                }
                body
            };
            let bodies: Vec<Vec<u8>> = lines.chunks(BATCH).map(body).collect();
            count += lines.len() as u64;
            bytes += bodies.iter().map(|body| body.len() as u64).sum::<u64>();
            lanes.push(bodies);
        }
        Ok(Self { lanes, messages: count, bytes })
    }

    /// Posts all of it, and returns how long that took until the last request was answered.
    ///
    /// # Errors
    /// When a request is not taken.
    pub async fn post(&self, url: &str) -> Result<Duration> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let start = Instant::now();
        let lanes = self.lanes.iter().map(|bodies| post_in_order(&client, url, bodies));
        try_join_all(lanes).await?;
        Ok(start.elapsed())
    }
}

async fn post_in_order(client: &reqwest::Client, url: &str, bodies: &[Vec<u8>]) -> Result<()> {
    for body in bodies {
        let request = client.post(url).header(CONTENT_TYPE, "application/x-ndjson").body(body.clone());
        let answer = request.send().await.with_context(|| format!("posting to {url}"))?;
        let status = answer.status();
        let said = answer.text().await?;
        // 207 is no success here: of the messages some were refused, and that is less work.
        let is_taken = status == StatusCode::OK || status == StatusCode::ACCEPTED;
        ensure!(is_taken, "{url} answers {status}: {said}");
    }
    Ok(())
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}
