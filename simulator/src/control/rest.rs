//! Control in JSON: what can be played, what is, and how it goes on.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use domain::{Name, Sport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{Json, Named, invalid, not_found};
use super::{BURST_TIMES_MAX, Control, ControlError, Games, How, Program, SPELL_SECONDS_MAX, Status};
use crate::pacer::Speed;
use crate::scenario::{READY, SECONDS_MAX, Scenario};
use crate::world::{Formats, GAMES_MAX, MESSAGES_MAX};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value =
        serde_json::from_str(include_str!("../../openapi.json")).expect("a test reads the file");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["schemas"]["Sport"]["enum"] = json!(Sport::ALL);
    document
});

/// What is to be played: one of the first three.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Start {
    /// The name of a ready-made scenario.
    scenario: Option<String>,
    /// The text of a scenario file.
    toml: Option<String>,
    games: Option<GamesWanted>,
    seed: Option<u64>,
    speed: Option<SpeedWanted>,
    endless: bool,
    paused: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GamesWanted {
    #[serde(default)]
    sports: Option<Vec<Sport>>,
    games: u32,
    rate: u32,
    seconds: u32,
    #[serde(default)]
    formats: Option<Formats>,
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

/// Something that is to go wrong now.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum NewFault {
    Silence { provider: Name, seconds: u32 },
    Burst { times: f64, seconds: u32 },
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

pub(super) async fn status(State(control): State<Control>) -> Answer<Value> {
    Answer(json!({ "run": control.status() }))
}

pub(super) async fn start(
    State(control): State<Control>,
    Json(start): Json<Start>,
) -> Result<Response, Problem> {
    let how = How {
        seed: start.seed,
        speed: start.speed.as_ref().map_or(Ok(Speed::Factor(1.0)), speed)?,
        is_endless: start.endless,
        is_held: start.paused,
    };
    let status = control.start(program(start)?, how)?;
    Ok(accepted(&status))
}

fn program(start: Start) -> Result<Program, Problem> {
    let scenario = |text: &str, pointer: &str| {
        let read = Scenario::parse(text).map_err(|error| invalid(error.to_string()).at(pointer))?;
        Ok(Program::Scenario(Box::new(read)))
    };
    match (start.scenario, start.toml, start.games) {
        (Some(name), None, None) => {
            let ready = READY.iter().find(|ready| ready.name == name);
            let ready =
                ready.ok_or_else(|| invalid(format!("no scenario is called `{name}`")).at("/scenario"))?;
            scenario(ready.text, "/scenario")
        }
        (None, Some(text), None) => scenario(&text, "/toml"),
        (None, None, Some(games)) => Ok(Program::Games(checked(games)?)),
        _ => Err(invalid("name what is to be played by one of `scenario`, `toml` and `games`")),
    }
}

fn checked(wanted: GamesWanted) -> Result<Games, Problem> {
    let GamesWanted { sports, games, rate, seconds, formats } = wanted;
    let within = |name: &str, value: u32, most: u32| match (1..=most).contains(&value) {
        true => Ok(()),
        false => Err(invalid(format!("{value} is outside 1 to {most}")).at(format!("/games/{name}"))),
    };
    within("games", games, GAMES_MAX)?;
    within("seconds", seconds, SECONDS_MAX)?;
    within("rate", rate, 1_000_000)?;
    let messages = u64::from(rate) * u64::from(seconds);
    if messages > MESSAGES_MAX {
        let detail = format!("{messages} messages in all; at most {MESSAGES_MAX} can be made");
        return Err(invalid(detail).at("/games/rate"));
    }
    let sports = sports.unwrap_or_else(|| Sport::ALL.into());
    if sports.is_empty() || sports.len() > Sport::ALL.len() {
        return Err(invalid("name each sport once").at("/games/sports"));
    }
    Ok(Games { sports, games, rate, seconds, formats: formats.unwrap_or(Formats::Json) })
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
            invalid(format!("{messages_per_second} is outside 0 to 1000000")).at("/messages_per_second")
        );
    }
    done(control.set_rate(messages_per_second))
}

pub(super) async fn faults(State(control): State<Control>) -> Result<Response, Problem> {
    let faults = control.faults().ok_or(ControlError::Idle)?;
    Ok(Answer(&*faults).into_response())
}

pub(super) async fn inject(
    State(control): State<Control>,
    Json(fault): Json<NewFault>,
) -> Result<Response, Problem> {
    let spell = |seconds: u32| match (1..=SPELL_SECONDS_MAX).contains(&seconds) {
        true => Ok(Duration::from_secs(u64::from(seconds))),
        false => Err(invalid(format!("{seconds} is outside 1 to {SPELL_SECONDS_MAX}")).at("/seconds")),
    };
    let status = match fault {
        NewFault::Silence { provider, seconds } => control.silence(provider, spell(seconds)?)?,
        NewFault::Burst { times, seconds } => {
            if !(1.0..=BURST_TIMES_MAX).contains(&times) {
                return Err(invalid(format!("{times} is outside 1 to {BURST_TIMES_MAX}")).at("/times"));
            }
            control.burst(times, spell(seconds)?)?
        }
    };
    Ok(accepted(&status))
}

/// It is on its way.
fn accepted(status: &Status) -> Response {
    (StatusCode::ACCEPTED, Answer(json!({ "run": status }))).into_response()
}

fn done(status: Result<Status, ControlError>) -> Result<Response, Problem> {
    Ok(Answer(json!({ "run": status? })).into_response())
}
