//! The simulator's control: how what it plays stands, and what it is told to do.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Finding, Report, Sink, http};
use crate::order::{BURST, LATE_SECONDS, Mishap, Order, SILENCE_SECONDS};
use crate::simulator::{FaultList, Run, RunAnswer, Scenario, ScenarioList};
use crate::text::Text;

/// How often its faults are asked for, in intervals: of a large plan they are much.
const FAULTS_EVERY: u32 = 3;
/// How long what is played may take to end before something else is.
const END_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const END_LOOK: Duration = Duration::from_millis(200);
/// How long the answer to one order may take: what is to be played is made first.
pub(super) const TOLD_WITHIN: Duration = Duration::from_secs(25);

/// The problem of whoever wants to end what has ended.
const IDLE: &str = "urn:matchday:problem:idle";

/// What is read of a problem document.
#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// Asks how the run stands every `interval`; which scenarios there are, once it answers.
pub(super) async fn watch(client: Client, url: String, interval: Duration, sink: Sink) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut knows_scenarios, mut look) = (false, 0_u32);
    loop {
        ticks.tick().await;
        let ask = async {
            let run = standing(&client, &url).await?;
            let scenarios = if knows_scenarios { None } else { scenarios(&client, &url).await? };
            let is_due = look.is_multiple_of(FAULTS_EVERY) && run.run.is_some();
            let faults = if is_due { faults(&client, &url).await? } else { None };
            knows_scenarios |= scenarios.is_some();
            Ok(Finding::Run { run: run.run, scenarios, faults })
        };
        if sink.report(ask).await.is_err() {
            return;
        }
        look = look.wrapping_add(1);
    }
}

async fn standing(client: &Client, url: &str) -> anyhow::Result<RunAnswer> {
    let (status, body) = http::get(client, http::join(url, "/v1/run")?).await?;
    // An older one that plays what it was begun with has metrics, and no more.
    ensure!(status != StatusCode::NOT_FOUND, "it tells nothing of what it plays, and takes no orders");
    ensure!(status.is_success(), "/v1/run answers {status}");
    serde_json::from_slice(&body).context("reading how the run stands")
}

/// What it can be told to play; nothing where it takes no orders.
async fn scenarios(client: &Client, url: &str) -> anyhow::Result<Option<Vec<Scenario>>> {
    let (status, body) = http::get(client, http::join(url, "/v1/scenarios")?).await?;
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    ensure!(status.is_success(), "/v1/scenarios answers {status}");
    let list: ScenarioList = serde_json::from_slice(&body).context("reading what it can play")?;
    Ok(Some(list.scenarios))
}

/// What goes wrong in it; of what is being made nothing is known yet.
async fn faults(client: &Client, url: &str) -> anyhow::Result<Option<FaultList>> {
    let (status, body) = http::get(client, http::join(url, "/v1/run/faults")?).await?;
    match status {
        StatusCode::CONFLICT => Ok(None),
        status if status.is_success() => {
            serde_json::from_slice(&body).map(Some).context("reading what goes wrong in it")
        }
        status => bail!("/v1/run/faults answers {status}"),
    }
}

/// Does what it is told, one after the other, and reports what came of each.
pub(super) async fn obey(client: Client, url: String, mut orders: mpsc::Receiver<Order>, sink: Sink) {
    while let Some(order) = orders.recv().await {
        let told = tokio::time::timeout(TOLD_WITHIN, tell(&client, &url, &order)).await;
        let told = told.with_context(|| format!("no answer within {} s", TOLD_WITHIN.as_secs())).flatten();
        let answer = told.map_err(|error| Text::new(&format!("{error:#}")));
        let report =
            Report { source: sink.source, at: sink.clock.now(), found: Ok(Finding::Told(order, answer)) };
        if sink.reports.send(report).await.is_err() {
            return;
        }
    }
}

/// How the run stands once it is done, where the simulator says so.
async fn tell(client: &Client, url: &str, order: &Order) -> anyhow::Result<Option<Run>> {
    if matches!(order, Order::Start(_)) {
        make_room(client, url).await?;
    }
    let (method, path, body) = request(order);
    let (status, answer) = http::send(client, method, http::join(url, path)?, body.as_ref()).await?;
    ensure!(status.is_success(), refusal(status, &answer));
    // What was told is done, whatever is said of it.
    Ok(serde_json::from_slice::<RunAnswer>(&answer).ok().and_then(|answer| answer.run))
}

