//! Control in JSON: what can be played, what is, and how it goes on.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::{FromRef, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use domain::Sport;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Asked, NewFault};
use super::request::{Json, Named, invalid, not_found};
use super::{ConstantRate, Control, ControlError, Games, How, Program, Status, Tape, Watch};
use crate::drive::Order;
use crate::faults::FaultPlan;
use crate::pacer::Speed;
use crate::playlist::{Entry, Playlist};
use crate::recording::{Header, Shelf};
use crate::scenario::{READY, SECONDS_MAX, Scenario, Tempo};
use crate::world::{Formats, GAMES_MAX, MESSAGES_MAX};

/// The most recordings that are replayed side by side.
const RECORDINGS_MAX: usize = 100;
/// The most recordings that are listed.
const LISTED_MAX: usize = 1_000;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value =
        serde_json::from_str(include_str!("../../openapi.json")).expect("a test reads the file");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["schemas"]["Sport"]["enum"] = json!(Sport::ALL);
    document
});

/// How long whoever starts something waits until it goes, or cannot.
pub(super) const MADE_WITHIN: Duration = Duration::from_secs(10);
/// The memory that a message takes at least, in bytes.
const MESSAGE_BYTES_MIN: u64 = 400;

/// What is to be played: one of the first four.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Start {
    /// The name of a ready-made scenario.
    scenario: Option<String>,
    /// The text of a scenario file.
    toml: Option<String>,
    games: Option<GamesWanted>,
    replay: Option<ReplayWanted>,
    seed: Option<u64>,
    speed: Option<SpeedWanted>,
    endless: bool,
    paused: bool,
    /// With ids of its own.
    fresh: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GamesWanted {
    #[serde(default)]
    sports: Option<Vec<Sport>>,
    games: u32,
    #[serde(default)]
    pace: Tempo,
    #[serde(default)]
    rate: Option<u32>,
    #[serde(default)]
    seconds: Option<u32>,
    #[serde(default)]
    formats: Option<Formats>,
}

/// Recordings, side by side.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayWanted {
    recordings: Vec<RecordingWanted>,
    #[serde(default)]
    max_gap_ms: Option<u64>,
    #[serde(default)]
    messages_per_second: Option<u32>,
    #[serde(default)]
    raw: bool,
    #[serde(default)]
    fresh: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingWanted {
    recording: String,
    #[serde(default)]
    offset_seconds: u32,
    #[serde(default)]
    from_minute: Option<u32>,
}

