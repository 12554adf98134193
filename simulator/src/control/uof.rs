//! The replay calls of a Unified Odds Feed, with the paths, the parameters and the answers that its tools know.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use domain::{EventId, Name, Sport};
use quick_xml::escape::escape;
use serde::Deserialize;

use super::replay::{Listed, START_MINUTES_MAX};
use super::request::{Named, Params, invalid, not_found};
use super::rest::MADE_WITHIN;
use super::{Control, ControlError, How, Program, Replay, ReplayError, RunState};
use crate::format::Format;
use crate::pacer::Speed;
use crate::recording::Holding;
use crate::scenario::{READY, Ready, Scenario};

/// Whose feed is played where nothing else is said.
const PROVIDER: &str = "uof";
/// The speed where none is asked for.
const SPEED: f64 = 10.0;
/// The longest wait between two messages, where none is asked for, in milliseconds.
const MAX_DELAY_MS: u32 = 10_000;

/// A problem as tools of this feed read it: its status, and the same in a word and in words in XML.
#[derive(Debug)]
pub(super) struct Refused(Problem);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(Problem { status, detail, .. }) = self;
        // The words are those of the feed's schema, which has none for every status.
        let code = match status {
            StatusCode::NOT_FOUND => "NOT_FOUND",
            StatusCode::CONFLICT => "CONFLICT",
            StatusCode::METHOD_NOT_ALLOWED => "NOT_IMPLEMENTED",
            StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE",
            _ => "BAD_REQUEST",
        };
        response(status, code, &detail)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        Self(error.into())
    }
}

impl From<ReplayError> for Refused {
    fn from(error: ReplayError) -> Self {
        Self(error.into())
    }
}

/// A part of a request, refused in the words of this feed where it is wrong.
pub(super) struct Asked<T>(T);

impl<S: Send + Sync, T: FromRequestParts<S, Rejection = Problem>> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Ok(Self(T::from_request_parts(parts, state).await?))
    }
}

/// What is not to be found below this feed's paths, or not with this method.
pub(super) fn refused(problem: Problem) -> Response {
    Refused(problem).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// Minutes into the event.
    #[serde(default)]
    start_time: u32,
    /// Which sport it is of: nothing tells.
    #[serde(default)]
    sport: Option<Sport>,
    #[serde(default, rename = "node_id")]
    _node_id: Option<u32>,
}

/// Of which node somebody speaks. Tools of this feed add it to every call; there is one playlist here, whoever asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    #[serde(rename = "node_id")]
    _node_id: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct Play {
    speed: Option<f64>,
    max_delay: Option<u32>,
    use_replay_timestamp: Option<bool>,
    run_parallel: Option<bool>,
    product: Option<Name>,
    node_id: Option<u32>,
    /// Whose feed it is sent to; `uof`.
    provider: Option<Name>,
}

/// What tools say with every order to play; a scenario has a pace, times and producers of its own, so but for the speed it changes
/// nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlayScenario {
    speed: Option<f64>,
    #[serde(rename = "max_delay")]
    _max_delay: Option<u32>,
    #[serde(rename = "use_replay_timestamp")]
    _use_replay_timestamp: Option<bool>,
    #[serde(rename = "run_parallel")]
    _run_parallel: Option<bool>,
    #[serde(rename = "product")]
    _product: Option<Name>,
    #[serde(rename = "node_id")]
    _node_id: Option<u32>,
}

