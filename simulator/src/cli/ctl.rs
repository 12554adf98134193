//! `simulator ctl`: what control can do, from the command line.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::{GamesArgs, say};
use crate::control::{ConstantRate, Games, NewFault};
use crate::pacer::Speed;
use crate::scenario::Scenario;

mod uof;

/// How long an answer may take: what is played is ended first where a replay is to begin, its games are told to be abandoned, and then
/// what is to be played is made.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Ctl {
    /// Where the simulator listens
    #[arg(
        long,
        env = "MATCHDAY_SIMULATOR",
        default_value = "http://127.0.0.1:4004",
        value_name = "URL",
        global = true
    )]
    at: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what is being played, and how far it is
    Status,
    /// Play a scenario: a file, or the name of a ready-made one
    Start {
        /// The scenario
        scenario: String,
        #[command(flatten)]
        how: How,
    },
    /// Play games, as `simulator play` does
    Games {
        #[command(flatten)]
        games: GamesArgs,
        #[command(flatten)]
        how: How,
    },
    /// The replay of a Unified Odds Feed
    #[command(subcommand)]
    Uof(uof::Uof),
    /// Have a producer send again what it has said
    Recover(uof::Recover),
    /// Replay recordings of the simulator's folder, side by side
    Replay {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        recordings: Vec<String>,
        /// How many times as fast, or `max`
        #[arg(long, default_value = "1", value_name = "FACTOR")]
        speed: Speed,
        /// The minute of each match from which on it takes its time; what was before is sent at once
        #[arg(long, value_name = "MINUTE")]
        from: Option<u32>,
        /// How many seconds after the one before it each recording begins
        #[arg(long, default_value_t = 0, value_name = "SECONDS")]
        stagger: u32,
        /// The longest time in which nothing is sent, before the speed counts, in milliseconds; longer ones shrink to it
        #[arg(long, value_name = "MS")]
        max_gap_ms: Option<u64>,
        /// So many messages a second, whenever they were sent
        #[arg(long, value_name = "N", conflicts_with = "stagger")]
        rate: Option<u32>,
        /// Send messages as recorded, with the times of then
        #[arg(long)]
        raw: bool,
        /// Give games and messages ids of their own
        #[arg(long)]
        fresh: bool,
        /// When it is over, replay it again, as other games
        #[arg(long)]
        endless: bool,
        /// Stand before the first message
        #[arg(long)]
        paused: bool,
    },
    /// List the recordings that can be replayed
    Recordings,
    /// End what is being played
    Stop,
    /// Stand still
    Pause,
    /// Go on
    Resume,
    /// Send what is due next, and stand still
    Step,
    /// Go on so many times as fast
    Speed {
        /// The factor, or `max`
        speed: Speed,
    },
    /// Go on with so many messages a second
    Rate {
        /// Messages a second, on average
        messages_per_second: f64,
    },
    /// Say what goes wrong in what is being played, as it was planned
    Faults,
    /// Say what was decided, what went wrong, and what must result; once all was sent, what became of each message
    Ledger,
    /// Let something go wrong now: with the next message that it fits
    #[command(subcommand)]
    Fault(NewFault),
    /// List the ready-made scenarios that can be started
    Scenarios,
}

/// How what is started goes.
#[derive(Debug, Args)]
struct How {
    /// The seed from which all of it follows; else that of the scenario, or one that the clock gives
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many times as fast, or `max`
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// When it is over, play it again with other seeds
    #[arg(long)]
    endless: bool,
    /// Give games and messages ids of their own
    #[arg(long)]
    fresh: bool,
    /// Stand before the first message
    #[arg(long)]
    paused: bool,
}

impl How {
    /// The body of a request that starts something.
    fn body(&self, name: &str, what: impl Into<Value>) -> Value {
        let Self { seed, speed, endless, fresh, paused } = self;
        let mut body =
            json!({ "speed": in_json(*speed), "endless": endless, "fresh": fresh, "paused": paused });
        body[name] = what.into();
        if let Some(seed) = seed {
            body["seed"] = (*seed).into();
        }
        body
    }
}

/// What is wrong in a scenario's text is so at a place in its file: as compilers say it, so that editors jump there.
fn in_file(what: &What, error: anyhow::Error) -> anyhow::Error {
    let text = error.to_string();
    match (what, text.strip_suffix(" (at `/toml`)")) {
        (What::Start { scenario, .. }, Some(place)) => anyhow!("{scenario}:{place}"),
        _ => error,
    }
}

/// Asks, and says the answer.
pub(super) fn ctl(args: &Ctl) -> anyhow::Result<bool> {
    let (method, path, body) = request(&args.what)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(ask(&args.at, method, &path, body));
    let answer = answer.map_err(|error| in_file(&args.what, error))?;
    say::line(&answer);
    Ok(true)
}