/// A factor, or `"max"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SpeedWanted {
    Factor(f64),
    Word(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSpeed {
    speed: SpeedWanted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRate {
    messages_per_second: f64,
}

pub(super) async fn document() -> Answer<&'static Value> {
    Answer(&DOCUMENT)
}

pub(super) async fn scenarios() -> Result<Answer<Value>, Problem> {
    let listed = READY.iter().map(|ready| {
        let scenario = Scenario::parse(ready.text).map_err(|error| invalid(error.to_string()))?;
        Ok(json!({
            "name": ready.name,
            "description": scenario.description,
            "seconds": scenario.duration.as_secs(),
            "messages": scenario.messages(),
        }))
    });
    let listed = listed.collect::<Result<Vec<Value>, Problem>>()?;
    Ok(Answer(json!({ "scenarios": listed })))
}

pub(super) async fn scenario(Named(name): Named<String>) -> Result<Response, Problem> {
    let ready = READY.iter().find(|ready| ready.name == name);
    let ready = ready.ok_or_else(|| not_found(format!("no scenario is called `{name}`")))?;
    Ok(([("content-type", "application/toml")], ready.text).into_response())
}

impl FromRef<Control> for Watch {
    fn from_ref(control: &Control) -> Self {
        control.watch().clone()
    }
}

pub(super) async fn status(State(watch): State<Watch>) -> Answer<Value> {
    Answer(json!({ "run": watch.status() }))
}

pub(super) async fn start(
    State(control): State<Control>,
    Json(start): Json<Start>,
) -> Result<Response, Problem> {
    // Nothing is read for what cannot begin.
    control.is_free()?;
    let how = How {
        seed: start.seed,
        speed: start.speed.as_ref().map_or(Ok(Speed::Factor(1.0)), speed)?,
        is_endless: start.endless,
        is_held: start.paused,
        is_fresh: start.fresh,
    };
    let shelf = control.recordings().cloned();
    // It may read recordings, which takes a while.
    let program = tokio::task::spawn_blocking(move || program(start, shelf.as_ref())).await;
    let program = program.map_err(|error| invalid(error.to_string()))??;
    let status = control.start_and_wait(program, how, MADE_WITHIN).await?;
    Ok(accepted(&status))
}

fn program(start: Start, shelf: Option<&Shelf>) -> Result<Program, Problem> {
    let scenario = |text: &str, pointer: &str| {
        let read =
            Scenario::parse_beside(text, shelf).map_err(|error| invalid(error.to_string()).at(pointer))?;
        Ok(Program::Scenario(Box::new(read)))
    };
    match (start.scenario, start.toml, start.games, start.replay) {
        (Some(name), None, None, None) => {
            let ready = READY.iter().find(|ready| ready.name == name);
            let ready =
                ready.ok_or_else(|| invalid(format!("no scenario is called `{name}`")).at("/scenario"))?;
            scenario(ready.text, "/scenario")
        }
        (None, Some(text), None, None) => scenario(&text, "/toml"),
        (None, None, Some(games), None) => Ok(Program::Games(checked(games)?)),
        (None, None, None, Some(_)) if start.fresh => {
            Err(invalid("of recordings `replay` says whether they are fresh").at("/fresh"))
        }
        (None, None, None, Some(_)) if start.seed.is_some() => {
            Err(invalid("what was recorded follows from no seed").at("/seed"))
        }
        (None, None, None, Some(replay)) => Ok(Program::Recordings(tape(replay, shelf, start.endless)?)),
        _ => Err(invalid("name what is to be played by one of `scenario`, `toml`, `games` and `replay`")),
    }
}

/// Recordings that are there. What is replayed again and again is so as other games, for it would be nothing but repetitions.
fn tape(wanted: ReplayWanted, shelf: Option<&Shelf>, is_endless: bool) -> Result<Tape, Problem> {
    let ReplayWanted { recordings, max_gap_ms, messages_per_second, raw, fresh } = wanted;
    let shelf = shelf.ok_or_else(no_recordings)?;
    if !(1..=RECORDINGS_MAX).contains(&recordings.len()) {
        return Err(
            invalid(format!("1 to {RECORDINGS_MAX} recordings can be replayed")).at("/replay/recordings")
        );
    }
    let is_fresh = fresh || is_endless;
    if raw && is_fresh {
        return Err(invalid("what is sent as it was has no ids of its own").at("/replay/raw"));
    }
    if messages_per_second == Some(0) || messages_per_second.is_some() && max_gap_ms.is_some() {
        let detail = "a rate is at least 1, and leaves no gap to be shortened";
        return Err(invalid(detail).at("/replay/messages_per_second"));
    }
    let delayed = recordings.iter().position(|wanted| wanted.offset_seconds > 0);
    if let (Some(_), Some(place)) = (messages_per_second, delayed) {
        let detail = "at a rate recordings have no time of their own by which one could begin later";
        return Err(invalid(detail).at(format!("/replay/recordings/{place}/offset_seconds")));
    }
    let entry = |(place, wanted): (usize, RecordingWanted)| {
        let RecordingWanted { recording, offset_seconds, from_minute } = wanted;
        let opened = shelf.open(&recording).and_then(|_| shelf.path(&recording));
        let pointer = format!("/replay/recordings/{place}/recording");
        let path = opened.map_err(|error| invalid(error.to_string()).at(pointer))?;
        Ok(Entry { path, offset: Duration::from_secs(offset_seconds.into()), from_minute })
    };
    let entries = recordings.into_iter().enumerate().map(entry).collect::<Result<_, Problem>>()?;
    let max_gap = max_gap_ms.map(Duration::from_millis);
    Ok(Tape { playlist: Playlist { entries, max_gap, messages_per_second }, is_raw: raw, is_fresh })
}

fn no_recordings() -> Problem {
    invalid("there are no recordings here: `simulator serve --recordings` names their folder")
}

pub(super) async fn recordings(State(control): State<Control>) -> Result<Answer<Value>, Problem> {
    let shelf = control.recordings().ok_or_else(no_recordings)?.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let read = |name: String| match shelf.open(&name) {
            Ok(recording) => {
                let Header { provider, content_type, source, messages, duration_ns, .. } = recording.header();
                let seconds = duration_ns.map(|ns| ns / 1_000_000_000);
                json!({ "name": name, "provider": provider, "content_type": content_type, "source": source, "messages": messages, "seconds": seconds })
            }
            Err(error) => json!({ "name": name, "error": error.to_string() }),
        };
        shelf.names().map(|names| names.into_iter().take(LISTED_MAX).map(read).collect::<Vec<Value>>())
    });
    let listed = listed.await.map_err(|error| invalid(error.to_string()))?;
    let listed = listed.map_err(|error| invalid(format!("cannot read the folder of recordings: {error}")))?;
    Ok(Answer(json!({ "recordings": listed })))
}

fn checked(wanted: GamesWanted) -> Result<Games, Problem> {
    let GamesWanted { sports, games, pace, rate, seconds, formats } = wanted;
    let within = |name: &str, value: u32, most: u32| match (1..=most).contains(&value) {
        true => Ok(()),
        false => Err(invalid(format!("{value} is outside 1 to {most}")).at(format!("/games/{name}"))),
    };
    within("games", games, GAMES_MAX)?;
    let rate = match (pace, rate, seconds) {
        (Tempo::Own, None, None) => None,
        (Tempo::Own, ..) => {
            return Err(invalid("at their own pace games have no `rate` and no `seconds`").at("/games/pace"));
        }
        (Tempo::Rate, Some(rate), Some(seconds)) => {
            within("seconds", seconds, SECONDS_MAX)?;
            within("rate", rate, 1_000_000)?;
            Some(fitting(ConstantRate { per_second: rate, seconds })?)
        }
        (Tempo::Rate, ..) => {
            return Err(invalid("games need `rate` and `seconds`, or `\"pace\": \"own\"`").at("/games"));
        }
    };
    let sports = sports.unwrap_or_else(|| Sport::ALL.into());
    let is_repeated = |(place, sport): (usize, &Sport)| sports[..place].contains(sport);
    if sports.is_empty() || sports.iter().enumerate().any(is_repeated) {
        return Err(invalid("name each sport once").at("/games/sports"));
    }
    Ok(Games { sports, games, rate, formats: formats.unwrap_or(Formats::Json) })
}