pub(super) async fn list(State(control): State<Control>, _: Asked<Params<Node>>) -> Response {
    let events: String = control.playlist(|playlist| {
        let event = |(place, listed): (usize, &Listed)| {
            let Listed { event_id, start_minutes, .. } = listed;
            format!(r#"<event id="{event_id}" position="{place}" start_time="{start_minutes}"/>"#)
        };
        (1..).zip(playlist.events()).map(event).collect()
    });
    xml(StatusCode::OK, &format!("<replay_set_content>{events}</replay_set_content>"))
}

pub(super) async fn add(
    State(control): State<Control>,
    Asked(Named(event_id)): Asked<Named<EventId>>,
    Asked(Params(Add { start_time, sport, .. })): Asked<Params<Add>>,
) -> Result<Response, Refused> {
    if start_time > START_MINUTES_MAX {
        let detail = format!("`start_time`: {start_time} is outside 0 to {START_MINUTES_MAX} minutes");
        return Err(invalid(detail).into());
    }
    let (sport, made_up) = (sport.unwrap_or(Sport::Football), ", as a made-up game of ");
    let (recording, told) = match control.recordings().cloned() {
        None => (None, format!("{made_up}{sport}")),
        Some(shelf) => {
            let wanted = event_id.clone();
            let found = tokio::task::spawn_blocking(move || shelf.holding(&wanted)).await;
            let found = found.map_err(|error| invalid(error.to_string()))?;
            let found = found.map_err(|error| invalid(format!("cannot read the recordings: {error}")))?;
            let Holding { sound, damaged } = found;
            let told = match (&sound, damaged) {
                (Some((name, _)), None) => format!(", as recorded in {name}"),
                (Some((name, _)), Some((other, error))) => {
                    format!(", as recorded in {name}; {other} has it, too, but is damaged: {error}")
                }
                (None, Some((name, error))) => {
                    let detail = format!("{event_id} is in {name}, which is damaged: {error}");
                    return Err(invalid(detail).into());
                }
                (None, None) => format!("{made_up}{sport}: no recording has it"),
            };
            (sound.map(|(_, path)| path), told)
        }
    };
    let listed = Listed { event_id: event_id.clone(), sport, start_minutes: start_time, recording };
    control.playlist(|playlist| playlist.add(listed))?;
    Ok(done(&format!("{event_id} is in the playlist{told}")))
}

pub(super) async fn remove(
    State(control): State<Control>,
    Asked(Named(event_id)): Asked<Named<EventId>>,
    _: Asked<Params<Node>>,
) -> Result<Response, Refused> {
    match control.playlist(|playlist| playlist.remove(&event_id)) {
        true => Ok(done(&format!("{event_id} is out of the playlist"))),
        false => Err(not_found(format!("`{event_id}` is not in the playlist")).into()),
    }
}

pub(super) async fn play(
    State(control): State<Control>,
    Asked(Params(play)): Asked<Params<Play>>,
) -> Result<Response, Refused> {
    let events = control.playlist(|playlist| playlist.events().to_vec());
    if events.is_empty() {
        return Err(ReplayError::Empty.into());
    }
    let speed = factor(play.speed)?;
    let replay = Replay {
        events,
        provider: play.provider.unwrap_or_else(|| Name::new(PROVIDER).expect("letters are a name")),
        product: play.product,
        speed,
        max_delay_ms: Some(play.max_delay.unwrap_or(MAX_DELAY_MS)),
        // As this feed has it: without being asked it keeps the times of the game.
        is_now: play.use_replay_timestamp.unwrap_or(false),
        is_parallel: play.run_parallel.unwrap_or(false),
        node_id: play.node_id,
    };
    begin(&control, Program::Replay(Box::new(replay)), Speed::Factor(speed)).await
}

fn factor(speed: Option<f64>) -> Result<f64, Problem> {
    let speed = speed.unwrap_or(SPEED);
    if !Speed::FACTORS.contains(&speed) {
        let (low, high) = (Speed::FACTORS.start(), Speed::FACTORS.end());
        return Err(invalid(format!("`speed`: {speed} is outside {low} to {high}")));
    }
    Ok(speed)
}

/// What plays is ended first: these tools do not ask.
async fn begin(control: &Control, program: Program, speed: Speed) -> Result<Response, Refused> {
    // Who plays a scenario twice wants to see it twice.
    let how = How { seed: None, speed, is_endless: false, is_held: false, is_fresh: true };
    end(control).await;
    control.start_and_wait(program, how, MADE_WITHIN).await?;
    Ok(done("it is being played"))
}

pub(super) async fn stop(State(control): State<Control>, _: Asked<Params<Node>>) -> Response {
    end(&control).await;
    done("nothing is being played")
}

pub(super) async fn reset(State(control): State<Control>, _: Asked<Params<Node>>) -> Response {
    end(&control).await;
    control.playlist(super::Playlist::clear);
    done("nothing is being played, and the playlist is empty")
}

async fn end(control: &Control) {
    if control.stop().is_ok() {
        control.ended().await;
    }
}

pub(super) async fn status(State(control): State<Control>, _: Asked<Params<Node>>) -> Response {
    let status = match control.status().map(|status| status.state) {
        Some(RunState::Preparing) => "setting_up",
        Some(RunState::Playing | RunState::Paused) => "playing",
        Some(RunState::Stopping | RunState::Complete | RunState::Stopped | RunState::Failed) => "stopped",
        None => "not_started",
    };
    xml(StatusCode::OK, &format!(r#"<player_status status="{status}"/>"#))
}

/// The ready-made scenarios that speak to tools of this feed: somebody tells it in them.
fn offered() -> impl Iterator<Item = (&'static str, Scenario)> {
    let is_told = |scenario: &Scenario| scenario.producers.iter().any(|teller| teller.format == Format::Uof);
    let read = |ready: &'static Ready| Some((ready.name, Scenario::parse(ready.text).ok()?));
    READY.iter().filter_map(read).filter(move |(_, scenario)| is_told(scenario))
}

pub(super) async fn scenarios(_: Asked<Params<Node>>) -> Response {
    let scenario = |(id, (name, scenario)): (usize, (&str, Scenario))| {
        let description = escape(scenario.description);
        format!(r#"<replay_scenario id="{id}" name="{name}" description="{description}"/>"#)
    };
    let all: String = (1..).zip(offered()).map(scenario).collect();
    xml(StatusCode::OK, &format!("<replay_scenario_list>{all}</replay_scenario_list>"))
}

pub(super) async fn play_scenario(
    State(control): State<Control>,
    Asked(Named(id)): Asked<Named<usize>>,
    Asked(Params(play)): Asked<Params<PlayScenario>>,
) -> Result<Response, Refused> {
    let chosen = id.checked_sub(1).and_then(|place| offered().nth(place));
    let (_, scenario) =
        chosen.ok_or_else(|| not_found(format!("there are scenarios 1 to {}", offered().count())))?;
    let speed = play.speed.map_or(Ok(1.0), |speed| factor(Some(speed)))?;
    begin(&control, Program::Scenario(Box::new(scenario)), Speed::Factor(speed)).await
}

fn done(message: &str) -> Response {
    response(StatusCode::OK, "OK", message)
}

fn response(status: StatusCode, code: &str, message: &str) -> Response {
    let message = escape(message);
    xml(status, &format!(r#"<response response_code="{code}"><message>{message}</message></response>"#))
}

fn xml(status: StatusCode, element: &str) -> Response {
    let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{element}\n");
    (status, [(header::CONTENT_TYPE, "application/xml")], document).into_response()
}