fn request(what: &What) -> anyhow::Result<(Method, String, Option<Value>)> {
    Ok(match what {
        What::Status => (Method::GET, "/v1/run".to_owned(), None),
        What::Start { scenario, how } => {
            let path = Path::new(scenario);
            let body = match path.is_file() {
                true => how.body("toml", Scenario::text_of(path)?),
                false => how.body("scenario", scenario.as_str()),
            };
            (Method::POST, "/v1/run".to_owned(), Some(body))
        }
        What::Replay { recordings, speed, from, stagger, max_gap_ms, rate, raw, fresh, endless, paused } => {
            let entry = |(place, name): (u32, &String)| {
                let mut entry = json!({ "recording": name, "offset_seconds": stagger.saturating_mul(place) });
                if let Some(minute) = from {
                    entry["from_minute"] = (*minute).into();
                }
                entry
            };
            let entries: Vec<Value> = (0..).zip(recordings).map(entry).collect();
            let mut replay = json!({ "recordings": entries, "raw": raw, "fresh": fresh });
            if let Some(ms) = max_gap_ms {
                replay["max_gap_ms"] = (*ms).into();
            }
            if let Some(rate) = rate {
                replay["messages_per_second"] = (*rate).into();
            }
            let body =
                json!({ "replay": replay, "speed": in_json(*speed), "endless": endless, "paused": paused });
            (Method::POST, "/v1/run".to_owned(), Some(body))
        }
        What::Recordings => (Method::GET, "/v1/recordings".to_owned(), None),
        What::Stop => (Method::DELETE, "/v1/run".to_owned(), None),
        What::Pause => (Method::POST, "/v1/run/pause".to_owned(), None),
        What::Resume => (Method::POST, "/v1/run/resume".to_owned(), None),
        What::Step => (Method::POST, "/v1/run/step".to_owned(), None),
        What::Speed { speed } => {
            (Method::PUT, "/v1/run/speed".to_owned(), Some(json!({ "speed": in_json(*speed) })))
        }
        What::Rate { messages_per_second } => (
            Method::PUT,
            "/v1/run/rate".to_owned(),
            Some(json!({ "messages_per_second": messages_per_second })),
        ),
        What::Faults => (Method::GET, "/v1/run/faults".to_owned(), None),
        What::Ledger => (Method::GET, "/v1/run/ledger".to_owned(), None),
        What::Fault(fault) => (Method::POST, "/v1/run/faults".to_owned(), Some(serde_json::to_value(fault)?)),
        What::Games { games, how } => {
            let Games { sports, games, rate, formats } = games.games()?;
            let formats = formats.to_possible_value().map(|it| it.get_name().to_owned());
            let mut wanted = json!({ "sports": sports, "games": games, "formats": formats });
            match rate {
                Some(ConstantRate { per_second, seconds }) => {
                    (wanted["rate"], wanted["seconds"]) = (per_second.into(), seconds.into());
                }
                None => wanted["pace"] = "own".into(),
            }
            (Method::POST, "/v1/run".to_owned(), Some(how.body("games", wanted)))
        }
        What::Uof(call) => {
            let (method, path) = call.request();
            (method, path, None)
        }
        What::Recover(what) => {
            let (method, path) = what.request();
            (method, path, None)
        }
        What::Scenarios => (Method::GET, "/v1/scenarios".to_owned(), None),
    })
}

fn in_json(speed: Speed) -> Value {
    match speed {
        Speed::Factor(factor) => factor.into(),
        Speed::Max => "max".into(),
    }
}

async fn ask(at: &str, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<String> {
    let url = format!("{}{path}", at.trim_end_matches('/'));
    reqwest::Url::parse(&url).with_context(|| format!("`{at}` is no URL"))?;
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let mut request = client.request(method, &url);
    if let Some(body) = &body {
        request = request.json(body);
    }
    let answer = request.send().await.with_context(|| format!("nobody answers at {at}"))?;
    let (status, text) = (answer.status(), answer.text().await?);
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if !status.is_success() {
        let detail = answer["detail"].as_str().unwrap_or(&text);
        match answer["pointer"].as_str() {
            Some(pointer) if !pointer.is_empty() => bail!("{detail} (at `{pointer}`)"),
            _ => bail!("{detail}"),
        }
    }
    // The replay of a Unified Odds Feed answers in XML; who asks for recovery gets nothing but a status.
    Ok(match answer {
        Value::Null if text.is_empty() => "it is on its way".to_owned(),
        Value::Null => text.trim_end().to_owned(),
        answer => serde_json::to_string_pretty(&answer)?,
    })
}