/// A rate of which the messages can be made.
fn fitting(rate: ConstantRate) -> Result<ConstantRate, Problem> {
    let messages = u64::from(rate.per_second) * u64::from(rate.seconds);
    if messages > MESSAGES_MAX {
        let detail = format!("{messages} messages in all; at most {MESSAGES_MAX} can be made");
        return Err(invalid(detail).at("/games/rate"));
    }
    let bytes_max = crate::schedule::bytes_max() as u64;
    if messages * MESSAGE_BYTES_MIN > bytes_max {
        let detail = format!(
            "{messages} messages would take more than the {} MiB that this simulator may use",
            bytes_max >> 20
        );
        return Err(invalid(detail).at("/games/rate"));
    }
    Ok(rate)
}

fn speed(wanted: &SpeedWanted) -> Result<Speed, Problem> {
    let text = match wanted {
        SpeedWanted::Factor(factor) => factor.to_string(),
        SpeedWanted::Word(word) => word.clone(),
    };
    text.parse().map_err(|error: crate::pacer::SpeedError| invalid(error.to_string()).at("/speed"))
}

pub(super) async fn stop(State(control): State<Control>) -> Result<Response, Problem> {
    Ok(accepted(&control.stop()?))
}

pub(super) async fn pause(State(control): State<Control>) -> Result<Response, Problem> {
    done(control.pause())
}

pub(super) async fn resume(State(control): State<Control>) -> Result<Response, Problem> {
    done(control.resume())
}

pub(super) async fn step(State(control): State<Control>) -> Result<Response, Problem> {
    done(control.step())
}

pub(super) async fn set_speed(
    State(control): State<Control>,
    Json(NewSpeed { speed: wanted }): Json<NewSpeed>,
) -> Result<Response, Problem> {
    done(control.set_speed(speed(&wanted)?))
}

pub(super) async fn set_rate(
    State(control): State<Control>,
    Json(NewRate { messages_per_second }): Json<NewRate>,
) -> Result<Response, Problem> {
    if !(messages_per_second > 0.0 && messages_per_second <= 1e6) {
        return Err(
            invalid(format!(
                "{messages_per_second} messages a second: it must be more than 0, and at most 1000000; `pause` stands still"
            ))
            .at("/messages_per_second")
        );
    }
    done(control.set_rate(messages_per_second))
}

pub(super) async fn faults(State(watch): State<Watch>) -> Result<Response, Problem> {
    let (planned, injected) = watch.faults().ok_or(ControlError::Idle)?;
    let FaultPlan { seed, hold_ms, speed, faults } = &*planned;
    let all =
        json!({ "seed": seed, "hold_ms": hold_ms, "speed": speed, "faults": faults, "injected": injected });
    Ok(Answer(all).into_response())
}

pub(super) async fn inject(
    State(control): State<Control>,
    Json(fault): Json<serde_json::Map<String, Value>>,
) -> Result<Response, Problem> {
    let asked = NewFault::read(&fault).and_then(|fault| fault.asked(control.window()));
    let asked = asked.map_err(|wrong| invalid(wrong.detail).at(wrong.pointer))?;
    let status = match asked {
        Asked::Silence { provider, producer, length } => control.silence(provider, producer, length)?,
        Asked::Burst { times, length } => control.burst(times, length)?,
        Asked::OfMessages { wish, event } => control.inject(Order { wish, event_id: event })?,
    };
    Ok(accepted(&status))
}

/// What a run that is only looked at answers to all else.
pub(super) async fn no_orders(method: Method, uri: Uri) -> Problem {
    match method {
        Method::GET | Method::HEAD => not_found(format!("there is nothing at {}", uri.path())),
        _ => ControlError::NoOrders.into(),
    }
}

pub(super) async fn ledger(State(control): State<Control>) -> Result<Response, Problem> {
    let ledger = tokio::task::spawn_blocking(move || control.ledger());
    let ledger = ledger.await.map_err(|error| invalid(error.to_string()))??;
    Ok(Answer(ledger).into_response())
}

/// It is on its way.
fn accepted(status: &Status) -> Response {
    (StatusCode::ACCEPTED, Answer(json!({ "run": status }))).into_response()
}

fn done(status: Result<Status, ControlError>) -> Result<Response, Problem> {
    Ok(Answer(json!({ "run": status? })).into_response())
}