/// Ends what is played, if anything is, and waits until it has.
async fn make_room(client: &Client, url: &str) -> anyhow::Result<()> {
    let is_over = |answer: &RunAnswer| answer.run.as_ref().is_none_or(|run| run.state.is_over());
    if is_over(&standing(client, url).await?) {
        return Ok(());
    }
    let (status, answer) = http::send(client, Method::DELETE, http::join(url, "/v1/run")?, None).await?;
    // It may have ended by itself meanwhile.
    let has_ended = serde_json::from_slice(&answer).is_ok_and(|problem: Problem| problem.kind == IDLE);
    ensure!(status.is_success() || has_ended, refusal(status, &answer));
    let deadline = Instant::now() + END_WITHIN;
    while !is_over(&standing(client, url).await?) {
        ensure!(Instant::now() < deadline, "what is played has not ended within {} s", END_WITHIN.as_secs());
        tokio::time::sleep(END_LOOK).await;
    }
    Ok(())
}

/// Why it would not, in its own words.
fn refusal(status: StatusCode, answer: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(answer) {
        Ok(Problem { detail, .. }) if !detail.is_empty() => detail,
        Ok(Problem { title, .. }) if !title.is_empty() => title,
        _ => format!("the answer is {status}"),
    }
}

fn request(order: &Order) -> (Method, &'static str, Option<Value>) {
    let fault = |body: Value| (Method::POST, "/v1/run/faults", Some(body));
    match order {
        Order::Pause => (Method::POST, "/v1/run/pause", None),
        Order::Resume => (Method::POST, "/v1/run/resume", None),
        Order::Step => (Method::POST, "/v1/run/step", None),
        Order::Stop => (Method::DELETE, "/v1/run", None),
        Order::Rate(rate) => (Method::PUT, "/v1/run/rate", Some(json!({ "messages_per_second": rate }))),
        // Games that were played before would be nothing but repetitions.
        Order::Start(name) => {
            (Method::POST, "/v1/run", Some(json!({ "scenario": name.as_str(), "fresh": true })))
        }
        Order::Burst => fault(json!({ "kind": "burst", "times": BURST.0, "seconds": BURST.1 })),
        Order::Silence(provider, producer) => {
            let mut body =
                json!({ "kind": "silence", "provider": provider.as_str(), "seconds": SILENCE_SECONDS });
            if let Some(producer) = producer {
                body["producer"] = json!(producer.as_str());
            }
            fault(body)
        }
        Order::Inject(mishap, event) => {
            let mut body = json!({ "kind": mishap.name() });
            if let Some(event) = event {
                body["event"] = json!(event.as_str());
            }
            if *mishap == Mishap::Late {
                body["seconds"] = json!(LATE_SECONDS);
            }
            fault(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_simulators_words_and_else_by_its_status() {
        let busy =
            br#"{"type":"x","title":"Something is being played","detail":"run 3 is on: end it first"}"#;
        assert_eq!(refusal(StatusCode::CONFLICT, busy), "run 3 is on: end it first");
        let untold = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(untold, "the answer is 502 Bad Gateway");
    }

    #[test]
    fn an_order_is_one_request_of_the_documented_control() {
        let openapi = include_str!("../../../simulator/openapi.json");
        let document: Value = serde_json::from_str(openapi).expect("a document");
        let event = "md:match:7".parse().ok();
        let orders = [Order::Pause, Order::Resume, Order::Step, Order::Stop, Order::Rate(5.0), Order::Burst];
        let orders = orders.into_iter().chain([
            Order::Start(Text::new("final")),
            Order::Silence(Text::new("md"), Some(Text::new("live"))),
        ]);
        let mishaps = Mishap::ALL.map(|mishap| Order::Inject(mishap, event.clone()));
        for order in orders.chain(mishaps) {
            let (method, path, body) = request(&order);
            let operation = &document["paths"][path][method.as_str().to_ascii_lowercase()];
            assert!(operation.is_object(), "{order:?}: {method} {path} is not documented");
            assert_eq!(operation["requestBody"].is_object(), body.is_some(), "{order:?}");
        }
    }
}
