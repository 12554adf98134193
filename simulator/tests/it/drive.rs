//! Drives against a receiver that fails in every way a real one may.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::Name;
use serde_json::{Value, json};
use simulator::pacer::Speed;
use simulator::{DriveOptions, DriveReport, Format, Patience, Schedule, ScheduleBuilder, drive};

mod again;
mod answers;
mod batches;
mod ends;
mod told;
mod uof;

/// A receiver: `answer` decides on the n-th request what it answers, from the number of its lines.
#[derive(Clone)]
pub(crate) struct Receiver {
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<dyn Fn(usize, usize) -> Option<Response> + Send + Sync>,
}

#[derive(Debug, Clone)]
struct Request {
    provider: String,
    content_type: String,
    authorization: Option<String>,
    lines: Vec<String>,
}

pub(crate) fn accept(lines: usize) -> Response {
    (StatusCode::ACCEPTED, json!({ "accepted": lines }).to_string()).into_response()
}

pub(crate) fn problem(index: usize, status: u16) -> Value {
    json!({"index": index, "type": "about:blank", "title": "no", "status": status, "detail": "so it is", "pointer": "/body"})
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let mut body = str::from_utf8(&body).unwrap();
    if content_type == "application/xml" {
        // A Unified Odds Feed sends each message by itself.
        let batch = body.strip_prefix("<messages>\n").and_then(|body| body.strip_suffix("</messages>\n"));
        body = batch.unwrap_or(body);
    }
    let lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let authorization = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    let (number, count) = {
        let mut requests = receiver.requests.lock().unwrap();
        requests.push(Request { provider, content_type, authorization, lines: lines.clone() });
        (requests.len(), lines.len())
    };
    match (receiver.answer)(number, count) {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

impl Receiver {
    pub(crate) fn new(answer: impl Fn(usize, usize) -> Option<Response> + Send + Sync + 'static) -> Self {
        Self { requests: Arc::default(), answer: Arc::new(answer) }
    }

    pub(crate) async fn listen(&self, on: &str) -> String {
        let listener = tokio::net::TcpListener::bind(on).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/feeds/{provider}", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().flat_map(|request| request.lines).collect()
    }
}

fn schedule(messages: usize, events: usize, every_ns: u64) -> Arc<Schedule> {
    let mut builder = ScheduleBuilder::default();
    for index in 0..messages {
        let line = format!(
            r#"{{"event_id":"md:match:{}","number":{index},"occurred_at":900,"generated_at":1000}}"#,
            index % events
        );
        builder
            .push(&Name::new("md").unwrap(), Format::Json, every_ns * index as u64, line.as_bytes())
            .unwrap();
    }
    Arc::new(builder.build())
}

fn options(target: &str) -> DriveOptions {
    let patience =
        Patience { answer_timeout: Duration::from_millis(300), give_up_after: Duration::from_millis(1_500) };
    DriveOptions { patience, speed: Speed::Max, ..DriveOptions::to(target) }
}

async fn run(
    receiver: &Receiver,
    schedule: Arc<Schedule>,
    change: impl FnOnce(&mut DriveOptions),
) -> DriveReport {
    let target = receiver.listen("127.0.0.1:0").await;
    let mut options = options(&target);
    change(&mut options);
    drive(schedule, &options, |_| {}).await.unwrap()
}
